"""What the official run counts: outcome rows of many shops, measured at one T or on many dates, and judged.

Pure: rows in, numbers out, all shops in columns. What people read of one shop is put together when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import overload

import numpy as np
import pandas as pd

from operator_qos.evaluation.counting import (
    COLUMNS,
    Counted,
    Counts,
    DatedRows,
    Flags,
    OutcomeRows,
    date_rows,
)
from operator_qos.evaluation.counting_once import Asked, count_once
from scoring.ladder import MetricVerdict
from scoring.standards import MetricRule, Standard
from scoring.verdicts import VERDICTS, Codes, judge_evidence
from scoring.windows import window_start_ms

__all__ = ["COLUMNS", "PLACED_METRIC", "OutcomeTable", "ShopEvaluation", "ShopEvaluations", "ShopResult", "share_value"]

PLACED_METRIC = "order_defect_rate"  # each placed order is in its base exactly once
_CELLS = 10**6  # dates × shops counted at once: enough to be quick, few enough to be held


@dataclass(frozen=True)
class RuleNumbers:
    """One metric at one T: `int64` counts per shop; `find_units` gives the bad units of those that have any."""

    rule: MetricRule
    window_start_ms: int
    bad: Counts
    base: Counts
    raw_bad: Counts
    raw_base: Counts
    buyers: Counts
    find_units: Callable[[], Mapping[int, tuple[str, ...]]]

    @cached_property
    def units(self) -> Mapping[int, tuple[str, ...]]:
        """The officially bad units by position of the shop."""
        return self.find_units()


@dataclass(frozen=True)
class ShopResult:
    """One shop and metric as judged; `units` are the officially bad ones, oldest anchor first."""

    metric: str
    window_start_ms: int
    bad: int
    base: int
    raw_bad: int
    raw_base: int
    buyers: int
    value: float | None
    verdict: str
    units: tuple[str, ...]


@dataclass(frozen=True)
class ShopEvaluation:
    """All the ladder needs of one shop at one T; `orders` were placed within the top level's window."""

    shop_id: int
    orders: int
    results: tuple[ShopResult, ...]


@dataclass(frozen=True)
class JudgedRule:
    """The numbers of a rule with the verdict code of each shop."""

    numbers: RuleNumbers
    verdict: Codes


class ShopEvaluations(Sequence[ShopEvaluation]):
    """Shops at one T in columns, one entry per shop given; `places` are those of them that this is a list of."""

    def __init__(
        self, shop_ids: Counts, orders: Counts, rules: tuple[JudgedRule, ...], places: Counts | None = None
    ) -> None:
        self.shop_ids, self.orders, self.rules = shop_ids, orders, rules
        self.places = np.arange(len(shop_ids)) if places is None else places

    def narrow(self, there: Flags) -> ShopEvaluations:
        """Those of a flag per shop given."""
        return ShopEvaluations(self.shop_ids, self.orders, self.rules, np.flatnonzero(there))

    def has_anything(self) -> Flags:
        """Whether each shop given had orders, or any unit under a rule."""
        counts = [self.orders, *(judged.numbers.raw_base for judged in self.rules)]
        return np.asarray(np.any(counts, axis=0), np.bool_)

    def list_verdicts(self, place: int) -> list[MetricVerdict]:
        """The verdicts of one shop by its position among all that were given."""
        return [_to_verdict(judged, place) for judged in self.rules]

    def get(self, place: int) -> ShopEvaluation:
        """One shop by its position among all that were given."""
        results = tuple(_to_results(judged, [place], slice(place, place + 1))[0] for judged in self.rules)
        return ShopEvaluation(int(self.shop_ids[place]), int(self.orders[place]), results)

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> ShopEvaluation: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ShopEvaluation]: ...
    def __getitem__(self, index: int | slice) -> ShopEvaluation | Sequence[ShopEvaluation]:
        return self._built[index]

    def __iter__(self) -> Iterator[ShopEvaluation]:
        return iter(self._built)

    @cached_property
    def _built(self) -> list[ShopEvaluation]:
        columns = [_to_results(judged, self.places.tolist(), self.places) for judged in self.rules]
        ids, orders = self.shop_ids[self.places].tolist(), self.orders[self.places].tolist()
        return [ShopEvaluation(*row) for row in zip(ids, orders, zip(*columns, strict=True), strict=True)]


class OutcomeTable:
    """Outcome rows of many shops, ready to be measured under one standard at any T they cover."""

    def __init__(self, rows: pd.DataFrame, shop_ids: Sequence[int], standard: Standard) -> None:
        """`rows` has the columns of COLUMNS, in any order. Raises ValueError for a row of another shop."""
        self.shop_ids = tuple(shop_ids)
        self.standard = standard
        self._rows = OutcomeRows(rows, shop_ids)

    def measure(self, rule: MetricRule, as_of_ms: int, zone: str) -> RuleNumbers:
        """The counts of one rule over its window [B, T) for T = `as_of_ms` [epoch ms]."""
        return self._measure_rules([rule], as_of_ms, zone)[0]

    def count_orders(self, as_of_ms: int, zone: str) -> Counts:
        """Orders placed within the window the top level asks for, per shop."""
        start_ms = window_start_ms(as_of_ms, zone, days=self.orders_days)
        (found,) = count_once(self._rows, [Asked(PLACED_METRIC, start_ms)], as_of_ms)
        return found.counted.raw_base

    def evaluate(self, as_of_ms: Sequence[int], zone: str) -> Iterator[ShopEvaluations]:
        """For each T every shop measured and judged under every rule, in the order of the shops given."""
        ids = np.array(self.shop_ids, np.int64)
        step = max(1, _CELLS // max(1, len(ids)))
        for start in range(0, len(as_of_ms), step):
            ends_ms = np.array(as_of_ms[start : start + step], np.int64)
            columns = [judge(numbers, self.standard) for numbers in self._measure_all(ends_ms, zone)]
            each_orders = self._find_orders(columns) or self._count_all_orders(ends_ms, zone)
            for orders, judged in zip(each_orders, zip(*columns, strict=True), strict=True):
                yield ShopEvaluations(ids, orders, judged)

    def date(self, metric: str, ends_ms: Counts, zone: str, *, days: int) -> DatedRows:
        """The rows of a metric with the dates on which windows of so many local days hold them; the ends ascend."""
        starts_ms = np.array([window_start_ms(end_ms, zone, days=days) for end_ms in ends_ms.tolist()], np.int64)
        return date_rows(self._rows.find_all(metric), starts_ms, ends_ms)

    @property
    def orders_days(self) -> int:
        """The window of orders the top level asks for [local days]."""
        return self.standard.get_level("top").orders_window_days or 1

    def _measure_all(self, ends_ms: Counts, zone: str) -> Iterable[Sequence[RuleNumbers]]:
        """Each rule at each T; where they ascend, all dates of a rule are counted in one go."""
        if not _is_run(ends_ms):
            return zip(*(self._measure_rules(self.standard.rules, end, zone) for end in ends_ms.tolist()), strict=True)
        return (self._measure_dates(rule, ends_ms, zone) for rule in self.standard.rules)

    def _measure_rules(self, rules: Sequence[MetricRule], as_of_ms: int, zone: str) -> list[RuleNumbers]:
        """Some rules at one T."""
        starts = [window_start_ms(as_of_ms, zone, days=rule.window_days) for rule in rules]
        asked = [Asked(rule.metric, start_ms) for rule, start_ms in zip(rules, starts, strict=True)]
        found = count_once(self._rows, asked, as_of_ms)
        return [RuleNumbers(rule, start_ms, *counted, partial(self._rows.group_units, bad))
                for rule, start_ms, (counted, bad) in zip(rules, starts, found, strict=True)]

    def _measure_dates(self, rule: MetricRule, ends_ms: Counts, zone: str) -> list[RuleNumbers]:
        dated = self.date(rule.metric, ends_ms, zone, days=rule.window_days)
        counted = dated.count_everything()
        return [
            RuleNumbers(rule, window_start_ms(end_ms, zone, days=rule.window_days),
                        *Counted(*(counts[place] for counts in counted)), _find_units(self._rows, dated, place))
            for place, end_ms in enumerate(ends_ms.tolist())
        ]

    def _find_orders(self, columns: Sequence[Sequence[JudgedRule]]) -> list[Counts]:
        """The orders on each date where a rule has counted just them."""
        asked = PLACED_METRIC, self.orders_days
        return next(([judged.numbers.raw_base for judged in column] for column in columns
                     if (column[0].numbers.rule.metric, column[0].numbers.rule.window_days) == asked), [])

    def _count_all_orders(self, ends_ms: Counts, zone: str) -> Sequence[Counts]:
        if not _is_run(ends_ms):
            return [self.count_orders(end_ms, zone) for end_ms in ends_ms.tolist()]
        dated = self.date(PLACED_METRIC, ends_ms, zone, days=self.orders_days)
        return list(dated.count(dated.found.raw_in_base))


def judge(dates: Sequence[RuleNumbers], standard: Standard) -> list[JudgedRule]:
    """One rule judged by evidence on each date, all at once."""
    rule = dates[0].rule
    codes = judge_evidence(
        np.stack([numbers.bad for numbers in dates]),
        np.stack([numbers.base for numbers in dates]),
        np.stack([numbers.buyers for numbers in dates]),
        limits=rule.limit,
        higher_is_better=rule.higher_is_better,
        evidence=standard.evidence,
    )
    return [JudgedRule(numbers, verdict) for numbers, verdict in zip(dates, codes, strict=True)]


def share_value(bad: int, base: int, *, higher_is_better: bool) -> float | None:
    """The published value of a share: bad ÷ base, or 1 − that where higher is better; None without base."""
    if base == 0:
        return None
    return (base - bad) / base if higher_is_better else bad / base


def _is_run(ends_ms: Counts) -> bool:
    """Whether several dates come one after the other."""
    return len(ends_ms) > 1 and bool((np.diff(ends_ms) > 0).all())


def _find_units(rows: OutcomeRows, dated: DatedRows, date: int) -> Callable[[], Mapping[int, tuple[str, ...]]]:
    return lambda: rows.group_units(dated.find_bad(date))


def _to_verdict(judged: JudgedRule, place: int) -> MetricVerdict:
    rule, bad, base = judged.numbers.rule, int(judged.numbers.bad[place]), int(judged.numbers.base[place])
    value = share_value(bad, base, higher_is_better=rule.higher_is_better)
    return MetricVerdict(rule.metric, VERDICTS[judged.verdict[place]], bad, base, value, rule.limit)


def _to_results(judged: JudgedRule, places: Sequence[int], where: Counts | slice) -> list[ShopResult]:
    numbers, rule = judged.numbers, judged.numbers.rule
    metric, higher = rule.metric, rule.higher_is_better
    counts = (numbers.bad, numbers.base, numbers.raw_bad, numbers.raw_base, numbers.buyers, judged.verdict)
    rows = zip(places, *(column[where].tolist() for column in counts), strict=True)
    return [
        ShopResult(metric, numbers.window_start_ms, bad, base, raw_bad, raw_base, buyers,
                   share_value(bad, base, higher_is_better=higher), str(VERDICTS[code]), numbers.units.get(place, ()))
        for place, bad, base, raw_bad, raw_base, buyers, code in rows
    ]
