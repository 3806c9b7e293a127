"""The files of the Olist data set as typed rows: what each field must look like."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from operator_qos.connectors.tables import (
    FieldFault,
    RowReader,
    Table,
    TableRow,
    find_table,
    get_table,
    quoted,
)

STATUSES = frozenset(
    ("created", "approved", "processing", "invoiced", "shipped", "delivered", "canceled", "unavailable")
)

_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?")
_PRICE = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?")

_ORDER_COLUMNS = (
    "order_id",
    "customer_id",
    "order_status",
    "order_purchase_timestamp",
    "order_approved_at",
    "order_delivered_carrier_date",
    "order_delivered_customer_date",
    "order_estimated_delivery_date",
)
_ITEM_COLUMNS = ("order_id", "order_item_id", "product_id", "seller_id", "shipping_limit_date", "price")
_REVIEW_COLUMNS = ("review_id", "order_id", "review_score", "review_answer_timestamp")


@dataclass(frozen=True, slots=True)
class Order:
    """A row of the orders file; moments that it leaves out are None."""

    row: TableRow
    id: str
    customer: str
    status: str
    purchased_at: datetime
    approved_at: datetime | None
    carried_at: datetime | None
    delivered_at: datetime | None
    deliver_by_on: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """A row of the items file: one line of one seller order."""

    row: TableRow
    order: str
    line: str
    sku: str
    seller: str
    ship_by_at: datetime | None
    price_minor: int


@dataclass(frozen=True, slots=True)
class Review:
    """A row of the reviews file: one answer of one buyer about one order."""

    row: TableRow
    id: str
    order: str
    rating: int
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class OlistFiles:
    """The files of the data set, their headers checked."""

    orders: Table
    items: Table
    reviews: Table
    sellers: Table
    products: Table | None


@dataclass(slots=True)
class Basket:
    """The items by order and seller, and the seller orders that a bad item holds back."""

    items: dict[str, dict[str, list[Item]]] = field(default_factory=dict)
    held: dict[str, set[str]] = field(default_factory=dict)

    def sellers(self) -> dict[str, Item]:
        """Each seller with one of its items."""
        return {seller: group[0] for order in self.items.values() for seller, group in order.items()}

    def seller_orders(self, order: str) -> dict[str, list[Item]]:
        """The items by seller, without the seller orders held back."""
        held = self.held.get(order, set())
        return {seller: items for seller, items in self.items.get(order, {}).items() if seller not in held}


def open_files(directory: Path) -> OlistFiles:
    """The files of a directory. Raises SourceLayoutError when one, or a column of one, is missing."""
    return OlistFiles(
        orders=get_table(directory, "olist_orders_dataset.csv", _ORDER_COLUMNS),
        items=get_table(directory, "olist_order_items_dataset.csv", _ITEM_COLUMNS),
        reviews=get_table(directory, "olist_order_reviews_dataset.csv", _REVIEW_COLUMNS),
        sellers=get_table(directory, "olist_sellers_dataset.csv", ("seller_id",)),
        products=find_table(directory, "olist_products_dataset.csv", ("product_id",)),
    )


def read_items(table: Table, reader: RowReader) -> Basket:
    """The items, grouped; bad ones to the reader, their seller orders held back."""
    basket = Basket()
    seen: set[Hashable] = set()
    for item in reader.parsed(table, lambda row: _item_or_hold(row, basket, seen)):
        basket.items.setdefault(item.order, {}).setdefault(item.seller, []).append(item)
    return basket


def _item_or_hold(row: TableRow, basket: Basket, seen: set[Hashable]) -> Item:
    try:
        item = _parse_item(row)
    except FieldFault as fault:
        raise _holding_back(row, fault, basket) from fault
    _check_new(seen, (item.order, item.line), f"Line {item.line} of order {item.order}")
    return item


def _holding_back(row: TableRow, fault: FieldFault, basket: Basket) -> FieldFault:
    order, seller = row.optional("order_id"), row.optional("seller_id")
    if not (order and seller):
        return fault
    basket.held.setdefault(order, set()).add(seller)
    return FieldFault(fault.column, f"{fault.reason} The seller order {order}:{seller} waits for it.")


def read_orders(table: Table, reader: RowReader) -> dict[str, Order]:
    """The orders by id; bad and repeated ones to the reader."""
    seen: set[Hashable] = set()

    def parse(row: TableRow) -> Order:
        order = _parse_order(row)
        _check_new(seen, order.id, f"Order {order.id}")
        return order

    return {order.id: order for order in reader.parsed(table, parse)}


def read_reviews(table: Table, reader: RowReader) -> dict[str, list[Review]]:
    """The reviews by order; bad ones to the reader."""
    reviews: dict[str, list[Review]] = {}
    for review in reader.parsed(table, _parse_review):
        reviews.setdefault(review.order, []).append(review)
    return reviews


def read_categories(table: Table | None, reader: RowReader) -> dict[str, str]:
    """Product to category, where one is known."""
    if table is None:
        return {}
    # The original publication names its column differently from the excerpts that go round.
    column = "category" if "category" in table.columns else "product_category_name"
    rows = reader.parsed(table, lambda row: (row.required("product_id"), row.optional(column)))
    return {product: category for product, category in rows if category}


def _parse_order(row: TableRow) -> Order:
    estimated = _moment(row, "order_estimated_delivery_date")
    return Order(
        row=row,
        id=row.required("order_id"),
        customer=row.required("customer_id"),
        status=_status(row),
        purchased_at=_required_moment(row, "order_purchase_timestamp"),
        approved_at=_moment(row, "order_approved_at"),
        carried_at=_moment(row, "order_delivered_carrier_date"),
        delivered_at=_moment(row, "order_delivered_customer_date"),
        deliver_by_on=estimated.date().isoformat() if estimated else None,
    )


def _parse_item(row: TableRow) -> Item:
    return Item(
        row=row,
        order=row.required("order_id"),
        line=row.required("order_item_id"),
        sku=row.required("product_id"),
        seller=row.required("seller_id"),
        ship_by_at=_moment(row, "shipping_limit_date"),
        price_minor=_price_minor(row),
    )


def _parse_review(row: TableRow) -> Review:
    rating = row.required("review_score")
    if rating not in {"1", "2", "3", "4", "5"}:
        raise FieldFault("review_score", f"review_score is {quoted(rating)}. Give 1, 2, 3, 4 or 5.")
    # Some publications leave the review's id out; order and moment still tell two answers apart.
    return Review(
        row=row,
        id=row.optional("review_id"),
        order=row.required("order_id"),
        rating=int(rating),
        answered_at=_required_moment(row, "review_answer_timestamp"),
    )


def _status(row: TableRow) -> str:
    status = row.required("order_status")
    if status not in STATUSES:
        known = ", ".join(sorted(STATUSES))
        raise FieldFault("order_status", f"order_status is {quoted(status)}. Use one of {known}.")
    return status


def _required_moment(row: TableRow, column: str) -> datetime:
    return _parse_moment(column, row.required(column))


def _moment(row: TableRow, column: str) -> datetime | None:
    text = row.optional(column)
    return _parse_moment(column, text) if text else None


def _parse_moment(column: str, text: str) -> datetime:
    try:
        if _TIME.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        pass  # a day or an hour that does not exist: told below like any other text
    raise FieldFault(column, f"{column} is {quoted(text)}, not a time. Write it as YYYY-MM-DD HH:MM:SS.")


def _price_minor(row: TableRow) -> int:
    text = row.required("price")
    match = _PRICE.fullmatch(text)
    if match is None:
        raise FieldFault("price", f"price is {quoted(text)}, not an amount. Write it like 21.99.")
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0"))


def _check_new(seen: set[Hashable], key: Hashable, what: str) -> None:
    if key in seen:
        raise FieldFault("order_id", f"{what} stands in an earlier row already. Remove this row.")
    seen.add(key)
