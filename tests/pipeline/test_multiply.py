"""A multiplied database holds what the product would have written for each of its shops."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from benchmarks.generate import check_shops
from benchmarks.multiply import Copies, multiply
from operator_qos.db import reading
from operator_qos.events.models import Event
from operator_qos.ledger.bulk import finish_bulk
from operator_qos.ledger.models import OrderFact
from operator_qos.sellers.models import Shop
from tests.pipeline.kills import make_events
from tests.pipeline.loading import NOW, add_places, feed

ORDERS, COPIES, WITHIN = 12, 3, 4


def message(number: int, **data: object) -> dict[str, object]:
    return {"specversion": "1.0", "source": "/drill", "type": "qos.message.sent", "id": f"m{number}",
            "subject": f"C{number}", "time": "2026-03-02T10:00:00Z", "marketplace": "fr", "shop": "S1",
            "data": {"author": "buyer", "to": ["seller"], **data}}


def test_copied_shops_equal_what_their_events_say(engine: Engine) -> None:
    add_places(engine, {"fr": "Europe/Paris"})
    taken_back = {**message(3), "type": "qos.event.retracted", "id": "r", "subject": "m1",
                  "time": "2026-03-03T10:00:00Z",
                  "data": {"source": "/drill", "id": "m1"}}
    feed(engine, [*make_events(3 * ORDERS), message(1, order="O1"), message(2), taken_back], live=False)
    finish_bulk(engine, now=NOW)
    with reading(engine) as session:
        large = session.scalars(select(Shop.id).where(Shop.code == "S0")).one()
        before = session.scalar(select(func.count()).select_from(Event)) or 0
        of_large = session.scalar(select(func.count()).select_from(Event).where(Event.shop_id == large)) or 0
        last = max(session.scalars(select(Shop.id)))
    multiply(engine, Copies(COPIES, large, WITHIN, young_ms=0), on_step=lambda _step: None)
    assert check_shops(engine, 100, above=last) == 2 * COPIES
    with reading(engine) as session:
        orders = select(func.count()).select_from(OrderFact)
        assert session.scalar(orders) == ORDERS + ORDERS // 3 * (2 * COPIES + WITHIN)
        assert session.scalar(orders.where(OrderFact.shop_id == large)) == ORDERS // 3 * (1 + WITHIN)
        # The opening of the large shop is there once, everything else as often as it was copied.
        assert session.scalar(select(func.count()).select_from(Event)) == (
            before + (before - of_large) * COPIES + (of_large - 1) * WITHIN)
