from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from operator_qos.connectors.rows import BadRow, SourceLayoutError
from operator_qos.connectors.tables import TableRow, find_table, get_table, open_table, quoted


def read(tmp_path: Path, content: bytes) -> list[TableRow | BadRow]:
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    return list(open_table(file, ("a", "b")).read())


def test_rows_are_numbered_by_the_line_they_start_on_with_the_header_as_row_one(tmp_path: Path) -> None:
    rows = read(tmp_path, b'a,b\n1,2\n\n"x\ny",4\r\n5,6\n')
    assert [row.row for row in rows] == [2, 4, 6]
    assert isinstance(rows[1], TableRow)
    assert rows[1].values == {"a": "x\ny", "b": "4"}


def test_a_row_with_too_many_or_too_few_fields_is_told_and_the_next_one_read(tmp_path: Path) -> None:
    few, many, good = read(tmp_path, b"a,b\n1\n1,2,3\n5,6\n")
    assert isinstance(few, BadRow)
    assert isinstance(many, BadRow)
    assert (few.row, few.field, few.raw) == (2, "row", "1,")
    assert "1 fields where the header has 2" in few.reason
    assert (many.row, many.raw) == (3, "1,2,3")
    assert isinstance(good, TableRow)


def test_a_field_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    bad, good = read(tmp_path, b"a,b\n1,caf\xe9\n3,4\n")
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.field, bad.raw) == (2, "b", "1,caf\\udce9")
    assert "Save the file as UTF-8" in bad.reason
    assert isinstance(good, TableRow)


def test_a_field_beyond_every_measure_is_told_and_the_next_row_read(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a,b\n1," + b"x" * 200_000 + b"\n3,4\n")
    bad, good = rows
    assert isinstance(bad, BadRow)
    assert bad.row == 2
    assert "not CSV" in bad.reason
    assert isinstance(good, TableRow)
    assert good.row == 3


def test_a_header_without_a_needed_column_names_it_and_the_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,c\n")
    with pytest.raises(SourceLayoutError, match=r"lacks the column b\. It must hold a, b\.") as raised:
        open_table(file, ("a", "b"))
    assert raised.value.file == str(file)


@pytest.mark.parametrize(("content", "words"), [
    (b"", "empty or has no header"), (b"x\n1\n", "lacks the columns a, b"), (b"x" * 200_000, "header .* is not CSV"),
])
def test_a_file_without_its_header_says_so(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SourceLayoutError, match=words):
        open_table(tmp_path / "t.csv", ("a", "b"))


def test_a_file_that_breaks_off_is_told_and_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,x\n" % (n * 7919 % 100_003) for n in range(400_000)))
    (tmp_path / "t.csv.gz").write_bytes(whole[: len(whole) // 2])
    table = open_table(tmp_path / "t.csv.gz", ("a", "b"))
    with pytest.raises(SourceLayoutError, match="damaged or breaks off"):
        list(table.read())


def test_a_table_is_found_plain_or_gzipped_and_missing_otherwise(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a\n")
    (tmp_path / "two.csv.gz").write_bytes(gzip.compress(b"a\n"))
    assert get_table(tmp_path, "one.csv", ("a",)).columns == ("a",)
    assert get_table(tmp_path, "two.csv", ("a",)).columns == ("a",)
    assert find_table(tmp_path, "three.csv", ("a",)) is None
    with pytest.raises(SourceLayoutError, match=r"neither three\.csv nor three\.csv\.gz"):
        get_table(tmp_path, "three.csv", ("a",))


def test_a_value_in_a_reason_is_cut_short() -> None:
    assert quoted("x" * 61) == f"“{'x' * 60}…”"
    assert quoted("x" * 60) == f"“{'x' * 60}”"
