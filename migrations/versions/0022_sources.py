"""Keys have sources, quotas and an end; what each source sends is counted; webhooks are received."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
KEY_COLUMNS = (
    ("expires_at", MOMENT), ("sources", sa.JSON()), ("events_a_minute", sa.Integer()), ("calls_a_minute", sa.Integer()),
    ("previous_hash", sa.String(length=64)), ("previous_until_at", MOMENT),
)
SEEN_DAYS, DAY_MS = 36, 86_400_000


def _recreate() -> str:
    """SQLite writes added columns behind the constraints; made anew, the table is the one the models make."""
    return "always" if op.get_bind().dialect.name == "sqlite" else "never"


def _counted() -> list[sa.Column]:
    return [
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("on_date", sa.Date(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
    ]


def upgrade() -> None:
    with op.batch_alter_table("api_keys", recreate=_recreate()) as batch:
        for name, kind in KEY_COLUMNS:
            batch.add_column(sa.Column(name, kind, nullable=True))
    op.create_index("ix_api_keys_previous_hash", "api_keys", ["previous_hash"], unique=True)
    op.create_table(
        "key_uses",
        sa.Column("key_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("events_ms", sa.BigInteger(), nullable=False),
        sa.Column("calls_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_key_uses_key_id"),
        sa.PrimaryKeyConstraint("key_id", name="pk_key_uses"),
    )
    op.create_table(
        "source_arrivals", sa.Column("id", BIG_KEY, nullable=False), *_counted(),
        sa.PrimaryKeyConstraint("id", name="pk_source_arrivals"))
    counts = op.create_table(
        "source_counts", *_counted(),
        sa.PrimaryKeyConstraint("marketplace_id", "source", "what", "on_date", name="pk_source_counts"))
    op.create_table(
        "receivers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("marketplace_id", sa.String(length=200), nullable=False),
        sa.Column("shop", sa.String(length=200), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("previous_secret", sa.String(length=100), nullable=True),
        sa.Column("previous_until_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("stopped_at", MOMENT, nullable=True),
        sa.Column("last_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["marketplace_id"], ["marketplaces.id"], name="fk_receivers_marketplace_id"),
        sa.PrimaryKeyConstraint("id", name="pk_receivers"),
        sa.UniqueConstraint("name", name="uq_receivers_name"),
    )
    op.create_table(
        "received_hooks",
        sa.Column("receiver_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["receiver_id"], ["receivers.id"], name="fk_received_hooks_receiver_id"),
        sa.PrimaryKeyConstraint("receiver_id", "message_id", name="pk_received_hooks"),
    )
    op.create_index("ix_received_hooks_received_at", "received_hooks", ["received_at"])
    _count_recent(counts)


def _count_recent(counts: sa.Table) -> None:
    """The last weeks as they were counted so far: lights judge by them from the first minute on."""
    bind = op.get_bind()
    for place, zone in bind.execute(sa.text("SELECT id, timezone FROM marketplaces")).all():
        first = (datetime.now(UTC).astimezone(ZoneInfo(zone)) - timedelta(days=SEEN_DAYS)).date()
        midnight = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(zone))
        start_ms = int(midnight.timestamp()) * 1000
        rows = bind.execute(sa.text(
            f"SELECT e.source, e.type_rank, (e.at_ms - :start) / {DAY_MS} AS day, COUNT(*), MAX(e.at_ms) FROM events e "
            "JOIN shops s ON s.id = e.shop_id WHERE s.marketplace_id = :place AND e.at_ms >= :start "
            "GROUP BY e.source, e.type_rank, 3"), {"start": start_ms, "place": place}).all()
        found = [{"marketplace_id": place, "source": source, "what": f"event {TYPES[rank]}", "count": count,
                  "on_date": first + timedelta(days=int(day)), "last_ms": last} for source, rank, day, count, last in rows]
        if found:
            op.bulk_insert(counts, found)


def downgrade() -> None:
    for table in ("received_hooks", "receivers", "source_counts", "source_arrivals", "key_uses"):
        op.drop_table(table)
    op.drop_index("ix_api_keys_previous_hash", "api_keys")
    with op.batch_alter_table("api_keys", recreate=_recreate()) as batch:
        for name, _kind in reversed(KEY_COLUMNS):
            batch.drop_column(name)


# The types of events in the order of their ranks when this was written.
TYPES = (
    "order.placed", "order.accepted", "order.refused", "order.paid", "order.invoiced", "order.cancelled",
    "order.shipped", "order.promise_moved", "tracking.scanned", "order.delivered", "order.refunded",
    "return.requested", "return.received", "return.refused", "return.refunded", "message.sent",
    "conversation.no_reply_needed", "case.opened", "case.ball_passed", "case.resolved", "case.reopened",
    "case.withdrawn", "case.closed", "case.escalated", "case.evidence_asked", "case.evidence_given", "case.decided",
    "case.appealed", "review.posted", "review.changed", "review.removed", "review.replied", "survey.answered",
    "obligation.excluded", "obligation.restored", "event.retracted", "order.corrected", "shop.opened",
    "shop.calendar_set", "shop.closed_for",
)
