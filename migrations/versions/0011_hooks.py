"""Webhooks tell more than steps of disputes: one table of addresses and one of calls, their rows carried over."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
STEP = "dispute-step:"


def upgrade() -> None:
    op.create_table(
        "hooks",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_hooks_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_hooks"),
    )
    op.create_index("ix_hooks_marketplace_id", "hooks", ["marketplace_id"])
    op.create_table(
        "hook_calls",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("hook_id", BIG_KEY, nullable=False),
        sa.Column("topic", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("message_id", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.id"], name="fk_hook_calls_hook_id"),
        sa.PrimaryKeyConstraint("id", name="pk_hook_calls"),
        sa.UniqueConstraint("hook_id", "key", name="uq_hook_calls_hook_id_key"),
    )
    op.create_index("ix_hook_calls_state_next", "hook_calls", ["state", "next_attempt_at"])
    op.execute("INSERT INTO hooks (id, marketplace_id, url, secret, topics, is_active) "
               "SELECT id, marketplace_id, url, secret, '[\"dispute\"]', is_active FROM dispute_hooks")
    # The id of a message stays, so that a receiver knows a call it was told before.
    op.execute("INSERT INTO hook_calls (id, hook_id, topic, key, message_id, state, attempts, next_attempt_at, sent_at, "
               "body, error) SELECT call.id, call.hook_id, 'dispute.' || step.kind, "
               f"'{STEP}' || CAST(call.step_id AS VARCHAR(20)), 'dispute-call-' || CAST(call.id AS VARCHAR(20)), "
               "call.state, call.attempts, call.next_attempt_at, NULL, call.body, call.error "
               "FROM dispute_hook_calls call JOIN dispute_steps step ON step.id = call.step_id")
    _count_on("hooks", "hook_calls")
    op.drop_table("dispute_hook_calls")
    op.drop_table("dispute_hooks")


def _count_on(*tables: str) -> None:
    """PostgreSQL's next number comes after those carried over."""
    if op.get_bind().dialect.name == "postgresql":
        for table in tables:
            op.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                       f"(SELECT COALESCE(MAX(id), 0) + 1 FROM {table}), false)")


def downgrade() -> None:
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
        sa.Column("next_attempt_at", MOMENT, nullable=False),
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
    op.execute("INSERT INTO dispute_hooks (id, marketplace_id, url, secret, is_active) "
               "SELECT id, marketplace_id, url, secret, is_active FROM hooks")
    op.execute("INSERT INTO dispute_hook_calls (id, step_id, hook_id, state, attempts, next_attempt_at, body, error) "
               f"SELECT id, CAST(SUBSTR(key, {len(STEP) + 1}) AS BIGINT), hook_id, state, attempts, next_attempt_at, "
               f"body, error FROM hook_calls WHERE key LIKE '{STEP}%'")
    _count_on("dispute_hooks", "dispute_hook_calls")
    op.drop_table("hook_calls")
    op.drop_table("hooks")
