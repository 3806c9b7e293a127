"""Shops (S20), their hours (S51), their evaluations (S03), and what was written to them (S07, S09)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operator_qos.lab.lab import Lab, Write
from operator_qos.lab.mirakl.texts import maybe_stamp, read_moment, stamp
from operator_qos.lab.truth import Step, Thing

_DAYS = {"mon": "MONDAY", "tue": "TUESDAY", "wed": "WEDNESDAY", "thu": "THURSDAY", "fri": "FRIDAY", "sat": "SATURDAY",
         "sun": "SUNDAY"}
_ACTIONS = {"SUSPEND": "SUSPENDED", "UNSUSPEND": "OPEN", "TERMINATE": "TERMINATED", "UNTERMINATE": "OPEN"}
_PREMIUM = ("PREMIUM", "NOT_PREMIUM")
PROTECTED = 2  # the third shop's suspension is refused: somebody at the platform has to lift a lock first


@dataclass(frozen=True, slots=True)
class Rejected:
    """A write the platform will not do."""

    code: str
    field: str
    message: str


def read_standing(lab: Lab, shop: str, at: int) -> dict[str, Any]:
    """What writes have made of a shop by a moment."""
    standing: dict[str, Any] = {"state": "OPEN", "premium_state": "NOT_PREMIUM", "immunity_date": None}
    for write in lab.writes:
        if write.shop == shop and write.at <= at:
            standing[write.field] = write.value
    return standing


def find_shop_changed(lab: Lab, shop: str, at: int) -> int | None:
    """When a shop changed last, by itself or by a write."""
    last = lab.find_changed("shops", shop, at)
    writes = [write.at for write in lab.writes if write.shop == shop and write.at <= at]
    return max([last, *writes]) if last is not None else None


def list_reviews(lab: Lab, shop: str, at: int) -> Iterator[tuple[str, list[Step]]]:
    """(order, steps of its review) of a shop's orders."""
    for name, found in lab.reviews.get(shop, ()):
        steps = [step for step in found if step.at <= at]
        if steps and not lab.is_lost(name):
            yield name, steps


def count_orders(lab: Lab, shop: str, at: int) -> int:
    """How many orders a shop was ever given."""
    return bisect_right(lab.world.list_orders_of(shop), at, key=lambda name: lab.world.orders[name].steps[0].at)


def show_review(order: str, steps: Sequence[Step]) -> dict[str, Any]:
    """One evaluation as it stands."""
    rating = [step.data["rating"] for step in steps if "rating" in step.data][-1]
    reply = next((step.at for step in steps if step.kind == "review.replied"), None)
    return {"order_id": order, "date": stamp(steps[0].at), "grade": rating, "comment": "", "visible": True,
            "reply_date": maybe_stamp(reply), "assessments": []}


def show_shop(lab: Lab, shop: Thing, at: int) -> dict[str, Any]:
    """A shop at a moment, without the date of its last change."""
    standing, opened = read_standing(lab, shop.id, at), shop.steps[0]
    grades = [show_review(name, steps)["grade"] for name, steps in list_reviews(lab, shop.id, at)]
    closed = next((step for step in shop.until(at) if step.kind == "shop.closed_for"), None)
    return {
        "shop_id": int(shop.id), "shop_name": opened.data["name"], "shop_state": standing["state"],
        "suspension_type": "MANUAL" if standing["state"] == "SUSPENDED" else None,
        "immunity_date": standing["immunity_date"], "premium": standing["premium_state"] == "PREMIUM",
        "premium_state": standing["premium_state"], "tier": None,
        "grade": round(sum(grades) / len(grades), 2) if grades else None, "evaluations_count": len(grades),
        "orders_count": count_orders(lab, shop.id, at), "offers_count": 16,
        "closed_from": closed.data["from"] if closed else None,
        "closed_to": closed.data["until"] if closed else None, "kyc": {"status": "APPROVED", "reason": None},
        "payment_details": {"payment_blocked": False}, "assignees": [], "shop_additional_fields": [],
        "channels": ["web", "app"], "currency_iso_code": lab.world.currency,
        "contact_informations": {"country": opened.data["country"], "email": f"shop{shop.id}@example.com"},
        "pro_details": {"corporate_name": opened.data["seller"], "identification_number": opened.data["seller"]},
        "date_created": stamp(opened.at)}


def show_hours(shop: Thing, at: int) -> dict[str, Any]:
    """A shop's hours at a moment; no days where it never told any."""
    told: Mapping[str, Any] = next(
        (step.data for step in reversed(shop.until(at)) if step.kind == "shop.calendar_set"), {})
    return {
        "business_days": [
            {"day": _DAYS[day], "business_hours": [{"from": opens, "to": closes} for opens, closes in spans]}
            for day, spans in told.get("hours", {}).items()],
        "business_closing_days": [
            {"date": day, "label": "Holiday", "recurring": False, "code": f"H-{day}"}
            for day in told.get("holidays", [])]}


def write_state(lab: Lab, shop: str, action: object) -> Rejected | None:
    """Suspend, reopen, end; why not where the platform refuses."""
    if shop not in lab.world.shops:
        return Rejected("SHOP_NOT_FOUND", "id", f"There is no shop {shop}.")
    if not isinstance(action, str) or action not in _ACTIONS:
        return Rejected("VALIDATION_ERROR", "state_change_action", f"{action!r} is none of {', '.join(_ACTIONS)}.")
    if action == "SUSPEND" and shop == sorted(lab.world.shops)[min(PROTECTED, len(lab.world.shops) - 1)]:
        return Rejected("SHOP_STATE_LOCKED", "state_change_action", "The shop's state is locked by the operator.")
    lab.writes.append(Write(lab.clock.now(), shop, "state", _ACTIONS[action]))
    return None


def write_shop(lab: Lab, wish: Mapping[str, Any]) -> Rejected | None:
    """Premium, immunity, suspension as S07 takes them; why not where the platform refuses."""
    shop = str(wish.get("shop_id"))
    if shop not in lab.world.shops:
        return Rejected("SHOP_NOT_FOUND", "shop_id", f"There is no shop {shop}.")
    immunity, premium = wish.get("immunity_date"), wish.get("premium_state")
    if premium is not None and premium not in _PREMIUM:
        return Rejected("VALIDATION_ERROR", "premium_state", f"{premium!r} is none of PREMIUM, NOT_PREMIUM.")
    if immunity is not None and not _is_ahead(immunity, lab.clock.now()):
        return Rejected("VALIDATION_ERROR", "immunity_date", f"{immunity!r} does not lie ahead.")
    if isinstance(wish.get("suspend"), bool):
        rejected = write_state(lab, shop, "SUSPEND" if wish["suspend"] else "UNSUSPEND")
        if rejected:
            return rejected
    for name in ("premium_state", "immunity_date"):
        if name in wish:
            lab.writes.append(Write(lab.clock.now(), shop, name, wish[name]))
    return None


def _is_ahead(text: object, now: int) -> bool:
    try:
        return isinstance(text, str) and read_moment(text) > now and datetime.fromisoformat(text) is not None
    except ValueError:
        return False
