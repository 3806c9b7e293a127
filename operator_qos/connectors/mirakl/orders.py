"""An order of Mirakl as claims: placed, accepted, paid, shipped, delivered, cancelled, refunded, incidents. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operator_qos.connectors.mirakl.differences import Claim, Difference
from operator_qos.connectors.mirakl.fields import Fields
from operator_qos.connectors.mirakl.reasons import Reason, Reasons
from operator_qos.connectors.rows import utc_text

# How far an order or line has got. Before "accepted" nobody has said yes; "hidden" ones are not the seller's yet.
STATES: Mapping[str, str] = {
    "STAGING": "hidden", "WAITING_ACCEPTANCE": "waiting", "WAITING_DEBIT": "accepted",
    "WAITING_DEBIT_PAYMENT": "accepted", "SHIPPING": "accepted", "SHIPPED": "accepted", "TO_COLLECT": "accepted",
    "RECEIVED": "accepted", "CLOSED": "accepted", "REFUNDED": "accepted", "WAITING_REFUND": "accepted",
    "WAITING_REFUND_PAYMENT": "accepted", "INCIDENT_OPEN": "incident", "REFUSED": "refused", "CANCELED": "cancelled",
}
PROMISES = {"ship": "ship_by", "deliver": "deliver_by"}


@dataclass(frozen=True, slots=True)
class OrderLook:
    """An order's snapshot with what its lines need of it."""

    order: Fields
    id: str
    lines: tuple[tuple[str, Fields], ...]
    state: str | None
    currency: str
    reasons: Reasons

    @property
    def decided_at(self) -> datetime | None:
        """When the seller said yes or no."""
        return self.order.moment("acceptance_decision_date")


def read_order(order: Fields, reasons: Reasons) -> OrderLook | None:
    """An order the seller can see; None for one held back by the operator, or that cannot be told from others."""
    order_id, state = order.text("order_id"), order.word("order_state", STATES)
    lines = tuple((line.text("order_line_id") or str(place), line)
                  for place, line in enumerate(order.items("order_lines"), 1))
    if not order_id or not order.text("shop_id"):
        order.refuse("shop_id" if order_id else "order_id", "is missing; nothing can be told of this order", "")
        return None
    if state == "hidden":
        return None
    for _, line in lines:
        _refuse_strange_reasons(line, reasons)
    return OrderLook(order, order_id, lines, state, order.text("currency_iso_code"), reasons)


def _refuse_strange_reasons(line: Fields, reasons: Reasons) -> None:
    """Note codes that are not in the platform's list: nobody can say who is behind them."""
    coded: list[tuple[Fields, str, tuple[str, ...]]] = [(line, "order_line_state_reason_code", ())]
    coded += [(part, "reason_code", ("CANCELATION",)) for part in line.items("cancelations")]
    coded += [(part, "reason_code", ("REFUND",)) for part in line.items("refunds")]
    for fields, name, kinds in coded:
        if reasons.is_strange(code := fields.text(name), *kinds):
            fields.refuse(name, "is not in the platform's list of reasons; say what it means, then replay", code)


def tell_order(look: OrderLook, difference: Difference, promises: Mapping[str, str], source: str) -> dict[str, str]:
    """Put the claims of an order into the difference; returns the promises it stands by now."""
    created = look.order.moment("created_date")
    found = _read_promises(look.order)
    if created is not None:
        difference.tell(_placed(look, created, found, source))
    elif difference.has("placed"):
        difference.keep("placed")
    for claim in (*_decisions(look), *_payment(look), *_refunds(look)):
        difference.tell(claim)
    for line_id, line in look.lines:
        _tell_line(look, line_id, line, difference)
    difference.keep("accepted")  # a yes is not unsaid by what comes after it
    if look.state is None:
        _keep_undated(difference)
    _tell_promises(look, found, promises, difference)
    return {**promises, **found}


def _placed(look: OrderLook, created: datetime, promises: Mapping[str, str], source: str) -> Claim:
    data: dict[str, Any] = {"lines": [_line(line_id, line, look.currency) for line_id, line in look.lines]}
    data |= {PROMISES[kind]: value for kind, value in promises.items()}
    address = look.order.child("customer").child("shipping_address")
    given = {
        "currency": look.currency if len(look.currency) == 3 and look.currency.isupper() else "",
        "channel": look.order.child("channel").text("code"), "buyer": _name_buyer(look.order.child("customer"), source),
        "country": address.text("country_iso_code") or address.text("country")}
    data |= {name: value for name, value in given.items() if value}
    if look.order.child("fulfillment").child("center").text("code") not in {"", "DEFAULT"}:
        data["fulfilment"] = "operator"
    if look.order.child("customer").raw.get("organization"):
        data["business"] = True
    return Claim("placed", "order.placed", look.id, created, data, mark=sorted(line_id for line_id, _ in look.lines))


def _line(line_id: str, line: Fields, currency: str) -> dict[str, Any]:
    given = {
        "sku": line.text("offer_sku") or line.text("product_sku"), "category": line.text("category_code")[:80],
        "quantity": line.whole("quantity") or None, "amount_minor": line.minor("total_price", currency)}
    return {"line": line_id, **{name: value for name, value in given.items() if value not in {None, ""}}}


def _name_buyer(customer: Fields, source: str) -> str:
    """A name of our own for the platform's customer, which leaves its door in no readable form."""
    theirs = customer.text("customer_id")
    return hashlib.sha256(f"{source}\n{theirs}".encode()).hexdigest()[:24] if theirs else ""


def _read_promises(order: Fields) -> dict[str, str]:
    found = {"ship": order.moment("shipping_deadline"), "deliver": order.child("delivery_date").moment("latest")}
    return {kind: utc_text(moment) for kind, moment in found.items() if moment is not None}


def _tell_promises(
    look: OrderLook, found: Mapping[str, str], before: Mapping[str, str], difference: Difference
) -> None:
    """A promise made after the order was first told is put in; one that changes was moved by the platform."""
    if not difference.has("placed"):
        return
    for kind, value in found.items():
        number = difference.count(f"promise:{kind}:")
        key, moved = f"promise:{kind}:{number + 1}", before.get(kind)
        if moved is None:
            data = {"field": PROMISES[kind], "value": value}
            difference.tell(Claim(key, "order.corrected", look.id, _paid_at(look) or look.decided_at, data, once=True))
        elif moved != value:
            data = {"kind": kind, "to": value, "agreed_by": "operator"}
            difference.tell(Claim(key, "order.promise_moved", look.id, None, data, leans="earlier", once=True))


def _decisions(look: OrderLook) -> Iterator[Claim]:
    """Accepted or refused by the seller; without a date it went by itself, and only a refusal is worth telling."""
    at = look.decided_at
    if look.state == "refused":
        by = "seller" if at is not None else "automatic"
        code = look.order.text("order_state_reason_code")
        yield Claim("refused", "order.refused", look.id, at, {"by": by} | ({"reason": code[:80]} if code else {}))
    elif at is not None:
        yield Claim("accepted", "order.accepted", look.id, at)


def _paid_at(look: OrderLook) -> datetime | None:
    dates = [line.moment("debited_date") for _, line in look.lines]
    return look.order.moment("customer_debited_date") or max((date for date in dates if date), default=None)


def _payment(look: OrderLook) -> Iterator[Claim]:
    at = _paid_at(look)
    if at is not None:
        yield Claim("paid", "order.paid", look.id, at)


def _refunds(look: OrderLook) -> Iterator[Claim]:
    for line_id, line in look.lines:
        for refund in line.items("refunds"):
            code, at = refund.text("reason_code"), refund.moment("created_date") or refund.moment("transaction_date")
            reason = look.reasons.find("REFUND", code)
            data = {"amount_minor": refund.minor("amount", look.currency), "reason": reason.cause or code[:80],
                    "fault": reason.fault}
            yield Claim(f"refund:{line_id}:{refund.text('id')}", "order.refunded", look.id, at,
                        {name: value for name, value in data.items() if value not in {None, ""}})


def _tell_line(look: OrderLook, line_id: str, line: Fields, difference: Difference) -> None:
    state = line.word("order_line_state", STATES) if look.state != "cancelled" else "cancelled"
    shipped, received = line.moment("shipped_date"), line.moment("received_date")
    if shipped is not None:
        difference.tell(Claim(f"shipped:{line_id}", "order.shipped", look.id, shipped, _shipment(look, line_id)))
    if received is not None:
        difference.tell(Claim(f"delivered:{line_id}", "order.delivered", look.id, received, {"lines": [line_id]}))
    cancelled = _cancelled(look, line_id, line, state)
    if cancelled is not None:
        difference.tell(cancelled)
    if state is None:
        difference.keep(f"cancelled:{line_id}")
    else:
        _tell_incident(look, line_id, line, difference, is_open=state == "incident")


def _shipment(look: OrderLook, line_id: str) -> dict[str, Any]:
    tracking = look.order.text("shipping_tracking")
    carrier = look.order.text("shipping_carrier_code") or look.order.text("shipping_company")
    data: dict[str, Any] = {"lines": [line_id], "trackable": bool(tracking)}
    return data | ({"carrier": carrier[:80]} if carrier else {}) | ({"tracking": tracking} if tracking else {})


def _cancelled(look: OrderLook, line_id: str, line: Fields, state: str | None) -> Claim | None:
    """A line that was cancelled or refused whole; of a part of its quantity nothing is told."""
    if state == "refused" and look.state not in {"refused", None}:
        return _cancellation(look, line_id, line.text("order_line_state_reason_code"), look.decided_at, "seller")
    parts = list(line.items("cancelations"))
    gone = sum(part.whole("quantity") or 0 for part in parts)
    if state != "cancelled" and (not parts or gone < (line.whole("quantity") or 1)):
        return None
    dates = [date for part in parts if (date := part.moment("created_date"))]
    code = parts[0].text("reason_code") if parts else line.text("order_line_state_reason_code")
    code = code or look.order.text("order_state_reason_code")
    return _cancellation(look, line_id, code, max(dates, default=None), "")


def _cancellation(look: OrderLook, line_id: str, code: str, at: datetime | None, by: str) -> Claim:
    reason = look.reasons.find("CANCELATION", code)
    data: dict[str, Any] = {"by": by or reason.by or "unknown", "lines": [line_id]}
    return Claim(f"cancelled:{line_id}", "order.cancelled", look.id, at,
                 data | ({"reason": reason.cause} if reason.cause else {}))


def _tell_incident(look: OrderLook, line_id: str, line: Fields, difference: Difference, *, is_open: bool) -> None:
    """An incident is a state that comes and goes: each coming opens a case, each going ends it."""
    prefix = f"incident:{line_id}:"
    number = sum(key.startswith(prefix) and key.endswith(":opened") for key in difference.known)
    was_open = number > 0 and not difference.has(f"{prefix}{number}:ended")
    if is_open and not was_open:
        code = line.text("order_line_state_reason_code")
        data = {"order": look.id, "kind": "incident"} | ({"reason": code[:80]} if code else {})
        difference.tell(Claim(f"{prefix}{number + 1}:opened", "case.opened", _case(look, line_id, number + 1),
                              data=data, once=True))
    elif was_open and not is_open:
        reason = look.reasons.find("INCIDENT_CLOSE", line.text("order_line_state_reason_code"))
        difference.tell(_ended(look, reason, f"{prefix}{number}:ended", _case(look, line_id, number)))


def _case(look: OrderLook, line_id: str, number: int) -> str:
    return f"{look.id}:{line_id}:incident:{number}"


def _ended(look: OrderLook, reason: Reason, key: str, case: str) -> Claim:
    """Resolved by the seller, unless the reason is one that only the operator or the buyer may give."""
    data = {"order": look.id} | ({"fault": reason.fault} if reason.fault else {})
    by = reason.by or ("buyer" if reason.is_foreign else "seller")
    if by != "seller":
        return Claim(key, "case.closed", case, data={"by": by, **data}, once=True)
    return Claim(key, "case.resolved", case, data={"by": "seller", **data}, leans="earlier", once=True)


def _keep_undated(difference: Difference) -> None:
    """An order whose state means nothing to us takes back nothing that was told by its state."""
    for key in difference.known:
        if key == "refused" or key.startswith("cancelled:"):
            difference.keep(key)
