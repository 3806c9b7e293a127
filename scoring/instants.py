"""Moments as people pass them, one or many, to microseconds since 1970 and back.

One moment is an aware ``datetime``. Many are a list, tuple or object array of those, a pandas ``DatetimeIndex`` or
``Series`` with a time zone, or a NumPy ``datetime64`` array, which holds no zone and is read as UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    Many = Sequence[datetime] | NDArray[Any] | pd.DatetimeIndex | pd.Series[Any]

Micros = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moments: datetime | Many, *, name: str) -> Micros:
    """Microseconds since 1970 [µs], ``int64``: without dimension for one moment, else of the same shape.

    Parts of a microsecond are dropped. Raises ValueError naming ``name[position]`` of what has no time zone, is
    missing or is no moment at all.
    """
    if isinstance(moments, datetime):
        return np.array(_to_micro(moments, name), np.int64)
    kind = getattr(moments, "dtype", None)
    if kind is None or getattr(kind, "kind", "") == "O":
        return _list_micros(np.asarray(moments, object), name)
    if getattr(kind, "kind", "") != "M":
        raise ValueError(f"{name}: {kind} values are no moments, give aware datetimes")
    if isinstance(kind, np.dtype) and not isinstance(moments, np.ndarray):
        raise ValueError(f"{name}: has no time zone, say which with .tz_localize(...)")
    return _read_datetime64(moments, name)


def from_micros(micros: Micros) -> datetime | pd.DatetimeIndex:
    """One aware UTC datetime, or many as a ``DatetimeIndex`` in UTC."""
    if micros.ndim == 0:
        return EPOCH + int(micros) * MICROSECOND
    import pandas as pd

    return pd.DatetimeIndex(micros.reshape(-1).astype("datetime64[us]")).tz_localize("UTC")


def from_ms(at_ms: int) -> datetime:
    """Epoch milliseconds as an aware UTC datetime."""
    return EPOCH + timedelta(milliseconds=int(at_ms))


def to_ms(at: datetime, *, name: str = "at") -> int:
    """An aware datetime as epoch milliseconds; parts of a millisecond are dropped. Raises ValueError as above."""
    return _to_micro(at, name) // 1000


def _to_micro(moment: Any, name: str) -> int:
    if not isinstance(moment, datetime):
        raise ValueError(f"{name}: {moment!r} is no moment, give an aware datetime")
    if moment != moment:  # noqa: PLR0124 - pandas' NaT is a datetime that equals nothing
        raise ValueError(f"{name}: the moment is missing")
    if moment.utcoffset() is None:
        raise ValueError(f"{name}: {moment.isoformat()} has no time zone, give an aware datetime")
    return int((moment - EPOCH) // MICROSECOND)


def _list_micros(moments: NDArray[Any], name: str) -> Micros:
    found = (_to_micro(moment, f"{name}[{n}]") for n, moment in enumerate(moments.ravel()))
    return np.fromiter(found, np.int64, moments.size).reshape(moments.shape)


def _read_datetime64(moments: Any, name: str) -> Micros:
    raw = moments if isinstance(moments, np.ndarray) else moments.to_numpy(dtype="datetime64[us]")
    micros: Micros = raw.astype("datetime64[us]", copy=False).view(np.int64)
    missing = np.isnat(raw)
    if missing.any():
        raise ValueError(f"{name}[{int(np.argmax(missing))}]: the moment is missing")
    return micros
