"""What is true in the lab: the same for the same seed, in an order that can have been."""

from __future__ import annotations

from datetime import date

import pytest

from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.orders import OrderView
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.telling import SPAM_MESSAGES, build_world, seconds
from operator_qos.lab.truth import Changes, Step, Thing
from operator_qos.lab.truths import list_claims

PLACED = {"lines": [{"line": "1", "amount_minor": 1000}, {"line": "2", "amount_minor": 500}]}
HISTORY = (
    Step(0, "order.placed", {**PLACED, "accept_by": "2026-01-01T00:00:00Z"}),
    Step(10, "order.accepted", {}),
    Step(20, "order.paid", {}),
    Step(30, "order.cancelled", {"lines": ["2"], "by": "seller", "reason": "out_of_stock"}),
    Step(40, "order.shipped", {"tracking": "T"}),
    Step(50, "case.opened", {"reason": "damaged"}),
    Step(55, "tracking.scanned", {"tracking": "T", "milestone": "attempted"}),
    Step(60, "tracking.scanned", {"tracking": "T", "milestone": "delivered"}),
    Step(70, "case.resolved", {"fault": "seller"}),
    Step(75, "case.reopened", {}),
    Step(80, "case.withdrawn", {"by": "buyer"}),
    Step(85, "order.refunded", {"amount_minor": 1000}),
    Step(90, "order.closed", {}),
)


@pytest.mark.parametrize(("at", "order", "first", "second"), [
    (0, "WAITING_ACCEPTANCE", "WAITING_ACCEPTANCE", "WAITING_ACCEPTANCE"),
    (10, "WAITING_DEBIT_PAYMENT", "WAITING_DEBIT_PAYMENT", "WAITING_DEBIT_PAYMENT"),
    (20, "SHIPPING", "SHIPPING", "SHIPPING"),
    (30, "SHIPPING", "SHIPPING", "CANCELED"),
    (40, "SHIPPED", "SHIPPED", "CANCELED"),
    (50, "SHIPPED", "INCIDENT_OPEN", "CANCELED"),
    (55, "TO_COLLECT", "INCIDENT_OPEN", "CANCELED"),
    (60, "RECEIVED", "INCIDENT_OPEN", "CANCELED"),
    (70, "RECEIVED", "RECEIVED", "CANCELED"),
    (75, "RECEIVED", "INCIDENT_OPEN", "CANCELED"),
    (80, "RECEIVED", "RECEIVED", "CANCELED"),
    (85, "RECEIVED", "REFUNDED", "CANCELED"),
    (90, "CLOSED", "REFUNDED", "CANCELED"),
])
def test_an_order_goes_through_the_platforms_states(at: int, order: str, first: str, second: str) -> None:
    thing = Thing("O", "S", HISTORY)
    view = OrderView(thing, thing.until(at))
    assert (view.state, view.line_state("1"), view.line_state("2")) == (order, first, second)


def test_an_incident_counts_each_time_it_stands_open() -> None:
    steps = [step for step in HISTORY if step.kind.startswith("case.")]
    thing = Thing("O", "S", (HISTORY[0], *steps))
    world = build_world(LabPlan(1, 2, date(2026, 3, 2)))
    claims = list_claims(type(world)("UTC", "EUR", "FR", {"O": thing}, {}, {}, {}, {}, 0, 99), 99)
    found = [(claim.name, claim.at, claim.needs) for claim in claims if claim.name.startswith("case.")]
    assert sorted(found) == [
        ("case.ended", 70, ((50, 70),)), ("case.ended", 80, ((70, 75), (75, 80))),
        ("case.opened", 50, ((50, 70),)), ("case.opened", 75, ((70, 75), (75, 80)))]


def test_the_same_plan_gives_the_same_world_and_another_seed_another() -> None:
    plan = LabPlan(2, 12, date(2026, 3, 2))
    assert build_world(plan) == build_world(plan)
    assert build_world(plan) != build_world(LabPlan(2, 12, date(2026, 3, 2), seed=2))


def test_nothing_happens_to_an_order_before_it_is_paid_or_shown(lab: Lab) -> None:
    late = 0
    for order in lab.world.orders.values():
        moments = [step.at for step in order.steps]
        assert moments == sorted(moments)
        paid = next((step.at for step in order.steps if step.kind == "order.paid"), None)
        shipped = next((step.at for step in order.steps if step.kind == "order.shipped"), None)
        assert shipped is None or (paid is not None and paid <= shipped)
        assert order.shown_from in (0, paid)
        late += order.shown_from > 0
    assert 0 < late < len(lab.world.orders) // 5


def test_some_refusals_are_the_platforms_own() -> None:
    orders = build_world(LabPlan(12, 120, date(2026, 3, 2))).orders.values()
    refusals = [step.data for order in orders for step in order.steps if step.kind == "order.refused"]
    assert {data["by"] for data in refusals} == {"seller", "automatic"}
    assert all((data["by"] == "automatic") == (data["reason"] == "seller_timeout") for data in refusals)


def test_the_lab_knows_every_trap_of_threads(lab: Lab) -> None:
    sizes = [sum(step.kind == "message.sent" for step in thread.steps) for thread in lab.world.threads.values()]
    kinds = {thread.parent != "" for thread in lab.world.threads.values()}
    assert max(sizes) == SPAM_MESSAGES > 100
    assert kinds == {True, False}  # about orders, and with the operator
    flags = [step.data for thread in lab.world.threads.values() for step in thread.steps]
    assert any(data.get("automatic") for data in flags)


def test_changes_find_what_moved_between_two_moments() -> None:
    things = [Thing("a", "S", (Step(5, "x", {}), Step(9, "x", {}))), Thing("b", "S", (Step(7, "y", {}),)),
              Thing("c", "S", (Step(1, "x", {}),), shown_from=6)]
    changes = Changes(things, frozenset({"x"}))
    assert changes.list_between(5, 6) == ["a", "c"]
    assert changes.list_between(9, 9) == ["a"]
    assert [changes.find_last("a", at) for at in (4, 5, 8, 9)] == [None, 5, 5, 9]
    assert (changes.find_last("b", 9), changes.find_last("c", 5), changes.find_last("c", 6)) == (None, None, 6)


def test_a_moment_is_read_with_its_offset() -> None:
    assert seconds("1970-01-02T01:00:00+01:00") == 86_400
