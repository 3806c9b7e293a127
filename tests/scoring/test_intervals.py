"""Bounds and tails against exact sums, printed tables and their own meaning."""

from __future__ import annotations

import json
from datetime import datetime
from fractions import Fraction
from math import comb, inf, isnan, nextafter, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from scoring.intervals import (
    binomial_tail,
    clopper_pearson,
    jeffreys,
    mean_interval,
    percentile_rank_bounds,
    percentile_ranks,
    tail,
    wilson,
)

GOLDEN = Path(__file__).parents[1] / "golden"
counts = st.integers(0, 60).flatmap(lambda base: st.tuples(st.integers(0, base), st.just(base)))


def exact_tail(bad: int, base: int, share: Fraction) -> Fraction:
    terms = (comb(base, k) * share**k * (1 - share) ** (base - k) for k in range(bad, base + 1))
    return sum(terms, Fraction(0))


@settings(deadline=None)
@given(counts, st.integers(0, 100))
def test_the_tail_is_the_sum_of_its_terms(count, percent):
    bad, base = count
    expected = float(exact_tail(bad, base, Fraction(percent, 100)))
    assert float(binomial_tail(bad, base, percent / 100)) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_the_tail_of_nothing_bad_is_one_whatever_the_limit():
    assert binomial_tail([0, 0, 0, 1], [0, 9, 9, 9], [0.5, 0.0, 1.0, 0.0]).tolist() == [1, 1, 1, 0]


# 95 % bounds for n = 10 as printed in the common tables of exact limits.
EXACT_OF_TEN = [
    (0, 0.0, 0.3085),
    (1, 0.0025, 0.4450),
    (3, 0.0667, 0.6525),
    (5, 0.1871, 0.8129),
    (10, 0.6915, 1.0),
]


def test_exact_bounds_of_ten_are_the_printed_ones():
    lower, upper = clopper_pearson([bad for bad, *_ in EXACT_OF_TEN], 10)
    assert lower == pytest.approx([row[1] for row in EXACT_OF_TEN], abs=6e-5)
    assert upper == pytest.approx([row[2] for row in EXACT_OF_TEN], abs=6e-5)


@settings(deadline=None)
@given(counts.filter(lambda count: count[1] > 0), st.sampled_from([0.8, 0.95, 0.99]))
def test_at_an_exact_bound_the_tail_is_half_the_doubt(count, confidence):
    bad, base = count
    lower, upper = (float(bound) for bound in clopper_pearson(bad, base, confidence))
    half = (1 - confidence) / 2
    if bad > 0:
        assert float(binomial_tail(bad, base, lower)) == pytest.approx(half, rel=1e-6)
    if bad < base:
        assert float(binomial_tail(base - bad, base, 1 - upper)) == pytest.approx(half, rel=1e-6)


@settings(deadline=None)
@given(counts)
def test_bounds_enclose_the_share_and_mirror_successes(count):
    bad, base = count
    for method in (clopper_pearson, jeffreys, wilson):
        lower, upper = (float(bound) for bound in method(bad, base))
        mirrored = method(base - bad, base)
        assert 0 <= lower <= upper <= 1
        inside = base == 0 or lower - 1e-12 <= bad / base <= upper + 1e-12
        assert inside or (method is jeffreys and bad in {0, base})  # equal tails leave the ends out
        assert (1 - float(mirrored.upper), 1 - float(mirrored.lower)) == pytest.approx((lower, upper))


def test_nothing_is_known_of_an_empty_base():
    for method in (clopper_pearson, jeffreys, wilson):
        assert [bound.tolist() for bound in method([0], [0])] == [[0.0], [1.0]]


@settings(deadline=None)
@given(counts.filter(lambda count: 0 < count[0] < count[1]))
def test_wilson_bounds_are_where_the_score_reaches_its_quantile(count):
    bad, base = count
    for bound in wilson(bad, base):
        share = float(bound)
        score = abs(bad / base - share) / sqrt(share * (1 - share) / base)
        assert score == pytest.approx(1.959963984540054)


def test_jeffreys_bounds_are_the_quantiles_of_the_published_example():
    # Brown, Cai and DasGupta (2001), table 5: n = 10, x = 2 gives 0.044 to 0.503.
    lower, upper = jeffreys(2, 10)
    assert (float(lower), float(upper)) == pytest.approx((0.044, 0.503), abs=5e-4)


@settings(deadline=None)
@given(counts.filter(lambda count: count[1] > 0), st.sampled_from([0.8, 0.95, 0.99]))
def test_bounds_are_the_quantiles_that_scipy_gives(count, confidence):
    bad, base = count
    half = (1 - confidence) / 2
    assert tuple(jeffreys(bad, base, confidence)) == pytest.approx(
        beta.ppf([half, 1 - half], bad + 0.5, base - bad + 0.5), rel=1e-9)
    for method, name in ((clopper_pearson, "exact"), (wilson, "wilson")):
        known = binomtest(bad, base).proportion_ci(confidence, name)
        assert tuple(method(bad, base, confidence)) == pytest.approx((known.low, known.high), abs=1e-9)
    assert float(tail(bad, base, 0.04)) == pytest.approx(binom.sf(bad - 1, base, 0.04), rel=1e-9, abs=1e-300)


def test_intervals_of_the_example_newcombe_published():
    """Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, 29 of 29."""
    bad, base = [81, 15, 0, 1, 29], [263, 148, 20, 29, 29]
    score, exact = wilson(bad, base), clopper_pearson(bad, base)
    assert score.lower == pytest.approx([0.2553, 0.0624, 0.0, 0.0061, 0.8830], abs=6e-5)
    assert score.upper == pytest.approx([0.3662, 0.1605, 0.1611, 0.1718, 1.0], abs=6e-5)
    assert exact.lower == pytest.approx([0.2527, 0.0578, 0.0, 0.0009, 0.8806], abs=6e-5)
    assert exact.upper == pytest.approx([0.3676, 0.1617, 0.1684, 0.1776, 1.0], abs=6e-5)


def test_one_number_gives_one_number():
    for bound in (*wilson(1, 10), *clopper_pearson(1, 10), *jeffreys(1, 10), tail(1, 10, 0.1)):
        assert isinstance(bound, float)
    assert tail(1, 10, 0.1) == pytest.approx(1 - 0.9**10)
    assert tail(2, 2, 0.5) == 0.25


@pytest.mark.parametrize("limit", [-0.01, 1.01, 4])
def test_a_limit_that_is_no_share_is_refused(limit):
    with pytest.raises(ValueError, match=f"limit: {limit} is not a share between 0 and 1"):
        tail(1, 10, limit)


def test_counts_that_are_not_whole_are_refused():
    assert wilson(2.0, 10) == wilson(2, 10)
    for bad, base, name in ((2.5, 10, "bad"), (2, float("nan"), "base")):
        with pytest.raises(ValueError, match=f"{name}: counts are whole numbers"):
            wilson(bad, base)


def test_a_mean_has_normal_bounds_from_two_values_on():
    # 2, 4, 6: mean 4, deviation 2, so 4 ± 1.96 · 2 ÷ √3.
    lower, upper = mean_interval([12, 5, 0], [56, 25, 0], [3, 1, 0])
    spread = 1.959963984540054 * 2 / sqrt(3)
    assert (lower[0], upper[0]) == pytest.approx((4 - spread, 4 + spread))
    assert all(isnan(bound) for bound in (lower[1], upper[1], lower[2], upper[2]))


def test_equal_values_have_a_mean_without_spread():
    third = 1 / 3
    lower, upper = mean_interval(3 * third, nextafter(3 * third * third, -inf), 3)
    assert (float(lower), float(upper)) == (third, third)


@pytest.mark.parametrize(
    ("count", "share", "rank"),
    [
        (0, 0.5, 0),
        (1, 0.5, 1),
        (2, 0.5, 1),
        (3, 0.5, 2),
        (10, 0.9, 9),
        (11, 0.9, 10),
        (10, 0.7, 7),
        (7, 1, 7),
    ],
)
def test_nearest_ranks_by_hand(count, share, rank):
    assert percentile_ranks(count, share).tolist() == rank


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_the_rank_is_the_first_that_leaves_no_more_than_the_rest_above(count, permille):
    rank = int(percentile_ranks(count, permille / 1000))
    assert Fraction(rank, count) >= Fraction(permille, 1000) > Fraction(rank - 1, count)


def test_the_golden_percentiles_are_real_rows():
    history = json.loads((GOLDEN / "percentiles-are-nearest-rank.json").read_text())
    asked: dict[str, list[datetime]] = {}
    for event in history["events"][1:]:
        asked.setdefault(event["subject"], []).append(datetime.fromisoformat(event["time"]))
    seconds = sorted((answered - opened).total_seconds() for opened, answered in asked.values())
    median, p90 = (seconds[percentile_ranks(len(seconds), share) - 1] for share in (0.5, 0.9))
    assert [(check["median"], check["p90"]) for check in history["checks"]] == [(median, p90)] * 4


@settings(deadline=None)
@given(st.integers(0, 200), st.sampled_from([0.5, 0.9]))
def test_order_statistics_bound_a_percentile_with_the_confidence_asked(count, share):
    lower, upper = (int(rank) for rank in percentile_rank_bounds(count, share))
    exact = Fraction(str(share))
    below_lower = 1 - exact_tail(lower, count, exact) if lower else Fraction(0)
    assert 0 <= lower <= count
    assert 0 <= upper <= count
    assert below_lower <= Fraction(25, 1000) + Fraction(1, 10**9)
    if upper:
        assert exact_tail(upper, count, exact) <= Fraction(25, 1000) + Fraction(1, 10**9)
    else:
        assert exact_tail(count, count, exact) > Fraction(25, 1000) or count == 0


def test_known_ranks_of_the_median_of_twenty():
    # David and Nagaraja: the 6th and 15th of 20 enclose the median with 95.86 %.
    assert [int(rank) for rank in percentile_rank_bounds(20, 0.5)] == [6, 15]


@pytest.mark.parametrize(("bad", "base"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(bad, base):
    for ask in (clopper_pearson, wilson, jeffreys, lambda x, n: binomial_tail(x, n, 0.5)):
        with pytest.raises(ValueError, match=f"position 1: {bad} bad of {base} cannot be"):
            ask([0, bad], [0, base])


def test_confidence_and_share_are_fractions():
    with pytest.raises(ValueError, match="confidence: 95 is not between 0 and 1"):
        wilson(1, 2, 95)
    for share in (0, 90):
        with pytest.raises(ValueError, match=f"share: {share} is not above 0"):
            percentile_ranks(10, share)


def test_arrays_keep_their_shape():
    grid = np.array([[0, 1], [2, 3]])
    assert clopper_pearson(grid, 3).lower.shape == (2, 2)
    assert percentile_ranks(grid, 0.5).tolist() == [[0, 1], [1, 2]]
