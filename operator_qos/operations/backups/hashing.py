"""A count and a hash of each table, the same whatever the order of rows and columns."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable

from sqlalchemy import Connection, inspect, text

from operator_qos.operations.backups.manifest import TableHash

MODULUS = 1 << 128
# A row's text depends on these settings of the connection.
SPELLING = ("SET LOCAL timezone = 'UTC'", "SET LOCAL datestyle = 'ISO, YMD'", "SET LOCAL bytea_output = 'hex'",
            "SET LOCAL extra_float_digits = 1")
PARTITIONS = text("SELECT relname FROM pg_class WHERE relispartition AND relkind IN ('r', 'p')")


class _SumOfHashes:
    """SQLite's aggregate: the hashes of all rows added up."""

    def __init__(self) -> None:
        self._sum = 0

    def step(self, *values: object) -> None:
        """Add one row."""
        digest = hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._sum = (self._sum + int.from_bytes(digest, "big")) % MODULUS

    def finalize(self) -> str:
        """The sum as text: SQLite's numbers end at 64 bits."""
        return f"{self._sum:032x}"


def list_tables(connection: Connection) -> list[str]:
    """Every table but the partitions of another, by name."""
    found = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        found -= set(connection.scalars(PARTITIONS))
    return sorted(found)


def has_rows(connection: Connection) -> bool:
    """Whether any table but the schema's own note of its revision holds a row."""
    quoted = connection.dialect.identifier_preparer.quote
    return any(
        connection.execute(text(f"SELECT 1 FROM {quoted(name)} LIMIT 1")).first() is not None  # noqa: S608  # its own name
        for name in list_tables(connection) if name != "alembic_version")


def hash_tables(connection: Connection, tell: Callable[[int], None] = lambda _done: None) -> tuple[TableHash, ...]:
    """Every table's rows and hash; the function is told how many tables are done. Reads all rows once."""
    if connection.dialect.name == "postgresql":
        for statement in SPELLING:
            connection.execute(text(statement))
        hash_one = _hash_postgresql
    else:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # noqa: S101  # the only other database
        # typeshed wants a fixed number of arguments; any number is allowed with -1
        raw.create_aggregate("qos_hash", -1, _SumOfHashes)  # type: ignore[arg-type]
        hash_one = _hash_sqlite
    found: list[TableHash] = []
    columns = _list_columns(connection)
    for done, name in enumerate(list_tables(connection), start=1):
        found.append(hash_one(connection, name, columns[name]))
        tell(done)
    return tuple(found)


def _list_columns(connection: Connection) -> dict[str, str]:
    """Per table its columns as a statement lists them, by name: a table written anew may have them in another order."""
    quoted = connection.dialect.identifier_preparer.quote
    return {table: ", ".join(quoted(name) for name in sorted(column["name"] for column in columns))
            for (_, table), columns in inspect(connection).get_multi_columns().items()}


def _hash_sqlite(connection: Connection, table: str, columns: str) -> TableHash:
    quoted = connection.dialect.identifier_preparer.quote(table)
    rows, digest = connection.execute(text(f"SELECT COUNT(*), qos_hash({columns}) FROM {quoted}")).one()  # noqa: S608  # its own names
    return TableHash(table, rows, digest)


def _hash_postgresql(connection: Connection, table: str, columns: str) -> TableHash:
    # The server adds up two halves of 64 bits: no row leaves it.
    quoted = connection.dialect.identifier_preparer.quote(table)
    half = "COALESCE(SUM(('x' || SUBSTR(digest, {}, 16))::bit(64)::bigint), 0)"
    rows, high, low = connection.exec_driver_sql(
        f"SELECT COUNT(*), {half.format(1)}, {half.format(17)} FROM "  # noqa: S608  # its own names
        f"(SELECT MD5(ROW({columns})::text) AS digest FROM {quoted}) AS digests").one()
    return TableHash(table, rows, f"{int(high) % MODULUS:032x}{int(low) % MODULUS:032x}")
