"""Local days, promises given as instants or dates, and a shop's working time, walked frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.oracle.events import Event, moment_ms

SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Working time that has not run by then is as good as never.
HORIZON_DAYS = 500


def is_date(text: str) -> bool:
    """Whether a text is a date and not an instant."""
    return len(text) == len("2026-03-31")


@lru_cache(maxsize=100_000)
def local_ms(day: date, minutes: int, zone: str) -> int:
    """The instant at which the local clock shows so many minutes after midnight."""
    shown = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return int(shown.replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND


@lru_cache(maxsize=100_000)
def local_day(at: int, zone: str) -> date:
    """The day on the local calendar at an instant."""
    return datetime.fromtimestamp(at // SECOND, ZoneInfo(zone)).date()


def day_start(day: date, zone: str) -> int:
    """Local midnight at which a day begins."""
    return local_ms(day, 0, zone)


def day_end(day: date, zone: str) -> int:
    """Local midnight at which a day ends, itself no part of the day."""
    return day_start(day + timedelta(days=1), zone)


def as_of_ms(text: str, zone: str) -> int:
    """T or K: an instant, or the end of a date."""
    if is_date(text):
        return day_end(date.fromisoformat(text), zone)
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def window_start(end: int, days: int, zone: str) -> int:
    """The start of the local day `days` - 1 days before the day of the last instant before `end`."""
    return day_start(local_day(end - 1, zone) - timedelta(days=days - 1), zone)


@dataclass(frozen=True)
class Promise:
    """A promised moment: the last instant at which it is kept, and the date when it was given as one."""

    at: int
    day: date | None
    zone: str

    def days_later(self, days: int) -> int:
        """The last instant of the date so many days later, or so many times 24 hours later."""
        if self.day is None:
            return self.at + days * DAY
        return last_instant(self.day + timedelta(days=days), self.zone)


def read_promise(text: str, zone: str) -> Promise:
    """A promise given as an instant or as a date."""
    if not is_date(text):
        return Promise(moment_ms(text), None, zone)
    day = date.fromisoformat(text)
    return Promise(last_instant(day, zone), day, zone)


def last_instant(day: date, zone: str) -> int:
    """The last second of a local day; events count to the second."""
    return day_end(day, zone) - SECOND


@dataclass(frozen=True)
class Calendar:
    """Weekly hours as minutes after local midnight, from a day on."""

    effective_from: date
    hours: dict[str, list[tuple[int, int]]]
    holidays: frozenset[date]


@dataclass(frozen=True)
class Clock:
    """A shop's working time. Calendars in the order of events; closures as (from, until) in milliseconds."""

    zone: str
    calendars: tuple[Calendar, ...] = ()
    closures: tuple[tuple[int, int], ...] = ()

    def of_promise(self, opened: int) -> Clock:
        """The clock of a promise opened then: out-of-office that starts later does not stop it."""
        kept = tuple(closure for closure in self.closures if closure[0] <= opened)
        return Clock(self.zone, self.calendars, kept)

    def worked(self, start: int, end: int) -> int:
        """Working milliseconds between two instants."""
        total, day = 0, local_day(start, self.zone)
        while day_start(day, self.zone) < end:
            total += sum(max(0, min(to, end) - max(since, start)) for since, to in self.open_on(day))
            day += timedelta(days=1)
        return total

    def used_up(self, start: int, limit: int) -> int | None:
        """The first instant at which so much working time has run since `start`; None when it never does."""
        left, day = limit, local_day(start, self.zone)
        for _ in range(HORIZON_DAYS):
            for since, to in self.open_on(day):
                begin = max(since, start)
                if begin + left <= to:
                    return begin + left
                left -= max(0, to - begin)
            day += timedelta(days=1)
        return None

    def open_on(self, day: date) -> list[tuple[int, int]]:
        """The open pieces of one local day, apart and in order."""
        pieces = [
            (local_ms(day, since, self.zone), local_ms(day, to, self.zone)) for since, to in self.frames(day)
        ]
        for closure in self.closures:
            pieces = [rest for piece in pieces for rest in cut(piece, closure)]
        return pieces

    def frames(self, day: date) -> list[tuple[int, int]]:
        """Opening hours of a day in local minutes: all day long without a calendar in force."""
        calendar = self.calendar_on(day)
        if calendar is None:
            return [(0, 24 * 60)]
        if day in calendar.holidays:
            return []
        return join_frames(calendar.hours.get(WEEKDAYS[day.weekday()], []))

    def calendar_on(self, day: date) -> Calendar | None:
        """The version with the latest first day up to this one, of equal ones the later set."""
        chosen = None
        for calendar in self.calendars:
            begun = calendar.effective_from <= day
            if begun and (chosen is None or calendar.effective_from >= chosen.effective_from):
                chosen = calendar
        return chosen


def cut(piece: tuple[int, int], closure: tuple[int, int]) -> list[tuple[int, int]]:
    """What a closure leaves of an open piece."""
    left = (piece[0], min(piece[1], closure[0]))
    right = (max(piece[0], closure[1]), piece[1])
    if closure[0] >= closure[1] or piece in (left, right):
        return [piece]
    return [rest for rest in (left, right) if rest[0] < rest[1]]


def join_frames(frames: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Frames in order, overlapping ones as one, so that no minute counts twice."""
    joined: list[tuple[int, int]] = []
    for since, to in sorted(frames):
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(to, joined[-1][1]))
        else:
            joined.append((since, to))
    return joined


def shop_clock(events: list[Event], market_zone: str) -> Clock:
    """The clock of a shop as its visible events set it."""
    opened = [event for event in events if event.type == "shop.opened"]
    zone = (opened[0].names("timezone") if opened else None) or market_zone
    calendars = tuple(read_calendar(event, zone) for event in events if event.type == "shop.calendar_set")
    closures = tuple(read_closure(event, zone) for event in events if event.type == "shop.closed_for")
    return Clock(zone, calendars, closures)


def read_calendar(event: Event, zone: str) -> Calendar:
    """One version of a calendar; without a first day it holds from the local day of its event."""
    since = event.names("effective_from")
    effective_from = date.fromisoformat(since) if since else local_day(event.at, zone)
    hours = {day: [read_frame(frame) for frame in frames] for day, frames in event.data["hours"].items()}
    return Calendar(
        effective_from, hours, frozenset(map(date.fromisoformat, event.data.get("holidays") or []))
    )


def read_frame(frame: list[str]) -> tuple[int, int]:
    """Minutes after midnight of a frame's two ends."""
    (from_hour, from_minute), (to_hour, to_minute) = (map(int, end.split(":")) for end in frame)
    return from_hour * 60 + from_minute, to_hour * 60 + to_minute


def read_closure(event: Event, zone: str) -> tuple[int, int]:
    """The instants between which a shop is out of office; dates mean whole days."""
    return bound_ms(event.data["from"], zone, day_start), bound_ms(event.data["until"], zone, day_end)


def bound_ms(text: str, zone: str, of_day: Any) -> int:
    """An instant, or the given end of a date."""
    return int(of_day(date.fromisoformat(text), zone)) if is_date(text) else moment_ms(text)
