"""A platform's published figures, worked out from our own log by the platform's definitions. Pure.

Denominators are theirs, not ours: lines where we count orders, and an order that never left is not late here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

DAY_MS = 86_400_000
PERIOD_DAYS: Mapping[str, int] = {
    "LAST_MONTH": 30, "LAST_THREE_MONTHS": 91, "LAST_SIX_MONTHS": 182, "LAST_YEAR": 365}


@dataclass(frozen=True, slots=True)
class Said:
    """One event of the log; moments are epoch milliseconds."""

    type: str
    id: str
    subject: str
    at_ms: int
    received_ms: int
    data: Mapping[str, Any]
    other_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """`bad` of `base`; None where there is no base."""

    bad: float
    base: int

    @property
    def value(self) -> float | None:
        """The share or mean."""
        return self.bad / self.base if self.base else None


@dataclass(slots=True)
class SeenOrder:
    """What an order amounts to by a moment."""

    placed_ms: int = -1
    lines: tuple[str, ...] = ()
    ship_by_ms: int | None = None
    accepted_ms: int | None = None
    refused: bool = False
    paid_ms: int | None = None
    shipped: dict[str, int] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    refunded: set[str] = field(default_factory=set)
    incidents: set[str] = field(default_factory=set)
    returned: bool = False
    waited_ms: list[int] = field(default_factory=list)
    presumed: bool = False

    @property
    def taken(self) -> int:
        """Its lines, where it was accepted; one that was paid without a yes of the seller went by itself."""
        is_taken = self.accepted_ms is not None or self.paid_ms is not None or self.presumed
        return len(self.lines) if is_taken and not self.refused else 0

    @property
    def is_undecided(self) -> bool:
        """Cancelled before it was paid: whether it had been accepted by itself is shown nowhere afterwards."""
        return bool(self.cancelled) and self.taken == 0 and not self.refused

    @property
    def sent_ms(self) -> int | None:
        """When its last line left, of those that were not cancelled."""
        return max((at for line, at in self.shipped.items() if line not in self.cancelled), default=None)


def read_orders(said: Iterable[Said], until_ms: int) -> dict[str, SeenOrder]:
    """The orders of a shop as they stood at a moment; retracted events are left out."""
    told = sorted((event for event in said if event.at_ms <= until_ms), key=lambda event: (event.at_ms, event.id))
    gone = {event.data["id"] for event in told if event.type == "event.retracted"}
    orders: dict[str, SeenOrder] = defaultdict(SeenOrder)
    asked: dict[str, int] = {}
    for event in told:
        if event.id in gone:
            continue
        if event.type == "message.sent":
            _hear(orders, asked, event)
        elif event.type in _READERS:
            _READERS[event.type](orders[str(event.data.get("order", event.subject))], event)
    return {name: order for name, order in orders.items() if order.placed_ms >= 0}


def _hear(orders: dict[str, SeenOrder], asked: dict[str, int], event: Said) -> None:
    """A seller's answer ends the waiting that the buyer's first unanswered message began."""
    author, order = event.data.get("author"), event.data.get("order")
    if author == "buyer":
        asked.setdefault(event.subject, event.at_ms)
    elif author == "seller" and order is not None and event.subject in asked:
        orders[str(order)].waited_ms.append(event.at_ms - asked.pop(event.subject))


def _place(order: SeenOrder, event: Said) -> None:
    order.placed_ms = event.at_ms
    order.lines = tuple(line["line"] for line in event.data.get("lines", ()))
    order.ship_by_ms = _to_ms(event.data.get("ship_by")) or order.ship_by_ms


def _correct(order: SeenOrder, event: Said) -> None:
    if event.data.get("field") == "ship_by":
        order.ship_by_ms = _to_ms(event.data.get("value"))


def _move(order: SeenOrder, event: Said) -> None:
    if event.data.get("kind") == "ship":
        order.ship_by_ms = _to_ms(event.data.get("to"))


def _to_ms(promise: object) -> int | None:
    if isinstance(promise, int):
        return promise
    if isinstance(promise, str) and len(promise) > len("2026-01-01"):
        return int(datetime.fromisoformat(promise).timestamp() * 1000)
    return None


def _accept(order: SeenOrder, event: Said) -> None:
    order.accepted_ms = event.at_ms


def _refuse(order: SeenOrder, _event: Said) -> None:
    order.refused = True


def _pay(order: SeenOrder, event: Said) -> None:
    order.paid_ms = event.at_ms


def _ship(order: SeenOrder, event: Said) -> None:
    for line in event.data.get("lines", order.lines):
        order.shipped.setdefault(line, event.at_ms)


def _deliver(order: SeenOrder, event: Said) -> None:
    order.delivered |= set(event.data.get("lines", order.lines))


def _cancel(order: SeenOrder, event: Said) -> None:
    order.cancelled |= set(event.data.get("lines", order.lines))


def _refund(order: SeenOrder, event: Said) -> None:
    order.refunded.add(_part(event.id, "refund"))


def _open(order: SeenOrder, event: Said) -> None:
    if event.data.get("kind") == "incident":
        order.incidents.add(_part(event.id, "incident"))


def _return(order: SeenOrder, _event: Said) -> None:
    order.returned = True


def _part(event_id: str, name: str) -> str:
    """The line that an event's id names after `name`; the whole id where it names none."""
    _, found, rest = event_id.partition(f"/{name}:")
    return rest.split(":")[0] if found else event_id


_READERS: Mapping[str, Callable[[SeenOrder, Said], None]] = {
    "order.placed": _place, "order.corrected": _correct, "order.promise_moved": _move, "order.accepted": _accept,
    "order.refused": _refuse, "order.paid": _pay, "order.shipped": _ship, "order.delivered": _deliver,
    "order.cancelled": _cancel, "order.refunded": _refund, "case.opened": _open, "return.requested": _return}
Orders = Sequence[SeenOrder]


def _share_of_taken(orders: Orders, count: Callable[[SeenOrder], int]) -> Figure:
    taken = [order for order in orders if order.taken]
    return Figure(sum(count(order) for order in taken), sum(order.taken for order in taken))


def _mean_seconds(values: Sequence[int]) -> Figure:
    return Figure(sum(values) / 1000, len(values))


def _late(orders: Orders) -> Figure:
    late = sum(order.sent_ms is not None and order.ship_by_ms is not None and order.sent_ms > order.ship_by_ms
               for order in orders)
    return Figure(late, len(orders))


def _approved(orders: Orders) -> Figure:
    taken = sum(order.taken for order in orders)
    return Figure(taken, taken + sum(len(order.lines) for order in orders if order.refused))


def _returned(orders: Orders) -> Figure:
    return Figure(sum(order.returned for order in orders),
                  sum(len(order.delivered - order.cancelled) for order in orders))


FIGURES: Mapping[str, Callable[[Orders], Figure]] = {
    "incident_rate": lambda orders: _share_of_taken(orders, lambda order: len(order.incidents)),
    "late_shipment_rate": _late,
    "cancelation_rate": lambda orders: _share_of_taken(orders, lambda order: len(order.cancelled & set(order.lines))),
    "refund_rate": lambda orders: _share_of_taken(orders, lambda order: len(order.refunded)),
    "return_rate": _returned,
    "approval_rate": _approved,
    "approval_delay": lambda orders: _mean_seconds([
        order.accepted_ms - order.placed_ms for order in orders if order.accepted_ms is not None]),
    "shipping_delay": lambda orders: _mean_seconds([
        order.sent_ms - order.paid_ms for order in orders if order.sent_ms is not None and order.paid_ms is not None]),
    "order_messages_response_delay": lambda orders: _mean_seconds([
        waited for order in orders for waited in order.waited_ms]),
    "orders_count": lambda orders: Figure(len(orders), 1),
}


def compute_figures(orders: Iterable[SeenOrder], first_ms: int, until_ms: int) -> dict[str, Figure]:
    """Every figure of the orders placed in `[first_ms, until_ms)` [epoch ms]."""
    within = [order for order in orders if first_ms <= order.placed_ms < until_ms]
    return {name: figure(within) for name, figure in FIGURES.items()}
