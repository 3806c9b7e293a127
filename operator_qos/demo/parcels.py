"""The events of an order itself: placed, accepted, shipped, scanned, delivered, cancelled, forgiven."""

from collections.abc import Mapping
from typing import Any

from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS, stamp, utc_midnight
from operator_qos.demo.orders import Order
from operator_qos.demo.world import Writer

_PRICE_MINOR = {
    "kitchen": 3900,
    "home": 4500,
    "textile": 2900,
    "garden": 3400,
    "lighting": 5900,
    "toys": 2400,
    "stationery": 1400,
    "beauty": 1800,
}


class OrderWriter(Writer):
    """Writes what happens to the orders of one shop."""

    def write(self, order: Order) -> None:
        """Write an order from its placing to its end."""
        lines = self._lines()
        self._place(order, lines)
        if order.fate.ended_at is not None:
            self._end(order)
        elif order.fate.shipped_at is not None:
            self._ship(order, len(lines))

    def _say(self, at: int, kind: str, order: Order, data: Mapping[str, Any], *, suffix: str = "") -> None:
        key = f"{order.id}-{suffix or kind.rpartition('.')[2]}"
        self.emit(at, kind, order.id, key=key, data=data)

    def _lines(self) -> list[dict[str, Any]]:
        count = 2 if self.dice.chance(0.1) else 1
        return [self._line(n + 1) for n in range(count)]

    def _line(self, number: int) -> dict[str, Any]:
        category = self.dice.pick(self.world.shop.categories)
        article = int(16 * self.dice.roll() ** 2)
        quantity = 1 if self.dice.chance(0.85) else self.dice.between(2, 5)
        price = _PRICE_MINOR[category] * (60 + 13 * article) // 10_000 * 100 + 90
        return {
            "line": str(number),
            "sku": f"{category[:3].upper()}-{self.world.number:02}{article:02}",
            "category": category,
            "quantity": quantity,
            "amount_minor": price * quantity,
        }

    def _place(self, order: Order, lines: list[dict[str, Any]]) -> None:
        shop, place = self.world.shop, self.world.place
        data: dict[str, Any] = {
            "lines": lines,
            "currency": place.currency,
            "ship_by": stamp(order.ship_by_at),
            "deliver_by": order.deliver_by,
            "channel": "app" if self.dice.chance(0.35) else "web",
            "fulfilment": "operator" if order.operator_ships else "seller",
            "country": place.neighbour if self.dice.chance(0.05) else place.country,
            "buyer": order.buyer,
            "business": order.business,
        }
        if shop.accepts:
            data["accept_by"] = stamp(order.placed_at + DAY_SECONDS)
        self._say(order.placed_at, "order.placed", order, data)
        self._agree(order)

    def _agree(self, order: Order) -> None:
        at = order.placed_at + self.dice.between(600, 3_000)
        if self.world.shop.accepts and not order.fate.ended_by.startswith("refused"):
            self._say(at, "order.accepted", order, {})
        if order.business and order.fate.ended_at is None:
            self._say(at + self.dice.between(60, DAY_SECONDS), "order.paid", order, {})

    def _end(self, order: Order) -> None:
        fate = order.fate
        assert fate.ended_at is not None  # noqa: S101  the caller has looked
        if fate.ended_by.startswith("refused_"):
            data = {"by": fate.ended_by.removeprefix("refused_"), "reason": fate.ended_reason}
            self._say(fate.ended_at, "order.refused", order, data)
        else:
            data = {"by": fate.ended_by, "reason": fate.ended_reason}
            self._say(fate.ended_at, "order.cancelled", order, data)

    def _ship(self, order: Order, line_count: int) -> None:
        fate = order.fate
        assert fate.shipped_at is not None  # noqa: S101  the caller has looked
        if fate.moved_at is not None:
            self._move(order, fate.moved_at)
        if line_count == 2 and fate.trackable and self.dice.chance(0.2):
            self._parcel(order, 1, ["1"])
            self._parcel(order, 2, ["2"])
        else:
            self._parcel(order, 0, None)
        if order.business and self.dice.chance(0.97):
            self._say(
                fate.shipped_at + self.dice.between(HOUR_SECONDS, DAY_SECONDS), "order.invoiced", order, {}
            )
        self._forgive(order)

    def _move(self, order: Order, at: int) -> None:
        ship = {"kind": "ship", "to": stamp(order.moved_ship_by_at), "agreed_by": "buyer"}
        deliver = {"kind": "deliver", "to": order.moved_deliver_by, "agreed_by": "buyer"}
        self._say(at, "order.promise_moved", order, ship, suffix="moved-ship")
        self._say(at, "order.promise_moved", order, deliver, suffix="moved-deliver")

    def _parcel(self, order: Order, number: int, lines: list[str] | None) -> None:
        """Send one parcel: number 0 holds the whole order, 1 and 2 a line each, minutes apart."""
        fate = order.fate
        assert fate.shipped_at is not None and fate.delivered_at is not None  # noqa: S101
        tail = f"-{number}" if number else ""
        data: dict[str, Any] = {"carrier": order.carrier, "trackable": fate.trackable}
        if fate.trackable:
            data["tracking"] = f"{order.carrier[:2].upper()}{order.id.replace('-', '')}{tail}"
        if lines:
            data["lines"] = lines
        earlier = 1_200 if number == 1 else 0
        self._say(fate.shipped_at - earlier, "order.shipped", order, data, suffix=f"shipped{tail}")
        if not fate.trackable:
            self._arrive_unseen(order)
        elif self.dice.chance(0.16):
            self._scan(order, data, (fate.shipped_at + 3 * HOUR_SECONDS, "in_transit", tail))
            known = {"known_by": "carrier"} | ({"lines": lines} if lines else {})
            self._say(fate.delivered_at - earlier, "order.delivered", order, known, suffix=f"delivered{tail}")
        else:
            self._scan(order, data, (fate.delivered_at - earlier, "delivered", tail))
            self._scan_on_the_way(order, data, tail)

    def _arrive_unseen(self, order: Order) -> None:
        fate = order.fate
        assert fate.shipped_at is not None and fate.delivered_at is not None  # noqa: S101
        if self.dice.chance(0.6):
            self._say(fate.delivered_at, "order.delivered", order, {"known_by": "buyer"})
        else:
            at = fate.shipped_at + 12 * DAY_SECONDS
            self._say(at, "order.delivered", order, {"known_by": "automatic"})

    def _scan_on_the_way(self, order: Order, parcel: Mapping[str, Any], tail: str) -> None:
        fate, roll = order.fate, self.dice.roll()
        assert fate.shipped_at is not None and fate.delivered_at is not None  # noqa: S101
        if fate.strike_hit and roll < 0.5:
            self._scan(order, parcel, (fate.shipped_at + 20 * HOUR_SECONDS, "exception", tail))
        elif roll < 0.04:
            self._scan(order, parcel, (fate.shipped_at + 2 * HOUR_SECONDS, "in_transit", tail))
        elif roll < 0.05:
            self._scan(order, parcel, (fate.delivered_at - 2 * HOUR_SECONDS, "out_for_delivery", tail))
        elif roll < 0.06:
            self._scan(order, parcel, (fate.delivered_at - 3 * HOUR_SECONDS, "attempted", tail))

    def _scan(self, order: Order, parcel: Mapping[str, Any], scan: tuple[int, str, str]) -> None:
        at, milestone, tail = scan
        data = {"order": order.id, "tracking": parcel["tracking"], "milestone": milestone}
        self._say(at, "tracking.scanned", order, data, suffix=f"scan-{milestone.replace('_', '-')}{tail}")

    def _forgive(self, order: Order) -> None:
        """Exclude what a platform outage or, for the shops that asked, a strike has spoilt."""
        plan = self.world.plan
        if order.fate.outage_hit:
            at = utc_midnight(plan.outage_on) + 2 * DAY_SECONDS + 9 * HOUR_SECONDS + order.position % 900
            self._exclude(order, at, ("ship", "platform_fault", f"incident-{plan.outage_on}"))
        if order.fate.strike_hit and self.world.shop.id in plan.strike_excluded:
            at = utc_midnight(plan.strike_until) + 14 * DAY_SECONDS + 10 * HOUR_SECONDS + order.position % 900
            self._exclude(
                order, at, ("deliver", "carrier_strike", f"letter-{order.carrier}-{plan.strike_from}")
            )

    def _exclude(self, order: Order, at: int, reason: tuple[str, str, str]) -> None:
        kind, cause, proof = reason
        data = {
            "obligation": {"kind": kind, "order": order.id},
            "scope": "both",
            "cause": cause,
            "proof": proof,
            "by": "ines.caron",
        }
        self._say(at, "obligation.excluded", order, data, suffix=f"excluded-{kind}")
