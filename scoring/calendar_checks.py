"""Is what somebody wrote a calendar? Refusals name the place, as ``weekly.mon[1]``, and the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from scoring.calendars import FIRST_YEAR, LAST_YEAR
from scoring.opening_hours import WEEKDAYS, WallFrames, read_frames

WEEK_MINUTES = 7 * 1440


class CalendarError(ValueError):
    """A calendar that cannot be; ``path`` names the place, ``problem`` what is wrong with it and what to do."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}")


class _Placed(NamedTuple):
    """A frame on a line of minutes: the ``position``-th of the day written at ``day``."""

    opens: int
    closes: int
    day: str
    position: int
    shown: str

    @property
    def path(self) -> str:
        return f"{self.day}[{self.position}]"


def read_timezone(zone: object) -> str:
    """The IANA name of a zone, given as text or as ``ZoneInfo``. Raises CalendarError for any other."""
    name = zone.key if isinstance(zone, ZoneInfo) else zone
    try:
        return ZoneInfo(name).key  # type: ignore[arg-type] # what is no text is refused below
    except (KeyError, ValueError, TypeError, OSError):
        raise CalendarError("timezone", f"{zone!r} is no time zone, use a name like Europe/Paris") from None


def read_week(weekly: object, *, path: str) -> dict[str, WallFrames]:
    """Weekday (mon..sun) to frames, none overlapping, Sunday night into Monday included. Raises CalendarError."""
    if not isinstance(weekly, Mapping):
        raise CalendarError(path, 'expected weekdays with their frames, like {"mon": [["09:00", "18:00"]]}')
    unknown = next((day for day in weekly if day not in WEEKDAYS), None)
    if unknown is not None:
        raise CalendarError(f"{path}.{unknown}", f"not a weekday, use one of {', '.join(WEEKDAYS)}")
    week = {day: _read_day(weekly[day], path=f"{path}.{day}") for day in WEEKDAYS if day in weekly}
    placed = [frame for n, day in enumerate(WEEKDAYS) for frame in _place(week.get(day, ()), n, f"{path}.{day}")]
    _require_apart([*placed, *(_shift(frame, WEEK_MINUTES) for frame in placed)])
    return week


def read_overrides(overrides: object, *, path: str) -> dict[date, WallFrames]:
    """Date to frames of its own, none to close it, sorted by date. Raises CalendarError."""
    if not isinstance(overrides, Mapping):
        raise CalendarError(path, "expected dates with their frames")
    days = {_read_date(day, path=f"{path}.{day}"): frames for day, frames in overrides.items()}
    read = {day: _read_day(days[day], path=f"{path}.{day}") for day in sorted(days)}
    placed = (_place(frames, day.toordinal(), f"{path}.{day}") for day, frames in read.items())
    _require_apart([frame for frames in placed for frame in frames])
    return read


def read_holidays(holidays: Iterable[object], *, path: str) -> frozenset[date]:
    """The dates. Raises CalendarError for what is none, or lies outside the years that clocks know."""
    if isinstance(holidays, str) or not isinstance(holidays, Iterable):
        raise CalendarError(path, "expected a list of dates")
    return frozenset(_read_date(day, path=f"{path}[{n}]") for n, day in enumerate(holidays))


def read_closures(closed: Iterable[Any], *, path: str) -> tuple[tuple[datetime, datetime], ...]:
    """Pairs of aware datetimes, from when until before when, in order. Raises CalendarError."""
    return tuple(sorted(_read_closure(pair, path=f"{path}[{n}]") for n, pair in enumerate(closed)))


def require_open(weeks: Iterable[Mapping[str, WallFrames]], overrides: Mapping[date, WallFrames]) -> None:
    """Refuse a calendar without a single frame: no limit would ever run out on it."""
    if not any(any(week.values()) for week in weeks) and not any(overrides.values()):
        raise CalendarError("weekly", 'no opening hours at all; give a frame, like "mon": [["09:00", "18:00"]]')


def _read_day(frames: Any, *, path: str) -> WallFrames:
    if isinstance(frames, str) or not isinstance(frames, Iterable):
        raise CalendarError(path, 'expected a list of frames, like [["09:00", "18:00"]]')
    read = tuple(_read_pair(frame, path=f"{path}[{n}]") for n, frame in enumerate(frames))
    try:
        read_frames(read, path=path)
    except ValueError as error:
        where, _, problem = str(error).partition(": ")
        raise CalendarError(where, problem) from None
    return read


def _read_pair(frame: Any, *, path: str) -> tuple[str, str]:
    if not isinstance(frame, (list, tuple)) or len(frame) != 2 or not all(isinstance(text, str) for text in frame):
        raise CalendarError(path, 'a frame has an opening and a closing, like ["09:00", "18:00"]')
    if frame[0] == frame[1]:
        raise CalendarError(path, f'opens and closes at {frame[0]}; a whole day is ["00:00", "24:00"]')
    return frame[0], frame[1]


def _place(frames: WallFrames, day_number: int, path: str) -> list[_Placed]:
    begin = day_number * 1440
    return [
        _Placed(begin + minutes.opens, begin + minutes.closes, path, n, f"{frames[n][0]}–{frames[n][1]}")
        for n, minutes in enumerate(read_frames(frames, path=path))
    ]


def _shift(frame: _Placed, minutes: int) -> _Placed:
    return frame._replace(opens=frame.opens + minutes, closes=frame.closes + minutes)


def _require_apart(placed: list[_Placed]) -> None:
    """Refuse overlaps; frames may touch. Of one day the frame written later is refused, of two days the later."""
    longest: _Placed | None = None
    for frame in sorted(placed):
        if longest is not None and frame.opens < longest.closes:
            same_day = frame.day == longest.day
            kept, refused = sorted((longest, frame), key=lambda one: one.position) if same_day else (longest, frame)
            problem = f"{refused.shown} overlaps {kept.path}, {kept.shown}; let one end before the other begins"
            raise CalendarError(refused.path, problem)
        longest = frame


def _read_date(day: object, *, path: str) -> date:
    if not isinstance(day, date) or isinstance(day, datetime):
        raise CalendarError(path, f"{day!r} is no date")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise CalendarError(path, f"{day} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _read_closure(pair: Any, *, path: str) -> tuple[datetime, datetime]:
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise CalendarError(path, "a closure has a start and an end, both aware datetimes")
    for n, moment in enumerate(pair):
        if not isinstance(moment, datetime) or moment.utcoffset() is None:
            raise CalendarError(f"{path}[{n}]", f"{moment!s} is no datetime with a time zone")
    start, end = pair
    if end <= start:
        raise CalendarError(path, f"ends {end.isoformat()}, not after it starts {start.isoformat()}")
    return start, end
