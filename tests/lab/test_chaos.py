"""What goes wrong in the lab goes wrong by the switch, the same for the same seed, and never three times in a row."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.lab.chaos import MOST_IN_A_ROW, SWITCHES, Chaos, Misfortune, switch_on
from operator_qos.lab.dice import draw, draw_id
from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.texts import read_moment
from tests.lab.conftest import Get

BAD_DAY = switch_on(["rate_limited", "errors", "broken", "expired"])


@given(st.integers(0, 10**6))
def test_whoever_tries_three_times_gets_through(seed: int) -> None:
    misfortune, row = Misfortune(seed), 0
    for _ in range(200):
        row = row + 1 if misfortune.next_mishap(Chaos(errors=0.9, broken=0.9)) else 0
        assert row <= MOST_IN_A_ROW


def test_the_same_seed_brings_the_same_misfortune_and_every_kind_of_it() -> None:
    runs = [[Misfortune(seed).next_mishap(BAD_DAY) for _ in range(1)] for seed in (1, 1)]
    first, second, other = ([m.next_mishap(BAD_DAY) for _ in range(500)]
                            for m in (Misfortune(1), Misfortune(1), Misfortune(2)))
    assert runs[0] == runs[1]
    assert first == second != other
    counts = Counter(first)
    assert set(counts) == {"", "rate_limited", "errors", "broken", "expired"}
    assert counts[""] > 300


def test_without_a_switch_nothing_happens() -> None:
    misfortune = Misfortune(1)
    assert {misfortune.next_mishap(Chaos()) for _ in range(100)} == {""}
    assert not misfortune.is_slow(Chaos()) and not misfortune.shifts(Chaos())


def test_switches_are_named_and_shares_are_shares() -> None:
    everything = switch_on(["all"])
    assert all(getattr(everything, name) > 0 for name in SWITCHES) and everything.stale == 0
    assert switch_on([]) == Chaos()
    for wrong in (["ghosts"], ["slow_seconds"]):
        with pytest.raises(ValueError, match=wrong[0]):
            switch_on(wrong)
    for values in ({"errors": 1.5}, {"errors": "much"}, {"errors": True}, {"ghosts": 0}):
        with pytest.raises(ValueError, match=next(iter(values))):
            Chaos().with_values(values)


def test_draws_are_spread_and_depend_on_every_name() -> None:
    numbers = [draw(1, "x", n) for n in range(2_000)]
    assert all(0 <= number < 1 for number in numbers)
    assert abs(sum(numbers) / len(numbers) - 0.5) < 0.03
    assert draw("a", "bc") != draw("ab", "c")
    assert draw_id("a") == draw_id("a") != draw_id("b")


def test_things_move_between_pages_and_none_is_lost_to_who_looks_back(get: Get, lab: Lab) -> None:
    lab.chaos = Chaos(shifted=1.0)
    clean, total = set(), get("/api/orders")["total_count"]
    trusting: list[str] = []
    careful: set[str] = set()
    for offset in range(0, total, 20):
        trusting += [order["order_id"] for order in get("/api/orders", max=20, offset=offset)["orders"]]
    for offset in range(0, total, 15):
        careful |= {order["order_id"] for order in get("/api/orders", max=20, offset=offset)["orders"]}
    lab.chaos = Chaos()
    for offset in range(0, total, 100):
        clean |= {order["order_id"] for order in get("/api/orders", max=100, offset=offset)["orders"]}
    assert len(set(trusting)) < total  # who trusts the pages misses some
    assert careful == clean and len(clean) == total


def test_a_repeated_thing_shows_itself_as_it_was_before(get: Get, lab: Lab) -> None:
    lab.clock.set(lab.world.first_at + 12 * 86_400)
    lab.chaos = Chaos(repeated=1.0)
    rows = get("/api/orders", max=100)["orders"]
    by_id: dict[str, list[str]] = {}
    for row in rows:
        by_id.setdefault(row["order_id"], []).append(row["last_updated_date"])
    assert len(rows) <= 100
    assert any(len(dates) == 2 and dates[1] < dates[0] for dates in by_id.values())


def test_skewed_changes_are_dated_off_but_never_out_of_order(get: Get, lab: Lab) -> None:
    name = lab.world.list_orders_of("2001")[0]
    moments = [step.at for step in lab.world.orders[name].steps if not step.kind.startswith("review.")]
    lab.chaos = Chaos(skewed=1.0)
    shown = []
    for at in moments:
        lab.clock.set(max(at, lab.world.orders[name].shown_from))
        shown.append(read_moment(get("/api/orders", order_ids=name)["orders"][0]["last_updated_date"]))
    assert shown == sorted(shown)
    offs = {lab.skew_seconds(key) for key in lab.world.orders}
    assert min(offs) < -60 and max(offs) > 60 and all(abs(off) <= 300 for off in offs)


def test_unannounced_values_stand_in_some_things_of_every_kind(get: Get, lab: Lab) -> None:
    lab.chaos = Chaos(unknown=1.0)
    order = get("/api/orders", max=1)["orders"][0]
    parcel = get("/api/shipments", limit=1)["data"][0]
    shop = get("/api/shops", max=1)["shops"][0]
    thread = get("/api/inbox/threads", limit=1)["data"][0]
    back = get("/api/returns", limit=1)["data"][0]
    assert all("lab_new_field" in thing for thing in (order, parcel, shop, thread, back))
    assert (parcel["status"], shop["shop_state"], thread["topic"]["type"], back["reason_code"]) == (
        "WITH_DRONE", "PROBATION", "EMOJI", "RETURN_BORED")
    lab.chaos = Chaos(unknown=0.1)
    share = sum("lab_new_field" in row for row in get("/api/orders", max=100)["orders"]) / 100
    assert 0.02 < share < 0.25
