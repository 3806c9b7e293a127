"""Can a limit be judged: exact sums, verdicts one by one, and a second simulation written out in plain Python."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from functools import cache
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.judgeability import (
    Finding,
    JudgedLimit,
    find_least_base,
    judge_volume,
    list_least_bad,
    read_limit,
    simulate_marketplace,
)
from scoring.standards import Evidence
from scoring.verdicts import Verdict, judge_evidence, to_verdicts

OURS = Evidence(min_base=20, min_bad=3, min_buyers=2, alpha=Decimal("0.005"))
TWO_PERCENT = read_limit("0.02", higher_is_better=False, evidence=OURS)


def exact_tail(bad: int, base: int, share: Fraction) -> Fraction:
    return sum((comb(base, k) * share**k * (1 - share) ** (base - k) for k in range(bad, base + 1)), Fraction(0))


def evidences():
    return st.builds(Evidence, min_base=st.integers(1, 30), min_bad=st.integers(1, 6), min_buyers=st.integers(1, 4),
                     alpha=st.sampled_from([Decimal("0.005"), Decimal("0.025"), Decimal("0.5"), Decimal("0.00001")]))


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(1, 99), st.booleans(), evidences())
def test_the_least_bad_is_the_first_that_verdicts_call_a_breach(base, percent, higher, evidence):
    share = Decimal(percent) / 100
    bad = np.arange(base + 1)
    codes = judge_evidence(bad, base, bad, limits=share, higher_is_better=higher, evidence=evidence)
    verdicts = to_verdicts(codes)
    first = next((n for n in range(base + 1) if verdicts[n] == Verdict.BREACHED), base + 1)
    limit = read_limit(share, higher_is_better=higher, evidence=evidence)
    assert list_least_bad([base, 0, base], limit).tolist() == [first, 1, first]


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(0, 100))
def test_without_evidence_any_value_beyond_the_limit_is_a_breach(base, percent):
    limit = read_limit(Decimal(percent) / 100, higher_is_better=False, evidence=None)
    least = int(list_least_bad(base, limit))
    assert limit.min_base == 1
    assert Fraction(least - 1) <= limit.bad_limit * base
    assert least == base + 1 or Fraction(least, base) > limit.bad_limit


@pytest.mark.parametrize(
    ("base", "needed", "least", "findings"),
    [
        (2, 18, None, (Finding.TOO_FEW_UNITS, Finding.NEVER_BREACHED)),
        (5, 15, 3, (Finding.TOO_FEW_UNITS, Finding.SELDOM_FOUND)),
        (20, 0, 4, (Finding.SELDOM_FOUND,)),
        (300, 0, 14, ()),
    ],
)
def test_what_a_limit_of_2_percent_says_of_a_shop_by_its_volume(base, needed, least, findings):
    judged = judge_volume(base, TWO_PERCENT)
    assert (judged.units_needed, judged.least_bad, judged.findings) == (needed, least, findings)
    limit = Fraction(2, 100)
    alarm = exact_tail(least, base, limit) if least else 0
    assert judged.false_alarm_rate == pytest.approx(float(alarm), rel=1e-9)
    assert judged.detection_rate == pytest.approx(float(exact_tail(least, base, 3 * limit)) if least else 0, rel=1e-9)
    assert [chance.rate for chance in judged.chances] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.06])
    for chance in judged.chances:
        share = Fraction(str(chance.rate))
        assert chance.probability == pytest.approx(float(exact_tail(least, base, share)) if least else 0, rel=1e-9)


def test_a_point_limit_accuses_shops_on_it_every_other_time():
    judged = judge_volume(100, read_limit("0.04", higher_is_better=False, evidence=None), rates=[0.08])
    assert judged.least_bad == 5
    assert judged.findings == (Finding.OFTEN_ACCUSED,)
    assert judged.false_alarm_rate == pytest.approx(float(exact_tail(5, 100, Fraction(4, 100))))
    assert [chance.rate for chance in judged.chances] == [0.08]


def test_a_limit_that_asks_for_more_bad_units_than_there_are_is_never_breached():
    strict = Evidence(min_base=1, min_bad=30, min_buyers=1, alpha=Decimal("0.005"))
    half = read_limit("0.5", higher_is_better=True, evidence=strict)
    assert judge_volume(20, half).findings == (Finding.NEVER_BREACHED,)
    assert judge_volume(20, JudgedLimit(Fraction(1), None)).least_bad is None


def test_the_least_base_finds_what_it_says_and_the_one_before_does_not():
    found = find_least_base(TWO_PERCENT, rate=0.06)
    assert found is not None
    before, at = (judge_volume(base, TWO_PERCENT, rates=[0.06]).chances[0].probability for base in (found - 1, found))
    assert before < 0.8 <= at
    assert all(judge_volume(n, TWO_PERCENT, rates=[0.06]).chances[0].probability < 0.8 for n in range(20, found))
    assert find_least_base(TWO_PERCENT, rate=0.021, most=300) is None
    assert find_least_base(TWO_PERCENT, rate=0.03, probability=0.8, most=5_000) > 1_044


# --- simulated --------------------------------------------------------------------------------------------


def test_days_on_their_own_are_breached_as_often_as_the_exact_chance_says():
    """A window of one day makes the days independent: 1 − (1 − p) to the power of the days."""
    limit = read_limit("0.1", higher_is_better=False, evidence=None)
    days, base = 20, 10
    volumes = np.full((20_000, days + 1), base)
    found = simulate_marketplace(volumes, limit, window_days=1, seed=3, rates=[0.05, 0.1, 0.2])
    for simulated in found.rates:
        daily = judge_volume(base, limit, rates=[simulated.rate]).chances[0].probability
        assert simulated.breached_share == pytest.approx(1 - (1 - daily) ** days, abs=0.01)
    assert found.rates[2].median_day in {1, 2}


def test_a_second_simulation_in_plain_python_agrees():
    limit, window, days, shops = read_limit("0.05", higher_is_better=False, evidence=OURS), 14, 60, 1_200
    volumes = np.random.default_rng(5).integers(0, 6, (shops, window + days))
    simulated = simulate_marketplace(volumes, limit, window_days=window, seed=11, every_days=7, rates=[0.05, 0.3])
    for rate, found in zip([0.05, 0.3], simulated.rates, strict=True):
        firsts = [first_breach(volumes[n].tolist(), rate, random.Random(n)) for n in range(shops)]
        breached = sorted(first for first in firsts if first)
        assert found.breached_share == pytest.approx(len(breached) / shops, abs=0.05)
        if rate > 0.05:
            assert found.median_day == pytest.approx(breached[len(breached) // 2], abs=7)


def first_breach(volumes: list[int], rate: float, dice: random.Random) -> int:
    bad = []
    for day, base in enumerate(volumes):
        share = rate if rate <= 0.05 or day >= 14 else 0.025
        bad.append(sum(dice.random() < share for _ in range(base)))
    for day in range(14, len(volumes), 7):
        counted, base = sum(bad[day - 13 : day + 1]), sum(volumes[day - 13 : day + 1])
        if is_breached(counted, base):
            return day - 14 + 1
    return 0


@cache
def is_breached(bad: int, base: int) -> bool:
    codes = judge_evidence([bad], [base], [bad], limits="0.05", higher_is_better=False, evidence=OURS)
    return to_verdicts(codes) == [Verdict.BREACHED]


def test_the_same_seed_gives_the_same_figures_and_shops_too_small_are_counted():
    volumes = np.concatenate([np.zeros((3, 40), int), np.full((2, 40), 50)])
    volumes[2, 35] = 4  # four orders on one day: breachable, never enough to be judged
    one, same, other = (simulate_marketplace(volumes, TWO_PERCENT, window_days=30, seed=seed, rates=[0.03])
                        for seed in (1, 1, 2))
    assert one == same
    assert (one.shops, one.days, one.never_judged, one.never_breachable) == (5, 10, 3, 2)
    assert other.shops == 5
    certain = simulate_marketplace(volumes, TWO_PERCENT, window_days=30, seed=1, rates=[0.0, 1.0])
    assert [rate.breached_share for rate in certain.rates] == [0.0, 0.6]
    assert (certain.rates[0].median_day, certain.rates[1].median_day) == (None, 1.0)


def test_defaults_ask_for_multiples_of_the_limit_up_to_all():
    found = simulate_marketplace(np.full((3, 9), 9), read_limit("0.5", higher_is_better=True, evidence=None),
                                 window_days=7, seed=1)
    assert [rate.rate for rate in found.rates] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert simulate_marketplace(np.zeros((0, 9), int), TWO_PERCENT, window_days=7, seed=1).rates[0].breached_share == 0


def test_too_few_days_are_refused():
    with pytest.raises(ValueError, match=r"volumes: expected shops by days, more than 30 days, found \(5, 30\)"):
        simulate_marketplace(np.zeros((5, 30), int), TWO_PERCENT, window_days=30, seed=1)
