"""P6: a year of daily evaluations at once, against the same dates evaluated one by one, with equal results.

`python -m benchmarks.backtest [ORDERS] [SHOPS] [DAYS]`; rows are made up and held in memory on both sides. A single
evaluation is one SQL statement per rule on warm DuckDB, and its verdicts; single ones are timed on some of the dates
and scaled up. Loading the rows is timed on neither side.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.common import report
from benchmarks.warm_sql import Counted, WarmRows
from operator_qos.evaluation.rules import COLUMNS
from operator_qos.standards.backtest import DayTable, list_days
from scoring.metrics import GROUP_CODES, METRICS
from scoring.spans import FOREVER_MS
from scoring.standards import Standard, load_preset
from scoring.verdicts import judge_evidence

ORDERS, SHOPS, DAYS, SINGLE_DATES = 2_000_000, 5_000, 365, 4
FIRST, ZONE, DAY_MS = date(2025, 3, 1), "Europe/Paris", 86_400_000
MOST = 3 * 10**7


def make_rows(orders: int, shops: int, days: int, standard: Standard) -> pd.DataFrame:
    """One row per order and metric group, spread over the days and 90 before; a tenth of the bad is excluded later.

    As the database gives them: what names a row is there for the officially bad alone.
    """
    dice = np.random.default_rng(11)
    start = int(list_days(FIRST, FIRST, ZONE).ends_ms[0]) - 91 * DAY_MS
    parts = []
    for group in sorted({METRICS[rule.metric].group for rule in standard.rules}):
        share = 1.0 if group in {"placed", "ship", "deliver"} else 0.1
        parts.append(_make_group(dice, group, (round(orders * share), shops, days), start, standard))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def _make_group(
    dice: np.random.Generator, group: str, size: tuple[int, int, int], start: int, standard: Standard
) -> pd.DataFrame:
    count, shops, days = size
    flags = sum(METRICS[rule.metric].flag for rule in standard.rules if METRICS[rule.metric].group == group)
    shop = (shops * dice.random(count) ** 2).astype(np.int64) + 1
    anchor = start + dice.integers(0, (days + 90) * DAY_MS, count)
    bad = np.where(dice.random(count) < 0.002 + 0.05 * (shop % 7 == 0), flags, 0)
    official_bad = np.where(dice.random(count) < 0.1, 0, bad)
    named = np.flatnonzero(official_bad)
    number, buyer = (_name(count, named, values) for values in (named, dice.integers(0, MOST, len(named))))
    return pd.DataFrame({
        "shop_id": shop, "group_code": GROUP_CODES[group], "unit": number, "anchor_ms": anchor, "from_ms": anchor,
        "until_ms": FOREVER_MS, "base": flags, "bad": bad, "official_base": flags,
        "official_bad": official_bad, "order_ref": number, "buyer": buyer, "dossier_id": 0,
    })


def _name(count: int, place: NDArray[np.int64], values: NDArray[np.int64]) -> pd.Series:
    """A column of texts, without one but for some rows."""
    names = np.full(count, None, object)
    names[place] = values.astype(str)
    return pd.Series(names, dtype="object")


def main(arguments: list[str]) -> None:
    """Measure, compare every number of the single dates, report one figure."""
    given = [int(text) for text in arguments]
    orders, shops, day_count = [*given, *(ORDERS, SHOPS, DAYS)[len(given):]]
    standard, ids = load_preset("ours"), list(range(1, shops + 1))
    rows = make_rows(orders, shops, day_count, standard)
    days = list_days(FIRST, FIRST + timedelta(days=day_count - 1), ZONE)
    warm = WarmRows(rows, standard)
    began = time.perf_counter()
    trial = DayTable(rows, ids, standard).try_standard(days, np.zeros(shops, np.int64))
    at_once = time.perf_counter() - began
    chosen = np.linspace(0, day_count - 1, min(SINGLE_DATES, day_count)).astype(int).tolist()
    single, one_by_one = [], 0.0
    for place in chosen:
        began = time.perf_counter()
        single.append(judge_counted(warm.count(int(days.ends_ms[place]), ZONE), standard, shops))
        one_by_one += (time.perf_counter() - began) / len(chosen) * day_count
    equal = all(
        np.array_equal(mine, theirs)
        for place, evaluated in zip(chosen, single, strict=True)
        for rule in trial.rules
        for mine, theirs in zip((rule.bad[place], rule.base[place], rule.verdict[place]),
                                evaluated[rule.rule.metric], strict=True)
    )
    report("P6 back-test", orders=orders, rows=len(rows), shops=shops, days=day_count, seconds=round(at_once, 2),
           one_by_one_seconds=round(one_by_one, 1), times_faster=round(one_by_one / at_once, 1), equal=equal)


def judge_counted(counted: Mapping[str, Counted], standard: Standard, shops: int) -> dict[str, tuple[Any, ...]]:
    """Bad, base and verdict of every shop under every rule, from counts of those that have any."""
    found = {}
    for rule in standard.rules:
        given, columns = counted[rule.metric], []
        for name in ("bad", "base", "buyers"):
            column = np.zeros(shops, np.int64)
            column[given["shop_id"] - 1] = given[name]
            columns.append(column)
        bad, base, buyers = columns
        verdict = judge_evidence(bad, base, buyers, limits=rule.limit, higher_is_better=rule.higher_is_better,
                                 evidence=standard.evidence)
        found[rule.metric] = (bad, base, verdict)
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
