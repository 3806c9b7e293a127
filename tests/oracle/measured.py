"""What a measurement gives back, and the arithmetic that leads from rows to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One metric of one shop. Units are order ids, "source|id" of a turn's opener, or case ids.

    Times are in whole seconds; `bad` is then their sum and `value` the median. Shares have no median, p90,
    mean and unanswered. `bad_units` is empty for times and ratings, where no row is bad by itself.
    """

    bad: int
    base: int
    value: float | None
    median: int | None = None
    p90: int | None = None
    mean: float | None = None
    unanswered: int | None = None
    bad_units: tuple[str, ...] = ()
    base_units: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One unit of a base and whether it failed."""

    unit: str
    bad: bool


@dataclass(frozen=True)
class Amount:
    """One unit of a base and what it weighs: seconds or stars."""

    unit: str
    amount: int


def share(rows: Iterable[Row], *, higher_is_better: bool) -> Measured:
    """Failures over base; the value of a higher-is-better share is its complement."""
    rows = sorted(rows, key=lambda row: row.unit)
    bad = sum(row.bad for row in rows)
    rate = bad / len(rows) if rows else None
    value = 1 - rate if rate is not None and higher_is_better else rate
    failed = tuple(row.unit for row in rows if row.bad)
    return Measured(bad, len(rows), value, bad_units=failed, base_units=tuple(row.unit for row in rows))


def average(rows: Iterable[Amount]) -> Measured:
    """The sum over the count."""
    rows = sorted(rows, key=lambda row: row.unit)
    total = sum(row.amount for row in rows)
    value = total / len(rows) if rows else None
    return Measured(total, len(rows), value, base_units=tuple(row.unit for row in rows))


def times(rows: Iterable[Amount], *, unanswered: int | None) -> Measured:
    """Sum, count and nearest-rank percentiles of seconds."""
    rows = sorted(rows, key=lambda row: row.unit)
    units = tuple(row.unit for row in rows)
    seconds = sorted(row.amount for row in rows)
    if not seconds:
        return Measured(0, 0, None, unanswered=unanswered)
    median, p90 = nearest_rank(seconds, 50), nearest_rank(seconds, 90)
    mean = sum(seconds) / len(seconds)
    return Measured(sum(seconds), len(seconds), median, median, p90, mean, unanswered, base_units=units)


def nearest_rank(ordered: list[int], percent: int) -> int:
    """The smallest value with at least `percent` of all values at or below it."""
    for position, value in enumerate(ordered, start=1):
        if position * 100 >= percent * len(ordered):
            return value
    raise ValueError("no percentile of nothing")
