"""Reply turns: an unanswered question of the buyer, from the message that opens it to what ends it."""

from __future__ import annotations

from dataclasses import dataclass, field

from scoring.events import TypedEvent


@dataclass(slots=True)
class Turn:
    """One turn; its id is the opener's. `answered_ms` and `waived_ms` exclude each other."""

    source: str
    id: str
    conversation: str
    asked_ms: int
    first: bool
    order: str | None
    case: str | None
    answered_ms: int | None = None
    answer: tuple[str, str] | None = None
    waived_ms: int | None = None
    # Whom the question was put to: the seller, or the operator who owes an answer by the same clock.
    owes: str = "seller"

    @property
    def unit(self) -> str:
        """The turn's name in lists of units."""
        return f"{self.source}|{self.id}"

    @property
    def ended_ms(self) -> int | None:
        """When it was answered or waived."""
        return self.answered_ms if self.answered_ms is not None else self.waived_ms


@dataclass(slots=True)
class Conversation:
    """The turns of one conversation, in order; at most the last is open per party that owes the answer."""

    id: str
    turns: list[Turn] = field(default_factory=list)

    def open_turn(self, owes: str = "seller") -> Turn | None:
        """The turn that waits for an answer of that party."""
        last = next((turn for turn in reversed(self.turns) if turn.owes == owes), None)
        return last if last is not None and last.ended_ms is None else None


def asks(event: TypedEvent) -> bool:
    """A message of the buyer to the seller that wants an answer."""
    data = event.data
    return (
        data["author"] == "buyer" and not data.get("automatic") and not data.get("no_reply_needed")
        and "seller" in data.get("to", ("seller",))
    )


def asks_operator(event: TypedEvent) -> bool:
    """A seller's question to the operator that wants an answer."""
    data = event.data
    return (
        data["author"] == "seller" and not data.get("automatic") and not data.get("no_reply_needed")
        and "operator" in data.get("to", ())
    )


def answers(event: TypedEvent) -> bool:
    """A seller's own message that the buyer receives."""
    data = event.data
    return data["author"] == "seller" and not data.get("automatic") and "buyer" in data.get("to", ("buyer",))


def answers_seller(event: TypedEvent) -> bool:
    """The operator's own message that the seller receives."""
    data = event.data
    return data["author"] == "operator" and not data.get("automatic") and "seller" in data.get("to", ())


def open_or_join(conversation: Conversation, event: TypedEvent, *, order: str | None, case: str | None,
                 owes: str = "seller") -> None:
    """Open a turn at this message unless one is open, which the message then joins."""
    if conversation.open_turn(owes) is None:
        first = not any(turn.owes == owes for turn in conversation.turns)
        conversation.turns.append(Turn(
            event.source, event.id, conversation.id, event.at_ms, first, order, case, owes=owes))


def answer(conversation: Conversation, event: TypedEvent, *, owes: str = "seller") -> None:
    """End the open turn by this message."""
    turn = conversation.open_turn(owes)
    if turn is not None:
        turn.answered_ms, turn.answer = event.at_ms, (event.source, event.id)


def waive(turn: Turn | None, at_ms: int) -> None:
    """End an open turn without an answer."""
    if turn is not None and turn.ended_ms is None:
        turn.waived_ms = at_ms
