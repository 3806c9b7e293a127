"""Conversations (M10, M11) as the platform shows them at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operator_qos.lab.dice import draw_id
from operator_qos.lab.mirakl.reasons import MESSAGING
from operator_qos.lab.mirakl.texts import maybe_stamp, stamp
from operator_qos.lab.truth import Step, Thing, World

LISTED_MESSAGES = 100
_USERS = {"buyer": "CUSTOMER_USER", "seller": "SHOP_USER", "operator": "OPERATOR_USER"}
_PARTIES = {"buyer": "CUSTOMER", "seller": "SHOP", "operator": "OPERATOR"}


def show_thread(world: World, thread: Thing, at: int, *, messages: int | None) -> dict[str, Any]:
    """A thread at a moment, with its last `messages` messages (None: all, 0: none), without its date of change."""
    steps = thread.until(at)
    said = [step for step in steps if step.kind == "message.sent"]
    shown = [_show_message(world, thread, number, step) for number, step in enumerate(said)]
    authors = sorted({step.data["author"] for step in said} | {"seller"})
    return {
        "id": thread.id, "topic": _show_topic(thread), "entities": [_show_entity(thread)],
        "authorized_participants": [_show_party(world, thread, name) for name in (*_PARTIES,)],
        "current_participants": [_show_party(world, thread, name) for name in authors],
        "date_created": stamp(steps[0].at),
        "metadata": {
            "last_message_date": stamp(said[-1].at), "last_sender": _USERS[said[-1].data["author"]],
            "total_count": len(said), "shop_reply_needed_since": maybe_stamp(_needed_since(steps))},
        "no_store_reply_needed": [_show_waiver(step) for step in steps if _waives(step)],
        "messages": shown if messages is None else shown[len(shown) - min(messages, len(shown)) :],
    }


def _show_topic(thread: Thing) -> dict[str, str]:
    if thread.topic:
        return {"type": "REASON_CODE", "value": MESSAGING[thread.topic]}
    return {"type": "FREE_TEXT", "value": "Question"}


def _show_entity(thread: Thing) -> dict[str, str]:
    if thread.parent:
        return {"type": "MMP_ORDER", "id": thread.parent, "label": thread.parent}
    return {"type": "SELLER_OPERATOR", "id": thread.shop, "label": "Operator"}


def _show_party(world: World, thread: Thing, name: str) -> dict[str, Any]:
    party: dict[str, Any] = {"type": _PARTIES[name], "display_name": name}
    if name == "seller":
        party["id"] = thread.shop
    elif name == "buyer" and thread.parent:
        party["id"] = world.orders[thread.parent].steps[0].data["buyer"]
    return party


def message_id(thread: Thing, number: int) -> str:
    """The id of a thread's message, counted from 0."""
    return draw_id("message", thread.id, number)


def _show_message(world: World, thread: Thing, number: int, step: Step) -> dict[str, Any]:
    author = step.data["author"]
    return {
        "id": message_id(thread, number), "body": step.data.get("body", ""), "date_created": stamp(step.at),
        "from": {"type": _USERS[author], "display_name": author,
                 "organization_details": {"id": thread.shop, "type": "SHOP"} if author == "seller" else None},
        "to": [_show_party(world, thread, name) for name in step.data["to"]], "attachments": [],
    }


def _waives(step: Step) -> bool:
    return step.kind == "conversation.no_reply_needed" or bool(step.data.get("no_reply_needed"))


def _show_waiver(step: Step) -> dict[str, str]:
    return {"date": stamp(step.at), "user_type": "CUSTOMER" if step.kind == "message.sent" else "SHOP"}


def _needed_since(steps: Sequence[Step]) -> int | None:
    since: int | None = None
    for step in steps:
        if _waives(step) or step.data.get("author") == "seller":
            since = None
        elif step.data.get("author") == "buyer" and since is None:
            since = step.at
    return since
