"""Answers by mail: the addresses they come back to, and what became of each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    op.create_table(
        "reply_addresses",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("about", sa.String(length=60), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("user_id", sa.Integer()),
        sa.Column("sender_digest", sa.String(length=64)),
        sa.Column("purpose", sa.String(length=60), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_reply_addresses_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_reply_addresses"),
    )
    op.create_index("ix_reply_addresses_about_user", "reply_addresses", ["about", "user_id"])
    with op.batch_alter_table("outbox_mails", recreate=_recreate()) as batch:
        batch.add_column(sa.Column("reply_id", BIG_KEY))
        batch.add_column(sa.Column("reply_line", sa.String(length=300)))
        batch.create_foreign_key("fk_outbox_mails_reply_id", "reply_addresses", ["reply_id"], ["id"])
    op.create_table(
        "received_mails",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sender", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("dispute_id", BIG_KEY),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("is_answered", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name="fk_received_mails_dispute_id"),
        sa.PrimaryKeyConstraint("id", name="pk_received_mails"),
        sa.UniqueConstraint("key", name="uq_received_mails_key"),
    )
    op.create_index("ix_received_mails_dispute_id", "received_mails", ["dispute_id"])
    op.create_index("ix_received_mails_sender_at", "received_mails", ["sender", "received_at"])
    op.create_index("ix_received_mails_state_at", "received_mails", ["state", "received_at"])


def downgrade() -> None:
    op.drop_table("received_mails")
    with op.batch_alter_table("outbox_mails", recreate=_recreate()) as batch:
        batch.drop_constraint("fk_outbox_mails_reply_id", type_="foreignkey")
        batch.drop_column("reply_line")
        batch.drop_column("reply_id")
    op.drop_table("reply_addresses")
