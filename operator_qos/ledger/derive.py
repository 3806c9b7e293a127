"""From the events of dossiers to rows: facts, obligations and outcome spans, replaced where they changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import orjson

from operator_qos.db import write_json
from scoring.calendars import CalendarBook, CalendarVersion, Closure
from scoring.cases import CaseState, seller_ms, standing_resolution
from scoring.dossier import Dossier, Frame, standing_events
from scoring.events import TypedEvent, order_key
from scoring.obligations import ObligationRow, list_obligations
from scoring.orders import OrderFacts, OrderState
from scoring.spans import FOREVER_MS, OutcomeSpan, list_defect_spans, trace
from scoring.windows import local_day

Row = tuple[Any, ...]
LARGEST = 2**63 - 1  # what a whole-number column holds

COLUMNS: dict[str, tuple[str, ...]] = {
    "OrderFact": (
        "order_ref", "buyer", "category", "country", "channel", "fulfilment", "business", "currency", "amount_minor",
        "carrier", "ordered_ms", "accepted_ms", "refused_ms", "refused_by", "paid_ms", "shipped_ms", "first_scan_ms",
        "first_attempt_ms", "arrived_ms", "delivered_ms", "cancelled_ms", "cancelled_by", "cancel_reason",
        "invoiced_ms", "ship_due_ms", "deliver_due_ms"),
    "LineFact": ("order_ref", "line", "sku", "category", "quantity", "amount_minor", "shipped_ms", "arrived_ms",
                 "delivered_ms", "cancelled_ms"),
    "ParcelFact": ("order_ref", "tracking", "carrier", "trackable", "shipped_ms", "first_scan_ms", "delivered_ms"),
    "PromiseFact": ("order_ref", "kind", "due_ms", "from_ms", "until_ms"),
    "TurnFact": ("source", "event_id", "conversation", "owes", "order_ref", "case_ref", "asked_ms", "due_ms",
                 "answered_ms", "waived_ms", "worked_seconds", "is_first"),
    "CaseFact": ("case_ref", "order_ref", "kind", "reason", "amount_minor", "opened_ms", "holder", "resolved_ms",
                 "reopened_ms", "escalated_ms", "withdrawn_ms", "closed_ms", "decided_ms", "fault", "counts",
                 "seller_seconds"),
    "CaseSpan": ("case_ref", "holder", "from_ms", "until_ms"),
    "ReviewFact": ("order_ref", "rating", "from_ms", "until_ms"),
    "RefundFact": ("order_ref", "at_ms", "amount_minor", "fault"),
    "ReturnFact": ("order_ref", "return_ref", "step", "reason", "at_ms"),
    "DefectFact": ("order_ref", "kind", "from_ms", "until_ms"),
    "ExclusionFact": ("name", "scope", "cause", "decided_by", "at_ms"),
    "Obligation": ("owes", "kind", "ref", "order_ref", "conversation", "opened_source", "opened_id", "since_ms",
                   "due_ms", "settled_ms", "void_ms", "void_reason", "waiting_for", "excluded", "standard_id",
                   "standard_version"),
    "OutcomeRow": ("group_code", "unit", "anchor_ms", "from_ms", "until_ms", "base", "bad", "official_base",
                   "official_bad", "amount", "order_ref", "buyer", "kinds", "settled_ms"),
}


def _list_taken_back(events: Sequence[TypedEvent]) -> dict[tuple[str, str], int]:
    """When each event was first taken back, by retractions that themselves stand [epoch ms]."""
    taken: dict[tuple[str, str], int] = {}
    for event in standing_events(events):
        if event.type == "event.retracted" and event.names is not None:
            taken.setdefault(event.names, event.at_ms)
    return taken


def _read_frames(named: Mapping[str, Iterable[Sequence[str]]]) -> dict[str, tuple[tuple[str, str], ...]]:
    """Weekdays or dates with their frames, as events hold them."""
    return {name: tuple((opens, closes) for opens, closes in frames) for name, frames in named.items()}


def build_book(events: Iterable[TypedEvent], zone: str) -> CalendarBook:
    """The clocks of a shop from its calendar events; `zone` is the zone its clock runs in."""
    known = list(events)
    standing = {(e.source, e.id) for e in standing_events(known)}
    taken = _list_taken_back(known)
    versions: list[CalendarVersion] = []
    closures: list[Closure] = []
    for event in sorted(known, key=order_key):
        name, data = (event.source, event.id), event.data
        unset = None if name in standing else taken.get(name)
        if event.type == "shop.closed_for":
            closures.append(Closure(data["from_"], data["until"], event.at_ms, unset))
        elif event.type == "shop.calendar_set":
            versions.append(_read_version(write_json(data), zone, event.at_ms, unset))
    return CalendarBook(zone, tuple(versions), tuple(closures))


@lru_cache(maxsize=1_000)
def _read_version(said: str, zone: str, set_at_ms: int, unset_at_ms: int | None) -> CalendarVersion:
    """Hours from the JSON text of their event; kept, because a shop's are read again with each batch it is in."""
    data = orjson.loads(said)
    given = data.get("effective_from")
    return CalendarVersion(
        hours=_read_frames(data.get("hours", {})),
        holidays=frozenset(date.fromisoformat(day) for day in data.get("holidays", ())),
        effective_from=date.fromisoformat(given) if given else local_day(set_at_ms, zone),
        set_at_ms=set_at_ms, unset_at_ms=unset_at_ms,
        overrides={date.fromisoformat(day): frames
                   for day, frames in _read_frames(data.get("overrides", {})).items()})


def main_line(fields: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Category of the line with the largest amount (ties by sku), and the amount of a placed order."""
    lines = fields.get("lines", ())
    amounts = [line["amount_minor"] * line.get("quantity", 1) for line in lines if "amount_minor" in line]
    largest = min(lines, key=lambda line: (-line.get("amount_minor", 0), line.get("sku", "")), default=None)
    return (largest.get("category") if largest else None), (min(sum(amounts), LARGEST) if amounts else None)


def _order_row(order: OrderState, facts: OrderFacts) -> Row:
    fields = {**order.fields, **order.corrections}
    category, amount = main_line(order.fields)
    return (
        order.id, fields.get("buyer"), category, fields.get("country"), fields.get("channel"),
        fields.get("fulfilment", "seller"), fields.get("business"), fields.get("currency"), amount,
        order.shipments[0].carrier if order.shipments else None, facts.ordered_ms, facts.accepted_ms, facts.refused_ms,
        facts.refused_by, order.firsts.get("order.paid"), facts.shipped_ms, facts.first_scan_ms,
        facts.first_attempt_ms, facts.arrived_ms, facts.delivered_ms, facts.cancelled_ms, facts.cancelled_by,
        facts.cancel_reason, order.firsts.get("order.invoiced"), facts.ship.due_ms if facts.ship else None,
        facts.deliver.due_ms if facts.deliver else None)


def _line_rows(order: OrderState, facts: OrderFacts) -> list[Row]:
    described = {line["line"]: line for line in order.fields.get("lines", ())}
    return [
        (order.id, line.line, said.get("sku"), said.get("category"), said.get("quantity"), said.get("amount_minor"),
         line.shipped_ms, line.arrived_ms, line.delivered_ms, line.cancelled_ms)
        for line in facts.lines if (said := described.get(line.line)) is not None
    ]


def _parcel_rows(order: OrderState) -> list[Row]:
    rows: list[Row] = []
    for shipment in order.shipments:
        scans = [s for s in order.scans if s.tracking in (None, shipment.tracking)]
        rows.append((
            order.id, shipment.tracking, shipment.carrier, shipment.trackable, shipment.at_ms,
            min((s.at_ms for s in scans), default=None),
            min((s.at_ms for s in scans if s.milestone == "delivered"), default=None)))
    return rows


def _review_rows(order: OrderState) -> list[Row]:
    ends = [version.at_ms for version in order.reviews[1:]] + [None]
    return [(order.id, v.rating, v.at_ms, until) for v, until in zip(order.reviews, ends, strict=True)] \
        if order.reviews else []


def _turn_rows(dossier: Dossier) -> list[Row]:
    rows: list[Row] = []
    for turn in dossier.list_turns():
        calendar = dossier.turn_clock(turn, FOREVER_MS)
        worked = None if turn.answered_ms is None else calendar.elapsed_ms(turn.asked_ms, turn.answered_ms) // 1000
        due_ms = dossier.frame.answer_due_ms(turn.asked_ms, calendar)
        rows.append((turn.source, turn.id, turn.conversation, turn.owes, dossier.turn_order(turn), turn.case,
                     turn.asked_ms, due_ms, turn.answered_ms, turn.waived_ms, worked, turn.first))
    return rows


def _case_row(dossier: Dossier, case: CaseState) -> Row:
    said = case.statement
    calendar = dossier.case_clock(case, FOREVER_MS)
    # An open span has no end yet; what the seller used is known up to the last thing that happened.
    last = max([span.from_ms for span in case.spans] + [span.until_ms or 0 for span in case.spans])
    return (case.id, case.order, case.kind, case.reason, case.amount_minor, case.opened_ms, case.holder,
            standing_resolution(case), max(case.reopened_ms, default=None), case.escalated_ms, case.withdrawn_ms,
            case.closed_ms, case.decided_ms, said.fault if said else None,
            said.counts if said else None, seller_ms(case, calendar, until_ms=last) // 1000)


def _order_rows(dossier: Dossier, rows: dict[str, list[Row]]) -> None:
    for order in dossier.orders.values():
        facts = dossier.order_facts(order.id)
        rows["OrderFact"].append(_order_row(order, facts))
        rows["LineFact"] += _line_rows(order, facts)
        rows["ParcelFact"] += _parcel_rows(order)
        rows["PromiseFact"] += [(order.id, p.kind, p.due_ms, p.from_ms, p.until_ms) for p in facts.promises]
        rows["ReviewFact"] += _review_rows(order)
        rows["RefundFact"] += [(order.id, r.at_ms, r.amount_minor, r.fault) for r in order.refunds]
        rows["ReturnFact"] += [(order.id, r.return_id, r.step, r.reason, r.at_ms) for r in order.returns]


def _span_row(span: OutcomeSpan) -> Row:
    o = span.outcome
    return (o.group, o.unit, o.anchor_ms, span.from_ms, span.until_ms, o.base, o.bad, o.official_base, o.official_bad,
            o.amount, o.order, o.buyer, ",".join(o.kinds) or None, o.settled_ms)


def _obligation_row(promise: ObligationRow, frame: Frame) -> Row:
    terms = frame.terms_at(promise.since_ms)
    return (*promise, terms.standard_id, terms.standard_version)


def derive_rows(events: Sequence[TypedEvent], frame: Frame) -> dict[str, list[Row]]:
    """Every row of one dossier by model name, without shop and dossier."""
    timeline = trace(events, frame)
    dossier = timeline.last
    rows: dict[str, list[Row]] = {name: [] for name in COLUMNS}
    _order_rows(dossier, rows)
    rows["TurnFact"] = _turn_rows(dossier)
    for case in dossier.list_cases():
        rows["CaseFact"].append(_case_row(dossier, case))
        rows["CaseSpan"] += [(case.id, s.holder, s.from_ms, s.until_ms) for s in case.spans]
    rows["DefectFact"] = [tuple(defect) for defect in list_defect_spans(timeline.spans)]
    rows["ExclusionFact"] = [
        (json.dumps(f.name, ensure_ascii=False), f.scope, f.cause, f.by, f.at_ms) for f in dossier.exclusions.values()]
    rows["Obligation"] = [_obligation_row(o, frame) for o in list_obligations(dossier)]
    rows["OutcomeRow"] = [_span_row(span) for span in timeline.spans]
    return rows
