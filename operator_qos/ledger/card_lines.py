"""The rows of scorecards from what was added up, many at once in columns: values, likely ranges, verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from operator_qos.ledger.card_sums import NOTHING, Batch, Pair, Shown, Sums
from scoring.intervals import clopper_pearson
from scoring.metrics import CATALOGUE, Metric
from scoring.verdicts import judge_evidence, to_verdicts
from scoring.windows import window_start_ms

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Added:
    """What numbers of scorecards follow from, a row each.

    `pairs`: shop and metric code. `sums`: bad, base, raw bad, raw base, and `weeks`, as in `Sums`.
    """

    pairs: IntArray
    sums: IntArray
    weeks: Sequence[str]

    def take(self, rows: IntArray) -> Added:
        """Those rows alone."""
        return Added(self.pairs[rows], self.sums[rows], [self.weeks[row] for row in rows.tolist()])

    def by_pair(self) -> dict[Pair, Sums]:
        """The same by shop and metric."""
        rows = zip(self.pairs.tolist(), self.sums.tolist(), self.weeks, strict=True)
        return {(shop, code): Sums._make((*sums, weeks)) for (shop, code), sums, weeks in rows}


class Lines(NamedTuple):
    """Rows of scorecards in columns; what is not known is NaN or None."""

    shop_id: IntArray
    metric_code: IntArray
    as_of_ms: IntArray
    window_start_ms: IntArray
    bad: IntArray
    base: IntArray
    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    raw_bad: IntArray
    raw_base: IntArray
    raw_value: FloatArray
    buyers: IntArray
    verdict: Sequence[str | None]
    trend: Sequence[str]
    weeks: Sequence[str]

    def take(self, rows: IntArray) -> Lines:
        """Those rows alone."""
        return Lines._make(column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows.tolist()]
                           for column in self)

    def list_rows(self) -> list[tuple[Any, ...]]:
        """As the drivers take them."""
        return list(zip(*(_to_plain(column) for column in self), strict=True))


COLUMNS = Lines._fields


def _to_plain(column: Any) -> Sequence[Any]:
    if not isinstance(column, np.ndarray):
        return column  # type: ignore[no-any-return]  # a sequence already
    values: list[Any] = column.tolist()
    return [None if isnan(value) else value for value in values] if column.dtype.kind == "f" else values


def lay_out(batch: Batch, windows: Mapping[Pair, Sums]) -> Added:
    """What was added up of a batch as rows: what is judged has one though nothing counts, the rest where any does."""
    pairs = [(shop, shown.metric.code) for shown in batch.shown for shop in batch.list_shops(shown.metric.code)
             if shown.rule is not None or windows.get((shop, shown.metric.code), NOTHING).raw_base]
    found = [windows.get(pair, NOTHING) for pair in pairs]
    return Added(np.array(pairs, dtype=np.int64).reshape(-1, 2),
                 np.array([sums[:4] for sums in found], dtype=np.int64).reshape(-1, 4), [sums.weeks for sums in found])


def is_shown(batch: Batch, added: Added) -> NDArray[np.bool_]:
    """Of each row whether a card has it."""
    judged = [shown.metric.code for shown in batch.shown if shown.rule is not None]
    found: NDArray[np.bool_] = (added.sums[:, 3] != 0) | np.isin(added.pairs[:, 1], judged)
    return found


def tell(batch: Batch, added: Added, *, buyers: IntArray, medians: Mapping[Pair, float]) -> Lines:
    """The rows of scorecards; `buyers` of each row are distinct, and behind what is officially bad."""
    (shops, codes), (bad, base, raw_bad, raw_base) = added.pairs.T, added.sums.T
    values, verdicts = find_rates(codes, bad, base), np.full(len(codes), None, dtype=object)
    lower, upper = _bound(codes, bad, base)
    starts = np.zeros(len(codes), dtype=np.int64)
    for shown in batch.shown:
        here = np.flatnonzero(codes == shown.metric.code)
        if not len(here):
            continue
        starts[here] = _find_starts(batch, shown, shops[here].tolist())
        if shown.metric.kind == "time":
            values[here] = [medians.get((shop, shown.metric.code), np.nan) for shop in shops[here].tolist()]
        if shown.rule is not None:
            verdicts[here] = _judge(batch, shown, bad[here], base[here], buyers[here])
    return Lines(shops, codes, np.full(len(codes), batch.now_ms), starts, bad, base, values, lower, upper, raw_bad,
                 raw_base, find_rates(codes, raw_bad, raw_base), buyers, verdicts.tolist(), [""] * len(codes),
                 added.weeks)


def _mark(holds: Callable[[Metric], bool]) -> NDArray[np.bool_]:
    marks = np.zeros(max(metric.code for metric in CATALOGUE) + 1, dtype=bool)
    marks[[metric.code for metric in CATALOGUE if holds(metric)]] = True
    return marks


_IS_SHARE = _mark(lambda metric: metric.kind == "share")
_IS_HIGHER = _mark(lambda metric: metric.kind == "share" and metric.higher_is_better)


def find_rates(codes: IntArray, bad: IntArray, base: IntArray) -> FloatArray:
    """`card_numbers.rate` of many metrics that are kept with each event; NaN without a base."""
    shares: FloatArray = bad / np.where(base == 0, np.nan, base)
    return np.where(_IS_HIGHER[codes], 1 - shares, shares)


def _bound(codes: IntArray, bad: IntArray, base: IntArray) -> tuple[FloatArray, FloatArray]:
    """The likely range of shares (Clopper-Pearson 95 %), NaN where there is none. Equal counts are looked at once."""
    lower, upper = np.full((2, len(codes)), np.nan)
    known = np.flatnonzero(_IS_SHARE[codes] & (base > 0))
    if len(known):
        # One number for both, so that they are sorted as fast as numbers are.
        pairs, place = np.unique(bad[known] * (base[known].max() + 1) + base[known], return_inverse=True)
        low, high = (side[place] for side in clopper_pearson(*np.divmod(pairs, base[known].max() + 1)))
        is_higher = _IS_HIGHER[codes[known]]
        lower[known], upper[known] = np.where(is_higher, 1 - high, low), np.where(is_higher, 1 - low, high)
    return lower, upper


def _find_starts(batch: Batch, shown: Shown, shops: Sequence[int]) -> list[int]:
    starts = {zone: window_start_ms(batch.now_ms, zone, days=shown.days) for zone in {batch.zones[s] for s in shops}}
    return [starts[batch.zones[shop]] for shop in shops]


def _judge(batch: Batch, shown: Shown, bad: IntArray, base: IntArray, buyers: IntArray) -> list[str]:
    """The verdict words of a rule over many shops."""
    assert shown.rule is not None  # noqa: S101  # who calls has looked
    codes = judge_evidence(bad, base, buyers, limits=shown.rule.limit, higher_is_better=shown.rule.higher_is_better,
                           evidence=batch.standard.evidence)
    return [verdict.value for verdict in to_verdicts(codes)]
