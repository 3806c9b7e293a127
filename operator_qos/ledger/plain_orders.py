"""Rows of plain orders, thousands at once: the same as `derive_rows` of each (scoring.plain_orders)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from operator_qos.ledger.derive import Row, main_line
from scoring.aftercare import CRITICAL_RATING, REPLY_MS
from scoring.events import TypedEvent, order_key
from scoring.orders import NOT_SHIPPED_DAYS, Cancellation, is_seller_cancellation
from scoring.outcomes import SETTLED_DAYS
from scoring.plain_orders import (
    DEFECTS,
    ENDS,
    PROMISES,
    PlainDefects,
    PlainOrders,
    PlainSpans,
    list_plain_defects,
    list_plain_promises,
    span_plain_orders,
    stack_orders,
)
from scoring.spans import FOREVER_MS
from scoring.terms import Terms
from scoring.windows import DAY_MS, local_ordinal, next_weekday_end_ms, promise_due_ms

# What comes once or never; another type, or a second of one, is for the fold.
ONCE = frozenset({"order.placed", "order.cancelled", "order.delivered", "review.posted", "review.replied"})
# What may be said again: of these the first counts.
FIRST = frozenset({"order.accepted", "order.refused", "order.paid", "order.invoiced", "order.shipped"})
BY_LINE = ("order.delivered", "order.cancelled")
LATEST_MS = FOREVER_MS - 400 * DAY_MS  # what is promised later reaches to where no T is looked at
FEW = 8  # fewer are folded as fast as columns are set up
KINDS = tuple(",".join(kind for bit, kind in enumerate(DEFECTS) if mask >> bit & 1) or None for mask in range(16))


# Where the rows of a plain order are; nothing it could have been before, with fewer events, has rows elsewhere.
TABLES = ("OrderFact", "LineFact", "ParcelFact", "PromiseFact", "ReviewFact", "DefectFact", "Obligation", "OutcomeRow")


class Ground(Protocol):
    """What a plain order needs of its `Frame`: no promise of it runs on a clock."""

    @property
    def zone(self) -> str:
        """The marketplace's zone."""

    def terms_at(self, at_ms: int) -> Terms:
        """The terms of what began at a moment [epoch ms]."""


class Told(NamedTuple):
    """The events of a plain order: the one that counts of each type, all scans, and each parcel handed over."""

    once: Mapping[str, TypedEvent]
    scans: Sequence[TypedEvent]
    shipments: Sequence[TypedEvent]


def find_plain(events: Sequence[TypedEvent]) -> Told | None:
    """The events of a dossier where they tell of one plain order; None for what is left to the fold."""
    once: dict[str, TypedEvent] = {}
    scans: list[TypedEvent] = []
    shipments: list[TypedEvent] = []
    for event in events:
        kind = event.type
        if kind == "tracking.scanned":
            scans.append(event)
            continue
        before = once.get(kind)
        if kind in FIRST:
            once[kind] = event if before is None else min(event, before, key=order_key)
        elif before is None and kind in ONCE:
            once[kind] = event
        else:
            return None
        if kind == "order.shipped":
            shipments.append(event)
    told = Told(once, scans, sorted(shipments, key=order_key) if len(shipments) > 1 else shipments)
    return told if _is_whole(told, events) else None


def _is_whole(told: Told, events: Sequence[TypedEvent]) -> bool:
    """The order was placed before anything else, everything is about all of it, and the first parcel says it all."""
    once = told.once
    placed = once.get("order.placed")
    if placed is None:
        return False
    order, placed_ms = placed.order, placed.at_ms
    for event in events:
        if event.order != order or event.at_ms < placed_ms:
            return False
    parts = [*told.shipments, *(once[kind] for kind in BY_LINE if kind in once)]
    if parts and placed.data.get("lines") and any("lines" in event.data for event in parts):
        return False
    if any(event.data.get("trackable") for event in told.shipments[1:]) and not once["order.shipped"].data.get(
            "trackable"):
        return False
    return "review.replied" not in once or (
        "review.posted" in once and once["review.posted"].at_ms < once["review.replied"].at_ms)


class Moments(NamedTuple):
    """The moments of an order that follow from several events [epoch ms], `FOREVER_MS` for never.

    `shipped`, `arrived` and `delivered` count only before a cancellation; the raw ones are those of each line.
    """

    cancelled: int
    raw_shipped: int
    raw_arrived: int
    raw_delivered: int
    shipped: int
    arrived: int
    delivered: int
    known: int
    scanned: int
    attempted: int


_NOTHING = Moments(*(FOREVER_MS for _ in Moments._fields))


def _read_moments(told: Told) -> Moments:
    once = told.once
    if len(once) == 1 and not told.scans:
        return _NOTHING
    cancelled, shipped = _moment(once, "order.cancelled"), _moment(once, "order.shipped")
    delivery, delivered = once.get("order.delivered"), _moment(once, "order.delivered")
    known = FOREVER_MS if delivery is not None and delivery.data.get("known_by") == "automatic" else delivered
    scanned = attempted = FOREVER_MS
    arrived = known
    for scan in told.scans:
        at_ms, milestone = scan.at_ms, scan.data["milestone"]
        scanned = min(scanned, at_ms)
        if milestone == "delivered":
            arrived, delivered = min(arrived, at_ms), min(delivered, at_ms)
        elif milestone == "attempted":
            arrived, attempted = min(arrived, at_ms), min(attempted, at_ms)
    return Moments(
        cancelled, shipped, arrived, delivered, shipped if shipped < cancelled else FOREVER_MS,
        arrived if arrived < cancelled else FOREVER_MS, delivered if delivered < cancelled else FOREVER_MS,
        known, scanned, attempted)


def _moment(once: Mapping[str, TypedEvent], kind: str) -> int:
    """When it happened [epoch ms], `FOREVER_MS` for never."""
    event = once.get(kind)
    return FOREVER_MS if event is None else event.at_ms


class Dues(NamedTuple):
    """What was promised [epoch ms], `FOREVER_MS` for nothing, and what follows from that two weeks later."""

    accept: int
    ship: int
    ship_limit: int
    deliver: int
    settled: int


def _read_dues(fields: Mapping[str, Any], zone: str) -> Dues:
    accept_by, ship_by, deliver_by = fields.get("accept_by"), fields.get("ship_by"), fields.get("deliver_by")
    return Dues(_due(accept_by, zone), _due(ship_by, zone), _due(ship_by, zone, NOT_SHIPPED_DAYS),
                _due(deliver_by, zone), _due(deliver_by, zone, SETTLED_DAYS))


def _due(promise: int | str | None, zone: str, plus_days: int = 0) -> int:
    return FOREVER_MS if promise is None else promise_due_ms(promise, zone, plus_days=plus_days)


@lru_cache(maxsize=1_000)
def _mask(kinds: frozenset[str]) -> int:
    return sum(1 << bit for bit, kind in enumerate(DEFECTS) if kind in kinds)


class Plain(NamedTuple):
    """A plain order of a dossier, ready to be counted; `fields` are those it was placed with."""

    shop_id: int
    dossier: int
    ref: str
    frame: Ground
    told: Told
    fields: Mapping[str, Any]
    moments: Moments
    dues: Dues


def read_plain(shop_id: int, dossier: int, events: Sequence[TypedEvent], frame: Ground) -> Plain | None:
    """A dossier that tells of one plain order; None for what is left to the fold."""
    told = find_plain(events)
    if told is None:
        return None
    placed = told.once["order.placed"]
    dues = _read_dues(placed.data, frame.zone)
    for due in dues:
        if LATEST_MS < due != FOREVER_MS:
            return None
    return Plain(shop_id, dossier, placed.order or "", frame, told, placed.data, _read_moments(told), dues)


class _Columns:
    """The same of many orders side by side: a list per field is filled and read much faster than row by row."""

    def __init__(self, orders: Sequence[Plain]) -> None:
        self.orders = orders
        self.onces = [order.told.once for order in orders]
        self.moments = _transpose(Moments._fields, [order.moments for order in orders])
        self.dues = _transpose(Dues._fields, [order.dues for order in orders])

    def list_at(self, kind: str) -> list[int]:
        """When it happened in each order [epoch ms], `FOREVER_MS` for never."""
        return [FOREVER_MS if (event := once.get(kind)) is None else event.at_ms for once in self.onces]

    def list_said(self, kind: str, name: str, otherwise: Any = None) -> list[Any]:
        """What was said with it in each order; `otherwise` where it says nothing, None where it did not happen."""
        return [None if (event := once.get(kind)) is None else event.data.get(name, otherwise) for once in self.onces]

    def list_fields(self, name: str, otherwise: Any = None) -> list[Any]:
        """What each order was placed with."""
        return [order.fields.get(name, otherwise) for order in self.orders]


def _transpose(names: Sequence[str], rows: Sequence[Sequence[int]]) -> dict[str, Sequence[int]]:
    """Rows as columns, by name."""
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _or_none(moments: Iterable[int]) -> list[int | None]:
    """Moments as the tables hold them."""
    return [None if moment == FOREVER_MS else moment for moment in moments]


def _stack(told: _Columns) -> PlainOrders:
    """The orders as `PlainOrders`."""
    orders, moments, dues, at = told.orders, told.moments, told.dues, told.list_at
    reviewed, ratings = at("review.posted"), [rating or 0 for rating in told.list_said("review.posted", "rating", 0)]
    by, reasons = told.list_said("order.cancelled", "by", "unknown"), told.list_said("order.cancelled", "reason")
    cancelled = list(zip(moments["cancelled"], by, reasons, strict=True))
    placed = at("order.placed")
    return stack_orders((
        placed, at("order.accepted"), at("order.refused"), at("order.paid"), at("order.invoiced"), moments["cancelled"],
        moments["shipped"], moments["scanned"], moments["known"], moments["arrived"], reviewed, at("review.replied"),
        [at_ms + REPLY_MS if 0 < rating <= CRITICAL_RATING else FOREVER_MS
         for at_ms, rating in zip(reviewed, ratings, strict=True)],
        *dues.values(), list(map(_find_invoice_due, orders)), list(map(_count_gap_days, orders)), ratings,
        [_mask(order.frame.terms_at(at_ms).defect_kinds) for order, at_ms in zip(orders, placed, strict=True)],
        [fulfilment == "seller" for fulfilment in told.list_fields("fulfilment", "seller")],
        [bool(trackable) for trackable in told.list_said("order.shipped", "trackable")],
        [who == "automatic" for who in told.list_said("order.refused", "by")],
        [who is not None and is_seller_cancellation(Cancellation(at_ms, who, why, None))
         for at_ms, who, why in cancelled],
        [reason == "out_of_stock" for reason in reasons],
        [who == "buyer" or why == "buyer_request" for _, who, why in cancelled],
        [buyer is not None for buyer in told.list_fields("buyer")]))


def _find_invoice_due(order: Plain) -> int:
    shipped = order.moments.shipped
    billed = bool(order.fields.get("business")) and shipped < FOREVER_MS
    return next_weekday_end_ms(shipped, order.frame.zone) if billed else FOREVER_MS


def _count_gap_days(order: Plain) -> int:
    """By how many days it came after its promised one; 0 where it did not, or none was promised."""
    arrived, due, zone = order.moments.arrived, order.dues.deliver, order.frame.zone
    if FOREVER_MS in (arrived, due):
        return 0
    return local_ordinal(arrived, zone) - local_ordinal(due, zone)


def _order_rows(told: _Columns) -> list[Row]:
    orders, moments, at, fields = told.orders, told.moments, told.list_at, told.list_fields
    categories, amounts = zip(*(main_line(order.fields) for order in orders), strict=True)
    return list(zip(
        *_list_heads(orders), fields("buyer"), categories, fields("country"), fields("channel"),
        fields("fulfilment", "seller"), fields("business"), fields("currency"), amounts,
        told.list_said("order.shipped", "carrier"), at("order.placed"), _or_none(at("order.accepted")),
        _or_none(at("order.refused")), told.list_said("order.refused", "by"), _or_none(at("order.paid")),
        *(_or_none(moments[name]) for name in ("shipped", "scanned", "attempted", "arrived", "delivered", "cancelled")),
        told.list_said("order.cancelled", "by", "unknown"), told.list_said("order.cancelled", "reason"),
        _or_none(at("order.invoiced")), _or_none(told.dues["ship"]), _or_none(told.dues["deliver"]), strict=True))


def _list_heads(orders: Sequence[Plain]) -> list[tuple[Any, ...]]:
    """What the rows of orders begin with, in columns: shop, dossier, order."""
    return list(zip(*((order.shop_id, order.dossier, order.ref) for order in orders), strict=True))


def _line_rows(order: Plain) -> list[Row]:
    lines, moments = order.fields.get("lines"), order.moments
    if not lines:
        return []
    shop_id, dossier, ref = order.shop_id, order.dossier, order.ref
    happened = _or_none((moments.raw_shipped, moments.raw_arrived, moments.raw_delivered, moments.cancelled))
    return [(shop_id, dossier, ref, line["line"], line.get("sku"), line.get("category"), line.get("quantity"),
             line.get("amount_minor"), *happened) for line in lines]


def _parcel_rows(order: Plain) -> list[Row]:
    return [_parcel_row(order, shipment) for shipment in order.told.shipments]


def _parcel_row(order: Plain, shipment: TypedEvent) -> Row:
    data, tracking = shipment.data, shipment.data.get("tracking")
    scans = [scan for scan in order.told.scans if scan.data.get("tracking") in (None, tracking)]
    delivered = min((scan.at_ms for scan in scans if scan.data["milestone"] == "delivered"), default=None)
    return (order.shop_id, order.dossier, order.ref, tracking, data.get("carrier"), data.get("trackable", False),
            shipment.at_ms, min((scan.at_ms for scan in scans), default=None), delivered)


def _promise_rows(order: Plain) -> list[Row]:
    promised = (("ship", order.dues.ship), ("deliver", order.dues.deliver))
    placed_ms = order.told.once["order.placed"].at_ms
    return [(order.shop_id, order.dossier, order.ref, kind, due, placed_ms, None)
            for kind, due in promised if due != FOREVER_MS]


def _review_rows(order: Plain) -> list[Row]:
    review = order.told.once.get("review.posted")
    return [] if review is None else [
        (order.shop_id, order.dossier, order.ref, review.data.get("rating"), review.at_ms, None)]


def derive_plain(orders: Sequence[Plain]) -> dict[str, list[Row]]:
    """Every row of many plain orders by model name, led by shop and dossier."""
    told = _Columns(orders)
    stacked = _stack(told)
    return {
        "OrderFact": _order_rows(told),
        "LineFact": _chain(_line_rows, orders), "ParcelFact": _chain(_parcel_rows, orders),
        "PromiseFact": _chain(_promise_rows, orders), "ReviewFact": _chain(_review_rows, orders),
        "Obligation": _obligation_rows(orders, stacked), **_span_rows(orders, stacked)}


def _chain(rows_of: Callable[[Plain], list[Row]], orders: Iterable[Plain]) -> list[Row]:
    return [row for order in orders for row in rows_of(order)]


def _span_rows(orders: Sequence[Plain], columns: PlainOrders) -> dict[str, list[Row]]:
    """The rows of outcomes and of defects."""
    spans = span_plain_orders(columns)
    return {"OutcomeRow": _outcome_rows(orders, spans), "DefectFact": _defect_rows(orders, list_plain_defects(spans))}


def _outcome_rows(orders: Sequence[Plain], spans: PlainSpans) -> list[Row]:
    place, group, anchor, since, until, base, bad, amount, kinds, settled = (column.tolist() for column in spans)
    buyers = [order.fields.get("buyer") for order in orders]
    shops, dossiers, refs = _list_heads([orders[at] for at in place])
    return list(zip(
        shops, dossiers, group, refs, anchor, since, until, base, bad, base, bad, amount, refs,
        [buyers[at] for at in place], [KINDS[mask] for mask in kinds], _or_none(settled), strict=True))


def _defect_rows(orders: Sequence[Plain], defects: PlainDefects) -> list[Row]:
    return [(orders[at].shop_id, orders[at].dossier, orders[at].ref, DEFECTS[kind], since, until)
            for at, kind, since, until in zip(
                defects.order.tolist(), defects.kind.tolist(), defects.from_ms.tolist(),
                _or_none(defects.until_ms.tolist()), strict=True)]


def _obligation_rows(orders: Sequence[Plain], columns: PlainOrders) -> list[Row]:
    place, kinds, since, due, ended, ends = (column.tolist() for column in list_plain_promises(columns))
    return [_obligation_row(orders[at], PROMISES[kind], moments, ENDS[end])
            for at, kind, end, *moments in zip(place, kinds, ends, since, due, _or_none(ended), strict=True)]


def _obligation_row(order: Plain, kind: str, moments: Sequence[int], reason: str) -> Row:
    since_ms, due_ms, ended_ms = moments
    placed, ref, terms = order.told.once["order.placed"], order.ref, order.frame.terms_at(since_ms)
    settled, void, why = (ended_ms, None, None) if not reason or ended_ms is None else (None, ended_ms, reason)
    return (order.shop_id, order.dossier, "seller", kind, ref, ref, None, placed.source, placed.id, since_ms, due_ms,
            settled, void, why, None, None, terms.standard_id, terms.standard_version)
