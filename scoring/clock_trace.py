"""The clock trace: every stretch of a promise's life, and whether its clock ran or why not.

Moments are aware UTC datetimes; engines count epoch milliseconds. Stretches are half-open ``[start, end)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from scoring.calendars import Why, WorkingCalendar
from scoring.instants import from_ms


class ClockKind(StrEnum):
    """What a stretch of time did to the clock. Only ``counting`` uses up a limit."""

    COUNTING = "counting"
    OFF_HOURS = "off_hours"
    HOLIDAY = "holiday"
    CLOSED = "closed"
    WAITING_FOR_BUYER = "waiting_for_buyer"
    WAITING_FOR_OPERATOR = "waiting_for_operator"
    WAITING_FOR_CARRIER = "waiting_for_carrier"
    SETTLED = "settled"
    EXCLUDED = "excluded"


KIND_OF_WHY: Mapping[Why, ClockKind] = MappingProxyType({
    Why.ALWAYS_OPEN: ClockKind.COUNTING, Why.HOURS: ClockKind.COUNTING, Why.OUTSIDE_HOURS: ClockKind.OFF_HOURS,
    Why.HOLIDAY: ClockKind.HOLIDAY, Why.CLOSED_FOR: ClockKind.CLOSED,
})


@dataclass(frozen=True)
class ClockSegment:
    """One stretch ``[start, end)`` of one kind; aware UTC datetimes."""

    start: datetime
    end: datetime
    kind: ClockKind

    @property
    def seconds(self) -> float:
        """How long it lasts [s]."""
        return (self.end - self.start).total_seconds()

    def to_json(self) -> dict[str, Any]:
        """Plain values: ISO moments in UTC, the kind, seconds."""
        return {"start": _iso(self.start), "end": _iso(self.end), "kind": str(self.kind), "seconds": self.seconds}


@dataclass(frozen=True)
class ClockTrace:
    """A promise's life in order and without gaps; neighbours differ in kind. ``limit_seconds`` is None for none."""

    segments: tuple[ClockSegment, ...]
    limit_seconds: float | None = None

    @property
    def counted_seconds(self) -> float:
        """Time that the clock ran [s]."""
        return self.count_seconds(ClockKind.COUNTING)

    def count_seconds(self, kind: ClockKind) -> float:
        """Time of one kind [s], 0 when there is none."""
        return sum(segment.seconds for segment in self.segments if segment.kind == kind)

    @property
    def used_up_at(self) -> datetime | None:
        """The first instant at which the limit was used up; None without a limit, or when it was not."""
        left = self.limit_seconds
        for segment in self.segments:
            if left is None or segment.kind != ClockKind.COUNTING:
                continue
            if segment.seconds >= left:
                return segment.start + timedelta(seconds=left)
            left -= segment.seconds
        return None

    def to_json(self) -> dict[str, Any]:
        """Plain values for an answer or a page: the segments, seconds by kind, the limit and when it was used up."""
        used_up_at = self.used_up_at
        return {
            "segments": [segment.to_json() for segment in self.segments],
            "seconds": {str(kind): self.count_seconds(kind) for kind in ClockKind if self.count_seconds(kind)},
            "counted_seconds": self.counted_seconds,
            "limit_seconds": self.limit_seconds,
            "used_up_at": None if used_up_at is None else _iso(used_up_at),
        }


def trace_clock(clock: WorkingCalendar, start_ms: int, end_ms: int) -> tuple[ClockSegment, ...]:
    """``[start_ms, end_ms)`` on a clock that runs whenever it is open; empty when the end is not after the start."""
    parts = clock.trace(start_ms, end_ms)
    return join_segments(ClockSegment(from_ms(p.from_ms), from_ms(p.to_ms), KIND_OF_WHY[p.why]) for p in parts)


def join_segments(segments: Iterable[ClockSegment]) -> tuple[ClockSegment, ...]:
    """The segments, those in order that touch and are of one kind made one."""
    joined: list[ClockSegment] = []
    for segment in segments:
        if joined and joined[-1].kind == segment.kind and joined[-1].end == segment.start:
            joined.append(replace(joined.pop(), end=segment.end))
        else:
            joined.append(segment)
    return tuple(joined)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
