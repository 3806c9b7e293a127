"""How Alembic reaches our tables; `operator_qos.migrate` opens the connection, on SQLite the transaction too."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext

from operator_qos.db import UtcDateTime
from operator_qos.models import Base


def _render_item(kind: str, item: Any, _context: AutogenContext) -> str | bool:
    # A migration stays as it was written, so it names the column's type and not today's class.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("migrations run through `operator-qos migrate`, which opens the database")

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render_item,
    compare_type=True,
    transaction_per_migration=True,  # where a transaction is open already, as on SQLite, that one holds all of them
)
context.run_migrations()
