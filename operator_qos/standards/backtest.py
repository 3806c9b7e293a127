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
from operator_qos.evaluation.rules import PLACED_METRIC, OutcomeColumns, OutcomeTable
from scoring.plain import is_plain
from scoring.standards import LEVEL_IDS, MetricRule, Standard
from scoring.verdicts import VERDICTS, Verdict, judge_evidence
from scoring.windows import window_start_ms

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]
Told = Mapping[str, Any]
KEPT, WATCH, BREACHED = (VERDICTS.index(verdict) for verdict in (Verdict.KEPT, Verdict.WATCH, Verdict.BREACHED))
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
        columns = self._columns[rule.metric]
        first, last = _find_dates(columns, days, rule.window_days)
        size = (len(days.dates), len(self.shop_ids))
        bad = _count_daily(columns.shop, first, last, columns.is_bad, size)
        base = _count_daily(columns.shop, first, last, columns.in_base, size)
        raw_base = _count_daily(columns.shop, first, last, columns.raw_in_base, size)
        buyers = _count_buyers_daily(columns, first, last, size)
        codes = judge_evidence(bad, base, buyers, limits=rule.limit, higher_is_better=rule.higher_is_better,
                               evidence=self.standard.evidence)
        return RuleDays(rule, bad, base, raw_base, codes)

    def count_orders_daily(self, days: Days) -> Counts:
        """Orders placed within the window the top level asks for, on every date."""
        columns = self._columns[PLACED_METRIC]
        first, last = _find_dates(columns, days, self.standard.get_level("top").orders_window_days or 1)
        return _count_daily(columns.shop, first, last, columns.raw_in_base, (len(days.dates), len(self.shop_ids)))


def _find_dates(columns: OutcomeColumns, days: Days, window_days: int) -> tuple[Counts, Counts]:
    """The first date on which each row counts and the one after the last: anchored in [start, T), from < T <= until."""
    starts = np.array([window_start_ms(int(end), days.zone, days=window_days) for end in days.ends_ms], np.int64)
    begins = np.searchsorted(days.ends_ms, np.maximum(columns.anchor_ms, columns.from_ms), side="right")
    ends = np.minimum(np.searchsorted(starts, columns.anchor_ms, side="right"),
                      np.searchsorted(days.ends_ms, columns.until_ms, side="right"))
    return begins.astype(np.int64), np.maximum(begins, ends).astype(np.int64)


def _count_daily(shop: Counts, first: Counts, last: Counts, flags: Flags, size: tuple[int, int]) -> Counts:
    """How many flagged rows of each shop count on each date."""
    dates, shops = size
    used = flags & (first < last)
    cells = (dates + 1) * shops
    steps = np.bincount(first[used] * shops + shop[used], minlength=cells)
    steps = steps - np.bincount(last[used] * shops + shop[used], minlength=cells)
    counted: Counts = steps.reshape(dates + 1, shops)[:dates].cumsum(axis=0)
    return counted


def _count_buyers_daily(columns: OutcomeColumns, first: Counts, last: Counts, size: tuple[int, int]) -> Counts:
    """Distinct buyers behind the bad rows: the runs of dates of one buyer are joined where they meet, then counted."""
    used = np.flatnonzero(columns.is_bad & (first < last))
    shop, begin, end = columns.shop[used], first[used], last[used]
    pair = shop * (int(columns.buyer.max(initial=0)) + 1) + columns.buyer[used]
    order = np.lexsort((begin, pair))
    shop, begin, end, pair = shop[order], begin[order], end[order], pair[order]
    starts_pair = np.ones(len(pair), np.bool_)
    starts_pair[1:] = pair[1:] != pair[:-1]
    # Ends grow from buyer to buyer by more than there are dates, so that one running maximum serves them all.
    lift = np.cumsum(starts_pair) * (size[0] + 1)
    reach = np.maximum.accumulate(end + lift) - lift
    is_new = starts_pair.copy()
    is_new[1:] |= begin[1:] > reach[:-1]
    runs = np.flatnonzero(is_new)
    closing = np.append(runs, len(pair))[1:] - 1
    return _count_daily(shop[runs], begin[runs], reach[closing], np.ones(len(runs), np.bool_), size)


def find_levels(standard: Standard, rules: Sequence[RuleDays], orders: Counts, is_there: Flags) -> Codes:
    """The level of every shop on every date, beginning without episodes on the first. Shape as `orders`."""
    top, below = standard.get_level("top"), standard.get_level("below")
    verdicts = np.stack([rule.verdict for rule in rules])
    judged = np.isin(verdicts, [KEPT, WATCH, BREACHED])
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
