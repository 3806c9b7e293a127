"""P5: all shops judged on one date, against the bare aggregate of the same rows; verdicts and standings by themselves.

`python -m benchmarks.evaluation [ORDERS] [SHOPS]`; rows are made up and held in memory. The bare aggregate is one SQL
statement per rule on warm DuckDB, whose loading is not timed; what is measured takes the rows as they come, counts,
judges and moves every standing: on the first date of all, which warns every bad shop at once, and with the standings
of that date. The other figure is 100,000 shops under 20 rules whose counts are given: exact tails, verdicts, warnings,
levels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

import numpy as np
import pandas as pd

from benchmarks.backtest import FIRST, ZONE, make_rows
from benchmarks.common import report
from benchmarks.warm_sql import WarmRows
from operator_qos.evaluation.judging import Place, ShopRow
from operator_qos.evaluation.plain import PlainJudge
from operator_qos.standards.backtest import list_days
from operator_qos.standing.queries import StandingRow
from scoring.answers import Numbers
from scoring.evaluate import Evaluation, Result, ShopFacts, judge
from scoring.measures import Table
from scoring.progress import Progress, advance, begin
from scoring.standards import Standard, load_preset, parse_standard
from scoring.tallies import Tally

ORDERS, SHOPS, MANY_SHOPS, RULES = 10_000_000, 50_000, 100_000, 20
ON = date(2026, 3, 31)
Found = TypeVar("Found")


def compare_with_aggregate(orders: int, shops: int) -> None:
    """One date of `orders` orders: ours against the bare aggregate."""
    standard = load_preset("ours")
    rows = make_rows(orders, shops, 1, standard)
    warm, end_ms = WarmRows(rows, standard), int(list_days(FIRST, FIRST, ZONE).ends_ms[0])
    bare = min(_time(lambda: warm.count(end_ms, ZONE))[0] for _ in range(3))
    asked = [ShopRow(shop_id, shop_id, str(shop_id), str(shop_id), 0) for shop_id in range(1, shops + 1)]

    def judge_one(before: Mapping[int, StandingRow]) -> tuple[PlainJudge, int]:
        judge = PlainJudge(Place("bench", ZONE), standard, asked, rows, before)
        (day,) = judge.judge([FIRST])
        return judge, len(day.changes)

    first_seconds, (judge, first_changes) = _time(lambda: judge_one({}))
    before = {kept.shop_id: kept for kept in judge.list_decided()}
    seconds, (_, changes) = min((_time(lambda: judge_one(before)) for _ in range(3)), key=lambda found: found[0])
    report("P5 evaluation", orders=orders, rows=len(rows), shops=shops, seconds=round(seconds, 3), changes=changes,
           bare_aggregate_seconds=round(bare, 3), ratio=round(seconds / bare, 2),
           first_date={"seconds": round(first_seconds, 3), "changes": first_changes,
                       "ratio": round(first_seconds / bare, 2)})


def make_standard(rules: int) -> Standard:
    """Our levels over so many rules of one kind."""
    plain = load_preset("ours").to_mapping()
    rule = {"metric": "late_shipment_rate", "window": {"days": 30}, "kept_when": "<= 4 %"}
    return parse_standard({**plain, "rules": [{"id": f"rule_{number}", **rule} for number in range(rules)],
                           "badges": []})


def make_results(standard: Standard, shops: int) -> dict[str, Result]:
    """Counts of every rule, drawn; a tenth of the shops fails."""
    dice, groups = np.random.default_rng(5), tuple((place, "") for place in range(shops))
    found = {}
    for figure in (*standard.figures, *standard.rules):
        base = dice.integers(0, 400, shops)
        bad = np.minimum(base, dice.poisson(np.where(np.arange(shops) % 10, 0.02, 0.1) * base))
        value, days = Numbers(bad, np.maximum(base, 1), base > 0), np.zeros(shops, np.int64)
        tally = Tally(value, value, bad, base, bad, bad, base, days, days)
        found[figure.id] = Result(figure, groups, (tally,), value, value)
    return found


def make_marketplace(shops: int, rules: int) -> tuple[Table, dict[str, Result], Progress]:
    """Shops that nobody judged yet, with their counts under so many rules."""
    standard = make_standard(rules)
    table = Table(pd.DataFrame(), pd.DataFrame({"shop": np.arange(shops)}), standard, ZONE)
    return table, make_results(standard, shops), begin(standard, shops)


def judge_everything(table: Table, results: dict[str, Result], progress: Progress) -> Progress:
    """Verdicts of every rule, then warnings, levels and badges of every shop."""
    facts = ShopFacts(table, ON, results)
    for rule in table.standard.rules:
        results[rule.id] = judge(results[rule.id], rule, facts, ever=np.zeros(table.size, np.bool_))
    return advance(progress, Evaluation(table, ON, results))


def judge_given_counts(shops: int, rules: int) -> None:
    """Verdicts and standings of many shops whose counts are given."""
    table, results, before = make_marketplace(shops, rules)
    standard, began = table.standard, time.perf_counter()
    progress = judge_everything(table, results, before)
    seconds = time.perf_counter() - began
    levels = dict(zip(*np.unique(progress.tier, return_counts=True), strict=True))
    report("P5 verdicts and standings", shops=shops, rules=rules, seconds=round(seconds, 2),
           levels={standard.tiers[int(code)].id: int(count) for code, count in levels.items()})


def _time(run: Callable[[], Found]) -> tuple[float, Found]:
    began = time.perf_counter()
    found = run()
    return time.perf_counter() - began, found


def main(arguments: list[str]) -> None:
    """Both figures."""
    given = [int(text) for text in arguments]
    judge_everything(*make_marketplace(1_000, 1))  # what is imported on first use is not what is measured
    judge_given_counts(MANY_SHOPS, RULES)
    compare_with_aggregate(*[*given, *(ORDERS, SHOPS)[len(given):]])


if __name__ == "__main__":
    main(sys.argv[1:])
