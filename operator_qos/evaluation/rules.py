"""What the official run counts: outcome rows of many shops, measured at one T after another, and judged.

Pure: rows in, numbers out. The rows are sorted once, so that each date is a slice and a few sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.metrics import GROUP_CODES, METRICS
from scoring.standards import MetricRule, Standard
from scoring.verdicts import VERDICTS, judge_evidence
from scoring.windows import window_start_ms

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
COLUMNS = (
    "shop_id",
    "group_code",
    "unit",
    "anchor_ms",
    "from_ms",
    "until_ms",
    "base",
    "bad",
    "official_base",
    "official_bad",
    "order_ref",
    "buyer",
    "dossier_id",
)
PLACED_METRIC = "order_defect_rate"  # each placed order is in its base exactly once


@dataclass(frozen=True)
class OutcomeColumns:
    """The rows one metric looks at, sorted by anchor, then unit; arrays of one length.

    `shop` is a position in the list of shops, times are epoch ms, `buyer` a code that equal buyers share.
    """

    shop: Counts
    anchor_ms: Counts
    from_ms: Counts
    until_ms: Counts
    in_base: Flags
    is_bad: Flags
    raw_in_base: Flags
    raw_is_bad: Flags
    buyer: Counts
    unit: NDArray[np.object_]


@dataclass(frozen=True)
class RuleNumbers:
    """One metric at one T: `int64` counts per shop, and the officially bad units of those that have any."""

    rule: MetricRule
    window_start_ms: int
    bad: Counts
    base: Counts
    raw_bad: Counts
    raw_base: Counts
    buyers: Counts
    units: Mapping[int, tuple[str, ...]]


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


class OutcomeTable:
    """Outcome rows of many shops, ready to be measured under one standard at any T they cover."""

    def __init__(self, rows: pd.DataFrame, shop_ids: Sequence[int], standard: Standard) -> None:
        """`rows` has the columns of COLUMNS, in any order. Raises ValueError for a row of another shop."""
        self.shop_ids = tuple(shop_ids)
        self.standard = standard
        frame = rows.assign(shop=_positions(rows["shop_id"], self.shop_ids), buyer_code=_buyer_codes(rows))
        frame = frame.sort_values(["anchor_ms", "unit"], kind="stable")
        metrics = [rule.metric for rule in standard.rules]
        self._columns = {metric: _select(frame, metric) for metric in {*metrics, PLACED_METRIC}}

    def measure(self, rule: MetricRule, as_of_ms: int, zone: str) -> RuleNumbers:
        """The counts of one rule over its window [B, T) for T = `as_of_ms` [epoch ms]."""
        start_ms = window_start_ms(as_of_ms, zone, days=rule.window_days)
        columns, seen = self._columns[rule.metric], _find_rows(self._columns[rule.metric], start_ms, as_of_ms)
        size, shops = len(self.shop_ids), columns.shop[seen]
        wrong = seen[columns.is_bad[seen]]
        return RuleNumbers(
            rule,
            start_ms,
            bad=np.bincount(columns.shop[wrong], minlength=size),
            base=_count(shops, columns.in_base[seen], size),
            raw_bad=_count(shops, columns.raw_is_bad[seen], size),
            raw_base=_count(shops, columns.raw_in_base[seen], size),
            buyers=_count_distinct(columns.shop[wrong], columns.buyer[wrong], size),
            units=_group_units(columns.shop[wrong], columns.unit[wrong]),
        )

    def count_orders(self, as_of_ms: int, zone: str) -> Counts:
        """Orders placed within the window the top level asks for, per shop."""
        days = self.standard.get_level("top").orders_window_days or 1
        columns = self._columns[PLACED_METRIC]
        seen = _find_rows(columns, window_start_ms(as_of_ms, zone, days=days), as_of_ms)
        return _count(columns.shop[seen], columns.raw_in_base[seen], len(self.shop_ids))

    def evaluate(self, as_of_ms: Sequence[int], zone: str) -> Iterator[list[ShopEvaluation]]:
        """For each T every shop measured and judged under every rule, in the order of the shops given."""
        columns = [
            judge([self.measure(rule, at_ms, zone) for at_ms in as_of_ms], self.standard)
            for rule in self.standard.rules
        ]
        for at_ms, results in zip(as_of_ms, zip(*columns, strict=True), strict=True):
            orders = self.count_orders(at_ms, zone).tolist()
            yield [
                ShopEvaluation(shop_id, orders[place], tuple(result[place] for result in results))
                for place, shop_id in enumerate(self.shop_ids)
            ]


def judge(dates: Sequence[RuleNumbers], standard: Standard) -> list[list[ShopResult]]:
    """The results of one rule, per date and shop, judged by evidence all at once."""
    rule = dates[0].rule
    codes = judge_evidence(
        np.stack([numbers.bad for numbers in dates]),
        np.stack([numbers.base for numbers in dates]),
        np.stack([numbers.buyers for numbers in dates]),
        limits=rule.limit,
        higher_is_better=rule.higher_is_better,
        evidence=standard.evidence,
    )
    words = [[str(VERDICTS[code]) for code in row] for row in codes.tolist()]
    return [_to_results(numbers, verdicts) for numbers, verdicts in zip(dates, words, strict=True)]


def share_value(bad: int, base: int, *, higher_is_better: bool) -> float | None:
    """The published value of a share: bad ÷ base, or 1 − that where higher is better; None without base."""
    if base == 0:
        return None
    return (base - bad) / base if higher_is_better else bad / base


def _to_results(numbers: RuleNumbers, verdicts: Sequence[str]) -> list[ShopResult]:
    rule = numbers.rule
    rows = zip(
        numbers.bad.tolist(),
        numbers.base.tolist(),
        numbers.raw_bad.tolist(),
        numbers.raw_base.tolist(),
        numbers.buyers.tolist(),
        verdicts,
        strict=True,
    )
    return [
        ShopResult(
            rule.metric,
            numbers.window_start_ms,
            bad,
            base,
            raw_bad,
            raw_base,
            buyers,
            share_value(bad, base, higher_is_better=rule.higher_is_better),
            verdict,
            numbers.units.get(place, ()),
        )
        for place, (bad, base, raw_bad, raw_base, buyers, verdict) in enumerate(rows)
    ]


def _positions(shop_ids: pd.Series, wanted: Sequence[int]) -> Counts:
    found = pd.Index(wanted).get_indexer(pd.Index(shop_ids)).astype(np.int64)
    if len(found) and found.min() < 0:
        raise ValueError(
            "the rows hold a shop that is not evaluated; ask for rows of the evaluated shops only"
        )
    return found


def _buyer_codes(rows: pd.DataFrame) -> Counts:
    """A number per distinct buyer; an unknown one is told apart by the order, else by the dossier.

    Questions without an order share a dossier only with their own conversation.
    """
    known = zip(_texts(rows["buyer"]), _texts(rows["order_ref"]), rows["dossier_id"].tolist(), strict=True)
    names = [
        f"b:{buyer}" if buyer else f"o:{order}" if order else f"d:{dossier}"
        for buyer, order, dossier in known
    ]
    codes, _ = pd.factorize(np.array(names, object))
    return codes.astype(np.int64)


def _texts(column: pd.Series) -> list[str | None]:
    """The texts with None for what is missing, however pandas marks it."""
    return list(column.astype(object).where(column.notna(), None))


def _select(frame: pd.DataFrame, metric: str) -> OutcomeColumns:
    """The rows in whose bases the metric ever has the unit."""
    flag, group = METRICS[metric].flag, GROUP_CODES[METRICS[metric].group]
    masks = frame["base"].to_numpy(np.int64) | frame["official_base"].to_numpy(np.int64)
    rows = frame[(frame["group_code"].to_numpy(np.int64) == group) & (masks & flag > 0)]
    shop, anchor_ms, from_ms, until_ms = (
        rows[name].to_numpy(np.int64) for name in ("shop", "anchor_ms", "from_ms", "until_ms")
    )
    in_base, is_bad, raw_in_base, raw_is_bad = (
        (rows[name].to_numpy(np.int64) & flag) > 0
        for name in ("official_base", "official_bad", "base", "bad")
    )
    return OutcomeColumns(
        shop,
        anchor_ms,
        from_ms,
        until_ms,
        in_base,
        is_bad & in_base,
        raw_in_base,
        raw_is_bad & raw_in_base,
        buyer=rows["buyer_code"].to_numpy(np.int64),
        unit=rows["unit"].to_numpy(object),
    )


def _find_rows(columns: OutcomeColumns, start_ms: int, as_of_ms: int) -> Counts:
    """Positions of the rows anchored in [start, T) that hold at T: from < T <= until."""
    first, last = np.searchsorted(columns.anchor_ms, [start_ms, as_of_ms], side="left")
    holds = (columns.from_ms[first:last] < as_of_ms) & (as_of_ms <= columns.until_ms[first:last])
    found: Counts = np.flatnonzero(holds) + first
    return found


def _count(shop: Counts, flags: Flags, size: int) -> Counts:
    return np.bincount(shop[flags], minlength=size)


def _count_distinct(shop: Counts, buyer: Counts, size: int) -> Counts:
    codes = int(buyer.max(initial=0)) + 1
    pairs: Counts = np.unique(shop * codes + buyer)
    return np.bincount(pairs // codes, minlength=size)


def _group_units(shop: Counts, unit: NDArray[np.object_]) -> dict[int, tuple[str, ...]]:
    order = np.argsort(shop, kind="stable")
    shops, starts = np.unique(shop[order], return_index=True)
    parts = np.split(unit[order], starts[1:]) if len(shops) else []
    return {int(place): tuple(part.tolist()) for place, part in zip(shops, parts, strict=True)}
