"""Facts, obligations and the kept numbers that follow from the log. Everything here can be rebuilt from it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey

_OPEN = "settled_ms IS NULL AND void_ms IS NULL"
# Outcomes that count against anybody in anything, or that were forgiven.
IS_ODD = "bad <> 0 OR official_bad <> 0 OR official_base <> base"


class _Fact(Base):
    """A row derived from the events of one dossier, replaced whenever the dossier changes."""

    __abstract__ = True

    row_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int]
    dossier_id: Mapped[int] = mapped_column(BigInteger, index=True)


class PendingDossier(Base):
    """A dossier whose events a bulk load appended and whose rows still have to be derived.

    `flaw` says why it could not be derived; it stays, and is tried again after every bulk load.
    """

    __tablename__ = "pending_dossiers"
    __table_args__ = (Index("ix_pending_dossiers_shop", "shop_id", "dossier_id"),)

    dossier_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    shop_id: Mapped[int]
    flaw: Mapped[str | None] = mapped_column(String(1000))


class OrderFact(_Fact):
    __tablename__ = "order_facts"
    __table_args__ = (Index("ix_order_facts_shop_order", "shop_id", "order_ref"),
                      Index("ix_order_facts_shop_ordered", "shop_id", "ordered_ms"),
                      Index("ix_order_facts_order", "order_ref"))

    order_ref: Mapped[str] = mapped_column(String(200))
    buyer: Mapped[str | None] = mapped_column(String(32))
    category: Mapped[str | None] = mapped_column(String(80))
    country: Mapped[str | None] = mapped_column(String(80))
    channel: Mapped[str | None] = mapped_column(String(80))
    fulfilment: Mapped[str] = mapped_column(String(10))
    business: Mapped[bool | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    carrier: Mapped[str | None] = mapped_column(String(80))
    ordered_ms: Mapped[int | None] = mapped_column(BigInteger)
    accepted_ms: Mapped[int | None] = mapped_column(BigInteger)
    refused_ms: Mapped[int | None] = mapped_column(BigInteger)
    refused_by: Mapped[str | None] = mapped_column(String(12))
    paid_ms: Mapped[int | None] = mapped_column(BigInteger)
    shipped_ms: Mapped[int | None] = mapped_column(BigInteger)
    first_scan_ms: Mapped[int | None] = mapped_column(BigInteger)
    first_attempt_ms: Mapped[int | None] = mapped_column(BigInteger)
    arrived_ms: Mapped[int | None] = mapped_column(BigInteger)
    delivered_ms: Mapped[int | None] = mapped_column(BigInteger)
    cancelled_ms: Mapped[int | None] = mapped_column(BigInteger)
    cancelled_by: Mapped[str | None] = mapped_column(String(12))
    cancel_reason: Mapped[str | None] = mapped_column(String(20))
    invoiced_ms: Mapped[int | None] = mapped_column(BigInteger)
    ship_due_ms: Mapped[int | None] = mapped_column(BigInteger)
    deliver_due_ms: Mapped[int | None] = mapped_column(BigInteger)


class LineFact(_Fact):
    """One line of an order with several, or with lines that went different ways."""

    __tablename__ = "line_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    line: Mapped[str] = mapped_column(String(200))
    sku: Mapped[str | None] = mapped_column(String(200))
    category: Mapped[str | None] = mapped_column(String(80))
    quantity: Mapped[int | None]
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    shipped_ms: Mapped[int | None] = mapped_column(BigInteger)
    arrived_ms: Mapped[int | None] = mapped_column(BigInteger)
    delivered_ms: Mapped[int | None] = mapped_column(BigInteger)
    cancelled_ms: Mapped[int | None] = mapped_column(BigInteger)


class ParcelFact(_Fact):
    __tablename__ = "parcel_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    tracking: Mapped[str | None] = mapped_column(String(200))
    carrier: Mapped[str | None] = mapped_column(String(80))
    trackable: Mapped[bool]
    shipped_ms: Mapped[int] = mapped_column(BigInteger)
    first_scan_ms: Mapped[int | None] = mapped_column(BigInteger)
    delivered_ms: Mapped[int | None] = mapped_column(BigInteger)


class PromiseFact(_Fact):
    __tablename__ = "promise_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(8))
    due_ms: Mapped[int] = mapped_column(BigInteger)
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)


class TurnFact(_Fact):
    __tablename__ = "turn_facts"
    __table_args__ = (Index("ix_turn_facts_shop_conversation", "shop_id", "conversation"),)

    source: Mapped[str] = mapped_column(String(200))
    event_id: Mapped[str] = mapped_column(String(200))
    conversation: Mapped[str] = mapped_column(String(200))
    owes: Mapped[str] = mapped_column(String(10))
    order_ref: Mapped[str | None] = mapped_column(String(200))
    case_ref: Mapped[str | None] = mapped_column(String(200))
    asked_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int] = mapped_column(BigInteger)
    answered_ms: Mapped[int | None] = mapped_column(BigInteger)
    waived_ms: Mapped[int | None] = mapped_column(BigInteger)
    worked_seconds: Mapped[int | None] = mapped_column(BigInteger)
    is_first: Mapped[bool]


class CaseFact(_Fact):
    __tablename__ = "case_facts"
    __table_args__ = (Index("ix_case_facts_shop_case", "shop_id", "case_ref"),)

    case_ref: Mapped[str] = mapped_column(String(200))
    order_ref: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(80))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    opened_ms: Mapped[int] = mapped_column(BigInteger)
    holder: Mapped[str] = mapped_column(String(10))
    resolved_ms: Mapped[int | None] = mapped_column(BigInteger)
    reopened_ms: Mapped[int | None] = mapped_column(BigInteger)
    escalated_ms: Mapped[int | None] = mapped_column(BigInteger)
    withdrawn_ms: Mapped[int | None] = mapped_column(BigInteger)
    closed_ms: Mapped[int | None] = mapped_column(BigInteger)
    decided_ms: Mapped[int | None] = mapped_column(BigInteger)
    fault: Mapped[str | None] = mapped_column(String(10))
    counts: Mapped[bool | None]
    seller_seconds: Mapped[int] = mapped_column(BigInteger)


class CaseSpan(_Fact):
    __tablename__ = "case_spans"

    case_ref: Mapped[str] = mapped_column(String(200))
    holder: Mapped[str] = mapped_column(String(10))
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)


class ReviewFact(_Fact):
    """One row per version of a review; rating None: removed."""

    __tablename__ = "review_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    rating: Mapped[int | None] = mapped_column(SmallInteger)
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)


class RefundFact(_Fact):
    __tablename__ = "refund_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    fault: Mapped[str | None] = mapped_column(String(10))


class ReturnFact(_Fact):
    __tablename__ = "return_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    return_ref: Mapped[str] = mapped_column(String(200))
    step: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(80))
    at_ms: Mapped[int] = mapped_column(BigInteger)


class DefectFact(_Fact):
    """A defect of an order, standing in `[from_ms, until_ms)`; until_ms None: still."""

    __tablename__ = "defect_facts"

    order_ref: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int | None] = mapped_column(BigInteger)


class ExclusionFact(_Fact):
    __tablename__ = "exclusion_facts"

    name: Mapped[str] = mapped_column(String(900))
    scope: Mapped[str] = mapped_column(String(4))
    cause: Mapped[str | None] = mapped_column(String(80))
    decided_by: Mapped[str | None] = mapped_column(String(80))
    at_ms: Mapped[int] = mapped_column(BigInteger)


class Obligation(_Fact):
    """One promise: who owes what, since when, due when, settled or void when."""

    __tablename__ = "obligations"
    __table_args__ = (
        Index("ix_obligations_unsettled_shop_due", "shop_id", "due_ms",
              sqlite_where=text("settled_ms IS NULL"), postgresql_where=text("settled_ms IS NULL")),
        Index("ix_obligations_open_shop_due", "shop_id", "due_ms",
              sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
        Index("ix_obligations_open_kind_due", "kind", "due_ms",
              sqlite_where=text(_OPEN), postgresql_where=text(_OPEN)),
    )

    owes: Mapped[str] = mapped_column(String(10))  # seller, operator, mediator
    kind: Mapped[str] = mapped_column(String(10))
    ref: Mapped[str] = mapped_column(String(410))  # order, case, or source|id of a turn's opener
    order_ref: Mapped[str | None] = mapped_column(String(200))
    conversation: Mapped[str | None] = mapped_column(String(200))
    opened_source: Mapped[str] = mapped_column(String(200))
    opened_id: Mapped[str] = mapped_column(String(200))
    since_ms: Mapped[int] = mapped_column(BigInteger)
    due_ms: Mapped[int] = mapped_column(BigInteger)
    settled_ms: Mapped[int | None] = mapped_column(BigInteger)
    void_ms: Mapped[int | None] = mapped_column(BigInteger)
    void_reason: Mapped[str | None] = mapped_column(String(40))
    # Waiting for somebody else: the clock stands still and due_ms holds what is left, from now on.
    waiting_for: Mapped[str | None] = mapped_column(String(10))
    excluded: Mapped[str | None] = mapped_column(String(4))
    standard_id: Mapped[str] = mapped_column(String(60))
    standard_version: Mapped[int]


class OutcomeRow(Base):
    """From when until when one unit counts how in one group of metrics (scoring.spans), for K = T."""

    __tablename__ = "outcomes"
    __table_args__ = (
        Index("ix_outcomes_shop_group_anchor", "shop_id", "group_code", "anchor_ms"),
        Index("ix_outcomes_shop_from", "shop_id", "from_ms"),
        Index("ix_outcomes_odd", "shop_id", "group_code", "anchor_ms", sqlite_where=text(IS_ODD),
              postgresql_where=text(IS_ODD)),
        Index("ix_outcomes_until", "shop_id", "until_ms", sqlite_where=text("until_ms < 4102444800000"),
              postgresql_where=text("until_ms < 4102444800000")),
    )

    row_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int]
    dossier_id: Mapped[int] = mapped_column(BigInteger, index=True)
    group_code: Mapped[int] = mapped_column(SmallInteger)
    unit: Mapped[str] = mapped_column(String(410))
    anchor_ms: Mapped[int] = mapped_column(BigInteger)
    from_ms: Mapped[int] = mapped_column(BigInteger)
    until_ms: Mapped[int] = mapped_column(BigInteger)
    base: Mapped[int]
    bad: Mapped[int]
    official_base: Mapped[int]
    official_bad: Mapped[int]
    amount: Mapped[int] = mapped_column(BigInteger)
    order_ref: Mapped[str | None] = mapped_column(String(200))
    buyer: Mapped[str | None] = mapped_column(String(32))
    kinds: Mapped[str | None] = mapped_column(String(120))  # the defects on a placed order, comma-separated
    settled_ms: Mapped[int | None] = mapped_column(BigInteger)  # when a placed order was accepted or refused


class MetricDay(Base):
    """Sums of one metric over the units anchored on one local day, as of the shop's `cells_ms`."""

    __tablename__ = "metric_days"

    shop_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    metric_code: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # proleptic ordinal of the local day
    bad: Mapped[int]
    base: Mapped[int]
    official_bad: Mapped[int]
    official_base: Mapped[int]
    total: Mapped[int] = mapped_column(BigInteger)
    square: Mapped[int] = mapped_column(BigInteger)
    official_total: Mapped[int] = mapped_column(BigInteger)
    official_square: Mapped[int] = mapped_column(BigInteger)


class Scorecard(Base):
    """The current numbers of a shop under its official standard; pages read these."""

    __tablename__ = "scorecards"
    __table_args__ = (
        # The league table: of one metric and verdict the shops by rate; other orders and verdicts without the rows.
        Index("ix_scorecards_ranking", "metric_code", "verdict", "raw_value", "base", "shop_id", "value"),
    )

    shop_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    metric_code: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    as_of_ms: Mapped[int] = mapped_column(BigInteger)
    window_start_ms: Mapped[int] = mapped_column(BigInteger)
    bad: Mapped[int] = mapped_column(BigInteger)
    base: Mapped[int]
    value: Mapped[float | None] = mapped_column(Float)
    lower: Mapped[float | None] = mapped_column(Float)
    upper: Mapped[float | None] = mapped_column(Float)
    raw_bad: Mapped[int] = mapped_column(BigInteger)
    raw_base: Mapped[int]
    raw_value: Mapped[float | None] = mapped_column(Float)
    buyers: Mapped[int]
    verdict: Mapped[str | None] = mapped_column(String(16))
    trend: Mapped[str] = mapped_column(String(400))  # what rows without `weeks` show; empty since there are any
    # Amount/base of the last 12 weeks, comma-separated, oldest first; none: the version before wrote the row.
    weeks: Mapped[str | None] = mapped_column(String(400))
