"""Standards on trial, and what they would have decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "standard_trials",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("standard_id", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date()),
        sa.Column("judged_on", sa.Date()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.String(length=254), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("ended_by", sa.String(length=254)),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name="fk_standard_trials_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_standard_trials"),
    )
    op.create_index("ix_standard_trials_marketplace", "standard_trials", ["marketplace_id"])
    op.create_table(
        "phantom_standings",
        sa.Column("trial_id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.String(length=60), nullable=False),
        sa.Column("badges", sa.JSON(), nullable=False),
        sa.Column("warning", sa.Integer(), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("progress", sa.JSON()),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["standard_trials.id"], name="fk_phantom_standings_trial_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_phantom_standings_shop_id"),
        sa.PrimaryKeyConstraint("trial_id", "shop_id", name="pk_phantom_standings"),
    )
    op.create_table(
        "phantom_changes",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("trial_id", BIG_KEY),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("metric", sa.String(length=80)),
        sa.Column("before", sa.String(length=60)),
        sa.Column("after", sa.String(length=60)),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("standard_id", sa.String(length=80), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["trial_id"], ["standard_trials.id"], name="fk_phantom_changes_trial_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_phantom_changes_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_phantom_changes"),
    )
    op.create_index("ix_phantom_changes_trial", "phantom_changes", ["trial_id", "on_date"])
    op.create_index("ix_phantom_changes_shop", "phantom_changes", ["shop_id", "metric"])


def downgrade() -> None:
    op.drop_table("phantom_changes")
    op.drop_table("phantom_standings")
    op.drop_table("standard_trials")
