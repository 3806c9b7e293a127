"""Three shops with orders whose numbers can be counted by hand, taken in like any other events.

morvan-fr: 30 orders to be shipped by 10 June, 5 of them two days late, one of these forgiven. So 5 of 30 raw,
4 of 30 officially. bazar: 25 orders, 1 late. morvan-es: 2 orders, both in time: too few to judge.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from operator_qos.db import unit_of_work
from operator_qos.events.service import ingest_events
from tests.web.fixtures import NOW

DUE = "2026-06-10T12:00:00+02:00"
IN_TIME, LATE = "2026-06-09T09:00:00+02:00", "2026-06-12T09:00:00+02:00"
PLACE = {"morvan-fr": "halle-fr", "morvan-es": "lonja-es", "bazar": "lonja-es"}
ORDERS = {"morvan-fr": (30, 5), "bazar": (25, 1), "morvan-es": (2, 0)}
FORGIVEN = "morvan-fr-1"
TALKED_ABOUT = "morvan-fr-2"


def event(shop: str, kind: str, subject: str, at: str, **data: Any) -> dict[str, Any]:
    """A CloudEvent of that shop."""
    return {
        "specversion": "1.0",
        "source": f"/test/{shop}",
        "id": f"{kind}-{subject}-{at}",
        "type": f"qos.{kind}",
        "time": at,
        "subject": subject,
        "marketplace": PLACE[shop],
        "shop": shop,
        "data": data,
    }


def list_order_events(shop: str, number: int, *, late: bool) -> list[dict[str, Any]]:
    order = f"{shop}-{number}"
    lines = [{"line": "1", "sku": "cup", "quantity": 1, "amount_minor": 1990}]
    return [
        event(shop, "order.placed", order, "2026-06-05T10:00:00+02:00", ship_by=DUE, buyer=f"buyer {number}",
              lines=lines, currency="EUR"),
        event(shop, "order.shipped", order, LATE if late else IN_TIME, carrier="colisnord", trackable=True),
    ]  # fmt: skip


def list_world_events() -> list[dict[str, Any]]:
    """Everything that happened, one message with a text and one exclusion included."""
    events = [
        told
        for shop, (orders, late) in ORDERS.items()
        for number in range(1, orders + 1)
        for told in list_order_events(shop, number, late=number <= late)
    ]
    asked = {"order": TALKED_ABOUT, "author": "buyer", "to": ["seller"], "body": "Where is my <b>cup</b>?"}
    events.append(event("morvan-fr", "message.sent", "talk-1", "2026-06-11T10:00:00+02:00", **asked))
    promise = {"kind": "ship", "order": FORGIVEN}
    events.append(
        event("morvan-fr", "obligation.excluded", FORGIVEN, "2026-06-15T10:00:00+02:00", obligation=promise,
              scope="bad", cause="carrier_strike", by="Jana Vogt")
    )  # fmt: skip
    return events


def fill_world(engine: Engine) -> None:
    """Take the events in, and one that cannot be read."""
    unreadable = event("bazar", "order.placed", "x", "tomorrow")
    with unit_of_work(engine) as session:
        receipts = ingest_events(session, [*list_world_events(), unreadable], now=NOW, origin="test.jsonl")
    assert [receipt.status for receipt in receipts].count("quarantined") == 1
