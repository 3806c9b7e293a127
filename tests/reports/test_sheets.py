"""Files for other programs hold what was given, and nothing in them runs."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc
import zipfile
from tempfile import TemporaryFile

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.sheets import FORMATS, Sheet, TooLongError, write_sheet, write_sheet_to

TYPES: dict[str, type] = {"name": str, "count": int, "share": float, "official": bool}
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)
TEXTS = st.none() | WORDS | st.sampled_from(
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "http://x.example", "{=1}", "é", "a,b\"c"])
ROWS = st.lists(st.tuples(TEXTS, st.none() | st.integers(-(2**53), 2**53),
                          st.none() | st.floats(allow_nan=False, allow_infinity=False), st.none() | st.booleans()),
                max_size=4)


@given(ROWS)
def test_parquet_and_json_lines_hold_exactly_what_was_given(rows: list[tuple[object, ...]]) -> None:
    sheet = Sheet("things", TYPES, rows)  # type: ignore[arg-type]
    expected = [dict(zip(TYPES, row, strict=True)) for row in rows]
    assert pyarrow.parquet.read_table(io.BytesIO(write_sheet(sheet, "parquet"))).to_pylist() == expected
    assert [json.loads(line) for line in write_sheet(sheet, "jsonl").splitlines()] == expected


@given(ROWS)
def test_no_cell_of_a_csv_is_a_formula(rows: list[tuple[object, ...]]) -> None:
    content = write_sheet(Sheet("things", TYPES, rows), "csv").decode("utf-8-sig")  # type: ignore[arg-type]
    head, *lines = csv.reader(io.StringIO(content))
    assert (head, len(lines)) == (list(TYPES), len(rows))
    for line, row in zip(lines, rows, strict=True):
        assert not line[0].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert line[0].removeprefix("'") == str(row[0] or "").removeprefix("'")
        assert line[1:] == ["" if cell is None else str(cell).lower() if isinstance(cell, bool) else str(cell)
                            for cell in row[1:]]


def test_no_cell_of_a_workbook_is_a_formula_or_a_link() -> None:
    rows = [("=1+1", 1, 0.5, True), ("{=1}", None, None, False), ("https://x.example", -1, 1e9, None)]
    content = write_sheet(Sheet("things", TYPES, rows), "xlsx")
    files = zipfile.ZipFile(io.BytesIO(content))
    page = files.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in page
    assert "hyperlink" not in page
    texts = re.findall(r'<c r="A?\w+" t="inlineStr"><is><t[^>]*>([^<]*)</t>', page)
    assert texts == [*TYPES, "=1+1", "{=1}", "https://x.example"]
    assert re.findall(r'<c r="C\d"><v>([^<]+)</v>', page) == ["0.5", "1000000000"]


@pytest.mark.parametrize("form", FORMATS)
def test_columns_are_chosen_and_ordered_and_no_row_is_a_table_too(form: str) -> None:
    sheet = Sheet("things", TYPES, [("a", 1, 0.5, True)]).pick(["count", "name"])
    assert (sheet.columns, list(sheet.rows)) == (("count", "name"), [(1, "a")])
    assert write_sheet(Sheet("things", TYPES, []), form) is not None
    with pytest.raises(KeyError):
        sheet.pick(["official"])


@pytest.mark.parametrize("form", FORMATS)
def test_a_table_is_written_row_by_row_and_never_held_whole(form: str) -> None:
    rows, most = 60_000, 12_000_000
    sheet = Sheet("things", {"name": str, "count": int}, ((f"N{row}" * 20, row) for row in range(rows)))
    with TemporaryFile() as file:
        write_sheet_to(file, Sheet("first", {"name": str}, [("a",)]), form)  # libraries are loaded and stay
        file.seek(0)
        tracemalloc.start()
        write_sheet_to(file, sheet, form)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < most


def test_more_rows_than_a_workbook_holds_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operator_qos.sheets.MOST_XLSX_ROWS", 3)
    assert write_sheet(Sheet("things", {"count": int}, [(row,) for row in range(3)]), "xlsx")[:2] == b"PK"
    with pytest.raises(TooLongError, match="3 rows; choose csv"):
        write_sheet(Sheet("things", {"count": int}, [(row,) for row in range(4)]), "xlsx")
