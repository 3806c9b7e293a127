"""Versions of standards that are tried on history by a job, and what was found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "standard_tries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("standard_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("steps_done", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=1000), nullable=False),
        sa.Column("result", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(length=254), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_standard_tries"),
    )
    op.create_index("ix_standard_tries_standard", "standard_tries", ["standard_id", "version"])
    op.create_index("ix_standard_tries_state_id", "standard_tries", ["state", "id"])


def downgrade() -> None:
    op.drop_table("standard_tries")
