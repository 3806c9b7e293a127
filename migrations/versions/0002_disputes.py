"""Disputes with policies, offers, a thread of their own, appeals, buyers' links and webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

ADDED = (
    ("policy", sa.String(length=80)),
    ("problem", sa.String(length=20)),
    ("response_due_at", sa.DateTime(timezone=True)),
    ("escalation_from_at", sa.DateTime(timezone=True)),
    ("evidence_due_at", sa.DateTime(timezone=True)),
    ("auto_close_at", sa.DateTime(timezone=True)),
    ("appeal_until_at", sa.DateTime(timezone=True)),
    ("timer_at", sa.DateTime(timezone=True)),
    ("closed_by", sa.String(length=10)),
    ("moved_at", sa.DateTime(timezone=True)),
    ("overdue_at", sa.DateTime(timezone=True)),
    ("reminded_at", sa.DateTime(timezone=True)),
    ("broken_at", sa.DateTime(timezone=True)),
    ("perform_due_at", sa.DateTime(timezone=True)),
    ("performed_at", sa.DateTime(timezone=True)),
    ("appealed_at", sa.DateTime(timezone=True)),
    ("appealed_by", sa.String(length=10)),
    ("appeals", sa.SmallInteger()),
    ("first_ruling", sa.JSON()),
    ("outcome", sa.String(length=20)),
    ("window_ended_at", sa.DateTime(timezone=True)),
    ("assigned_at", sa.DateTime(timezone=True)),
    ("first_act_at", sa.DateTime(timezone=True)),
)


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("disputes", recreate=_recreate()) as batch:
        for name, kind in ADDED:
            batch.add_column(sa.Column(name, kind))
    op.create_index("ix_disputes_timer", "disputes", ["timer_at"])
    op.create_index("ix_disputes_decided", "disputes", ["kind", "reason", "decided_at"])
    # Cases already open keep their deadline; what else follows from a policy comes with their next event.
    op.execute("UPDATE disputes SET timer_at = seller_due_at WHERE state IN ('opened', 'in_discussion')")
    op.create_table(
        "dispute_policies",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("policy_id", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=254), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_dispute_policies_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_policies"),
        sa.UniqueConstraint("marketplace_id", "policy_id", "version", name="uq_dispute_policies_marketplace_id_policy_id_version"),
    )
    op.create_index("ix_dispute_policies_marketplace_from", "dispute_policies", ["marketplace_id", "effective_from"])
    op.create_table(
        "dispute_messages",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("dispute_id", BIG_KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("author", sa.String(length=254), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("token", sa.String(length=80), nullable=False),
        sa.Column("event_id", sa.String(length=200)),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name="fk_dispute_messages_dispute_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_messages"),
        sa.UniqueConstraint("dispute_id", "token", name="uq_dispute_messages_dispute_id_token"),
    )
    op.create_index("ix_dispute_messages_dispute_id", "dispute_messages", ["dispute_id"])
    op.create_table(
        "dispute_attachments",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("dispute_id", BIG_KEY, nullable=False),
        sa.Column("message_id", BIG_KEY, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_as", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name="fk_dispute_attachments_dispute_id"),
        sa.ForeignKeyConstraint(["message_id"], ["dispute_messages.id"], name="fk_dispute_attachments_message_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_attachments"),
    )
    op.create_index("ix_dispute_attachments_dispute_id", "dispute_attachments", ["dispute_id"])
    op.create_index("ix_dispute_attachments_message_id", "dispute_attachments", ["message_id"])
    op.create_table(
        "dispute_offers",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("dispute_id", BIG_KEY, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.String(length=10), nullable=False),
        sa.Column("remedy", sa.String(length=30), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.Column("perform_due_at", sa.DateTime(timezone=True)),
        sa.Column("performed_at", sa.DateTime(timezone=True)),
        sa.Column("broken_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name="fk_dispute_offers_dispute_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_offers"),
    )
    op.create_index("ix_dispute_offers_dispute_id", "dispute_offers", ["dispute_id"])
    op.create_index("ix_dispute_offers_state_expires", "dispute_offers", ["state", "expires_at"])
    op.create_table(
        "dispute_links",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("dispute_id", BIG_KEY, nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=254), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name="fk_dispute_links_dispute_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_links"),
    )
    op.create_index("ix_dispute_links_dispute_id", "dispute_links", ["dispute_id"])
    op.create_table(
        "dispute_templates",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("seller_id", sa.Integer()),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_dispute_templates_seller_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_templates"),
        sa.UniqueConstraint("seller_id", "name", name="uq_dispute_templates_seller_id_name"),
    )
    op.create_index("ix_dispute_templates_seller_id", "dispute_templates", ["seller_id"])
    op.create_table(
        "mediator_conflicts",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("seller_id", sa.Integer(), nullable=False),
        sa.Column("why", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_mediator_conflicts_seller_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_mediator_conflicts_user_id"),
        sa.PrimaryKeyConstraint("user_id", "seller_id", name="pk_mediator_conflicts"),
    )
    op.create_table(
        "dispute_hooks",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_dispute_hooks_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_hooks"),
    )
    op.create_index("ix_dispute_hooks_marketplace_id", "dispute_hooks", ["marketplace_id"])
    op.create_table(
        "dispute_hook_calls",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("step_id", BIG_KEY, nullable=False),
        sa.Column("hook_id", BIG_KEY, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["dispute_hooks.id"], name="fk_dispute_hook_calls_hook_id"),
        sa.ForeignKeyConstraint(["step_id"], ["dispute_steps.id"], name="fk_dispute_hook_calls_step_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_hook_calls"),
        sa.UniqueConstraint("step_id", "hook_id", name="uq_dispute_hook_calls_step_id_hook_id"),
    )
    op.create_index("ix_dispute_hook_calls_hook_id", "dispute_hook_calls", ["hook_id"])
    op.create_index("ix_dispute_hook_calls_state_next", "dispute_hook_calls", ["state", "next_attempt_at"])
    op.create_index("ix_dispute_hook_calls_step_id", "dispute_hook_calls", ["step_id"])


def downgrade() -> None:
    for table in (
        "dispute_hook_calls",
        "dispute_hooks",
        "mediator_conflicts",
        "dispute_templates",
        "dispute_links",
        "dispute_offers",
        "dispute_attachments",
        "dispute_messages",
        "dispute_policies",
    ):
        op.drop_table(table)
    op.drop_index("ix_disputes_decided", "disputes")
    op.drop_index("ix_disputes_timer", "disputes")
    with op.batch_alter_table("disputes", recreate=_recreate()) as batch:
        for name, _ in reversed(ADDED):
            batch.drop_column(name)
