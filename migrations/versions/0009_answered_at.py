"""When a placed order was accepted or refused, on its outcome: refusals in a row are counted in that order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("outcomes", recreate=_recreate()) as batch:
        batch.add_column(sa.Column("settled_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outcomes", recreate=_recreate()) as batch:
        batch.drop_column("settled_ms")
