"""Opening hours as an operator writes them, and what they make of aware datetimes.

A face of ``scoring.calendars``: the same engine, in datetimes and seconds instead of epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring import calendars
from scoring.calendar_checks import (
    CalendarError,
    read_closures,
    read_holidays,
    read_overrides,
    read_timezone,
    read_week,
    require_open,
)
from scoring.clock_trace import ClockSegment, trace_clock
from scoring.instants import Micros, from_micros, from_ms, to_micros, to_ms
from scoring.opening_hours import WEEKDAYS, CalendarVersion, Closure
from scoring.wall_clock import DAY_MS

if TYPE_CHECKING:
    import pandas as pd

    from scoring.instants import Many

Period = tuple[datetime, datetime]
Week = Mapping[str, Sequence[Sequence[str]]]

ROUND_THE_CLOCK: Week = dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),))
FIRST_SPAN_MS = 64 * DAY_MS
CHUNK = 65_536
ALWAYS = date(1, 1, 1)


@dataclass(frozen=True, kw_only=True)
class WorkingCalendar:
    """A clock that runs in opening hours only.

    ``timezone`` is an IANA name. ``weekly`` gives weekday (mon..sun) its frames ("HH:MM", "HH:MM") in local wall time;
    an end may be "24:00", an end before its start lies on the next day; a weekday left out is closed. ``seasons`` give
    whole weeks of their own from a local date on, until the next. ``holidays`` close the frames that begin on them;
    ``overrides`` give a date its own frames, none to close it, and win over weekday and holiday. ``closed`` are pairs
    of aware datetimes, from when until before when nothing counts: out of office, closure of the platform.

    A frame belongs to the day it begins on, over midnight and over clock changes: a wall time that is skipped is the
    instant of the change, of one that comes twice an opening takes the first and a closing the second.

    Moments are aware datetimes within the years 2000 to 2100 and count to the microsecond; answers are in UTC. Each
    method takes one, or many: a list, tuple or array of them, a pandas DatetimeIndex or Series with a zone, or NumPy
    datetime64, read as UTC. Many in, many out, of the same length: float64 seconds, bool, or a DatetimeIndex in UTC.
    Raises CalendarError (a ValueError) naming place and reason, as ``weekly.mon[1]``, for what is no calendar, and
    ValueError for naive moments. Safe to share between threads.
    """

    timezone: str
    weekly: Week
    holidays: Collection[date] = ()
    overrides: Mapping[date, Sequence[Sequence[str]]] = field(default_factory=dict)
    closed: Sequence[Period] = ()
    seasons: Mapping[date, Week] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first = read_week(self.weekly, path="weekly")
        seasons = _read_seasons(self.seasons)
        overrides = read_overrides(self.overrides if self.overrides is not None else {}, path="overrides")
        require_open((first, *seasons.values()), overrides)
        read = {
            "timezone": read_timezone(self.timezone), "weekly": first, "seasons": seasons, "overrides": overrides,
            "holidays": read_holidays(self.holidays, path="holidays"),
            "closed": read_closures(self.closed, path="closed"),
        }
        for name, value in read.items():
            object.__setattr__(self, name, value)

    @cached_property
    def engine(self) -> calendars.WorkingCalendar:
        """The same clock in epoch milliseconds, for whole ledgers."""
        weeks = {ALWAYS: self.weekly, **self.seasons}
        versions = tuple(
            CalendarVersion(week, frozenset(self.holidays), since, 0, overrides=self.overrides)  # type: ignore[arg-type]
            for since, week in weeks.items())
        return calendars.WorkingCalendar(
            self.timezone, versions, tuple(Closure(to_ms(since), to_ms(until), 0) for since, until in self.closed))

    def with_closures(self, closed: Iterable[Period]) -> WorkingCalendar:
        """The same calendar, closed at these times too. Raises CalendarError."""
        return replace(self, closed=(*self.closed, *closed))

    @overload
    def elapsed(self, start: datetime, end: datetime) -> float: ...
    @overload
    def elapsed(self, start: Many, end: datetime | Many) -> NDArray[np.float64]: ...
    @overload
    def elapsed(self, start: datetime, end: Many) -> NDArray[np.float64]: ...

    def elapsed(self, start: datetime | Many, end: datetime | Many) -> float | NDArray[np.float64]:
        """Working time in ``[start, end)`` [s]; an end before the start gives the negative of the way back."""
        since, until = np.broadcast_arrays(to_micros(start, name="start"), to_micros(end, name="end"))
        worked = self._count_worked(since, until)
        return worked / 1e6 if worked.ndim else float(worked / 1e6)

    @overload
    def add(self, start: datetime, seconds: float) -> datetime: ...
    @overload
    def add(self, start: Many, seconds: ArrayLike) -> pd.DatetimeIndex: ...
    @overload
    def add(self, start: datetime, seconds: Sequence[float] | NDArray[Any]) -> pd.DatetimeIndex: ...

    def add(self, start: datetime | Many, seconds: ArrayLike) -> datetime | pd.DatetimeIndex:
        """The first instant at which ``seconds`` of working time have passed since the start; the start itself for 0.

        What ends at closing is due at closing. Negative seconds walk back, to the last instant from which as much
        passes until the start: what reaches an opening stays there. Raises NeverOpens (a ValueError) when five years
        without working time come first.
        """
        steps = np.asarray(seconds, np.float64)
        if not np.isfinite(steps).all():
            raise ValueError("seconds: every step is a finite number")
        at, step = np.broadcast_arrays(to_micros(start, name="start"), np.rint(steps * 1e6).astype(np.int64))
        reached = np.where(step < 0, self._walk_back(at, np.maximum(-step, 0)), at)
        return from_micros(np.where(step > 0, self._walk_on(at, np.maximum(step, 0)), reached))

    @overload
    def is_open(self, at: datetime) -> bool: ...
    @overload
    def is_open(self, at: Many) -> NDArray[np.bool_]: ...

    def is_open(self, at: datetime | Many) -> bool | NDArray[np.bool_]:
        """Whether the clock runs at the instant: at opening yes, at closing no."""
        found = self.engine.is_open_many(to_micros(at, name="at") // 1000)
        return found if found.ndim else bool(found)

    @overload
    def next_open(self, at: datetime) -> datetime: ...
    @overload
    def next_open(self, at: Many) -> pd.DatetimeIndex: ...

    def next_open(self, at: datetime | Many) -> datetime | pd.DatetimeIndex:
        """The first instant at or after ``at`` at which the clock runs. Raises NeverOpens like ``add``."""
        micros = to_micros(at, name="at")
        whole = micros // 1000
        found = self.engine.last_instants_within(whole.reshape(-1), 0).reshape(whole.shape)
        return from_micros(np.maximum(micros, found * 1000))

    def periods(self, after: datetime, count: int) -> tuple[Period, ...]:
        """The next ``count`` open periods as (opening, closing); one that runs at ``after`` begins there.

        Fewer when five years, or the year 2100, pass without another. Frames that touch, as from day to day, stay
        apart. Raises ValueError for a negative count.
        """
        if count < 0:
            raise ValueError(f"count: {count} is negative")
        start_ms = to_ms(after, name="after")
        found = self._list_periods(start_ms, count)
        return tuple((max(after.astimezone(UTC), from_ms(opens)), from_ms(closes)) for opens, closes in found[:count])

    def trace(self, start: datetime, end: datetime) -> tuple[ClockSegment, ...]:
        """``[start, end)`` cut into stretches that count, or not and why; none when the end is not after the start."""
        since, until = int(to_micros(start, name="start")), int(to_micros(end, name="end"))
        if until <= since:
            return ()
        found = list(trace_clock(self.engine, since // 1000, -(-until // 1000)))
        found[0] = replace(found[0], start=start.astimezone(UTC))
        found[-1] = replace(found[-1], end=end.astimezone(UTC))
        return tuple(found)

    def is_working_day(self, day: date) -> bool:
        """Whether any working time begins on the local date."""
        return bool(len(self.engine.list_day_frames(day).from_at))

    def _count_worked(self, since: Micros, until: Micros) -> NDArray[np.int64]:
        """Working microseconds from one to the other, negative on the way back; in chunks that stay in the cache."""
        if since.size <= CHUNK:
            return self._count_chunk(since, until)
        flat_since, flat_until, worked = since.reshape(-1), until.reshape(-1), np.empty(since.size, np.int64)
        for begin in range(0, since.size, CHUNK):
            part = slice(begin, begin + CHUNK)
            worked[part] = self._count_chunk(flat_since[part], flat_until[part])
        return worked.reshape(since.shape)

    def _count_chunk(self, since: Micros, until: Micros) -> NDArray[np.int64]:
        # Frames begin and end on whole milliseconds, so a rest counts when its millisecond does.
        since_ms, until_ms = since // 1000, until // 1000
        worked = self.engine.signed_ms_many(since_ms, until_ms) * 1000
        return worked + self._count_rest(until, until_ms) - self._count_rest(since, since_ms)

    def _count_rest(self, micros: Micros, whole_ms: Micros) -> NDArray[np.int64] | int:
        rest = micros - whole_ms * 1000
        return rest * self.engine.is_open_many(whole_ms) if rest.any() else 0

    def _walk_on(self, at: Micros, step: Micros) -> Micros:
        """Where each step above 0 leads; the rest of a millisecond is walked after the last whole one [µs]."""
        moving = step > 0
        start, reached = at[moving] // 1000, np.array(at)
        needed = step[moving] + self._count_rest(at[moving], start)
        whole, rest = needed // 1000, needed % 1000
        even, odd = rest == 0, rest > 0
        ends = np.empty_like(needed)
        ends[even] = self.engine.add_many(start[even], whole[even]) * 1000
        ends[odd] = self.engine.last_instants_within(start[odd], whole[odd]) * 1000 + rest[odd]
        reached[moving] = ends
        return reached

    def _walk_back(self, at: Micros, step: Micros) -> Micros:
        """The mirror of ``_walk_on`` [µs]."""
        moving = step > 0
        start, reached = -(-at[moving] // 1000), np.array(at)
        needed = step[moving] + self._count_rest_back(at[moving], start)
        whole, rest = needed // 1000, needed % 1000
        even, odd = rest == 0, rest > 0
        ends = np.empty_like(needed)
        ends[even] = self.engine.walk_back_many(start[even], whole[even]) * 1000
        ends[odd] = self.engine.leave_back_many(start[odd], whole[odd]) * 1000 - rest[odd]
        reached[moving] = ends
        return reached

    def _count_rest_back(self, micros: Micros, ceiling_ms: Micros) -> NDArray[np.int64] | int:
        rest = ceiling_ms * 1000 - micros
        return rest * self.engine.is_open_many(ceiling_ms - 1) if rest.any() else 0

    def _list_periods(self, start_ms: int, count: int) -> list[tuple[int, int]]:
        """The complete frames after the start, searched over longer and longer times."""
        length = FIRST_SPAN_MS
        last_ms = to_ms(datetime(calendars.LAST_YEAR + 1, 1, 1, tzinfo=UTC))
        while True:
            end_ms = min(start_ms + length, last_ms)
            frames = self.engine.frames(start_ms, end_ms)
            whole = frames.to_at < end_ms
            found = list(zip(frames.from_at[whole].tolist(), frames.to_at[whole].tolist(), strict=True))
            idle_from = found[-1][1] if found else start_ms
            if len(found) >= count or end_ms == last_ms or end_ms - idle_from >= calendars.FIVE_YEARS_MS:
                return found
            length *= 2


def _read_seasons(seasons: Any) -> dict[date, Any]:
    if not isinstance(seasons, Mapping):
        raise CalendarError("seasons", "expected dates with the week that holds from them on")
    read_holidays(seasons, path="seasons")
    return {day: read_week(seasons[day], path=f"seasons.{day}") for day in sorted(seasons)}
