"""What follows a sale on Mirakl: carriers' milestones, returns and reviews as claims. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from operator_qos.connectors.mirakl.differences import Claim, Difference
from operator_qos.connectors.mirakl.fields import Fields

MILESTONES = {"IN_TRANSIT": "in_transit", "OUT_FOR_DELIVERY": "out_for_delivery", "DELIVERED": "delivered",
              "EXCEPTION": "exception", "TO_COLLECT": "attempted"}  # waiting for the buyer to fetch it: it has arrived
RETURN_STATES = {"WAITING_ACCEPTANCE": "", "IN_PROGRESS": "", "REFUSED": "refused", "RECEIVED": "received",
                 "NO_RECEPTION": "", "CLOSED": "refunded", "CANCELED": ""}
# A thing that is not what was sold. Other reasons keep their name.
NOT_AS_DESCRIBED = frozenset({
    "RETURN_BROKEN_ITEM", "RETURN_COUNTERFEIT_ITEM", "RETURN_DEFECTIVE_ITEM", "RETURN_DELIVERED_PRODUCT_DIFFERENT",
    "RETURN_MISSING_ITEM"})


def tell_shipment(shipment: Fields, difference: Difference, order_id: str) -> None:
    """Every milestone of a parcel."""
    tracking = shipment.child("tracking")
    number = tracking.text("tracking_number") or tracking.text("trackingNumber")
    data = {"order": order_id} | ({"tracking": number} if number else {})
    for milestone in tracking.items("milestones"):
        kind = milestone.word("type", MILESTONES)
        at = read_split_moment(milestone.child("occurrence_date", "occurrenceDate"))
        if kind is not None and at is not None:
            key = f"{kind}:{at:%Y%m%dT%H%M%S}"
            difference.tell(Claim(key, "tracking.scanned", order_id, at, {**data, "milestone": kind}))


def read_split_moment(given: Fields) -> datetime | None:
    """A moment whose date, time and offset stand apart; without an offset the time is UTC."""
    day, clock, offset = given.text("date"), given.text("time") or "00:00:00", given.text("offset")
    if not day:
        return None
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{offset if offset[:1] in {'+', '-', 'Z'} else ''}")
    except (ValueError, OverflowError):
        given.refuse("date", "gives no moment together with time and offset", f"{day} {clock} {offset}")
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def tell_return(given: Fields, difference: Difference, order_id: str) -> None:
    """A return asked for at its date; received, refused and settled are states without a date, told once."""
    return_id, state = given.text("id"), given.word("state", RETURN_STATES)
    created = given.moment("date_created")
    code = given.text("reason_code") or next((line.text("reason_code") for line in given.items("return_lines")), "")
    lines = sorted({name for line in given.items("return_lines") if (name := line.text("order_line_id"))})
    reason = "not_as_described" if code in NOT_AS_DESCRIBED else code.removeprefix("RETURN_").lower()[:80]
    data: dict[str, Any] = {"order": order_id} | ({"reason": reason} if reason else {})
    data |= {"lines": lines} if lines else {}
    if created is not None:
        difference.tell(Claim("requested", "return.requested", return_id, created, data, mark=[reason, lines]))
    else:
        difference.keep("requested")
    if state:  # reception starts the seller's clock; refund and refusal are the seller's own acts
        leans: Literal["earlier", "later"] = "later" if state == "received" else "earlier"
        data = {"order": order_id}
        difference.tell(Claim(state, f"return.{state}", return_id, data=data, leans=leans, once=True))


def tell_review(given: Fields, difference: Difference, told: int | None) -> int | None:
    """The review of an order: posted at its date, changed when its stars are others than `told`; returns its stars."""
    order_id, at, grade = given.text("order_id"), given.moment("date"), given.raw.get("grade")
    if isinstance(grade, bool) or not isinstance(grade, int | float) or not 1 <= grade <= 5:
        given.refuse("grade", "is no number of stars from 1 to 5", grade)
        return told
    stars = round(grade)
    data = {"order": order_id, "rating": stars}
    if told is None:
        difference.tell(Claim("posted", "review.posted", order_id, at, data, once=True))
    elif told != stars:
        number = difference.count("changed:") + 1
        difference.tell(Claim(f"changed:{number}", "review.changed", order_id, None, data, once=True))
    replied = given.moment("reply_date")
    if replied is not None:
        difference.tell(Claim("replied", "review.replied", order_id, replied, {"order": order_id}, once=True))
    return stars
