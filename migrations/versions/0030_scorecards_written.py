"""As of when the scorecard of each shop was written; every one is written anew once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("shops", recreate=_recreate()) as table:
        table.add_column(sa.Column("cards_ms", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("slow_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("shops") as table:
        table.drop_column("slow_ms")
        table.drop_column("cards_ms")
