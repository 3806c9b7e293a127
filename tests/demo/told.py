"""Reads a demo history back by plain counting, without any code of the product."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONES = {"halle-fr": "Europe/Paris", "lonja-es": "Europe/Madrid", "kontor-de": "Europe/Berlin"}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def moment(text: str) -> datetime:
    """An instant of an event."""
    return datetime.fromisoformat(text)


@dataclass
class Told:
    """One order as its events tell it."""

    id: str
    shop: str
    zone: ZoneInfo
    placed: datetime
    data: Mapping[str, Any]
    ship_by: datetime
    deliver_by: date
    shipped: datetime | None = None
    arrived: datetime | None = None
    known: bool = False
    ended: datetime | None = None
    ended_by: str = ""
    carriers: set[str] = field(default_factory=set)

    @property
    def shipped_late(self) -> bool:
        """Whether the promise to ship was missed; cancelled in time is no miss."""
        return self.shipped is None or self.shipped > self.ship_by

    @property
    def delivery_deadline(self) -> datetime:
        """The end of the promised day where the marketplace is."""
        return datetime.combine(self.deliver_by + timedelta(days=1), time(0), self.zone)

    @property
    def arrived_late(self) -> bool:
        """Whether it came after the promised day."""
        return self.arrived is None or self.arrived >= self.delivery_deadline


@dataclass
class History:
    """All the events, and what they say about orders."""

    events: list[dict[str, Any]]
    orders: dict[str, Told]
    by_shop: dict[str, list[dict[str, Any]]]
    told_of: dict[str, list[Told]]

    def orders_of(self, shops: Iterable[str], first: datetime, last: datetime) -> list[Told]:
        """The orders placed in [first, last) in some shops."""
        return [o for shop in shops for o in self.told_of[shop] if first <= o.placed < last]


def read_history(events: list[dict[str, Any]]) -> History:
    """Follow every order through its events."""
    orders: dict[str, Told] = {}
    by_shop: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        by_shop[event["shop"]].append(event)
        kind = event["type"].removeprefix("qos.")
        if kind == "order.placed":
            data = event["data"]
            orders[event["subject"]] = Told(
                event["subject"],
                event["shop"],
                ZoneInfo(ZONES[event["marketplace"]]),
                moment(event["time"]),
                data,
                moment(data["ship_by"]),
                date.fromisoformat(data["deliver_by"]),
            )
        elif kind.startswith(("order.", "tracking.")):
            _follow(orders[event["subject"]], kind, event)
    told_of: dict[str, list[Told]] = defaultdict(list)
    for order in orders.values():
        told_of[order.shop].append(order)
    return History(events, orders, by_shop, told_of)


def _follow(order: Told, kind: str, event: Mapping[str, Any]) -> None:
    at, data = moment(event["time"]), event["data"]
    if kind == "order.shipped":
        order.shipped = max(at, order.shipped or at)
        order.carriers.add(data["carrier"])
    elif kind == "order.delivered" or data.get("milestone") == "delivered":
        order.arrived = max(at, order.arrived or at)
        order.known = data.get("known_by") != "automatic"
    elif kind in {"order.cancelled", "order.refused"}:
        order.ended, order.ended_by = at, data["by"]
    elif kind == "order.promise_moved" and data["kind"] == "ship":
        order.ship_by = moment(data["to"])
    elif kind == "order.promise_moved":
        order.deliver_by = date.fromisoformat(data["to"])


def late_shipments(orders: Iterable[Told], before: datetime) -> tuple[int, int]:
    """Bad and base of late shipment among promises due before an instant."""
    due = [o for o in orders if o.ship_by < before and not (o.ended and o.ended <= o.ship_by)]
    return sum(o.shipped_late for o in due), len(due)


def late_deliveries(orders: Iterable[Told], before: datetime) -> tuple[int, int]:
    """Bad and base of late delivery among promises due before an instant."""
    due = [o for o in orders if o.delivery_deadline <= before and not o.ended and (o.known or not o.arrived)]
    return sum(o.arrived_late for o in due), len(due)


@dataclass(frozen=True)
class Hours:
    """A shop's working time, straight from its calendar event; None hours means always open."""

    zone: ZoneInfo
    week: Mapping[str, list[list[str]]] | None
    holidays: frozenset[str]

    def worked(self, start: datetime, end: datetime) -> float:
        """Working seconds in [start, end), frame by frame."""
        if self.week is None:
            return (end - start).total_seconds()
        total = 0.0
        day = start.astimezone(self.zone).date()
        while day <= end.astimezone(self.zone).date():
            for opens, closes in self._frames(day):
                total += max((min(closes, end) - max(opens, start)).total_seconds(), 0)
            day += timedelta(days=1)
        return total

    def _frames(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        if self.week is None or day.isoformat() in self.holidays:
            return
        for opens, closes in self.week.get(WEEKDAYS[day.weekday()], []):
            # In UTC, because the difference of two wall times of one zone ignores a change of clocks.
            yield tuple(
                datetime.combine(day, time.fromisoformat(wall), self.zone).astimezone(UTC)
                for wall in (opens, closes)
            )  # type: ignore[misc]


def hours_of(events: list[dict[str, Any]]) -> Hours:
    """The working time of the shop whose events these are."""
    zone = ZoneInfo(ZONES[events[0]["marketplace"]])
    for event in events[:2]:
        if event["type"] == "qos.shop.calendar_set":
            return Hours(zone, event["data"]["hours"], frozenset(event["data"]["holidays"]))
    return Hours(zone, None, frozenset())


def answers(events: list[dict[str, Any]], first: datetime, last: datetime) -> list[float | None]:
    """Working seconds to the answer of each question asked in [first, last); None where none came."""
    hours = hours_of(events)
    found: list[tuple[datetime, float | None]] = []
    for talk in _talks(events).values():
        asked: datetime | None = None
        for at, author, data in talk:
            if author == "buyer" and asked is None and not data.get("no_reply_needed"):
                asked = at
            elif author == "seller" and asked is not None and not data.get("automatic"):
                found.append((asked, hours.worked(asked, at)))
                asked = None
            elif author == "waived":
                asked = None
        if asked is not None:
            found.append((asked, None))
    return [seconds for asked, seconds in found if first <= asked < last]


def _talks(events: list[dict[str, Any]]) -> dict[str, list[tuple[datetime, str, Mapping[str, Any]]]]:
    talks: dict[str, list[tuple[datetime, str, Mapping[str, Any]]]] = defaultdict(list)
    for event in events:
        at, data = moment(event["time"]), event["data"]
        if event["type"] == "qos.message.sent":
            talks[event["subject"]].append((at, data["author"], data))
        elif event["type"] in {"qos.conversation.no_reply_needed", "qos.case.closed"}:
            talks[event["subject"]].append((at, "waived", data))
    return talks
