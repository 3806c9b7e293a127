"""Who knows whom: the contracts in .importlinter, and what they cannot say."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import pytest
from importlinter.cli import lint_imports

from tests.architecture.sources import ROOT, Source, read_sources

WEB = frozenset({"flask", "flask_login", "flask_wtf", "flask_limiter", "werkzeug"})
# The shell around the domains: it builds the application and answers before and after them.
SHELL = frozenset(
    {"__init__", "errors", "extensions", "headers", "i18n", "navigation", "pages", "permissions", "shell", "web"}
)
FACES = frozenset({"views", "api", "forms", "cli"})
# Columns on the row of another domain: until when a shop's kept numbers hold is for the ledger to say, how
# far a file came for the connectors.
LENT = frozenset({("ledger", "Shop"), ("connectors", "ImportProgress")})
CHANGES = frozenset({"insert", "update", "delete", "bulk_insert"})


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    answer = lint_imports(config_filename=str(ROOT / ".importlinter"), no_cache=True)
    assert answer == 0, capsys.readouterr().out


def may_know_the_web(source: Source) -> bool:
    stem = PurePosixPath(source.name).stem
    return stem in (FACES if source.domain else SHELL)


def test_only_the_shell_and_the_faces_of_domains_know_a_web_request() -> None:
    knowing = {
        source.name
        for source in read_sources("operator_qos")
        for module, _ in source.imports()
        if module.split(".")[0] in WEB and not may_know_the_web(source)
    }
    assert knowing == set()


@lru_cache(maxsize=1)
def find_owners() -> Mapping[str, str]:
    """Table class to the domain whose models hold it."""
    return {
        node.name: source.domain
        for source in read_sources("operator_qos")
        if source.domain and source.name.endswith("/models.py")
        for node in source.walk()
        if isinstance(node, ast.ClassDef)
    }


def find_foreign_models(source: Source) -> set[str]:
    """Names of tables of other domains that a file imports."""
    imported = {name for module, names in source.imports() if module.endswith("models") for name in names}
    return {name for name in imported if find_owners().get(name, source.domain) != source.domain}


def list_changed(source: Source) -> Iterator[str]:
    """Names that a file makes rows of, or hands to insert, update or delete."""
    for node in source.walk():
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        yield node.func.id
        if node.func.id in CHANGES:
            yield from (argument.id for argument in node.args if isinstance(argument, ast.Name))


def test_a_domain_changes_its_own_tables_only() -> None:
    meddling = {
        (source.name, name)
        for source in read_sources("operator_qos")
        if source.domain
        for name in find_foreign_models(source) & set(list_changed(source))
        if (source.domain, name) not in LENT
    }
    assert meddling == set()


def test_foreign_tables_are_seen_where_they_are_read() -> None:
    readers = {source.domain for source in read_sources("operator_qos") if find_foreign_models(source)}
    assert "sellers" in readers
