"""When a placed order was accepted or refused, on its outcome: refusals in a row are counted in that order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outcomes", sa.Column("settled_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("outcomes", "settled_ms")
