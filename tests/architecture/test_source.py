"""Small functions, small files, nothing left open, nothing printed."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from statistics import median

from tests.architecture.sources import ROOT, Source, count_body_lines, read_sources

LONGEST_BODY = 50
MEDIAN_BODY = 8
LONGEST_FILE = 500
LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX)\b")
OURS = ("operator_qos", "scoring")
EVERYTHING = (*OURS, "tests", "benchmarks")


def list_functions(*folders: str) -> list[tuple[str, int]]:
    return [
        (f"{source.name}:{node.lineno} {node.name}", count_body_lines(node))
        for source in read_sources(*folders)
        for node in source.walk()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def list_comments(source: Source) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def is_unwritten(node: ast.AST) -> bool:
    """Whether it raises NotImplementedError or names it at all."""
    return isinstance(node, ast.Name) and node.id == "NotImplementedError"


def is_print(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"


def test_no_function_body_is_longer_than_a_screen() -> None:
    assert [row for row in list_functions(*EVERYTHING) if row[1] > LONGEST_BODY] == []


def test_the_usual_function_is_a_few_lines() -> None:
    sizes = [size for _, size in list_functions(*OURS)]
    assert len(sizes) > 500
    assert median(sizes) <= MEDIAN_BODY


def test_no_file_is_longer_than_a_chapter() -> None:
    sizes = [(source.name, source.text.count("\n")) for source in read_sources(*EVERYTHING)]
    assert [row for row in sizes if row[1] > LONGEST_FILE] == []


def test_nothing_is_left_open() -> None:
    noted = [
        f"{source.name}:{line} {text}"
        for source in read_sources(*EVERYTHING)
        if LEFT_OPEN.search(source.text)
        for line, text in list_comments(source)
        if LEFT_OPEN.search(text)
    ]
    templates = [
        path.name
        for path in (ROOT / "templates").rglob("*")
        if path.is_file() and LEFT_OPEN.search(path.read_text())
    ]
    unwritten = [source.name for source in read_sources(*OURS) if any(map(is_unwritten, source.walk()))]
    assert (noted, templates, unwritten) == ([], [], [])


def test_only_commands_speak_on_stdout() -> None:
    speaking = {source.name for source in read_sources(*OURS) if any(map(is_print, source.walk()))}
    assert {name for name in speaking if not name.endswith("cli.py")} == set()


def test_every_module_says_what_it_is() -> None:
    silent = [
        source.name
        for source in read_sources(*OURS)
        if source.text.strip() and not ast.get_docstring(source.tree)
    ]
    assert silent == []
