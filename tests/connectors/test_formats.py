"""Tables of every kind, and what is wrong with them: a row and a field are named, and good rows go on."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from operator_qos.connectors.formats.opening import open_records
from operator_qos.connectors.formats.records import BadRecord, Hints, Record
from operator_qos.connectors.rows import SourceLayoutError

ROWS = [{"order": "A1", "shop": "café", "amount": "12,50"}, {"order": "A2", "shop": "x;y", "amount": "3"}]
TEXT = 'order,shop,amount\nA1,café,"12,50"\nA2,x;y,3\n'


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def read(path: Path, hints: Hints = Hints()) -> list[Record | BadRecord]:  # noqa: B008  # frozen
    return list(open_records(path, hints).read())


def values(path: Path) -> list[dict[str, object]]:
    return [dict(row.values or {}) for row in read(path)]


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_the_same_table_reads_the_same_however_it_is_written_and_packed(tmp_path: Path, pack: type[bytes]) -> None:
    book = Workbook()
    for row in [list(ROWS[0]), *(list(row.values()) for row in ROWS)]:
        book.active.append(row)
    book.save(tmp_path / "book")
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "parquet")
    contents = {
        "comma": TEXT.encode(), "tab": TEXT.replace(",", "\t").replace('"12\t50"', "12,50").encode(),
        "semicolon": 'order;shop;amount\r\nA1;café;12,50\r\nA2;"x;y";3\r\n'.encode(),
        "utf-16": TEXT.encode("utf-16"), "bom": b"\xef\xbb\xbf" + TEXT.encode(),
        "jsonl": "\n".join(map(json.dumps, ROWS)).encode(),
        "xlsx": (tmp_path / "book").read_bytes(), "parquet": (tmp_path / "parquet").read_bytes(),
    }
    for name, content in contents.items():
        assert values(write(tmp_path / name, pack(content))) == ROWS, name


def test_two_gzip_parts_one_after_the_other_are_one_table(tmp_path: Path) -> None:
    packed = gzip.compress(TEXT.encode()) + gzip.compress(b"A3,z,4\n")
    assert [row["order"] for row in values(write(tmp_path / "a", packed))] == ["A1", "A2", "A3"]


def test_latin_text_is_recognised_and_marked_as_a_guess(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", TEXT.encode("cp1252"))
    layout = open_records(path).layout
    assert (layout.encoding, layout.is_guessed, layout.delimiter) == ("windows-1252", True, ",")
    assert values(path) == ROWS


def test_a_broken_letter_in_a_file_of_utf8_names_row_and_field_and_spares_the_rest(tmp_path: Path) -> None:
    content = "a,b\né,ü\n".encode() + b"1,caf\xe9\n" + "ö,4\n".encode()
    good, bad, last = read(write(tmp_path / "a.csv", content))
    assert isinstance(bad, BadRecord)
    assert (bad.row, bad.field) == (3, "b")
    assert bad.values == {"a": "1", "b": "caf\\udce9"}
    assert isinstance(good, Record)
    assert isinstance(last, Record)


def test_a_quote_that_is_never_closed_takes_its_own_row_only(tmp_path: Path) -> None:
    lines = ["a,b", '1,"open', *(f"{number},x" for number in range(2, 3_000)), '9,"y"']
    rows = read(write(tmp_path / "a.csv", "\n".join(lines).encode()))
    bad = [row for row in rows if isinstance(row, BadRecord)]
    assert [(row.row, row.field) for row in bad] == [(2, "row")]
    assert [row.values["a"] for row in rows if isinstance(row, Record)] == [*map(str, range(2, 3_000)), "9"]


def test_rows_of_the_wrong_width_keep_what_they_hold_for_repair(tmp_path: Path) -> None:
    few, many, empty_end, good = read(write(tmp_path / "a.csv", b"a,b\n1\n1,2,3\n1,2,,\n3,4\n"))
    assert isinstance(few, BadRecord)
    assert isinstance(many, BadRecord)
    assert (few.values, many.values) == ({"a": "1", "b": ""}, {"a": "1", "b": "2", "column 3": "3"})
    assert "1 fields where the header has 2" in few.reason
    assert [row.values for row in (empty_end, good)] == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize(("content", "field", "words"), [
    (b"a,b\n1," + b"x" * 2_000_000 + b"\n3,4\n", "row", "longer than a megabyte"),
    (b"a,b\n1," + b"x" * 200_000 + b"\n3,4\n", "row", "not CSV"),
    (b"a,b\n1," + b"x" * 110_000 + b"\n3,4\n", "b", "longer than 100,000 characters"),
])
def test_a_huge_field_is_told_and_the_next_row_read(tmp_path: Path, content: bytes, field: str, words: str) -> None:
    bad, good = read(write(tmp_path / "a.csv", content))
    assert isinstance(bad, BadRecord)
    assert (bad.row, bad.field) == (2, field)
    assert words in bad.reason
    assert isinstance(good, Record)
    assert good.values == {"a": "3", "b": "4"}


def test_json_lines_name_objects_within_with_dots_and_tell_what_is_no_object(tmp_path: Path) -> None:
    first, second, third = read(write(tmp_path / "a", b'{"a": {"b": 1, "c": [2]}}\n[3]\n{"a": \n'))
    assert isinstance(first, Record)
    assert first.values == {"a.b": 1, "a.c": [2]}
    assert [(row.row, row.field) for row in (second, third) if isinstance(row, BadRecord)] == [(2, "line"), (3, "line")]


def test_spreadsheets_give_values_and_name_formulas_without_a_result_and_errors(tmp_path: Path) -> None:
    book = Workbook()
    at = datetime(2026, 3, 1, 10)  # noqa: DTZ001  # spreadsheets know no zones
    for row in (["a", "at"], ["1", at], ["=1+1", at], ["#N/A", at], [5.0, at]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    good, formula, error, number = read(tmp_path / "a.xlsx")
    assert [row.values for row in (good, number)] == [{"a": "1", "at": at}, {"a": 5, "at": at}]
    assert isinstance(formula, BadRecord)
    assert (formula.row, formula.field) == (3, "a")
    assert "is a formula without a result (=1+1)" in formula.reason
    assert isinstance(error, BadRecord)
    assert (error.row, error.field) == (4, "a")


def test_a_cell_that_shows_a_day_gives_a_day_and_one_that_shows_midnight_a_moment(tmp_path: Path) -> None:
    book = Workbook()
    midnight = datetime(2026, 3, 1)  # noqa: DTZ001  # spreadsheets know no zones
    book.active.append(["day", "at"])
    book.active.append([midnight, midnight])
    book.active["A2"].number_format = "dd/mm/yyyy"
    book.save(tmp_path / "a.xlsx")
    assert values(tmp_path / "a.xlsx") == [{"day": midnight.date(), "at": midnight}]


def cut_sheet(path: Path, whole: Path) -> None:
    with zipfile.ZipFile(whole) as book, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as cut:
        for part in book.infolist():
            content = book.read(part)
            cut.writestr(part, content[: len(content) // 2] if "sheet1" in part.filename else content)


def test_a_book_or_parquet_that_is_damaged_further_on_gives_the_rows_before_and_says_so(tmp_path: Path) -> None:
    book = Workbook()
    for number in range(100):
        book.active.append([f"a{number}"])
    book.save(tmp_path / "whole.xlsx")
    cut_sheet(tmp_path / "cut.xlsx", tmp_path / "whole.xlsx")
    pq.write_table(pa.table({"at": pa.array([2**62], pa.timestamp("us"))}), tmp_path / "odd.parquet")
    for name, rows in (("cut.xlsx", 30), ("odd.parquet", 0)):
        found = []
        with pytest.raises(OSError, match="Error: "):  # what came before is kept
            for row in open_records(tmp_path / name).read():
                found.append(row)
        assert len(found) >= rows


def test_a_packed_bomb_is_stopped_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"a,b\n")
        for _ in range(20):
            file.write((b"1," + b"x" * 90_000 + b"\n") * 11)
    with pytest.raises(OSError, match="unpacks to more than 200 times its size"):
        read(path)


def test_a_spreadsheet_that_unpacks_to_too_much_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    book = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with book, book.open("xl/sharedStrings.xml", "w") as part:
        for _ in range(257):
            part.write(b" " * 1024 * 1024)
    with pytest.raises(SourceLayoutError, match="more than is read from a spreadsheet"):
        open_records(path)


@pytest.mark.parametrize(("content", "words"), [
    (b"", "empty or has no header"), (b"a,a\n1,2\n", "names the column “a” twice"),
    (b"\xd0\xcf\x11\xe0old", "old Excel book"), (b"PAR1 not really", "no whole Parquet"),
    (b"PK\x03\x04 not really", "no whole XLSX"), (b"a\x00b,c\n", "holds zero bytes"),
    (gzip.compress(b"a,b\n1,2\n" * 1000, mtime=0)[:40], "damaged"), (b"(\xb5/\xfd broken", "damaged"),
    (b"[1, 2]\n3\n", "No line of the file is a JSON object"),
    (b",".join(b"c%d" % place for place in range(1_001)) + b"\n", "at most 1,000 are read"),
])
def test_a_file_that_is_no_table_says_so_and_what_to_do(tmp_path: Path, content: bytes, words: str) -> None:
    path = write(tmp_path / "odd", content)
    with pytest.raises(SourceLayoutError, match=words) as raised:
        open_records(path)
    assert raised.value.file == str(path)
    assert raised.value.what_to_do


def test_an_unknown_sheet_or_encoding_names_those_there_are(tmp_path: Path) -> None:
    book = Workbook()
    book.active.append(["a"])
    book.save(tmp_path / "a.xlsx")
    with pytest.raises(SourceLayoutError, match="Its sheets are Sheet"):
        open_records(tmp_path / "a.xlsx", Hints(sheet="Orders"))
    for encoding in ("klingon", "base64", "idna", "undefined", "a\0b"):
        with pytest.raises(SourceLayoutError, match="is no encoding"):
            open_records(write(tmp_path / "a.csv", b"a\n"), Hints(encoding=encoding))


def test_letters_that_an_encoding_stumbles_over_are_of_their_row_only(tmp_path: Path) -> None:
    bad, good = read(write(tmp_path / "a.csv", b"a,b\n1,+\xff\n3,4\n"), Hints(encoding="utf-7"))
    assert isinstance(bad, BadRecord)
    assert isinstance(good, Record)


def test_parquet_keeps_kinds_and_names_parts_of_objects(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    table = pa.Table.from_pylist([{"n": 1, "at": at, "o": {"x": "y"}, "l": ["a"]}])
    pq.write_table(table, tmp_path / "a")
    assert open_records(tmp_path / "a").layout.columns == ("n", "at", "o.x", "l")
    assert values(tmp_path / "a") == [{"n": 1, "at": at, "o.x": "y", "l": ["a"]}]


@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = write(tmp_path_factory.mktemp("any") / "a", b"a,b\n" + content + b"\n7,8\n")
    try:
        rows = read(path)
    except SourceLayoutError:
        assert b"\x00" in content
        return
    assert all(row.row >= 1 for row in rows)
    if b'"' not in content and b"\r" not in content and open_records(path).layout.delimiter == ",":
        assert rows[-1].values == {"a": "7", "b": "8"}
