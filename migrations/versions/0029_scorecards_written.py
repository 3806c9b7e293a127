"""As of when the scorecard of each shop was written; every one is written anew once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("shops") as table:
        table.add_column(sa.Column("cards_ms", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("slow_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("shops") as table:
        table.drop_column("slow_ms")
        table.drop_column("cards_ms")
