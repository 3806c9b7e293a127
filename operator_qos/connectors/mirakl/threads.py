"""Message threads of Mirakl as events: who wrote when to whom, and marks that no reply is needed. Pure.

Texts stay on the platform: no promise is judged by what a message says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from operator_qos.connectors.mirakl.differences import Claim, Difference, digest
from operator_qos.connectors.mirakl.fields import Fields

AUTHORS = {"CUSTOMER_USER": "buyer", "SHOP_USER": "seller", "OPERATOR_USER": "operator", "SYSTEM": "system"}
RECEIVERS = {"CUSTOMER": "buyer", "SHOP": "seller", "OPERATOR": "operator",
             "CUSTOMER_USER": "buyer", "SHOP_USER": "seller", "OPERATOR_USER": "operator"}
MARKERS = {"OPERATOR": "operator", "SHOP": "seller", "CUSTOMER": "buyer", "OPERATOR_USER": "operator",
           "SHOP_USER": "seller", "CUSTOMER_USER": "buyer"}
ENTITIES = {"MMP_ORDER": "order", "MPS_ORDER": "order", "MMP_OFFER": "offer", "MPS_SERVICE": "offer",
            "SELLER_OPERATOR": "shop"}


def find_order(thread: Fields) -> str:
    """The order a thread is about; empty where it is about something else."""
    named = [(entity.word("type", ENTITIES), entity.text("id")) for entity in thread.items("entities")]
    return next((entity_id for kind, entity_id in named if kind == "order"), "")


def find_shop(thread: Fields) -> str:
    """The shop among those who may write."""
    people = [*thread.items("authorized_participants"), *thread.items("current_participants")]
    return next((person.text("id") for person in people if person.text("type") == "SHOP"), "")


def list_told_marks(difference: Difference) -> list[str]:
    """Short marks of the messages that were told, by which they are known again."""
    return [digest(key.removeprefix("message:")) for key in difference.claims if key.startswith("message:")]


def tell_thread(thread: Fields, difference: Difference, seen: Sequence[str]) -> None:
    """Put what is new in a thread into the difference; `seen` are the marks of messages told before."""
    thread_id, told, order = thread.text("id"), frozenset(seen), find_order(thread)
    about = {"order": order} if order else {}
    for message in thread.items("messages"):
        mark = digest(message.text("id"))
        claim = _message(message, thread_id, about) if mark not in told else None
        if claim is not None:
            difference.tell(claim)
    for marked in thread.items("no_store_reply_needed"):
        at = marked.moment("date")
        if at is not None:
            by = marked.word("user_type", MARKERS)
            difference.tell(Claim(f"no_reply:{marked.text('date')}", "conversation.no_reply_needed", thread_id, at,
                                  {"by": by} if by else {}))


def _message(message: Fields, thread_id: str, about: Mapping[str, Any]) -> Claim | None:
    author, at = message.child("from").word("type", AUTHORS), message.moment("date_created")
    if author is None or at is None:
        if not message.child("from").text("type"):
            message.refuse("from.type", "is missing; who wrote this message is not known", "")
        return None
    receivers = sorted({found for to in message.items("to") if (found := to.word("type", RECEIVERS))})
    data = {**about, "author": author} | ({"to": receivers} if receivers else {})
    return Claim(f"message:{message.text('id')}", "message.sent", thread_id, at, data)
