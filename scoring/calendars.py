"""Working time: which instants count on a shop's clock, how many have passed, when a limit is used up.

Moments are epoch milliseconds [ms], plain ``int`` or ``int64`` arrays. A clock is resolved once into sorted,
disjoint frames ``(from_at, to_at, worked_before)``; every question is then one ``searchsorted``.

Hours are local wall time (``wall_clock`` says how clock changes are met). A frame belongs to the day it
begins on: a night shift begun before a holiday runs on into it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.wall_clock import DAY_MS, Moments, WallClock, to_day_number, to_local, to_year

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_YEAR, LAST_YEAR = 2000, 2100
MINUTE_MS = 60_000
FIVE_YEARS_MS = 5 * 366 * DAY_MS

_WALL = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class NeverOpens(ValueError):
    """The clock shows no working time for five years or more where a limit would still be running."""

    def __init__(self, start_ms: int) -> None:
        self.start_ms = start_ms
        super().__init__(
            f"no working time within five years while a limit from {_shown(start_ms)} is running: "
            "check the shop's hours, holidays and closures"
        )


class Why(StrEnum):
    """Why a stretch of time counts or does not."""

    ALWAYS_OPEN = "always_open"
    HOURS = "hours"
    OUTSIDE_HOURS = "outside_hours"
    HOLIDAY = "holiday"
    CLOSED_FOR = "closed_for"


class TracePart(NamedTuple):
    """One stretch ``[from_ms, to_ms)`` of one kind [ms]."""

    from_ms: int
    to_ms: int
    counting: bool
    why: Why


class Frames(NamedTuple):
    """Working time as sorted, disjoint, non-empty ``[from_at, to_at)``; ``int64`` arrays of one length [ms].

    ``worked_before`` is the working time of all earlier frames of the same answer.
    """

    from_at: Moments
    to_at: Moments
    worked_before: Moments


@dataclass(frozen=True)
class CalendarVersion:
    """Opening hours as set once: weekday (mon..sun) to frames ("HH:MM", "HH:MM"), local wall time.

    An end may be "24:00"; an end not after its start lies on the next day. Overlaps and order do not matter.
    A weekday left out is closed. ``holidays`` close the frames that begin on them, while this version holds.
    ``unset_at_ms`` is when it was taken back, None: never. Raises ValueError for an unknown weekday or a frame that
    is no time of day.
    """

    hours: Mapping[str, tuple[tuple[str, str], ...]]
    holidays: frozenset[date]
    effective_from: date
    set_at_ms: int
    unset_at_ms: int | None = None

    def __post_init__(self) -> None:
        unknown = sorted(set(self.hours) - set(WEEKDAYS))
        if unknown:
            raise ValueError(f"hours.{unknown[0]}: not a weekday, use one of {', '.join(WEEKDAYS)}")
        for weekday in self.hours:
            self.list_frames(weekday)

    def list_frames(self, weekday: str) -> tuple[tuple[int, int], ...]:
        """Frames of a weekday as minutes since its midnight; an end above 1440 lies on the next day [min]."""
        frames = enumerate(self.hours.get(weekday, ()))
        return tuple(_frame_minutes(frame, path=f"hours.{weekday}[{n}]") for n, frame in frames)


@dataclass(frozen=True)
class Closure:
    """Out of office over ``[from_ms, until_ms)``, announced at ``set_at_ms``, taken back at ``unset_at_ms`` [ms]."""

    from_ms: int
    until_ms: int
    set_at_ms: int
    unset_at_ms: int | None = None


@dataclass(frozen=True)
class _Table:
    """The frames of the whole UTC years ``first_year`` to ``last_year``, both included."""

    first_year: int
    last_year: int
    frames: Frames
    long_gaps: Moments  # positions of frames that follow five years or more without working time
    plain: tuple[list[int], list[int], list[int]]  # the frames as lists, many times faster for one moment

    @property
    def total_ms(self) -> int:
        from_at, to_at, before = self.frames
        return int(before[-1] + to_at[-1] - from_at[-1]) if len(before) else 0

    def count_worked(self, at_ms: int) -> int:
        """Working time from the table's start to one moment [ms]."""
        from_at, to_at, before = self.plain
        found = bisect_right(from_at, at_ms) - 1
        return 0 if found < 0 else before[found] + min(at_ms, to_at[found]) - from_at[found]

    def list_worked(self, moments: Moments) -> Moments:
        """Working time from the table's start to each moment [ms]."""
        from_at, to_at, before = self.frames
        if not len(from_at):
            return np.zeros_like(moments)
        found = np.searchsorted(from_at, moments, side="right") - 1
        inside = np.maximum(found, 0)
        worked = before[inside] + np.minimum(moments, to_at[inside]) - from_at[inside]
        return np.where(found < 0, 0, worked)


class WorkingCalendar:
    """One resolved clock: what counts is inside the hours in force, outside holidays and closures.

    Without versions and closures it is always open and needs no frames. Days before the first version are
    always open. Frames are built for whole years when first asked for. Safe to share between threads.
    Every method raises ValueError for moments outside the years 2000 to 2100 (an always-open clock excepted).
    """

    def __init__(
        self,
        zone: str,
        versions: tuple[CalendarVersion, ...] = (),
        closures: tuple[Closure, ...] = (),
    ) -> None:
        self.zone = zone
        self.versions = _list_in_force(versions)
        self.closures = tuple(sorted((c for c in closures if c.until_ms > c.from_ms), key=_closure_order))
        self.always_open = not self.versions and not self.closures
        self._effective_days = np.array([to_day_number(v.effective_from) for v in self.versions], np.int64)
        self._table: _Table | None = None

    def elapsed_ms(self, start_ms: int, end_ms: int) -> int:
        """Working time in ``[start_ms, end_ms)`` [ms]; 0 when the end is not after the start."""
        if self.always_open or end_ms <= start_ms:
            return max(0, end_ms - start_ms)
        table = self._table_over(start_ms, end_ms)
        return table.count_worked(end_ms) - table.count_worked(start_ms)

    def elapsed_ms_many(self, starts: ArrayLike, ends: ArrayLike) -> Moments:
        """``elapsed_ms`` of each pair; two ``int64`` arrays of one shape in, one of that shape out [ms]."""
        start, end = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
        if self.always_open or not start.size:
            return _at_least_zero(end - start)
        table = self._table_over(int(min(start.min(), end.min())), int(max(start.max(), end.max())))
        return _at_least_zero(table.list_worked(end) - table.list_worked(start))

    def add(self, start_ms: int, working_ms: int) -> int:
        """The first instant at which ``working_ms`` have run since ``start_ms``; the start itself for 0 [ms].

        Time that ends at closing is due at closing. Raises NeverOpens when five years without working time
        come first, ValueError for a negative limit.
        """
        if self.always_open and working_ms >= 0:
            return start_ms + working_ms
        return self._find_due(start_ms, working_ms)

    def _find_due(self, start_ms: int, working_ms: int) -> int:
        """`add` where the frames in hand answer it and no long gap lies in them, else by the general way."""
        table = self._table
        if table is not None and working_ms > 0 and not len(table.long_gaps):
            from_at, to_at, before = table.plain
            if from_at and from_at[0] <= start_ms < to_at[-1]:
                target = table.count_worked(start_ms) + working_ms
                if target <= table.total_ms:
                    found = bisect_left(before, target) - 1
                    return from_at[found] + target - before[found]
        return int(self.add_many(np.array([start_ms]), working_ms)[0])

    def add_many(self, starts: ArrayLike, working_ms: int) -> Moments:
        """``add`` of one limit to each start; ``int64``, same shape [ms]. Raises as ``add`` does for any."""
        start = np.asarray(starts, np.int64)
        _require_limit(working_ms)
        if self.always_open or working_ms == 0 or not start.size:
            return start + working_ms
        return self._locate(start, working_ms, side="left")

    def last_instant_within(self, start_ms: int, working_ms: int) -> int:
        """The last instant at which no more than ``working_ms`` have run since ``start_ms`` [ms].

        The instant that uses the limit up when the shop is open then, else the next opening. Raises as
        ``add``: a shop that never opens again never uses more than the limit.
        """
        _require_limit(working_ms)
        if self.always_open:
            return start_ms + working_ms
        return int(self._locate(np.array([start_ms], np.int64), working_ms, side="right")[0])

    def is_open(self, at_ms: int) -> bool:
        """Whether the instant lies in a frame: at opening yes, at closing no."""
        return self.elapsed_ms(at_ms, at_ms + 1) > 0

    def frames(self, start_ms: int, end_ms: int) -> Frames:
        """The frames that overlap ``[start_ms, end_ms)``, cut to it; empty arrays when none does [ms]."""
        if self.always_open:
            return _to_frames(*_clip(np.array([start_ms]), np.array([end_ms]), start_ms, end_ms))
        found = self._table_over(start_ms, end_ms).frames
        return _to_frames(*_clip(found.from_at, found.to_at, start_ms, end_ms))

    def trace(self, start_ms: int, end_ms: int) -> tuple[TracePart, ...]:
        """``[start_ms, end_ms)`` cut into stretches that count or do not, each with its cause, in order.

        Neighbours differ in cause. No stretch when the end is not after the start.
        """
        cuts = self._list_cuts(start_ms, end_ms)
        parts = (self._explain(from_ms, to_ms) for from_ms, to_ms in pairwise(cuts))
        return tuple(_join_equal(parts))

    def _list_cuts(self, start_ms: int, end_ms: int) -> list[int]:
        if end_ms <= start_ms:
            return []
        frames = self.frames(start_ms, end_ms)
        cuts = {start_ms, end_ms, *frames.from_at.tolist(), *frames.to_at.tolist()}
        cuts.update(c.from_ms for c in self.closures)
        cuts.update(c.until_ms for c in self.closures)
        if self.versions:
            cuts.update(self._list_midnights(start_ms, end_ms))
        return sorted(cut for cut in cuts if start_ms <= cut <= end_ms)

    def _list_midnights(self, start_ms: int, end_ms: int) -> list[int]:
        days = np.arange(start_ms // DAY_MS, end_ms // DAY_MS + 2)
        wall = WallClock(self.zone, int(days[0]), int(days[-1]))
        midnights: list[int] = wall.to_utc(days * DAY_MS, closing=False).tolist()
        return midnights

    def _explain(self, from_ms: int, to_ms: int) -> TracePart:
        counting = self.is_open(from_ms)
        return TracePart(from_ms, to_ms, counting, self._find_cause(from_ms, counting))

    def _find_cause(self, at_ms: int, counting: bool) -> Why:
        if any(c.from_ms <= at_ms < c.until_ms for c in self.closures):
            return Why.CLOSED_FOR
        day = to_local(at_ms, self.zone).date()
        version = self._find_version(day)
        if counting:
            return Why.HOURS if version else Why.ALWAYS_OPEN
        return Why.HOLIDAY if version and day in version.holidays else Why.OUTSIDE_HOURS

    def _find_version(self, day: date) -> CalendarVersion | None:
        held = [version for version in self.versions if version.effective_from <= day]
        return held[-1] if held else None

    def _locate(self, start: Moments, working_ms: int, *, side: str) -> Moments:
        """Where working time since each start passes the limit: ``left`` first instant, ``right`` last."""
        table = self._table_with(int(start.min()), int(start.max()), working_ms + (side == "right"))
        from_at, _, before = table.frames
        target = table.list_worked(start) + working_ms
        found = (before.searchsorted(target) if side == "left" else before.searchsorted(target, "right")) - 1
        self._require_no_gap(table, start, found)
        return from_at[found] + target - before[found]

    @staticmethod
    def _require_no_gap(table: _Table, start: Moments, found: NDArray[np.intp]) -> None:
        """Refuse answers behind a gap of five years, whatever the table happens to cover already."""
        from_at, to_at, _ = table.frames
        first = np.searchsorted(to_at, start, side="right")
        gaps = table.long_gaps
        crossed = gaps.searchsorted(found, "right") > gaps.searchsorted(first, "right")
        never = crossed | (from_at[first] - start >= FIVE_YEARS_MS)
        if never.any():
            raise NeverOpens(int(start[never].min()))

    def _table_with(self, first_ms: int, last_ms: int, needed_ms: int) -> _Table:
        """A table in which ``needed_ms`` of working time follow ``last_ms``; raises NeverOpens."""
        table = self._table_over(first_ms, last_ms)
        worked = int(table.list_worked(np.array([last_ms]))[0])
        while table.total_ms - worked < needed_ms:
            idle_from = max(last_ms, int(table.frames.to_at[-1]) if len(table.frames.to_at) else 0)
            idle_ms = _year_start(table.last_year + 1) - idle_from
            if idle_ms >= FIVE_YEARS_MS or table.last_year == LAST_YEAR:
                raise NeverOpens(last_ms)
            table = self._cover(table.first_year, table.last_year + 1)
            worked = int(table.list_worked(np.array([last_ms]))[0])
        return table

    def _table_over(self, first_ms: int, last_ms: int) -> _Table:
        return self._cover(_year_of(first_ms), _year_of(last_ms))

    def _cover(self, first_year: int, last_year: int) -> _Table:
        table = self._table
        if table is not None:
            first_year, last_year = min(first_year, table.first_year), max(last_year, table.last_year)
            if (first_year, last_year) == (table.first_year, table.last_year):
                return table
        self._table = table = self._build(first_year, last_year)
        return table

    def _build(self, first_year: int, last_year: int) -> _Table:
        lower, upper = _year_start(first_year), _year_start(last_year + 1)
        from_at, to_at = _union(*_clip(*self._list_hours(lower, upper), lower, upper))
        for closure in self.closures:
            from_at, to_at = _cut_out(from_at, to_at, closure)
        gaps = np.flatnonzero(from_at[1:] - to_at[:-1] >= FIVE_YEARS_MS) + 1
        frames = _to_frames(from_at, to_at)
        plain = (frames.from_at.tolist(), frames.to_at.tolist(), frames.worked_before.tolist())
        return _Table(first_year, last_year, frames, gaps.astype(np.int64), plain)

    def _list_hours(self, lower: int, upper: int) -> tuple[Moments, Moments]:
        """Frames, unordered and overlapping, of every local day that can touch ``[lower, upper)``."""
        if not self.versions:
            return np.array([lower]), np.array([upper])
        days = np.arange(lower // DAY_MS - 2, upper // DAY_MS + 2)
        wall = WallClock(self.zone, int(days[0]), int(days[-1]) + 2)
        in_force = np.searchsorted(self._effective_days, days, side="right") - 1
        pieces = [_list_open_days(wall, days[in_force < 0])]
        for position, version in enumerate(self.versions):
            pieces.extend(_list_version_frames(wall, version, days[in_force == position]))
        froms, tos = zip(*pieces, strict=True)
        return np.concatenate(froms), np.concatenate(tos)


@dataclass(frozen=True)
class CalendarBook:
    """All that was ever said about a shop's hours; ``at`` resolves the clock of one promise.

    ``zone`` is an IANA name. Without versions and closures the shop is always open.
    """

    zone: str
    versions: tuple[CalendarVersion, ...] = ()
    closures: tuple[Closure, ...] = ()
    _known_at: list[int] = field(init=False, repr=False, compare=False)
    _closed_from: list[int] = field(init=False, repr=False, compare=False)
    _clocks: dict[tuple[int, int], WorkingCalendar] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_known_at", list(self.changes_after(-(2**63))))
        object.__setattr__(self, "_closed_from", sorted({c.from_ms for c in self.closures}))

    def at(self, known_at_ms: int, opened_at_ms: int) -> WorkingCalendar:
        """The clock of a promise opened at ``opened_at_ms``, by what was set before ``known_at_ms`` [ms].

        Closures that begin after the promise opened leave it its due time and are not counted. Clocks are
        kept with their frames, so asking again is two bisections.
        """
        key = (bisect_left(self._known_at, known_at_ms), bisect_right(self._closed_from, opened_at_ms))
        clock = self._clocks.get(key)
        if clock is None:
            clock = self._clocks[key] = self._resolve(known_at_ms, opened_at_ms)
        return clock

    def _resolve(self, known_at_ms: int, opened_at_ms: int) -> WorkingCalendar:
        versions = tuple(v for v in self.versions if _holds(v, known_at_ms))
        closures = (c for c in self.closures if _holds(c, known_at_ms))
        return WorkingCalendar(self.zone, versions, tuple(c for c in closures if c.from_ms <= opened_at_ms))

    def changes_after(self, at_ms: int) -> tuple[int, ...]:
        """The moments at or after ``at_ms`` at which something was set or taken back: sorted, each once [ms]."""
        told: list[CalendarVersion | Closure] = [*self.versions, *self.closures]
        moments = {said.set_at_ms for said in told} | {
            said.unset_at_ms for said in told if said.unset_at_ms is not None}
        return tuple(sorted(moment for moment in moments if moment >= at_ms))


def _holds(said: CalendarVersion | Closure, known_at_ms: int) -> bool:
    """Set before K, and not taken back before it."""
    return said.set_at_ms < known_at_ms and (said.unset_at_ms is None or said.unset_at_ms >= known_at_ms)


def _list_open_days(wall: WallClock, days: Moments) -> tuple[Moments, Moments]:
    local_ms = days * DAY_MS
    return wall.to_utc(local_ms, closing=False), wall.to_utc(local_ms + DAY_MS, closing=True)


def _list_version_frames(
    wall: WallClock, version: CalendarVersion, days: Moments
) -> Iterator[tuple[Moments, Moments]]:
    holidays = np.array([to_day_number(day) for day in version.holidays], np.int64)
    working = days[~np.isin(days, holidays)]
    for position, weekday in enumerate(WEEKDAYS):
        local_ms = working[(working + 3) % 7 == position] * DAY_MS  # 1970-01-01 was a Thursday
        for opens, closes in version.list_frames(weekday):
            opening = wall.to_utc(local_ms + opens * MINUTE_MS, closing=False)
            yield opening, wall.to_utc(local_ms + closes * MINUTE_MS, closing=True)


def _at_least_zero(lengths: Moments) -> Moments:
    return np.where(lengths > 0, lengths, 0)


def _clip(from_at: Moments, to_at: Moments, lower: int, upper: int) -> tuple[Moments, Moments]:
    from_at, to_at = np.maximum(from_at, lower), np.minimum(to_at, upper)
    kept = from_at < to_at
    return from_at[kept], to_at[kept]


def _union(from_at: Moments, to_at: Moments) -> tuple[Moments, Moments]:
    """Sorted, disjoint frames over the same time; frames that touch become one."""
    order = np.argsort(from_at, kind="stable")
    from_at, to_at = from_at[order], np.maximum.accumulate(to_at[order])
    begins = np.ones(len(from_at), bool)
    begins[1:] = from_at[1:] > to_at[:-1]
    return from_at[begins], to_at[np.roll(begins, -1)]


def _cut_out(from_at: Moments, to_at: Moments, closure: Closure) -> tuple[Moments, Moments]:
    froms = np.concatenate((from_at, np.maximum(from_at, closure.until_ms)))
    tos = np.concatenate((np.minimum(to_at, closure.from_ms), to_at))
    kept = froms < tos
    return _sorted_pairs(froms[kept], tos[kept])


def _sorted_pairs(from_at: Moments, to_at: Moments) -> tuple[Moments, Moments]:
    order = np.argsort(from_at, kind="stable")
    return from_at[order], to_at[order]


def _to_frames(from_at: Moments, to_at: Moments) -> Frames:
    worked = np.cumsum(to_at - from_at)
    return Frames(from_at, to_at, worked - (to_at - from_at))


def _list_in_force(versions: tuple[CalendarVersion, ...]) -> tuple[CalendarVersion, ...]:
    """One version per effective day, the one set last, in order of days."""
    by_day = {v.effective_from: v for v in sorted(versions, key=lambda v: v.set_at_ms)}
    return tuple(by_day[day] for day in sorted(by_day))


def _closure_order(closure: Closure) -> tuple[int, int]:
    return closure.from_ms, closure.until_ms


def _join_equal(parts: Iterator[TracePart]) -> list[TracePart]:
    joined: list[TracePart] = []
    for part in parts:
        same = joined and joined[-1][2:] == part[2:]
        joined.append(joined.pop()._replace(to_ms=part.to_ms) if same else part)
    return joined


def _frame_minutes(frame: tuple[str, str], *, path: str) -> tuple[int, int]:
    if len(frame) != 2:
        raise ValueError(f'{path}: a frame has an opening and a closing, like ["09:00", "18:00"]')
    opens, closes = _parse_wall(frame[0], path=f"{path}[0]"), 1440
    if frame[1] != "24:00":
        closes = _parse_wall(frame[1], path=f"{path}[1]")
    return opens, closes if closes > opens else closes + 1440


def _parse_wall(text: str, *, path: str) -> int:
    match = _WALL.fullmatch(text)
    if match is None:
        raise ValueError(f'{path}: {text!r} is no time of day, write it like "09:00"')
    return int(match[1]) * 60 + int(match[2])


def _require_limit(working_ms: int) -> None:
    if working_ms < 0:
        raise ValueError(f"working_ms: {working_ms} is negative, a limit is 0 or more")


def _year_start(year: int) -> int:
    return to_day_number(date(year, 1, 1)) * DAY_MS


def _year_of(at_ms: int) -> int:
    if not _year_start(FIRST_YEAR) <= at_ms <= _year_start(LAST_YEAR + 1):
        raise ValueError(f"moment {at_ms} ms lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return min(to_year(at_ms // DAY_MS), LAST_YEAR)


def _shown(at_ms: int) -> str:
    return to_local(at_ms, "UTC").isoformat()
