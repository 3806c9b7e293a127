"""Local days, public holidays and working hours of the demo, resolved once to epoch seconds."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# Month and day, then days from Easter Sunday.
_FIXED = {
    "FR": ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)),
    "ES": ((1, 1), (1, 6), (5, 1), (8, 15), (10, 12), (11, 1), (12, 6), (12, 8), (12, 25)),
    "DE": ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26)),
}
_FROM_EASTER = {"FR": (1, 39, 50), "ES": (-2,), "DE": (-2, 1, 39, 50)}


def easter_sunday(year: int) -> date:
    """Give Easter Sunday of the Gregorian calendar (anonymous computus)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)


def public_holidays(country: str, first: date, last: date) -> tuple[date, ...]:
    """List a country's public holidays from `first` to `last`, both included."""
    found: set[date] = set()
    for year in range(first.year, last.year + 1):
        found.update(date(year, month, day) for month, day in _FIXED[country])
        found.update(easter_sunday(year) + timedelta(days=n) for n in _FROM_EASTER[country])
    return tuple(sorted(day for day in found if first <= day <= last))


@cache
def _seconds_of_day() -> tuple[str, ...]:
    return tuple(f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}Z" for s in range(DAY_SECONDS))


@cache
def _day_prefix(day: int) -> str:
    return f"{date(1970, 1, 1) + timedelta(days=day)}T"


def stamp(at: int) -> str:
    """Write epoch seconds as an ISO instant in UTC; two look-ups, since half a million are needed."""
    day, second = divmod(at, DAY_SECONDS)
    return _day_prefix(day) + _seconds_of_day()[second]


def utc_midnight(day: date) -> int:
    """Give the epoch second at which a UTC date begins."""
    return (day - date(1970, 1, 1)).days * DAY_SECONDS


def local_instant(day: date, at: time, zone: ZoneInfo) -> int:
    """Give the epoch second of a wall time on a local date."""
    return int(datetime.combine(day, at, zone).timestamp())


class LocalDays:
    """The local dates of one marketplace, numbered from `first`, with its working days."""

    def __init__(self, timezone: str, country: str, first: date, last: date) -> None:
        """Resolve every date from `first` to `last` against the zone and the country's holidays."""
        zone = ZoneInfo(timezone)
        dates = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        self.first = first
        self.dates = [day.isoformat() for day in dates]
        self.midnights = [local_instant(day, time(0), zone) for day in dates]
        # Wall times after 03:00 follow noon's offset, also on the two days a year when clocks change.
        self._bases = [local_instant(day, time(12), zone) - DAY_SECONDS // 2 for day in dates]
        closed = set(public_holidays(country, first, last))
        self.working = [n for n, day in enumerate(dates) if day.weekday() < 5 and day not in closed]
        self.next_working = [bisect_right(self.working, n) for n in range(len(dates))]

    def number(self, day: date) -> int:
        """Give the number of a date."""
        return (day - self.first).days

    def day_of(self, at: int) -> int:
        """Give the number of the local day that holds an instant."""
        return bisect_right(self.midnights, at) - 1

    def at(self, day: int, second: int) -> int:
        """Give the instant of a wall time (seconds after midnight) on a day."""
        return self._bases[day] + second

    def working_at(self, position: int, second: int) -> int:
        """Give the instant of a wall time on the working day at `position`."""
        return self._bases[self.working[position]] + second

    def working_date(self, position: int) -> str:
        """Give the ISO date of the working day at `position`."""
        return self.dates[self.working[position]]


@dataclass(frozen=True, slots=True)
class Hours:
    """Weekly opening hours, by weekday, and the dates on which a shop stays shut."""

    week: tuple[tuple[tuple[str, str], ...], ...]
    holidays: tuple[date, ...]
    shut_from: date | None = None
    shut_until: date | None = None

    def is_open_on(self, day: date) -> bool:
        """Tell whether the shop works at all on a date."""
        if day in self.holidays or not self.week[day.weekday()]:
            return False
        return not (self.shut_from and self.shut_until and self.shut_from <= day < self.shut_until)


def _second(wall: str) -> int:
    return int(wall[:2]) * HOUR_SECONDS + int(wall[3:]) * 60


def _frames(hours: Hours, days: LocalDays) -> Iterator[tuple[int, int]]:
    for number in range(len(days.dates)):
        day = days.first + timedelta(days=number)
        if hours.is_open_on(day):
            for opens, closes in hours.week[day.weekday()]:
                yield days.at(number, _second(opens)), days.at(number, _second(closes))


class WorkClock:
    """Working time of a shop. A shop without hours works round the clock."""

    def __init__(self, hours: Hours | None, days: LocalDays) -> None:
        """Lay out the shop's opening frames over the days given."""
        frames = list(_frames(hours, days)) if hours else [(days.midnights[0], days.midnights[-1])]
        self._starts = [start for start, _ in frames]
        self._ends = [end for _, end in frames]
        self._before = [0]
        for start, end in frames:
            self._before.append(self._before[-1] + end - start)
        assert all(a < b for a, b in pairwise(self._before))  # noqa: S101  an empty frame would hide time

    def worked(self, at: int) -> int:
        """Count the working seconds before an instant."""
        i = bisect_right(self._starts, at) - 1
        return 0 if i < 0 else self._before[i] + min(at, self._ends[i]) - self._starts[i]

    def moment(self, worked_seconds: int) -> int:
        """Give the first instant by which that much working time has run."""
        i = max(bisect_left(self._before, worked_seconds) - 1, 0)
        return self._starts[i] + worked_seconds - self._before[i]

    def add(self, at: int, seconds: int) -> int:
        """Give the instant at which `seconds` more of working time are used up."""
        return self.moment(self.worked(at) + seconds)
