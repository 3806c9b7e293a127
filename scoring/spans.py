"""A dossier through time: from when until when each outcome holds, for K = T.

Walking the fold from one event or deadline to the next gives every value that any T will see, so day cells, past
scorecards and the rows behind a number are sums over spans and need no events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scoring.dossier import Dossier, Frame, fold, standing_events
from scoring.events import TypedEvent, order_key
from scoring.outcomes import Outcome, list_limits, list_outcomes

FOREVER_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z, later than any T


class OutcomeSpan(NamedTuple):
    """`outcome` holds for every T with `from_ms < T <= until_ms` [epoch ms] and K = T."""

    outcome: Outcome
    from_ms: int
    until_ms: int


def _next_ms(dossier: Dossier, events: Sequence[TypedEvent], place: int, at_ms: int, changes: Sequence[int]) -> int:
    upcoming = [limit for limit in list_limits(dossier, at_ms + 1) if limit > at_ms]
    upcoming += [change for change in changes if change > at_ms]
    if place < len(events):
        upcoming.append(events[place].at_ms)
    return min(upcoming, default=FOREVER_MS)


class _Ledger:
    """The spans still open and those that ended, while a dossier is walked."""

    def __init__(self) -> None:
        self.open: dict[tuple[int, str], tuple[Outcome, int]] = {}
        self.ended: list[OutcomeSpan] = []

    def see(self, outcomes: list[Outcome], at_ms: int) -> None:
        """After `at_ms` these outcomes hold."""
        now = {(outcome.group, outcome.unit): outcome for outcome in outcomes}
        for key, (outcome, since) in list(self.open.items()):
            if now.get(key) != outcome:
                self.ended.append(OutcomeSpan(outcome, since, at_ms))
                del self.open[key]
        for key, outcome in now.items():
            if key not in self.open:
                self.open[key] = (outcome, at_ms)


def list_spans(events: Sequence[TypedEvent], frame: Frame) -> list[OutcomeSpan]:
    """Every outcome of the dossier with the T for which it holds; the events may come in any order."""
    ordered = sorted(events, key=order_key)
    if not ordered:
        return []
    changes = frame.book.changes_after(ordered[0].at_ms)
    ledger, dossier, place = _Ledger(), Dossier(frame), 0
    at_ms = ordered[0].at_ms
    while at_ms < FOREVER_MS:
        retracts = False
        first = place
        while place < len(ordered) and ordered[place].at_ms == at_ms:
            retracts = retracts or ordered[place].type == "event.retracted"
            place += 1
        if retracts:
            dossier = fold(ordered[:place], frame)
        else:
            for event in ordered[first:place]:
                dossier.apply(event)
        ledger.see(list_outcomes(dossier, as_of_ms=at_ms + 1, known_at_ms=at_ms + 1), at_ms)
        at_ms = _next_ms(dossier, ordered, place, at_ms, changes)
    return ledger.ended + [OutcomeSpan(outcome, since, FOREVER_MS) for outcome, since in ledger.open.values()]


def standing_at(spans: Sequence[OutcomeSpan], as_of_ms: int) -> list[Outcome]:
    """The outcomes that hold at T, for K = T."""
    return [span.outcome for span in spans if span.from_ms < as_of_ms <= span.until_ms]


__all__ = ["FOREVER_MS", "OutcomeSpan", "list_spans", "standing_at", "standing_events"]
