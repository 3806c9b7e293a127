"""When promises fall due on clocks that may never come to it."""

from __future__ import annotations

from scoring.calendars import NeverOpens, WorkingCalendar

NEVER_MS = 4_102_444_800_000  # 2100-01-01T00:00:00Z, later than any T


def add_or_never(calendar: WorkingCalendar, start_ms: int, working_ms: int) -> int:
    """The calendar's `add` [epoch ms], or `NEVER_MS` where the clock never comes to it: a promise never due."""
    try:
        return calendar.add(start_ms, working_ms)
    except NeverOpens:
        return NEVER_MS


def last_instant_or_never(calendar: WorkingCalendar, start_ms: int, working_ms: int) -> int:
    """The calendar's `last_instant_within` [epoch ms], or `NEVER_MS` where the limit is never passed."""
    try:
        return calendar.last_instant_within(start_ms, working_ms)
    except NeverOpens:
        return NEVER_MS
