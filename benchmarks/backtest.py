"""P6: a year of daily evaluations at once, against the same dates evaluated one by one, with equal results.

`python -m benchmarks.backtest [ORDERS] [SHOPS] [DAYS]`; rows are made up and held in memory on both sides, so that the
figure compares the evaluation alone: a single one sorts the rows its windows reach and judges them, as an official run
does with those it loaded. They are timed on some of the dates and scaled up; reading rows is timed on neither side.
"""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta

import numpy as np
import pandas as pd

from benchmarks.common import report
from operator_qos.evaluation.rules import COLUMNS, OutcomeTable
from operator_qos.standards.backtest import DayTable, list_days
from scoring.metrics import GROUP_CODES, METRICS
from scoring.spans import FOREVER_MS
from scoring.standards import Standard, load_preset
from scoring.verdicts import VERDICTS

ORDERS, SHOPS, DAYS, SINGLE_DATES = 2_000_000, 5_000, 365, 4
FIRST, ZONE, DAY_MS = date(2025, 3, 1), "Europe/Paris", 86_400_000
MOST = 3 * 10**7


def make_rows(orders: int, shops: int, days: int, standard: Standard) -> pd.DataFrame:
    """One row per order and metric group, spread over the days and 90 before; a tenth of the bad is excluded later."""
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
    number = np.arange(count).astype(str).astype(object)
    return pd.DataFrame({
        "shop_id": shop, "group_code": GROUP_CODES[group], "unit": number, "anchor_ms": anchor, "from_ms": anchor,
        "until_ms": FOREVER_MS, "base": flags, "bad": bad, "official_base": flags,
        "official_bad": np.where(dice.random(count) < 0.1, 0, bad), "order_ref": number,
        "buyer": dice.integers(0, MOST, count).astype(str).astype(object), "dossier_id": 0,
    })


def main(arguments: list[str]) -> None:
    """Measure, compare every number of the single dates, report one figure."""
    given = [int(text) for text in arguments]
    orders, shops, day_count = [*given, *(ORDERS, SHOPS, DAYS)[len(given):]]
    standard, ids = load_preset("ours"), list(range(1, shops + 1))
    rows = make_rows(orders, shops, day_count, standard)
    days = list_days(FIRST, FIRST + timedelta(days=day_count - 1), ZONE)
    began = time.process_time()
    trial = DayTable(rows, ids, standard).try_standard(days, np.zeros(shops, np.int64))
    at_once = time.process_time() - began
    chosen = np.linspace(0, day_count - 1, min(SINGLE_DATES, day_count)).astype(int).tolist()
    single, one_by_one = [], 0.0
    for place in chosen:
        end_ms = int(days.ends_ms[place])
        reached = rows[(rows["anchor_ms"] >= end_ms - 91 * DAY_MS) & (rows["anchor_ms"] < end_ms)]
        began = time.process_time()
        single.append(next(iter(OutcomeTable(reached, ids, standard).evaluate([end_ms], ZONE))))
        one_by_one += (time.process_time() - began) / len(chosen) * day_count
    equal = all(
        (int(rule.bad[place, at]), int(rule.base[place, at]), str(VERDICTS[rule.verdict[place, at]]))
        == (found.bad, found.base, found.verdict)
        for place, evaluated in zip(chosen, single, strict=True)
        for at, shop in enumerate(evaluated)
        for rule, found in zip(trial.rules, shop.results, strict=True)
    )
    report("P6 back-test", orders=orders, rows=len(rows), shops=shops, days=day_count, seconds=round(at_once, 2),
           one_by_one_seconds=round(one_by_one, 1), times_faster=round(one_by_one / at_once, 1), equal=equal)


if __name__ == "__main__":
    main(sys.argv[1:])
