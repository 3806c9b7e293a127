"""The Olist data set as events.

A seller order is the part of an order that one seller fulfils: its subject is `order_id:seller_id`, and each
event id is the subject followed by what happened. An order's moments hold for each of its seller orders.
Times carry no zone and are read as UTC. A status `unavailable` is a cancellation by the seller, `canceled`
one by nobody known, both at the latest of purchase, approval and hand-over to the carrier.

A row that cannot be read holds back what it belongs to: an item its seller order, an order all of its seller
orders. Half an order would stand for ever, as the first word on it, when the corrected file comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from operator_qos.connectors.olist_rows import (
    Basket,
    Item,
    OlistFiles,
    Order,
    Review,
    open_files,
    read_categories,
    read_items,
    read_orders,
    read_reviews,
)
from operator_qos.connectors.rows import (
    BadRow,
    EventRow,
    Happening,
    ImportPlan,
    MarketplaceSeed,
    Source,
    utc_text,
)
from operator_qos.connectors.tables import FieldFault, RowReader, Table, TableRow

MARKETPLACE = MarketplaceSeed("olist", "UTC", "BRL", "BR", "pt", "Olist")
SOURCE = Source("/olist", MARKETPLACE.id, MARKETPLACE.country)

_CANCELLATIONS: dict[str, dict[str, object]] = {
    "unavailable": {"by": "seller", "reason": "out_of_stock"},
    "canceled": {"by": "unknown", "reason": "other"},
}


def plan_olist(directory: Path | str) -> ImportPlan:
    """The plan of a directory with the files of the data set, as .csv or .csv.gz; rows in any order.

    The products file may be missing: lines then have no category. Raises SourceLayoutError when another file
    or a column is missing, and while reading when a file breaks off.
    """
    return ImportPlan((MARKETPLACE,), _rows(open_files(Path(directory))))


def _rows(files: OlistFiles) -> Iterator[EventRow | BadRow]:
    reader = RowReader()
    basket = read_items(files.items, reader)
    yield from _shop_rows(files.sellers, basket, reader)
    categories = read_categories(files.products, reader)
    orders = read_orders(files.orders, reader)
    for order in orders.values():
        yield from _order_rows(order, basket, categories)
    yield from _orphan_rows(basket, orders)
    for reviews in read_reviews(files.reviews, reader).values():
        yield from _review_rows(reviews, orders, basket)
    yield from reader.bad


def _shop_rows(table: Table, basket: Basket, reader: RowReader) -> Iterator[EventRow]:
    """The shops of the sellers file, then those that only an item names."""
    opened: set[str] = set()
    for shop, row in reader.parsed(table, lambda row: (row.required("seller_id"), row)):
        if shop not in opened:
            opened.add(shop)
            yield _shop_row(shop, row)
    for shop, item in basket.sellers().items():
        if shop not in opened:
            yield _shop_row(shop, item.row)


def _shop_row(shop: str, row: TableRow) -> EventRow:
    # Names are not published: the city and the id's beginning are what people can tell apart.
    name = f"{row.optional('seller_city').title()} {shop[:8]}".strip()
    return EventRow(row.file, row.row, SOURCE.shop_opened(shop, name))


def _order_rows(order: Order, basket: Basket, categories: dict[str, str]) -> Iterator[EventRow | BadRow]:
    if order.id not in basket.items and order.id not in basket.held:
        reason = "The order has no row in the items file, so no seller owes it. Add it and import again."
        yield order.row.bad(FieldFault("order_id", reason))
    for seller, items in basket.seller_orders(order.id).items():
        for happening in _seller_order(order, seller, items, categories=categories):
            yield EventRow(order.row.file, order.row.row, SOURCE.event(happening))


def _seller_order(
    order: Order, seller: str, items: list[Item], *, categories: dict[str, str]
) -> Iterator[Happening]:
    subject = f"{order.id}:{seller}"

    def happening(what: str, at: datetime, data: dict[str, object]) -> Happening:
        return Happening(f"qos.order.{what}", f"{subject}:{what}", at, subject, seller, data)

    yield happening("placed", order.purchased_at, _placed(order, items, categories))
    if order.approved_at is not None:
        yield happening("accepted", order.approved_at, {})
    if order.status in _CANCELLATIONS:
        yield happening("cancelled", _cancelled_at(order), dict(_CANCELLATIONS[order.status]))
    if order.carried_at is not None:
        shipped: dict[str, object] = {"carrier": "olist", "tracking": subject, "trackable": True}
        yield happening("shipped", order.carried_at, shipped)
    if order.delivered_at is not None:
        yield happening("delivered", order.delivered_at, {"known_by": "carrier"})


def _placed(order: Order, items: list[Item], categories: dict[str, str]) -> dict[str, object]:
    data: dict[str, object] = {
        # Rows come in any order, the event must not: a second import is then a duplicate, no conflict.
        "lines": [_line(item, categories) for item in sorted(items, key=lambda item: _line_key(item.line))],
        "currency": MARKETPLACE.currency,
        "channel": "web",
        "fulfilment": "seller",
        "country": MARKETPLACE.country,
        "buyer": order.customer,
        "business": False,
    }
    ship_bys = [item.ship_by_at for item in items if item.ship_by_at is not None]
    if ship_bys:
        data["ship_by"] = utc_text(max(ship_bys))
    if order.deliver_by_on is not None:
        data["deliver_by"] = order.deliver_by_on
    return data


def _line(item: Item, categories: dict[str, str]) -> dict[str, object]:
    line: dict[str, object] = {"line": item.line, "sku": item.sku}
    if item.sku in categories:
        line["category"] = categories[item.sku]
    return {**line, "quantity": 1, "amount_minor": item.price_minor}


def _line_key(line: str) -> tuple[int, str]:
    return len(line), line


def _cancelled_at(order: Order) -> datetime:
    moments = (order.purchased_at, order.approved_at, order.carried_at)
    return max(moment for moment in moments if moment is not None)


def _orphan_rows(basket: Basket, orders: dict[str, Order]) -> Iterator[BadRow]:
    reason = "The orders file has no readable row of this order. Add or correct it and import again."
    for order, sellers in basket.items.items():
        if order not in orders:
            items = [item for group in sellers.values() for item in group]
            yield from (item.row.bad(FieldFault("order_id", reason)) for item in items)


def _review_rows(
    reviews: list[Review], orders: dict[str, Order], basket: Basket
) -> Iterator[EventRow | BadRow]:
    """The reviews of one order: the first answer posts, a later one changes it, at each of its sellers."""
    sellers = basket.seller_orders(reviews[0].order) if reviews[0].order in orders else {}
    seen: set[tuple[str, datetime]] = set()
    for review in sorted(reviews, key=_review_key):
        reason = _why_no_review(review, known=bool(sellers), seen=seen)
        if reason is not None:
            yield review.row.bad(reason)
            continue
        what = "changed" if seen else "posted"
        seen.add((review.id, review.answered_at))
        for seller in sellers:
            yield EventRow(review.row.file, review.row.row, SOURCE.event(_reviewed(review, seller, what)))


def _review_key(review: Review) -> tuple[datetime, str, int]:
    return review.answered_at, review.id, review.rating


def _why_no_review(review: Review, *, known: bool, seen: set[tuple[str, datetime]]) -> FieldFault | None:
    if not known:
        reason = "No seller order of this order was read. Add its order row and its items and import again."
        return FieldFault("order_id", reason)
    if (review.id, review.answered_at) in seen:
        reason = "Another row gives this answer of this order at the same second and stands. Remove this row."
        return FieldFault("review_id", reason)
    return None


def _reviewed(review: Review, seller: str, what: str) -> Happening:
    subject = f"{review.order}:{seller}"
    event_id = f"{review.id}:{subject}:{utc_text(review.answered_at)}"
    data: dict[str, object] = {"order": subject, "rating": review.rating}
    if what == "posted":
        data["verified"] = True
    return Happening(f"qos.review.{what}", event_id, review.answered_at, subject, seller, data)
