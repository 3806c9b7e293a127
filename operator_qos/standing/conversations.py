"""One conversation as its shop may read it, and how a seller ends a turn: an answer, or none needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import to_ms
from operator_qos.disputes.service import MAX_TEXT
from operator_qos.events.log import hash_text
from operator_qos.events.models import Event, EventBody
from operator_qos.events.service import ingest_events
from operator_qos.ledger.models import TurnFact
from operator_qos.models import Dispute
from operator_qos.sellers.queries import ShopCard
from operator_qos.standing.day_queries import read_text
from scoring.events import RANKS, iso

SOURCE = "/operator-qos/conversations"


class ConversationMissingError(LookupError):
    """There is no such conversation, or not in this shop."""


class NothingOpenError(ValueError):
    """No question of the buyer is open any more: somebody was quicker, or nothing was asked."""


class ReplyTextError(ValueError):
    """The text cannot be sent; `code` is "empty" or "long"."""

    def __init__(self, code: str) -> None:
        super().__init__(f"text: {code}")
        self.code = code


class NotRecordedError(RuntimeError):
    """The log would not take the event; the text carries its field and reason."""


@dataclass(frozen=True)
class Message:
    """One message; `text` is empty where it had none or it is no longer kept (`is_text_gone`)."""

    author: str
    at_ms: int
    text: str
    is_text_gone: bool
    is_automatic: bool


@dataclass(frozen=True)
class OpenTurn:
    """The buyer's question that waits for an answer."""

    source: str
    event_id: str
    order_ref: str | None
    case_ref: str | None
    asked_ms: int
    due_ms: int


@dataclass(frozen=True)
class Conversation:
    """A conversation of a shop; `turn` is None while nothing waits for the seller."""

    ref: str
    order_ref: str | None
    case_ref: str | None
    dispute_id: int | None
    messages: tuple[Message, ...]
    turn: OpenTurn | None


@dataclass(frozen=True)
class Reply:
    """What a seller sends. `token` marks one filled form, so that a double click sends one message."""

    text: str
    awaits_buyer: bool
    token: str


def _list_turns(session: Session, shop_id: int, ref: str) -> Sequence[TurnFact]:
    query = select(TurnFact).where(TurnFact.shop_id == shop_id, TurnFact.conversation == ref, TurnFact.owes == "seller")
    return session.scalars(query.order_by(TurnFact.asked_ms, TurnFact.row_id)).all()


def _is_open_to_seller(data: Mapping[str, Any]) -> bool:
    to = data.get("to")
    return data.get("author") == "seller" or not to or "seller" in to


def _list_messages(session: Session, dossier_id: int, ref: str) -> tuple[Message, ...]:
    query = (
        select(Event.at_ms, Event.data, EventBody.body)
        .outerjoin(EventBody, EventBody.seq == Event.seq)
        .where(Event.dossier_id == dossier_id, Event.type_rank == RANKS["message.sent"], Event.subject == ref)
        .order_by(Event.at_ms, Event.seq)
    )
    return tuple(
        Message(str(data["author"]), at_ms, read_text(body), body is None, bool(data.get("automatic")))
        for at_ms, data, body in session.execute(query)
        if _is_open_to_seller(data)
    )


def _find_dispute_id(session: Session, shop_id: int, case_ref: str | None) -> int | None:
    if case_ref is None:
        return None
    return session.scalar(select(Dispute.id).where(Dispute.shop_id == shop_id, Dispute.case_ref == case_ref))


def get_conversation(session: Session, shop_id: int, ref: str) -> Conversation:
    """The conversation of that shop. Raises ConversationMissingError."""
    turns = _list_turns(session, shop_id, ref)
    if not turns:
        raise ConversationMissingError(f"shop {shop_id} has no conversation {ref!r}")
    last = turns[-1]
    is_open = last.answered_ms is None and last.waived_ms is None
    turn = OpenTurn(last.source, last.event_id, last.order_ref, last.case_ref, last.asked_ms, last.due_ms)
    return Conversation(
        ref=ref,
        order_ref=last.order_ref,
        case_ref=last.case_ref,
        dispute_id=_find_dispute_id(session, shop_id, last.case_ref),
        messages=_list_messages(session, last.dossier_id, ref),
        turn=turn if is_open else None,
    )


def _document(
    card: ShopCard, ref: str, *, event_id: str, kind: str, data: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "source": SOURCE,
        "id": event_id,
        "type": f"qos.{kind}",
        # Events count to the second.
        "time": iso(to_ms(now)),
        "subject": ref,
        "marketplace": card.marketplace_id,
        "shop": card.code,
        "data": dict(data),
    }


def _append(session: Session, document: Mapping[str, Any], *, actor: str, now: datetime) -> bool:
    """Whether the event is new; the same action done twice is recorded once."""
    receipt = ingest_events(session, [document], now=now, origin="conversations")[0]
    # The same form sent again a moment later has another time, hence other content: a conflict, not an error.
    if receipt.status == "quarantined":
        raise NotRecordedError(f"{receipt.id}: {receipt.field}: {receipt.reason}")
    if receipt.status != "accepted":
        return False
    append_audit(
        session,
        actor=actor,
        now=now,
        action=str(document["type"]).removeprefix("qos."),
        subject=f"{document['marketplace']}/{document['shop']}/{document['subject']}"[:254],
        after={"event": document["id"]},
    )
    return True


def _require_turn(session: Session, shop_id: int, ref: str) -> tuple[Conversation, OpenTurn]:
    found = get_conversation(session, shop_id, ref)
    if found.turn is None:
        raise NothingOpenError(ref)
    return found, found.turn


def _check_text(text: str) -> str:
    kept = text.strip()
    if not kept or len(kept) > MAX_TEXT:
        raise ReplyTextError("long" if kept else "empty")
    return kept


def send_reply(session: Session, card: ShopCard, ref: str, *, reply: Reply, actor: str, now: datetime) -> bool:
    """Send the seller's answer to the buyer; False: this form was sent before. Does not commit.

    Raises ConversationMissingError, ReplyTextError, NotRecordedError.
    """
    found = get_conversation(session, card.id, ref)
    data: dict[str, Any] = {
        "author": "seller",
        "to": ["buyer"],
        "channel": "web",
        "body": _check_text(reply.text),
        "awaits_buyer": reply.awaits_buyer,
    }
    data |= {"order": found.order_ref} if found.order_ref else {}
    data |= {"case": found.case_ref} if found.case_ref else {}
    name = hash_text(f"{card.marketplace_id}\n{card.code}\n{ref}")
    document = _document(card, ref, event_id=f"reply:{name}:{reply.token}", kind="message.sent", data=data, now=now)
    return _append(session, document, actor=actor, now=now)


def waive_reply(session: Session, card: ShopCard, ref: str, *, actor: str, now: datetime) -> bool:
    """Mark that the open question needs no reply; False: it was marked before. Does not commit.

    Raises ConversationMissingError, NothingOpenError, NotRecordedError.
    """
    _, turn = _require_turn(session, card.id, ref)
    name = hash_text(f"{card.marketplace_id}\n{card.code}\n{turn.source}\n{turn.event_id}")
    document = _document(
        card,
        ref,
        event_id=f"no-reply:{name}",
        kind="conversation.no_reply_needed",
        data={"by": "seller"},
        now=now,
    )
    return _append(session, document, actor=actor, now=now)
