"""The kinds of field a standard is made of, read strictly: nothing is guessed, cut or rounded on the way in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from scoring.standards.conditions import Condition, parse_condition, write_condition
from scoring.standards.errors import ConditionError

STRICT = ConfigDict(extra="forbid")
Title = tuple[tuple[str, str], ...]


def refuse(problem: str, below: str = "") -> PydanticCustomError:
    """A mistake of a field; ``below`` is the place within it, such as ``any[1].bad``."""
    return PydanticCustomError("standard", "{problem}", {"problem": problem, "below": below})


def _read_condition(written: object) -> Condition:
    try:
        return parse_condition(written)
    except ConditionError as error:
        raise refuse(error.problem, error.path) from None


def _read_title(written: object) -> Title:
    if isinstance(written, Mapping):
        written = tuple(written.items())
    if not isinstance(written, tuple):
        raise refuse(f"expected a mapping of fields, found {written!r}")
    if not written:
        raise refuse("give the text in one language at least, like {en: …}")
    for language, text in written:
        if not isinstance(text, str) or not text.strip():
            raise refuse(f"expected a text, found {text!r}", str(language))
    return tuple((str(language), text) for language, text in written)


def _read_day(written: object) -> date:
    if isinstance(written, date) and not isinstance(written, datetime):
        return written
    try:
        return date.fromisoformat(written)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise refuse(f"expected a date like 2026-01-31, found {written!r}") from None


def _read_number(written: object) -> Decimal:
    if isinstance(written, Decimal) and written.is_finite():
        return _trim(written)
    try:
        number = Decimal(str(written))
    except InvalidOperation:
        raise refuse(f"expected a number like 0.9, found {written!r}") from None
    if isinstance(written, bool) or not number.is_finite():
        raise refuse(f"expected a number like 0.9, found {written!r}")
    return _trim(number)


def _trim(number: Decimal) -> Decimal:
    """Without trailing zeroes and without an exponent, so that equal numbers are written alike."""
    return Decimal(format(number.normalize(), "f"))


def _read_share(written: object) -> Decimal:
    share = _read_number(written)
    if not 0 <= share <= 1:
        raise refuse(f"{written} is not between 0 and 1; 90 % is written 0.9")
    return share


def whole_between(least: int, most: int) -> BeforeValidator:
    """Reads a whole number of that range, both ends included."""

    def read(written: object) -> int:
        if isinstance(written, bool) or not isinstance(written, int):
            raise refuse(f"expected a whole number, found {written!r}")
        if not least <= written <= most:
            raise refuse(f"{written} is not between {least} and {most}")
        return written

    return BeforeValidator(read)


def _read_list(written: object) -> Any:
    if not isinstance(written, (list, tuple)):
        raise refuse(f"expected a list, found {written!r}")
    return tuple(written)


def _read_texts(written: object) -> Any:
    return (written,) if isinstance(written, str) else _read_list(written)


def _read_season_day(written: object) -> tuple[int, int]:
    try:
        found = date.fromisoformat(f"2024-{written}")
    except ValueError:
        raise refuse(f"expected a month and day like 12-31, found {written!r}") from None
    return found.month, found.day


def _read_source(written: object) -> tuple[tuple[str, str], ...]:
    if isinstance(written, str):
        return (("all", written),)
    if isinstance(written, (Mapping, tuple)) and written:
        entries: Iterable[Any] = written.items() if isinstance(written, Mapping) else written
        return tuple((str(field), str(code)) for field, code in entries)
    raise refuse(f"expected a source's code, or a mapping of fields to codes, found {written!r}")


def _read_sources(written: object) -> tuple[tuple[str, str], ...]:
    if isinstance(written, tuple) and not written:
        return ()
    return _read_title(written)


def _write_source(source: tuple[tuple[str, str], ...]) -> Any:
    return source[0][1] if len(source) == 1 and source[0][0] == "all" else dict(source)


def _read_numbered(written: object) -> tuple[tuple[str, Decimal], ...]:
    if isinstance(written, tuple):
        return written
    if not isinstance(written, Mapping) or not written:
        raise refuse(f"expected a mapping of names to numbers, found {written!r}")
    return tuple((str(key), _read_number(value)) for key, value in written.items())


def _read_holidays(written: object) -> tuple[tuple[str, tuple[date, ...]], ...]:
    if isinstance(written, tuple):
        return written
    if not isinstance(written, Mapping):
        raise refuse(f"expected dates under marketplace or a country’s code, found {written!r}")
    return tuple((_read_holder(key), _read_days(days, str(key))) for key, days in written.items())


def _read_holder(key: object) -> str:
    if isinstance(key, str) and (key == "marketplace" or re.fullmatch("[A-Z]{2}", key)):
        return key
    raise refuse("dates stand under marketplace, or under a country’s code like FR", str(key))


def _read_days(written: object, holder: str) -> tuple[date, ...]:
    days = [_read_day(day) for day in _read_list(written)]
    twice = next((day for place, day in enumerate(days) if day in days[:place]), None)
    if twice is not None:
        raise refuse(f"{twice} is given twice", holder)
    return tuple(sorted(days))


_CONDITION = {"$comment": "Condition"}
_DATES = {"type": "array", "items": {"type": "string", "format": "date"}, "uniqueItems": True}
_TEXTS = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}}
_NUMBER = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]}
_SHARE = {"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string", "pattern": r"^[01](\.\d+)?$"}]}

When = Annotated[
    Condition, PlainValidator(_read_condition), PlainSerializer(write_condition), WithJsonSchema(_CONDITION)
]
Titles = Annotated[Title, PlainValidator(_read_title), PlainSerializer(dict), WithJsonSchema(_TEXTS)]
Day = Annotated[
    date, PlainValidator(_read_day), PlainSerializer(str), WithJsonSchema({"type": "string", "format": "date"})
]
Number = Annotated[Decimal, PlainValidator(_read_number), PlainSerializer(str), WithJsonSchema(_NUMBER)]
Share = Annotated[Decimal, PlainValidator(_read_share), PlainSerializer(str), WithJsonSchema(_SHARE)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, strict=True)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", strict=True)]
Whole = Annotated[int, Field(ge=0, le=10**6), whole_between(0, 10**6)]
Counted = Annotated[int, Field(ge=1, le=10**6), whole_between(1, 10**6)]
Days = Annotated[int, Field(ge=1, le=3660), whole_between(1, 3660)]
Several = BeforeValidator(_read_list)
OneOrSeveral = BeforeValidator(_read_texts)
Texts = Annotated[tuple[Text, ...], OneOrSeveral]
Names = Annotated[tuple[Name, ...], OneOrSeveral]
MonthDay = Annotated[
    tuple[int, int],
    PlainValidator(_read_season_day),
    PlainSerializer(lambda day: f"{day[0]:02}-{day[1]:02}"),
    WithJsonSchema({"type": "string", "pattern": r"^\d\d-\d\d$"}),
]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", strict=True)]
Sources = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_read_source),
    PlainSerializer(_write_source),
    WithJsonSchema({"anyOf": [{"type": "string"}, _TEXTS]}),
]
Weights = Annotated[
    tuple[tuple[str, Decimal], ...],
    PlainValidator(_read_numbered),
    PlainSerializer(lambda found: {key: str(value) for key, value in found}),
    WithJsonSchema({"type": "object", "minProperties": 1, "additionalProperties": _NUMBER}),
]
Hours = Annotated[int, Field(ge=0, le=240), whole_between(0, 240)]
SourceTexts = Annotated[
    tuple[tuple[str, str], ...],
    PlainValidator(_read_sources),
    PlainSerializer(dict),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}}),
]
HolidayDates = Annotated[
    tuple[tuple[str, tuple[date, ...]], ...],
    PlainValidator(_read_holidays),
    PlainSerializer(lambda found: {name: [str(day) for day in days] for name, days in found}),
    WithJsonSchema({"type": "object", "additionalProperties": False,
                    "patternProperties": {"^(marketplace|[A-Z]{2})$": _DATES}}),
]
YesNo = Annotated[bool, Strict()]
