"""An order as OR11 shows it at a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from operator_qos.lab.mirakl.reasons import CANCELATION, CLOSING, INCIDENT, REFUND
from operator_qos.lab.mirakl.texts import amount, end_of_day, maybe_stamp, stamp
from operator_qos.lab.truth import Step, Thing, World

FIRST_NAMES = ("Camille", "Louise", "Jules", "Inès", "Zoé")


@dataclass
class OrderView:
    """What an order's steps up to a moment amount to."""

    order: Thing
    steps: Sequence[Step]
    lines: list[Mapping[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        """The lines come with the placing."""
        self.lines = list(self.steps[0].data["lines"])

    def find(self, kind: str) -> Step | None:
        """The first step of a kind."""
        return next((step for step in self.steps if step.kind == kind), None)

    def find_at(self, kind: str) -> int | None:
        """When the first step of a kind happened."""
        step = self.find(kind)
        return step.at if step is not None else None

    @cached_property
    def cancelled(self) -> Mapping[str, Step]:
        """Line to its cancelling."""
        return self._by_line(step for step in self.steps if step.kind == "order.cancelled")

    @cached_property
    def shipped(self) -> Mapping[str, Step]:
        """Line to its shipping; a line cancelled before stays behind."""
        return self._live(self._by_line(step for step in self.steps if step.kind == "order.shipped"))

    @cached_property
    def received(self) -> Mapping[str, Step]:
        """Line to its arrival: told by somebody, or by the carrier's last scan."""
        arrivals = []
        for step in self.steps:
            if step.kind == "order.delivered":
                arrivals.append(step)
            elif step.kind == "tracking.scanned" and step.data["milestone"] == "delivered":
                arrivals.append(step._replace(data={"lines": self._lines_of(step.data["tracking"])}))
        return self._live(self._by_line(arrivals))

    def _lines_of(self, tracking: str) -> list[str] | None:
        for step in self.steps:
            if step.kind == "order.shipped" and step.data.get("tracking") == tracking:
                return step.data.get("lines")
        return None

    def _by_line(self, steps: Iterable[Step]) -> dict[str, Step]:
        found: dict[str, Step] = {}
        for step in steps:
            for line in step.data.get("lines") or [line["line"] for line in self.lines]:
                found.setdefault(line, step)
        return found

    def _live(self, found: Mapping[str, Step]) -> Mapping[str, Step]:
        return {line: step for line, step in found.items() if line not in self.cancelled}

    @cached_property
    def incident(self) -> tuple[Step | None, Step | None]:
        """The opening that stands, and the end of the incident; (None, None) where there never was one."""
        opened: Step | None = None
        ended: Step | None = None
        for step in self.steps:
            if step.kind == "case.opened":
                opened, ended = step, None
            elif step.kind == "case.reopened":
                ended = None
            elif step.kind.startswith("case.") and opened is not None and ended is None:
                ended = step
        return opened, ended

    @cached_property
    def before_shipping(self) -> str:
        """The state of an order that waits."""
        if self.find("order.refused"):
            return "REFUSED"
        if "accept_by" in self.steps[0].data and not self.find("order.accepted"):
            return "WAITING_ACCEPTANCE"
        return "SHIPPING" if self.find("order.paid") else "WAITING_DEBIT_PAYMENT"

    def line_state(self, line: str) -> str:
        """The state of a line; an open incident hides what the line was."""
        opened, ended = self.incident
        if line in self.cancelled:
            return "CANCELED"
        if opened is not None and ended is None and line == self.lines[0]["line"]:
            return "INCIDENT_OPEN"
        return "REFUNDED" if self._is_refunded(line) else self._plain_state(line)

    def _is_refunded(self, line: str) -> bool:
        first = self.lines[0]
        given = sum(step.data["amount_minor"] for step in self.steps if step.kind == "order.refunded")
        return bool(line == first["line"] and given >= first["amount_minor"])

    def _plain_state(self, line: str) -> str:
        if self.find("order.closed"):
            return "CLOSED"
        if line in self.received:
            return "RECEIVED"
        if line not in self.shipped:
            return self.before_shipping
        return "TO_COLLECT" if self._waits_at_a_counter(line) else "SHIPPED"

    def _waits_at_a_counter(self, line: str) -> bool:
        tracking = self.shipped[line].data.get("tracking")
        return any(step.kind == "tracking.scanned" and step.data["milestone"] == "attempted"
                   and step.data["tracking"] == tracking for step in self.steps)

    @cached_property
    def state(self) -> str:
        """The state of the order: where its slowest live line stands."""
        live = [line["line"] for line in self.lines if line["line"] not in self.cancelled]
        states = {self._plain_state(line) for line in live}
        order = ("REFUSED", "WAITING_ACCEPTANCE", "WAITING_DEBIT_PAYMENT", "SHIPPING", "SHIPPED",
                 "TO_COLLECT", "RECEIVED", "CLOSED")
        return next((state for state in order if state in states), "CANCELED")


def show_order(world: World, order: Thing, at: int) -> dict[str, Any]:
    """The order at a moment, without the date of its last change."""
    view = OrderView(order, order.until(at))
    placed = view.steps[0].data
    total = sum(line["amount_minor"] for line in view.lines)
    opened, ended = view.incident
    sent = view.find("order.shipped")
    return {
        "order_id": order.id, "commercial_id": order.id.removesuffix("-A"), "shop_id": int(order.shop),
        "shop_name": f"Lab shop {order.shop}", "channel": {"code": placed["channel"], "label": placed["channel"]},
        "created_date": stamp(view.steps[0].at), "acceptance_decision_date": maybe_stamp(_decided_at(view)),
        "customer_debited_date": maybe_stamp(view.find_at("order.paid")), "shipping_deadline": placed["ship_by"],
        "leadtime_to_ship": 2,
        "delivery_date": {"earliest": None, "latest": stamp(end_of_day(placed["deliver_by"], world.timezone))},
        "order_state": view.state, "order_state_reason_code": None, "order_state_reason_label": None,
        "has_incident": opened is not None and ended is None, "has_customer_message": False,
        "fully_refunded": False, "can_cancel": not view.shipped, "can_shop_ship": view.state == "SHIPPING",
        "can_evaluate": bool(view.received),
        "shipping_carrier_code": sent.data.get("carrier") if sent else None,
        "shipping_tracking": sent.data.get("tracking") if sent else None, "shipping_tracking_url": None,
        "shipping_zone_code": "FR", "shipping_type_code": "STD", "price": amount(total), "total_price": amount(total),
        "currency_iso_code": placed["currency"], "customer": _show_customer(placed),
        "fulfillment": {"center": {"code": "OPERATOR" if placed["fulfilment"] == "operator" else "DEFAULT"}},
        "order_lines": [_show_line(view, line, number) for number, line in enumerate(view.lines)],
    }


def _decided_at(view: OrderView) -> int | None:
    """When the shop decided; nothing where the platform decided by itself."""
    refused = view.find("order.refused")
    if refused is not None:
        return refused.at if refused.data["by"] == "seller" else None
    return view.find_at("order.accepted")


def _show_customer(placed: Mapping[str, Any]) -> dict[str, Any]:
    name = FIRST_NAMES[len(placed["buyer"]) % len(FIRST_NAMES)]
    address = {"firstname": name, "lastname": "Durand", "street_1": "1 rue du Test", "zip_code": "75001",
               "city": "Paris", "country_iso_code": placed["country"], "phone": "+33100000000"}
    return {"customer_id": placed["buyer"], "firstname": name, "lastname": "Durand", "locale": "fr_FR",
            "organization": {"name": "Durand SARL"} if placed["business"] else None, "shipping_address": address}


def _show_line(view: OrderView, line: Mapping[str, Any], number: int) -> dict[str, Any]:
    name, shipped, received = line["line"], view.shipped.get(line["line"]), view.received.get(line["line"])
    state, (opened, ended) = view.line_state(name), view.incident
    return {
        "order_line_id": f"{view.order.id}-{name}", "order_line_index": number + 1, "order_line_state": state,
        "order_line_state_reason_code": _reason_code(view, name, number),
        "order_line_state_reason_label": None, "created_date": stamp(view.steps[0].at),
        "debited_date": maybe_stamp(view.find_at("order.paid")), "shipped_date": maybe_stamp(shipped and shipped.at),
        "received_date": maybe_stamp(received and received.at), "category_code": line["category"],
        "offer_sku": line["sku"], "product_sku": f"P-{line['sku']}", "quantity": line["quantity"],
        "price": amount(line["amount_minor"]), "total_price": amount(line["amount_minor"]),
        "can_open_incident": bool(shipped) and not (opened and not ended), "can_refund": bool(shipped),
        "cancelations": _show_cancelations(view, line),
        "refunds": _show_refunds(view) if number == 0 else [],
        "shipping_from": {"address": None, "warehouse": None},
    }


def _reason_code(view: OrderView, line: str, number: int) -> str | None:
    opened, ended = view.incident
    if line in view.cancelled:
        return CANCELATION.get(view.cancelled[line].data["reason"], "43")
    if number or opened is None:
        return None
    if ended is None:
        return INCIDENT[opened.data["reason"]]
    kind = ended.kind.removeprefix("case.")
    return CLOSING[kind] if kind in CLOSING else CLOSING[ended.data.get("fault", "nobody")]


def _show_cancelations(view: OrderView, line: Mapping[str, Any]) -> list[dict[str, Any]]:
    step = view.cancelled.get(line["line"])
    if step is None:
        return []
    return [{"id": f"{view.order.id}-{line['line']}-C1", "amount": amount(line["amount_minor"]),
             "quantity": line["quantity"], "reason_code": CANCELATION.get(step.data["reason"], "43"),
             "created_date": stamp(step.at)}]


def _show_refunds(view: OrderView) -> list[dict[str, Any]]:
    refunds = [step for step in view.steps if step.kind == "order.refunded"]
    return [
        {"id": f"{view.order.id}-R{number + 1}", "amount": amount(step.data["amount_minor"]), "quantity": 0,
         "reason_code": REFUND.get(step.data["reason"], "26"), "refund_state": "REFUNDED",
         "created_date": stamp(step.at), "transaction_date": stamp(step.at)}
        for number, step in enumerate(refunds)]
