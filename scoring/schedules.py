"""Evaluation dates: which dates of a schedule are official, and from when their results count."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scoring.standards.windowing import Schedule

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_ROLL_DAYS = 31


def is_evaluated(schedule: Schedule, on: date, holidays: frozenset[date] = frozenset()) -> bool:
    """Whether a local date is an official evaluation date, moved off weekends and ``holidays`` if need be."""
    if not schedule.roll_forward:
        return _is_named(schedule, on)
    if not _is_working(on, holidays):
        return False
    back = (on - timedelta(days=days) for days in range(_LONGEST_ROLL_DAYS))
    for day in back:
        if day != on and _is_working(day, holidays):
            return False
        if _is_named(schedule, day):
            return True
    return False


def list_evaluations(
    schedule: Schedule, first: date, end: date, *, holidays: frozenset[date] = frozenset()
) -> Iterator[date]:
    """The evaluation dates in [first, end), in order."""
    days = (first + timedelta(days=number) for number in range((end - first).days))
    return (day for day in days if is_evaluated(schedule, day, holidays))


def effective_on(schedule: Schedule, on: date) -> date:
    """The local date from which the result of an evaluation counts."""
    if schedule.takes_effect == "same_day":
        return on
    if schedule.takes_effect == "next_month":
        return (on.replace(day=1) + timedelta(days=31)).replace(day=1)
    return on + timedelta(days=schedule.takes_effect)


def _is_working(day: date, holidays: frozenset[date]) -> bool:
    return day.weekday() < 5 and day not in holidays


def _is_named(schedule: Schedule, on: date) -> bool:
    """Whether the schedule names the date itself, before any rolling forward."""
    if schedule.every == "day":
        return True
    if schedule.weekday is not None and WEEKDAYS[on.weekday()] != schedule.weekday:
        return False
    if schedule.every == "week":
        number = on.isocalendar().week
        return schedule.weeks == "every" or (number % 2 == 0) == (schedule.weeks == "even")
    starts_quarter = schedule.every == "quarter" and on.month % 3 != 1
    if starts_quarter or (schedule.months and on.month not in schedule.months):
        return False
    return on.day == schedule.day if schedule.day is not None else on.day <= 7
