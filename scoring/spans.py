"""A dossier through time: from when until when each outcome holds, for K = T.

Walking the fold from one event or deadline to the next gives every value that any T will see, so day cells, past
scorecards and the rows behind a number are sums over spans and need no events.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scoring.dossier import Dossier, Frame, fold
from scoring.events import TypedEvent, order_key
from scoring.metrics import GROUP_CODES
from scoring.outcomes import (
    Outcome,
    Part,
    list_order_parts,
    list_part_limits,
    list_part_outcomes,
    list_parts,
)

PLACED = GROUP_CODES["placed"]
FOREVER_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z, later than any T


class OutcomeSpan(NamedTuple):
    """`outcome` holds for every T with `from_ms < T <= until_ms` [epoch ms] and K = T."""

    outcome: Outcome
    from_ms: int
    until_ms: int


@dataclass(frozen=True)
class Timeline:
    """The life of a dossier: every outcome with the T for which it holds, and the state after the last event."""

    spans: tuple[OutcomeSpan, ...]
    last: Dossier


class _Walk:
    """A dossier on its way through time. Only the parts that an event or a deadline touches are counted again."""

    def __init__(self, events: Sequence[TypedEvent], frame: Frame) -> None:
        self.frame, self.dossier = frame, Dossier(frame)
        self.events = sorted(events, key=order_key)
        self.place = 0
        self.changes = frame.book.changes_after(self.events[0].at_ms) if events else ()
        self.limits: dict[Part, list[int]] = {}
        self.open: dict[Part, dict[tuple[int, str], tuple[Outcome, int]]] = {}
        self.ended: list[OutcomeSpan] = []

    def next_ms(self, at_ms: int) -> int:
        """The next instant after which something may count differently."""
        upcoming = [limit for limits in self.limits.values() for limit in limits if limit > at_ms]
        upcoming += [change for change in self.changes if change > at_ms]
        if self.place < len(self.events):
            upcoming.append(self.events[self.place].at_ms)
        return min(upcoming, default=FOREVER_MS)

    def step(self, at_ms: int) -> None:
        """Take in the events of this instant and count anew what they, or deadlines of this instant, touch."""
        first = self.place
        while self.place < len(self.events) and self.events[self.place].at_ms == at_ms:
            self.place += 1
        arrived = self.events[first : self.place]
        if self._rewrite(arrived):
            self.dossier = fold(self.events[: self.place], self.frame)
        else:
            for event in arrived:
                self.dossier.apply(event)
        for part in self._list_touched(arrived, at_ms):
            self._see(part, at_ms)

    def _rewrite(self, arrived: Sequence[TypedEvent]) -> bool:
        """Whether these events change what earlier ones meant."""
        talked = {e.subject for e in arrived if e.type == "message.sent"} | self.dossier.conversations.keys()
        return any(
            e.type == "event.retracted" or (e.type == "case.opened" and e.subject in talked) for e in arrived)

    def _list_touched(self, arrived: Sequence[TypedEvent], at_ms: int) -> set[Part]:
        if at_ms in self.changes or any(event.type not in TOUCHES for event in arrived):
            return {*list_parts(self.dossier), *self.limits}
        touched = {part for part, limits in self.limits.items() if at_ms in limits}
        for event in arrived:
            if event.order is not None and not self._is_quiet(event):
                touched.update(list_order_parts(event.order, TOUCHES[event.type]))
        return touched

    def _is_quiet(self, event: TypedEvent) -> bool:
        """A parcel moving before any of its deadlines: they will find it there, nothing counts differently yet."""
        if event.type not in {"tracking.scanned", "order.delivered"} or event.order is None:
            return False
        deadlines = self.limits.get(("deliver", event.order), []) + self.limits.get(("shipped", event.order), [])
        return bool(self.limits.get(("deliver", event.order))) and all(limit >= event.at_ms for limit in deadlines)

    def _see(self, part: Part, at_ms: int) -> None:
        """After `at_ms` the part counts as it does now."""
        if part[1] in _things(self.dossier, part[0]):
            self.limits[part] = list_part_limits(self.dossier, part, at_ms + 1)
            outcomes = list_part_outcomes(self.dossier, part, as_of_ms=at_ms + 1, known_at_ms=at_ms + 1)
        else:
            self.limits[part], outcomes = [], []
        held = self.open.setdefault(part, {})
        if not held and not outcomes:
            return
        now = {(outcome.group, outcome.unit): outcome for outcome in outcomes}
        for key, (outcome, since) in list(held.items()):
            if now.get(key) != outcome:
                self.ended.append(OutcomeSpan(outcome, since, at_ms))
                del held[key]
        for key, outcome in now.items():
            if key not in held:
                held[key] = (outcome, at_ms)

    def finish(self) -> Timeline:
        """The spans found, the open ones included."""
        still = [OutcomeSpan(o, since, FOREVER_MS) for held in self.open.values() for o, since in held.values()]
        return Timeline((*self.ended, *still), self.dossier)


def _things(dossier: Dossier, group: str) -> Container[str]:
    if group == "turn":
        return dossier.conversations
    return {case.id for case in dossier.list_cases()} if group == "case" else dossier.orders


# Events that change how one order counts and nothing else in the dossier, with the groups they may change.
_ALL_BUT_REVIEW = ("placed", "ship", "deliver", "shipped")
TOUCHES: Mapping[str, tuple[str, ...]] = {
    "order.accepted": ("placed",), "order.refused": ("placed", "ship", "deliver"), "order.paid": (),
    "order.invoiced": (), "order.cancelled": _ALL_BUT_REVIEW, "order.shipped": _ALL_BUT_REVIEW,
    "order.promise_moved": ("placed", "ship", "deliver"), "tracking.scanned": ("placed", "deliver", "shipped"),
    "order.delivered": ("placed", "deliver"), "order.refunded": ("placed",), "return.requested": ("shipped",),
    "return.received": (), "return.refused": (), "return.refunded": (), "review.posted": ("placed", "review"),
    "review.changed": ("placed", "review"), "review.removed": ("placed", "review"), "review.replied": (),
}


def trace(events: Sequence[TypedEvent], frame: Frame) -> Timeline:
    """Walk a dossier from its first event to its last deadline; the events may come in any order."""
    walk = _Walk(events, frame)
    at_ms = walk.events[0].at_ms if walk.events else FOREVER_MS
    while at_ms < FOREVER_MS:
        walk.step(at_ms)
        at_ms = walk.next_ms(at_ms)
    return walk.finish()


def standing_at(spans: Sequence[OutcomeSpan], as_of_ms: int) -> list[Outcome]:
    """The outcomes that hold at T, for K = T."""
    return [span.outcome for span in spans if span.from_ms < as_of_ms <= span.until_ms]


class DefectSpan(NamedTuple):
    """A defect of an order, standing for every T with `from_ms < T <= until_ms`; until_ms None: still."""

    order: str
    kind: str
    from_ms: int
    until_ms: int | None


def list_defect_spans(spans: Sequence[OutcomeSpan]) -> list[DefectSpan]:
    """The defects of the orders in these spans, each from when until when it stood."""
    placed = sorted((s for s in spans if s.outcome.group == PLACED and s.outcome.kinds), key=lambda s: s.from_ms)
    found: dict[tuple[str, str], list[DefectSpan]] = {}
    for span in placed:
        until = None if span.until_ms == FOREVER_MS else span.until_ms
        for kind in span.outcome.kinds:
            runs = found.setdefault((span.outcome.unit, kind), [])
            if runs and runs[-1].until_ms == span.from_ms:
                runs[-1] = runs[-1]._replace(until_ms=until)
            else:
                runs.append(DefectSpan(span.outcome.unit, kind, span.from_ms, until))
    return [run for runs in found.values() for run in runs]
