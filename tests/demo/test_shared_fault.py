"""The demo's carrier strike is found for what it is; the weeks around it are ordinary ones."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from operator_qos.demo.generator import SEED
from operator_qos.demo.orders import Order, draft_orders, placed_times
from operator_qos.demo.plan import DemoPlan, demo_plan
from operator_qos.demo.stories import STRIKE_CARRIER
from operator_qos.demo.world import build_worlds
from scoring.shared_fault import Rows, SharedFault, find_shared_faults

UNTIL = date(2026, 6, 18)
WINDOW, GAP, BEFORE = 7, 7, 56


@lru_cache(maxsize=1)
def draft() -> tuple[DemoPlan, list[tuple[str, str, Order]]]:
    """Every order with its marketplace and company, decided and not written."""
    plan = demo_plan(UNTIL)
    drafted = [
        (world.place.id, world.shop.seller_id, order)
        for world in build_worlds(plan, SEED)
        for at in [placed_times(world, 0.4)]
        for order in draft_orders(world, range(len(at)), at)
        if order.fate.delivered_at is not None and not order.operator_ships
    ]
    return plan, drafted


@lru_cache(maxsize=3)
def tabulate(marketplace: str) -> tuple[list[str], list[NDArray[np.int64]]]:
    """The carriers of a marketplace; seller, carrier, day due and lateness of its orders."""
    mine = [(seller, order) for place, seller, order in draft()[1] if place == marketplace]
    sellers, carriers = sorted({row[0] for row in mine}), sorted({row[1].carrier for row in mine})
    due = [datetime.fromtimestamp(order.deliver_by_at, UTC).toordinal() for _, order in mine]
    late = [int((order.fate.delivered_at or 0) > order.deliver_by_at) for _, order in mine]
    columns = [[sellers.index(row[0]) for row in mine], [carriers.index(row[1].carrier) for row in mine], due, late]
    return carriers, [np.array(column) for column in columns]


def search(marketplace: str, end: date) -> list[SharedFault]:
    """What a search on a day finds among late deliveries, by carrier."""
    seller, carrier, due, late = tabulate(marketplace)[1]
    age = end.toordinal() - due
    kept = (age >= 0) & (age < WINDOW) | (age >= WINDOW + GAP) & (age < WINDOW + GAP + BEFORE)
    return find_shared_faults(Rows(seller[kept], (age < WINDOW)[kept], late[kept] == 1, {
        "marketplace": np.zeros(int(kept.sum()), dtype=np.int64), "carrier": carrier[kept]}))


def test_the_strike_is_found_as_the_carriers() -> None:
    plan, _ = draft()
    fault, = search("halle-fr", plan.strike_until)
    assert (fault.dimension, tabulate("halle-fr")[0][fault.group]) == ("carrier", STRIKE_CARRIER)
    assert len(fault.worse) >= 5
    assert fault.rest_bad <= 2 * fault.rest_expected + 3


@pytest.mark.parametrize("marketplace", ["halle-fr", "lonja-es", "kontor-de"])
def test_an_ordinary_week_is_no_fault(marketplace: str) -> None:
    plan, _ = draft()
    ends = [date.fromordinal(n) for n in range(UNTIL.toordinal() - 280, UNTIL.toordinal(), 7)]
    quiet = [end for end in ends if not 0 <= (end - plan.strike_from).days <= 30 or marketplace != "halle-fr"]
    assert [end for end in quiet if search(marketplace, end)] == []
