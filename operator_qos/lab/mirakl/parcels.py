"""Shipments (ST11) and returns (RT11) as the platform shows them at a moment."""

from __future__ import annotations

from typing import Any

from operator_qos.lab.dice import draw
from operator_qos.lab.mirakl.reasons import RETURN
from operator_qos.lab.mirakl.texts import local_parts, stamp
from operator_qos.lab.truth import Step, Thing, World

_MILESTONES = {"in_transit": "IN_TRANSIT", "out_for_delivery": "OUT_FOR_DELIVERY", "attempted": "TO_COLLECT",
               "delivered": "DELIVERED", "exception": "EXCEPTION"}
_RETURN_STATES = {"return.requested": "IN_PROGRESS", "return.received": "RECEIVED", "return.refused": "REFUSED",
                  "return.refunded": "CLOSED"}


def show_shipment(world: World, parcel: Thing, at: int) -> dict[str, Any]:
    """A parcel at a moment, without the date of its last change."""
    sent, *follows = parcel.until(at)
    order = world.orders[parcel.parent]
    lines = sent.data.get("lines") or [line["line"] for line in order.steps[0].data["lines"]]
    cancelled = [step for step in order.until(sent.at) if step.kind == "order.cancelled"]
    gone = {line for step in cancelled for line in step.data.get("lines", [])}
    arrived = any(step.kind == "order.delivered" or step.data.get("milestone") == "delivered" for step in follows)
    return {
        "id": parcel.id, "order_id": parcel.parent, "status": "RECEIVED" if arrived else "SHIPPED",
        "shipped_date": stamp(sent.at), "date_created": stamp(sent.at),
        "shipment_lines": [{"order_line_id": f"{parcel.parent}-{line}", "quantity": 1}
                           for line in lines if line not in gone],
        "tracking": {
            "carrier_code": sent.data["carrier"], "tracking_number": sent.data.get("tracking"),
            "validity_status": "VALID" if sent.data.get("tracking") else "NOT_TRACKED",
            "carrier_expected_delivery_date": None,
            "milestones": [_show_milestone(world, step) for step in follows if step.kind == "tracking.scanned"]},
    }


def _show_milestone(world: World, step: Step) -> dict[str, Any]:
    return {"type": _MILESTONES[step.data["milestone"]], "occurrence_date": local_parts(step.at, world.timezone)}


def show_return(world: World, back: Thing, at: int) -> dict[str, Any]:
    """A return at a moment, without the date of its last change."""
    steps = back.until(at)
    line = world.orders[back.parent].steps[0].data["lines"][0]
    number = f"RT{back.id[:8].upper()}"
    keys = ("carrier_code", "tracking_number") if draw("keys", back.id) < 0.5 else ("carrierCode", "trackingNumber")
    return {
        "id": back.id, "rma": number, "order_id": back.parent, "order_commercial_id": back.parent.removesuffix("-A"),
        "shop_id": int(back.shop), "state": _RETURN_STATES[steps[-1].kind],
        "reason_code": RETURN.get(back.topic, "RETURN_OTHER"),
        "rejection_reason_code": "NOT_ELIGIBLE" if steps[-1].kind == "return.refused" else None,
        "return_lines": [{"order_line_id": f"{back.parent}-{line['line']}", "quantity": 1,
                          "reason_code": RETURN.get(back.topic, "RETURN_OTHER"), "compliance": []}],
        "tracking": dict(zip(keys, ("postalis", number), strict=True)), "date_created": stamp(steps[0].at),
    }
