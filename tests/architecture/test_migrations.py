"""Migrations of large tables hold nobody up: indexes are built concurrently, no rows are read under a lock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from operator_qos.models import Base
from operator_qos.online import LARGE_TABLES
from tests.architecture.sources import ROOT

# Earlier ones ran before tables were large anywhere.
FROM = "0025"
# What takes a lock for as long as a large table takes to be read or written anew; with what to do instead.
INSTEAD = {
    "create_index": "create_index_online",
    "drop_index": "drop_index_online",
    "create_unique_constraint": "create_index_online(unique=True), then ADD CONSTRAINT ... USING INDEX",
    "create_foreign_key": "ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT in a migration of its own",
    "create_check_constraint": "ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT in a migration of its own",
    "alter_column": "a new column, filled in pieces by a job",
}


def find_table(call: ast.Call, batches: dict[str, str], name: str) -> str:
    """The table that an operation is about; empty where it is no constant."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(owner, ast.Name) and owner.id in batches:
        return batches[owner.id]
    texts = [argument.value if isinstance(argument, ast.Constant) else "" for argument in call.args]
    place = 0 if name == "alter_column" else 1
    return str(texts[place]) if len(texts) > place else ""


def list_batches(tree: ast.AST) -> dict[str, str]:
    """Tables of `with op.batch_alter_table("t") as name` by name."""
    items = [item for node in ast.walk(tree) if isinstance(node, ast.With) for item in node.items]
    return {
        item.optional_vars.id: str(item.context_expr.args[0].value)
        for item in items
        if isinstance(item.context_expr, ast.Call) and isinstance(item.optional_vars, ast.Name)
        and item.context_expr.args and isinstance(item.context_expr.args[0], ast.Constant)
    }


def list_holdups(text: str) -> list[str]:
    """What a migration does to a large table that makes others wait."""
    tree = ast.parse(text)
    calls = [(node.func.attr, node) for node in ast.walk(tree)
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    new = {find_first(call) for name, call in calls if name == "create_table"}
    batches, found = list_batches(tree), []
    for name, call in calls:
        table = find_table(call, batches, name)
        if name in INSTEAD and table in LARGE_TABLES - new:
            found.append(f"line {call.lineno}: {name} of {table}; use {INSTEAD[name]}")
    return found


def find_first(call: ast.Call) -> str:
    return str(call.args[0].value) if call.args and isinstance(call.args[0], ast.Constant) else ""


def list_migrations() -> list[Path]:
    return sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))


def test_no_migration_holds_up_who_uses_a_large_table() -> None:
    later = [path for path in list_migrations() if path.name[:4] >= FROM]
    assert {path.name: list_holdups(path.read_text()) for path in later if list_holdups(path.read_text())} == {}


@pytest.mark.parametrize("line", [
    'op.create_index("ix", "events", ["at_ms"])',
    'op.drop_index("ix", "events")',
    'op.create_foreign_key("fk", "events", "shops", ["shop_id"], ["id"])',
    'op.alter_column("events", "at_ms", nullable=False)',
    'with op.batch_alter_table("events") as table:\n    table.create_unique_constraint("uq", ["at_ms"])',
    'op.create_table("other")\nop.create_index("ix", "events", ["at_ms"])',
])
def test_what_holds_up_is_seen(line: str) -> None:
    assert len(list_holdups(line)) == 1


@pytest.mark.parametrize("line", [
    'op.create_index("ix", "holidays", ["at_ms"])',
    'op.create_table("events")\nop.create_index("ix", "events", ["at_ms"])',
    'create_index_online("ix", "events", ["at_ms"])',
    'op.add_column("events", sa.Column("x", sa.Integer()))',
    'with op.batch_alter_table("events") as table:\n    table.add_column(sa.Column("x", sa.Integer()))',
])
def test_what_holds_up_nobody_is_let_through(line: str) -> None:
    assert list_holdups(line) == []


def test_the_large_tables_exist() -> None:
    assert LARGE_TABLES - set(Base.metadata.tables) == set()
