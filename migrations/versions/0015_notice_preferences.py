"""How people want to be told: at once, once a day, not at night; notices that settle first; the operator's own words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "notice_preferences",
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ways", sa.JSON(), nullable=False),
        sa.Column("digest_minute", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.Integer()),
        sa.Column("quiet_to", sa.Integer()),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notice_preferences_user_id"),
        sa.PrimaryKeyConstraint("user_id", name="pk_notice_preferences"),
    )
    op.create_table(
        "digest_items",
        sa.Column("notice_id", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name="fk_digest_items_notice_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_digest_items_user_id"),
        sa.PrimaryKeyConstraint("notice_id", "user_id", name="pk_digest_items"),
    )
    op.create_index("ix_digest_items_due", "digest_items", ["due_at", "user_id"])
    op.create_table(
        "pending_notices",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("seller_id", sa.Integer()),
        sa.Column("shop_id", sa.Integer()),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("link", sa.String(length=300), nullable=False),
        sa.Column("settles_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_pending_notices_seller_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_pending_notices_shop_id"),
        sa.PrimaryKeyConstraint("key", name="pk_pending_notices"),
    )
    op.create_index("ix_pending_notices_settles_at", "pending_notices", ["settles_at"])
    op.create_table(
        "mail_texts",
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("saved_at", MOMENT, nullable=False),
        sa.Column("saved_by", sa.String(length=254), nullable=False),
        sa.PrimaryKeyConstraint("topic", "language", "version", name="pk_mail_texts"),
    )


def downgrade() -> None:
    for table in ("mail_texts", "pending_notices", "digest_items", "notice_preferences"):
        op.drop_table(table)
