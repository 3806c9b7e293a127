"""Reply turns: the buyer's open questions to the seller, conversation by conversation."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.cases import case_of_message
from tests.oracle.clock import HOUR, Clock
from tests.oracle.events import Event

ANSWER_LIMIT = 24 * HOUR


@dataclass(frozen=True)
class Turn:
    """One question: when it was asked, is due, and how it ended, in milliseconds."""

    unit: str
    conversation: str
    order: str | None
    asked: int
    due: int | None
    answered: int | None
    waived: int | None
    worked: int | None
    is_first: bool

    def is_past_due(self, until: int) -> bool:
        """Whether its deadline lies before a moment."""
        return self.due is not None and self.due < until

    @property
    def in_time(self) -> bool:
        """Whether it was answered or waived by its deadline."""
        return self.kept(self.answered) or self.waived_in_time

    @property
    def waived_in_time(self) -> bool:
        """Whether it was waived by its deadline."""
        return self.kept(self.waived)

    def kept(self, ended: int | None) -> bool:
        """Whether an end came by the deadline."""
        return ended is not None and (self.due is None or ended <= self.due)


def turns_of(events: list[Event], clock: Clock) -> list[Turn]:
    """Every turn the seller of one shop owes or owed an answer to."""
    openings = {e.subject: place for place, e in reversed(list(enumerate(events))) if e.type == "case.opened"}
    conversations = sorted({event.subject for event in events if event.type == "message.sent"})
    found: list[Turn] = []
    for conversation in conversations:
        found += turns_in(events, conversation, openings, clock)
    return found


def turns_in(events: list[Event], conversation: str, openings: dict[str, int], clock: Clock) -> list[Turn]:
    """The turns of one conversation, one after another."""
    found: list[Turn] = []
    resume = 0
    for place, event in enumerate(events):
        if place < resume or event.subject != conversation or not opens(event):
            continue
        case = case_of_turn(event, events[:place], openings)
        end = next(
            (later for later in range(place + 1, len(events)) if ends(events[later], event, case)), None
        )
        closing = None if end is None else events[end]
        found.append(
            make_turn(event, closing, order_of_turn(event, case, events, openings), clock, not found)
        )
        if end is None:
            break
        resume = end
    return found


def opens(message: Event) -> bool:
    """A buyer's own message to the seller that wants an answer."""
    data = message.data
    if message.type != "message.sent" or data.get("author") != "buyer" or data.get("automatic"):
        return False
    return "seller" in (data.get("to") or []) and not data.get("no_reply_needed")


def answers(event: Event) -> bool:
    """A seller's own message that reaches the buyer."""
    data = event.data
    own = event.type == "message.sent" and data.get("author") == "seller" and not data.get("automatic")
    return own and "buyer" in (data.get("to") or [])


def ends(event: Event, opener: Event, case: str | None) -> bool:
    """Whether a later event answers or waives the turn."""
    if event.type == "case.closed":
        return event.subject == case and event.data.get("by") != "automatic"
    if event.subject != opener.subject:
        return False
    return event.type == "conversation.no_reply_needed" or answers(event)


def case_of_turn(opener: Event, before: list[Event], openings: dict[str, int]) -> str | None:
    """The case of a turn, fixed when it opens: its message's, else the open one of its order, opened last."""
    named = case_of_message(opener, openings)
    order = opener.names("order")
    if named or order is None:
        return named
    is_open: dict[str, bool] = {}
    for event in before:
        if event.type == "case.opened" and event.names("order") == order:
            is_open.setdefault(event.subject, True)
        elif event.subject in is_open and event.type in ("case.closed", "case.withdrawn", "case.reopened"):
            is_open[event.subject] = event.type == "case.reopened"
    return next((case for case in reversed(is_open) if is_open[case]), None)


def order_of_turn(
    opener: Event, case: str | None, events: list[Event], openings: dict[str, int]
) -> str | None:
    """The order its opener names, else that of its case."""
    order = opener.names("order")
    if order is None and case in openings:
        return events[openings[case]].names("order")
    return order


def make_turn(opener: Event, closing: Event | None, order: str | None, clock: Clock, is_first: bool) -> Turn:
    """A turn with its deadline on the clock in force for it."""
    own = clock.of_promise(opener.at)
    answered = closing.at if closing is not None and answers(closing) else None
    return Turn(
        unit=opener.key,
        conversation=opener.subject,
        order=order,
        asked=opener.at,
        due=own.used_up(opener.at, ANSWER_LIMIT),
        answered=answered,
        waived=closing.at if closing is not None and answered is None else None,
        worked=None if answered is None else own.worked(opener.at, answered),
        is_first=is_first,
    )
