"""Values and fields that nobody has announced, put into some things."""

from __future__ import annotations

from typing import Any

import orjson

from operator_qos.lab.dice import draw
from operator_qos.lab.lab import Lab


def surprise(lab: Lab, kind: str, key: str, shown: dict[str, Any]) -> dict[str, Any]:
    """The thing itself, with an unknown field and, where its kind has one, an unknown value; the same each time."""
    if draw(lab.plan.seed, "unknown", kind, key) >= lab.chaos.unknown:
        return shown
    usual = orjson.dumps(shown)
    _SURPRISES[kind](shown)
    if orjson.dumps(shown) != usual:
        lab.surprises.add(key)
    return shown | {"lab_new_field": {"announced": False, "values": [1, None, "x"]}}


def _order(shown: dict[str, Any]) -> None:
    if shown["order_state"] == "SHIPPING":
        shown["order_state"] = "IN_PREPARATION"
    for line in shown["order_lines"]:
        if line["order_line_state_reason_code"] is not None:
            line["order_line_state_reason_code"] = "998"
        for cancelation in line["cancelations"]:
            cancelation["reason_code"] = "997"


def _shipment(shown: dict[str, Any]) -> None:
    shown["status"] = "WITH_DRONE"
    milestones = shown["tracking"]["milestones"]
    if milestones:
        milestones.append({"type": "DRONE_HANDOVER", "occurrence_date": milestones[-1]["occurrence_date"]})


def _return(shown: dict[str, Any]) -> None:
    shown["reason_code"] = "RETURN_BORED"
    if shown["state"] == "IN_PROGRESS":
        shown["state"] = "ON_HOLD"


def _thread(shown: dict[str, Any]) -> None:
    shown["topic"] = {"type": "EMOJI", "value": "?"}
    shown["current_participants"].append({"type": "ROBOT", "display_name": "robot"})


def _shop(shown: dict[str, Any]) -> None:
    if shown["shop_state"] == "OPEN":
        shown["shop_state"] = "PROBATION"
    shown["premium_state"] = "PLATINUM" if shown["premium_state"] == "NOT_PREMIUM" else shown["premium_state"]


_SURPRISES = {"orders": _order, "shipments": _shipment, "returns": _return, "threads": _thread, "shops": _shop}
