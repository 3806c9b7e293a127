"""What standards that are not plain say of a shop now, and of its next official date, is kept for the pages."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "live_standings",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("standard_id", sa.String(length=60), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("as_of_ms", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.String(length=60), nullable=False),
        sa.Column("next_on", sa.Date()),
        sa.Column("open_count", sa.Integer(), nullable=False),
        sa.Column("kept_level", sa.String(length=60)),
        sa.Column("missed_level", sa.String(length=60)),
        sa.Column("untold", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_live_standings_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", name="pk_live_standings"),
    )
    op.create_table(
        "live_rules",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(length=260), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("kept_value", sa.Float()),
        sa.Column("kept_verdict", sa.String(length=16)),
        sa.Column("missed_value", sa.Float()),
        sa.Column("missed_verdict", sa.String(length=16)),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_live_rules_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", "rule", name="pk_live_rules"),
    )


def downgrade() -> None:
    op.drop_table("live_rules")
    op.drop_table("live_standings")
