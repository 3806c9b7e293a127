"""CSV tables row by row: the header is checked at once, a row that cannot be read is told, not raised."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from operator_qos.connectors.files import BROKEN_FILE_ERRORS, check_is_file, read_lines
from operator_qos.connectors.rows import BadRow, SourceLayoutError

RAW_LIMIT_CHARACTERS = 10_000
_QUOTED_CHARACTERS = 60

Record = TypeVar("Record")


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
    """A CSV file, plain or gzip, whose header holds the columns that are needed."""

    path: Path
    columns: tuple[str, ...]

    def read(self) -> Iterator[TableRow | BadRow]:
        """The rows in file order. Raises SourceLayoutError when the file breaks off."""
        records = _records(self.path)
        next(records, None)
        for row, fields in records:
            if isinstance(fields, str):
                yield BadRow(str(self.path), row, "row", fields, "")
            elif fields:
                yield self._checked(row, fields)

    def _checked(self, row: int, fields: list[str]) -> TableRow | BadRow:
        reason = self._wrong_shape(fields)
        if reason is not None:
            return BadRow(str(self.path), row, reason.column, reason.reason, _raw(fields))
        return TableRow(str(self.path), row, dict(zip(self.columns, fields, strict=True)))

    def _wrong_shape(self, fields: list[str]) -> FieldFault | None:
        if len(fields) != len(self.columns):
            found = f"The row has {len(fields)} fields where the header has {len(self.columns)}."
            return FieldFault("row", f"{found} Check its quotes and commas and import the file again.")
        if _is_text("".join(fields)):
            return None
        column = next(name for name, text in zip(self.columns, fields, strict=True) if not _is_text(text))
        return FieldFault(column, f"{column} is not UTF-8. Save the file as UTF-8 and import it again.")


@dataclass(slots=True)
class RowReader:
    """Reads records and keeps the rows that gave none in `bad`."""

    bad: list[BadRow] = field(default_factory=list)

    def parsed(self, table: Table, parse: Callable[[TableRow], Record]) -> Iterator[Record]:
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
    _, header = next(_records(path), (1, []))
    columns = tuple(name.strip() for name in header) if not isinstance(header, str) else ()
    missing = [name for name in required if name not in columns]
    if missing:
        what = f"The header (row 1) lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}."
        raise SourceLayoutError(str(path), what, f"It must hold {', '.join(required)}.")
    return Table(path, columns)


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


def _records(path: Path) -> Iterator[tuple[int, list[str] | str]]:
    """(row, fields), or (row, reason) for a record that is no CSV."""
    try:
        yield from _csv_records(path)
    except BROKEN_FILE_ERRORS as error:
        what = f"The file is damaged or breaks off ({error})."
        raise SourceLayoutError(str(path), what, "Fetch it again and import it whole.") from error


def _csv_records(path: Path) -> Iterator[tuple[int, list[str] | str]]:
    lines = (line.content.decode("utf-8", "surrogateescape") + "\n" for line in read_lines(path))
    reader = csv.reader(lines)
    while True:
        row = reader.line_num + 1
        try:
            yield row, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield row, f"The row is not CSV ({error}). Check its quotes and length and import the file again."


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raw(fields: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()[:RAW_LIMIT_CHARACTERS].encode("utf-8", "backslashreplace").decode()
