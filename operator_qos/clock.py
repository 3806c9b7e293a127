"""The one place that asks what time it is; everything below takes `now` as an argument."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds of an aware moment."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC moment of epoch milliseconds."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def end_of_day_ms(day: date, zone: str) -> int:
    """The first instant after a local day, i.e. where the next one begins [epoch ms]."""
    following = day + timedelta(days=1)
    return to_ms(datetime(following.year, following.month, following.day, tzinfo=ZoneInfo(zone)))
