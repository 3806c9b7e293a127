"""How a number of a scorecard follows from what was added up: its value, and the line of its last weeks."""

from __future__ import annotations

from functools import lru_cache

from scoring.metrics import METRICS_BY_CODE, Metric

WEEKS = 12


def rate(metric: Metric, bad: float, base: int) -> float | None:
    """The value of a metric: bad ÷ base, or 1 − bad ÷ base where higher is better; None without a base."""
    if base == 0:
        return None
    share = bad / base
    return 1 - share if metric.higher_is_better and metric.kind in {"share", "repeat"} else share


@lru_cache(maxsize=100_000)
def lay_out_weeks(told: str | None) -> str:
    """Weeks told in any order (how many ago:amount/base, comma-separated) as a card keeps them.

    That is amount/base of each, oldest first; a week without a base is empty, so is the text where all are.
    """
    weeks = [""] * WEEKS
    for week in told.split(",") if told else ():
        ago, _, sums = week.partition(":")
        weeks[WEEKS - 1 - int(ago)] = sums
    return _join(weeks)


def move_week(weeks: str, ago: int, *, amount: int, base: int) -> str:
    """The weeks of a card with so much more in the one that many ago."""
    each = weeks.split(",") if weeks else [""] * WEEKS
    place = WEEKS - 1 - ago
    old_amount, _, old_base = each[place].partition("/")
    now_base = int(old_base or 0) + base
    each[place] = f"{int(old_amount or 0) + amount}/{now_base}" if now_base else ""
    return _join(each)


def _join(weeks: list[str]) -> str:
    return ",".join(weeks) if any(weeks) else ""


@lru_cache(maxsize=100_000)
def list_trend(code: int, weeks: str) -> tuple[float | None, ...]:
    """The weekly values of a metric, oldest first, None for a week without a base; nothing where all are."""
    return tuple(_to_value(METRICS_BY_CODE[code], week) for week in weeks.split(",")) if weeks else ()


def _to_value(metric: Metric, week: str) -> float | None:
    amount, _, base = week.partition("/")
    return float(f"{rate(metric, int(amount), int(base)):.5g}") if week else None
