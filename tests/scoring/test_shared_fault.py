"""Shared faults: found where many sellers worsen together in one group, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom

from scoring.shared_fault import Limits, Rows, find_shared_faults, find_span


def build(*parts: tuple[int, str, int, int, int, int]) -> Rows:
    """Units by (seller, carrier, bad before, base before, bad recently, base recently); all on one marketplace."""
    rows = [
        (seller, "abc".index(carrier), recent, number < bad)
        for seller, carrier, bad0, base0, bad1, base1 in parts
        for recent, bad, base in ((False, bad0, base0), (True, bad1, base1))
        for number in range(base)
    ]
    seller, group, recent, failed = (np.array(column) for column in zip(*rows, strict=True))
    return Rows(seller.astype(np.int64), recent.astype(bool), failed.astype(bool),
                {"carrier": group.astype(np.int64), "marketplace": np.zeros(len(rows), dtype=np.int64)})


def strike(sellers: Sequence[int], *, late: int = 5) -> list[tuple[int, str, int, int, int, int]]:
    """Sellers with one failure in thirty on carrier a before and `late` in eight now; carrier b stays as it was."""
    return [part for seller in sellers for part in ((seller, "a", 1, 30, late, 8), (seller, "b", 1, 30, 0, 8))]


def test_one_carrier_of_six_sellers_is_found_once_with_its_numbers() -> None:
    fault, = find_shared_faults(build(*strike(range(6))))
    assert (fault.dimension, fault.group, fault.sellers, fault.worse) == ("carrier", 0, 6, (0, 1, 2, 3, 4, 5))
    assert (fault.bad, fault.base, fault.rest_bad, fault.rest_base) == (30, 48, 0, 48)
    assert fault.expected == pytest.approx(6 * 8 / 30)
    mean = 6 * 8 * 6 / 38  # six failures in thirty-eight orders of each, spread evenly
    evidence = 30 * log(30 / mean) + 18 * log(18 / (48 - mean))
    assert fault.evidence == pytest.approx(evidence)
    assert fault.p_value == pytest.approx(exp(-evidence))
    assert fault.breadth_p == pytest.approx(binom.sf(5, 6, 0.05))


NOT_SHARED = {
    "four sellers are too few": strike(range(4)),
    "one seller alone, however bad": [(0, "a", 0, 300, 200, 200), *strike(range(1, 8), late=0)],
    "an ordinary bad week": strike(range(8), late=1),
    "nothing failed at all": strike(range(8), late=0),
    "sellers without a past": [(seller, "a", 0, 0, 5, 8) for seller in range(8)],
}


@pytest.mark.parametrize("name", NOT_SHARED)
def test_what_is_not_shared_is_not_called_so(name: str) -> None:
    assert find_shared_faults(build(*NOT_SHARED[name])) == []


def test_a_whole_marketplace_is_named_where_every_carrier_suffers_alike() -> None:
    parts = [(seller, carrier, 1, 30, 5, 8) for seller in range(8) for carrier in "ab"]
    fault, = find_shared_faults(build(*parts))
    assert (fault.dimension, fault.rest_base) == ("marketplace", 0)


def test_a_shop_that_was_always_late_is_no_sign() -> None:
    parts = [(seller, "a", 15, 30, 4, 8) for seller in range(10)]
    assert find_shared_faults(build(*parts)) == []


def test_two_faults_are_named_apart() -> None:
    parts = [part for seller in range(8) for part in (
        (seller, "a", 1, 30, 5, 8), (seller, "c", 1, 30, 0, 30), (seller + 8, "b", 1, 30, 6, 8),
        (seller + 8, "c", 1, 30, 0, 30))]
    found = find_shared_faults(build(*parts))
    assert [(fault.dimension, fault.group, fault.bad) for fault in found] == [("carrier", 1, 48), ("carrier", 0, 40)]


@settings(max_examples=20)
@given(st.integers(5, 12), st.integers(0, 8), st.randoms(use_true_random=False))
def test_the_answer_does_not_depend_on_the_order_or_the_names_of_sellers(sellers: int, late: int, luck: object) -> None:
    rows = build(*strike(range(sellers), late=late))
    places = list(range(rows.seller.size))
    luck.shuffle(places)  # type: ignore[attr-defined]
    turned = Rows(sellers - 1 - rows.seller[places], rows.recent[places], rows.bad[places],
                  {name: codes[places] for name, codes in rows.groups.items()})
    first, second = find_shared_faults(rows), find_shared_faults(turned)
    assert [(f.dimension, f.group, f.bad, f.base, len(f.worse)) for f in first] == [
        (f.dimension, f.group, f.bad, f.base, len(f.worse)) for f in second]


@settings(max_examples=20)
@given(st.integers(5, 12), st.integers(0, 7))
def test_more_failures_in_the_group_never_hide_a_fault(sellers: int, late: int) -> None:
    found = find_shared_faults(build(*strike(range(sellers), late=late)))
    worse = find_shared_faults(build(*strike(range(sellers), late=late + 1)))
    assert bool(worse) >= bool(found)
    if found:
        assert worse[0].evidence > found[0].evidence


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 12), st.integers(0, 6), st.integers(1, 8)), min_size=1,
                max_size=4))
def test_the_bound_is_never_below_the_exact_chance(counts: list[tuple[int, int, int, int]]) -> None:
    """The exact distribution of the sum, by convolution, is the slow second method."""
    plain = [(s, "a", min(b0, n0), n0, min(b1, n1), n1) for s, (b0, n0, b1, n1) in enumerate(counts)]
    fault = _measure_anyway(build(*plain))
    exact = np.ones(1)
    for _, _, bad0, base0, bad1, base1 in plain:
        exact = np.convolve(exact, hypergeom.pmf(np.arange(base1 + 1), base0 + base1, bad0 + bad1, base1))
    bad = sum(part[4] for part in plain)
    assert exact[bad:].sum() <= fault + 1e-9


def _measure_anyway(rows: Rows) -> float:
    """The bound of the marketplace, with every other condition off."""
    loose = Limits(alpha=1e9, worse_alpha=1.0, sellers=1, excess_rate=-9, ratio=0, rest_share=9)
    only = Rows(rows.seller, rows.recent, rows.bad, {"marketplace": rows.groups["marketplace"]})
    return find_shared_faults(only, loose)[0].p_value


def test_chance_alone_is_rarely_called_a_fault() -> None:
    """Sixty weeks of forty sellers whose own rates drift: none is called a shared fault."""
    dice = np.random.default_rng(7)
    found = sum(bool(find_shared_faults(draw(dice, fault_rate=0.0))) for _ in range(60))
    assert found == 0


def test_a_carrier_that_fails_one_parcel_in_two_is_found() -> None:
    dice = np.random.default_rng(8)
    faults = [find_shared_faults(draw(dice, fault_rate=0.5)) for _ in range(10)]
    assert [[(f.dimension, f.group) for f in found] for found in faults] == [[("carrier", 0)]] * 10


def draw(dice: np.random.Generator, *, fault_rate: float, sellers: int = 40) -> Rows:
    """A week after eight of three orders a day; each seller has a rate of its own that drifts by a third."""
    base0, base1 = dice.poisson(168, sellers), dice.poisson(21, sellers)
    seller = np.repeat(np.arange(sellers), base0 + base1)
    recent = np.concatenate([np.arange(a + b) >= a for a, b in zip(base0, base1, strict=True)])
    carrier = dice.choice(3, seller.size, p=(0.25, 0.5, 0.25)).astype(np.int64)
    own = dice.beta(2, 48, sellers)
    rate = np.where(recent, (own * np.exp(dice.normal(0, 0.3, sellers)))[seller], own[seller])
    rate = np.where(recent & (carrier == 0), np.maximum(rate, fault_rate), rate)
    return Rows(seller, recent, dice.random(seller.size) < rate,
                {"carrier": carrier, "category": dice.integers(0, 6, seller.size),
                 "marketplace": np.zeros(seller.size, dtype=np.int64)})


@pytest.mark.parametrize(("bad", "base", "span"), [
    ([0, 0, 5, 6, 5, 0, 0], [10] * 7, (2, 4)),
    ([0, 0, 5, 0, 6, 0, 0], [10] * 7, (2, 4)),
    ([0, 0, 5, 0, 0], [10, 0, 10, 0, 10], (2, 2)),
    ([0, 0, 0], [10] * 3, (0, 2)),
    ([3], [3], (0, 0)),
    ([4, 0, 0, 4, 4, 4], [10, 0, 0, 10, 10, 10], (0, 5)),
])
def test_the_days_that_stand_out_are_found(bad: list[int], base: list[int], span: tuple[int, int]) -> None:
    assert find_span(np.array(bad), np.array(base), 0.05) == span


def test_no_days_have_no_span() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        find_span(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 0.1)
