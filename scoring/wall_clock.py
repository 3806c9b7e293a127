"""Local wall time to instants, exact over clock changes, for whole arrays of wall times at once.

- A wall time that a clock change skips is the instant of the change: clocks pass it there.
- Of a wall time that comes twice an opening takes the first and a closing the second, save midnight, which
  ends its day when it comes first.

Moments are epoch milliseconds; days are numbered from 1970-01-01.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Moments = NDArray[np.int64]

DAY_MS = 86_400_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def to_day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_ORDINAL


def to_year(day_number: int) -> int:
    """The year a numbered day lies in."""
    return date.fromordinal(day_number + _EPOCH_ORDINAL).year


def to_local(at_ms: int, zone: str) -> datetime:
    """The instant as an aware datetime on the zone's clock."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


class WallClock:
    """Local wall time of a zone to instants, for the days (numbers since 1970) given, both included."""

    def __init__(self, zone: str, first_day: int, last_day: int) -> None:
        self._zone = zone
        first_year, last_year = to_year(first_day - 2), to_year(last_day + 2)
        offsets = [_day_offsets(zone, year) for year in range(first_year, last_year + 1)]
        self._offsets = np.concatenate(offsets)
        self._first_day = to_day_number(date(first_year, 1, 1))
        changed = np.flatnonzero(self._offsets[1:] != self._offsets[:-1])
        self._settled = np.ones(len(self._offsets), bool)
        # A change just after midnight repeats the evening before, so the neighbours are unsettled too.
        near = (changed[:, None] + np.array([-1, 0, 1])).ravel()
        self._settled[np.clip(near, 0, len(self._settled) - 1)] = False

    def to_utc(self, local_ms: Moments, *, closing: bool) -> Moments:
        """Instants of local wall times, given as milliseconds since 1970 on the local clock [ms]."""
        position = local_ms // DAY_MS - self._first_day
        moments: Moments = local_ms - self._offsets[position]
        for index in np.flatnonzero(~self._settled[position]):
            moments[index] = _wall_to_utc(ZoneInfo(self._zone), int(local_ms[index]), closing)
        return moments


def _wall_to_utc(zone: ZoneInfo, local_ms: int, closing: bool) -> int:
    """One wall time by the rules in the head of this module [ms]."""
    second = closing and local_ms % DAY_MS != 0
    wall = (_EPOCH + timedelta(milliseconds=local_ms)).replace(tzinfo=zone)
    moment = local_ms - _offset_ms(wall.replace(fold=int(second)))
    shown = (_EPOCH + timedelta(milliseconds=moment)).astimezone(zone)
    if shown.replace(tzinfo=None) == wall.replace(tzinfo=None):
        return moment
    earlier = local_ms - _offset_ms(wall.replace(fold=1))
    return _find_change(zone, earlier, local_ms - _offset_ms(wall.replace(fold=0)))


def _find_change(zone: ZoneInfo, before_ms: int, after_ms: int) -> int:
    """The second at which the offset valid at ``after_ms`` begins."""

    def offset(second: int) -> int:
        return _offset_ms((_EPOCH + timedelta(seconds=second)).astimezone(zone))

    seconds = range(before_ms // 1000, after_ms // 1000 + 1)
    new = offset(seconds[-1])
    return seconds[bisect_left(seconds, True, key=lambda second: offset(second) == new)] * 1000


@lru_cache(maxsize=2048)
def _day_offsets(zone: str, year: int) -> Moments:
    """Offset from UTC at each local midnight of a year; where midnight is skipped, that before the change."""
    first = datetime(year, 1, 1, tzinfo=ZoneInfo(zone))
    count = date(year + 1, 1, 1).toordinal() - date(year, 1, 1).toordinal()
    return np.array([_offset_ms(first + timedelta(days=day)) for day in range(count)], np.int64)


def _offset_ms(aware: datetime) -> int:
    return (aware.utcoffset() or timedelta()) // timedelta(milliseconds=1)
