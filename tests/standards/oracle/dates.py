"""Windows and evaluation dates a second time, from docs/standards.md: sets of dates found by walking the calendar."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def holds_day(window: dict[str, Any], day: date, on: date) -> bool:
    """Whether a local date lies in a window of an evaluation on ``on``."""
    last = on if window.get("today", True) else on - DAY
    if "days" in window:
        return last - DAY * (window["days"] - 1) <= day <= last
    if "days_back" in window:
        far, near = window["days_back"]
        return near <= (on - day).days <= far
    if "months" in window:
        return back(on, window["months"]) <= day <= last
    if "current" in window:
        return name_of(window["current"], day) == name_of(window["current"], on) and day <= last
    if "full" in window:
        return name_of(window["full"], day) in periods_before(window["full"], on, window.get("count", 1))
    return day <= last


def back(on: date, months: int) -> date:
    year, month = on.year, on.month
    for _ in range(months):
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
    day = on.day
    while True:
        try:
            return date(year, month, day)
        except ValueError:
            day -= 1


@cache
def name_of(period: str, day: date) -> tuple[int, ...]:
    """A name that all days of one period share."""
    names: dict[str, Callable[[], tuple[int, ...]]] = {
        "iso_week": lambda: tuple(day.isocalendar()[:2]), "month": lambda: (day.year, day.month),
        "quarter": lambda: (day.year, (day.month + 2) // 3), "half_year": lambda: (day.year, int(day.month > 6)),
        "year": lambda: (day.year,)}
    return names[period]()


@cache
def periods_before(period: str, on: date, count: int) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    day = on
    while len(found) <= count:
        name = name_of(period, day)
        if name not in found:
            found.append(name)
        day -= DAY
    return found[1:]


def wall_clock(at_ms: int, zone: str) -> datetime:
    """What a local clock shows."""
    utc = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(milliseconds=at_ms)
    return utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def day_of(wall: datetime, ends_at: str | None) -> date:
    if ends_at is None:
        return wall.date()
    hours, minutes = map(int, ends_at.split(":"))
    return wall.date() + DAY if (wall.hour, wall.minute) >= (hours, minutes) else wall.date()


def is_official(schedule: dict[str, Any], on: date) -> bool:
    """Whether a date is an evaluation date, without rolling forward."""
    weekday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"][on.weekday()]
    if schedule["every"] == "day":
        return True
    if schedule["every"] == "week":
        parity = schedule.get("weeks", "every")
        even = on.isocalendar()[1] % 2 == 0
        return weekday == schedule["weekday"] and (parity == "every" or even == (parity == "even"))
    if schedule["every"] == "quarter" and on.month not in (1, 4, 7, 10):
        return False
    if "months" in schedule and on.month not in schedule["months"]:
        return False
    return on.day == schedule["day"] if "day" in schedule else weekday == schedule["weekday"] and on.day <= 7
