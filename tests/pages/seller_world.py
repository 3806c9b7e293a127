"""A small week of two companies, through the real ingest; the shops never close, so hours are hours."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select, update

from operator_qos.accounts.models import User
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import ingest_events
from operator_qos.ledger.models import Obligation
from operator_qos.models import Shop
from tests.web.fixtures import NOW

HALLE, LONJA, FOREIGN = ("halle-fr", "morvan-fr"), ("lonja-es", "morvan-es"), ("lonja-es", "bazar")
WHAT = re.compile(r'<div class="what"><a href="[^"]*">([^<]*)</a>')
SECRETS = re.compile(r'nonce="[^"]*"|name="csrf_token" value="[^"]*"|name="next" value="[^"]*"')


def event(shop: tuple[str, str], name: str, subject: str, at: str, **data: Any) -> dict[str, Any]:
    """A CloudEvent; its id follows from what it says."""
    return {
        "specversion": "1.0",
        "source": "/test",
        "id": f"{name}:{subject}:{at}",
        "type": f"qos.{name}",
        "time": at,
        "subject": subject,
        "marketplace": shop[0],
        "shop": shop[1],
        "data": data,
    }


def place(shop: tuple[str, str], order: str, at: str, **promises: str) -> dict[str, Any]:
    """An order of 23.90 with its promises."""
    line = {"line": "1", "sku": "pot", "amount_minor": 2390, "quantity": 1}
    return event(shop, "order.placed", order, at, lines=[line], currency="EUR", buyer=f"b-{order}", **promises)


def ask(shop: tuple[str, str], conversation: str, at: str, body: str, **data: Any) -> dict[str, Any]:
    """A question of the buyer."""
    return event(
        shop,
        "message.sent",
        conversation,
        at,
        author="buyer",
        to=["seller"],
        channel="web",
        body=body,
        **data,
    )


def send(engine: Engine, *events: dict[str, Any], now: datetime = NOW) -> None:
    """Take events in; all are accepted."""
    with unit_of_work(engine) as session:
        receipts = ingest_events(session, events, now=now, origin="test")
    assert {receipt.status for receipt in receipts} == {"accepted"}, receipts


def fill(engine: Engine) -> None:
    """What both companies owe at NOW (18 June, 07:40 UTC, 09:40 in Paris).

    By due time: ship O-1 (17 June 16:00), answer V-2 (18 June 10:00), accept O-2 (12:00), ship O-2 (16:00),
    solve C-9 (20 June 09:00), ship O-9 (30 June). O-1 and O-3 are to be delivered; O-3 is on its way.
    """
    send(
        engine,
        place(HALLE, "O-1", "2026-06-16T08:00:00Z", ship_by="2026-06-17T16:00:00Z", deliver_by="2026-06-20"),
        place(
            HALLE,
            "O-2",
            "2026-06-17T08:00:00Z",
            ship_by="2026-06-18T16:00:00Z",
            accept_by="2026-06-18T12:00:00Z",
        ),
        ask(HALLE, "V-2", "2026-06-17T10:00:00Z", "Tient-il 260 °C <b>au four</b> ?", order="O-2"),
        place(HALLE, "O-3", "2026-06-10T08:00:00Z", ship_by="2026-06-12T16:00:00Z", deliver_by="2026-06-17"),
        event(HALLE, "order.shipped", "O-3", "2026-06-12T09:00:00Z", carrier="Colis Nord"),
        place(LONJA, "O-9", "2026-06-10T08:00:00Z", ship_by="2026-06-30T16:00:00Z"),
        event(
            LONJA,
            "case.opened",
            "C-9",
            "2026-06-17T09:00:00Z",
            order="O-9",
            kind="claim",
            reason="damaged",
            amount_minor=2390,
        ),
        place(FOREIGN, "F-1", "2026-06-16T08:00:00Z", ship_by="2026-06-18T16:00:00Z"),
        ask(FOREIGN, "FV-1", "2026-06-17T10:00:00Z", "¿Cuándo llega?", order="F-1"),
    )


TITLES = {
    "accept": "Accept or refuse the order",
    "ship": "Ship the order",
    "answer": "Answer the buyer",
    "resolve": "Solve the problem",
}


def list_expected(engine: Engine) -> list[str]:
    """What the table of obligations says the first company has to do, in the page's words, by due time."""
    with reading(engine) as session:
        shops = select(Shop.id).where(Shop.code.in_(["morvan-fr", "morvan-es"]))
        rows = session.scalars(
            select(Obligation)
            .where(Obligation.shop_id.in_(shops), Obligation.owes == "seller")
            .order_by(Obligation.due_ms)
        ).all()
        return [
            f"{TITLES[row.kind]}, {f'{row.ref}, {row.order_ref}' if row.kind == 'resolve' else row.order_ref}"
            for row in rows
            if row.kind in TITLES and row.settled_ms is None and row.void_ms is None and not row.waiting_for
        ]


def list_shown(html: str) -> list[str]:
    """The rows of a page, as titled."""
    return [" ".join(title.split()) for title in WHAT.findall(html)]


def speak_french(engine: Engine) -> None:
    """Everybody reads French from now on."""
    with unit_of_work(engine) as session:
        session.execute(update(User).values(language="fr"))


def without_secrets(html: str) -> str:
    """A page without what differs from request to request, and without its own address."""
    return SECRETS.sub("", html)


def later(**delta: int) -> datetime:
    """A moment after NOW."""
    return NOW + timedelta(**delta)
