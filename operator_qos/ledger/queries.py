"""Reading the ledger: scorecards, the units behind a number, promises, and everything about one order or case."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, and_, or_, select, text
from sqlalchemy import func as sql
from sqlalchemy.orm import InstrumentedAttribute, Session

from operator_qos.clock import to_ms
from operator_qos.db import among, chunks
from operator_qos.events.models import Event, EventBody
from operator_qos.ledger.card_numbers import list_trend
from operator_qos.ledger.models import (
    IS_ODD,
    CaseFact,
    CaseSpan,
    DefectFact,
    ExclusionFact,
    LineFact,
    Obligation,
    OrderFact,
    OutcomeRow,
    ParcelFact,
    PromiseFact,
    RefundFact,
    ReturnFact,
    ReviewFact,
    Scorecard,
    TurnFact,
)
from operator_qos.ledger.slow_metrics import list_answers, list_buyer_chances
from operator_qos.sellers.models import Shop
from scoring.events import TYPES
from scoring.metrics import GROUP_CODES, METRICS, METRICS_BY_CODE, SLOW_CODES, Metric, get_metric
from scoring.runs import REPEAT_MS, list_streak


@dataclass(frozen=True)
class ScorecardRow:
    """One metric of one shop as pages show it. `bad` is a sum for times [s] and ratings."""

    shop_id: int
    metric: str
    as_of_ms: int
    window_start_ms: int
    bad: int
    base: int
    value: float | None
    lower: float | None
    upper: float | None
    raw_bad: int
    raw_base: int
    raw_value: float | None
    buyers: int
    verdict: str | None
    trend: tuple[float | None, ...]


_SCORE = (Scorecard.shop_id, Scorecard.metric_code, Scorecard.as_of_ms, Scorecard.window_start_ms, Scorecard.bad,
          Scorecard.base, Scorecard.value, Scorecard.lower, Scorecard.upper, Scorecard.raw_bad, Scorecard.raw_base,
          Scorecard.raw_value, Scorecard.buyers, Scorecard.verdict, Scorecard.trend, Scorecard.weeks)


def counted_ms(row: Scorecard | Row[Any], cells_ms: int) -> int:
    """As of when a number of a scorecard holds [epoch ms], for the instant of its shop's day cells.

    Only what changes is written: the others hold as of that instant as well, but for those measured now and then.
    """
    at_ms: int = row.as_of_ms
    return at_ms if row.metric_code in SLOW_CODES else max(at_ms, cells_ms)


def _to_scorecard_row(row: Row[Any]) -> ScorecardRow:
    return ScorecardRow(
        row.shop_id, METRICS_BY_CODE[row.metric_code].id, counted_ms(row, row.cells_ms), row.window_start_ms, row.bad,
        row.base, row.value, row.lower, row.upper, row.raw_bad, row.raw_base, row.raw_value, row.buyers,
        row.verdict, _list_trend(row))


def _list_trend(row: Row[Any]) -> tuple[float | None, ...]:
    if row.weeks is not None:
        return list_trend(row.metric_code, row.weeks)
    return tuple(float(part) if part else None for part in row.trend.split(",")) if row.trend else ()


def list_scorecards(
    session: Session, shop_ids: Sequence[int], *, metrics: Collection[str] | None = None
) -> dict[int, dict[str, ScorecardRow]]:
    """Per shop its metrics by id; only some where asked."""
    found: dict[int, dict[str, ScorecardRow]] = {shop_id: {} for shop_id in shop_ids}
    query: Any = select(*_SCORE, Shop.cells_ms).join(Shop, Shop.id == Scorecard.shop_id)
    if metrics is not None:
        query = query.where(Scorecard.metric_code.in_(sorted({METRICS[metric].code for metric in metrics})))
    for part in chunks(list(shop_ids)):
        for row in session.execute(query.where(among(session, Scorecard.shop_id, part))):
            found[row.shop_id][METRICS_BY_CODE[row.metric_code].id] = _to_scorecard_row(row)
    return found


@dataclass(frozen=True)
class Unit:
    """One unit behind a number: whether it is in the base and bad, raw and officially; its amount [s] or rating."""

    unit: str
    order_ref: str | None
    anchor_ms: int
    base: bool
    bad: bool
    official_base: bool
    official_bad: bool
    amount: int
    kinds: tuple[str, ...] = ()
    settled_ms: int | None = None
    buyer: str | None = None


_COUNTED = (OutcomeRow.unit, OutcomeRow.order_ref, OutcomeRow.anchor_ms, OutcomeRow.bad, OutcomeRow.official_base,
            OutcomeRow.official_bad, OutcomeRow.amount, OutcomeRow.kinds, OutcomeRow.settled_ms, OutcomeRow.buyer)


def list_units(  # whose, of what, for when
    session: Session, shop_id: int, *, metric: str, window_start_ms: int, as_of_ms: int,
    only: Sequence[str] | None = None, only_odd: bool = False,
) -> list[Unit]:
    """The units in the base of one metric at T = K, by their anchor, latest first.

    `only` names those wanted, of metrics whose units are judged each by itself; `only_odd`: of such metrics those alone
    that are bad or forgiven.
    """
    defined = get_metric(metric)
    since_ms = window_start_ms - REPEAT_MS if defined.kind == "repeat" else window_start_ms
    query = _select_units(shop_id, defined, since_ms, as_of_ms)
    query = query if only is None else query.where(OutcomeRow.unit.in_(only))
    if only_odd and defined.kind not in {"repeat", "streak"}:
        flag = defined.flag
        query = query.where(
            text(f"({IS_ODD})"), or_(OutcomeRow.bad.op("&")(flag) != 0, OutcomeRow.official_base.op("&")(flag) == 0))
    found = [_to_unit(row, defined.flag) for row in session.execute(query)]
    if defined.kind == "repeat":
        return _mark_chances(found, start_ms=window_start_ms, as_of_ms=as_of_ms)
    return _mark_streak(found) if defined.kind == "streak" else found


@dataclass(frozen=True)
class OddCounts:
    """How many units of a metric count officially against a shop, and of how many something was forgiven."""

    bad: int
    forgiven: int


def list_latest_bad(  # whose, of what, for when
    session: Session, shop_id: int, *, metric: str, window_start_ms: int, as_of_ms: int, limit: int
) -> tuple[list[Unit], OddCounts]:
    """The latest units that count against a shop in a metric whose units are judged each by itself, and all counted.

    At least `limit` where there are as many: those anchored with the last of them come along.
    """
    defined = get_metric(metric)
    odd = _select_units(shop_id, defined, window_start_ms, as_of_ms).where(text(f"({IS_ODD})"))
    bad = odd.where(_has(OutcomeRow.official_bad, defined.flag))
    edge_ms = session.scalar(bad.with_only_columns(OutcomeRow.anchor_ms).order_by(None)
                             .order_by(OutcomeRow.anchor_ms.desc()).offset(limit - 1).limit(1))
    latest = bad if edge_ms is None else bad.where(OutcomeRow.anchor_ms >= edge_ms)
    is_forgiven = or_(~_has(OutcomeRow.official_base, defined.flag),
                      and_(_has(OutcomeRow.bad, defined.flag), ~_has(OutcomeRow.official_bad, defined.flag)))
    against, forgiven = session.execute(odd.order_by(None).with_only_columns(
        sql.count().filter(_has(OutcomeRow.official_bad, defined.flag)), sql.count().filter(is_forgiven))).one()
    return [_to_unit(row, defined.flag) for row in session.execute(latest)], OddCounts(against, forgiven)


def _has(mask: InstrumentedAttribute[int], flag: int) -> ColumnElement[bool]:
    return mask.op("&", return_type=Integer)(flag) != 0


def stream_units(
    session: Session, shop_id: int, *, metric: str, window_start_ms: int, as_of_ms: int, size: int = 2_000
) -> Iterator[Sequence[Unit]]:
    """What list_units lists, `size` units at a time; all are held only where each unit depends on the others."""
    defined = get_metric(metric)
    if defined.kind in {"repeat", "streak"}:
        units = list_units(session, shop_id, metric=metric, window_start_ms=window_start_ms, as_of_ms=as_of_ms)
        yield from chunks(units, size)
        return
    query = _select_units(shop_id, defined, window_start_ms, as_of_ms).execution_options(yield_per=size)
    for part in session.execute(query).partitions():
        yield [_to_unit(row, defined.flag) for row in part]


def _select_units(shop_id: int, metric: Metric, since_ms: int, as_of_ms: int) -> Select[Any]:
    units: Any = select(*_COUNTED)
    found: Select[Any] = units.where(
        OutcomeRow.shop_id == shop_id, OutcomeRow.group_code == GROUP_CODES[metric.group],
        OutcomeRow.anchor_ms >= since_ms, OutcomeRow.anchor_ms < as_of_ms, OutcomeRow.from_ms < as_of_ms,
        OutcomeRow.until_ms >= as_of_ms, OutcomeRow.base.op("&")(metric.flag) != 0,
    ).order_by(OutcomeRow.anchor_ms.desc(), OutcomeRow.unit)
    return found


def _to_unit(row: Row[Any], flag: int) -> Unit:
    return Unit(row.unit, row.order_ref, row.anchor_ms, True, bool(row.bad & flag), bool(row.official_base & flag),
                bool(row.official_bad & flag), row.amount, tuple(row.kinds.split(",")) if row.kinds else (),
                row.settled_ms, row.buyer)


def _mark_chances(units: Sequence[Unit], *, start_ms: int, as_of_ms: int) -> list[Unit]:
    """Of the orders of known buyers the first of each who could have come back, bad where nobody did."""
    chances = list_buyer_chances(units, True, start_ms=start_ms, as_of_ms=as_of_ms)
    missed = {chance.first.unit: chance.missed for chance in chances}
    return [replace(u, bad=missed[u.unit], official_bad=missed[u.unit]) for u in units if u.unit in missed]


def _mark_streak(units: Sequence[Unit]) -> list[Unit]:
    """The answered orders, bad where they belong to the refusals since the last acceptance."""
    raw, official = (set(list_streak(list_answers(units, True, official=which))) for which in (False, True))
    return [replace(u, bad=u.unit in raw, official_bad=u.unit in official) for u in units]


def list_open_obligations(
    session: Session, shop_ids: Sequence[int], *, now: datetime, owes: str = "seller", limit: int | None = None,
) -> list[Obligation]:
    """Promises neither settled nor void now, the first due first. A parcel's is void once it was silent for long."""
    query = select(Obligation).where(
        among(session, Obligation.shop_id, shop_ids), Obligation.owes == owes, Obligation.settled_ms.is_(None),
        Obligation.void_ms.is_(None) | (Obligation.void_ms > to_ms(now)),
    ).order_by(Obligation.due_ms, Obligation.ref)
    return list(session.scalars(query.limit(limit) if limit is not None else query))


@dataclass(frozen=True)
class OrderFile:
    """Everything known of one order."""

    order: OrderFact
    lines: Sequence[LineFact]
    parcels: Sequence[ParcelFact]
    promises: Sequence[PromiseFact]
    turns: Sequence[TurnFact]
    cases: Sequence[CaseFact]
    spans: Sequence[CaseSpan]
    reviews: Sequence[ReviewFact]
    refunds: Sequence[RefundFact]
    returns: Sequence[ReturnFact]
    defects: Sequence[DefectFact]
    exclusions: Sequence[ExclusionFact]
    obligations: Sequence[Obligation]


def find_order(session: Session, shop_id: int, order_ref: str) -> OrderFile | None:
    """One order with all that belongs to it."""
    order = session.scalar(select(OrderFact).where(OrderFact.shop_id == shop_id, OrderFact.order_ref == order_ref))
    if order is None:
        return None

    def of_order(model: Any, moment: Any) -> Sequence[Any]:
        return session.scalars(select(model).where(
            model.dossier_id == order.dossier_id, model.order_ref == order_ref).order_by(moment)).all()

    cases = of_order(CaseFact, CaseFact.opened_ms)
    spans = session.scalars(select(CaseSpan).where(
        CaseSpan.dossier_id == order.dossier_id, CaseSpan.case_ref.in_([case.case_ref for case in cases])
    ).order_by(CaseSpan.from_ms)).all()
    exclusions = session.scalars(select(ExclusionFact).where(
        ExclusionFact.dossier_id == order.dossier_id).order_by(ExclusionFact.at_ms)).all()
    return OrderFile(
        order, of_order(LineFact, LineFact.line), of_order(ParcelFact, ParcelFact.shipped_ms),
        of_order(PromiseFact, PromiseFact.from_ms), of_order(TurnFact, TurnFact.asked_ms), cases, spans,
        of_order(ReviewFact, ReviewFact.from_ms), of_order(RefundFact, RefundFact.at_ms),
        of_order(ReturnFact, ReturnFact.at_ms), of_order(DefectFact, DefectFact.from_ms), exclusions,
        of_order(Obligation, Obligation.due_ms))


@dataclass(frozen=True)
class LoggedEvent:
    """One event of the log with the text of its message, where that is still kept."""

    seq: int
    type: str
    at_ms: int
    source: str
    event_id: str
    subject: str
    data: Mapping[str, Any]
    text: str | None
    received_ms: int


def _text_of(body: str | None) -> str | None:
    """The free text of the original event: a message, grounds, a proof."""
    if body is None:
        return None
    data = json.loads(body).get("data") or {}
    return next((str(data[name]) for name in ("body", "grounds", "proof") if data.get(name)), None)


def _list_events(session: Session, dossier_id: int, *conditions: Any) -> list[LoggedEvent]:
    query = select(Event, EventBody.body).outerjoin(EventBody, EventBody.seq == Event.seq).where(
        Event.dossier_id == dossier_id, *conditions).order_by(
        Event.at_ms, Event.type_rank, Event.source, Event.event_id)
    return [
        LoggedEvent(e.seq, TYPES[e.type_rank], e.at_ms, e.source, e.event_id, e.subject, e.data, _text_of(body),
                    e.received_ms)
        for e, body in session.execute(query)
    ]


def list_order_events(session: Session, shop_id: int, order_ref: str) -> list[LoggedEvent]:
    """The events of an order and of what hangs on it, in time order."""
    dossier = session.scalar(select(OrderFact.dossier_id).where(
        OrderFact.shop_id == shop_id, OrderFact.order_ref == order_ref))
    return [] if dossier is None else _list_events(session, dossier)
