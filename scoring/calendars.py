"""Working time: which instants count on a shop's clock, how many have passed, when a limit is used up.

Moments are epoch milliseconds [ms], plain ``int`` or ``int64`` arrays. A clock is resolved once into sorted,
disjoint frames ``(from_at, to_at, worked_before)``; every question is then one look-up.

Hours are local wall time (``wall_clock`` says how clock changes are met). A frame belongs to the day it
begins on: a night shift begun before a holiday runs on into it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scoring.frames import Frames, FrameTable, clip, cut_out, to_frames, union
from scoring.opening_hours import WEEKDAYS, CalendarVersion, Closure, list_open_days, list_version_frames
from scoring.wall_clock import DAY_MS, Moments, WallClock, to_day_number, to_local, to_year

__all__ = [
    "FIRST_YEAR", "FIVE_YEARS_MS", "LAST_YEAR", "WEEKDAYS", "CalendarBook", "CalendarVersion", "Closure", "Frames",
    "NeverOpens", "TracePart", "Why", "WorkingCalendar",
]

FIRST_YEAR, LAST_YEAR = 2000, 2100
FIVE_YEARS_MS = 5 * 366 * DAY_MS

_Locate = Callable[[Moments, Moments], Moments]


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
        self._table: FrameTable | None = None

    def elapsed_ms(self, start_ms: int, end_ms: int) -> int:
        """Working time in ``[start_ms, end_ms)`` [ms]; 0 when the end is not after the start."""
        if self.always_open or end_ms <= start_ms:
            return max(0, end_ms - start_ms)
        table = self._table_over(start_ms, end_ms)
        return table.count_worked(end_ms) - table.count_worked(start_ms)

    def elapsed_ms_many(self, starts: ArrayLike, ends: ArrayLike) -> Moments:
        """``elapsed_ms`` of each pair; two ``int64`` arrays of one shape in, one of that shape out [ms]."""
        worked = self.signed_ms_many(starts, ends)
        return np.maximum(worked, 0, out=worked) if worked.ndim else np.maximum(worked, 0)

    def signed_ms_many(self, starts: ArrayLike, ends: ArrayLike) -> Moments:
        """Like ``elapsed_ms_many``, negative where the end lies before the start [ms]."""
        start, end = np.asarray(starts, np.int64), np.asarray(ends, np.int64)
        if self.always_open or not start.size:
            return end - start
        table = self._table_over(int(min(start.min(), end.min())), int(max(start.max(), end.max())))
        return table.list_worked(end) - table.list_worked(start)

    def add(self, start_ms: int, working_ms: int) -> int:
        """The first instant at which ``working_ms`` have run since ``start_ms``; the start itself for 0 [ms].

        Time that ends at closing is due at closing. Raises NeverOpens when five years without working time
        come first, ValueError for a negative limit.
        """
        if self.always_open and working_ms >= 0:
            return start_ms + working_ms
        due = self._table_over(start_ms, start_ms).find_due(start_ms, working_ms) if working_ms > 0 else None
        return int(self.add_many([start_ms], working_ms)[0]) if due is None else due

    def add_many(self, starts: ArrayLike, working_ms: ArrayLike) -> Moments:
        """``add`` of one limit, or of one each, to each start; ``int64`` [ms]. Raises as ``add`` does for any."""
        return self._locate_many(starts, working_ms, self._locate_first)

    def last_instant_within(self, start_ms: int, working_ms: int) -> int:
        """The last instant at which no more than ``working_ms`` have run since ``start_ms`` [ms].

        The instant that uses the limit up when the shop is open then, else the next opening. Raises as
        ``add``: a shop that never opens again never uses more than the limit.
        """
        if self.always_open and working_ms >= 0:
            return start_ms + working_ms
        last = self._table_over(start_ms, start_ms).find_last(start_ms, working_ms) if working_ms >= 0 else None
        return int(self.last_instants_within([start_ms], working_ms)[0]) if last is None else last

    def last_instants_within(self, starts: ArrayLike, working_ms: ArrayLike) -> Moments:
        """``last_instant_within`` of one limit, or of one each, for each start; ``int64`` [ms]."""
        return self._locate_many(starts, working_ms, self._locate_last, from_zero=True)

    def walk_back_many(self, starts: ArrayLike, working_ms: ArrayLike) -> Moments:
        """The last instants from which ``working_ms`` run until each start; the start itself for 0; ``int64`` [ms].

        The mirror of ``add``: what reaches an opening stays there. Raises NeverOpens when five years without
        working time, or the year 2000, come first; ValueError for a negative limit.
        """
        return self._locate_many(starts, working_ms, self._locate_last_before, sign=-1)

    def leave_back_many(self, starts: ArrayLike, working_ms: ArrayLike) -> Moments:
        """The first instants from which no more than ``working_ms`` run until each start; ``int64`` [ms].

        The mirror of ``last_instants_within``: what reaches an opening goes on to the closing before it.
        """
        return self._locate_many(starts, working_ms, self._locate_first_before, sign=-1, from_zero=True)

    def _locate_many(self, starts: ArrayLike, working_ms: ArrayLike, locate: _Locate, *, sign: int = 1,
                     from_zero: bool = False) -> Moments:
        """Where each limit leads from its start; one of 0 leads nowhere, unless ``from_zero``."""
        start, limit = np.broadcast_arrays(np.asarray(starts, np.int64), np.asarray(working_ms, np.int64))
        _require_limits(limit)
        found: Moments = np.array(start + sign * limit)
        moving = np.array((limit > 0) | from_zero)
        if not self.always_open and moving.any():
            found[moving] = locate(start[moving], limit[moving])
        return found

    def is_open(self, at_ms: int) -> bool:
        """Whether the instant lies in a frame: at opening yes, at closing no."""
        return self.elapsed_ms(at_ms, at_ms + 1) > 0

    def is_open_many(self, moments: ArrayLike) -> NDArray[np.bool_]:
        """``is_open`` of each moment; ``bool`` of the same shape."""
        at = np.asarray(moments, np.int64)
        return self.elapsed_ms_many(at, at + 1) > 0

    def frames(self, start_ms: int, end_ms: int) -> Frames:
        """The frames that overlap ``[start_ms, end_ms)``, cut to it; empty arrays when none does [ms]."""
        if self.always_open:
            return to_frames(*clip(np.array([start_ms]), np.array([end_ms]), start_ms, end_ms))
        found = self._table_over(start_ms, end_ms).frames
        return to_frames(*clip(found.from_at, found.to_at, start_ms, end_ms))

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
        return _find_cause_of_day(version, day) if version else Why.OUTSIDE_HOURS

    def _find_version(self, day: date) -> CalendarVersion | None:
        held = [version for version in self.versions if version.effective_from <= day]
        return held[-1] if held else None

    def list_day_frames(self, day: date) -> Frames:
        """The frames that begin on a local day, whole even over midnight, without what closures take [ms]."""
        number = to_day_number(day)
        wall = WallClock(self.zone, number - 1, number + 2)
        from_at, to_at = self._list_hours_of(wall, np.array([number], np.int64))
        from_at, to_at = union(from_at[from_at < to_at], to_at[from_at < to_at])
        for closure in self.closures:
            from_at, to_at = cut_out(from_at, to_at, closure.from_ms, closure.until_ms)
        return to_frames(from_at, to_at)

    def _locate_first(self, start: Moments, limit: Moments) -> Moments:
        """The first instant at which working time since each start reaches the limit, which is above 0."""
        table = self._table_after(start, limit)
        target = table.list_worked(start) + limit
        found = table.frames.worked_before.searchsorted(target) - 1
        return self._leave_frames(table, start, found, target)

    def _locate_last(self, start: Moments, limit: Moments) -> Moments:
        """The last instant before working time since each start passes the limit."""
        table = self._table_after(start, limit + 1)
        target = table.list_worked(start) + limit
        found = table.frames.worked_before.searchsorted(target, "right") - 1
        return self._leave_frames(table, start, found, target)

    def _locate_last_before(self, start: Moments, limit: Moments) -> Moments:
        table = self._table_before(start, limit)
        target = table.list_worked(start) - limit
        found = table.frames.worked_before.searchsorted(target, "right") - 1
        return self._enter_frames(table, start, found, target)

    def _locate_first_before(self, start: Moments, limit: Moments) -> Moments:
        table = self._table_before(start, limit + 1)
        target = table.list_worked(start) - limit
        found = table.frames.worked_before.searchsorted(target) - 1
        return self._enter_frames(table, start, found, target)

    @staticmethod
    def _leave_frames(table: FrameTable, start: Moments, found: NDArray[np.intp], target: Moments) -> Moments:
        """The instants in the frames found. Answers behind a gap of five years are refused, whatever the table
        happens to cover already."""
        from_at, to_at, before = table.frames
        first = np.searchsorted(to_at, start, side="right")
        gaps = table.long_gaps
        crossed = gaps.searchsorted(found, "right") > gaps.searchsorted(first, "right")
        _require_none(crossed | (from_at[first] - start >= FIVE_YEARS_MS), start)
        return from_at[found] + target - before[found]

    @staticmethod
    def _enter_frames(table: FrameTable, start: Moments, found: NDArray[np.intp], target: Moments) -> Moments:
        """Like ``_leave_frames``, back in time."""
        from_at, to_at, before = table.frames
        last = np.searchsorted(from_at, start) - 1
        gaps = table.long_gaps
        crossed = gaps.searchsorted(last, "right") > gaps.searchsorted(found, "right")
        _require_none(crossed | (start - to_at[last] >= FIVE_YEARS_MS), start)
        return from_at[found] + target - before[found]

    def _table_after(self, start: Moments, needed: Moments) -> FrameTable:
        """A table in which the working time needed follows each start; raises NeverOpens."""
        table = self._table_over(int(start.min()), int(start.max()))
        targets = table.list_worked(start) + needed
        furthest = int(targets.argmax())
        target, since = int(targets[furthest]), int(start[furthest])
        while table.total_ms < target:
            idle_from = max(since, int(table.frames.to_at[-1]) if table.total_ms else 0)
            if table.upper - idle_from >= FIVE_YEARS_MS or table.last_year == LAST_YEAR:
                raise NeverOpens(since)
            table = self._cover(table.first_year, table.last_year + 1)
        return table

    def _table_before(self, start: Moments, needed: Moments) -> FrameTable:
        """A table in which the working time needed comes before each start; raises NeverOpens."""
        table = self._table_over(int(start.min()), int(start.max()))
        targets = table.list_worked(start) - needed
        furthest = int(targets.argmin())
        since, need = int(start[furthest]), int(needed[furthest])
        while table.count_worked(since) < need:
            idle_until = min(since, int(table.frames.from_at[0]) if table.total_ms else since)
            if idle_until - table.lower >= FIVE_YEARS_MS or table.first_year == FIRST_YEAR:
                raise NeverOpens(since)
            table = self._cover(table.first_year - 1, table.last_year)
        return table

    def _table_over(self, first_ms: int, last_ms: int) -> FrameTable:
        table = self._table
        if table is not None and table.lower <= first_ms and last_ms < table.upper:
            return table
        return self._cover(_year_of(first_ms), _year_of(last_ms))

    def _cover(self, first_year: int, last_year: int) -> FrameTable:
        table = self._table
        if table is not None:
            first_year, last_year = min(first_year, table.first_year), max(last_year, table.last_year)
            if (first_year, last_year) == (table.first_year, table.last_year):
                return table
        self._table = table = self._build(first_year, last_year)
        return table

    def _build(self, first_year: int, last_year: int) -> FrameTable:
        lower, upper = _year_start(first_year), _year_start(last_year + 1)
        from_at, to_at = union(*clip(*self._list_hours(lower, upper), lower, upper))
        for closure in self.closures:
            from_at, to_at = cut_out(from_at, to_at, closure.from_ms, closure.until_ms)
        gaps = np.flatnonzero(from_at[1:] - to_at[:-1] >= FIVE_YEARS_MS) + 1
        return FrameTable(first_year, last_year, lower, upper, to_frames(from_at, to_at), gaps.astype(np.int64))

    def _list_hours(self, lower: int, upper: int) -> tuple[Moments, Moments]:
        """Frames, unordered and overlapping, of every local day that can touch ``[lower, upper)``."""
        if not self.versions:
            return np.array([lower]), np.array([upper])
        days = np.arange(lower // DAY_MS - 2, upper // DAY_MS + 2)
        return self._list_hours_of(WallClock(self.zone, int(days[0]), int(days[-1]) + 2), days)

    def _list_hours_of(self, wall: WallClock, days: Moments) -> tuple[Moments, Moments]:
        """Frames, unordered and overlapping, that begin on the days."""
        in_force = np.searchsorted(self._effective_days, days, side="right") - 1
        pieces = [list_open_days(wall, days[in_force < 0])]
        for position, version in enumerate(self.versions):
            pieces.extend(list_version_frames(wall, version, days[in_force == position]))
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
        return share_clock(self.zone, versions, tuple(c for c in closures if c.from_ms <= opened_at_ms))

    def __reduce__(self) -> tuple[type[CalendarBook], tuple[object, ...]]:
        """What was said alone: whoever unpickles it finds the clocks in its own process."""
        return CalendarBook, (self.zone, self.versions, self.closures)

    def changes_after(self, at_ms: int) -> tuple[int, ...]:
        """The moments at or after ``at_ms`` at which something was set or taken back: sorted, each once [ms]."""
        told: list[CalendarVersion | Closure] = [*self.versions, *self.closures]
        moments = {said.set_at_ms for said in told} | {
            said.unset_at_ms for said in told if said.unset_at_ms is not None}
        return tuple(sorted(moment for moment in moments if moment >= at_ms))


@lru_cache(maxsize=500)
def share_clock(
    zone: str, versions: tuple[CalendarVersion, ...], closures: tuple[Closure, ...]
) -> WorkingCalendar:
    """The clock of these hours with the frames it has come to, kept: building those takes longer than most questions.

    Five hundred clocks of two years each hold some tens of megabytes.
    """
    return WorkingCalendar(zone, versions, closures)


def _holds(said: CalendarVersion | Closure, known_at_ms: int) -> bool:
    """Set before K, and not taken back before it."""
    return said.set_at_ms < known_at_ms and (said.unset_at_ms is None or said.unset_at_ms >= known_at_ms)


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


def _find_cause_of_day(version: CalendarVersion, day: date) -> Why:
    if day in version.overrides:
        return Why.OUTSIDE_HOURS if version.overrides[day] else Why.CLOSED_FOR
    return Why.HOLIDAY if day in version.holidays else Why.OUTSIDE_HOURS


def _require_limits(limits: Moments) -> None:
    if limits.size and limits.min() < 0:
        raise ValueError(f"working_ms: {limits.min()} is negative, a limit is 0 or more")


def _require_none(never: NDArray[np.bool_], start: Moments) -> None:
    if never.any():
        raise NeverOpens(int(start[never].min()))


def _year_start(year: int) -> int:
    return to_day_number(date(year, 1, 1)) * DAY_MS


def _year_of(at_ms: int) -> int:
    if not _year_start(FIRST_YEAR) <= at_ms <= _year_start(LAST_YEAR + 1):
        raise ValueError(f"moment {at_ms} ms lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return min(to_year(at_ms // DAY_MS), LAST_YEAR)


def _shown(at_ms: int) -> str:
    return to_local(at_ms, "UTC").isoformat()
