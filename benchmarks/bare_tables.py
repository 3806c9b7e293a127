"""Taking indexes and constraints off tables that are about to be filled, and putting them back as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Integer, Table, text

_INDEXES = {
    "postgresql": "SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS sql FROM pg_index i "
                  "WHERE i.indrelid = CAST(:name AS regclass) AND NOT EXISTS ("
                  "SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)",
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = :name AND sql IS NOT NULL",
}
_CONSTRAINTS = ("SELECT conname AS name, pg_get_constraintdef(oid) AS sql FROM pg_constraint "
                "WHERE conrelid = CAST(:name AS regclass) AND contype IN ('p', 'u', 'f') AND conparentid = 0 "
                "AND NOT EXISTS (SELECT 1 FROM pg_constraint other WHERE other.confrelid = pg_constraint.conrelid) "
                "ORDER BY contype DESC")


@dataclass(frozen=True)
class Lifted:
    """What brings back the indexes and constraints that were taken off."""

    statements: tuple[str, ...]


def lift(engine: Engine, tables: Sequence[str]) -> Lifted:
    """Take the indexes and, on PostgreSQL, the constraints of tables off; those that others refer to stay."""
    statements: list[str] = []
    with engine.begin() as connection:
        for table in tables:
            if engine.dialect.name == "postgresql":
                for name, sql in connection.execute(text(_CONSTRAINTS), {"name": table}).all():
                    connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
                    statements.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {sql}')
            for name, sql in connection.execute(text(_INDEXES[engine.dialect.name]), {"name": table}).all():
                connection.exec_driver_sql(f"DROP INDEX {name}")
                statements.append(sql)
    return Lifted(tuple(statements))


def put_back(engine: Engine, lifted: Lifted) -> None:
    """Bring back what was taken off; keys first, as they were found."""
    for statement in lifted.statements:
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)


def number_on(engine: Engine, tables: Sequence[Table]) -> None:
    """Let the numbers that PostgreSQL gives go on after the largest there is."""
    if engine.dialect.name != "postgresql":
        return
    with engine.begin() as connection:
        for table in tables:
            _number_on(connection, table)


def _number_on(connection: Connection, table: Table) -> None:
    for column in table.primary_key.columns:
        if not isinstance(column.type, Integer):
            continue
        held = connection.execute(text("SELECT pg_get_serial_sequence(:table, :column)"),
                                  {"table": table.name, "column": column.name}).scalar()
        if held:
            connection.exec_driver_sql(
                f"SELECT setval('{held}', (SELECT coalesce(max({column.name}), 0) + 1 FROM {table.name}), false)")
