"""Every malformed input is told clearly, kept or told, and harms no other; through the API and through files."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from operator_qos.connectors.cloudevents_jsonl import read_jsonl
from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.rows import BadRow, EventRow
from operator_qos.events.bodies import PLAIN, BodyRefused, Sent, read_documents, to_text
from operator_qos.events.flaws import find_flaw, spell_out, storable
from operator_qos.events.log import canonical
from tests.api.malformed import BODIES, EVENTS
from tests.api.sending import BATCH, Sender, event, list_logged, list_quarantined, statuses
from tests.web.fixtures import NOW

MIB = 1024 * 1024
TEXT = st.text(st.characters(codec="utf-8") | st.just("\ud800"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ANYTHING = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("source", "id", "type", "subject", "marketplace", "shop", "data"), JSON)
)
FRAMED = st.builds(lambda strange: event(5) | strange, ANYTHING)


def test_each_bad_event_of_a_batch_is_told_and_kept_and_its_neighbours_go_on(sender: Sender, engine: Engine) -> None:
    good = [event(number) for number in range(100, 101 + len(EVENTS))]
    texts = [json.dumps(good[0])]
    for case, neighbour in zip(EVENTS, good[1:], strict=True):
        texts += [case.text, json.dumps(neighbour)]
    answer = sender.post(f"[{','.join(texts)}]".encode(), BATCH)
    assert answer.status_code == 200, answer.text
    assert statuses(answer.get_json()) == ["accepted", *["quarantined", "accepted"] * len(EVENTS)]
    told = answer.get_json()["events"][1::2]
    for case, receipt, kept in zip(EVENTS, told, list_quarantined(engine), strict=True):
        assert receipt["field"] == case.field, case.name
        assert case.words in receipt["reason"], case.name
        assert (kept.origin, kept.field, kept.reason) == ("key feed", receipt["field"], receipt["reason"])
        assert json.loads(kept.raw) == json.loads(case.text), case.name
    assert [row.row for row in list_quarantined(engine)] == list(range(2, 2 * len(EVENTS) + 1, 2))
    assert list_logged(engine) == ["halle-fr:morvan", *(document["id"] for document in good)]


def test_a_bad_event_on_its_own_answers_200_as_well(sender: Sender) -> None:
    for case in [case for case in EVENTS if case.text.startswith("{")][::7]:
        answer = sender.post(case.text.encode())
        assert answer.status_code == 200, case.name
        assert (answer.get_json()["quarantined"], answer.get_json()["accepted"]) == (1, 0), case.name


def test_the_tables_hold_many_kinds() -> None:
    assert len({case.words for case in EVENTS}) >= 30
    assert len({case.words for case in BODIES}) >= 10


def test_each_body_that_cannot_be_read_is_told_and_kept_once(sender: Sender, engine: Engine) -> None:
    for number, case in enumerate(BODIES, start=1):
        answer = sender.post(case.body)
        assert (answer.status_code, answer.mimetype) == (400, "application/problem+json"), case.name
        told = answer.get_json(force=True)
        assert case.words in told["detail"], case.name
        assert told["where"].startswith(case.where), case.name
        assert told["kept_in_quarantine"] is True
        assert sender.post(case.body).status_code == 400
        rows = list_quarantined(engine)
        assert len(rows) == number, case.name
        assert (rows[-1].origin, rows[-1].field) == ("key feed", told["where"])
        assert rows[-1].reason == f"Not readable as events: {told['detail']}"
        assert rows[-1].raw == to_text(case.body).replace("\x00", "\\u0000")


def _import(engine: Engine, path: Path) -> list[EventRow | BadRow]:
    rows = list(read_jsonl([path]))
    import_rows(engine, iter(rows), key=path.name, name=path.name, now=NOW)
    return rows


def test_files_tell_and_keep_the_same_bad_events_row_by_row(
    sender: Sender, engine: Engine, tmp_path: Path
) -> None:
    cases = [case for case in EVENTS if not case.text.startswith("[")]  # an array on a line is a batch
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join([*(case.text for case in cases), json.dumps(event(4))]))
    _import(engine, path)
    kept = sorted(list_quarantined(engine), key=lambda row: row.row)
    assert [row.row for row in kept] == list(range(1, len(cases) + 1))
    for row, case in zip(kept, cases, strict=True):
        assert (row.origin, row.raw == "") == (str(path), False)
        if row.field == "line":  # the reader of lines tells it before the event is looked at
            assert "half of a character" in row.reason or "not an event" in row.reason
        else:
            assert row.field == case.field
            assert case.words in row.reason
    assert sum(row.field == "line" for row in kept) == sum("half" in c.words or c.field == "" for c in cases)
    assert list_logged(engine) == ["halle-fr:morvan", "e4"]


def test_files_tell_and_keep_bodies_that_are_no_events_line_by_line(
    sender: Sender, engine: Engine, tmp_path: Path
) -> None:
    lines = [case for case in BODIES if case.line_words and b"\n" not in case.body]
    assert len(lines) >= 12
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([*(case.body for case in lines), json.dumps(event(4)).encode()]))
    _import(engine, path)
    kept = sorted(list_quarantined(engine), key=lambda row: row.row)
    assert [row.row for row in kept] == list(range(1, len(lines) + 1))
    for row, case in zip(kept, lines, strict=True):
        assert case.line_words in row.reason
    assert list_logged(engine) == ["halle-fr:morvan", "e4"]


@pytest.mark.parametrize(
    ("media_type", "headers", "words"),
    [
        ("text/plain", {}, "'text/plain'"),
        ("", {}, "no type"),
        ("multipart/form-data; boundary=x", {}, "'multipart/form-data'"),
        ("application/json; charset=iso-8859-1", {}, "'iso-8859-1' is not taken; send UTF-8"),
        ("application/json", {"Content_Encoding": "br"}, "'br' is not taken; send gzip"),
        ("application/json", {"Content_Encoding": "gzip, gzip"}, "'gzip, gzip' is not taken"),
    ],
)
def test_what_is_not_taken_is_told_with_what_is(
    sender: Sender, media_type: str, headers: dict[str, str], words: str
) -> None:
    answer = sender.post(json.dumps(event(1)).encode(), media_type, **headers)
    assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")
    assert words in answer.get_json(force=True)["detail"]
    assert "application/cloudevents-batch+json" in answer.headers["Accept"]
    assert answer.headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    ("body", "media_type", "words"),
    [
        (b"[]", "application/cloudevents+json", "one event as a JSON object"),
        (b"{}", BATCH, "an array of events"),
        (b"", "application/json", "The body is empty"),
        (b" \r\n\t ", BATCH, "The body is empty"),
        (b"\xef\xbb\xbf", BATCH, "The body is empty"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(sender: Sender, body: bytes, media_type: str, words: str) -> None:
    answer = sender.post(body, media_type)
    assert answer.status_code == 400
    assert words in answer.get_json(force=True)["detail"]


def test_a_byte_order_mark_is_no_part_of_the_events(sender: Sender) -> None:
    assert sender.post(b"\xef\xbb\xbf" + json.dumps(event(1)).encode()).get_json()["accepted"] == 1


def test_a_gzip_bomb_is_refused_without_being_unpacked(sender: Sender, engine: Engine) -> None:
    bomb = gzip.compress(b" " * (200 * MIB), compresslevel=1)
    assert len(bomb) < 2 * MIB
    answer = sender.post(bomb, Content_Encoding="gzip")
    assert answer.status_code == 413
    told = answer.get_json(force=True)
    assert (told["max_bytes"], told["kept_in_quarantine"]) == (16 * MIB, False)
    assert sender.post(gzip.compress(b" " * (9 * MIB)) * 2, Content_Encoding="gzip").status_code == 413
    assert list_quarantined(engine) == []


def test_broken_gzip_is_told_and_kept_so_that_it_can_be_fetched_again(sender: Sender, engine: Engine) -> None:
    packed = gzip.compress(json.dumps([event(n) for n in range(50)]).encode())
    spoilt = packed[:40] + b"!" + packed[41:]
    for broken, words in ((packed[:-20], "breaks off"), (spoilt, "whole gzip"), (b"{}", "header")):
        answer = sender.post(broken, Content_Encoding="gzip")
        assert answer.status_code == 400
        assert words in answer.get_json(force=True)["detail"]
    first = list_quarantined(engine)[0].raw
    assert base64.b64decode(first.removeprefix("data:application/gzip;base64,")) == packed[:-20]


def test_a_plain_body_beyond_the_limit_is_refused(sender: Sender) -> None:
    answer = sender.post(b" " * (16 * MIB + 1))
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    assert "16,777,216 bytes" in answer.get_json(force=True)["detail"]


def test_unreadable_bodies_are_kept_up_to_one_mebibyte(sender: Sender, engine: Engine) -> None:
    kept = sender.post(b"x" * MIB)
    lost = sender.post(b"x" * (MIB + 1))
    assert (kept.status_code, lost.status_code) == (400, 400)
    assert kept.get_json(force=True)["kept_in_quarantine"] is True
    assert lost.get_json(force=True)["kept_in_quarantine"] is False
    assert [len(row.raw) for row in list_quarantined(engine)] == [MIB]


def test_an_event_beyond_a_million_characters_is_kept_in_part_and_told(sender: Sender, engine: Engine) -> None:
    huge = event(1, "qos.message.sent", data={"author": "buyer", "note": "é" * 2_000_000})
    answer = sender.send(huge, event(2))
    assert statuses(answer) == ["quarantined", "accepted"]
    assert "at most 1000000 are allowed" in answer["events"][0]["reason"]
    assert len(list_quarantined(engine)[0].raw) == 1_000_000


def test_an_escaped_backslash_before_u0000_is_no_nul(sender: Sender) -> None:
    said = event(1, "qos.message.sent", data={"author": "buyer", "body": "C:\\u0000"})
    assert statuses(sender.send(said)) == ["accepted"]


@given(document=JSON)
def test_the_slow_writer_says_what_json_says(document: object) -> None:
    text = spell_out(document)
    assert json.loads(text) == document
    assert canonical(json.loads(text)) == canonical(document)
    if find_flaw(document) is None:
        assert storable(text) == text.replace("\x00", "")


@given(body=st.binary(max_size=60) | st.text("[]{}\",:0189.eE+-\\ud truefalsn", max_size=60).map(str.encode))
def test_any_bytes_are_documents_or_refused(body: bytes) -> None:
    try:
        assert isinstance(read_documents(Sent(body, PLAIN), body), list)
    except BodyRefused as refused:
        assert refused.status == 400
        (refused.detail + refused.where).encode()


def test_any_json_in_any_field_gets_a_status(sender: Sender, engine: Engine) -> None:
    found: list[dict[str, object]] = []

    @given(document=FRAMED)
    def collect(document: dict[str, object]) -> None:
        found.append(document)

    collect()
    assert len(found) >= 50
    answer = sender.post(json.dumps(found[:1000]).encode(), BATCH)
    assert answer.status_code == 200
    assert len(answer.get_json()["events"]) == len(found[:1000])
    assert "event" not in {row.field for row in list_quarantined(engine)}
