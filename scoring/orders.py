"""One seller order: what its events say, and the moments that follow.

`OrderState` collects events in their order; `derive_order` turns it into `OrderFacts`, whose moments are epoch
milliseconds or None where the thing has not happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scoring.events import TypedEvent
from scoring.windows import promise_due_ms

NOT_SHIPPED_DAYS = 14
BUYER_CAUSES = frozenset({"buyer_request", "payment_failed", "fraud", "operator"})
WHOLE = ("",)  # the one line of an order whose lines nobody told us


class Shipment(NamedTuple):
    at_ms: int
    carrier: str | None
    tracking: str | None
    trackable: bool
    lines: tuple[str, ...] | None


class Scan(NamedTuple):
    at_ms: int
    tracking: str | None
    milestone: str


class Delivery(NamedTuple):
    at_ms: int
    known_by: str | None
    lines: tuple[str, ...] | None


class Cancellation(NamedTuple):
    at_ms: int
    by: str
    reason: str | None
    lines: tuple[str, ...] | None


class Move(NamedTuple):
    at_ms: int
    kind: str
    to: int | str
    agreed_by: str


class Amount(NamedTuple):
    at_ms: int
    amount_minor: int | None
    fault: str | None


class ReturnStep(NamedTuple):
    at_ms: int
    return_id: str
    step: str
    reason: str | None


class Return(NamedTuple):
    """One return: first moments [epoch ms]; `refunded_ms` is its own refund or, once asked for, any of its order."""

    id: str
    received_ms: int | None
    refused_ms: int | None
    refunded_ms: int | None


class ReviewVersion(NamedTuple):
    at_ms: int
    rating: int | None  # None: removed


@dataclass(slots=True)
class OrderState:
    """What the events of one order said, each list in the order of events."""

    id: str
    ordered_ms: int | None = None
    opener: tuple[str, str] = ("", "")
    fields: dict[str, Any] = field(default_factory=dict)
    lines: tuple[str, ...] = WHOLE
    firsts: dict[str, int] = field(default_factory=dict)
    refused_by: str | None = None
    shipments: list[Shipment] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    cancellations: list[Cancellation] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    refunds: list[Amount] = field(default_factory=list)
    returns: list[ReturnStep] = field(default_factory=list)
    reviews: list[ReviewVersion] = field(default_factory=list)
    replied_ms: int | None = None  # the first reply to the review that stands, in whichever version
    corrections: dict[str, Any] = field(default_factory=dict)


def _lines_of(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    return tuple(data["lines"]) if "lines" in data else None


def _place(order: OrderState, event: TypedEvent) -> None:
    if order.ordered_ms is None:
        order.ordered_ms, order.opener = event.at_ms, (event.source, event.id)
        order.fields = dict(event.data)
        order.lines = tuple(sorted(line["line"] for line in event.data.get("lines", ()))) or WHOLE


def _review(order: OrderState, event: TypedEvent) -> None:
    standing = order.reviews and order.reviews[-1].rating is not None
    if event.type == "review.replied":
        if standing and order.replied_ms is None:
            order.replied_ms = event.at_ms
        return
    if event.type != "review.changed":
        order.replied_ms = None  # another review wants another reply
    if event.type == "review.posted" or standing:
        order.reviews.append(ReviewVersion(event.at_ms, event.data.get("rating")))


def apply_order_event(order: OrderState, event: TypedEvent) -> None:
    """Take in one event of the order; events come in their order."""
    kind, at_ms, data = event.type, event.at_ms, event.data
    if kind == "order.placed":
        _place(order, event)
    elif kind == "order.shipped":
        order.shipments.append(Shipment(
            at_ms, data.get("carrier"), data.get("tracking"), data.get("trackable", False), _lines_of(data)))
    elif kind == "tracking.scanned":
        order.scans.append(Scan(at_ms, data.get("tracking"), data["milestone"]))
    elif kind == "order.delivered":
        order.deliveries.append(Delivery(at_ms, data.get("known_by"), _lines_of(data)))
    elif kind == "order.cancelled":
        order.cancellations.append(Cancellation(
            at_ms, data.get("by", "unknown"), data.get("reason"), _lines_of(data)))
    elif kind == "order.promise_moved":
        order.moves.append(Move(at_ms, data["kind"], data["to"], data.get("agreed_by", "nobody")))
    elif kind == "order.corrected":
        order.corrections[data["field"]] = data["value"]
    elif kind.startswith("review."):
        _review(order, event)
    else:
        _apply_other(order, event)


def _apply_other(order: OrderState, event: TypedEvent) -> None:
    kind, at_ms, data = event.type, event.at_ms, event.data
    if kind in {"order.accepted", "order.refused", "order.paid", "order.invoiced"}:
        if kind == "order.refused" and kind not in order.firsts:
            order.refused_by = data.get("by")
        order.firsts.setdefault(kind, at_ms)
    elif kind == "order.refunded":
        order.refunds.append(Amount(at_ms, data.get("amount_minor"), data.get("fault")))
    elif kind.startswith("return."):
        order.returns.append(ReturnStep(at_ms, event.subject, kind.partition(".")[2], data.get("reason")))


class PromiseRow(NamedTuple):
    """One promise of an order: standing in `[from_ms, until_ms)`; `raw` is the instant or date given."""

    kind: str
    raw: int | str
    due_ms: int
    from_ms: int
    until_ms: int | None


class LineFacts(NamedTuple):
    line: str
    shipped_ms: int | None
    arrived_ms: int | None
    delivered_ms: int | None
    cancelled_ms: int | None


class OrderFacts(NamedTuple):
    """Moments of one order [epoch ms], None where it has not happened.

    `shipped_ms` (`arrived_ms`, `delivered_ms`) is the first moment at which every line not cancelled by then is
    shipped (has arrived or been attempted; is delivered). `cancelled_ms`: every line is cancelled.
    """

    id: str
    ordered_ms: int | None
    own_fulfilment: bool
    accepted_ms: int | None
    refused_ms: int | None
    shipped_ms: int | None
    arrived_ms: int | None
    delivered_ms: int | None
    first_scan_ms: int | None
    first_attempt_ms: int | None
    cancelled_ms: int | None
    cancelled_by: str | None
    cancel_reason: str | None
    seller_cancellations: tuple[Cancellation, ...]
    trackable: bool
    delivery_known: bool
    ship: PromiseRow | None
    deliver: PromiseRow | None
    not_shipped_ms: int | None
    promises: tuple[PromiseRow, ...]
    lines: tuple[LineFacts, ...]
    refused_by: str | None


def _touch(moments: dict[str, int], lines: Iterable[str] | None, at_ms: int, known: tuple[str, ...]) -> None:
    named = known if lines is None or known == WHOLE else lines
    for line in named:
        moments[line] = min(at_ms, moments.get(line, at_ms))


def _complete_ms(lines: tuple[str, ...], done: Mapping[str, int], cancelled: Mapping[str, int]) -> int | None:
    """First moment at which every line not cancelled by then is done, with at least one such line."""
    if not done:
        return None
    if len(lines) == 1:
        done_ms, cancelled_ms = done.get(lines[0]), cancelled.get(lines[0])
        return None if done_ms is not None and cancelled_ms is not None and cancelled_ms <= done_ms else done_ms
    at_ms = -1
    for line in lines:
        moments = [m for m in (done.get(line), cancelled.get(line)) if m is not None]
        if not moments:
            return None
        at_ms = max(at_ms, min(moments))
    for line in lines:
        live = cancelled.get(line)
        if line in done and done[line] <= at_ms and (live is None or live > at_ms):
            return at_ms
    return None


def _parcel_lines(order: OrderState) -> dict[str, set[str] | None]:
    """Tracking number -> lines of all its shipments; None: all lines."""
    parcels: dict[str, set[str] | None] = {}
    for shipment in order.shipments:
        if shipment.tracking is None:
            continue
        held = parcels.get(shipment.tracking, set())
        parcels[shipment.tracking] = None if held is None or shipment.lines is None else held | set(shipment.lines)
    return parcels


def _arrivals(order: OrderState) -> tuple[dict[str, int], dict[str, int]]:
    """Per line the first arrival (attempts included) and the first delivery [epoch ms]."""
    arrived: dict[str, int] = {}
    delivered: dict[str, int] = {}
    for delivery in order.deliveries:
        if delivery.known_by != "automatic":  # a timer's guess is no knowledge
            _touch(arrived, delivery.lines, delivery.at_ms, order.lines)
        _touch(delivered, delivery.lines, delivery.at_ms, order.lines)
    if not order.scans:
        return arrived, delivered
    parcels = _parcel_lines(order)
    for scan in order.scans:
        if scan.milestone not in {"attempted", "delivered"}:
            continue
        lines = parcels.get(scan.tracking) if scan.tracking is not None else None
        _touch(arrived, lines, scan.at_ms, order.lines)
        if scan.milestone == "delivered":
            _touch(delivered, lines, scan.at_ms, order.lines)
    return arrived, delivered


def _list_seller_cancellations(order: OrderState) -> tuple[Cancellation, ...]:
    """The seller's own cancellations; a line's first cancellation decides whose it is."""
    gone: set[str] = set()
    found: list[Cancellation] = []
    for cancellation in order.cancellations:
        whole = cancellation.lines is None or order.lines == WHOLE
        named = order.lines if whole else set(cancellation.lines or ()).intersection(order.lines)
        if not gone.issuperset(named) and is_seller_cancellation(cancellation):
            found.append(cancellation)
        gone.update(named)
    return tuple(found)


def is_seller_cancellation(cancellation: Cancellation) -> bool:
    """Whether it is the seller's doing: their own, or the timer's because they did not act; no cause of the buyer's."""
    if cancellation.reason in BUYER_CAUSES:
        return False
    return cancellation.by == "seller" or (
        cancellation.by == "automatic" and cancellation.reason == "seller_timeout")


def _promise_rows(order: OrderState, kind: str, zone: str) -> list[PromiseRow]:
    name = f"{kind}_by"
    raw = order.corrections.get(name, order.fields.get(name))
    if raw is None or order.ordered_ms is None:
        return []
    rows = [PromiseRow(kind, raw, promise_due_ms(raw, zone), order.ordered_ms, None)]
    for move in order.moves:
        if move.kind == kind and move.agreed_by in {"buyer", "operator"} and move.at_ms <= rows[-1].due_ms:
            rows[-1] = rows[-1]._replace(until_ms=move.at_ms)
            rows.append(PromiseRow(kind, move.to, promise_due_ms(move.to, zone), move.at_ms, None))
    return rows


def _cancelled(order: OrderState, cancels: Mapping[str, int]) -> tuple[int | None, str | None, str | None]:
    """When, by whom and why the whole order was cancelled."""
    if not all(line in cancels for line in order.lines):
        return None, None, None
    at_ms = max(cancels[line] for line in order.lines)
    last = next(c for c in order.cancellations if c.at_ms == at_ms)
    return at_ms, last.by, last.reason


def derive_order(order: OrderState, zone: str) -> OrderFacts:
    """The facts of an order from the events taken in so far; `zone` is the marketplace's."""
    cancels: dict[str, int] = {}
    shipped: dict[str, int] = {}
    for cancellation in order.cancellations:
        _touch(cancels, cancellation.lines, cancellation.at_ms, order.lines)
    for shipment in order.shipments:
        _touch(shipped, shipment.lines, shipment.at_ms, order.lines)
    arrived, delivered = _arrivals(order)
    cancelled_ms, cancelled_by, cancel_reason = _cancelled(order, cancels) if cancels else (None, None, None)
    shipped_ms = _complete_ms(order.lines, shipped, cancels)
    own = order.corrections.get("fulfilment", order.fields.get("fulfilment", "seller")) == "seller"
    ship_rows, deliver_rows = _promise_rows(order, "ship", zone), _promise_rows(order, "deliver", zone)
    refused_ms = order.firsts.get("order.refused")
    ship = ship_rows[-1] if ship_rows else None
    return OrderFacts(
        id=order.id, ordered_ms=order.ordered_ms, own_fulfilment=own,
        accepted_ms=order.firsts.get("order.accepted"), refused_ms=refused_ms,
        shipped_ms=shipped_ms, arrived_ms=_complete_ms(order.lines, arrived, cancels),
        delivered_ms=_complete_ms(order.lines, delivered, cancels),
        first_scan_ms=min((s.at_ms for s in order.scans), default=None),
        first_attempt_ms=min((s.at_ms for s in order.scans if s.milestone == "attempted"), default=None),
        cancelled_ms=cancelled_ms, cancelled_by=cancelled_by, cancel_reason=cancel_reason,
        seller_cancellations=_list_seller_cancellations(order) if order.cancellations else (),
        trackable=any(s.trackable for s in order.shipments),
        delivery_known=any(d.known_by != "automatic" for d in order.deliveries),
        ship=ship, deliver=deliver_rows[-1] if deliver_rows else None,
        not_shipped_ms=_not_shipped_ms(ship, zone, (shipped_ms, refused_ms, cancelled_ms)) if own else None,
        promises=(*ship_rows, *deliver_rows),
        lines=tuple(
            LineFacts(n, shipped.get(n), arrived.get(n), delivered.get(n), cancels.get(n)) for n in order.lines),
        refused_by=order.refused_by,
    )


def _not_shipped_ms(ship: PromiseRow | None, zone: str, ends: tuple[int | None, ...]) -> int | None:
    """When the order became one not shipped: 14 days after its promise, unless it had ended by then."""
    if ship is None:
        return None
    limit_ms = promise_due_ms(ship.raw, zone, plus_days=NOT_SHIPPED_DAYS)
    return None if any(moment is not None and moment <= limit_ms for moment in ends) else limit_ms


def standing_review(order: OrderState) -> ReviewVersion | None:
    """The review that stands after the events taken in so far, None when there is none."""
    if order.reviews and order.reviews[-1].rating is not None:
        return order.reviews[-1]
    return None


def list_returns(order: OrderState) -> list[Return]:
    """The returns of an order after the events taken in so far, in the order they were first heard of."""
    found: list[Return] = []
    for name in dict.fromkeys(step.return_id for step in order.returns):
        steps = [step for step in order.returns if step.return_id == name]
        firsts = {kind: min((s.at_ms for s in steps if s.step == kind), default=None)
                  for kind in ("received", "refused", "refunded")}
        since = min(step.at_ms for step in steps)
        refunds = [refund.at_ms for refund in order.refunds if refund.at_ms >= since]
        refunds += [firsts["refunded"]] if firsts["refunded"] is not None else []
        found.append(Return(name, firsts["received"], firsts["refused"], min(refunds, default=None)))
    return found
