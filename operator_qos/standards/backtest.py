"""A standard tried on history: every day judged at once from outcome rows loaded once. Pure.

Each row counts on a run of consecutive dates, because windows only ever move forward: a row is added on the first of
them and taken off after the last, and running sums give the counts of all dates. Verdicts come from the same function
as official ones; levels follow the ladder's definition (scoring.ladder), for all shops of a date at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from operator_qos.clock import end_of_day_ms
from operator_qos.evaluation.rules import PLACED_METRIC, OutcomeTable
from scoring.evaluate import IS_JUDGED
from scoring.plain import is_plain
from scoring.standards import LEVEL_IDS, MetricRule, Standard
from scoring.verdicts import VERDICTS, Verdict, judge_evidence

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Told = Mapping[str, Any]
KEPT, BREACHED = VERDICTS.index(Verdict.KEPT), VERDICTS.index(Verdict.BREACHED)
TOP, IN_STANDARD, BELOW, NOT_RATED = range(4)
LEVELS = (*LEVEL_IDS, "not_rated")
_NEVER = -(10**6)


@dataclass(frozen=True)
class Days:
    """The dates judged, in order and without gaps, and the end of each in the marketplace's zone [epoch ms]."""

    dates: tuple[date, ...]
    ends_ms: Counts
    zone: str


@dataclass(frozen=True)
class RuleDays:
    """One rule on every date: counts and verdict codes, all of shape (dates, shops)."""

    rule: MetricRule
    bad: Counts
    base: Counts
    raw_base: Counts
    verdict: Codes


@dataclass(frozen=True)
class Trial:
    """A standard on every date: `level` is a position in `levels`, of shape (dates, shops) like `orders`.

    The last of `levels` is that of shops not rated. `told` has the reasons of levels that changed on a date, by the
    positions of date and shop, where the trial knows more than the verdicts say.
    """

    standard: Standard
    shop_ids: tuple[int, ...]
    days: Days
    rules: tuple[RuleDays, ...]
    orders: Counts
    level: Codes
    levels: tuple[str, ...] = LEVELS
    told: Mapping[tuple[int, int], tuple[Told, ...]] = field(default_factory=dict)


def list_days(first: date, last: date, zone: str) -> Days:
    """Every date from the first through the last, with its end."""
    dates = tuple(stamp.date() for stamp in pd.date_range(first, last))
    return Days(dates, np.array([end_of_day_ms(on, zone) for on in dates], np.int64), zone)


def is_summable(standard: Standard, official: Standard) -> bool:
    """Whether running sums can count it: everything else is followed date by date, with equal results.

    A plain standard with the promises and defects of the official one, over other windows of days, against other
    limits, with other evidence and other numbers of the same levels.
    """
    known = ((rule, official.find_rule(rule.metric)) for rule in standard.rules)
    same = all(_say_kept(rule) == _say_kept(other) for rule, other in known if other is not None)
    return is_plain(standard) and same and (standard.clocks, standard.scope) == (official.clocks, official.scope)


def _say_kept(rule: MetricRule) -> tuple[object, ...]:
    """What of a rule decides how outcomes are kept."""
    return rule.unit, rule.anchor, rule.clock, rule.within_hours, frozenset(rule.defect_kinds)


class DayTable(OutcomeTable):
    """Outcome rows of many shops, counted on all dates at once."""

    def try_standard(self, days: Days, opened_ms: Counts) -> Trial:
        """Levels and verdicts of every shop on every date; a shop is not rated before it opened or had anything."""
        rules = tuple(self.judge_rule(rule, days) for rule in self.standard.rules)
        orders = self.count_orders_daily(days)
        is_there = (opened_ms < days.ends_ms[:, None]) | (orders > 0)
        for rule in rules:
            is_there |= rule.raw_base > 0
        level = find_levels(self.standard, rules, orders, is_there)
        return Trial(self.standard, self.shop_ids, days, rules, orders, level)

    def judge_rule(self, rule: MetricRule, days: Days) -> RuleDays:
        """One rule on every date."""
        dated = self.date(rule.metric, days.ends_ms, days.zone, days=rule.window_days)
        bad, base, buyers = dated.count(dated.found.bad), dated.count(dated.found.in_base), dated.count_buyers()
        raw_base = dated.count_raw_base(base)
        codes = judge_evidence(bad, base, buyers, limits=rule.limit, higher_is_better=rule.higher_is_better,
                               evidence=self.standard.evidence)
        return RuleDays(rule, bad, base, raw_base, codes)

    def count_orders_daily(self, days: Days) -> Counts:
        """Orders placed within the window the top level asks for, on every date."""
        dated = self.date(PLACED_METRIC, days.ends_ms, days.zone, days=self.orders_days)
        return dated.count(dated.found.raw_in_base)


def find_levels(standard: Standard, rules: Sequence[RuleDays], orders: Counts, is_there: Flags) -> Codes:
    """The level of every shop on every date, beginning without episodes on the first. Shape as `orders`."""
    top, below = standard.get_level("top"), standard.get_level("below")
    verdicts = np.stack([rule.verdict for rule in rules])
    judged = IS_JUDGED[verdicts]
    is_top = judged.any(axis=0) & (~judged | (verdicts == KEPT)).all(axis=0) & (orders >= (top.min_orders or 0))
    level = np.where(is_top, TOP, IN_STANDARD)
    spans = standard.warnings.end_after_days, below.breached_apart_days or 0
    level[_find_below(verdicts == BREACHED, spans, is_there)] = BELOW
    level[~is_there] = NOT_RATED
    return level.astype(np.int8)


def _find_below(breached: Flags, spans: tuple[int, int], is_there: Flags) -> Flags:
    """Where an episode has breaches far enough apart; `breached` has the shape (rules, dates, shops).

    `spans`: days without a breach that end an episode, and days between breaches that make it weigh.
    """
    end_after_days, apart_days = spans
    first = np.full(breached.shape[::2], _NEVER)
    last = first.copy()
    found = np.zeros(breached.shape[1:], np.bool_)
    for place in range(breached.shape[1]):
        hit = breached[:, place] & is_there[place]
        ended = (place - last >= end_after_days) & is_there[place]
        first[ended], last[ended] = _NEVER, _NEVER
        first = np.where(hit & (first == _NEVER), place, first)
        last = np.where(hit, place, last)
        found[place] = ((last - first >= apart_days) & (first != _NEVER)).any(axis=0)
    return found
