from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.connectors.cloudevents_jsonl import read_jsonl
from operator_qos.connectors.rows import BadRow, EventRow, SourceLayoutError

EVENT = b'{"specversion": "1.0", "id": "e1"}'


def read(tmp_path: Path, content: bytes, name: str = "events.jsonl") -> list[EventRow | BadRow]:
    file = tmp_path / name
    file.write_bytes(content)
    return list(read_jsonl([file]))


def test_an_event_keeps_its_file_its_row_and_every_field(tmp_path: Path) -> None:
    rows = read(tmp_path, b'\n{"id": "e1", "data": {"rating": 1, "share": 0.5}}\r\n  \n' + EVENT)
    file = str(tmp_path / "events.jsonl")
    assert rows == [
        EventRow(file, 2, {"id": "e1", "data": {"rating": 1, "share": 0.5}}),
        EventRow(file, 4, {"specversion": "1.0", "id": "e1"}),
    ]


def test_gzip_is_recognised_by_its_content_not_its_name(tmp_path: Path) -> None:
    packed = gzip.compress(EVENT + b"\n" + EVENT)
    assert [row.row for row in read(tmp_path, packed, "a.gz")] == [1, 2]
    assert [row.row for row in read(tmp_path, packed, "a.jsonl")] == [1, 2]


def test_a_byte_order_mark_is_no_part_of_the_first_event(tmp_path: Path) -> None:
    assert isinstance(read(tmp_path, b"\xef\xbb\xbf" + EVENT)[0], EventRow)


def test_a_batch_gives_one_row_per_event_and_tells_the_element_that_is_none(tmp_path: Path) -> None:
    rows = read(tmp_path, b'[{"id": "a"}, 7, {"id": "b"}]\n[]')
    assert [row.event["id"] for row in rows if isinstance(row, EventRow)] == ["a", "b"]
    assert [(r.row, r.field, r.raw) for r in rows if isinstance(r, BadRow)] == [(1, "[1]", "7")]


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        (b'{"id": "\xff"}', "line", "not UTF-8 (byte 9"),
        (b'{"id": ', "line", "not JSON"),
        (b'{"id": "a"} {"id": "b"}', "line", "not JSON"),
        (b"7", "line", "a number, not an event"),
        (b'"text"', "line", "a text, not an event"),
        (b"null", "line", "null, not an event"),
        (b"[[]]", "[0]", "an array, not an event"),
        (b'{"id": "a", "data": {"by": 1, "by": 2}}', "by", "given twice"),
        (b'{"id": NaN}', "line", "NaN is not JSON"),
        (b'{"id": -Infinity}', "line", "-Infinity is not JSON"),
        (b'{"id": 1e999}', "line", "too large"),
        (b'{"id": ' + b"9" * 5000 + b"}", "line", "too many digits"),
        (b"[" * 100_000, "line", "nested too deeply"),
        (b'{"id": "\\ud800"}', "line", "half of a character"),
        (b'{"id": "' + b"x" * (1024 * 1024) + b'"}', "line", "longer than 1,048,576 bytes"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_event_is_told_and_the_next_one_read(
    tmp_path: Path, line: bytes, field: str, words: str
) -> None:
    bad, good = read(tmp_path, line + b"\n" + EVENT)
    assert isinstance(bad, BadRow)
    assert (bad.file, bad.row, bad.field) == (str(tmp_path / "events.jsonl"), 1, field)
    assert words in bad.reason
    assert bad.reason.endswith(".")
    assert isinstance(good, EventRow)
    assert good.row == 2


def test_a_line_of_exactly_one_mebibyte_is_read_and_a_longer_one_is_kept_in_part(tmp_path: Path) -> None:
    fits = b'{"id": "' + b"x" * (1024 * 1024 - 10) + b'"}'
    good, bad = read(tmp_path, fits + b"\r\n" + fits + b" ")
    assert isinstance(good, EventRow)
    assert isinstance(bad, BadRow)
    assert len(bad.raw) == 2000


def test_the_raw_line_is_kept_for_repair(tmp_path: Path) -> None:
    (bad,) = read(tmp_path, b'{"id": "caf\xe9"')
    assert isinstance(bad, BadRow)
    assert bad.raw == '{"id": "caf\\xe9"'


def test_a_file_that_breaks_off_keeps_its_good_rows_and_the_next_file_is_read(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b'{"id": "%d"}\n' % n for n in range(20_000)))
    (tmp_path / "broken.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "next.jsonl").write_bytes(EVENT)
    rows = list(read_jsonl([tmp_path / "broken.gz", tmp_path / "next.jsonl"]))
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    kept = rows.index(bad)
    assert kept > 100
    assert (bad.row, bad.field) == (kept + 1, "file")
    assert isinstance(rows[-1], EventRow)
    assert Path(rows[-1].file).name == "next.jsonl"


def test_a_missing_file_is_told_before_the_first_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(EVENT)
    with pytest.raises(SourceLayoutError, match=r"no\.jsonl: There is no such file\. Check the path"):
        read_jsonl([tmp_path / "a.jsonl", tmp_path / "no.jsonl"])


def test_standard_input_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BufferedReader(io.BytesIO(EVENT + b"\n")))
    monkeypatch.setattr(sys, "stdin", stream)
    (row,) = read_jsonl(["-"])
    assert isinstance(row, EventRow)
    assert (row.file, row.row) == ("-", 1)
    assert not stream.buffer.closed


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), max_size=5))
def test_whatever_json_writes_comes_back_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, object]]
) -> None:
    lines = "\n".join(json.dumps(event) for event in events)
    rows = read(tmp_path_factory.mktemp("jsonl"), lines.encode())
    assert [row.event for row in rows if isinstance(row, EventRow)] == events
