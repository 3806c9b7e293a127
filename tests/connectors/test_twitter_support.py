from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from operator_qos.connectors.rows import BadRow, EventRow, SourceLayoutError
from operator_qos.connectors.twitter_support import plan_twitter_support
from tests.connectors.replies_fixture import write_twitter_fixture
from tests.connectors.samples import TWITTER_HEADER, bad_of, events_of, places_of, write_lines

AT = "2017-10-31T22:10:47Z"


def plan(tmp_path: Path, *lines: str) -> list[EventRow | BadRow]:
    return list(plan_twitter_support(write_lines(tmp_path / "posts.csv", [TWITTER_HEADER, *lines])).rows)


def messages(rows: list[EventRow | BadRow]) -> list[tuple[str, str, str]]:
    """(id, conversation, author) of each message."""
    return [(event["id"], event["subject"], event["data"]["author"]) for event in events_of(rows)]


def test_a_question_and_its_reply_are_messages_of_the_conversation_of_root_and_brand(tmp_path: Path) -> None:
    rows = plan(tmp_path, f"7,115712,True,{AT},8,", "8,acme,False,2017-10-31T22:11:45Z,,7")
    common = {
        "specversion": "1.0", "type": "qos.message.sent", "source": "/twitter-support", "subject": "7:acme",
        "marketplace": "twitter", "shop": "acme",
    }  # fmt: skip
    assert events_of(rows) == [
        {**common, "id": "7:acme", "time": AT,
         "data": {"author": "buyer", "to": ["seller"], "channel": "twitter"}},
        {**common, "id": "8:acme", "time": "2017-10-31T22:11:45Z",
         "data": {"author": "seller", "to": ["buyer"], "channel": "twitter"}},
    ]  # fmt: skip
    assert isinstance(rows[0], EventRow)
    assert (rows[0].row, rows[0].event["id"], rows[0].event["data"]) == (
        3, "acme:opened", {"seller": "acme", "name": "acme", "country": "US"},
    )  # fmt: skip


def test_twitters_own_way_to_write_a_time_is_the_same_moment(tmp_path: Path) -> None:
    (event,) = events_of(plan(tmp_path, "7,acme,False,Wed Nov 01 00:10:47 +0200 2017,,"))
    assert event["time"] == AT


def test_the_root_is_the_last_parent_that_the_file_holds(tmp_path: Path) -> None:
    rows = plan(tmp_path, f"9,acme,False,{AT},,8", f"8,1,True,{AT},9,7", f"7,1,True,{AT},8,6")
    assert {subject for _, subject, _ in messages(rows)} == {"7:acme"}


def test_a_customers_post_goes_to_every_brand_of_its_thread_and_a_brands_to_its_own(tmp_path: Path) -> None:
    rows = plan(tmp_path, f"1,5,True,{AT},,", f"2,acme,False,{AT},,1", f"3,bolt,False,{AT},,2")
    assert messages(rows) == [
        ("1:acme", "1:acme", "buyer"), ("1:bolt", "1:bolt", "buyer"),
        ("2:acme", "1:acme", "seller"), ("3:bolt", "1:bolt", "seller"),
    ]  # fmt: skip


def test_a_thread_without_a_brand_is_passed_over(tmp_path: Path) -> None:
    assert plan(tmp_path, f"1,5,True,{AT},,", f"2,6,True,{AT},,1") == []


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (f",5,True,{AT},,1", "tweet_id", "is empty"),
        (f"3,,True,{AT},,1", "author_id", "is empty"),
        (f"3,5,maybe,{AT},,1", "inbound", "“maybe”. Write True"),
        ("3,5,True,2017-10-31T22:10:47,,1", "created_at", "not a time with a zone"),
        ("3,5,True,Tue Oct 32 22:10:47 +0000 2017,,1", "created_at", "not a time with a zone"),
        (f"1,5,True,{AT},,1", "tweet_id", "Post “1” stands in an earlier row already."),
    ],
)
def test_a_bad_post_is_told_and_the_others_go_on(tmp_path: Path, row: str, field: str, words: str) -> None:
    rows = plan(tmp_path, f"1,5,True,{AT},,", f"2,acme,False,{AT},,1", row)
    (bad,) = bad_of(rows)
    assert (bad.file, bad.row, bad.field, bad.raw) == (str(tmp_path / "posts.csv"), 4, field, row)
    assert words in bad.reason
    assert len(messages(rows)) == 2


def test_a_post_that_cannot_be_read_still_holds_its_thread_together(tmp_path: Path) -> None:
    rows = plan(tmp_path, f"1,5,True,{AT},,", "2,acme,False,soon,,1", f"3,acme,False,{AT},,2")
    assert messages(rows) == [("1:acme", "1:acme", "buyer"), ("3:acme", "1:acme", "seller")]


def test_posts_that_answer_each_other_in_a_circle_are_told(tmp_path: Path) -> None:
    circle = (f"1,5,True,{AT},,3", f"2,acme,False,{AT},,1", f"3,5,True,{AT},,2", f"4,5,True,{AT},,1")
    rows = plan(tmp_path, *circle, f"5,acme,False,{AT},,5", f"6,acme,False,{AT},,")
    field = "in_response_to_tweet_id"
    assert places_of(rows) == [("posts.csv", row, field) for row in (2, 3, 4, 5, 6)]
    assert messages(rows) == [("6:acme", "6:acme", "seller")]


def test_a_thread_of_many_thousand_posts_has_one_root(tmp_path: Path) -> None:
    lines = [f"{n},acme,False,{AT},,{n - 1}" for n in range(20_000, 0, -1)]
    assert {subject for _, subject, _ in messages(plan(tmp_path, *lines))} == {"1:acme"}


def test_the_rows_order_changes_no_event(tmp_path: Path) -> None:
    file = write_twitter_fixture(tmp_path / "posts.csv.gz")
    header, *lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    random.Random(5).shuffle(lines)
    first = events_of(plan_twitter_support(file).rows)
    second = events_of(plan_twitter_support(write_lines(tmp_path / "two.csv", [header, *lines])).rows)
    assert len({event["id"] for event in first}) == len(first) > 300
    assert sorted(map(repr, first)) == sorted(map(repr, second))


def test_a_missing_column_is_told_before_the_first_row(tmp_path: Path) -> None:
    with pytest.raises(SourceLayoutError, match="lacks the columns author_id, inbound, created_at"):
        plan_twitter_support(write_lines(tmp_path / "posts.csv", ["tweet_id,text"]))
