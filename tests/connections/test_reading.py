"""Pages of a platform read by themselves: dates, ids and answers that are none, and how often the memory is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from operator_qos.connectors.contract import Access, Batch, Remembered, SourceUnavailable
from operator_qos.connectors.mirakl.client import Client
from operator_qos.connectors.mirakl.connector import RETURNS, SHIPMENTS, Cursor, Pull, Stream, _read_page
from operator_qos.connectors.mirakl.pages import read_rows
from operator_qos.lab.conformance import Book

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACCESS = Access("http://127.0.0.1:9", "/connections/m", "fr", api_key="k")


class CountingBook(Book):
    asked = 0

    def find_seen(self, stream: str, keys: Sequence[str]) -> Mapping[str, Remembered]:
        self.asked += 1
        return super().find_seen(stream, keys)


def read(book: Book, stream: Stream, *page: Mapping[str, Any], now: datetime = NOW) -> Batch:
    pull = Pull(ACCESS, Client(ACCESS, pause=lambda _: None), book, now, {})
    batch = _read_page(pull, stream, Cursor(now - timedelta(hours=1)), page)
    book.store(batch)
    return batch


def give_back(name: object, changed: object, state: str = "IN_PROGRESS", **more: object) -> dict[str, Any]:
    return {"id": name, "order_id": "O1", "shop_id": 2001, "state": state, "date_created": "2026-03-09T08:00:00Z",
            "last_updated": changed, **more}


@pytest.mark.parametrize("changed", ["yesterday", 1773136800000, "2026-03-09", "2026-03-09T10:00:00", ["x"], None])
def test_a_date_of_change_that_is_none_stops_no_later_reading(changed: object) -> None:
    book = Book()
    assert len(read(book, RETURNS, give_back("R1", changed)).events) == 1
    assert len(read(book, RETURNS, give_back("R1", changed, "RECEIVED")).events) == 1


def test_dates_of_change_are_compared_as_moments_whatever_their_offset() -> None:
    """An hour older, though its text comes later in the alphabet; the margin for skewed clocks is ten minutes."""
    book = Book()
    read(book, RETURNS, give_back("R1", "2026-03-10T10:00:00Z", "RECEIVED"))
    assert read(book, RETURNS, give_back("R1", "2026-03-10T10:05:00+01:00")).seen == {}
    assert read(book, RETURNS, give_back("R1", "2026-03-10T06:05:00-05:00", "CLOSED")).seen != {}


def test_things_without_an_id_are_told_and_never_taken_for_one_another() -> None:
    batch = read(Book(), RETURNS, give_back(None, None), give_back("", None), give_back("R\0", None),
                 give_back("R1", None, reason_code="RETURN\0"))
    assert [event["subject"] for event in batch.events] == ["R1"]
    assert set(batch.seen) == {"R1"}
    assert [bad.field for bad in batch.unreadable] == ["id", "id", "id", "reason_code"]


def test_whose_parcels_a_page_shows_is_looked_up_once() -> None:
    book = CountingBook()
    book.store(Batch("orders", seen={f"O{n}": {"shop": "2001"} for n in range(50)}))
    milestone = {"type": "IN_TRANSIT", "occurrence_date": {"date": "2026-03-09"}}
    page = [{"id": f"P{n}", "order_id": f"O{n}", "tracking": {"milestones": [milestone]}} for n in range(50)]
    batch = read(book, SHIPMENTS, *page)
    assert {event["shop"] for event in batch.events} == {"2001"}
    assert (len(batch.events), book.asked) == (50, 2)


@pytest.mark.parametrize("document", [None, {}, {"message": "maintenance"}, {"data": None}, {"data": "x"}, "x", 3])
def test_an_answer_without_its_list_is_not_nothing_new(document: object) -> None:
    with pytest.raises(SourceUnavailable, match="ST11: the platform's answer holds no list data"):
        read_rows("ST11", document, "data")
