"""From what stands in a cell to what an event takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo

from operator_qos.connectors.tables import quoted

YES = frozenset({"true", "yes", "y", "1", "x", "oui", "o", "vrai", "ja", "wahr", "si", "sí", "sì", "vero", "sim"})
NO = frozenset({"false", "no", "n", "0", "non", "faux", "nein", "falsch", "nao", "não", "falso"})
MAX_NUMBER_CHARACTERS = 40
_SHORT = 40  # characters of a time that is remembered
_SPACES = re.compile(r"[\s\u00a0\u202f']")
_NUMBER = re.compile(r"[+-]?\d[\d.,]*|[+-]?[.,]\d+")
_SIGNS = re.compile(r"^[A-Z]{3}|[A-Z]{3}$|[€$£¥]", re.IGNORECASE)
_EPOCH = re.compile(r"\d{1,14}(\.\d+)?")
_OFFSET = re.compile(r"\s*(UTC|GMT|Z)$|\s+([+-]\d{2}:?\d{2})$")
EPOCH = "epoch"
EPOCH_MS = "epoch_ms"
ISO = "iso"


class Unfit(ValueError):
    """A value that cannot be used; the text goes on after the column's name."""


def as_text(value: object) -> str:
    """A cell as text, trimmed; moments as ISO 8601, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):  # Parquet whose texts are not marked as such
        return value.decode("utf-8", "backslashreplace").strip()
    return str(value)


def as_integer(value: object) -> int:
    """A whole number. Raises Unfit."""
    number = as_number(value)
    if number != number.to_integral_value():
        raise Unfit(f"is {quoted(as_text(value))}, no whole number. Correct it.")
    return int(number)


def as_minor(value: object, decimals: int) -> int:
    """Money in minor units: 12.50 with two decimals is 1250. Raises Unfit."""
    minor = as_number(value).scaleb(decimals)
    if minor != minor.to_integral_value():
        raise Unfit(f"is {quoted(as_text(value))}, with more than {decimals} decimals. Correct it.")
    if minor < 0:
        raise Unfit(f"is {quoted(as_text(value))}, below zero. Correct it.")
    return int(minor)


def as_number(value: object) -> Decimal:
    """A number as people or spreadsheets write it. Raises Unfit."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _finite(Decimal(str(value)), value)
    text = _SIGNS.sub("", _SPACES.sub("", as_text(value)))
    if len(text) > MAX_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        raise Unfit(f"is {quoted(as_text(value))}, no number. Correct it.")
    try:
        return Decimal(_plain_number(text))
    except InvalidOperation:
        raise Unfit(f"is {quoted(as_text(value))}, no number. Correct it.") from None


def _finite(number: Decimal, value: object) -> Decimal:
    if not number.is_finite():
        raise Unfit(f"is {value}, no number. Correct it.")
    return number


def _plain_number(text: str) -> str:
    """With a point before the decimals and nothing between thousands.

    Of points and commas the last is the decimal sign when the other stands before it, or when it stands alone and
    is not followed by exactly three digits.
    """
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return text
    sign, other = text[last], "," if text[last] == "." else "."
    is_decimal = text.count(sign) == 1 and (other in text or len(text) - last - 1 != 3)
    if not is_decimal:
        return text.replace(sign, "").replace(other, ".")
    return text.replace(other, "").replace(sign, ".")


def as_flag(value: object) -> bool:
    """Yes or no in any of six languages. Raises Unfit."""
    if isinstance(value, bool):
        return value
    word = as_text(value).lower()
    if word in YES or word in NO:
        return word in YES
    raise Unfit(f"is {quoted(as_text(value))}, neither yes nor no. Correct it, or give it a meaning in a map.")


def as_word(value: object, words: Sequence[str]) -> str:
    """One of the words an event takes. Raises Unfit."""
    text = as_text(value)
    if text in words:
        return text
    lower = text.lower().replace(" ", "_")
    if lower in words:
        return lower
    raise Unfit(f"is {quoted(text)}, none of {', '.join(words)}. Correct it, or give it a meaning in a map.")


Found = datetime | date


def read_time(value: object, formats: Sequence[str]) -> Found:
    """A moment, naive where no offset is told, or a date where no hour is. Raises Unfit."""
    if isinstance(value, datetime | date):
        return value
    text = as_text(value)
    for form in formats:
        found = _try_short(text, form) if len(text) <= _SHORT else _try_format(text, form)
        if found is not None:
            return found
    shown = "an ISO time" if tuple(formats) == (ISO,) else " or ".join(formats)
    raise Unfit(f"is {quoted(text)}, not written as {shown}. Correct it, or name its format in the mapping.")


@lru_cache(maxsize=10_000)
def _try_short(text: str, form: str) -> Found | None:
    # Days and minutes of a table come again and again, and reading one costs more than the rest of its cell.
    return _try_format(text, form)


def _try_format(text: str, form: str) -> Found | None:
    try:
        if form == ISO:
            return read_iso(text)
        if form in {EPOCH, EPOCH_MS}:
            return _read_epoch(text, 1000 if form == EPOCH_MS else 1)
        found = datetime.strptime(text, form)  # noqa: DTZ007  # the zone is put to it by whoever knows it
        return found if "%H" in form or "%I" in form else found.date()
    except (ValueError, OverflowError, OSError):
        return None


def read_iso(text: str) -> Found:
    """An ISO 8601 time or date; " UTC" and " +0100" at its end are read too. Raises ValueError."""
    text = _OFFSET.sub(lambda found: found.group(2) or "+00:00", text)
    found = datetime.fromisoformat(text)
    return found.date() if len(text) <= len("2026-03-06") else found


def _read_epoch(text: str, per_second: int) -> datetime:
    if not _EPOCH.fullmatch(text):
        raise ValueError(text)
    return datetime.fromtimestamp(float(text) / per_second, UTC)


def to_utc(found: datetime, zone: ZoneInfo | None) -> datetime:
    """The moment in UTC; a naive one in that zone. Raises Unfit when there is none."""
    if found.tzinfo is None:
        if zone is None:
            raise Unfit(f"is {quoted(found.isoformat(' '))}, without a time zone. Name the `timezone` in the mapping.")
        found = found.replace(tzinfo=zone)
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise Unfit(f"is {quoted(str(found))}, no time of ours. Correct it.") from None


def day_ends(found: date, zone: ZoneInfo | None) -> tuple[datetime, datetime]:
    """The first and the last second of a local day in UTC. Raises Unfit."""
    first = to_utc(datetime.combine(found, time(0)), zone)
    return first, to_utc(datetime.combine(found, time(23, 59, 59)), zone)


def utc_text(at: datetime) -> str:
    """A moment as events write it, to the second."""
    return f"{at.isoformat()[:19]}Z"


UNITS = {"seconds": timedelta(seconds=1), "minutes": timedelta(minutes=1), "hours": timedelta(hours=1),
         "days": timedelta(days=1)}


def add_span(at: datetime, value: object, unit: str) -> datetime:
    """The moment so many units later. Raises Unfit."""
    number = as_number(value)
    if not 0 <= number < 10**7:
        raise Unfit(f"is {quoted(as_text(value))}, no span of time. Correct it.")
    try:
        return at + UNITS[unit] * float(number)
    except OverflowError:
        raise Unfit(f"is {quoted(as_text(value))}, no span of time. Correct it.") from None
