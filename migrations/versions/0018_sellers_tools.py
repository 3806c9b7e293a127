"""Sellers' own keys and addresses, what their programs know of their promises, and calendars."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("api_keys") as table:
        table.add_column(sa.Column("seller_id", sa.Integer()))
        table.create_foreign_key("fk_api_keys_seller_id", "sellers", ["seller_id"], ["id"])
        table.create_index("ix_api_keys_seller_id", ["seller_id"])
    with op.batch_alter_table("hooks") as table:
        table.alter_column("marketplace_id", existing_type=sa.String(), nullable=True)
        table.add_column(sa.Column("seller_id", sa.Integer()))
        table.create_foreign_key("fk_hooks_seller_id", "sellers", ["seller_id"], ["id"])
        table.create_index("ix_hooks_seller_id", ["seller_id"])
    op.create_table(
        "obligation_feeds",
        sa.Column("seller_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("oldest_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_obligation_feeds_seller_id"),
        sa.PrimaryKeyConstraint("seller_id", name="pk_obligation_feeds"),
    )
    op.create_table(
        "followed_obligations",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("seller_id", sa.Integer(), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ref", sa.String(length=410), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("soon_for_ms", sa.BigInteger()),
        sa.ForeignKeyConstraint(["seller_id"], ["obligation_feeds.seller_id"], name="fk_followed_obligations_seller_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_followed_obligations_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_followed_obligations"),
        sa.UniqueConstraint("shop_id", "kind", "ref", name="uq_followed_obligations_shop_id_kind_ref"),
    )
    op.create_index("ix_followed_obligations_seller_id", "followed_obligations", ["seller_id"])
    op.create_table(
        "obligation_changes",
        sa.Column("seller_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("change", sa.String(length=10), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["obligation_feeds.seller_id"], name="fk_obligation_changes_seller_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_obligation_changes_shop_id"),
        sa.PrimaryKeyConstraint("seller_id", "number", name="pk_obligation_changes"),
    )
    op.create_index("ix_obligation_changes_told", "obligation_changes", ["told_at"])
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_calendar_feeds_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_calendar_feeds"),
        sa.UniqueConstraint("token_hash", name="uq_calendar_feeds_token_hash"),
    )
    op.create_index("ix_calendar_feeds_user_id", "calendar_feeds", ["user_id"])


def downgrade() -> None:
    for table in ("calendar_feeds", "obligation_changes", "followed_obligations", "obligation_feeds"):
        op.drop_table(table)
    op.execute("DELETE FROM hook_calls WHERE hook_id IN (SELECT id FROM hooks WHERE seller_id IS NOT NULL)")
    op.execute("DELETE FROM hooks WHERE seller_id IS NOT NULL")
    op.execute("DELETE FROM api_keys WHERE seller_id IS NOT NULL")
    with op.batch_alter_table("hooks") as table:
        table.drop_index("ix_hooks_seller_id")
        table.drop_constraint("fk_hooks_seller_id", type_="foreignkey")
        table.drop_column("seller_id")
        table.alter_column("marketplace_id", existing_type=sa.String(), nullable=False)
    with op.batch_alter_table("api_keys") as table:
        table.drop_index("ix_api_keys_seller_id")
        table.drop_constraint("fk_api_keys_seller_id", type_="foreignkey")
        table.drop_column("seller_id")
