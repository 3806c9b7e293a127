"""Shops may show their badge to the world, and the operator may take it back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "public_badges",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("switched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("switched_by", sa.String(length=254), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_why", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_public_badges_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", name="pk_public_badges"),
    )


def downgrade() -> None:
    op.drop_table("public_badges")
