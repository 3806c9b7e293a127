"""Every table of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers rows by itself only for INTEGER PRIMARY KEY.
BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit_rows",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=254), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("after", sa.JSON()),
        sa.Column("why", sa.String(length=2000), nullable=False),
        sa.Column("origin", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_rows"),
    )
    op.create_index("ix_audit_rows_at", "audit_rows", ["at"])
    op.create_index("ix_audit_rows_subject", "audit_rows", ["subject"])
    op.create_table(
        "case_facts",
        sa.Column("case_ref", sa.String(length=200), nullable=False),
        sa.Column("order_ref", sa.String(length=200)),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=80)),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=10), nullable=False),
        sa.Column("resolved_ms", sa.BigInteger()),
        sa.Column("reopened_ms", sa.BigInteger()),
        sa.Column("escalated_ms", sa.BigInteger()),
        sa.Column("withdrawn_ms", sa.BigInteger()),
        sa.Column("closed_ms", sa.BigInteger()),
        sa.Column("decided_ms", sa.BigInteger()),
        sa.Column("fault", sa.String(length=10)),
        sa.Column("counts", sa.Boolean()),
        sa.Column("seller_seconds", sa.BigInteger(), nullable=False),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_case_facts"),
    )
    op.create_index("ix_case_facts_dossier_id", "case_facts", ["dossier_id"])
    op.create_index("ix_case_facts_shop_case", "case_facts", ["shop_id", "case_ref"])
    op.create_table(
        "case_spans",
        sa.Column("case_ref", sa.String(length=200), nullable=False),
        sa.Column("holder", sa.String(length=10), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_case_spans"),
    )
    op.create_index("ix_case_spans_dossier_id", "case_spans", ["dossier_id"])
    op.create_table(
        "defect_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_defect_facts"),
    )
    op.create_index("ix_defect_facts_dossier_id", "defect_facts", ["dossier_id"])
    op.create_table(
        "entities",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_entities"),
    )
    op.create_index("ix_entities_dossier_id", "entities", ["dossier_id"])
    op.create_table(
        "event_bodies",
        sa.Column("seq", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event_bodies"),
    )
    op.create_index("ix_event_bodies_expires_ms", "event_bodies", ["expires_ms"])
    op.create_table(
        "event_ids",
        sa.Column("seq", BIG_KEY, nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_event_ids"),
        sa.UniqueConstraint("source", "event_id", name="uq_event_ids_source_event_id"),
    )
    op.create_table(
        "events",
        sa.Column("seq", BIG_KEY, autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger()),
        sa.Column("type_rank", sa.SmallInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("other_ms", sa.BigInteger()),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
    )
    op.create_index("ix_events_dossier", "events", ["dossier_id"])
    op.create_index("ix_events_shop_at", "events", ["shop_id", "at_ms"])
    op.create_table(
        "exclusion_facts",
        sa.Column("name", sa.String(length=900), nullable=False),
        sa.Column("scope", sa.String(length=4), nullable=False),
        sa.Column("cause", sa.String(length=80)),
        sa.Column("decided_by", sa.String(length=80)),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_exclusion_facts"),
    )
    op.create_index("ix_exclusion_facts_dossier_id", "exclusion_facts", ["dossier_id"])
    op.create_table(
        "import_progress",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import_progress"),
    )
    op.create_table(
        "job_leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=80), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_job_leases"),
    )
    op.create_table(
        "line_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("line", sa.String(length=200), nullable=False),
        sa.Column("sku", sa.String(length=200)),
        sa.Column("category", sa.String(length=80)),
        sa.Column("quantity", sa.Integer()),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("shipped_ms", sa.BigInteger()),
        sa.Column("arrived_ms", sa.BigInteger()),
        sa.Column("delivered_ms", sa.BigInteger()),
        sa.Column("cancelled_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_line_facts"),
    )
    op.create_index("ix_line_facts_dossier_id", "line_facts", ["dossier_id"])
    op.create_table(
        "marketplaces",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("buyer_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_marketplaces"),
    )
    op.create_table(
        "metric_days",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metric_code", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("official_bad", sa.Integer(), nullable=False),
        sa.Column("official_base", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("square", sa.BigInteger(), nullable=False),
        sa.Column("official_total", sa.BigInteger(), nullable=False),
        sa.Column("official_square", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "metric_code", "day", name="pk_metric_days"),
    )
    op.create_table(
        "named_events",
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("source", "event_id", "shop_id", name="pk_named_events"),
    )
    op.create_index("ix_named_events_shop_id", "named_events", ["shop_id"])
    op.create_table(
        "obligations",
        sa.Column("owes", sa.String(length=10), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("ref", sa.String(length=410), nullable=False),
        sa.Column("order_ref", sa.String(length=200)),
        sa.Column("conversation", sa.String(length=200)),
        sa.Column("opened_source", sa.String(length=200), nullable=False),
        sa.Column("opened_id", sa.String(length=200), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("settled_ms", sa.BigInteger()),
        sa.Column("void_ms", sa.BigInteger()),
        sa.Column("void_reason", sa.String(length=40)),
        sa.Column("waiting_for", sa.String(length=10)),
        sa.Column("excluded", sa.String(length=4)),
        sa.Column("standard_id", sa.String(length=60), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_obligations"),
    )
    op.create_index("ix_obligations_dossier_id", "obligations", ["dossier_id"])
    op.create_index(
        "ix_obligations_open_kind_due",
        "obligations",
        ["kind", "due_ms"],
        sqlite_where=sa.text("settled_ms IS NULL AND void_ms IS NULL"),
        postgresql_where=sa.text("settled_ms IS NULL AND void_ms IS NULL"),
    )
    op.create_index(
        "ix_obligations_open_shop_due",
        "obligations",
        ["shop_id", "due_ms"],
        sqlite_where=sa.text("settled_ms IS NULL AND void_ms IS NULL"),
        postgresql_where=sa.text("settled_ms IS NULL AND void_ms IS NULL"),
    )
    op.create_index(
        "ix_obligations_unsettled_shop_due",
        "obligations",
        ["shop_id", "due_ms"],
        sqlite_where=sa.text("settled_ms IS NULL"),
        postgresql_where=sa.text("settled_ms IS NULL"),
    )
    op.create_table(
        "order_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("buyer", sa.String(length=32)),
        sa.Column("category", sa.String(length=80)),
        sa.Column("country", sa.String(length=80)),
        sa.Column("channel", sa.String(length=80)),
        sa.Column("fulfilment", sa.String(length=10), nullable=False),
        sa.Column("business", sa.Boolean()),
        sa.Column("currency", sa.String(length=3)),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("carrier", sa.String(length=80)),
        sa.Column("ordered_ms", sa.BigInteger()),
        sa.Column("accepted_ms", sa.BigInteger()),
        sa.Column("refused_ms", sa.BigInteger()),
        sa.Column("refused_by", sa.String(length=12)),
        sa.Column("paid_ms", sa.BigInteger()),
        sa.Column("shipped_ms", sa.BigInteger()),
        sa.Column("first_scan_ms", sa.BigInteger()),
        sa.Column("first_attempt_ms", sa.BigInteger()),
        sa.Column("arrived_ms", sa.BigInteger()),
        sa.Column("delivered_ms", sa.BigInteger()),
        sa.Column("cancelled_ms", sa.BigInteger()),
        sa.Column("cancelled_by", sa.String(length=12)),
        sa.Column("cancel_reason", sa.String(length=20)),
        sa.Column("invoiced_ms", sa.BigInteger()),
        sa.Column("ship_due_ms", sa.BigInteger()),
        sa.Column("deliver_due_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_order_facts"),
    )
    op.create_index("ix_order_facts_dossier_id", "order_facts", ["dossier_id"])
    op.create_index("ix_order_facts_shop_order", "order_facts", ["shop_id", "order_ref"])
    op.create_index("ix_order_facts_shop_ordered", "order_facts", ["shop_id", "ordered_ms"])
    op.create_table(
        "outbox_mails",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox_mails"),
        sa.UniqueConstraint("key", name="uq_outbox_mails_key"),
    )
    op.create_index("ix_outbox_mails_state_next", "outbox_mails", ["state", "next_attempt_at"])
    op.create_table(
        "outcomes",
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.Column("group_code", sa.SmallInteger(), nullable=False),
        sa.Column("unit", sa.String(length=410), nullable=False),
        sa.Column("anchor_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("official_base", sa.Integer(), nullable=False),
        sa.Column("official_bad", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("order_ref", sa.String(length=200)),
        sa.Column("buyer", sa.String(length=32)),
        sa.Column("kinds", sa.String(length=120)),
        sa.PrimaryKeyConstraint("row_id", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_dossier_id", "outcomes", ["dossier_id"])
    op.create_index("ix_outcomes_shop_from", "outcomes", ["shop_id", "from_ms"])
    op.create_index("ix_outcomes_shop_group_anchor", "outcomes", ["shop_id", "group_code", "anchor_ms"])
    op.create_index(
        "ix_outcomes_until",
        "outcomes",
        ["shop_id", "until_ms"],
        sqlite_where=sa.text("until_ms < 4102444800000"),
        postgresql_where=sa.text("until_ms < 4102444800000"),
    )
    op.create_table(
        "parcel_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("tracking", sa.String(length=200)),
        sa.Column("carrier", sa.String(length=80)),
        sa.Column("trackable", sa.Boolean(), nullable=False),
        sa.Column("shipped_ms", sa.BigInteger(), nullable=False),
        sa.Column("first_scan_ms", sa.BigInteger()),
        sa.Column("delivered_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_parcel_facts"),
    )
    op.create_index("ix_parcel_facts_dossier_id", "parcel_facts", ["dossier_id"])
    op.create_table(
        "promise_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_promise_facts"),
    )
    op.create_index("ix_promise_facts_dossier_id", "promise_facts", ["dossier_id"])
    op.create_table(
        "pending_dossiers",
        sa.Column("dossier_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("flaw", sa.String(length=1000)),
        sa.PrimaryKeyConstraint("dossier_id", name="pk_pending_dossiers"),
    )
    op.create_index("ix_pending_dossiers_shop", "pending_dossiers", ["shop_id", "dossier_id"])
    op.create_table(
        "quarantine",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.String(length=300), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("marketplace", sa.String(length=200), nullable=False),
        sa.Column("shop", sa.String(length=200), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("raw_hash", sa.String(length=32), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
        sa.UniqueConstraint("raw_hash", name="uq_quarantine_raw_hash"),
    )
    op.create_index("ix_quarantine_marketplace", "quarantine", ["marketplace"])
    op.create_table(
        "refund_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("fault", sa.String(length=10)),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_refund_facts"),
    )
    op.create_index("ix_refund_facts_dossier_id", "refund_facts", ["dossier_id"])
    op.create_table(
        "return_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("return_ref", sa.String(length=200), nullable=False),
        sa.Column("step", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=80)),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_return_facts"),
    )
    op.create_index("ix_return_facts_dossier_id", "return_facts", ["dossier_id"])
    op.create_table(
        "review_facts",
        sa.Column("order_ref", sa.String(length=200), nullable=False),
        sa.Column("rating", sa.SmallInteger()),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_review_facts"),
    )
    op.create_index("ix_review_facts_dossier_id", "review_facts", ["dossier_id"])
    op.create_table(
        "scorecards",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("metric_code", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("as_of_ms", sa.BigInteger(), nullable=False),
        sa.Column("window_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("bad", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("lower", sa.Float()),
        sa.Column("upper", sa.Float()),
        sa.Column("raw_bad", sa.BigInteger(), nullable=False),
        sa.Column("raw_base", sa.Integer(), nullable=False),
        sa.Column("raw_value", sa.Float()),
        sa.Column("buyers", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=16)),
        sa.Column("trend", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "metric_code", name="pk_scorecards"),
    )
    op.create_index(
        "ix_scorecards_metric_value",
        "scorecards",
        ["metric_code", "shop_id", "verdict", "raw_value", "value", "base"],
    )
    op.create_index("ix_scorecards_verdict_shop", "scorecards", ["verdict", "shop_id"])
    op.create_table(
        "sellers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sellers"),
        sa.UniqueConstraint("code", name="uq_sellers_code"),
    )
    op.create_table(
        "turn_facts",
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("conversation", sa.String(length=200), nullable=False),
        sa.Column("owes", sa.String(length=10), nullable=False),
        sa.Column("order_ref", sa.String(length=200)),
        sa.Column("case_ref", sa.String(length=200)),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger()),
        sa.Column("waived_ms", sa.BigInteger()),
        sa.Column("worked_seconds", sa.BigInteger()),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("row_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name="pk_turn_facts"),
    )
    op.create_index("ix_turn_facts_dossier_id", "turn_facts", ["dossier_id"])
    op.create_index("ix_turn_facts_shop_conversation", "turn_facts", ["shop_id", "conversation"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("marketplace_id", sa.String(length=200)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_api_keys_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
        sa.UniqueConstraint("name", name="uq_api_keys_name"),
    )
    op.create_table(
        "evaluation_runs",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("as_of_ms", sa.BigInteger(), nullable=False),
        sa.Column("known_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("standard_id", sa.String(length=60), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("shops", sa.Integer(), nullable=False),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["marketplace_id"], ["marketplaces.id"], name="fk_evaluation_runs_marketplace_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation_runs"),
        sa.UniqueConstraint("marketplace_id", "on_date", name="uq_evaluation_runs_marketplace_id_on_date"),
    )
    op.create_table(
        "shops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=200), nullable=False),
        sa.Column("seller_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("cells_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_event_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_shops_marketplace_id"),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_shops_seller_id"),
        sa.PrimaryKeyConstraint("id", name="pk_shops"),
        sa.UniqueConstraint("marketplace_id", "code", name="uq_shops_marketplace_id_code"),
    )
    op.create_index("ix_shops_seller_id", "shops", ["seller_id"])
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("seller_id", sa.Integer()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_users_seller_id"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_index("ix_users_seller_id", "users", ["seller_id"])
    op.create_table(
        "disputes",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("case_ref", sa.String(length=200), nullable=False),
        sa.Column("order_ref", sa.String(length=200)),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=80)),
        sa.Column("amount_minor", sa.BigInteger()),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("holder", sa.String(length=10), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seller_due_at", sa.DateTime(timezone=True)),
        sa.Column("escalated_at", sa.DateTime(timezone=True)),
        sa.Column("escalated_by", sa.String(length=10)),
        sa.Column("mediator_id", sa.Integer()),
        sa.Column("decision_due_at", sa.DateTime(timezone=True)),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("decided_by", sa.Integer()),
        sa.Column("fault", sa.String(length=10)),
        sa.Column("remedy", sa.String(length=80)),
        sa.Column("refund_minor", sa.BigInteger()),
        sa.Column("counts", sa.Boolean()),
        sa.Column("grounds", sa.Text()),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name="fk_disputes_decided_by"),
        sa.ForeignKeyConstraint(["mediator_id"], ["users.id"], name="fk_disputes_mediator_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_disputes_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_disputes"),
        sa.UniqueConstraint("shop_id", "case_ref", name="uq_disputes_shop_id_case_ref"),
    )
    op.create_index("ix_disputes_mediator_id", "disputes", ["mediator_id"])
    op.create_index("ix_disputes_shop_id", "disputes", ["shop_id"])
    op.create_index("ix_disputes_state_decision_due", "disputes", ["state", "decision_due_at"])
    op.create_index("ix_disputes_state_seller_due", "disputes", ["state", "seller_due_at"])
    op.create_table(
        "evaluation_results",
        sa.Column("run_id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(length=40), nullable=False),
        sa.Column("window_start_ms", sa.BigInteger(), nullable=False),
        sa.Column("bad", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("raw_bad", sa.Integer(), nullable=False),
        sa.Column("raw_base", sa.Integer(), nullable=False),
        sa.Column("buyers", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("units", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["evaluation_runs.id"], name="fk_evaluation_results_run_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_evaluation_results_shop_id"),
        sa.PrimaryKeyConstraint("run_id", "shop_id", "metric", name="pk_evaluation_results"),
    )
    op.create_index("ix_evaluation_results_shop_metric", "evaluation_results", ["shop_id", "metric"])
    op.create_table(
        "notices",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("seller_id", sa.Integer()),
        sa.Column("shop_id", sa.Integer()),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("link", sa.String(length=300), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["seller_id"], ["sellers.id"], name="fk_notices_seller_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_notices_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("key", name="uq_notices_key"),
    )
    op.create_index("ix_notices_created_at", "notices", ["created_at"])
    op.create_index("ix_notices_seller_id", "notices", ["seller_id"])
    op.create_table(
        "shop_standings",
        sa.Column("shop_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("badges", sa.JSON(), nullable=False),
        sa.Column("episodes", sa.JSON(), nullable=False),
        sa.Column("warning", sa.Integer(), nullable=False),
        sa.Column("since_on", sa.Date(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_shop_standings_shop_id"),
        sa.PrimaryKeyConstraint("shop_id", name="pk_shop_standings"),
    )
    op.create_table(
        "standing_changes",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("run_id", BIG_KEY, nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("metric", sa.String(length=40)),
        sa.Column("before", sa.String(length=40)),
        sa.Column("after", sa.String(length=40)),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("standard_id", sa.String(length=60), nullable=False),
        sa.Column("standard_version", sa.Integer(), nullable=False),
        sa.Column("automated", sa.Boolean(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["evaluation_runs.id"], name="fk_standing_changes_run_id"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_standing_changes_shop_id"),
        sa.PrimaryKeyConstraint("id", name="pk_standing_changes"),
    )
    op.create_index("ix_standing_changes_on", "standing_changes", ["on_date"])
    op.create_index("ix_standing_changes_shop_on", "standing_changes", ["shop_id", "on_date"])
    op.create_table(
        "dispute_steps",
        sa.Column("id", BIG_KEY, nullable=False),
        sa.Column("dispute_id", BIG_KEY, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name="fk_dispute_steps_dispute_id"),
        sa.PrimaryKeyConstraint("id", name="pk_dispute_steps"),
    )
    op.create_index("ix_dispute_steps_dispute_id", "dispute_steps", ["dispute_id"])
    op.create_table(
        "notice_reads",
        sa.Column("notice_id", BIG_KEY, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.id"], name="fk_notice_reads_notice_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notice_reads_user_id"),
        sa.PrimaryKeyConstraint("notice_id", "user_id", name="pk_notice_reads"),
    )


def downgrade() -> None:
    op.drop_table("notice_reads")
    op.drop_table("dispute_steps")
    op.drop_table("standing_changes")
    op.drop_table("shop_standings")
    op.drop_table("notices")
    op.drop_table("evaluation_results")
    op.drop_table("disputes")
    op.drop_table("users")
    op.drop_table("shops")
    op.drop_table("evaluation_runs")
    op.drop_table("api_keys")
    op.drop_table("turn_facts")
    op.drop_table("sellers")
    op.drop_table("scorecards")
    op.drop_table("review_facts")
    op.drop_table("return_facts")
    op.drop_table("refund_facts")
    op.drop_table("quarantine")
    op.drop_table("promise_facts")
    op.drop_table("parcel_facts")
    op.drop_table("outcomes")
    op.drop_table("outbox_mails")
    op.drop_table("pending_dossiers")
    op.drop_table("order_facts")
    op.drop_table("obligations")
    op.drop_table("named_events")
    op.drop_table("metric_days")
    op.drop_table("marketplaces")
    op.drop_table("line_facts")
    op.drop_table("job_leases")
    op.drop_table("import_progress")
    op.drop_table("exclusion_facts")
    op.drop_table("events")
    op.drop_table("event_ids")
    op.drop_table("event_bodies")
    op.drop_table("entities")
    op.drop_table("defect_facts")
    op.drop_table("case_spans")
    op.drop_table("case_facts")
    op.drop_table("audit_rows")
