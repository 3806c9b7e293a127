from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from operator_qos.connectors.helpdesk import plan_helpdesk
from operator_qos.connectors.rows import BadRow, EventRow, SourceLayoutError
from tests.connectors.replies_fixture import write_helpdesk_fixture
from tests.connectors.samples import HELPDESK_HEADER, bad_of, briefly, events_of, places_of, write_lines


def plan(tmp_path: Path, *lines: str) -> list[EventRow | BadRow]:
    return list(plan_helpdesk(write_lines(tmp_path / "log.csv", [HELPDESK_HEADER, *lines])).rows)


def activity(index: int, name: str, *, hour: int, case: str = "C1", who: str = "Value 2") -> str:
    return f"{case},{index},2013-03-01T{hour:02d}:00:00.000+02:00,{name},{who}"


def effects(tmp_path: Path, *names: str) -> list[str]:
    """The effects of a ticket's activities, one an hour, without its opening."""
    lines = [activity(n, name, hour=n) for n, name in enumerate(("Assign seriousness", *names))]
    return [event_id.removeprefix("C1:") for event_id, _, _ in briefly(plan(tmp_path, *lines))][2:]


def test_the_first_activity_opens_the_case_and_asks_at_the_shop_of_its_person(tmp_path: Path) -> None:
    lines = (activity(0, "Assign seriousness", hour=8), activity(1, "Closed", hour=9, who="Value 5"))
    rows = plan(tmp_path, *lines)
    common = {
        "specversion": "1.0", "source": "/helpdesk", "subject": "C1", "marketplace": "helpdesk",
        "shop": "Value 2",
    }  # fmt: skip
    assert events_of(rows) == [
        {**common, "type": "qos.case.opened", "id": "C1:0:opened", "time": "2013-03-01T06:00:00Z",
         "data": {"kind": "claim"}},
        {**common, "type": "qos.message.sent", "id": "C1:0:asked", "time": "2013-03-01T06:00:00Z",
         "data": {"author": "buyer", "to": ["seller"], "channel": "ticket", "case": "C1"}},
        {**common, "type": "qos.case.closed", "id": "C1:1:closed", "time": "2013-03-01T07:00:00Z",
         "data": {"by": "seller"}},
    ]  # fmt: skip
    assert isinstance(rows[0], EventRow)
    assert (rows[0].row, rows[0].event["type"], rows[0].event["subject"]) == (2, "qos.shop.opened", "Value 2")
    assert isinstance(rows[-1], EventRow)
    assert (rows[-1].file, rows[-1].row) == (str(tmp_path / "log.csv"), 3)


def test_taking_in_charge_answers_the_buyer_even_as_the_first_activity(tmp_path: Path) -> None:
    rows = plan(tmp_path, activity(0, "Take in charge ticket", hour=8))
    assert [line[0] for line in briefly(rows)] == ["C1:0:opened", "C1:0:asked", "C1:0:taken"]
    assert events_of(rows)[2]["data"] == {
        "author": "seller", "to": ["buyer"], "channel": "ticket", "case": "C1",
    }  # fmt: skip


def test_a_wait_gives_the_buyer_the_ball_until_the_next_activity(tmp_path: Path) -> None:
    assert effects(tmp_path, "Wait", "Require upgrade", "Closed") == ["1:wait", "2:back", "3:closed"]
    rows = plan(
        tmp_path, activity(0, "Wait", hour=8), activity(1, "Wait", hour=9), activity(2, "Closed", hour=10)
    )
    passed = [(e["id"], e["data"]["to"]) for e in events_of(rows) if e["type"] == "qos.case.ball_passed"]
    assert passed == [
        ("C1:0:wait", "buyer"), ("C1:1:back", "seller"), ("C1:1:wait", "buyer"), ("C1:2:back", "seller"),
    ]  # fmt: skip


def test_the_ball_comes_back_before_it_goes_again_in_the_order_of_ids(tmp_path: Path) -> None:
    first, second = effects(tmp_path, "Wait", "Wait")[1:]
    assert [first, second] == ["2:back", "2:wait"] == sorted([first, second])


def test_after_a_resolution_all_but_resolving_and_closing_reopens_once(tmp_path: Path) -> None:
    assert effects(tmp_path, "Resolve ticket", "Resolve ticket", "Closed", "Closed") == [
        "1:resolved", "2:resolved", "3:closed", "4:closed",
    ]  # fmt: skip
    assert effects(tmp_path, "Resolve ticket", "VERIFIED", "Require upgrade") == ["1:resolved", "2:reopened"]
    assert effects(tmp_path, "Resolve ticket", "Closed", "Take in charge ticket", "Resolve ticket") == [
        "1:resolved", "2:closed", "3:reopened", "3:taken", "4:resolved",
    ]  # fmt: skip
    assert effects(tmp_path, "Resolve ticket", "Wait") == ["1:resolved", "2:reopened", "2:wait"]


def test_closing_without_a_resolution_reopens_nothing(tmp_path: Path) -> None:
    assert effects(tmp_path, "Closed", "Assign seriousness") == ["1:closed"]


def test_rows_of_one_second_keep_the_order_of_their_numbers(tmp_path: Path) -> None:
    lines = [activity(n, name, hour=8) for n, name in ((10, "Closed"), (9, "Resolve ticket"), (2, "Wait"))]
    assert [line[0] for line in briefly(plan(tmp_path, *lines))] == [
        "C1:2:opened", "C1:2:asked", "C1:2:wait", "C1:9:back", "C1:9:resolved", "C1:10:closed",
    ]  # fmt: skip


def test_offsets_of_summer_and_winter_are_read(tmp_path: Path) -> None:
    lines = ("C1,0,2010-01-13T08:40:25.000+02:00,VERIFIED,V", "C2,0,2010-07-13T00:40:25.000+03:00,VERIFIED,V")
    times = {line[2] for line in briefly(plan(tmp_path, *lines))}
    assert times == {"2010-01-13T06:40:25Z", "2010-07-12T21:40:25Z"}


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        ("C1,1,2013-03-01T09:00:00,Closed,V", "time:timestamp", "not a time with an offset"),
        ("C1,1,yesterday,Closed,V", "time:timestamp", "“yesterday”"),
        ("C1,1,0001-01-01T00:00:00+02:00,Closed,V", "time:timestamp", "not a time"),
        ("C1,,2013-03-01T09:00:00+02:00,Closed,V", "event_idx", "is empty"),
        ("C1,one,2013-03-01T09:00:00+02:00,Closed,V", "event_idx", "“one”"),
        ("C1,1,2013-03-01T09:00:00+02:00,,V", "concept:name", "is empty"),
        ("C1,1,2013-03-01T09:00:00+02:00,Closed,", "org:resource", "is empty"),
    ],
)
def test_a_bad_row_holds_back_its_ticket_and_no_other(
    tmp_path: Path, row: str, field: str, words: str
) -> None:
    whole = activity(0, "Assign seriousness", hour=8)
    rows = plan(tmp_path, whole, row, whole.replace("C1", "C2"))
    held, bad = sorted(bad_of(rows), key=lambda found: found.row)
    assert (bad.row, bad.field) == (3, field)
    assert words in bad.reason
    assert bad.reason.endswith("Its ticket C1 waits for it.")
    assert (held.row, held.field, held.raw) == (2, "case_id", whole)
    assert held.reason.startswith("Row 3 of the same ticket cannot be read.")
    assert {event["subject"] for event in events_of(rows)} == {"C2"}


def test_a_row_of_no_ticket_and_a_repeated_one_hold_nothing_back(tmp_path: Path) -> None:
    whole = activity(0, "Assign seriousness", hour=8)
    rows = plan(tmp_path, whole, ",1,2013-03-01T09:00:00+02:00,Closed,V", whole)
    assert places_of(rows) == [("log.csv", 3, "case_id"), ("log.csv", 4, "event_idx")]
    assert len(events_of(rows)) == 2


def test_the_rows_order_changes_no_event(tmp_path: Path) -> None:
    file = write_helpdesk_fixture(tmp_path / "log.csv.gz", tickets=60)
    header, *lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    random.Random(5).shuffle(lines)
    first = events_of(plan_helpdesk(file).rows)
    second = events_of(plan_helpdesk(write_lines(tmp_path / "two.csv", [header, *lines])).rows)
    assert len({event["id"] for event in first}) == len(first) > 300
    assert sorted(map(repr, first)) == sorted(map(repr, second))


def test_a_missing_column_is_told_before_the_first_row(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.csv", ["case_id,event_idx"])
    with pytest.raises(
        SourceLayoutError, match="lacks the columns time:timestamp, concept:name, org:resource"
    ):
        plan_helpdesk(file)
