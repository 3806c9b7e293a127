"""A standard's clocks: from the parameters a standard names to working calendars and deadlines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from scoring.dues import NEVER_MS
from scoring.frames import Frames
from scoring.schedules import WEEKDAYS
from scoring.standards.decisions import Clock
from scoring.working_calendar import WorkingCalendar

Period = tuple[datetime, datetime]
ROUND_THE_CLOCK = (("00:00", "24:00"),)
ONE_DAY = timedelta(days=1)
MOST_DAYS = timedelta(days=5 * 366)


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
    """The end of a promise that is due on a day: ``due_in_days`` counting days after that of ``start`` [UTC].

    ``start`` is aware. From ``order_cut_off`` on it belongs to the next day; with ``starts_on: same_day`` that day is
    day one. The deadline is ``due_at`` of its day, or the instant at which the day ends; what would be due before it
    begins is due on the next counting day instead. Raises ValueError for a clock that counts hours instead, or a naive
    start.
    """
    if clock.due_in_days is None:
        raise ValueError(f"clock {clock.id} counts hours; build its calendar and add them")
    if start.tzinfo is None:
        raise ValueError("start: has no zone; give an aware datetime")
    free = frozenset(_holidays(clock, holidays))
    return _find_end(clock, start, timezone, lambda day: WEEKDAYS[day.weekday()] in clock.weekdays and day not in free)


def find_due_ms(clock: Clock, start_ms: int, calendar: Counting) -> int:
    """The last instant in time of a promise due on a day, begun at ``start_ms`` [epoch ms]; NEVER_MS where none comes.

    Like ``find_deadline``, days counting on which working time of ``calendar`` begins: closures of whole days stop it,
    too. ``due_at`` itself is in time; a day that is due as a whole ends with its last millisecond.
    """
    def is_counting(day: date) -> bool:
        return bool(len(calendar.list_day_frames(day).from_at))

    try:
        due = _find_end(clock, datetime.fromtimestamp(start_ms / 1000, UTC), calendar.zone, is_counting)
    except _NoDayCounts:
        return NEVER_MS
    return round(due.timestamp() * 1000) - (clock.due_at in {None, "24:00"})


class Counting(Protocol):
    """What says on which days a clock counts: a calendar of its zone."""

    @property
    def zone(self) -> str: ...
    def list_day_frames(self, day: date) -> Frames: ...


class _NoDayCounts(ValueError):
    """No day counts within five years."""


def _find_end(clock: Clock, start: datetime, timezone: str, is_counting: Callable[[date], bool]) -> datetime:
    local = start.astimezone(ZoneInfo(timezone))
    day = local.date()
    if clock.order_cut_off not in {None, "24:00"} and local.time() >= time.fromisoformat(str(clock.order_cut_off)):
        day += ONE_DAY
    days = (clock.due_in_days or 0) - (clock.starts_on == "same_day" and is_counting(day))
    due = _add_counting(day, max(days, 0), is_counting)
    if clock.roll_forward and not is_counting(due):
        due = _add_counting(due, 1, is_counting)
    while (end := _end(due, clock.due_at or "24:00", timezone)) < start:
        due = _add_counting(due, 1, is_counting)
    return end


def _add_counting(day: date, days: int, is_counting: Callable[[date], bool]) -> date:
    """The ``days``-th counting day after a day; the day itself for none."""
    last = day + MOST_DAYS
    while days > 0:
        day += ONE_DAY
        if day > last:
            raise _NoDayCounts
        days -= is_counting(day)
    return day


def _holidays(clock: Clock, holidays: Collection[date]) -> Collection[date]:
    return () if clock.holidays == "none" else holidays


def _end(day: date, clock_time: str, timezone: str) -> datetime:
    if clock_time == "24:00":
        return _end(day + ONE_DAY, "00:00", timezone)
    return datetime.combine(day, time.fromisoformat(clock_time), ZoneInfo(timezone)).astimezone(UTC)
