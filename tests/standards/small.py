"""Standards of one rule and worlds of a few units, for examples worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from scoring.evaluate import Evaluation, evaluate
from scoring.measures import Table
from scoring.progress import Progress, advance, begin
from scoring.standards import Standard, parse_standard
from scoring.verdicts import VERDICTS

ON = date(2026, 3, 31)


def build_standard(*rules: dict[str, Any], **parts: Any) -> Standard:
    """A standard evaluated daily, with these rules; ``metric``, ``window`` and ``id`` are filled in."""
    filled = [_fill(rule, number) for number, rule in enumerate(rules)]
    return parse_standard({
        "id": "small", "version": 1, "title": {"en": "Small"}, "effective_from": "2020-01-01",
        "evaluated": {"every": "day"}, "rules": filled, **parts})


def _fill(rule: dict[str, Any], number: int) -> dict[str, Any]:
    composed = {"score", "weighted", "least_of", "greatest_of", "against_peers", "against_own"} & set(rule)
    return {"id": f"rule_{number}", **({} if composed else {"metric": "m", "window": {"days": 30}}), **rule}


def unit(on: date = ON, *, hour: int = 12, **fields: Any) -> dict[str, Any]:
    """One row of shop s at an hour of a day [UTC]."""
    at = datetime(on.year, on.month, on.day, hour, tzinfo=UTC)
    return {"shop": "s", "metric": "m", "anchor_ms": int(at.timestamp()) * 1000, **fields}


def units(base: int, bad: int, **fields: Any) -> list[dict[str, Any]]:
    """So many units, the first of them bad."""
    return [unit(bad=int(number < bad), unit_ref=f"u{number}", **fields) for number in range(base)]


def build_table(standard: Standard, rows: Iterable[dict[str, Any]], *, zone: str = "UTC", **shop: Any) -> Table:
    kept = list(rows) or [unit(date(1999, 1, 1))]
    return Table(pd.DataFrame(kept), pd.DataFrame([{"shop": "s", **shop}]), standard, zone)


def judge(standard: Standard, rows: Iterable[dict[str, Any]], on: date = ON, **shop: Any) -> Evaluation:
    return evaluate(build_table(standard, rows, **shop), on)


def verdict(evaluation: Evaluation, rule: str = "rule_0") -> str:
    return str(VERDICTS[evaluation.verdicts(rule)[0]])


def value(evaluation: Evaluation, rule: str = "rule_0", *, shown: bool = True) -> float:
    numbers = evaluation.results[rule].value if shown else evaluation.results[rule].raw_value
    return float(numbers.floats()[0])


def run(table: Table, dates: Iterable[date]) -> list[Progress]:
    """The progress after each evaluation."""
    progress, found = begin(table.standard, table.size), []
    for on in dates:
        progress = advance(progress, evaluate(table, on, ever_judged=progress.ever_judged))
        found.append(progress)
    return found
