"""Rows of plain orders, thousands at once: the same as `derive_rows` of each (scoring.plain_orders)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from operator_qos.ledger.derive import Row, main_line
from scoring.aftercare import CRITICAL_RATING, REPLY_MS
from scoring.events import TypedEvent, order_key
from scoring.orders import NOT_SHIPPED_DAYS, Cancellation, is_seller_cancellation
from scoring.outcomes import SETTLED_DAYS
from scoring.plain_orders import (
    DEFECTS,
    ENDS,
    PROMISES,
    PlainOrders,
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

    def at(self, kind: str) -> int:
        """When it happened [epoch ms], `FOREVER_MS` for never."""
        event = self.once.get(kind)
        return FOREVER_MS if event is None else event.at_ms

    def data(self, kind: str) -> Mapping[str, Any]:
        """What was said with it; empty where it did not happen."""
        event = self.once.get(kind)
        return {} if event is None else event.data


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
        if kind not in ONCE and kind not in FIRST:
            return None
        if kind == "order.shipped":
            shipments.append(event)
        if kind not in once:
            once[kind] = event
        elif kind in FIRST:
            once[kind] = min(event, once[kind], key=order_key)
        else:
            return None
    told = Told(once, scans, sorted(shipments, key=order_key) if len(shipments) > 1 else shipments)
    return told if _is_whole(told, events) else None


def _is_whole(told: Told, events: Sequence[TypedEvent]) -> bool:
    """The order was placed before anything else, everything is about all of it, and the first parcel says it all."""
    placed = told.once.get("order.placed")
    if placed is None or any(event.order != placed.order or event.at_ms < placed.at_ms for event in events):
        return False
    parts = (*told.shipments, *(told.once[kind] for kind in BY_LINE if kind in told.once))
    if placed.data.get("lines") and any("lines" in event.data for event in parts):
        return False
    if any(event.data.get("trackable") for event in told.shipments[1:]) and not told.data("order.shipped").get(
            "trackable"):
        return False
    return "review.replied" not in told.once or told.at("review.posted") < told.at("review.replied")


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


def _read_moments(told: Told) -> Moments:
    cancelled, shipped, delivered = (told.at(f"order.{kind}") for kind in ("cancelled", "shipped", "delivered"))
    known = FOREVER_MS if told.data("order.delivered").get("known_by") == "automatic" else delivered
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


def _number(told: Told, moments: Moments, dues: Dues, frame: Ground) -> tuple[int, ...]:
    """The order as a row of `PlainOrders`."""
    placed, cancelled, review = told.once["order.placed"], told.data("order.cancelled"), told.data("review.posted")
    fields, reviewed, rating = placed.data, told.at("review.posted"), review.get("rating", 0)
    by, reason = cancelled.get("by", "unknown"), cancelled.get("reason")
    has_gap = moments.arrived < FOREVER_MS and dues.deliver < FOREVER_MS
    gap = local_ordinal(moments.arrived, frame.zone) - local_ordinal(dues.deliver, frame.zone) if has_gap else 0
    billed = bool(fields.get("business")) and moments.shipped < FOREVER_MS
    return (
        placed.at_ms, told.at("order.accepted"), told.at("order.refused"), told.at("order.paid"),
        told.at("order.invoiced"), moments.cancelled, moments.shipped, moments.scanned, moments.known, moments.arrived,
        reviewed, told.at("review.replied"), reviewed + REPLY_MS if 0 < rating <= CRITICAL_RATING else FOREVER_MS,
        *dues, next_weekday_end_ms(moments.shipped, frame.zone) if billed else FOREVER_MS, gap, rating,
        _mask(frame.terms_at(placed.at_ms).defect_kinds), fields.get("fulfilment", "seller") == "seller",
        told.data("order.shipped").get("trackable", False), told.data("order.refused").get("by") == "automatic",
        bool(cancelled) and is_seller_cancellation(Cancellation(moments.cancelled, by, reason, None)),
        reason == "out_of_stock", by == "buyer" or reason == "buyer_request", fields.get("buyer") is not None)


@lru_cache(maxsize=1_000)
def _mask(kinds: frozenset[str]) -> int:
    return sum(1 << bit for bit, kind in enumerate(DEFECTS) if kind in kinds)


def _or_none(moment: int) -> int | None:
    return None if moment == FOREVER_MS else moment


class Plain(NamedTuple):
    """A plain order of a dossier, ready to be counted."""

    shop_id: int
    dossier: int
    frame: Ground
    told: Told
    moments: Moments
    dues: Dues

    @property
    def head(self) -> tuple[int, int, str]:
        """What its rows begin with: shop, dossier, order."""
        return self.shop_id, self.dossier, self.told.once["order.placed"].order or ""


def read_plain(shop_id: int, dossier: int, events: Sequence[TypedEvent], frame: Ground) -> Plain | None:
    """A dossier that tells of one plain order; None for what is left to the fold."""
    told = find_plain(events)
    if told is None:
        return None
    dues = _read_dues(told.data("order.placed"), frame.zone)
    if any(LATEST_MS < due != FOREVER_MS for due in dues):
        return None
    return Plain(shop_id, dossier, frame, told, _read_moments(told), dues)


def _order_row(order: Plain) -> Row:
    told, moments, fields = order.told, order.moments, order.told.data("order.placed")
    cancelled, none = "order.cancelled" in told.once, _or_none
    category, amount = main_line(fields)
    return (
        *order.head, fields.get("buyer"), category, fields.get("country"), fields.get("channel"),
        fields.get("fulfilment", "seller"), fields.get("business"), fields.get("currency"), amount,
        told.data("order.shipped").get("carrier"), told.at("order.placed"), none(told.at("order.accepted")),
        none(told.at("order.refused")), told.data("order.refused").get("by"), none(told.at("order.paid")),
        none(moments.shipped), none(moments.scanned), none(moments.attempted), none(moments.arrived),
        none(moments.delivered), none(moments.cancelled),
        told.data("order.cancelled").get("by", "unknown") if cancelled else None,
        told.data("order.cancelled").get("reason"), none(told.at("order.invoiced")), none(order.dues.ship),
        none(order.dues.deliver))


def _line_rows(order: Plain) -> list[Row]:
    lines, moments = order.told.data("order.placed").get("lines"), order.moments
    if not lines:
        return []
    ends = (moments.raw_shipped, moments.raw_arrived, moments.raw_delivered, moments.cancelled)
    happened = [_or_none(moment) for moment in ends]
    return [(*order.head, line["line"], line.get("sku"), line.get("category"), line.get("quantity"),
             line.get("amount_minor"), *happened) for line in lines]


def _parcel_rows(order: Plain) -> list[Row]:
    return [_parcel_row(order, shipment) for shipment in order.told.shipments]


def _parcel_row(order: Plain, shipment: TypedEvent) -> Row:
    data, tracking = shipment.data, shipment.data.get("tracking")
    scans = [scan for scan in order.told.scans if scan.data.get("tracking") in (None, tracking)]
    delivered = min((scan.at_ms for scan in scans if scan.data["milestone"] == "delivered"), default=None)
    return (*order.head, tracking, data.get("carrier"), data.get("trackable", False), shipment.at_ms,
            min((scan.at_ms for scan in scans), default=None), delivered)


def _promise_rows(order: Plain) -> list[Row]:
    promised = (("ship", order.dues.ship), ("deliver", order.dues.deliver))
    placed_ms = order.told.at("order.placed")
    return [(*order.head, kind, due, placed_ms, None) for kind, due in promised if due != FOREVER_MS]


def _review_rows(order: Plain) -> list[Row]:
    review = order.told.once.get("review.posted")
    return [] if review is None else [(*order.head, review.data.get("rating"), review.at_ms, None)]


def derive_plain(orders: Sequence[Plain]) -> dict[str, list[Row]]:
    """Every row of many plain orders by model name, led by shop and dossier."""
    columns = stack_orders(list(zip(
        *(_number(order.told, order.moments, order.dues, order.frame) for order in orders), strict=True)))
    return {
        "OrderFact": [_order_row(order) for order in orders],
        "LineFact": _chain(_line_rows, orders), "ParcelFact": _chain(_parcel_rows, orders),
        "PromiseFact": _chain(_promise_rows, orders), "ReviewFact": _chain(_review_rows, orders),
        "Obligation": _obligation_rows(orders, columns), **_span_rows(orders, columns)}


def _chain(rows_of: Callable[[Plain], list[Row]], orders: Iterable[Plain]) -> list[Row]:
    return [row for order in orders for row in rows_of(order)]


def _span_rows(orders: Sequence[Plain], columns: PlainOrders) -> dict[str, list[Row]]:
    """The rows of outcomes and of defects."""
    spans = span_plain_orders(columns)
    defects = list_plain_defects(spans)
    heads = [order.head for order in orders]
    names = [(order.head[2], order.told.data("order.placed").get("buyer")) for order in orders]
    return {
        "OutcomeRow": [
            (*heads[place][:2], group, names[place][0], anchor, since, until, base, bad, base, bad, amount,
             *names[place], KINDS[kinds], _or_none(settled))
            for place, group, anchor, since, until, base, bad, amount, kinds, settled in _rows_of(spans)],
        "DefectFact": [(*heads[place], DEFECTS[kind], since, _or_none(until))
                       for place, kind, since, until in _rows_of(defects)],
    }


def _rows_of(columns: Iterable[NDArray[np.int64]]) -> Iterable[tuple[int, ...]]:
    """Columns as rows of plain numbers."""
    return zip(*(column.tolist() for column in columns), strict=True)


def _obligation_rows(orders: Sequence[Plain], columns: PlainOrders) -> list[Row]:
    return [_obligation_row(orders[place], PROMISES[kind], since, due, (_or_none(ended), ENDS[end]))
            for place, kind, since, due, ended, end in _rows_of(list_plain_promises(columns))]


def _obligation_row(order: Plain, kind: str, since_ms: int, due_ms: int, ended: tuple[int | None, str]) -> Row:
    (shop_id, dossier, ref), placed = order.head, order.told.once["order.placed"]
    moment, reason = ended
    settled, void, why = (moment, None, None) if not reason or moment is None else (None, moment, reason)
    terms = order.frame.terms_at(since_ms)
    return (shop_id, dossier, "seller", kind, ref, ref, None, placed.source, placed.id, since_ms, due_ms, settled, void,
            why, None, None, terms.standard_id, terms.standard_version)
