"""CSV tables row by row: the header is checked at once, a row that cannot be read is told, not raised."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar, cast

from operator_qos.connectors.files import BROKEN_FILE_ERRORS, check_is_file
from operator_qos.connectors.formats.records import BadRecord, Hints, Record, RecordFile
from operator_qos.connectors.formats.text_tables import open_text_table
from operator_qos.connectors.rows import BadRow, SourceLayoutError

RAW_LIMIT_CHARACTERS = 10_000
_QUOTED_CHARACTERS = 60

Parsed = TypeVar("Parsed")


class FieldFault(Exception):
    """A field of a row cannot be used; carries the field and the sentence for the person."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TableRow:
    """A record of the table; `row` is the line it starts on, the header being row 1."""

    file: str
    row: int
    values: dict[str, str]

    def optional(self, column: str) -> str:
        """The trimmed text, empty when there is none."""
        return self.values.get(column, "").strip()

    def required(self, column: str) -> str:
        """The trimmed text. Raises FieldFault when it is empty."""
        text = self.optional(column)
        if not text:
            raise FieldFault(column, f"{column} is empty. Fill it in and import the file again.")
        return text

    def bad(self, fault: FieldFault) -> BadRow:
        """This row as one that gives no event."""
        return BadRow(self.file, self.row, fault.column, fault.reason, _raw(list(self.values.values())))


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file, packed or not, whose header holds the columns that are needed."""

    path: Path
    records: RecordFile

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header."""
        return self.records.layout.columns

    def read(self) -> Iterator[TableRow | BadRow]:
        """The rows in file order. Raises SourceLayoutError when the file breaks off."""
        try:
            for found in self.records.read():
                yield self._row(found)
        except BROKEN_FILE_ERRORS as error:
            what = f"The file is damaged or breaks off ({error})."
            raise SourceLayoutError(str(self.path), what, "Fetch it again and import it whole.") from error

    def _row(self, found: Record | BadRecord) -> TableRow | BadRow:
        values = cast("dict[str, str] | None", found.values)
        if isinstance(found, Record) and values is not None:
            return TableRow(str(self.path), found.row, values)
        bad = cast(BadRecord, found)
        raw = _raw(list(values.values())) if values is not None else bad.raw
        return BadRow(str(self.path), bad.row, bad.field, bad.reason, raw)


@dataclass(slots=True)
class RowReader:
    """Reads records and keeps the rows that gave none in `bad`."""

    bad: list[BadRow] = field(default_factory=list)

    def parsed(self, table: Table, parse: Callable[[TableRow], Parsed]) -> Iterator[Parsed]:
        """Each row through `parse`; what it refuses with FieldFault goes to `bad`."""
        for row in table.read():
            if isinstance(row, BadRow):
                self.bad.append(row)
                continue
            try:
                yield parse(row)
            except FieldFault as fault:
                self.bad.append(row.bad(fault))


def open_table(path: Path, required: tuple[str, ...]) -> Table:
    """A table whose header was read. Raises SourceLayoutError when the file or a column is missing."""
    check_is_file(path)
    records = open_text_table(path, Hints("utf-8", ","), "")
    columns = records.layout.columns
    missing = [name for name in required if name not in columns]
    if missing:
        what = f"The header (row 1) lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}."
        raise SourceLayoutError(str(path), what, f"It must hold {', '.join(required)}.")
    return Table(path, records)


def find_table(directory: Path, name: str, required: tuple[str, ...]) -> Table | None:
    """The table `name`, as .csv or .csv.gz, in a directory; None when neither is there."""
    for candidate in (directory / name, directory / f"{name}.gz"):
        if candidate.is_file():
            return open_table(candidate, required)
    return None


def get_table(directory: Path, name: str, required: tuple[str, ...]) -> Table:
    """As find_table. Raises SourceLayoutError when the file is missing."""
    table = find_table(directory, name, required)
    if table is None:
        what = f"There is neither {name} nor {name}.gz in this directory."
        raise SourceLayoutError(str(directory), what, "Put the file there or name the directory that has it.")
    return table


def find_instant(text: str) -> datetime | None:
    """The UTC moment of an ISO time with an offset; None when the text is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def quoted(text: str) -> str:
    """A value as shown in a reason: in quotes and not too long."""
    shown = text if len(text) <= _QUOTED_CHARACTERS else f"{text[:_QUOTED_CHARACTERS]}…"
    return f"“{shown}”"


def _raw(fields: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()[:RAW_LIMIT_CHARACTERS]
