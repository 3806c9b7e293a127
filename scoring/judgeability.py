"""Can a limit be judged at a shop's volume, how often does it accuse the innocent, how often find the guilty?

Figures for the author of a standard. One evaluation of one shop is exact (binomial); a year of evaluations over a
marketplace's own volumes is simulated with a seed. Every bad unit is taken to come from another buyer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.intervals import Counts, binomial_tail
from scoring.standards import Evidence
from scoring.verdicts import Exact, to_bad_limit

SHOPS_AT_ONCE = 2_000
# Shares of bad units to ask about, in multiples of the limit.
MULTIPLES = (Fraction(1, 2), Fraction(1), Fraction(3, 2), Fraction(2), Fraction(3))
GUILTY, SELDOM, NOISY = Fraction(3), 0.5, 0.05
_ROUNDING = 1 + 1e-12  # as verdicts round their tail


class Finding(StrEnum):
    """What an author should hear of a limit at a volume."""

    TOO_FEW_UNITS = "too_few_units"  # below the least base: not enough data
    NEVER_BREACHED = "never_breached"  # not even when every unit is bad
    SELDOM_FOUND = "seldom_found"  # at three times the limit, less often than every second time
    OFTEN_ACCUSED = "often_accused"  # on the limit itself, more often than every twentieth time


@dataclass(frozen=True)
class JudgedLimit:
    """A limit on the share of bad units (0 to 1), and the evidence a breach asks for; None: any value beyond it."""

    bad_limit: Fraction
    evidence: Evidence | None

    @property
    def min_base(self) -> int:
        """The least base that is judged at all."""
        return int(self.evidence.min_base) if self.evidence else 1


@dataclass(frozen=True)
class Chance:
    """A shop whose units truly fail at ``rate`` [share] is breached with ``probability``."""

    rate: float
    probability: float


@dataclass(frozen=True)
class Judgeability:
    """One evaluation of a shop with ``base`` units in the window; ``units_needed`` are missing to judge it at all.

    ``least_bad`` units bad make a breach, None when not even all would. ``false_alarm_rate`` is the chance of a breach
    at a true share exactly on the limit, the worst that an innocent shop can meet; ``detection_rate`` that at three
    times the limit; ``chances`` are for the shares asked for.
    """

    base: int
    units_needed: int
    least_bad: int | None
    false_alarm_rate: float
    detection_rate: float
    chances: tuple[Chance, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the limit at this volume; empty when nothing is."""
        never = self.least_bad is None
        wrong = {
            Finding.TOO_FEW_UNITS: self.units_needed > 0,
            Finding.NEVER_BREACHED: never,
            Finding.SELDOM_FOUND: not never and self.detection_rate < SELDOM,
            Finding.OFTEN_ACCUSED: self.false_alarm_rate > NOISY,
        }
        return tuple(finding for finding, is_so in wrong.items() if is_so)


@dataclass(frozen=True)
class SimulatedRate:
    """All shops failing at ``rate``: the share ever breached in the period, and among those the median day of the
    first breach, counted from 1; None when none was. Beyond the limit they begin on day 1, after a window at half of
    it; else they always failed so."""

    rate: float
    breached_share: float
    median_day: float | None


@dataclass(frozen=True)
class SimulatedMarketplace:
    """A period of evaluations over a marketplace's own volumes.

    ``never_judged`` shops always have too few units, ``never_breachable`` shops could fail in everything.
    """

    shops: int
    days: int
    never_judged: int
    never_breachable: int
    rates: tuple[SimulatedRate, ...]


def read_limit(limit: Exact, *, higher_is_better: bool, evidence: Evidence | None) -> JudgedLimit:
    """A limit as a standard states it, as one on the share of bad units."""
    return JudgedLimit(to_bad_limit(limit, higher_is_better), evidence)


def list_least_bad(base: ArrayLike, limit: JudgedLimit) -> Counts:
    """The least number of bad units that is a breach, for each base; base + 1 where not even all would be.

    ``int64`` of the shape of ``base``. The rule is that of ``verdicts``: beyond the limit, enough bad units and buyers,
    and a tail of at most alpha.
    """
    bases = np.asarray(base, np.int64)
    known, where = np.unique(bases, return_inverse=True)
    return _find_least_bad(known, limit)[where].reshape(bases.shape)


def judge_volume(base: int, limit: JudgedLimit, *, rates: Sequence[float] | None = None) -> Judgeability:
    """What the limit can say of a shop with that many units in the window. Exact.

    ``rates`` [share] default to multiples of the limit up to three times.
    """
    least = int(list_least_bad(base, limit))
    asked = tuple(rates) if rates is not None else _list_rates(limit)
    return Judgeability(
        base=base, units_needed=max(0, limit.min_base - base), least_bad=least if least <= base else None,
        false_alarm_rate=_count_chance(base, least, float(limit.bad_limit)),
        detection_rate=_count_chance(base, least, float(min(Fraction(1), limit.bad_limit * GUILTY))),
        chances=tuple(Chance(rate, _count_chance(base, least, rate)) for rate in asked))


def find_least_base(limit: JudgedLimit, *, rate: float, probability: float = 0.8, most: int = 100_000) -> int | None:
    """The least base at which a shop failing at ``rate`` is breached with that probability; None up to ``most``."""
    for first in range(limit.min_base, most + 1, 1_024):
        bases = np.arange(first, min(first + 1_024, most + 1))
        least = list_least_bad(bases, limit)
        chances = np.where(least <= bases, binomial_tail(np.minimum(least, bases), bases, rate), 0.0)
        if (chances >= probability).any():
            return int(bases[int(np.argmax(chances >= probability))])
    return None


def simulate_marketplace(
    volumes: ArrayLike, limit: JudgedLimit, *, window_days: int, seed: int, every_days: int = 1,
    rates: Sequence[float] | None = None,
) -> SimulatedMarketplace:
    """Judge invented shops with the real volumes, every ``every_days``, and count who is breached.

    ``volumes``: units of each shop on each day, whole numbers of shape (shops, days). The first ``window_days`` days
    only fill the window, judged are the days after them. The same seed gives the same figures. Raises ValueError when
    no day is left to judge.
    """
    daily = np.asarray(volumes, np.int64)
    if daily.ndim != 2 or daily.shape[1] <= window_days:
        raise ValueError(f"volumes: expected shops by days, more than {window_days} days, found {daily.shape}")
    bases = _sum_windows(daily, window_days)[:, ::every_days]
    least = list_least_bad(bases, limit)
    asked = tuple(rates) if rates is not None else _list_rates(limit)
    simulated = (_simulate_rate(daily, least, rate, _Plan(limit, window_days, every_days, seed)) for rate in asked)
    return SimulatedMarketplace(
        shops=len(daily), days=daily.shape[1] - window_days, never_judged=int((bases < limit.min_base).all(1).sum()),
        never_breachable=int((least > bases).all(1).sum()), rates=tuple(simulated))


@dataclass(frozen=True)
class _Plan:
    limit: JudgedLimit
    window_days: int
    every_days: int
    seed: int


def _find_least_bad(bases: Counts, limit: JudgedLimit) -> Counts:
    share = limit.bad_limit
    beyond = np.array([int(base) * share.numerator // share.denominator + 1 for base in bases], np.int64)
    if limit.evidence is None:
        return np.minimum(beyond, bases + 1)
    asked = max(int(limit.evidence.min_bad), int(limit.evidence.min_buyers))
    low, high = np.minimum(np.maximum(beyond, asked), bases + 1), bases + 1
    alpha = float(limit.evidence.alpha) * _ROUNDING
    while (low < high).any():
        middle = np.minimum((low + high) // 2, bases)
        enough = binomial_tail(middle, bases, float(share)) <= alpha
        low, high = np.where(enough | (low == high), low, middle + 1), np.where(enough & (low < high), middle, high)
    return low


def _list_rates(limit: JudgedLimit) -> tuple[float, ...]:
    return tuple(float(min(Fraction(1), limit.bad_limit * multiple)) for multiple in MULTIPLES)


def _count_chance(base: int, least: int, rate: float) -> float:
    return float(binomial_tail(least, base, rate)) if least <= base else 0.0


def _sum_windows(daily: Counts, window_days: int) -> Counts:
    """Sums over the last ``window_days``, for each day after the first window."""
    total = np.cumsum(daily, axis=1)
    return total[:, window_days:] - total[:, :-window_days]


def _simulate_rate(daily: Counts, least: Counts, rate: float, plan: _Plan) -> SimulatedRate:
    firsts = np.concatenate(list(_list_first_breaches(daily, least, rate, plan)))
    found = firsts[firsts > 0]
    return SimulatedRate(
        rate, float(len(found) / max(1, len(firsts))), float(np.median(found)) if len(found) else None)


def _list_first_breaches(daily: Counts, least: Counts, rate: float, plan: _Plan) -> Iterator[NDArray[np.int64]]:
    """The judged day, from 1, on which each shop is first breached; 0 for never."""
    random = np.random.default_rng(plan.seed)
    share = np.full(daily.shape[1], rate)
    allowed = float(plan.limit.bad_limit)
    share[: plan.window_days] = rate if rate <= allowed else allowed / 2
    for first in range(0, max(1, len(daily)), SHOPS_AT_ONCE):
        part = slice(first, first + SHOPS_AT_ONCE)
        bad = _sum_windows(random.binomial(daily[part], share), plan.window_days)[:, :: plan.every_days]
        breached = bad >= least[part]
        yield np.where(breached.any(1), breached.argmax(1) * plan.every_days + 1, 0)
