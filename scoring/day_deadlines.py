"""Deadlines counted in days: working or calendar days, by a time of day, with a cut-off, rolled to a working day.

Days are local dates of the calendar's zone. A working day is one on which working time begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from scoring.calendars import FIVE_YEARS_MS, NeverOpens
from scoring.instants import from_ms, to_ms
from scoring.opening_hours import MINUTE_MS, read_closing_time
from scoring.wall_clock import DAY_MS, WallClock, to_day_number
from scoring.windows import day_end_ms
from scoring.working_calendar import WorkingCalendar

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class DayRule:
    """A limit in days.

    ``days`` are ``counted`` as working or as calendar days. ``day_one`` is the day after the one it was received on,
    or that very day ("the day of payment is day 1"; then ``days`` is 1 or more). It is met through ``by`` on the last
    day ("HH:MM", or "24:00" for the last instant of the day). What comes at ``cut_off`` or later, or on a closed day,
    is received on the next working day (calendar days: on the next day); without a cut-off on its own date.
    ``rolls_forward`` moves a last day that is closed to the next working day.

    Raises ValueError naming the field.
    """

    days: int
    counted: Literal["working", "calendar"] = "working"
    day_one: Literal["next_day", "same_day"] = "next_day"
    by: str = "24:00"
    cut_off: str | None = None
    rolls_forward: bool = True

    def __post_init__(self) -> None:
        least = 1 if self.day_one == "same_day" else 0
        if self.days < least:
            raise ValueError(f"days: {self.days} is less than {least}, as day_one is {self.day_one}")
        for name, value, known in (("counted", self.counted, ("working", "calendar")),
                                   ("day_one", self.day_one, ("next_day", "same_day"))):
            if value not in known:
                raise ValueError(f"{name}: {value!r} is none of {', '.join(known)}")
        for name, text in (("by", self.by), ("cut_off", self.cut_off or "24:00")):
            read_closing_time(text, path=name)


def find_due(calendar: WorkingCalendar, start: datetime, rule: DayRule) -> datetime:
    """The last instant at which a promise begun at ``start`` is met, aware, in UTC.

    ``by`` at a time of day is that instant, a whole day ends with its last millisecond. What would be due before it
    begins is due on the next working day (calendar days: the next day) instead. Raises NeverOpens when no working day
    comes within five years, ValueError for a naive start.
    """
    start_ms = to_ms(start, name="start")
    day = _find_last_day(calendar, find_received_on(calendar, start, rule), rule)
    while _to_instant(calendar, day, rule.by) < start_ms:
        day = _roll(calendar, day + ONE_DAY, rule)
    return from_ms(_to_instant(calendar, day, rule.by))


def find_received_on(calendar: WorkingCalendar, start: datetime, rule: DayRule) -> date:
    """The local date on which something is received, the cut-off considered. Raises like ``find_due``."""
    local = from_ms(to_ms(start, name="start")).astimezone(ZoneInfo(calendar.timezone))
    if rule.cut_off is None:
        return local.date()
    is_late = local.hour * 60 + local.minute >= read_closing_time(rule.cut_off, path="cut_off")
    day = local.date() + is_late * ONE_DAY
    return find_working_day(calendar, day) if rule.counted == "working" else day


def find_working_day(calendar: WorkingCalendar, day: date) -> date:
    """The first working day at or after the date. Raises NeverOpens when none comes within five years."""
    for n in range(FIVE_YEARS_MS // DAY_MS):
        if calendar.is_working_day(day + n * ONE_DAY):
            return day + n * ONE_DAY
    raise NeverOpens(_to_utc(calendar, day, 0))


def add_working_days(calendar: WorkingCalendar, day: date, days: int) -> date:
    """The ``days``-th working day after the date; for 0 the first at or after it. Raises like ``find_working_day``."""
    if days == 0:
        return find_working_day(calendar, day)
    for _ in range(days):
        day = find_working_day(calendar, day + ONE_DAY)
    return day


def roll_forward(calendar: WorkingCalendar, due: datetime) -> datetime:
    """A due instant, or when its local date is closed the same time of day on the next working day, in UTC."""
    at_ms = to_ms(due, name="due")
    local = from_ms(at_ms).astimezone(ZoneInfo(calendar.timezone))
    day = find_working_day(calendar, local.date())
    if day == local.date():
        return from_ms(at_ms)
    time_of_day = local.replace(tzinfo=None) - datetime(local.year, local.month, local.day)  # noqa: DTZ001 - wall time
    return from_ms(_to_utc(calendar, day, time_of_day // timedelta(milliseconds=1)))


def _find_last_day(calendar: WorkingCalendar, received: date, rule: DayRule) -> date:
    steps = rule.days
    if rule.day_one == "same_day":
        steps -= 1
        received = find_working_day(calendar, received) if rule.counted == "working" else received
    if rule.counted == "working":
        return add_working_days(calendar, received, steps)
    return _roll(calendar, received + steps * ONE_DAY, rule)


def _roll(calendar: WorkingCalendar, day: date, rule: DayRule) -> date:
    return find_working_day(calendar, day) if rule.rolls_forward or rule.counted == "working" else day


def _to_instant(calendar: WorkingCalendar, day: date, by: str) -> int:
    """The last instant met [epoch ms]."""
    if by == "24:00":
        return day_end_ms(day, calendar.timezone) - 1
    return _to_utc(calendar, day, read_closing_time(by, path="by") * MINUTE_MS)


def _to_utc(calendar: WorkingCalendar, day: date, into_day_ms: int) -> int:
    """A time of day as an instant, of one that comes twice the second [epoch ms]."""
    number = to_day_number(day)
    wall = WallClock(calendar.timezone, number - 1, number + 1)
    return int(wall.to_utc(np.array([number * DAY_MS + into_day_ms], np.int64), closing=True)[0])
