"""The clock trace of a promise: who held the ball, and whether the clock of who owes it ran meanwhile.

Spans and rows hold epoch milliseconds [ms], traces aware UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType

from scoring.calendars import WorkingCalendar
from scoring.cases import CaseState, Span
from scoring.clock_trace import ClockKind, ClockSegment, ClockTrace, join_segments, trace_clock
from scoring.instants import from_ms, to_ms
from scoring.obligations import ObligationRow

KIND_OF_HOLDER: Mapping[str, ClockKind] = MappingProxyType({
    "buyer": ClockKind.WAITING_FOR_BUYER, "operator": ClockKind.WAITING_FOR_OPERATOR,
    "mediator": ClockKind.WAITING_FOR_OPERATOR, "carrier": ClockKind.WAITING_FOR_CARRIER, "nobody": ClockKind.SETTLED,
})


def trace_spans(
    clock: WorkingCalendar, spans: Iterable[Span], *, until_ms: int, owes: str = "seller",
    excluded: Iterable[tuple[int, int]] = (), limit_seconds: float | None = None,
) -> ClockTrace:
    """Who held the ball from when until when, on the clock of who ``owes``; what lies after ``until_ms`` is left out.

    Spans are those of a case, in order. Stretches ``excluded`` ``[from_ms, until_ms)`` take precedence. Raises
    ValueError for a holder nobody knows.
    """
    found: list[ClockSegment] = []
    for span in spans:
        end_ms = min(until_ms if span.until_ms is None else span.until_ms, until_ms)
        found += _trace_span(clock, span._replace(until_ms=end_ms), owes) if span.from_ms < end_ms else ()
    for from_at, to_at in excluded:
        found = list(_exclude(found, from_ms(from_at), from_ms(to_at)))
    return ClockTrace(join_segments(found), limit_seconds)


def trace_case(
    case: CaseState, clock: WorkingCalendar, *, until_ms: int, limit_seconds: float | None = None,
    is_excluded: bool = False,
) -> ClockTrace:
    """A case from its opening until it closed, was withdrawn or ``until_ms``, on the seller's clock."""
    ends = (until_ms, case.closed_ms, case.withdrawn_ms)
    end_ms = min(moment for moment in ends if moment is not None)
    last_ms = case.spans[-1].from_ms if case.spans and case.holder == "nobody" else end_ms
    return trace_spans(clock, case.spans, until_ms=min(end_ms, last_ms), limit_seconds=limit_seconds,
                       excluded=_whole(case.spans, end_ms) if is_excluded else ())


def trace_obligation(
    row: ObligationRow, clock: WorkingCalendar, *, now_ms: int, spans: Sequence[Span] = (),
    limit_seconds: float | None = None,
) -> ClockTrace:
    """A promise from its start until it was settled, void or ``now_ms``.

    ``spans`` say who held it, as those of its case do; without them its debtor held it all the time. An excluded
    promise is excluded from start to end.
    """
    ended = row.settled_ms if row.settled_ms is not None else row.void_ms
    end_ms = now_ms if ended is None else min(ended, now_ms)
    held = tuple(spans) or (Span(row.owes, row.since_ms, None),)
    return trace_spans(clock, held, until_ms=end_ms, owes=row.owes, limit_seconds=limit_seconds,
                       excluded=_whole(held, end_ms) if row.excluded else ())


def _trace_span(clock: WorkingCalendar, span: Span, owes: str) -> tuple[ClockSegment, ...]:
    end_ms = span.until_ms if span.until_ms is not None else span.from_ms
    if span.holder == owes:
        return trace_clock(clock, span.from_ms, end_ms)
    kind = KIND_OF_HOLDER.get(span.holder)
    if kind is None:
        raise ValueError(f"holder: {span.holder!r} is none of {owes}, {', '.join(KIND_OF_HOLDER)}")
    return (ClockSegment(from_ms(span.from_ms), from_ms(end_ms), kind),)


def _whole(spans: Sequence[Span], end_ms: int) -> tuple[tuple[int, int], ...]:
    return ((spans[0].from_ms, end_ms),) if spans else ()


def _exclude(segments: Iterable[ClockSegment], since: datetime, until: datetime) -> Iterator[ClockSegment]:
    """The segments with what lies in ``[since, until)`` excluded."""
    for segment in segments:
        cuts = sorted({segment.start, segment.end, *(at for at in (since, until) if segment.start < at < segment.end)})
        for start, end in pairwise(cuts):
            kind = ClockKind.EXCLUDED if since <= start < until else segment.kind
            yield ClockSegment(start, end, kind)


def span_of(holder: str, start: datetime, end: datetime | None = None) -> Span:
    """A span between aware datetimes, for ``trace_spans``; without an end it still lasts."""
    return Span(holder, to_ms(start, name="start"), None if end is None else to_ms(end, name="end"))
