"""What a shop may still lose and what it still needs, counted in orders and dates: no statistics.

"14 more orders needed", "2 more late orders allowed until 30 June": the numbers behind such sentences. Units are what
a metric counts, dates are local to the marketplace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor
from typing import Literal

from scoring.judgeability import JudgedLimit, list_least_bad


@dataclass(frozen=True)
class DayCount:
    """Units anchored on a local date, and how many of them are bad."""

    on: date
    bad: int
    base: int


@dataclass(frozen=True)
class Room:
    """Failures still to come that change nothing, wherever they fall up to and including ``until_on``.

    ``kept`` of them keep the limit, ``unbreached`` of them (never fewer) make no breach. ``binding`` is what the next
    one meets: the "limit", so that the metric is to be watched, or at once the "evidence" of a breach.
    """

    kept: int
    unbreached: int
    until_on: date
    binding: Literal["limit", "evidence"]


def count_units_needed(base: int, limit: JudgedLimit) -> int:
    """How many more units the metric needs before it can be judged; 0 when it can."""
    return max(0, limit.min_base - base)


def find_judged_on(days: Sequence[DayCount], limit: JudgedLimit, *, window_days: int, today: date,
                   units_per_day: float) -> date | None:
    """The first local date, today or later, whose window will hold enough units to be judged; None within a window.

    ``units_per_day`` are those expected after today, 0 or more.
    """
    for ahead in range(window_days + 1):
        on = today + timedelta(days=ahead)
        if _sum_window(days, on, window_days).base + floor(ahead * units_per_day) >= limit.min_base:
            return on
    return None


def count_room(days: Sequence[DayCount], limit: JudgedLimit, *, window_days: int, today: date, until_on: date,
               units_per_day: float = 0.0) -> Room:
    """How many more units may fail from today up to ``until_on``, both included.

    ``days`` are the units known by now, windows end on each date from today on. Old units leave their windows,
    ``units_per_day`` good ones come with every day after today; the tightest date decides, and units that fail are
    taken to join the windows at once without making their base larger. 0 where the room is used up. Raises ValueError
    for an end before today.
    """
    if until_on < today:
        raise ValueError(f"until_on: {until_on} is before {today}")
    windows = list(_list_windows(days, window_days, today, until_on, units_per_day))
    bases = [window.base for window in windows]
    least = list_least_bad(bases, limit).tolist()
    kept = min(floor(limit.bad_limit * window.base) - window.bad for window in windows)
    unbreached = min(bad - 1 - window.bad for bad, window in zip(least, windows, strict=True))
    return Room(max(0, kept), max(0, unbreached), until_on, "limit" if unbreached > kept else "evidence")


def find_relief_on(days: Sequence[DayCount], *, window_days: int, today: date) -> date | None:
    """The first local date whose window no longer holds a unit that is bad in today's; None when none is."""
    first = today - timedelta(days=window_days - 1)
    counted = [day.on for day in days if day.bad and first <= day.on <= today]
    return min(counted) + timedelta(days=window_days) if counted else None


def count_good_needed(bad: int, base: int, limit: JudgedLimit) -> int | None:
    """How many more good units bring a limit broken now back to kept; 0 when it is kept, None when none can.

    The least n with bad ÷ (base + n) at most the limit.
    """
    if bad <= limit.bad_limit * base:
        return 0
    return ceil(bad / limit.bad_limit) - base if limit.bad_limit else None


def _list_windows(
    days: Sequence[DayCount], window_days: int, today: date, until_on: date, units_per_day: float
) -> Iterator[DayCount]:
    for ahead in range((until_on - today).days + 1):
        known = _sum_window(days, today + timedelta(days=ahead), window_days)
        fresh = min(ahead, window_days)
        yield DayCount(known.on, known.bad, known.base + floor(fresh * units_per_day))


def _sum_window(days: Sequence[DayCount], on: date, window_days: int) -> DayCount:
    first = on - timedelta(days=window_days - 1)
    held = [day for day in days if first <= day.on <= on]
    return DayCount(on, sum(day.bad for day in held), sum(day.base for day in held))
