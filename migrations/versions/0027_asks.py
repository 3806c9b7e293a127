"""What a connection asks its platform for by itself: premium with a badge of ours, immunity with an agreed plan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("connections") as table:
        table.add_column(sa.Column("asks", sa.JSON(), nullable=True))
    op.execute("UPDATE connections SET asks = '{}'")
    with op.batch_alter_table("connections") as table:
        table.alter_column("asks", existing_type=sa.JSON(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("connections") as table:
        table.drop_column("asks")
