"""How the clock of one promise ran: read from the ledger, traced on the shop's calendar or round the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.events.models import Event, EventId
from operator_qos.ledger.models import CaseFact, CaseSpan, Obligation, OrderFact, TurnFact
from operator_qos.ledger.service import build_frames
from scoring.calendars import WorkingCalendar
from scoring.cases import Span
from scoring.clock_trace import ClockTrace
from scoring.dossier import Frame
from scoring.dues import NEVER_MS
from scoring.promise_traces import trace_spans
from scoring.spans import FOREVER_MS

# Promises in working hours; every other one is a date or a moment.
WORKING = frozenset({"answer", "resolve"})
DAY_MS = 86_400_000
MOST_SHADED_DAYS = 400


@dataclass(frozen=True)
class PromiseName:
    """One promise as addresses name it: its kind and what it is about; `order_ref` where it hangs on an order."""

    kind: str
    ref: str
    owes: str
    order_ref: str | None
    conversation: str | None
    since_ms: int


@dataclass(frozen=True)
class PromiseClock:
    """A promise with its trace; `runs_on` is "hours" (the shop's) or "wall" (day and night).

    `due_ms` is None where its clock never comes to an end, `ended_ms` while it is open; `void_reason` says why it
    ended without being met. `open_hours` are the shop's, for the drawing.
    """

    name: PromiseName
    runs_on: str
    zone: str
    due_ms: int | None
    settled_ms: int | None
    void_reason: str | None
    waiting_for: str | None
    excluded: str | None
    standard: tuple[str, int]
    trace: ClockTrace
    is_ended: bool
    open_hours: tuple[tuple[datetime, datetime], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values: moments in ISO text (UTC), durations in seconds."""
        name = self.name
        return {
            "promise": name.kind, "of": name.ref, "order": name.order_ref, "conversation": name.conversation,
            "owed_by": name.owes, "runs_on": self.runs_on, "timezone": self.zone, "since": _iso(name.since_ms),
            "due": _iso(self.due_ms), "settled": _iso(self.settled_ms), "ended_without": self.void_reason,
            "waiting_for": self.waiting_for, "excluded": self.excluded, "is_ended": self.is_ended,
            "standard": {"id": self.standard[0], "version": self.standard[1]}, **self.trace.to_json(),
        }


def find_clock(session: Session, shop_id: int, *, kind: str, ref: str, now_ms: int) -> PromiseClock | None:
    """The clock of one promise of a shop as it stands now; None where there is no such promise."""
    dossiers = _list_dossiers(session, shop_id, kind, ref)
    row = session.scalars(select(Obligation).where(
        Obligation.dossier_id.in_(dossiers), Obligation.shop_id == shop_id, Obligation.kind == kind,
        Obligation.ref == ref)).first() if dossiers else None
    return None if row is None else _trace(session, row, now_ms)


def list_promises(
    session: Session, shop_id: int, *, order_ref: str | None = None, conversation: str | None = None
) -> list[PromiseName]:
    """The promises of an order, or the answers owed in a conversation, by their start."""
    model: Any = OrderFact if order_ref is not None else TurnFact
    found = OrderFact.order_ref == order_ref if order_ref is not None else TurnFact.conversation == conversation
    dossiers = set(session.scalars(select(model.dossier_id).where(model.shop_id == shop_id, found)))
    mine = Obligation.order_ref == order_ref if order_ref is not None else Obligation.conversation == conversation
    rows = session.scalars(select(Obligation).where(
        Obligation.dossier_id.in_(dossiers), Obligation.shop_id == shop_id, mine,
    ).order_by(Obligation.since_ms, Obligation.due_ms, Obligation.ref))
    return [_to_name(row) for row in rows]


def _list_dossiers(session: Session, shop_id: int, kind: str, ref: str) -> list[int]:
    """Where the promise can stand, by what it is about: never a walk over all promises of a shop."""
    if kind == "answer":
        places = [place for place, sign in enumerate(ref) if sign == "|"]
        names = [(ref[:place], ref[place + 1:]) for place in places]
        query = select(Event.dossier_id).join(EventId, EventId.seq == Event.seq).where(
            Event.shop_id == shop_id, tuple_(EventId.source, EventId.event_id).in_(names))
    elif kind == "resolve":
        query = select(CaseFact.dossier_id).where(CaseFact.shop_id == shop_id, CaseFact.case_ref == ref)
    else:
        query = select(OrderFact.dossier_id).where(OrderFact.shop_id == shop_id, OrderFact.order_ref == ref)
    return [dossier for dossier in session.scalars(query) if dossier is not None]


def _to_name(row: Obligation) -> PromiseName:
    return PromiseName(row.kind, row.ref, row.owes, row.order_ref, row.conversation, row.since_ms)


def _trace(session: Session, row: Obligation, now_ms: int) -> PromiseClock:
    frame = build_frames(session, [row.shop_id])[row.shop_id]
    is_working = row.kind in WORKING
    clock = _find_clock(session, frame, row)
    spans = _list_spans(session, row)
    ended_ms = _find_end(row, spans, now_ms)
    until_ms = now_ms if ended_ms is None else min(ended_ms, now_ms)
    trace = trace_spans(
        clock, spans, until_ms=until_ms, owes=row.owes, limit_seconds=_find_limit(frame, row, clock),
        excluded=((row.since_ms, until_ms),) if row.excluded else ())
    return PromiseClock(
        _to_name(row), "hours" if is_working else "wall", clock.zone,
        None if row.due_ms >= NEVER_MS else row.due_ms, row.settled_ms, row.void_reason, row.waiting_for, row.excluded,
        (row.standard_id, row.standard_version), trace, ended_ms is not None and ended_ms <= now_ms,
        _list_open_hours(clock, row.since_ms, until_ms) if is_working else ())


def _find_clock(session: Session, frame: Frame, row: Obligation) -> WorkingCalendar:
    """The clock of the terms it began under; what is due at a moment of its own runs on the wall's."""
    if row.kind not in WORKING:
        return WorkingCalendar(frame.zone)
    find = frame.answer_clock if row.kind == "answer" else frame.resolve_clock
    return find(FOREVER_MS, row.since_ms, _find_destination(session, frame, row))


def _find_destination(session: Session, frame: Frame, row: Obligation) -> str:
    """The country the order goes to, where its clock asks for it; else empty."""
    if row.order_ref is None or not frame.terms_at(row.since_ms).needs_destination:
        return ""
    return session.scalar(select(OrderFact.country).where(
        OrderFact.dossier_id == row.dossier_id, OrderFact.order_ref == row.order_ref)) or ""


def _list_spans(session: Session, row: Obligation) -> tuple[Span, ...]:
    """Who held it when: a case passes from hand to hand, everything else stays with who owes it."""
    if row.kind != "resolve":
        return (Span(row.owes, row.since_ms, None),)
    found = session.scalars(select(CaseSpan).where(
        CaseSpan.dossier_id == row.dossier_id, CaseSpan.case_ref == row.ref).order_by(CaseSpan.from_ms))
    return tuple(Span(span.holder, span.from_ms, span.until_ms) for span in found)


def _find_end(row: Obligation, spans: Sequence[Span], now_ms: int) -> int | None:
    """When its story was over; a case that went to a mediator goes on until nobody holds it."""
    if row.settled_ms is not None:
        return row.settled_ms
    if row.kind == "resolve":
        return spans[-1].from_ms if spans and spans[-1].holder == "nobody" else None
    return row.void_ms if row.void_ms is not None and row.void_ms <= now_ms else None


def _find_limit(frame: Frame, row: Obligation, clock: WorkingCalendar) -> float:
    """What was allowed [s]: by the terms it began under, else up to its due time."""
    terms = frame.terms_at(row.since_ms)
    if row.kind == "resolve":
        return terms.resolve_ms / 1000
    if row.kind == "answer" and (terms.answer_clock is None or terms.answer_clock.due_in_days is None):
        return terms.answer_ms / 1000
    return clock.elapsed_ms(row.since_ms, row.due_ms) / 1000 if row.due_ms < NEVER_MS else 0.0


def _list_open_hours(clock: WorkingCalendar, since_ms: int, until_ms: int) -> tuple[tuple[datetime, datetime], ...]:
    """The hours of every day drawn, whole; none for a shop that never closes, or where days cannot be told apart."""
    if clock.always_open or until_ms - since_ms > MOST_SHADED_DAYS * DAY_MS:
        return ()
    frames = clock.frames(since_ms - DAY_MS, until_ms + DAY_MS)
    pairs = zip(frames.from_at.tolist(), frames.to_at.tolist(), strict=True)
    return tuple((from_ms(since), from_ms(until)) for since, until in pairs)


def _iso(at_ms: int | None) -> str | None:
    return None if at_ms is None else from_ms(at_ms).isoformat().replace("+00:00", "Z")
