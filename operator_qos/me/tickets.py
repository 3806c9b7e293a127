"""Promises as tickets of two help desks, each ready to be sent to the call that makes one.

Zendesk: an object of `tickets` of POST /api/v2/tickets/create_many, at most 100 a call; `due_at` belongs to tasks.
Freshdesk: the body of POST /api/v2/tickets; `due_by` and `fr_due_by` come together and lie ahead, tags have at most
32 characters; who asks (`email` or `requester_id`) is for the caller to add.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from operator_qos.me.contract import FreshdeskTicket, MyObligation, TicketView, ZendeskComment, ZendeskTicket
from operator_qos.me.rules import SOON

_MAX_SUBJECT = 150


def to_ticket(shape: str, owed: MyObligation, *, now: datetime) -> TicketView:
    """The ticket of a promise as a help desk of one of SHAPES takes it."""
    ticket = _to_zendesk(owed, now) if shape == "zendesk" else _to_freshdesk(owed, now)
    return TicketView(obligation=owed.id, ticket=ticket)


def _to_zendesk(owed: MyObligation, now: datetime) -> ZendeskTicket:
    status: Literal["open", "pending", "hold"] = (
        "open" if owed.state == "mine" else "pending" if owed.waiting_for == "buyer" else "hold")
    priority: Literal["normal", "high", "urgent"] = (
        "urgent" if owed.late else "high" if _is_near(owed, now) else "normal")
    return ZendeskTicket(
        external_id=owed.id, subject=_subject(owed), comment=ZendeskComment(body="\n".join(_lines(owed))),
        status=status, priority=priority, due_at=owed.due_at, tags=_tags(owed))


def _to_freshdesk(owed: MyObligation, now: datetime) -> FreshdeskTicket:
    ahead = owed.due_at if owed.due_at is not None and owed.due_at > now else None
    return FreshdeskTicket(
        subject=_subject(owed), description="<br>".join(map(_escape, _lines(owed))),
        status=2 if owed.state == "mine" else 3, priority=4 if owed.late else 3 if _is_near(owed, now) else 2,
        due_by=ahead, fr_due_by=ahead, tags=_tags(owed))


def _is_near(owed: MyObligation, now: datetime) -> bool:
    return owed.due_at is not None and owed.due_at <= now + SOON


def _subject(owed: MyObligation) -> str:
    name = owed.order or owed.case or owed.conversation or ""
    return f"{owed.todo} · {owed.marketplace} {owed.shop} {name}".strip()[:_MAX_SUBJECT]


def _lines(owed: MyObligation) -> list[str]:
    return [part for part in (owed.todo, owed.about, owed.text, owed.cost, owed.link) if part]


def _tags(owed: MyObligation) -> list[str]:
    return ["operator-qos", owed.kind]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
