"""Working time as sorted frames, and how much of it lies before millions of moments at once.

Moments are epoch milliseconds [ms], plain ``int`` or ``int64`` arrays.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from scoring.wall_clock import Moments

# Few moments are found faster by bisection; of many, a chunk with all that is computed from it stays in cache.
FEW, CHUNK = 4_096, 16_384
# A cell of the grid lasts 2 ** shift ms: from 70 minutes down to 4.
SHIFTS = range(22, 17, -1)


class Frames(NamedTuple):
    """Working time as sorted, disjoint, non-empty ``[from_at, to_at)``; ``int64`` arrays of one length [ms].

    ``worked_before`` is the working time of all earlier frames of the same answer. Frames may touch.
    """

    from_at: Moments
    to_at: Moments
    worked_before: Moments


class _Grid(NamedTuple):
    """Time in equal cells, in each of which at most one frame begins.

    Frame 0 is empty and stands before all others. ``found`` is the last frame begun at the start of a cell,
    ``next_from`` the beginning of the one after it; ``offset + min(at, to_at)`` is the working time up to ``at``
    in a frame or after it [ms].
    """

    origin: int
    shift: int
    found: Moments
    next_from: Moments
    to_at: Moments
    offset: Moments


@dataclass(frozen=True)
class FrameTable:
    """The frames of the whole UTC years ``first_year`` to ``last_year``, both included: ``[lower, upper]`` [ms]."""

    first_year: int
    last_year: int
    lower: int
    upper: int
    frames: Frames
    long_gaps: Moments  # positions of frames that follow a gap in which a clock counts as stopped for good

    @cached_property
    def plain(self) -> tuple[list[int], list[int], list[int]]:
        """The frames as lists, many times faster for one moment."""
        from_at, to_at, before = self.frames
        return from_at.tolist(), to_at.tolist(), before.tolist()

    @cached_property
    def total_ms(self) -> int:
        """All the working time of the table [ms]."""
        from_at, to_at, before = self.frames
        return int(before[-1] + to_at[-1] - from_at[-1]) if len(before) else 0

    def count_worked(self, at_ms: int) -> int:
        """Working time from the table's start to one moment [ms]."""
        from_at, to_at, before = self.plain
        found = bisect_right(from_at, at_ms) - 1
        return 0 if found < 0 else before[found] + min(at_ms, to_at[found]) - from_at[found]

    def find_due(self, start_ms: int, working_ms: int) -> int | None:
        """The first instant at which ``working_ms`` > 0 have run; None when the table alone cannot tell."""
        target = self._find_target(start_ms, working_ms)
        return None if target is None else self._to_instant(bisect_left(self.plain[2], target) - 1, target)

    def find_last(self, start_ms: int, working_ms: int) -> int | None:
        """The last instant at which no more than ``working_ms`` have run; None when the table alone cannot tell."""
        target = self._find_target(start_ms, working_ms + 1)
        return None if target is None else self._to_instant(bisect_right(self.plain[2], target - 1) - 1, target - 1)

    def _find_target(self, start_ms: int, working_ms: int) -> int | None:
        from_at, to_at, _ = self.plain
        if not from_at or len(self.long_gaps) or not from_at[0] <= start_ms < to_at[-1]:
            return None
        target = self.count_worked(start_ms) + working_ms
        return target if target <= self.total_ms else None

    def _to_instant(self, found: int, target: int) -> int:
        from_at, _, before = self.plain
        return from_at[found] + target - before[found]

    def list_worked(self, moments: Moments) -> Moments:
        """Working time from the table's start to each moment of the table; ``int64`` of the same shape [ms]."""
        if not len(self.frames.from_at):
            return np.zeros_like(moments)
        if moments.size < FEW or self._grid is None:
            return self._bisect_worked(moments)
        return self._look_up_worked(np.ascontiguousarray(moments), self._grid)

    def _bisect_worked(self, moments: Moments) -> Moments:
        from_at, to_at, before = self.frames
        found = np.searchsorted(from_at, moments, side="right") - 1
        inside = np.maximum(found, 0)
        worked = before[inside] + np.minimum(moments, to_at[inside]) - from_at[inside]
        return np.where(found < 0, 0, worked)

    @staticmethod
    def _look_up_worked(moments: Moments, grid: _Grid) -> Moments:
        worked = np.empty_like(moments)
        flat, out = moments.reshape(-1), worked.reshape(-1)
        for begin in range(0, flat.size, CHUNK):
            at = flat[begin : begin + CHUNK]
            cell = (at - grid.origin) >> grid.shift
            found = grid.found.take(cell)
            found += at >= grid.next_from.take(cell)
            part = np.minimum(at, grid.to_at.take(found), out=out[begin : begin + CHUNK])
            part += grid.offset.take(found)
        return worked

    @cached_property
    def _grid(self) -> _Grid | None:
        """None where frames begin too close together for any cell."""
        for shift in SHIFTS:
            cells = (self.frames.from_at - self.lower) >> shift
            if len(cells) < 2 or int(np.diff(cells).min()) > 0:
                return self._build_grid(shift)
        return None

    def _build_grid(self, shift: int) -> _Grid:
        from_at, to_at, before = self.frames
        starts = self.lower + (np.arange(((self.upper - self.lower) >> shift) + 1) << shift)
        found = np.searchsorted(from_at, starts, side="right")
        next_from = np.append(from_at, self.upper + 1)[found]
        return _Grid(self.lower, shift, found, next_from, np.insert(to_at, 0, self.lower),
                     np.insert(before - from_at, 0, -self.lower))


def to_frames(from_at: Moments, to_at: Moments) -> Frames:
    """Frames over sorted, disjoint pairs."""
    worked = np.cumsum(to_at - from_at)
    return Frames(from_at, to_at, worked - (to_at - from_at))


def clip(from_at: Moments, to_at: Moments, lower: int, upper: int) -> tuple[Moments, Moments]:
    """The parts of the pairs inside ``[lower, upper)``, empty ones left out."""
    from_at, to_at = np.maximum(from_at, lower), np.minimum(to_at, upper)
    kept = from_at < to_at
    return from_at[kept], to_at[kept]


def union(from_at: Moments, to_at: Moments) -> tuple[Moments, Moments]:
    """Sorted, disjoint pairs over the same time. Pairs that overlap become one, pairs that touch stay two."""
    order = np.argsort(from_at, kind="stable")
    from_at, to_at = from_at[order], np.maximum.accumulate(to_at[order])
    begins = np.ones(len(from_at), bool)
    begins[1:] = from_at[1:] >= to_at[:-1]
    return from_at[begins], to_at[np.roll(begins, -1)]


def cut_out(from_at: Moments, to_at: Moments, since: int, until: int) -> tuple[Moments, Moments]:
    """Sorted, disjoint pairs without what lies in ``[since, until)``."""
    froms = np.concatenate((from_at, np.maximum(from_at, until)))
    tos = np.concatenate((np.minimum(to_at, since), to_at))
    kept = froms < tos
    order = np.argsort(froms[kept], kind="stable")
    return froms[kept][order], tos[kept][order]
