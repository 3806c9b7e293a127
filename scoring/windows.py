"""T, K and the window: from a date or an instant to bounds in epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000


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


def window_start_ms(as_of_ms: int, zone: str, *, days: int) -> int:
    """B of the window [B, T) [epoch ms]: the start of the local day `days - 1` before that of T's last instant.

    `days` ≥ 1. Source: the window rule of the domain glossary.
    """
    last = local_day(as_of_ms - 1, zone)
    return day_start_ms(last - timedelta(days=days - 1), zone)


@lru_cache(maxsize=65536)
def promise_due_ms(promise: int | str, zone: str, *, plus_days: int = 0) -> int:
    """The last instant at which a promise is met [epoch ms].

    An int is an instant [epoch ms], to which days add 24 hours each; a text is a local date, met through its last
    millisecond, to which days add calendar days. Raises ValueError for a text that is no ISO date.
    """
    if isinstance(promise, int):
        return promise + plus_days * DAY_MS
    return day_end_ms(date.fromisoformat(promise) + timedelta(days=plus_days), zone) - 1
