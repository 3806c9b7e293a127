"""Each planted story, measured by plain counting on the whole history."""

import gc
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from operator_qos.demo import DemoPlan, demo_plan, generate_events
from operator_qos.demo.orders import placed_times
from operator_qos.demo.world import build_worlds
from tests.demo.told import History, Told, answers, late_deliveries, late_shipments, moment, read_history
from tests.oracle import measure

PLAN = demo_plan(date(2026, 6, 18))
END = datetime(2026, 6, 18, 6, tzinfo=UTC)
START = END - timedelta(days=430)
ZONES = {place.id: place.timezone for place in PLAN.marketplaces}


@pytest.fixture(scope="module")
def history() -> History:
    gc.disable()  # half a million events, none of which leads back to itself, need not be searched for rings
    try:
        return read_history(list(generate_events(PLAN)))
    finally:
        gc.enable()


def shops(plan: DemoPlan, *stories: str) -> list[str]:
    return [shop.id for shop in plan.shops if shop.story in stories]


def days_ago(days: float) -> datetime:
    return END - timedelta(days=days)


def rate(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1]


def defective(history: History, orders: list[Told]) -> float:
    """Share of orders with a low rating, a cancellation by the seller, or a claim or case that stands."""
    bad: set[str] = set()
    for shop in {order.shop for order in orders}:
        bad |= bad_orders(history.by_shop[shop])
    return sum(order.id in bad for order in orders) / len(orders)


def bad_orders(events: list[dict[str, Any]]) -> set[str]:
    bad: set[str] = set()
    standing: dict[str, str] = {}
    for event in events:
        kind, data = event["type"].removeprefix("qos."), event["data"]
        if kind == "review.posted" and data["rating"] <= 2:
            bad.add(data["order"])
        elif kind == "order.cancelled" and data["by"] in {"seller", "automatic"}:
            bad.add(event["subject"])
        elif kind == "case.opened" and data["kind"] != "return":
            standing[event["subject"]] = data["order"]
        elif kind == "case.withdrawn" or (
            kind in {"case.closed", "case.decided"} and data.get("fault") != "seller"
        ):
            standing.pop(event["subject"], None)
    return bad | set(standing.values())


def test_the_history_has_a_hundred_thousand_orders_and_stays_lean(history: History) -> None:
    assert 95_000 <= len(history.orders) <= 107_000
    assert len(history.events) <= 480_000
    kinds = Counter(event["type"] for event in history.events)
    assert 0.02 <= kinds["qos.case.opened"] / len(history.orders) <= 0.04
    assert 0.11 <= kinds["qos.review.posted"] / len(history.orders) <= 0.13
    talks = {
        e["subject"] for e in history.events if e["type"] == "qos.message.sent" and e["subject"][0] == "V"
    }
    assert 0.12 <= len(talks) / len(history.orders) <= 0.15


def test_one_order_in_ten_has_two_lines_and_many_buyers_come_back(history: History) -> None:
    lines = Counter(len(order.data["lines"]) for order in history.orders.values())
    assert set(lines) == {1, 2}
    assert 0.09 <= lines[2] / len(history.orders) <= 0.11
    buyers = Counter(order.data["buyer"] for order in history.orders.values())
    assert 0.3 <= sum(n for n in buyers.values() if n > 1) / len(history.orders) <= 0.8


def test_every_story_but_the_small_ones_stands_on_three_hundred_orders(history: History) -> None:
    recent = Counter(order.shop for order in history.orders.values() if order.placed >= days_ago(60))
    for shop in PLAN.shops:
        if shop.story not in {"tiny_noisy", "small"}:
            assert recent[shop.id] >= 300, shop


@pytest.mark.parametrize("until", [date(2026, 1, 2), date(2026, 3, 3), date(2026, 9, 30)])
def test_on_other_dates_too_the_stories_have_their_orders(until: date) -> None:
    plan = demo_plan(until)
    for world in build_worlds(plan, 20260618):
        if world.shop.story not in {"tiny_noisy", "small"}:
            recent = [at for at in placed_times(world, 1.0) if at >= plan.last_at - 60 * 86_400]
            assert len(recent) >= 300, world.shop


def test_healthy_shops_keep_the_planned_rates(history: History) -> None:
    orders = history.orders_of(shops(PLAN, "steady", "small", "seasonal"), START, days_ago(30))
    assert len(orders) > 30_000
    assert 0.010 <= rate(late_shipments(orders, END)) <= 0.020
    assert 0.030 <= rate(late_deliveries(orders, END)) <= 0.050
    assert 0.004 <= defective(history, orders) <= 0.010
    assert 0.006 <= sum(bool(order.ended) for order in orders) / len(orders) <= 0.012


def test_healthy_shops_answer_nearly_everything_within_a_day_of_work(history: History) -> None:
    assert 0.955 <= answered_in_time(history, "steady") <= 0.985


def test_silent_shops_answer_two_in_three_within_a_day_of_work(history: History) -> None:
    assert 0.60 <= answered_in_time(history, "silent") <= 0.70


def answered_in_time(history: History, story: str) -> float:
    found = [
        seconds
        for shop in shops(PLAN, story)
        for seconds in answers(history.by_shop[shop], days_ago(200), days_ago(20))
    ]
    assert len(found) > 300
    return sum(seconds is not None and seconds <= 24 * 3600 for seconds in found) / len(found)


def test_healthy_shops_solve_most_cases_within_three_days_of_work(history: History) -> None:
    bad, base = resolutions(history, "steady", "excellent", "seasonal")
    assert base > 150
    assert 0.90 <= 1 - bad / base <= 0.98


def resolutions(history: History, *stories: str) -> tuple[int, int]:
    total_bad = total_base = 0
    for shop in PLAN.shops:
        if shop.story in stories:
            events = [
                event
                for event in history.by_shop[shop.id]
                if event["type"].startswith(("qos.case.", "qos.shop.")) or "case" in event["data"]
            ]
            measured = measure(
                [e for e in events if e["time"] >= "2026-01" or e["type"].startswith("qos.shop.")],
                zones=ZONES,
                as_of="2026-06-18T06:00:00Z",
                known_at=None,
                window_days=90,
                marketplace=shop.marketplace,
                shop=shop.id,
                metric="resolution_within_rate",
                official=True,
            )
            total_bad, total_base = total_bad + measured.bad, total_base + measured.base
    return total_bad, total_base


def test_excellent_shops_are_better_than_the_rest_in_everything(history: History) -> None:
    orders = history.orders_of(shops(PLAN, "excellent"), days_ago(230), days_ago(30))
    assert rate(late_shipments(orders, END)) <= 0.01
    assert rate(late_deliveries(orders, END)) <= 0.02
    assert defective(history, orders) <= 0.004
    assert answered_in_time(history, "excellent") >= 0.985


@pytest.mark.parametrize("shop", shops(PLAN, "declining"))
def test_a_declining_shop_goes_from_two_to_fourteen_percent_late(history: History, shop: str) -> None:
    def late(first: float, last: float) -> float:
        return rate(late_shipments(history.orders_of([shop], days_ago(first), days_ago(last)), END))

    assert late(420, 125) <= 0.035
    assert 0.04 <= late(90, 50) <= 0.12
    assert late(33, 3) >= 0.105


@pytest.mark.parametrize("shop", shops(PLAN, "recovering"))
def test_a_recovering_shop_was_bad_until_five_months_ago(history: History, shop: str) -> None:
    before = history.orders_of([shop], days_ago(240), days_ago(152))
    since = history.orders_of([shop], days_ago(148), days_ago(20))
    assert rate(late_shipments(before, END)) >= 0.11
    assert defective(history, before) >= 0.03
    assert rate(late_shipments(since, END)) <= 0.03
    assert defective(history, since) <= 0.015


@pytest.mark.parametrize("shop", shops(PLAN, "tiny_noisy"))
def test_a_tiny_shop_has_one_or_two_unlucky_orders_in_its_window(history: History, shop: str) -> None:
    for month in range(1, 6):
        orders = history.orders_of([shop], days_ago(30 * month), days_ago(30 * (month - 1)))
        assert 12 <= len(orders) <= 18
    recent = history.orders_of([shop], days_ago(60), days_ago(10))
    assert 1 <= late_shipments(recent, END)[0] <= 2


@pytest.mark.parametrize("shop", shops(PLAN, "seasonal"))
def test_a_seasonal_shop_sells_four_times_as_much_before_christmas(history: History, shop: str) -> None:
    def daily(first: date, last: date) -> float:
        start, end = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (first, last))
        return len(history.orders_of([shop], start, end)) / (end - start).days

    season = daily(date(2025, 11, 1), date(2026, 1, 1))
    around = (daily(date(2025, 9, 1), date(2025, 10, 31)) + daily(date(2026, 1, 2), date(2026, 3, 1))) / 2
    assert 3.7 <= season / around <= 4.3


def struck(order: Told) -> bool:
    shipped_on = order.shipped.astimezone(order.zone).date() if order.shipped else date.min
    return "colisnord" in order.carriers and PLAN.strike_from <= shipped_on <= PLAN.strike_until


def test_the_strike_makes_many_unrelated_shops_late_on_one_carrier_only(history: History) -> None:
    hit = [order for order in history.orders.values() if struck(order)]
    assert len({order.shop for order in hit}) >= 15
    assert rate(late_deliveries(hit, END)) >= 0.75
    halle = [shop.id for shop in PLAN.shops if shop.marketplace == "halle-fr"]
    others = [
        o for o in history.orders_of(halle, days_ago(56), days_ago(47)) if "colisnord" not in o.carriers
    ]
    assert rate(late_deliveries(others, END)) <= 0.08


def test_the_strike_was_forgiven_to_two_shops_so_far(history: History) -> None:
    forgiven = [e for e in history.events if e["data"].get("cause") == "carrier_strike"]
    assert {event["shop"] for event in forgiven} == PLAN.strike_excluded
    assert all(event["data"]["scope"] == "both" for event in forgiven)
    assert all(history.orders[event["subject"]].arrived_late for event in forgiven)
    for shop in shops(PLAN, "carrier_strike"):
        orders = history.orders_of([shop], days_ago(60), days_ago(10))
        assert rate(late_deliveries(orders, END)) >= 0.12
        named = {event["subject"] for event in forgiven if event["shop"] == shop}
        if shop in PLAN.strike_excluded:
            kept = [order for order in orders if order.id not in named]
            assert rate(late_deliveries(kept, END)) <= 0.08


def test_the_outage_shifts_a_day_of_confirmations_and_is_forgiven(history: History) -> None:
    kontor = {shop.id for shop in PLAN.shops if shop.marketplace == "kontor-de"}
    shipped = Counter(
        order.shipped.astimezone(order.zone).date()
        for order in history.orders.values()
        if order.shop in kontor and order.shipped
    )
    assert shipped[PLAN.outage_on] == 0
    assert shipped[PLAN.outage_on + timedelta(days=1)] > 1.5 * shipped[PLAN.outage_on - timedelta(days=1)]
    forgiven = [e for e in history.events if e["data"].get("cause") == "platform_fault"]
    assert len(forgiven) >= 40
    assert set(shops(PLAN, "platform_outage")) <= {event["shop"] for event in forgiven} <= kontor
    for event in forgiven:
        assert event["data"]["obligation"] == {"kind": "ship", "order": event["subject"]}
        assert event["data"]["scope"] == "both"
        assert history.orders[event["subject"]].shipped_late


def test_the_late_feed_stops_three_days_before_the_others(history: History) -> None:
    for shop in PLAN.shops:
        last = moment(history.by_shop[shop.id][-1]["time"])
        behind = END - last
        assert behind >= timedelta(days=3) if shop.story == "late_feed" else behind < timedelta(days=4)
        if shop.story == "late_feed":
            assert behind < timedelta(days=3, hours=12)


def test_every_order_older_than_twenty_days_has_come_to_an_end(history: History) -> None:
    old = [order for order in history.orders.values() if order.placed < days_ago(21)]
    unended = [order for order in old if not order.ended and not order.arrived]
    assert all(order.shipped is None for order in unended)
    assert 1 <= len(unended) <= len(old) * 0.001


def test_the_last_days_leave_work_to_do(history: History) -> None:
    waiting = [
        o for o in history.orders.values() if not o.ended and o.shipped is None and o.placed > days_ago(9)
    ]
    overdue = [order for order in waiting if order.ship_by < END]
    assert 100 <= len(waiting) <= 700
    assert 3 <= len(overdue) <= 60
    assert len(unanswered(history)) >= 20


def unanswered(history: History) -> list[str]:
    open_turns: dict[str, datetime] = {}
    for event in history.events:
        if event["type"] != "qos.message.sent" or event["data"].get("automatic"):
            continue
        if event["data"]["author"] == "buyer":
            open_turns.setdefault(event["subject"], moment(event["time"]))
        else:
            open_turns.pop(event["subject"], None)
    return [subject for subject, asked in open_turns.items() if asked > days_ago(3)]


def test_cases_stand_open_and_some_wait_for_a_mediator(history: History) -> None:
    state: dict[str, str] = {}
    for event in history.events:
        kind = event["type"].removeprefix("qos.case.")
        if kind in {"opened", "escalated", "decided", "resolved", "closed", "withdrawn", "reopened"}:
            state[event["subject"]] = kind
    counted = Counter(state.values())
    assert 25 <= counted["opened"] <= 120
    assert 8 <= counted["escalated"] <= 40
