"""Failed sign-ins are counted in the database, so that several web processes allow together what one would."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "failed_attempts",
        sa.Column("id", number, nullable=False),
        sa.Column("name_hash", sa.String(length=32), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_failed_attempts"),
    )
    op.create_index("ix_failed_attempts_expires_ms", "failed_attempts", ["expires_ms"])
    op.create_index("ix_failed_attempts_name_at", "failed_attempts", ["name_hash", "at_ms"])


def downgrade() -> None:
    op.drop_table("failed_attempts")
