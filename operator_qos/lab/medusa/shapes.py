"""Things as Medusa's admin API (with Mercur's sellers) shows them at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from operator_qos.lab.lab import Lab
from operator_qos.lab.mirakl.orders import OrderView
from operator_qos.lab.mirakl.shops import read_standing
from operator_qos.lab.mirakl.texts import amount, maybe_stamp, stamp
from operator_qos.lab.truth import Step, Thing, World


def name(kind: str, of: str) -> str:
    """An id as Medusa makes them: a prefix and the rest."""
    return f"{kind}_{of.replace('-', '').lower()}"


def show_order(world: World, order: Thing, at: int) -> dict[str, Any]:
    """An order with its parcels, returns, claims and payment."""
    view = OrderView(order, order.until(at))
    placed = view.steps[0].data
    cancelled = [step for step in view.steps if step.kind == "order.cancelled" and not step.data.get("lines")]
    ended = view.find("order.refused") or (cancelled[0] if cancelled else None)
    changed = max(step.at for step in view.steps)
    return {
        "id": name("order", order.id), "display_id": order.id, "created_at": stamp(view.steps[0].at),
        "updated_at": stamp(changed), "canceled_at": maybe_stamp(ended and ended.at),
        "status": "canceled" if ended else "completed" if view.find("order.closed") else "pending",
        "currency_code": placed["currency"].lower(), "customer_id": name("cus", placed["buyer"]),
        "email": "camille.durand@example.com", "sales_channel_id": f"sc_{placed['channel']}",
        "shipping_address": {"first_name": "Camille", "last_name": "Durand", "country_code": placed["country"].lower()},
        "metadata": {"ship_by": placed["ship_by"], "deliver_by": placed["deliver_by"],
                     **({"canceled_by": "seller" if ended.kind == "order.refused" else ended.data["by"],
                         "cancel_reason": ended.data["reason"]} if ended else {})},
        "seller": {"id": name("sel", order.shop), "handle": order.shop},
        "items": [{"id": item_name(order, line["line"]), "variant_sku": line["sku"], "quantity": line["quantity"],
                   "product_type": line["category"], "unit_price": amount(line["amount_minor"] // line["quantity"]),
                   "total": amount(line["amount_minor"])} for line in view.lines],
        "fulfillments": [_show_parcel(view, number, step) for number, step in enumerate(_parcels(view))],
        "returns": [show_return(order, back, at) for back in world.returns.values()
                    if back.parent == order.id and back.steps[0].at <= at],
        "claims": [show_claim(order, step) for step in view.steps if step.kind == "case.opened"],
    }


def item_name(order: Thing, line: str) -> str:
    """The id of an order's line."""
    return name("ordli", f"{order.id}{line}")


def parcel_name(order: Thing, number: int) -> str:
    """The id of an order's parcel, counted from 0."""
    return name("ful", f"{order.id}{number}")


def _parcels(view: OrderView) -> Sequence[Step]:
    return [step for step in view.steps if step.kind == "order.shipped"]


def _show_parcel(view: OrderView, number: int, sent: Step) -> dict[str, Any]:
    lines = sent.data.get("lines") or [line["line"] for line in view.lines if line["line"] not in view.cancelled]
    arrived = [view.received[line].at for line in lines if line in view.received]
    tracking = sent.data.get("tracking")
    return {
        "id": parcel_name(view.order, number), "provider_id": sent.data["carrier"], "created_at": stamp(sent.at),
        "shipped_at": stamp(sent.at), "delivered_at": maybe_stamp(max(arrived) if arrived else None),
        "canceled_at": None, "labels": [{"tracking_number": tracking}] if tracking else [],
        "items": [{"line_item_id": item_name(view.order, line), "quantity": 1} for line in lines]}


def show_return(order: Thing, back: Thing, at: int) -> dict[str, Any]:
    """A return of an order."""
    moments = {step.kind: step.at for step in back.until(at)}
    line = order.steps[0].data["lines"][0]["line"]
    return {
        "id": name("return", back.id), "order_id": name("order", order.id),
        "status": "received" if "return.received" in moments else "requested", "created_at": stamp(back.steps[0].at),
        "received_at": maybe_stamp(moments.get("return.received")),
        "items": [{"item_id": item_name(order, line), "quantity": 1, "reason": {"value": back.topic}}]}


def show_claim(order: Thing, step: Step) -> dict[str, Any]:
    """A claim, the nearest thing to an incident."""
    return {"id": name("claim", f"{order.id}{step.at}"), "order_id": name("order", order.id), "type": "refund",
            "created_at": stamp(step.at), "claim_items": [{"reason": step.data["reason"]}]}


def show_payment(order: Thing, at: int) -> dict[str, Any]:
    """The payment of an order with what was given back."""
    view = OrderView(order, order.until(at))
    refunds = [step for step in view.steps if step.kind == "order.refunded"]
    return {
        "id": name("pay", order.id), "currency_code": view.steps[0].data["currency"].lower(),
        "captured_at": maybe_stamp(view.find_at("order.paid")),
        "refunds": [{"id": name("ref", f"{order.id}{number}"), "amount": amount(step.data["amount_minor"]),
                     "created_at": stamp(step.at), "refund_reason": {"code": step.data["reason"]}}
                    for number, step in enumerate(refunds)]}


def show_seller(lab: Lab, shop: Thing, at: int) -> dict[str, Any]:
    """A seller as Mercur shows it."""
    opened = shop.steps[0]
    state = {"OPEN": "active", "SUSPENDED": "suspended", "TERMINATED": "terminated"}
    return {"id": name("sel", shop.id), "handle": shop.id, "name": opened.data["name"],
            "country_code": opened.data["country"].lower(), "created_at": stamp(opened.at),
            "store_status": state[read_standing(lab, shop.id, at)["state"]], "email": f"shop{shop.id}@example.com"}
