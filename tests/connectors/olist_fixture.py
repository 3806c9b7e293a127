"""Writes a small, made-up data set laid out like Olist's, quirks included; one seed, one outcome."""

from __future__ import annotations

import csv
import gzip
import io
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

FIRST_DAY = datetime(2017, 9, 1)  # noqa: DTZ001 - the files' times carry no zone
PERIOD_DAYS = 150
SHOPS = 12
CITIES = ("campinas", "sao paulo", "mogi guacu", "curitiba", "porto alegre")
CATEGORIES = ("perfumery", "art", "toys", "housewares", "")

Row = dict[str, str]
Moment = datetime | None

HEADERS = {
    "olist_orders_dataset.csv": (
        "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,"
        "order_delivered_customer_date,order_estimated_delivery_date,ts_precision,in_random_sample"
    ),
    "olist_order_items_dataset.csv": (
        "order_id,order_item_id,product_id,seller_id,shipping_limit_date,price,freight_value"
    ),
    "olist_order_reviews_dataset.csv": (
        "review_id,order_id,review_score,review_creation_date,review_answer_timestamp,ts_precision"
    ),
    "olist_sellers_dataset.csv": "seller_id,seller_zip_code_prefix,seller_city,seller_state",
    "olist_products_dataset.csv": "product_id,category",
}


@dataclass
class _World:
    rng: random.Random
    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in HEADERS})
    shops: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    review_ids: list[str] = field(default_factory=list)

    def hex_id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def hours(self, low: float, high: float) -> timedelta:
        return timedelta(seconds=round(self.rng.uniform(low, high) * 3600))

    def one_in(self, n: int) -> bool:
        return self.rng.randrange(n) == 0


@dataclass
class _Order:
    number: int
    id: str
    status: str
    placed: datetime
    approved: Moment
    carried: Moment
    delivered: Moment
    limit: datetime
    estimated: datetime
    precision: str


def write_olist_fixture(directory: Path, *, orders: int = 400, seed: int = 7) -> Path:
    """Writes the five files into the directory, orders, items and reviews gzipped, rows shuffled.

    The quirks: orders of several sellers, without items, reviewed twice (also at one second, also by an
    identical row), reviews without id, one review_id on several orders, delivered without a moment, shipped
    before approval or purchase, delivered before shipping, unavailable and canceled (also after the
    hand-over), minutes only, ship-by years ahead, moments exactly on their deadline and just after it.
    """
    world = _World(random.Random(seed))
    world.shops = [world.hex_id() for _ in range(SHOPS)]
    world.products = [world.hex_id() for _ in range(40)]
    _add_catalogue(world)
    for number in range(orders):
        order = _make_order(world, number)
        _add_order(world, order)
        _add_items(world, order)
        _add_reviews(world, order)
    directory.mkdir(parents=True, exist_ok=True)
    for name, header in HEADERS.items():
        _write(directory / name, header, world)
    return directory


def _add_catalogue(world: _World) -> None:
    for shop in world.shops:
        city, zip_prefix = world.rng.choice(CITIES), f"{world.rng.randrange(100_000):05d}"
        world.rows["olist_sellers_dataset.csv"].append(
            {
                "seller_id": shop,
                "seller_zip_code_prefix": zip_prefix,
                "seller_city": city,
                "seller_state": "SP",
            }
        )
    for product in world.products:
        category = world.rng.choice(CATEGORIES)
        world.rows["olist_products_dataset.csv"].append({"product_id": product, "category": category})


def _make_order(world: _World, number: int) -> _Order:
    placed = FIRST_DAY + world.hours(0, PERIOD_DAYS * 24)
    approved = placed + world.hours(0.1, 40)
    carried = approved + world.hours(5, 150)
    limit = approved + timedelta(days=world.rng.choice((2, 4, 5, 6)))
    estimated = (placed + timedelta(days=world.rng.randrange(8, 30))).replace(hour=0, minute=0, second=0)
    order = _Order(
        number, world.hex_id(), "delivered", placed, approved, carried,
        carried + world.hours(20, 480), limit, estimated, "second",
    )  # fmt: skip
    _bend(world, order)
    return order


def _bend(world: _World, order: _Order) -> None:
    """One quirk in two orders out of three, by number, so that every seed has them all."""
    quirk = order.number % 30
    if quirk in {0, 1}:
        order.status, order.carried, order.delivered = "unavailable", None, None
    elif quirk == 2:
        order.status, order.approved, order.carried, order.delivered = "canceled", None, None, None
    elif quirk == 3:
        order.status, order.delivered = "canceled", None
    elif quirk in {4, 5}:
        order.status, order.delivered = "shipped", None
    elif quirk in {6, 7}:
        order.status, order.carried, order.delivered = (
            world.rng.choice(("processing", "invoiced")),
            None,
            None,
        )
    elif quirk == 8:
        order.delivered = None
    elif quirk == 9:
        order.carried = None
    else:
        _bend_times(world, order, quirk)


def _bend_times(world: _World, order: _Order, quirk: int) -> None:
    carried = order.carried
    if quirk == 10:
        order.approved, order.carried = carried, order.approved
    elif quirk == 11:
        order.carried = order.placed - world.hours(1, 30)
    elif quirk == 12 and carried is not None:
        order.delivered = carried - world.hours(1, 30)
    elif quirk == 13:
        order.limit += timedelta(days=900)
    elif quirk == 14:
        order.carried = order.limit
    elif quirk == 15:
        order.carried = order.limit + timedelta(days=14)
    elif quirk == 16:
        order.delivered = order.estimated + timedelta(hours=23, minutes=59, seconds=59)
    elif quirk == 17:
        order.delivered = order.estimated + timedelta(days=1)
    elif quirk == 18:
        # Approved after the hand-over: the seller's cancellation comes after shipping.
        order.status, order.delivered = "unavailable", None
        order.approved, order.carried = carried, order.approved
    elif quirk == 19:
        _truncate(order)


def _truncate(order: _Order) -> None:
    order.precision = "minute"
    order.placed = order.placed.replace(second=0)
    order.approved = order.approved and order.approved.replace(second=0)
    order.carried = order.carried and order.carried.replace(second=0)
    order.delivered = order.delivered and order.delivered.replace(second=0)


def _add_order(world: _World, order: _Order) -> None:
    world.rows["olist_orders_dataset.csv"].append(
        {
            "order_id": order.id,
            "customer_id": world.hex_id(),
            "order_status": order.status,
            "order_purchase_timestamp": _text(order.placed),
            "order_approved_at": _text(order.approved),
            "order_delivered_carrier_date": _text(order.carried),
            "order_delivered_customer_date": _text(order.delivered),
            "order_estimated_delivery_date": _text(order.estimated),
            "ts_precision": order.precision,
            "in_random_sample": str(world.one_in(2)),
        }
    )


def _add_items(world: _World, order: _Order) -> None:
    if order.number % 40 == 39:
        return
    sellers = world.rng.sample(world.shops, 3 if order.number % 20 == 7 else 1)
    lines = [seller for seller in sellers for _ in range(1 + world.one_in(6))]
    for line, seller in enumerate(lines, start=1):
        # The promise is the seller's latest limit, so a line beside its last one may come earlier.
        earlier = lines[line : line + 1] == [seller]
        limit = order.limit - world.hours(1, 20) if earlier else order.limit
        world.rows["olist_order_items_dataset.csv"].append(
            {
                "order_id": order.id,
                "order_item_id": str(line),
                "product_id": world.rng.choice(world.products),
                "seller_id": seller,
                "shipping_limit_date": _text(limit),
                "price": world.rng.choice(("16.5", "48.9", "21.99", "809.1", "39.0")),
                "freight_value": "16.11",
            }
        )


def _add_reviews(world: _World, order: _Order) -> None:
    twice, tied, repeated = order.number % 8 == 5, order.number % 24 == 5, order.number % 48 == 20
    if world.one_in(3) and not (twice or repeated):
        return
    answered = (order.delivered or order.placed + timedelta(days=30)) + world.hours(2, 120)
    _add_review(world, order, answered, blank=repeated or world.one_in(4))
    if twice:
        _add_review(world, order, answered + world.hours(1, 600), blank=world.one_in(4))
    if tied:
        _add_review(world, order, answered, blank=False)
    if repeated:
        reviews = world.rows["olist_order_reviews_dataset.csv"]
        reviews.append(dict(reviews[-1]))


def _add_review(world: _World, order: _Order, answered: datetime, *, blank: bool) -> None:
    review_id, precision = world.hex_id(), "second"
    if blank:
        review_id, precision, answered = "", "minute", answered.replace(second=0)
    elif len(world.review_ids) > 10 and world.one_in(10):
        review_id = world.review_ids.pop(0)
    world.review_ids += [review_id] * bool(review_id)
    world.rows["olist_order_reviews_dataset.csv"].append(
        {
            "review_id": review_id,
            "order_id": order.id,
            "review_score": world.rng.choice("5554443211"),
            "review_creation_date": _text(answered.replace(hour=0, minute=0, second=0)),
            "review_answer_timestamp": _text(answered),
            "ts_precision": precision,
        }
    )


def _text(moment: Moment) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")


def _write(path: Path, header: str, world: _World) -> None:
    rows = world.rows[path.name]
    world.rng.shuffle(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, header.split(","), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = out.getvalue().encode()
    if "orders" in path.name or "order_" in path.name:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, mtime=0))
    else:
        path.write_bytes(content)
