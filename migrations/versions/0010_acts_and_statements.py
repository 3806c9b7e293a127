"""Acts that follow from standing changes, their statements of reasons, and what is held back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
NEW = sa.text("state = 'new'")


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def upgrade() -> None:
    with op.batch_alter_table("shop_standings", recreate=_recreate()) as batch:
        batch.add_column(sa.Column("decided", sa.JSON(), nullable=True))
    with op.batch_alter_table("standing_changes", recreate=_recreate()) as batch:
        # What was decided before is as it was: in force.
        batch.add_column(sa.Column("state", sa.String(length=10), server_default="in_force", nullable=False))
    op.create_index(
        "ix_standing_changes_new", "standing_changes", ["shop_id"], sqlite_where=NEW, postgresql_where=NEW)
    _create_statements()
    _create_acts()
    _create_adapters()


def _create_statements() -> None:
    op.create_table(
        "statements",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("jurisdiction", sa.String(length=10), nullable=False),
        sa.Column("texts_version", sa.String(length=40), nullable=False),
        sa.Column("issued_at", MOMENT, nullable=False),
        sa.Column("effective_at", MOMENT, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_statements_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_statements"),
        sa.UniqueConstraint("public_id", name="uq_statements_public_id"),
    )
    op.create_index("ix_statements_shop_issued", "statements", ["shop_id", "issued_at"])


def _create_acts() -> None:
    op.create_table(
        "acts",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("change_id", BIG_KEY),
        sa.Column("parent_id", BIG_KEY),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("origin", sa.String(length=100), nullable=False),
        sa.Column("before", sa.String(length=60)),
        sa.Column("after", sa.String(length=60)),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("is_adverse", sa.Boolean(), nullable=False),
        sa.Column("needs_two", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("holds", sa.JSON(), nullable=False),
        sa.Column("batch", sa.String(length=254), nullable=False),
        sa.Column("automated", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.String(length=254), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("standard_id", sa.String(length=60)),
        sa.Column("standard_version", sa.Integer()),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("effective_at", MOMENT, nullable=False),
        sa.Column("until_at", MOMENT),
        sa.Column("legal_ground", sa.String(length=40)),
        sa.Column("statement_id", BIG_KEY),
        sa.Column("approved_by", sa.String(length=254)),
        sa.Column("second_by", sa.String(length=254)),
        sa.Column("adapter", sa.String(length=20), nullable=False),
        sa.Column("call_id", sa.BigInteger()),
        sa.Column("asked_at", MOMENT),
        sa.Column("in_force_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_acts_shop_id"),
        sa.ForeignKeyConstraint(["change_id"], ["standing_changes.id"], name="fk_acts_change_id"),
        sa.ForeignKeyConstraint(["parent_id"], ["acts.id"], name="fk_acts_parent_id"),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"], name="fk_acts_statement_id"),
        sa.PrimaryKeyConstraint("id", name="pk_acts"),
        sa.CheckConstraint(
            "NOT is_adverse OR state IN ('held', 'refused', 'dropped') OR statement_id IS NOT NULL", name="stated"),
        sa.CheckConstraint(
            "NOT needs_two OR state IN ('held', 'refused', 'dropped') OR (approved_by IS NOT NULL "
            "AND second_by IS NOT NULL AND approved_by <> second_by)", name="two_people"),
    )
    op.create_index("ix_acts_shop_state", "acts", ["shop_id", "state"])
    op.create_index("ix_acts_state_effective", "acts", ["state", "effective_at"])
    op.create_index("ix_acts_change", "acts", ["change_id"])


def _create_adapters() -> None:
    op.create_table(
        "act_adapters",
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("adapter", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_act_adapters_marketplace_id"),
        sa.PrimaryKeyConstraint("marketplace_id", name="pk_act_adapters"),
    )
    op.create_table(
        "source_totals",
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("told_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_source_totals_marketplace_id"),
        sa.PrimaryKeyConstraint("marketplace_id", "source", "type", "on_date", name="pk_source_totals"),
    )


def downgrade() -> None:
    op.drop_table("source_totals")
    op.drop_table("act_adapters")
    op.drop_table("acts")
    op.drop_table("statements")
    op.drop_index("ix_standing_changes_new", "standing_changes")
    with op.batch_alter_table("standing_changes", recreate=_recreate()) as batch:
        batch.drop_column("state")
    with op.batch_alter_table("shop_standings", recreate=_recreate()) as batch:
        batch.drop_column("decided")
