"""Opening hours as people set them: weekly frames, holidays, dates of their own, times out of office.

Times of day are local wall time, days are numbered since 1970-01-01 (``wall_clock``), moments are epoch
milliseconds [ms].
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import numpy as np

from scoring.wall_clock import DAY_MS, Moments, WallClock, to_day_number

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTE_MS = 60_000

_WALL = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")

WallFrames = tuple[tuple[str, str], ...]


class MinuteFrame(NamedTuple):
    """From ``opens`` to before ``closes``, counted from a day's midnight; above 1440 lies on the next day [min]."""

    opens: int
    closes: int


@dataclass(frozen=True)
class CalendarVersion:
    """Opening hours as set once: weekday (mon..sun) to frames ("HH:MM", "HH:MM"), local wall time.

    An end may be "24:00"; an end not after its start lies on the next day. Overlaps and order do not matter.
    A weekday left out is closed. ``holidays`` close the frames that begin on them, while this version holds;
    ``overrides`` give a date frames of its own, none to close it, and win over weekday and holiday.
    ``unset_at_ms`` is when it was taken back, None: never. Raises ValueError for an unknown weekday or a frame that
    is no time of day.
    """

    hours: Mapping[str, WallFrames]
    holidays: frozenset[date]
    effective_from: date
    set_at_ms: int
    unset_at_ms: int | None = None
    overrides: Mapping[date, WallFrames] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.hours) - set(WEEKDAYS))
        if unknown:
            raise ValueError(f"hours.{unknown[0]}: not a weekday, use one of {', '.join(WEEKDAYS)}")
        for weekday in self.hours:
            self.list_frames(weekday)
        for day in self.overrides:
            self.list_override_frames(day)

    def __hash__(self) -> int:
        # Without the hours, which no dictionary lets be hashed: versions set at one moment are compared in full.
        return hash((self.holidays, self.effective_from, self.set_at_ms, self.unset_at_ms))

    def list_frames(self, weekday: str) -> tuple[MinuteFrame, ...]:
        """Frames of a weekday; an end above 1440 lies on the next day [min]."""
        return read_frames(self.hours.get(weekday, ()), path=f"hours.{weekday}")

    def list_override_frames(self, day: date) -> tuple[MinuteFrame, ...]:
        """The frames that a date has of its own; none when they close it, or it has none [min]."""
        return read_frames(self.overrides.get(day, ()), path=f"overrides.{day}")


@dataclass(frozen=True)
class Closure:
    """Out of office over ``[from_ms, until_ms)``, announced at ``set_at_ms``, taken back at ``unset_at_ms`` [ms]."""

    from_ms: int
    until_ms: int
    set_at_ms: int
    unset_at_ms: int | None = None


def read_frames(frames: WallFrames, *, path: str) -> tuple[MinuteFrame, ...]:
    """Frames as minutes. Raises ValueError naming the frame, as ``path[1]``, that is no pair of times of day."""
    return tuple(_read_frame(frame, path=f"{path}[{n}]") for n, frame in enumerate(frames))


def read_wall_time(text: str, *, path: str) -> int:
    """"HH:MM" as minutes since midnight, 0 to 1439 [min]. Raises ValueError naming the path."""
    match = _WALL.fullmatch(text)
    if match is None:
        raise ValueError(f'{path}: {text!r} is no time of day, write it like "09:00"')
    return int(match[1]) * 60 + int(match[2])


def read_closing_time(text: str, *, path: str) -> int:
    """Like ``read_wall_time``, with "24:00" for the end of the day [min]."""
    return 1440 if text == "24:00" else read_wall_time(text, path=path)


def _read_frame(frame: tuple[str, str], *, path: str) -> MinuteFrame:
    if len(frame) != 2:
        raise ValueError(f'{path}: a frame has an opening and a closing, like ["09:00", "18:00"]')
    opens = read_wall_time(frame[0], path=f"{path}[0]")
    closes = read_closing_time(frame[1], path=f"{path}[1]")
    return MinuteFrame(opens, closes if closes > opens else closes + 1440)


def list_open_days(wall: WallClock, days: Moments) -> tuple[Moments, Moments]:
    """Opening and closing instants [ms] of days open from midnight to midnight."""
    local_ms = days * DAY_MS
    return wall.to_utc(local_ms, closing=False), wall.to_utc(local_ms + DAY_MS, closing=True)


def list_version_frames(wall: WallClock, version: CalendarVersion, days: Moments) -> Iterator[tuple[Moments, Moments]]:
    """Opening and closing instants [ms] of the frames that begin on the days, unordered, maybe overlapping."""
    set_apart = np.array([to_day_number(day) for day in version.holidays | version.overrides.keys()], np.int64)
    usual = days[~np.isin(days, set_apart)]
    for position, weekday in enumerate(WEEKDAYS):
        same = usual[(usual + 3) % 7 == position]  # 1970-01-01 was a Thursday
        for frame in version.list_frames(weekday):
            yield _to_instants(wall, same, frame)
    for day in version.overrides:
        numbered = np.array([to_day_number(day)], np.int64)
        for frame in version.list_override_frames(day):
            yield _to_instants(wall, numbered[np.isin(numbered, days)], frame)


def _to_instants(wall: WallClock, days: Moments, frame: MinuteFrame) -> tuple[Moments, Moments]:
    local_ms = days * DAY_MS
    opening = wall.to_utc(local_ms + frame.opens * MINUTE_MS, closing=False)
    return opening, wall.to_utc(local_ms + frame.closes * MINUTE_MS, closing=True)
