"""A shop's opening hours as people write them, and what may be changed from when on. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from scoring.calendar_checks import CalendarError, read_overrides, read_week
from scoring.opening_hours import WEEKDAYS, WallFrames

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)
LONGEST_CLOSURE = timedelta(days=4 * 366)
MOST_OVERRIDES = 1000
# The request's moment is cut to the second; a form filled in "from now on" is a little older.
SLACK = timedelta(minutes=5)
_TIME = r"(\d{1,2})(?:\s*[:h.]\s*(\d{2})?)?"
_FRAME = re.compile(rf"\s*{_TIME}\s*(?:-|–|—|à|to)\s*{_TIME}\s*", re.IGNORECASE)
_BETWEEN = re.compile(r"[,;\n]|\bet\b|\band\b", re.IGNORECASE)
CLOSED_WORDS = frozenset({"closed", "fermé", "fermée", "ferme", "-", "–"})


class HoursError(ValueError):
    """Something written that cannot be: `field` as in the form, `code` what is wrong, `given` what was written."""

    def __init__(self, field: str, code: str, given: str = "") -> None:
        super().__init__(f"{field}: {code} {given}".rstrip())
        self.field, self.code, self.given = field, code, given


@dataclass(frozen=True)
class Hours:
    """What a shop's hours are to be from a local date on: frames by weekday, closed dates, dates of their own."""

    weekly: Mapping[str, WallFrames]
    holidays: frozenset[date]
    overrides: Mapping[date, WallFrames]
    effective_from: date

    def to_data(self, by: str) -> dict[str, Any]:
        """As an event says it."""
        return {
            "hours": {day: _to_lists(frames) for day, frames in self.weekly.items() if frames},
            "holidays": sorted(day.isoformat() for day in self.holidays),
            "overrides": {day.isoformat(): _to_lists(self.overrides[day]) for day in sorted(self.overrides)},
            "effective_from": self.effective_from.isoformat(), "by": by,
        }


@dataclass(frozen=True)
class Absence:
    """Out of office from `start_at` until `end_at`, aware moments."""

    start_at: datetime
    end_at: datetime


def read_frames(text: str, field: str) -> WallFrames:
    """"09:00-12:30, 14h-18h" as frames; nothing, or a word for closed, is none. Raises HoursError."""
    if not text.strip() or text.strip().lower() in CLOSED_WORDS:
        return ()
    return tuple(_read_frame(part, field) for part in _BETWEEN.split(text) if part.strip())


def write_frames(frames: Sequence[Sequence[str]]) -> str:
    """Frames as `read_frames` reads them."""
    return ", ".join(f"{opens}-{closes}" for opens, closes in frames)


def read_hours(weekly: Mapping[str, str], holidays: Sequence[str], overrides: Sequence[tuple[str, str]],
               effective_from: str) -> Hours:
    """What a form says. Raises HoursError naming the field that is wrong."""
    week = {day: read_frames(weekly.get(day, ""), day) for day in WEEKDAYS}
    _refuse_overlaps(week)
    dated = {read_day(day, f"override-{place}"): read_frames(text, f"override-{place}")
             for place, (day, text) in enumerate(overrides) if day.strip() or text.strip()}
    _refuse_odd_dates(dated, overrides)
    if not any(week.values()):
        raise HoursError("mon", "empty")
    closed = frozenset(read_day(day, "holidays") for day in holidays)
    return Hours(week, closed, dated, read_day(effective_from, "effective_from"))


def read_day(text: str, field: str) -> date:
    """A date as browsers send it. Raises HoursError."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise HoursError(field, "no_date", text.strip()) from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise HoursError(field, "far", text.strip())
    return day


def require_effect(hours: Hours, *, today: date, is_operator: bool, why: str) -> None:
    """Sellers set hours from tomorrow on; the operator may date back, with a reason. Raises HoursError."""
    if hours.effective_from > today:
        return
    if not is_operator:
        raise HoursError("effective_from", "past", (today + timedelta(days=1)).isoformat())
    if not why.strip():
        raise HoursError("why", "no_reason")


def require_absence(absence: Absence, *, now: datetime, is_operator: bool, why: str) -> None:
    """Sellers close from now on; the operator may date back, with a reason. Raises HoursError."""
    if absence.end_at <= absence.start_at:
        raise HoursError("until", "before_start")
    if absence.end_at - absence.start_at > LONGEST_CLOSURE:
        raise HoursError("until", "long")
    if absence.start_at >= now - SLACK:
        return
    if not is_operator:
        raise HoursError("from", "begun")
    if not why.strip():
        raise HoursError("closure_why", "no_reason")


def _read_frame(text: str, field: str) -> tuple[str, str]:
    found = _FRAME.fullmatch(text)
    if found is None:
        raise HoursError(field, "unreadable", text.strip())
    opens, closes = _to_clock(found[1], found[2]), _to_clock(found[3], found[4])
    is_clock = _is_time(opens) and (_is_time(closes) or closes == "24:00")
    if not is_clock:
        raise HoursError(field, "unreadable", text.strip())
    if opens == closes:
        raise HoursError(field, "same", text.strip())
    return opens, closes


def _to_clock(hour: str, minute: str | None) -> str:
    return f"{int(hour):02}:{minute or '00'}"


def _is_time(text: str) -> bool:
    return int(text[:2]) < 24 and int(text[3:]) < 60


def _refuse_overlaps(week: Mapping[str, WallFrames]) -> None:
    try:
        read_week(week, path="weekly")
    except CalendarError as error:
        raise HoursError(error.path.removeprefix("weekly.")[:3], "overlap") from None


def _refuse_odd_dates(dated: Mapping[date, WallFrames], rows: Sequence[tuple[str, str]]) -> None:
    written = [day.strip() for day, text in rows if day.strip() or text.strip()]
    twice = next((day for day in written if written.count(day) > 1), None)
    if twice is not None:
        raise HoursError(_find_row(rows, twice), "twice", twice)
    if len(dated) > MOST_OVERRIDES:
        raise HoursError("override-0", "many")
    try:
        read_overrides(dated, path="overrides")
    except CalendarError as error:
        raise HoursError(_find_row(rows, error.path.removeprefix("overrides.")[:10]), "overlap") from None


def _find_row(rows: Sequence[tuple[str, str]], day: str) -> str:
    places = [place for place, (written, _text) in enumerate(rows) if written.strip() == day]
    return f"override-{places[-1] if places else 0}"


def _to_lists(frames: Sequence[Sequence[str]]) -> list[list[str]]:
    return [list(frame) for frame in frames]
