"""A dossier: all that belongs to one order, its parcels, conversations, cases and reviews, folded from its events.

The one definition of every fact. `fold` of the events visible at (T, K) is what was true at T for whoever knows K;
`scoring.spans` walks the same fold forward in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scoring.calendars import CalendarBook, WorkingCalendar
from scoring.cases import CaseState, apply_case_event, apply_case_message
from scoring.clocks import find_due_ms
from scoring.dues import add_or_never
from scoring.events import KNOWN_TYPES, TypedEvent, order_key
from scoring.orders import OrderFacts, OrderState, apply_order_event, derive_order
from scoring.standards.decisions import Clock
from scoring.terms import Clocks, Terms, find_terms
from scoring.turns import (
    Conversation,
    Turn,
    answer,
    answers,
    answers_seller,
    asks,
    asks_operator,
    open_or_join,
    waive,
)

ORDER_FAMILIES = frozenset({"order", "tracking", "return", "review"})


@dataclass(frozen=True)
class Frame:
    """What a dossier is judged in: the marketplace's zone, the shop's clocks, the terms of its standards one by one."""

    zone: str
    book: CalendarBook
    terms: tuple[Terms, ...] = (Terms(),)
    clocks: Clocks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "clocks", Clocks(self.book, self.zone))

    def terms_at(self, at_ms: int) -> Terms:
        """The terms of what began at a moment [epoch ms]."""
        return self.terms[0] if len(self.terms) == 1 else find_terms(self.terms, at_ms)

    def answer_clock(self, known_at_ms: int, asked_ms: int, country: str = "") -> WorkingCalendar:
        """The clock an answer is timed on, by what was known before a moment [epoch ms], for a destination."""
        terms = self.terms_at(asked_ms)
        return self._find_clock(terms, terms.answer_clock, (known_at_ms, asked_ms), country)

    def resolve_clock(self, known_at_ms: int, opened_ms: int, country: str = "") -> WorkingCalendar:
        """The clock a resolution is timed on, by what was known before a moment [epoch ms], for a destination."""
        terms = self.terms_at(opened_ms)
        return self._find_clock(terms, terms.resolve_clock, (known_at_ms, opened_ms), country)

    def answer_due_ms(self, asked_ms: int, calendar: WorkingCalendar) -> int:
        """The last instant at which an answer is in time [epoch ms]; ``calendar`` is its ``answer_clock``."""
        terms = self.terms_at(asked_ms)
        clock = terms.answer_clock
        if clock is None or clock.due_in_days is None:
            return add_or_never(calendar, asked_ms, terms.answer_ms)
        return find_due_ms(clock, asked_ms, calendar)

    def _find_clock(self, terms: Terms, clock: Clock | None, moments: tuple[int, int], country: str) -> WorkingCalendar:
        if clock is None:
            return self.book.at(*moments)
        return self.clocks.at(clock, *moments, holidays=terms.list_holidays(clock, country), country=country)


Name = tuple[str, ...]


def exclusion_name(data: dict[str, Any]) -> Name:
    """What an exclusion forgives, as a key: ("ship", order), ("answer", source, id), ("defect", kind, order)…"""
    if "defect" in data:
        return "defect", data["defect"]["kind"], data["defect"]["order"]
    named = data["obligation"]
    if named["kind"] == "answer":
        return "answer", named["source"], named["id"]
    return named["kind"], named.get("case") or named["order"]


@dataclass(frozen=True, slots=True)
class Forgiven:
    """The standing exclusion of one thing."""

    name: Name
    scope: str
    cause: str | None
    by: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Survey:
    """One answer to a survey about an order, a case, a mediation or the operator; `subject` names it."""

    source: str
    id: str
    subject: str
    at_ms: int
    about: str
    rating: int


@dataclass(slots=True)
class Dossier:
    """The state after the events taken in so far."""

    frame: Frame
    orders: dict[str, OrderState] = field(default_factory=dict)
    cases: dict[str, CaseState] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    exclusions: dict[Name, Forgiven] = field(default_factory=dict)
    surveys: list[Survey] = field(default_factory=list)
    # Cases that will be opened: a conversation with a case's id belongs to it even before.
    announced: frozenset[str] = frozenset()
    _facts: dict[str, OrderFacts] = field(default_factory=dict)

    def order_facts(self, order_id: str) -> OrderFacts:
        """The facts of one order, derived once per change."""
        if order_id not in self._facts:
            self._facts[order_id] = derive_order(self.orders[order_id], self.frame.zone)
        return self._facts[order_id]

    def apply(self, event: TypedEvent) -> None:
        """Take in one event; events come in their order."""
        family = event.type.partition(".")[0]
        if family in ORDER_FAMILIES:
            self._apply_order(event)
        elif family == "case":
            self._apply_case(event)
        elif event.type == "message.sent":
            self._apply_message(event)
        elif event.type == "conversation.no_reply_needed":
            waive(self._conversation(event.subject).open_turn(), event.at_ms)
        elif family == "obligation":
            self._apply_exclusion(event)
        elif family == "survey":
            data = event.data
            self.surveys.append(Survey(
                event.source, event.id, event.subject, event.at_ms, data["about"], data["rating"]))

    def list_turns(self) -> list[Turn]:
        """Every turn of every conversation."""
        return [turn for conversation in self.conversations.values() for turn in conversation.turns]

    def list_cases(self) -> list[CaseState]:
        """Every case that was opened."""
        return [case for case in self.cases.values() if case.opened_ms is not None]

    def cases_of(self, order_id: str) -> list[CaseState]:
        """The opened cases on one order."""
        return [case for case in self.cases.values() if case.order == order_id and case.opened_ms is not None]

    def turn_order(self, turn: Turn) -> str | None:
        """The order of a turn: its opener's, else that of its case."""
        if turn.order is not None or turn.case is None:
            return turn.order
        case = self.cases.get(turn.case)
        return case.order if case else None

    def turn_clock(self, turn: Turn, known_at_ms: int) -> WorkingCalendar:
        """The clock an answer is timed on, by what was known before a moment [epoch ms]."""
        country = self._destination(self.turn_order(turn), turn.asked_ms)
        return self.frame.answer_clock(known_at_ms, turn.asked_ms, country)

    def turn_due_ms(self, turn: Turn, known_at_ms: int) -> int:
        """The last instant at which an answer is in time [epoch ms], by the clock known before a moment."""
        return self.frame.answer_due_ms(turn.asked_ms, self.turn_clock(turn, known_at_ms))

    def case_clock(self, case: CaseState, known_at_ms: int) -> WorkingCalendar:
        """The clock a resolution is timed on, by what was known before a moment [epoch ms]."""
        opened_ms = case.opened_ms or 0
        return self.frame.resolve_clock(known_at_ms, opened_ms, self._destination(case.order, opened_ms))

    def _destination(self, order_id: str | None, began_ms: int) -> str:
        """The country an order goes to, where the terms of what began at a moment ask for it; else empty."""
        order = self.orders.get(order_id) if order_id and self.frame.terms_at(began_ms).needs_destination else None
        return "" if order is None else order.corrections.get("country", order.fields.get("country")) or ""

    def _conversation(self, name: str) -> Conversation:
        return self.conversations.setdefault(name, Conversation(name))

    def _apply_order(self, event: TypedEvent) -> None:
        if event.order is not None:
            state = self.orders.setdefault(event.order, OrderState(event.order))
            apply_order_event(state, event)
            self._facts.pop(event.order, None)

    def _apply_case(self, event: TypedEvent) -> None:
        case = self.cases.setdefault(event.subject, CaseState(event.subject))
        apply_case_event(case, event)
        if event.type == "case.closed" and event.data.get("by") != "automatic":
            for turn in self.list_turns():
                if turn.case == case.id and turn.owes == "seller":
                    waive(turn, event.at_ms)

    def _case_of_message(self, event: TypedEvent) -> CaseState | None:
        named = self.cases.get(event.case) if event.case else None
        if named is None and not event.case:
            named = self.cases.get(event.subject)
        return named if named is not None and named.opened_ms is not None else None

    def _apply_message(self, event: TypedEvent) -> None:
        case = self._case_of_message(event)
        conversation = self._conversation(event.subject)
        if asks(event):
            open_or_join(conversation, event, order=event.order, case=self._case_for_turn(event, case))
        elif answers(event):
            answer(conversation, event)
        if asks_operator(event):
            open_or_join(conversation, event, order=event.order, case=None, owes="operator")
        elif answers_seller(event):
            answer(conversation, event, owes="operator")
        if case is not None:
            apply_case_message(case, event)

    def _case_for_turn(self, event: TypedEvent, case: CaseState | None) -> str | None:
        """Fixed when the turn opens: its message's case, else the open case of its order, latest opened."""
        if event.case or case is not None or event.subject in self.announced:
            return event.case or event.subject
        if event.order is None:
            return None
        open_cases = [c for c in self.cases_of(event.order) if c.is_open]
        latest = max(open_cases, key=lambda c: (c.opened_ms or 0, c.opener or ("", "")), default=None)
        return latest.id if latest else None

    def _apply_exclusion(self, event: TypedEvent) -> None:
        name = exclusion_name(dict(event.data))
        if event.type == "obligation.restored":
            self.exclusions.pop(name, None)
            return
        data = event.data
        self.exclusions[name] = Forgiven(
            name, data.get("scope", "bad"), data.get("cause"), data.get("by"), event.at_ms)


def standing_events(events: Sequence[TypedEvent]) -> list[TypedEvent]:
    """The events in their order, without those retracted.

    A retraction may name only an earlier event, and may itself be retracted, so the latest is read first.
    """
    ordered = sorted(events, key=order_key)
    if not any(event.type == "event.retracted" for event in ordered):
        return ordered
    places = {(event.source, event.id): place for place, event in enumerate(ordered)}
    gone: set[int] = set()
    for place in range(len(ordered) - 1, -1, -1):
        event = ordered[place]
        if event.type != "event.retracted" or place in gone or event.names is None:
            continue
        target = places.get(event.names)
        if target is not None and target < place:
            gone.add(target)
    return [event for place, event in enumerate(ordered) if place not in gone]


def visible_events(events: Iterable[TypedEvent], as_of_ms: int, known_at_ms: int) -> list[TypedEvent]:
    """The events that count at (T, K) [epoch ms], both exclusive."""
    return [
        event for event in events
        if event.at_ms < (known_at_ms if event.type in KNOWN_TYPES else as_of_ms)
    ]


def fold(events: Sequence[TypedEvent], frame: Frame) -> Dossier:
    """The dossier after all these events, retractions applied; the events may come in any order."""
    standing = standing_events(events)
    dossier = Dossier(frame, announced=frozenset(e.subject for e in standing if e.type == "case.opened"))
    for event in standing:
        dossier.apply(event)
    return dossier
