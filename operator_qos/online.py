"""What migrations use on tables that are large and in use: nobody who reads or writes them waits.

Only PostgreSQL needs it; on SQLite, whose writer is alone anyway, each of these is the plain operation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text

# Tables that grow with the events or with the days of every shop.
LARGE_TABLES = frozenset({
    "audit_rows", "case_facts", "case_spans", "defect_facts", "digest_items", "entities", "evaluation_results",
    "event_bodies", "event_ids", "events", "exclusion_facts", "hook_calls", "line_facts", "metric_days", "named_events",
    "notices", "obligations", "order_facts", "outbox_mails", "outcomes", "parcel_facts", "pending_dossiers",
    "promise_facts", "quarantine", "refund_facts", "return_facts", "review_facts", "scorecards", "turn_facts"})


@contextmanager
def _outside_transaction() -> Iterator[None]:
    # PostgreSQL builds concurrently only outside; it waits for older transactions without holding anybody up.
    with op.get_context().autocommit_block():
        for name in ("lock_timeout", "statement_timeout"):
            op.execute(f"SET {name} = 0")
        try:
            yield
        finally:
            for name in ("lock_timeout", "statement_timeout"):
                op.execute(f"RESET {name}")


def create_index_online(
    name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str = "",
) -> None:
    """Create an index, of the rows `where` holds, while the table is read and written. A half-built one is replaced.

    What the migration did before is committed: let the index be the first or the only thing it does.
    """
    kept = text(where) if where else None
    if op.get_bind().dialect.name == "sqlite":
        op.create_index(name, table, list(columns), unique=unique, sqlite_where=kept)
        return
    with _outside_transaction():
        if _is_half_built(name):
            op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(name, table, list(columns), unique=unique, postgresql_concurrently=True, if_not_exists=True,
                        postgresql_where=kept)


def drop_index_online(name: str, table: str) -> None:
    """Drop an index while the table is read and written."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(name, table)
        return
    with _outside_transaction():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def _is_half_built(name: str) -> bool:
    query = text("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid")
    return op.get_bind().execute(query, {"name": name}).first() is not None
