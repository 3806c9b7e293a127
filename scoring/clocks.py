"""A standard's clocks: from the parameters a standard names to working calendars and deadlines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scoring.schedules import WEEKDAYS, add_working_days
from scoring.standards.decisions import Clock
from scoring.working_calendar import WorkingCalendar

Period = tuple[datetime, datetime]
ROUND_THE_CLOCK = (("00:00", "24:00"),)


def build_calendar(
    clock: Clock, timezone: str, *, holidays: Collection[date] = (), closed: Sequence[Period] = ()
) -> WorkingCalendar:
    """The working calendar of a clock in a zone.

    ``holidays`` are those of whom the clock names, left out where it names none; ``closed`` are the closures it stops
    for. Raises CalendarError for what is no calendar.
    """
    frames = tuple(clock.hours) or ROUND_THE_CLOCK
    stops = closed if clock.stops_for else ()
    return WorkingCalendar(
        timezone=timezone, weekly=dict.fromkeys(clock.weekdays, frames), holidays=_holidays(clock, holidays),
        closed=stops)


def find_deadline(
    clock: Clock, start: datetime, timezone: str, *, holidays: Collection[date] = ()
) -> datetime:
    """The last instant of a promise that is due on a day: ``due_in_days`` counting days after that of ``start`` [UTC].

    ``start`` is aware. From ``order_cut_off`` on it belongs to the next day; with ``starts_on: same_day`` that day is
    day one. The deadline is ``due_at`` of its day, which counts through its last second, or the day's end. Raises
    ValueError for a clock that counts hours instead, or a naive start.
    """
    if clock.due_in_days is None:
        raise ValueError(f"clock {clock.id} counts hours; build its calendar and add them")
    if start.tzinfo is None:
        raise ValueError("start: has no zone; give an aware datetime")
    free = frozenset(_holidays(clock, holidays))
    local = start.astimezone(ZoneInfo(timezone))
    day = local.date()
    if clock.order_cut_off is not None and local.time() >= time.fromisoformat(clock.order_cut_off):
        day += timedelta(days=1)
    days = clock.due_in_days - (clock.starts_on == "same_day" and _is_counting(clock, day, free))
    due = add_working_days(day, max(days, 0), weekdays=clock.weekdays, holidays=free)
    if clock.roll_forward and not _is_counting(clock, due, free):
        due = add_working_days(due, 1, weekdays=clock.weekdays, holidays=free)
    return _end(due, clock.due_at or "24:00", timezone)


def _holidays(clock: Clock, holidays: Collection[date]) -> Collection[date]:
    return () if clock.holidays == "none" else holidays


def _is_counting(clock: Clock, day: date, holidays: frozenset[date]) -> bool:
    return WEEKDAYS[day.weekday()] in clock.weekdays and day not in holidays


def _end(day: date, clock_time: str, timezone: str) -> datetime:
    if clock_time == "24:00":
        return _end(day + timedelta(days=1), "00:00", timezone)
    return datetime.combine(day, time.fromisoformat(clock_time), ZoneInfo(timezone)).astimezone(UTC)
