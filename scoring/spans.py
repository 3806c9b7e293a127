"""A dossier through time: from when until when each outcome holds, for K = T.

Walking the fold from one event or deadline to the next gives every value that any T will see, so day cells, past
scorecards and the rows behind a number are sums over spans and need no events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from scoring.dossier import Dossier, Frame, fold
from scoring.events import TypedEvent, order_key
from scoring.metrics import GROUP_CODES
from scoring.outcome_masks import Outcome
from scoring.outcomes import (
    ARRIVED,
    PERFECT_GROUP,
    SURVEYS,
    Part,
    find_perfect_from,
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


AHEAD_OR_BEFORE = frozenset({PERFECT_GROUP, ARRIVED})
Start = tuple[Outcome, int]  # an outcome, and after which instant it holds


def _is_same(before: Start, now: Start, at_ms: int) -> bool:
    """What held or was to hold until `at_ms` still does, from the same moment on."""
    return before[0] == now[0] and (before[1] == now[1] or (before[1] <= at_ms and now[1] <= at_ms))


class _Walk:
    """A dossier on its way through time. Only the parts that an event or a deadline touches are counted again."""

    def __init__(self, events: Sequence[TypedEvent], frame: Frame) -> None:
        self.frame, self.dossier = frame, Dossier(frame)
        self.events = sorted(events, key=order_key)
        self.place = 0
        self.changes = frame.book.changes_after(self.events[0].at_ms) if events else ()
        self.limits: dict[Part, list[int]] = {}
        self.open: dict[Part, list[Start]] = {}
        self.ended: list[OutcomeSpan] = []
        # Parcels that came before any deadline: looked at when something else happens, then as of their arrival.
        self.waiting: set[Part] = set()

    def next_ms(self, at_ms: int) -> int:
        """The next instant after which something may count differently."""
        soonest = self.events[self.place].at_ms if self.place < len(self.events) else FOREVER_MS
        for limits in (*self.limits.values(), self.changes):
            for limit in limits:
                if at_ms < limit < soonest:
                    soonest = limit
        return soonest

    def step(self, at_ms: int) -> None:
        """Take in the events of this instant and count anew what they, or deadlines of this instant, touch."""
        first = self.place
        while self.place < len(self.events) and self.events[self.place].at_ms == at_ms:
            self.place += 1
        arrived = self.events[first : self.place]
        moved = bool(arrived) or at_ms in self.changes
        if self.waiting and not all(self._leaves_parcels(event) for event in arrived):
            self._catch_up(self.events[first - 1].at_ms)
        if arrived and self._rewrite(arrived):
            self.dossier = fold(self.events[: self.place], self.frame)
            self._forget(at_ms)
            touched: Iterable[Part] = list_parts(self.dossier)
        else:
            for event in arrived:
                self.dossier.apply(event)
            touched = self._list_touched(arrived, at_ms)
        for part in touched:
            self._see(part, at_ms, moved=moved)

    def _leaves_parcels(self, event: TypedEvent) -> bool:
        """The event cannot change when a parcel came, or what was promised."""
        if event.type in TOUCHES:
            return "deliver" not in TOUCHES[event.type] or self._is_quiet(event)
        return event.type.startswith(("message.", "conversation."))

    def _catch_up(self, at_ms: int) -> None:
        for part in tuple(self.waiting):
            self._see(part, at_ms, moved=False)

    def _forget(self, at_ms: int) -> None:
        """End what a rewritten past no longer holds."""
        for part in self.limits.keys() - set(list_parts(self.dossier)):
            self._end(self.open.pop(part, []), at_ms)
            del self.limits[part]

    def _rewrite(self, arrived: Sequence[TypedEvent]) -> bool:
        """Whether these events change what earlier ones meant."""
        talked = {e.subject for e in arrived if e.type == "message.sent"} | self.dossier.conversations.keys()
        return any(
            e.type == "event.retracted" or (e.type == "case.opened" and e.subject in talked) for e in arrived)

    def _list_touched(self, arrived: Sequence[TypedEvent], at_ms: int) -> set[Part]:
        if at_ms in self.changes:
            return set(list_parts(self.dossier))
        touched = {part for part, limits in self.limits.items() if at_ms in limits}
        for event in arrived:
            touched.update(self._list_touched_by(event))
        return touched

    def _list_touched_by(self, event: TypedEvent) -> list[Part]:
        """The parts that may count differently after the event."""
        groups = TOUCHES.get(event.type)
        if groups is not None and event.order is not None:
            if not self._is_quiet(event):
                return [(group, event.order) for group in groups]
            self.waiting.add(("deliver", event.order))
        if groups is not None:
            return []
        if event.type.startswith("obligation."):
            return list_parts(self.dossier)
        if event.type == "survey.answered":
            return [SURVEYS]
        # A talk or a case: its turns and cases, the defects and contacts of orders, buyers of a new order.
        talk: list[Part] = [("turn", name) for name in self.dossier.conversations]
        talk += [("case", case.id) for case in self.dossier.list_cases()]
        if event.type in {"order.placed", "order.corrected"} and event.order is not None:
            return talk + list_order_parts(self.dossier.orders[event.order])
        return talk + [("placed", name) for name in self.dossier.orders]

    def _is_quiet(self, event: TypedEvent) -> bool:
        """A parcel moving before any of its deadlines: they will find it there, only its arrival counts from now."""
        if event.type not in {"tracking.scanned", "order.delivered"} or event.order is None:
            return False
        due = self.limits.get(("deliver", event.order), [])
        return bool(due) and all(limit >= event.at_ms for limit in due + self.limits.get(("shipped", event.order), []))

    def _see(self, part: Part, at_ms: int, *, moved: bool) -> None:
        """After `at_ms` the part counts as it does now; `moved`: its deadlines may have changed too."""
        if moved:
            self.limits[part] = list_part_limits(self.dossier, part, at_ms + 1)
        outcomes = list_part_outcomes(self.dossier, part, as_of_ms=at_ms + 1, known_at_ms=at_ms + 1)
        held = self.open.get(part, [])
        is_dated = bool(outcomes) and outcomes[-1].group in AHEAD_OR_BEFORE
        if not is_dated and len(held) == len(outcomes) and all(
                was == outcome for (was, _), outcome in zip(held, outcomes, strict=True)):
            return
        starts = [(outcome, self._find_start(part, outcome, at_ms) if is_dated else at_ms) for outcome in outcomes]
        if self.waiting:
            self.waiting.discard(part)
        self.open[part] = self._go_on(held, starts, at_ms) if held else starts

    def _go_on(self, held: list[Start], starts: list[Start], at_ms: int) -> list[Start]:
        """What is held from now on: what goes on keeps its start, the rest of what was held ends."""
        since = {(outcome.group, outcome.unit): (outcome, from_ms) for outcome, from_ms in held}
        kept: list[Start] = []
        for start in starts:
            before = since.get((start[0].group, start[0].unit))
            kept.append(before if before is not None and _is_same(before, start, at_ms) else start)
        self._end([start for start in held if start not in kept], at_ms)
        return kept

    def _find_start(self, part: Part, outcome: Outcome, at_ms: int) -> int:
        """Since, or from when on, an outcome found at `at_ms` holds."""
        if outcome.group == PERFECT_GROUP:
            return max(at_ms, find_perfect_from(self.dossier, outcome.unit) or 0)
        return outcome.anchor_ms if outcome.group == ARRIVED and part in self.waiting else at_ms

    def _end(self, starts: Iterable[Start], at_ms: int) -> None:
        self.ended += [OutcomeSpan(outcome, from_ms, at_ms) for outcome, from_ms in starts if from_ms < at_ms]

    def finish(self) -> Timeline:
        """The spans found, the open ones included."""
        still = [OutcomeSpan(o, since, FOREVER_MS) for held in self.open.values() for o, since in held]
        return Timeline((*self.ended, *still), self.dossier)


# Events that change how one order counts and nothing else in the dossier, with the groups they may change.
_ALL_BUT_REVIEW = ("placed", "ship", "deliver", "shipped")
TOUCHES: Mapping[str, tuple[str, ...]] = {
    "order.accepted": ("placed",), "order.refused": ("placed", "ship", "deliver"), "order.paid": (),
    "order.invoiced": ("shipped",), "order.cancelled": _ALL_BUT_REVIEW, "order.shipped": _ALL_BUT_REVIEW,
    "order.promise_moved": ("placed", "ship", "deliver"), "tracking.scanned": ("placed", "deliver", "shipped"),
    "order.delivered": ("placed", "deliver"), "order.refunded": ("placed", "return"),
    "return.requested": ("placed", "shipped", "return"), "return.received": ("return",), "return.refused": ("return",),
    "return.refunded": ("return",), "review.posted": ("placed", "review"), "review.changed": ("placed", "review"),
    "review.removed": ("placed", "review"), "review.replied": ("review",),
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
