"""How often does a standard accuse the innocent, and how long does it take to find a fall? Ours beside three others.

`python -m benchmarks.alarms [SHOPS]`: that many simulated shops (1,000) of each volume and standard, one JSON line
each; the same seed gives the same figures. The metric is late shipments, which all four judge, each against its own
limit, on its own dates and windows. Every order has another buyer and is late with the shop's probability.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import report
from scoring.judgeability import JudgedLimit, list_least_bad
from scoring.ladder import MetricVerdict, Standing, step
from scoring.standards import Rule, Standard, load_preset
from scoring.standards.conditions import Compare, Condition, Group
from scoring.standards.windowing import Window, Windows
from scoring.verdicts import Verdict
from scoring.windows import resolve_windows

METRIC, PRESETS, VOLUMES = "late_shipment_rate", ("ours", "amazon", "ebay", "pccomponentes"), (1, 5, 20)
FIRST, DAYS, BEFORE, SHOPS, SEED = date(2025, 1, 1), 365, 460, 1_000, 7
LIMITS = {"ebay": Fraction(3, 100)}  # “3 % or five orders”: the rate
Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Simulated:
    """Orders and late orders of shops on each day, of shape (shops, days); the judged year begins after BEFORE."""

    base: Counts
    bad: Counts

    @cached_property
    def sums(self) -> tuple[Counts, Counts]:
        """Running sums of both with a zero before the first day."""
        bad, base = (np.pad(np.cumsum(each, axis=1), ((0, 0), (1, 0))) for each in (self.bad, self.base))
        return bad, base

    def count(self, first: date, end: date) -> tuple[Counts, Counts]:
        """(late, all) of each shop on half-open dates; what lies before the simulated days is left out."""
        places = [min(max(0, (on - FIRST).days + BEFORE), self.base.shape[1]) for on in (first, end)]
        bad, base = (each[:, places[1]] - each[:, places[0]] for each in self.sums)
        return bad, base


@dataclass(frozen=True)
class Row:
    """What a standard did in a year to shops of one volume; `rate` [share] is that of their late orders.

    `accused_share` were breached on any date, `lowered_share` lost a level or what the standard takes instead;
    `median_days` is when half of those breached were, counted from the first day; None when none was.
    """

    standard: str
    orders_a_day: int
    rate: float
    accused_share: float
    lowered_share: float
    median_days: float | None


def simulate(*, shops: int, orders_a_day: int, rate: float, before: float, seed: int) -> Simulated:
    """Shops whose orders are late at one rate [share], before the judged year at another."""
    dice = np.random.default_rng(seed)
    base = dice.poisson(orders_a_day, (shops, BEFORE + DAYS))
    share = np.where(np.arange(BEFORE + DAYS) < BEFORE, before, rate)
    return Simulated(base, dice.binomial(base, share))


def find_limit(standard: Standard) -> Fraction:
    """The limit on the share of late orders."""
    return LIMITS.get(standard.id) or get_rule(standard).bad_limit


def get_rule(standard: Standard) -> Rule:
    """The rule on late shipments."""
    return next(rule for rule in standard.rules if rule.is_active and rule.metric == METRIC)


def judge_year(standard: Standard, shops: Simulated) -> tuple[list[date], Flags]:
    """The official dates of the year, and who is breached on each, of shape (dates, shops)."""
    dates = [on for on in (FIRST + timedelta(days=n) for n in range(DAYS)) if standard.is_official(on)]
    rule = get_rule(standard)
    return dates, np.array([_judge(standard, rule, shops, on) for on in dates])


def _judge(standard: Standard, rule: Rule, shops: Simulated, on: date) -> Flags:
    window = rule.window
    if isinstance(window, Windows) and window.by_volume is not None:
        chosen = window.by_volume
        ((first, end),) = resolve_windows(chosen.count_in, on)
        is_large = shops.count(first, end)[1] >= chosen.at_least
        return np.where(is_large, *(_judge_over(standard, rule, shops, (each, on))
                                    for each in (chosen.then, chosen.otherwise)))
    return _judge_over(standard, rule, shops, (window, on))


def _judge_over(standard: Standard, rule: Rule, shops: Simulated, over: tuple[Window | Windows, date]) -> Flags:
    """Broken over any of the dates of windows that must all be kept."""
    found = [_is_broken(standard, rule, *shops.count(first, end)) for first, end in resolve_windows(*over)]
    return np.any(found, axis=0)


def _is_broken(standard: Standard, rule: Rule, bad: Counts, base: Counts) -> Flags:
    if (rule.judged_by or standard.judged_by) == "evidence":
        return np.asarray(bad >= list_least_bad(base, JudgedLimit(rule.bad_limit, rule.evidence or standard.evidence)))
    assert rule.kept_when is not None  # the four have one
    return np.asarray((base > 0) & ~_holds(rule.kept_when, bad, base))


def _holds(condition: Condition, bad: Counts, base: Counts) -> Flags:
    """Whether a limit on the share or the number of late orders is kept, exactly."""
    if isinstance(condition, Group):
        parts = [_holds(part, bad, base) for part in condition.parts]
        return np.any(parts, axis=0) if condition.kind == "any" else np.all(parts, axis=0)
    if not isinstance(condition, Compare) or condition.key not in {"value", "bad"}:
        raise ValueError(f"{condition}: only shares and numbers of late orders are simulated")
    # A share keeps its bound where bad times its denominator keeps base times its numerator.
    left = bad * condition.bound.denominator
    right = (base if condition.key == "value" else 1) * condition.bound.numerator
    return np.asarray({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right,
                       "=": left == right}[condition.operator])


def count_lowered(standard: Standard, dates: Sequence[date], breached: Flags) -> int:
    """How many shops stand lower on any date: ours after breaches far enough apart, the others with the first."""
    if standard.id != "ours":
        return int(breached.any(axis=0).sum())
    return sum(_is_lowered(standard, dates, breached[:, shop]) for shop in np.flatnonzero(breached.any(axis=0)))


def _is_lowered(standard: Standard, dates: Sequence[date], breached: Flags) -> bool:
    standing: Standing | None = None
    rule = get_rule(standard)
    for on, is_breached in zip(dates, breached, strict=True):
        if not is_breached:
            continue
        verdict = MetricVerdict.from_counts(rule, Verdict.BREACHED, bad=20, base=100)
        standing, _ = step(standing, [verdict], on=on, orders_60d=0, standard=standard)
        if standing.level == "below":
            return True
    return False


def run(name: str, *, orders_a_day: int, multiple: Fraction, shops: int) -> Row:
    """One standard on shops at a multiple of its limit; beyond it they begin on the first day, before at half."""
    standard = load_preset(name)
    limit = find_limit(standard)
    rate, half = float(limit * multiple), float(limit / 2)
    made = simulate(shops=shops, orders_a_day=orders_a_day, rate=rate, before=half, seed=SEED)
    dates, breached = judge_year(standard, made)
    found = breached[:, breached.any(axis=0)]
    days = [(dates[place] - FIRST).days + 1 for place in found.argmax(axis=0)]
    return Row(name, orders_a_day, rate, found.shape[1] / shops, count_lowered(standard, dates, breached) / shops,
               float(np.median(days)) if days else None)


def list_rows(shops: int = SHOPS) -> Iterator[Row]:
    """Every standard, volume and multiple: innocents at half the limit, falls to twice and to thrice."""
    for name in PRESETS:
        for volume in VOLUMES:
            for multiple in (Fraction(1, 2), Fraction(2), Fraction(3)):
                yield run(name, orders_a_day=volume, multiple=multiple, shops=shops)


def main(arguments: Sequence[str]) -> None:
    """Print every row."""
    for row in list_rows(int(arguments[0]) if arguments else SHOPS):
        report("alarms", **vars(row))


if __name__ == "__main__":
    main(sys.argv[1:])
