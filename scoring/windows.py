"""T, K and the window: from a date or an instant to bounds in epoch milliseconds, or to local dates."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from scoring.standards.windowing import Window, Windows

DAY_MS = 86_400_000
QUARTER_MS = 900_000  # every zone's clock shifts on a quarter of an hour of UTC
_EPOCH_DAY = date(1970, 1, 1).toordinal()
PERIOD_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


@lru_cache(maxsize=65536)
def day_start_ms(day: date, zone: str) -> int:
    """The instant at which a local day begins [epoch ms]; where midnight is skipped, the first instant after it."""
    moment = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 1000


@lru_cache(maxsize=65536)
def day_end_ms(day: date, zone: str) -> int:
    """The first instant after a local day [epoch ms]."""
    return day_start_ms(day + timedelta(days=1), zone)


def local_day(at_ms: int, zone: str) -> date:
    """The local day that holds an instant [epoch ms]."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=500_000)
def offset_ms(quarter: int, zone: str) -> int:
    """How far a zone is ahead of UTC [ms] within a quarter of an hour, counted from the epoch."""
    shift = datetime.fromtimestamp(quarter * 900, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return int(shift.total_seconds()) * 1000 if shift is not None else 0


def local_ordinal(at_ms: int, zone: str) -> int:
    """The proleptic ordinal of the local day that holds an instant [epoch ms]; `local_day` for many."""
    return (at_ms + offset_ms(at_ms // QUARTER_MS, zone)) // DAY_MS + _EPOCH_DAY


def next_weekday_end_ms(at_ms: int, zone: str) -> int:
    """The last millisecond of the first day from Monday to Friday after an instant's local day [epoch ms]."""
    day = local_day(at_ms, zone) + timedelta(days=1)
    return day_end_ms(day + timedelta(days=8 - day.isoweekday() if day.isoweekday() > 5 else 0), zone) - 1


def window_start_ms(as_of_ms: int, zone: str, *, days: int) -> int:
    """B of the window [B, T) [epoch ms]: the start of the local day `days - 1` before that of T's last instant.

    `days` ≥ 1. Source: the window rule of the domain glossary.
    """
    last = local_day(as_of_ms - 1, zone)
    return day_start_ms(last - timedelta(days=days - 1), zone)


def promise_due_ms(promise: int | str, zone: str, *, plus_days: int = 0) -> int:
    """The last instant at which a promise is met [epoch ms].

    An int is an instant [epoch ms], to which days add 24 hours each; a text is a local date, met through its last
    millisecond, to which days add calendar days. Raises ValueError for a text that is no ISO date.
    """
    if isinstance(promise, int):
        return promise + plus_days * DAY_MS
    return _day_due_ms(promise, zone, plus_days)


@lru_cache(maxsize=65536)
def _day_due_ms(promise: str, zone: str, plus_days: int) -> int:
    """The last millisecond of a local date, so many days later [epoch ms]."""
    return day_end_ms(date.fromisoformat(promise) + timedelta(days=plus_days), zone) - 1


Dates = tuple[date, date]
"""Half-open local dates [first, end)."""


def resolve_windows(window: Window | Windows, on: date, volume: int | None = None) -> tuple[Dates, ...]:
    """The dates of a window as a standard writes it, for an evaluation on ``on``; several where it names several.

    The judged ones come first. ``volume`` decides where it matters; None counts as small.
    """
    if not _is_several(window):
        return (resolve_window(window, on),)
    if window.by_volume is not None:
        large = volume is not None and volume >= window.by_volume.at_least
        return (resolve_window(window.by_volume.then if large else window.by_volume.otherwise, on),)
    pair = (window.bad, window.base) if window.bad and window.base else ()
    single = (window.one, *window.shown) if window.one else ()
    return tuple(resolve_window(each, on) for each in window.all or window.any or single or pair)


def _is_several(window: Window | Windows) -> TypeIs[Windows]:
    return hasattr(window, "by_volume")


def resolve_window(window: Window, on: date) -> Dates:
    """The dates of one window for an evaluation on ``on``; since the beginning starts at ``date.min``."""
    end = on + timedelta(days=1 if window.with_today else 0)
    if window.days is not None:
        return end - timedelta(days=window.days), end
    if window.days_back is not None:
        return on - timedelta(days=window.days_back[0]), on - timedelta(days=window.days_back[1] - 1)
    if window.months is not None:
        return add_months(on, -window.months), end
    if window.full is not None:
        start = period_start(window.full, on)
        return _periods_before(window.full, start, window.count or 1), start
    return (period_start(window.current, on) if window.current else date.min), end


def add_months(day: date, months: int) -> date:
    """The same day of another month, or its last day where it is shorter."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def period_start(period: str, day: date) -> date:
    """The first day of the ISO week, month, quarter, half year or year that holds a day."""
    if period == "iso_week":
        return day - timedelta(days=day.weekday())
    months = PERIOD_MONTHS[period]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _periods_before(period: str, start: date, count: int) -> date:
    if period == "iso_week":
        return start - timedelta(weeks=count)
    return add_months(start, -PERIOD_MONTHS[period] * count)
