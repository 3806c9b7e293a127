"""The clocks of a shop, by name, and the plain form in which a clock is stored, sent and edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from scoring.calendar_checks import CalendarError
from scoring.working_calendar import Period, WorkingCalendar

FIELDS = ("timezone", "weekly", "holidays", "overrides", "closed", "seasons")


@dataclass(frozen=True)
class ShopClocks:
    """Several clocks, as one for answers and one for shipping; each limit names the one it runs on."""

    clocks: Mapping[str, WorkingCalendar]

    def get_clock(self, name: str) -> WorkingCalendar:
        """The clock of that name. Raises KeyError saying which there are."""
        if name not in self.clocks:
            raise KeyError(f"no clock {name!r}; there are {', '.join(sorted(self.clocks))}")
        return self.clocks[name]

    def with_closures(self, closed: Iterable[Period]) -> ShopClocks:
        """The same clocks, all of them closed at these times too, as when the platform closes."""
        added = tuple(closed)
        return ShopClocks({name: clock.with_closures(added) for name, clock in self.clocks.items()})


def read_calendar(plain: Mapping[str, Any]) -> WorkingCalendar:
    """A calendar from plain values (JSON, YAML): dates and moments in ISO text, all but timezone and weekly optional.

    ``{"timezone": "Europe/Paris", "weekly": {"mon": [["09:00", "18:00"]]}, "holidays": ["2026-07-14"],
    "overrides": {"2026-12-24": [["09:00", "12:00"]]}, "closed": [["2026-08-01T00:00:00Z", "2026-08-16T00:00:00Z"]],
    "seasons": {"2026-12-01": {"mon": [["08:00", "20:00"]]}}}``. Raises CalendarError naming place and reason.
    """
    if not isinstance(plain, Mapping):
        raise CalendarError("calendar", "expected its fields, like timezone and weekly")
    unknown = next((name for name in plain if name not in FIELDS), None)
    if unknown is not None:
        raise CalendarError(str(unknown), f"not a field of a calendar, use one of {', '.join(FIELDS)}")
    missing = next((name for name in FIELDS[:2] if name not in plain), None)
    if missing is not None:
        raise CalendarError(missing, "is missing")
    return WorkingCalendar(
        timezone=plain["timezone"], weekly=plain["weekly"],
        holidays=[_read_day(day, f"holidays[{n}]") for n, day in enumerate(plain.get("holidays", ()))],
        overrides=_read_dated(plain.get("overrides", {}), "overrides"),
        closed=[_read_pair(pair, f"closed[{n}]") for n, pair in enumerate(plain.get("closed", ()))],
        seasons=_read_dated(plain.get("seasons", {}), "seasons"),
    )


def to_plain(calendar: WorkingCalendar) -> dict[str, Any]:
    """The calendar as plain values, which ``read_calendar`` reads back as an equal one."""
    return {
        "timezone": calendar.timezone,
        "weekly": {day: _to_lists(frames) for day, frames in calendar.weekly.items()},
        "holidays": sorted(day.isoformat() for day in calendar.holidays),
        "overrides": {day.isoformat(): _to_lists(frames) for day, frames in calendar.overrides.items()},
        "closed": [[since.isoformat(), until.isoformat()] for since, until in calendar.closed],
        "seasons": {day.isoformat(): {name: _to_lists(frames) for name, frames in week.items()}
                    for day, week in calendar.seasons.items()},
    }


def _to_lists(frames: Iterable[Iterable[str]]) -> list[list[str]]:
    return [list(frame) for frame in frames]


def _read_dated(dated: Any, path: str) -> dict[date, Any]:
    if not isinstance(dated, Mapping):
        raise CalendarError(path, "expected dates with what holds on them")
    return {_read_day(day, f"{path}.{day}"): value for day, value in dated.items()}


def _read_day(day: Any, path: str) -> date:
    if isinstance(day, date) and not isinstance(day, datetime):
        return day
    try:
        return date.fromisoformat(day)
    except (TypeError, ValueError):
        raise CalendarError(path, f"{day!r} is no date, write it like 2026-07-14") from None


def _read_pair(pair: Any, path: str) -> Any:
    if not isinstance(pair, (list, tuple)):
        raise CalendarError(path, "a closure has a start and an end")
    return tuple(_read_moment(moment, f"{path}[{n}]") for n, moment in enumerate(pair))


def _read_moment(moment: Any, path: str) -> datetime:
    if isinstance(moment, datetime):
        return moment
    try:
        return datetime.fromisoformat(moment)
    except (TypeError, ValueError):
        raise CalendarError(path, f"{moment!r} is no moment, write it like 2026-08-01T00:00:00Z") from None
