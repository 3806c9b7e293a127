"""Versions of standards, kept as they were written and published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "standard_versions",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("standard_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drafted_by", sa.String(length=254), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Column("published_by", sa.String(length=254)),
        sa.Column("legal_ground", sa.String(length=40)),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.Column("retired_by", sa.String(length=254)),
        sa.PrimaryKeyConstraint("id", name="pk_standard_versions"),
        sa.UniqueConstraint("standard_id", "version", name="uq_standard_versions_standard_id_version"),
    )
    op.create_index("ix_standard_versions_effective_from", "standard_versions", ["effective_from"])


def downgrade() -> None:
    op.drop_table("standard_versions")
