"""A row of a table in a file, whatever the file: values by column, or why there are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

MAX_COLUMNS = 1_000
MAX_FIELD_CHARACTERS = 100_000
MAX_RAW_CHARACTERS = 200_000


@dataclass(frozen=True, slots=True)
class Record:
    """A row that could be read. `row` counts as a person would in the file; a header is row 1."""

    row: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A row that could not: the field, why, and the values as far as they are known (`raw` when they are not)."""

    row: int
    field: str
    reason: str
    values: Mapping[str, object] | None = None
    raw: str = ""


Records = Iterator[Record | BadRecord]


@dataclass(frozen=True)
class Hints:
    """What is known of a file beforehand; empty: found out from the file."""

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: kind ("csv", "jsonl", "parquet", "xlsx"), packing, and what a person may correct.

    `columns` of JSON lines are those of its first rows.
    """

    kind: str
    packing: str
    columns: tuple[str, ...]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    is_guessed: bool = False  # the encoding is a guess that a person should look at


@dataclass(frozen=True)
class RecordFile:
    """A table whose layout is known; `read` starts from its first row each time."""

    layout: Layout
    read: Callable[[], Records]


def damage_told(rows: Records) -> Records:
    """The rows. What a library raises on the way, whatever its kind, is damage of the file: an OSError."""
    try:
        yield from rows
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {str(error)[:200]}") from error


def write_values(values: Mapping[str, object]) -> str:
    """The values of a row as JSON, as quarantine keeps them; moments and decimals as text."""
    return json.dumps(dict(values), ensure_ascii=False, default=_plain)[:MAX_RAW_CHARACTERS]


def _plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def find_long_field(values: Mapping[str, object]) -> str | None:
    """The first field that is longer than any field of a table should be."""
    return next((name for name, value in values.items()
                 if isinstance(value, str) and len(value) > MAX_FIELD_CHARACTERS), None)


def checked(row: int, values: Mapping[str, object]) -> Record | BadRecord:
    """The row, or why it is none."""
    name = find_long_field(values)
    if name is None:
        return Record(row, values)
    reason = f"{name} is longer than {MAX_FIELD_CHARACTERS:,} characters. Shorten it."
    cut = {key: value[:1_000] if isinstance(value, str) else value for key, value in values.items()}
    return BadRecord(row, name, reason, cut)
