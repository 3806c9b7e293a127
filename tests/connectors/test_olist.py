from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import pytest

from operator_qos.connectors.olist import plan_olist
from operator_qos.connectors.rows import BadRow, EventRow, SourceLayoutError
from tests.connectors.olist_fixture import write_olist_fixture
from tests.connectors.samples import bad_of, briefly, events_of, places_of, write_olist

ORDERS, ITEMS = "olist_orders_dataset.csv", "olist_order_items_dataset.csv"
REVIEWS, SELLERS = "olist_order_reviews_dataset.csv", "olist_sellers_dataset.csv"


def plan(directory: Path) -> list[EventRow | BadRow]:
    return list(plan_olist(directory).rows)


def event(rows: list[EventRow | BadRow], event_id: str) -> dict[str, Any]:
    (found,) = [event for event in events_of(rows) if event["id"] == event_id]
    return found


def test_a_delivered_order_is_placed_accepted_shipped_and_delivered(tmp_path: Path) -> None:
    rows = plan(write_olist(tmp_path))
    common = {
        "specversion": "1.0", "source": "/olist", "subject": "o1:s1", "marketplace": "olist", "shop": "s1",
    }  # fmt: skip
    assert events_of(rows) == [
        {**common, "type": "qos.order.placed", "id": "o1:s1:placed", "time": "2018-01-02T10:00:00Z", "data": {
            "lines": [{"line": "1", "sku": "p1", "category": "toys", "quantity": 1, "amount_minor": 2199}],
            "currency": "BRL", "channel": "web", "fulfilment": "seller", "country": "BR", "buyer": "c1",
            "business": False, "ship_by": "2018-01-05T10:00:00Z", "deliver_by": "2018-01-20"}},
        {**common, "type": "qos.order.accepted", "id": "o1:s1:accepted", "time": "2018-01-02T11:00:00Z"},
        {**common, "type": "qos.order.shipped", "id": "o1:s1:shipped", "time": "2018-01-04T09:00:00Z",
         "data": {"carrier": "olist", "tracking": "o1:s1", "trackable": True}},
        {**common, "type": "qos.order.delivered", "id": "o1:s1:delivered", "time": "2018-01-09T12:00:00Z",
         "data": {"known_by": "carrier"}},
    ]  # fmt: skip
    assert {(row.file, row.row) for row in rows[1:]} == {(str(tmp_path / ORDERS), 2)}


def test_the_plan_names_its_marketplace_and_opens_every_shop_first(tmp_path: Path) -> None:
    write_olist(tmp_path, sellers=["s2,sao paulo", "s1,again"], items=["o1,2,p1,s9,2018-01-05 10:00:00,1,1"])
    made = plan_olist(tmp_path)
    (marketplace,) = made.marketplaces
    assert (marketplace.id, marketplace.timezone, marketplace.currency) == ("olist", "UTC", "BRL")
    opened = list(made.rows)[:3]
    assert [(row.file, row.row) for row in opened] == [
        (str(tmp_path / SELLERS), 2), (str(tmp_path / SELLERS), 3), (str(tmp_path / ITEMS), 3),
    ]  # fmt: skip
    assert [row.event for row in opened if isinstance(row, EventRow)] == [
        {
            "specversion": "1.0", "type": "qos.shop.opened", "source": "/olist", "id": f"{shop}:opened",
            "time": "2000-01-03T00:00:00Z", "subject": shop, "marketplace": "olist", "shop": shop,
            "data": {"seller": shop, "name": name, "country": "BR"},
        }
        for shop, name in (("s1", "Campinas s1"), ("s2", "Sao Paulo s2"), ("s9", "s9"))
    ]  # fmt: skip


def test_each_seller_of_an_order_gets_its_lines_its_own_latest_limit_and_every_moment(tmp_path: Path) -> None:
    items = [
        "o1,10,p2,s2,2018-01-07 10:00:00,48.9,1",
        "o1,2,p1,s2,2018-01-08 10:00:00,16,1",
    ]
    rows = plan(write_olist(tmp_path, items=items))
    assert event(rows, "o1:s1:placed")["data"]["ship_by"] == "2018-01-05T10:00:00Z"
    data = event(rows, "o1:s2:placed")["data"]
    assert data["ship_by"] == "2018-01-08T10:00:00Z"
    assert data["lines"] == [
        {"line": "2", "sku": "p1", "category": "toys", "quantity": 1, "amount_minor": 1600},
        {"line": "10", "sku": "p2", "quantity": 1, "amount_minor": 4890},
    ]
    assert event(rows, "o1:s2:delivered")["time"] == event(rows, "o1:s1:delivered")["time"]


def test_unavailable_is_the_sellers_cancellation_at_the_latest_of_its_own_times(tmp_path: Path) -> None:
    orders = [
        "o2,c2,unavailable,2018-01-02 10:00:00,2018-01-03 10:00:00,,,2018-01-20 00:00:00",
        "o3,c3,canceled,2018-01-02 10:00:00,,,,2018-01-20 00:00:00",
        "o4,c4,canceled,2018-01-02 10:00:00,2018-01-03 10:00:00,2018-01-04 10:00:00,,2018-01-20 00:00:00",
        "o5,c5,unavailable,2018-01-02 10:00:00,2018-01-06 10:00:00,2018-01-04 10:00:00,,",
    ]
    items = [f"o{n},1,p1,s1,2018-01-05 10:00:00,1,1" for n in (2, 3, 4, 5)]
    rows = plan(write_olist(tmp_path, orders=orders, items=items))
    cancelled = {
        e["subject"]: (e["time"], e["data"]["by"], e["data"]["reason"])
        for e in events_of(rows)
        if e["type"] == "qos.order.cancelled"
    }
    assert cancelled == {
        "o2:s1": ("2018-01-03T10:00:00Z", "seller", "out_of_stock"),
        "o3:s1": ("2018-01-02T10:00:00Z", "unknown", "other"),
        "o4:s1": ("2018-01-04T10:00:00Z", "unknown", "other"),
        "o5:s1": ("2018-01-06T10:00:00Z", "seller", "out_of_stock"),
    }


def test_moments_out_of_order_missing_or_years_ahead_stay_as_they_are(tmp_path: Path) -> None:
    orders = ["o2,c2,delivered,2018-01-02 10:00,,2018-01-01 10:00:00,2017-12-30 10:00:00,"]
    rows = plan(write_olist(tmp_path, orders=orders, items=["o2,1,p1,s1,2020-04-09 22:35:08,1,1"]))
    assert [line for line in briefly(rows) if line[0].startswith("o2")] == [
        ("o2:s1:placed", "order.placed", "2018-01-02T10:00:00Z"),
        ("o2:s1:shipped", "order.shipped", "2018-01-01T10:00:00Z"),
        ("o2:s1:delivered", "order.delivered", "2017-12-30T10:00:00Z"),
    ]
    data = event(rows, "o2:s1:placed")["data"]
    assert data["ship_by"] == "2020-04-09T22:35:08Z"
    assert "deliver_by" not in data


def test_an_item_without_a_limit_gives_no_promise_to_ship(tmp_path: Path) -> None:
    rows = plan(write_olist(tmp_path, items=["o1,2,p1,s2,,1,1"]))
    assert "ship_by" not in event(rows, "o1:s2:placed")["data"]


def test_the_later_answer_changes_the_review_at_every_seller_whatever_the_rows_order(tmp_path: Path) -> None:
    reviews = [
        "r3,o1,5,2018-02-03 10:00:00",
        "r2,o1,2,2018-02-01 10:00:00",
        "r1,o1,1,2018-02-01 10:00:00",
    ]
    rows = plan(write_olist(tmp_path, reviews=reviews, items=["o1,2,p1,s2,2018-01-05 10:00:00,1,1"]))
    found = [e for e in events_of(rows) if e["type"].startswith("qos.review")]
    assert [(e["id"], e["type"], e["subject"], e["data"]["rating"]) for e in found if e["shop"] == "s2"] == [
        ("r1:o1:s2:2018-02-01T10:00:00Z", "qos.review.posted", "o1:s2", 1),
        ("r2:o1:s2:2018-02-01T10:00:00Z", "qos.review.changed", "o1:s2", 2),
        ("r3:o1:s2:2018-02-03T10:00:00Z", "qos.review.changed", "o1:s2", 5),
    ]
    assert len([e for e in found if e["shop"] == "s1"]) == 3
    assert found[0]["data"] == {"order": "o1:s1", "rating": 1, "verified": True}


def test_a_review_without_an_id_counts_and_its_identical_twin_is_told(tmp_path: Path) -> None:
    rows = plan(write_olist(tmp_path, reviews=[",o1,4,2018-02-01 10:00:00"] * 2))
    assert event(rows, ":o1:s1:2018-02-01T10:00:00Z")["data"]["rating"] == 4
    assert places_of(rows) == [(REVIEWS, 3, "review_id")]


def test_an_order_without_items_and_its_review_are_told(tmp_path: Path) -> None:
    orders = ["o2,c2,canceled,2018-01-02 10:00:00,,,,2018-01-20 00:00:00"]
    rows = plan(write_olist(tmp_path, orders=orders, reviews=["r1,o2,1,2018-02-01 10:00:00"]))
    assert places_of(rows) == [(REVIEWS, 2, "order_id"), (ORDERS, 3, "order_id")]
    assert {e["subject"] for e in events_of(rows)} == {"o1:s1"}


def test_an_item_and_a_review_of_an_unknown_order_are_told(tmp_path: Path) -> None:
    items, reviews = ["o9,1,p1,s1,2018-01-05 10:00:00,1,1"], ["r1,o9,1,2018-02-01 10:00:00"]
    rows = plan(write_olist(tmp_path, items=items, reviews=reviews))
    assert places_of(rows) == [(ITEMS, 3, "order_id"), (REVIEWS, 2, "order_id")]


@pytest.mark.parametrize(
    ("row", "field", "words"),
    [
        (",c2,delivered,2018-01-02 10:00:00,,,,", "order_id", "order_id is empty"),
        ("o2,,delivered,2018-01-02 10:00:00,,,,", "customer_id", "customer_id is empty"),
        ("o2,c2,lost,2018-01-02 10:00:00,,,,", "order_status", "“lost”. Use one of approved, "),
        ("o2,c2,delivered,,,,,", "order_purchase_timestamp", "is empty"),
        ("o2,c2,delivered,2018-13-02 10:00:00,,,,", "order_purchase_timestamp", "not a time"),
        ("o2,c2,delivered,2018-01-02,,,,", "order_purchase_timestamp", "not a time"),
        ("o2,c2,delivered,2018-01-02 10:00:00,yes,,,", "order_approved_at", "“yes”, not a time"),
        ("o2,c2,delivered,2018-01-02 10:00:00,,1,,", "order_delivered_carrier_date", "not a time"),
        ("o2,c2,delivered,2018-01-02 10:00:00,,,1,", "order_delivered_customer_date", "not a time"),
        ("o2,c2,delivered,2018-01-02 10:00:00,,,,1", "order_estimated_delivery_date", "not a time"),
        ("o1,c2,delivered,2018-01-02 10:00:00,,,,", "order_id", "Order o1 stands in an earlier row"),
        ("o2,c2,delivered", "row", "3 fields where the header has 8"),
    ],
)
def test_a_bad_order_row_is_told_with_its_field_and_the_others_go_on(
    tmp_path: Path, row: str, field: str, words: str
) -> None:
    rows = plan(write_olist(tmp_path, orders=[row]))
    (bad,) = bad_of(rows)
    assert (bad.file, bad.row, bad.field) == (str(tmp_path / ORDERS), 3, field)
    assert words in bad.reason
    assert bad.raw.rstrip(",") == row.rstrip(",")  # too few fields are kept with the columns they lack
    assert len(events_of(rows)) == 4


def test_a_bad_order_row_holds_back_its_items_and_its_review(tmp_path: Path) -> None:
    rows = plan(
        write_olist(
            tmp_path,
            orders=["o2,c2,delivered,soon,,,,"],
            items=["o2,1,p1,s1,2018-01-05 10:00:00,1,1"],
            reviews=["r1,o2,1,2018-02-01 10:00:00"],
        )
    )
    assert places_of(rows) == [
        (ITEMS, 3, "order_id"), (REVIEWS, 2, "order_id"), (ORDERS, 3, "order_purchase_timestamp"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("o1,2,p1,s1,soon,1,1", "shipping_limit_date"),
        ("o1,2,p1,s1,2018-01-05 10:00:00,-1,1", "price"),
        ("o1,2,p1,s1,2018-01-05 10:00:00,1.999,1", "price"),
        ("o1,2,p1,s1,2018-01-05 10:00:00,,1", "price"),
        ("o1,,p1,s1,2018-01-05 10:00:00,1,1", "order_item_id"),
        ("o1,2,,s1,2018-01-05 10:00:00,1,1", "product_id"),
    ],
)
def test_a_bad_item_holds_back_its_seller_order_and_no_other(tmp_path: Path, row: str, field: str) -> None:
    rows = plan(write_olist(tmp_path, items=["o1,3,p1,s2,2018-01-05 10:00:00,1,1", row]))
    (bad,) = bad_of(rows)
    assert (Path(bad.file).name, bad.row, bad.field) == (ITEMS, 4, field)
    assert bad.reason.endswith("The seller order o1:s1 waits for it.")
    assert {e["subject"] for e in events_of(rows)} == {"o1:s2"}


def test_an_order_whose_only_seller_order_waits_is_told_once(tmp_path: Path) -> None:
    orders = ["o2,c2,created,2018-01-02 10:00:00,,,,"]
    rows = plan(write_olist(tmp_path, orders=orders, items=["o2,1,p1,s1,soon,1,1"]))
    assert places_of(rows) == [(ITEMS, 3, "shipping_limit_date")]


def test_an_item_that_names_no_seller_holds_nothing_back_and_a_repeated_one_neither(tmp_path: Path) -> None:
    items = ["o1,2,p1,,2018-01-05 10:00:00,1,1", "o1,1,p1,s1,2018-01-05 10:00:00,21.99,1.00"]
    rows = plan(write_olist(tmp_path, items=items))
    assert places_of(rows) == [(ITEMS, 3, "seller_id"), (ITEMS, 4, "order_id")]
    assert len(events_of(rows)) == 4


@pytest.mark.parametrize("rating", ["0", "6", "4.5", "five", ""])
def test_a_rating_that_is_no_number_of_stars_is_told(tmp_path: Path, rating: str) -> None:
    rows = plan(write_olist(tmp_path, reviews=[f"r1,o1,{rating},2018-02-01 10:00:00"]))
    assert places_of(rows) == [(REVIEWS, 2, "review_score")]


def test_bad_rows_of_the_small_files_are_told_too(tmp_path: Path) -> None:
    rows = plan(write_olist(tmp_path, sellers=[",campinas"], products=[",toys"]))
    assert places_of(rows) == [("olist_products_dataset.csv", 3, "product_id"), (SELLERS, 3, "seller_id")]


def test_the_products_file_may_be_missing_or_as_first_published(tmp_path: Path) -> None:
    write_olist(tmp_path)
    products = tmp_path / "olist_products_dataset.csv"
    products.write_text("product_id,product_category_name\np1,brinquedos\n")
    assert event(plan(tmp_path), "o1:s1:placed")["data"]["lines"][0]["category"] == "brinquedos"
    products.unlink()
    assert "category" not in event(plan(tmp_path), "o1:s1:placed")["data"]["lines"][0]


@pytest.mark.parametrize("name", [ORDERS, ITEMS, REVIEWS, SELLERS])
def test_a_missing_file_or_column_is_told_before_the_first_row(tmp_path: Path, name: str) -> None:
    file = write_olist(tmp_path) / name
    file.write_text(file.read_text().replace("_id", "_key"))
    with pytest.raises(SourceLayoutError, match=rf"{name}: The header \(row 1\) lacks the column"):
        plan_olist(tmp_path)
    file.unlink()
    with pytest.raises(SourceLayoutError, match=f"neither {name} nor"):
        plan_olist(tmp_path)


def test_the_rows_order_changes_no_event_and_gzip_neither(tmp_path: Path) -> None:
    first = plan(write_olist_fixture(tmp_path / "one", orders=120, seed=3))
    (tmp_path / "two").mkdir()
    for file in sorted((tmp_path / "one").iterdir()):
        raw = file.read_bytes()
        lines = (gzip.decompress(raw) if file.suffix == ".gz" else raw).splitlines(keepends=True)
        body = lines[1:]
        random.Random(1).shuffle(body)
        (tmp_path / "two" / file.name.removesuffix(".gz")).write_bytes(b"".join([lines[0], *body]))
    second = plan(tmp_path / "two")
    assert len(events_of(first)) > 300
    assert sorted(events_of(first), key=lambda e: e["id"]) == sorted(events_of(second), key=lambda e: e["id"])
    assert len(bad_of(first)) == len(bad_of(second)) > 0


def test_every_event_of_the_fixture_has_its_own_id(tmp_path: Path) -> None:
    ids = [event["id"] for event in events_of(plan(write_olist_fixture(tmp_path)))]
    assert len(ids) == len(set(ids)) > 1000
