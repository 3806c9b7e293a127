"""A standard's clocks that are due on a day: the deadlines they count to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from scoring.calendars import WorkingCalendar
from scoring.dues import NEVER_MS
from scoring.standards.decisions import Clock

ONE_DAY = timedelta(days=1)
MOST_DAYS = timedelta(days=5 * 366)


def find_due_ms(clock: Clock, start_ms: int, calendar: WorkingCalendar) -> int:
    """The last instant in time of a promise due on a day, begun at ``start_ms`` [epoch ms]; NEVER_MS where none comes.

    ``due_in_days`` counting days after that of the start, those on which working time of ``calendar`` begins. From
    ``order_cut_off`` on the start belongs to the next day; with ``starts_on: same_day`` its day is day one. ``due_at``
    itself is in time; a day that is due as a whole ends with its last millisecond. What would be due before it begins
    is due on the next counting day instead. Raises ValueError for a clock that counts hours instead.
    """
    if clock.due_in_days is None:
        raise ValueError(f"clock {clock.id} counts hours; add them on its calendar")

    def is_counting(day: date) -> bool:
        return bool(len(calendar.list_day_frames(day).from_at))

    start = datetime.fromtimestamp(start_ms / 1000, UTC).astimezone(ZoneInfo(calendar.zone))
    try:
        due = _find_end(clock, clock.due_in_days, start, is_counting)
    except _NoDayCounts:
        return NEVER_MS
    return round(due.timestamp() * 1000) - (clock.due_at in {None, "24:00"})


class _NoDayCounts(ValueError):
    """No day counts within five years."""


def _find_end(clock: Clock, days: int, start: datetime, is_counting: Callable[[date], bool]) -> datetime:
    day = start.date()
    if clock.order_cut_off not in {None, "24:00"} and start.time() >= time.fromisoformat(str(clock.order_cut_off)):
        day += ONE_DAY
    days -= clock.starts_on == "same_day" and is_counting(day)
    due = _add_counting(day, max(days, 0), is_counting)
    if clock.roll_forward and not is_counting(due):
        due = _add_counting(due, 1, is_counting)
    while (end := _end(due, clock.due_at or "24:00", start.tzinfo)) < start:
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


def _end(day: date, clock_time: str, zone: tzinfo | None) -> datetime:
    if clock_time == "24:00":
        return _end(day + ONE_DAY, "00:00", zone)
    return datetime.combine(day, time.fromisoformat(clock_time), zone).astimezone(UTC)
