"""A marketplace with shops whose orders go late, and a feed that can fall silent."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Engine

from operator_qos.acts.queries import ActRow, list_acts
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.service import evaluate_due
from operator_qos.events.models import Event
from scoring.event_types import RANKS
from tests.evaluation.world import HOUR_MS, end_ms, late_orders, settled, store

DAY = date(2026, 3, 10)


def judge(engine: Engine, on: date) -> None:
    """Judge what is due once a date has settled."""
    evaluate_due(engine, now=settled(on))


def acts_of(engine: Engine, shop_id: int = 1) -> list[ActRow]:
    """The acts of a shop, the first one first."""
    with reading(engine) as session:
        return list_acts(session, shop_ids=[shop_id])[::-1]


def begin(engine: Engine, *, shops: int = 1) -> None:
    """Orders on time for every shop, long enough ago that the day before DAY is judged, as history."""
    first = DAY - timedelta(days=91)
    for shop_id in range(1, shops + 1):
        store(engine, late_orders(shop_id, first, base=1, bad=0, name=f"first{shop_id}"))
    judge(engine, DAY - timedelta(days=1))


def go_late(engine: Engine, on: date = DAY, *, shop_id: int = 1) -> None:
    """Twelve late shipments of a hundred: a breach."""
    store(engine, late_orders(shop_id, on, base=100, bad=12, name=f"late{shop_id}"))


def send_feed(engine: Engine, *, until: date, days: int = 45, each: int = 30) -> None:
    """Shipping events on every day before ``until``, and none from then on."""
    with unit_of_work(engine) as session:
        session.add_all(
            Event(
                seq=1_000_000 + number * each + one, shop_id=1, type_rank=RANKS["order.shipped"],
                at_ms=end_ms(until - timedelta(days=number + 2)) + (one % 24) * HOUR_MS, source="/erp",
                event_id=f"{number}-{one}", subject="o", data={}, received_ms=0)
            for number in range(days) for one in range(each))
