"""XLSX, row by row: values as they stand in the cells, formulas by their last result."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, time
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import IO, Any

from operator_qos.connectors.formats.records import (
    BadRecord,
    Hints,
    Layout,
    Record,
    RecordFile,
    Records,
    checked,
    damage_told,
)
from operator_qos.connectors.formats.text_tables import check_names
from operator_qos.connectors.rows import SourceLayoutError

MAX_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024
# Excel holds every text once in a list that must be in memory.
MAX_TEXTS_BYTES = 256 * 1024 * 1024
_FORMULA = (b"<f>", b"<f ", b"<f/")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})


def open_spreadsheet(path: Path, content: IO[bytes], hints: Hints, packing: str) -> RecordFile:
    """A sheet of an XLSX file that is open already, its first unless another is named. Raises SourceLayoutError."""
    _check_size(path, content)
    try:
        with closing(_open(content, values=True)) as book:
            sheet = _choose_sheet(path, book.sheetnames, hints.sheet)
            first = next(book[sheet].iter_rows(max_row=1, values_only=True), ())
    except SourceLayoutError:
        raise
    except Exception as error:  # what a broken book raises is of many kinds
        what = f"The file is no whole XLSX ({type(error).__name__})."
        raise SourceLayoutError(str(path), what, "Open it in a spreadsheet and save it again.") from error
    columns = check_names(path, ["" if name is None else str(name).strip() for name in first])
    layout = Layout("xlsx", packing, columns, sheet=sheet)
    return RecordFile(layout, lambda: damage_told(_read(content, layout)))


def _open(content: IO[bytes], *, values: bool) -> Any:
    from openpyxl import load_workbook

    content.seek(0)
    return load_workbook(content, read_only=True, data_only=values, keep_links=False)


def _check_size(path: Path, content: IO[bytes]) -> None:
    """A book may unpack to a thousand times its size; nothing of it is unpacked before this."""
    try:
        with zipfile.ZipFile(content) as book:
            sizes = {part.filename: part.file_size for part in book.infolist()}
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        what = f"The file is no whole XLSX ({error})."
        raise SourceLayoutError(str(path), what, "Open it in a spreadsheet and save it again.") from error
    texts = sum(size for name, size in sizes.items() if name.endswith("sharedStrings.xml"))
    if sum(sizes.values()) > MAX_UNPACKED_BYTES or texts > MAX_TEXTS_BYTES:
        what = f"The file unpacks to {sum(sizes.values()) // 1024 // 1024:,} MB, more than is read from a spreadsheet."
        raise SourceLayoutError(str(path), what, "Export it as CSV.")


def _choose_sheet(path: Path, names: Sequence[str], wanted: str) -> str:
    if not wanted and names:
        return names[0]
    if wanted in names:
        return wanted
    raise SourceLayoutError(str(path), f"There is no sheet {wanted!r}.", f"Its sheets are {', '.join(names)[:500]}.")


def _read(content: IO[bytes], layout: Layout) -> Records:
    with closing(_open(content, values=True)) as book:
        rows = (tuple(map(_value, cells)) for cells in book[layout.sheet].iter_rows(min_row=2))
        for row, (cells, formulas) in enumerate(zip(rows, _formulas(content, layout), strict=False), 2):
            if any(cell is not None for cell in cells) or formulas is not None:
                yield _record(row, cells, formulas, layout.columns)


def _formulas(content: IO[bytes], layout: Layout) -> Iterator[Sequence[Any] | None]:
    """The formulas of each row, None in a book without any: reading a sheet a second time takes as long again."""
    if not _has_formulas(content):
        yield from repeat(None)
    with closing(_open(content, values=False)) as book:
        for cells in book[layout.sheet].iter_rows(min_row=2, values_only=True):
            found = [cell if isinstance(cell, str) and cell.startswith("=") else None for cell in cells]
            yield found if any(found) else None


def _has_formulas(content: IO[bytes]) -> bool:
    content.seek(0)
    with zipfile.ZipFile(content) as book:
        sheets = [part for part in book.infolist() if part.filename.startswith("xl/worksheets/")]
        return any(_holds_formula(book, part) for part in sheets)


def _holds_formula(book: zipfile.ZipFile, part: zipfile.ZipInfo) -> bool:
    with book.open(part) as sheet:
        last = b""
        while chunk := sheet.read(1024 * 1024):
            if any(mark in last + chunk for mark in _FORMULA):
                return True
            last = chunk[-3:]
    return False


def _record(
    row: int, cells: Sequence[Any], formulas: Sequence[Any] | None, columns: tuple[str, ...]
) -> Record | BadRecord:
    values = {name: cells[place] if place < len(cells) else None for place, name in enumerate(columns)}
    for place, formula in enumerate(formulas or ()):
        if formula is not None and place < len(columns) and values[columns[place]] is None:
            reason = f"{columns[place]} is a formula without a result ({formula[:60]}). Paste its value."
            return BadRecord(row, columns[place], reason, {**values, columns[place]: formula})
    wrong = next((name for name, value in values.items() if isinstance(value, str) and value in _ERRORS), None)
    if wrong is not None:
        return BadRecord(row, wrong, f"{wrong} is {values[wrong]}, an error of the spreadsheet. Correct it.", values)
    return checked(row, values)


def _value(cell: Any) -> object:
    value: object = cell.value
    if isinstance(value, float) and value.is_integer():
        return int(value)  # a spreadsheet knows no whole numbers
    if isinstance(value, datetime) and value.time() == time(0) and _shows_a_day(cell.number_format):
        return value.date()  # nor days: only how the cell is shown tells one from a midnight
    return value.isoformat() if isinstance(value, time) else value


@lru_cache
def _shows_a_day(number_format: str) -> bool:
    from openpyxl.styles.numbers import is_datetime  # loaded with a book

    return bool(is_datetime(number_format) == "date")
