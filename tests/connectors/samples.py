"""Small hand-written files for the importers' tests, and what came out of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from operator_qos.connectors.rows import BadRow, EventRow

Rows = Iterable[EventRow | BadRow]

OLIST = {
    "olist_orders_dataset.csv": [
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,"
        "order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date",
        "o1,c1,delivered,2018-01-02 10:00:00,2018-01-02 11:00:00,2018-01-04 09:00:00,2018-01-09 12:00:00,"
        "2018-01-20 00:00:00",
    ],
    "olist_order_items_dataset.csv": [
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value",
        "o1,1,p1,s1,2018-01-05 10:00:00,21.99,1.00",
    ],
    "olist_order_reviews_dataset.csv": ["review_id,order_id,review_score,review_answer_timestamp"],
    "olist_sellers_dataset.csv": ["seller_id,seller_city", "s1,campinas"],
    "olist_products_dataset.csv": ["product_id,category", "p1,toys"],
}
HELPDESK_HEADER = "case_id,event_idx,time:timestamp,concept:name,org:resource"
TWITTER_HEADER = "tweet_id,author_id,inbound,created_at,response_tweet_id,in_response_to_tweet_id"


def write_olist(directory: Path, **more: list[str]) -> Path:
    """The one-order data set, each named file (`orders`, `items`, `reviews`, …) with rows added."""
    short = {"items": "order_items", "reviews": "order_reviews"}
    added = {f"olist_{short.get(name, name)}_dataset.csv": rows for name, rows in more.items()}
    for name, lines in OLIST.items():
        write_lines(directory / name, [*lines, *added.get(name, [])])
    return directory


def write_lines(file: Path, lines: list[str]) -> Path:
    """The lines as a UTF-8 file."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def events_of(rows: Rows) -> list[dict[str, Any]]:
    """The events without the openings of shops."""
    events = [cast("dict[str, Any]", row.event) for row in rows if isinstance(row, EventRow)]
    return [event for event in events if event["type"] != "qos.shop.opened"]


def bad_of(rows: Rows) -> list[BadRow]:
    """The rows that gave no event."""
    return [row for row in rows if isinstance(row, BadRow)]


def places_of(rows: Rows) -> list[tuple[str, int, str]]:
    """(file name, row, field) of each bad row, sorted."""
    return sorted((Path(row.file).name, row.row, row.field) for row in bad_of(rows))


def briefly(rows: Rows) -> list[tuple[str, str, str]]:
    """(id, type without its prefix, time) of each event, in order of time, type and id as written."""
    return [(e["id"], e["type"].removeprefix("qos."), e["time"]) for e in events_of(rows)]
