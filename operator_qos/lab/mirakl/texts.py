"""How the platform writes moments and amounts."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from operator_qos.demo.days import stamp

__all__ = ["amount", "end_of_day", "local_parts", "maybe_stamp", "read_moment", "stamp"]


def maybe_stamp(at: int | None) -> str | None:
    """An instant in UTC, or nothing."""
    return None if at is None else stamp(at)


def amount(minor: int) -> float:
    """Money as the platform writes it: a number with two decimals."""
    return minor / 100


def read_moment(text: str) -> int:
    """Epoch seconds of what a caller wrote; raises ValueError."""
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def end_of_day(day: str, timezone: str) -> int:
    """The last second of a local day."""
    midnight = datetime.combine(datetime.fromisoformat(day).date() + timedelta(days=1), time(0), ZoneInfo(timezone))
    return int(midnight.timestamp()) - 1


def local_parts(at: int, timezone: str) -> dict[str, str]:
    """A moment split into local date, time and offset, as milestones are written."""
    local = datetime.fromtimestamp(at, ZoneInfo(timezone))
    text = local.isoformat()
    return {"date": text[:10], "time": text[11:19], "offset": text[19:]}
