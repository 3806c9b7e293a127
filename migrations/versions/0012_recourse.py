"""Appeals, what was judged again after them, and action plans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
OPEN = sa.text("decided_at IS NULL")
RUNNING = sa.text("ended_at IS NULL")


def _refer(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [to], name=f"fk_{table}_{column}")


def upgrade() -> None:
    _create_appeals()
    _create_steps()
    _create_restatements()
    _create_plans()


def _create_appeals() -> None:
    op.create_table(
        "appeals",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("change_id", BIG_KEY),
        sa.Column("act_id", BIG_KEY),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("contested_on", sa.Date(), nullable=False),
        sa.Column("standard_id", sa.String(length=60)),
        sa.Column("standard_version", sa.Integer()),
        sa.Column("original_by", sa.String(length=510)),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("grounds", sa.String(length=30), nullable=False),
        sa.Column("filed_by", sa.String(length=254), nullable=False),
        sa.Column("filed_at", MOMENT, nullable=False),
        sa.Column("assigned_to", sa.String(length=254)),
        sa.Column("admissible_due_at", MOMENT, nullable=False),
        sa.Column("decision_due_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("reminded_at", MOMENT),
        sa.Column("admitted_at", MOMENT),
        sa.Column("decided_at", MOMENT),
        sa.Column("decided_by", sa.String(length=254)),
        _refer("appeals", "shop_id", "shops.id"),
        _refer("appeals", "change_id", "standing_changes.id"),
        _refer("appeals", "act_id", "acts.id"),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
    )
    op.create_index("ix_appeals_shop", "appeals", ["shop_id", "filed_at"])
    op.create_index("ix_appeals_due", "appeals", ["due_at"])
    for name, column in (("uq_appeals_open_change", "change_id"), ("uq_appeals_open_act", "act_id")):
        op.create_index(name, "appeals", [column], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)


def _create_steps() -> None:
    op.create_table(
        "appeal_steps",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("appeal_id", BIG_KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        _refer("appeal_steps", "appeal_id", "appeals.id"),
        sa.PrimaryKeyConstraint("id", name="pk_appeal_steps"),
    )
    op.create_index("ix_appeal_steps_appeal", "appeal_steps", ["appeal_id", "id"])
    op.create_table(
        "appeal_files",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("appeal_id", BIG_KEY, nullable=False),
        sa.Column("step_id", BIG_KEY, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_as", sa.String(length=32), nullable=False),
        _refer("appeal_files", "appeal_id", "appeals.id"),
        _refer("appeal_files", "step_id", "appeal_steps.id"),
        sa.PrimaryKeyConstraint("id", name="pk_appeal_files"),
        sa.UniqueConstraint("stored_as", name="uq_appeal_files_stored_as"),
    )
    op.create_index("ix_appeal_files_appeal", "appeal_files", ["appeal_id"])


def _create_restatements() -> None:
    op.create_table(
        "restatements",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("appeal_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("as_of_ms", sa.BigInteger(), nullable=False),
        sa.Column("known_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("standard_id", sa.String(length=60), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=60), nullable=False),
        sa.Column("badges", sa.JSON(), nullable=False),
        sa.Column("warning", sa.Integer(), nullable=False),
        sa.Column("standing", sa.JSON(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        _refer("restatements", "appeal_id", "appeals.id"),
        _refer("restatements", "shop_id", "shops.id"),
        sa.PrimaryKeyConstraint("id", name="pk_restatements"),
        sa.UniqueConstraint("appeal_id", "on_date", "standard_id", name="uq_restatements_appeal_id_on_date_standard_id"),
    )
    op.create_index("ix_restatements_shop_on", "restatements", ["shop_id", "on_date"])
    op.create_table(
        "restated_results",
        sa.Column("restatement_id", BIG_KEY, nullable=False),
        sa.Column("metric", sa.String(length=60), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("bad", "base", "raw_bad", "raw_base", "buyers")),
        sa.Column("value", sa.Float()),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("units", sa.JSON(), nullable=False),
        _refer("restated_results", "restatement_id", "restatements.id"),
        sa.PrimaryKeyConstraint("restatement_id", "metric", name="pk_restated_results"),
    )
    op.create_table(
        "pardons",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("appeal_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date()),
        _refer("pardons", "appeal_id", "appeals.id"),
        _refer("pardons", "shop_id", "shops.id"),
        sa.PrimaryKeyConstraint("id", name="pk_pardons"),
        sa.UniqueConstraint("appeal_id", "subject", name="uq_pardons_appeal_id_subject"),
    )
    op.create_index("ix_pardons_shop", "pardons", ["shop_id"])


def _create_plans() -> None:
    op.create_table(
        "action_plans",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("change_id", BIG_KEY),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("target", sa.String(length=30), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("actions", sa.Text(), nullable=False),
        sa.Column("review_on", sa.Date(), nullable=False),
        sa.Column("opened_by", sa.String(length=254), nullable=False),
        sa.Column("opened_side", sa.String(length=10), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("seller_agreed_at", MOMENT),
        sa.Column("operator_agreed_at", MOMENT),
        sa.Column("start_on", sa.Date()),
        sa.Column("ended_at", MOMENT),
        sa.Column("ended_on", sa.Date()),
        sa.Column("result_value", sa.Float()),
        sa.Column("result_bad", sa.Integer()),
        sa.Column("result_base", sa.Integer()),
        _refer("action_plans", "shop_id", "shops.id"),
        _refer("action_plans", "change_id", "standing_changes.id"),
        sa.PrimaryKeyConstraint("id", name="pk_action_plans"),
    )
    op.create_index("ix_action_plans_shop", "action_plans", ["shop_id", "start_on"])
    op.create_index("uq_action_plans_open", "action_plans", ["shop_id", "rule"], unique=True,
                    sqlite_where=RUNNING, postgresql_where=RUNNING)
    op.create_table(
        "plan_steps",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("plan_id", BIG_KEY, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _refer("plan_steps", "plan_id", "action_plans.id"),
        sa.PrimaryKeyConstraint("id", name="pk_plan_steps"),
    )
    op.create_index("ix_plan_steps_plan", "plan_steps", ["plan_id", "id"])


def downgrade() -> None:
    for table in ("plan_steps", "action_plans", "pardons", "restated_results", "restatements", "appeal_files",
                  "appeal_steps", "appeals"):
        op.drop_table(table)
