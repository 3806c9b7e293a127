"""Who holds a level or badge, by group, and how concentrated the orders are: by hand, and by the definition."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.concentration import GroupShare, PlacedShop, Tally, list_quarters, list_shares, name_size, sum_shares


def tally(*orders):
    return Tally(len(orders), sum(orders), sum(number**2 for number in orders))


@pytest.mark.parametrize(
    ("orders", "hhi", "effective"),
    [((), None, None), ((0, 0), None, None), ((7,), 1, 1), ((5, 5, 5, 5), 0.25, 4), ((8, 1, 1), 0.66, 100 / 66)],
)
def test_the_index_is_as_worked_out_by_hand(orders, hhi, effective):
    found = tally(*orders)
    assert found.hhi == (None if hhi is None else pytest.approx(hhi))
    assert found.effective_shops == (None if effective is None else pytest.approx(effective))


@pytest.mark.parametrize(
    ("orders", "days", "size"),
    [(0, 60, "under_50"), (99, 60, "under_50"), (100, 60, "50_to_500"), (500, 30, "50_to_500"), (501, 30, "over_500")],
)
def test_a_size_is_that_of_thirty_days(orders, days, size):
    assert name_size(orders, days=days) == size


@pytest.mark.parametrize(
    ("orders", "quarters"),
    [([], ""), ([5], "3"), ([1, 9], "24"), ([8, 2, 6, 4], "4132"), ([1, 1, 1, 1, 1, 1, 9, 9], "22222244"),
     ([0, 0, 3, 4, 5, 6, 7, 7], "11223344")],
)
def test_quarters_go_by_orders_and_keep_equal_shops_together(orders, quarters):
    assert list_quarters(orders) == [f"quarter_{number}" for number in quarters]


def test_no_days_and_negative_orders_are_refused():
    for orders, days in ((1, 0), (-1, 30)):
        with pytest.raises(ValueError, match="at least a day"):
            name_size(orders, days=days)


def test_of_twelve_small_shops_two_hold_it_and_of_four_large_ones_three():
    shops = [PlacedShop(10, "under_50", number < 2) for number in range(12)]
    shops += [PlacedShop(900, "over_500", number < 3) for number in range(4)]
    small, large = list_shares(shops)
    assert small == GroupShare("under_50", tally(*[10] * 12), tally(10, 10))
    assert (large.holders.shops, large.all.shops, large.share) == (3, 4, 0.75)
    assert sum_shares((small, large)).holders == tally(10, 10, 900, 900, 900)
    assert list_shares([]) == ()


numbers = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("ab"), st.booleans()), max_size=30)


@given(numbers)
def test_the_index_lies_between_equal_shops_and_a_single_one_and_follows_its_definition(world):
    shops = [PlacedShop(*one) for one in world]
    total = sum_shares(list_shares(shops))
    assert total.all.shops == len(shops)
    assert total.holders.shops == sum(shop.holds for shop in shops)
    orders = [shop.orders for shop in shops]
    if not sum(orders):
        assert total.all.hhi is None
        return
    slow = sum(Fraction(number, sum(orders)) ** 2 for number in orders)
    assert total.all.hhi == pytest.approx(float(slow))
    assert 1 / len(shops) - 1e-12 <= total.all.hhi <= 1 + 1e-12


@given(numbers, numbers)
def test_two_marketplaces_together_are_the_sum_of_both(one, other):
    both = sum_shares(list_shares(PlacedShop(*shop) for shop in (*one, *other)))
    apart = [sum_shares(list_shares(PlacedShop(*shop) for shop in world)) for world in (one, other)]
    assert both == sum_shares(apart)
