"""Promises: from a dossier to rows of who owes what, since when, until when, and how it ended."""

from __future__ import annotations

from typing import NamedTuple

from scoring.cases import CaseState, standing_resolution
from scoring.dossier import Dossier
from scoring.dues import add_or_never
from scoring.orders import OrderFacts, OrderState
from scoring.spans import FOREVER_MS
from scoring.windows import promise_due_ms

DAY_MS = 86_400_000
SILENT_DELIVERY_MS = 30 * DAY_MS  # a delivery promise ends that long after its due time without a scan
TRACK_MS = 2 * DAY_MS


class ObligationRow(NamedTuple):
    """One promise. Moments are epoch milliseconds; `void_ms` ends it without an answer, for `void_reason`.

    While `waiting_for` somebody else, `due_ms` is the instant it would be due if the clock started again where it
    stopped.
    """

    owes: str
    kind: str
    ref: str
    order: str | None
    conversation: str | None
    opened_source: str
    opened_id: str
    since_ms: int
    due_ms: int
    settled_ms: int | None
    void_ms: int | None
    void_reason: str | None
    waiting_for: str | None
    excluded: str | None


def _scope(dossier: Dossier, *name: str) -> str | None:
    found = dossier.exclusions.get(name)
    return found.scope if found else None


def _end(settled: int | None, *voids: tuple[int | None, str]) -> tuple[int | None, int | None, str | None]:
    """(settled, void, reason): what came first; settled wins a tie."""
    ends = [(moment, 1, reason) for moment, reason in voids if moment is not None]
    if settled is not None:
        ends.append((settled, 0, ""))
    if not ends:
        return None, None, None
    moment, is_void, reason = min(ends)
    return (None, moment, reason) if is_void else (moment, None, None)


def _order_promise(dossier: Dossier, order: OrderState, kind: str, *, due_ms: int, since_ms: int,
                   end: tuple[int | None, int | None, str | None]) -> ObligationRow:
    source, event_id = order.opener
    settled, void, reason = end
    return ObligationRow("seller", kind, order.id, order.id, None, source, event_id, since_ms, due_ms, settled, void,
                         reason, None, _scope(dossier, kind, order.id))


def _list_order_promises(dossier: Dossier, order: OrderState, facts: OrderFacts) -> list[ObligationRow]:
    if facts.ordered_ms is None:
        return []
    ended = ((facts.refused_ms, "refused"), (facts.cancelled_ms, "cancelled"))
    found: list[ObligationRow] = []
    accept_by = order.corrections.get("accept_by", order.fields.get("accept_by"))
    if accept_by is not None:
        answered = min((m for m in (facts.accepted_ms, facts.refused_ms) if m is not None), default=None)
        found.append(_order_promise(
            dossier, order, "accept", due_ms=promise_due_ms(accept_by, dossier.frame.zone), since_ms=facts.ordered_ms,
            end=_end(answered, (facts.cancelled_ms, "cancelled"))))
    if not facts.own_fulfilment:
        return found
    if facts.ship is not None:
        found.append(_order_promise(dossier, order, "ship", due_ms=facts.ship.due_ms, since_ms=facts.ordered_ms,
                                    end=_end(facts.shipped_ms, *ended)))
    return found + _list_parcel_promises(dossier, order, facts)


def _list_parcel_promises(dossier: Dossier, order: OrderState, facts: OrderFacts) -> list[ObligationRow]:
    """Track and deliver: promises of parcels under way."""
    found: list[ObligationRow] = []
    ended = ((facts.refused_ms, "refused"), (facts.cancelled_ms, "cancelled"))
    if facts.shipped_ms is not None and facts.trackable:
        arrived = facts.arrived_ms if facts.delivery_known else None
        found.append(_order_promise(
            dossier, order, "track", due_ms=facts.shipped_ms + TRACK_MS, since_ms=facts.shipped_ms,
            end=_end(facts.first_scan_ms, (arrived, "delivered"),
                     (facts.shipped_ms + TRACK_MS + SILENT_DELIVERY_MS, "unknown"))))
    if facts.deliver is not None:
        silent = facts.deliver.due_ms + SILENT_DELIVERY_MS
        found.append(_order_promise(
            dossier, order, "deliver", due_ms=facts.deliver.due_ms, since_ms=facts.ordered_ms or 0,
            end=_end(facts.arrived_ms, *ended, (silent, "unknown"))))
    return found


def _list_answers(dossier: Dossier) -> list[ObligationRow]:
    found: list[ObligationRow] = []
    for turn in dossier.list_turns():
        case = dossier.cases.get(turn.case) if turn.case else None
        found.append(ObligationRow(
            turn.owes, "answer", turn.unit, dossier.turn_order(turn), turn.conversation, turn.source, turn.id,
            turn.asked_ms, dossier.turn_due_ms(turn, FOREVER_MS),
            *_end(turn.answered_ms, (turn.waived_ms, "waived"), (case.closed_ms if case else None, "case closed")),
            None, _scope(dossier, "answer", turn.source, turn.id)))
    return found


def _resolve_due_ms(dossier: Dossier, case: CaseState) -> int:
    """When the seller's time is used up if the clock runs on from its last stand [epoch ms]."""
    opened = case.opened_ms or 0
    calendar = dossier.case_clock(case, FOREVER_MS)
    held = [span for span in case.spans if span.holder == "seller"]
    last = held[-1]
    used_before = sum(calendar.elapsed_ms(s.from_ms, s.until_ms or s.from_ms) for s in held[:-1])
    left = dossier.frame.terms_at(opened).resolve_ms - used_before
    if left <= 0:
        return last.from_ms
    start = last.from_ms
    if last.until_ms is not None and calendar.elapsed_ms(start, last.until_ms) < left:
        left -= calendar.elapsed_ms(start, last.until_ms)
        start = case.spans[-1].from_ms
    return add_or_never(calendar, start, left)


def _list_resolutions(dossier: Dossier) -> list[ObligationRow]:
    found: list[ObligationRow] = []
    for case in dossier.list_cases():
        source, event_id = case.opener or ("", "")
        waiting = case.holder if case.holder not in {"seller", "nobody"} else None
        found.append(ObligationRow(
            "seller", "resolve", case.id, case.order, None, source, event_id, case.opened_ms or 0,
            _resolve_due_ms(dossier, case),
            *_end(standing_resolution(case), (case.withdrawn_ms, "withdrawn"), (case.closed_ms, "closed"),
                  (case.spans[-1].from_ms if case.in_mediation else None, "in mediation")),
            waiting, _scope(dossier, "resolve", case.id)))
    return found


def list_obligations(dossier: Dossier) -> list[ObligationRow]:
    """Every promise of the dossier, open or ended, by what is known now."""
    found: list[ObligationRow] = []
    for order in dossier.orders.values():
        found += _list_order_promises(dossier, order, dossier.order_facts(order.id))
    return found + _list_answers(dossier) + _list_resolutions(dossier)

