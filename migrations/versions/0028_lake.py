"""Shops whose events are in a lake, and the builds their numbers come from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lake_builds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("engine", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=1000), nullable=False),
        sa.Column("folder", sa.String(length=1000), nullable=False),
        sa.Column("as_of", sa.String(length=40), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("dossiers", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lake_builds"),
    )
    op.create_table(
        "lake_shops",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("build_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["lake_builds.id"], name="fk_lake_shops_build_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_lake_shops_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", name="pk_lake_shops"),
    )
    op.create_index("ix_lake_shops_build_id", "lake_shops", ["build_id"])


def downgrade() -> None:
    op.drop_table("lake_shops")
    op.drop_table("lake_builds")
