"""Tables as files for other programs: CSV, XLSX, Parquet and JSON lines, none of which can run anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import BinaryIO

import orjson

Cell = str | int | float | bool | None
Row = Sequence[Cell]
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "jsonl": "application/x-ndjson",
}
FORMATS = tuple(MEDIA_TYPES)
# A cell that begins like this is a formula to a spreadsheet; texts from outside must not become one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST_CELL = 32_767
MOST_XLSX_ROWS = 1_048_575  # beside the head
_PART = 5_000  # rows held at once


class TooLongError(ValueError):
    """More rows than the kind of file can hold."""


@dataclass(frozen=True)
class Sheet:
    """A table: `types` says of each column what it holds (str, int, float, bool), whatever rows there are."""

    name: str
    types: dict[str, type]
    rows: Iterable[Row] = field(default=())

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.types)

    def pick(self, columns: Sequence[str]) -> Sheet:
        """The same with these columns only, in this order; all where none is named. Raises KeyError."""
        if not columns:
            return self
        places = [self.columns.index(name) if name in self.types else -1 for name in columns]
        if -1 in places:
            raise KeyError(columns[places.index(-1)])
        rows = (tuple(row[place] for place in places) for row in self.rows)
        return Sheet(self.name, {name: self.types[name] for name in columns}, rows)


def guard_cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def write_csv(rows: Iterable[Sequence[object]]) -> str:
    """The rows as CSV, with a byte order mark so that spreadsheets read accents rightly."""
    return "\ufeff" + "".join(_list_csv_lines(rows))


def _list_csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for row in rows:
        writer.writerow([guard_cell(value) for value in row])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def write_sheet(sheet: Sheet, form: str) -> bytes:
    """The table as a file of one of FORMATS. Raises KeyError for another, TooLongError for what it cannot hold."""
    content = io.BytesIO()
    write_sheet_to(content, sheet, form)
    return content.getvalue()


def write_sheet_to(file: BinaryIO, sheet: Sheet, form: str) -> None:
    """Write the table to a file that can be sought in, a part of its rows in memory at a time; raises as write_sheet.

    The same table is the same file, whenever and wherever it is written.
    """
    {"csv": _write_csv, "xlsx": _write_xlsx, "parquet": _write_parquet, "jsonl": _write_jsonl}[form](file, sheet)


def _write_csv(file: BinaryIO, sheet: Sheet) -> None:
    file.write("\ufeff".encode())
    for line in _list_csv_lines(_list_lines(sheet)):
        file.write(line.encode())


def _list_lines(sheet: Sheet) -> Iterator[Sequence[object]]:
    yield sheet.columns
    for row in sheet.rows:
        yield [str(cell).lower() if isinstance(cell, bool) else cell for cell in row]


def _write_xlsx(file: BinaryIO, sheet: Sheet) -> None:
    """Texts are written as texts, so that what begins like a formula or a link is neither."""
    from xlsxwriter import Workbook

    book = Workbook(file, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                           "nan_inf_to_errors": True})
    # The file says nothing of when it was made: the same table is the same file.
    book.set_properties({"created": datetime(2000, 1, 1)})  # noqa: DTZ001  # a document's date has no zone
    page = book.add_worksheet(sheet.name[:31])
    page.freeze_panes(1, 0)
    try:
        for number, line in enumerate(_list_cells(sheet)):
            if number > MOST_XLSX_ROWS:
                raise TooLongError(f"an XLSX file holds {MOST_XLSX_ROWS} rows; choose csv, jsonl or parquet, or fewer")
            for place, cell in enumerate(line):
                if isinstance(cell, str):
                    page.write_string(number, place, cell[:_LONGEST_CELL])
                elif cell is not None:
                    page.write(number, place, cell)
    finally:
        book.close()


def _list_cells(sheet: Sheet) -> Iterator[Row]:
    yield sheet.columns
    yield from sheet.rows


def _write_parquet(file: BinaryIO, sheet: Sheet) -> None:
    import pyarrow
    import pyarrow.parquet

    known = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    schema = pyarrow.schema([(name, known[kind]) for name, kind in sheet.types.items()])
    rows = iter(sheet.rows)
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        while part := list(islice(rows, _PART)):
            columns = [pyarrow.array(cells, kind) for cells, kind in zip(zip(*part, strict=True), schema.types,
                                                                        strict=True)]
            writer.write_table(pyarrow.table(columns, schema=schema))


def _write_jsonl(file: BinaryIO, sheet: Sheet) -> None:
    for row in sheet.rows:
        file.write(orjson.dumps(dict(zip(sheet.columns, row, strict=True))) + b"\n")
