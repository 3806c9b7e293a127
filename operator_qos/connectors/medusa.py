"""Webhooks of a Medusa 2 or Mercur marketplace as events. Pure: a payload in, CloudEvents documents out.

Medusa tells its own bus little more than ids. The subscriber (docs/webhooks-in.md) reads the thing anew before it
sends `{"type", "timestamp", "data"}`, with `data` what the bus said and beside it `order`, `payment` or `seller` as
the Admin API shows them. Moments are those of the thing, not of the call, and ids follow from the thing's: told twice,
an event is the same. What cannot be read becomes a document that is set aside with its field named; nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from operator_qos.connectors.money import read_minor

Document = dict[str, Any]
Thing = Mapping[str, Any]
# What says nothing of the service owed to buyers.
IGNORED: Final = frozenset({
    "order.updated", "order.completed", "order.archived", "order.transfer_requested", "order.fulfillment_created",
    "order.exchange_created", "order-edit.requested", "order-edit.confirmed", "order-edit.canceled",
    "order_group.created", "seller.updated", "seller.deleted", "seller.suspended", "seller.unsuspended",
    "seller.terminated", "seller.unterminated", "payout.webhook_received"})
IGNORED_FAMILIES: Final = ("offer.", "seller_member.", "member_invite.", "customer.", "product.", "invite.", "user.")


@dataclass(frozen=True)
class Place:
    """Where webhooks come from: the name of the source, the marketplace, the shop of what names none."""

    source: str
    marketplace: str
    shop: str = ""


def map_hook(payload: object, place: Place) -> list[Document]:
    """The events of a webhook; none for one that says nothing of service, one that is set aside for an unknown one."""
    if not isinstance(payload, Mapping):
        return [_strange("medusa", {"data": payload}, place)]
    kind, data = payload.get("type"), payload.get("data")
    if not isinstance(kind, str) or not kind:
        return [_strange("medusa", payload, place)]
    if kind in IGNORED or kind.startswith(IGNORED_FAMILIES):
        return []
    told = data if isinstance(data, list) else [data]
    return [document for one in told for document in _map_one(kind, one, payload, place)]


def _map_one(kind: str, one: object, payload: Thing, place: Place) -> Iterator[Document]:
    mapper = _MAPPERS.get(kind)
    if mapper is None or not isinstance(one, Mapping):
        yield _strange(f"medusa.{kind}", payload, place)
        return
    yield from mapper(_Told(kind, one, place))


@dataclass(frozen=True)
class _Told:
    """One thing that was told, with what was read beside it."""

    kind: str
    data: Thing
    place: Place

    @property
    def order(self) -> Thing:
        return _thing(self.data.get("order"))

    @property
    def order_id(self) -> object:
        named = self.data.get("order_id") or self.order.get("id")
        return named or (self.data.get("id") if self.kind.startswith("order.") else None)

    @property
    def shop(self) -> object:
        seller = _thing(self.order.get("seller") or self.data.get("seller"))
        return seller.get("handle") or seller.get("id") or self.order.get("seller_id") or self.place.shop

    def write(self, name: str, *, subject: object, ident: object, at: object, data: Thing | None = None) -> Document:
        filled = {key: value for key, value in (data or {}).items() if value is not None}
        return {"specversion": "1.0", "type": f"qos.{name}", "source": self.place.source, "id": f"{name}:{ident}",
                "time": at, "subject": subject, "marketplace": self.place.marketplace, "shop": self.shop,
                "data": filled}


def _strange(kind: str, payload: Thing, place: Place) -> Document:
    return {"specversion": "1.0", "type": kind[:200], "source": place.source,
            "id": str(payload.get("id") or kind)[:200], "time": payload.get("timestamp"), "subject": kind[:200],
            "marketplace": place.marketplace, "shop": place.shop, "data": payload.get("data")}


def _thing(value: object) -> Thing:
    return value if isinstance(value, Mapping) else {}


def _things(value: object) -> Sequence[Thing]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _find(values: object, ident: object) -> Thing:
    """The thing of that id, else the only one there is."""
    found = _things(values)
    same = [item for item in found if item.get("id") == ident]
    return same[0] if same else found[0] if len(found) == 1 and ident is None else {}


def to_minor(amount: object, currency: object) -> object:
    """An amount in major units as whole minor units; what is no amount becomes a text, to be refused by name."""
    if amount is None:
        return None
    minor = read_minor(amount, str(currency or ""))
    return str(amount) if minor is None else minor


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _line(item: Thing, currency: object) -> Document:
    quantity, price = item.get("quantity"), item.get("unit_price")
    try:
        total = item.get("total") if item.get("total") is not None else Decimal(str(price)) * Decimal(str(quantity))
    except (ArithmeticError, ValueError):
        total = None
    found = {"line": item.get("id"), "sku": item.get("variant_sku") or item.get("product_id"), "quantity": quantity,
             "category": item.get("product_type"), "amount_minor": to_minor(total, currency)}
    return {key: value for key, value in found.items() if value is not None}


def _map_placed(told: _Told) -> Iterator[Document]:
    order, meta = told.order, _thing(told.order.get("metadata"))
    currency = order.get("currency_code")
    yield told.write("order.placed", subject=told.order_id, ident=told.order_id, at=order.get("created_at"), data={
        "lines": [_line(item, currency) for item in _things(order.get("items"))] or None, "currency": _upper(currency),
        "buyer": order.get("customer_id") or order.get("email"), "channel": order.get("sales_channel_id"),
        "country": _upper(_thing(order.get("shipping_address")).get("country_code")),
        "accept_by": meta.get("accept_by"), "ship_by": meta.get("ship_by"), "deliver_by": meta.get("deliver_by")})


def _map_cancelled(told: _Told) -> Iterator[Document]:
    meta = _thing(told.order.get("metadata"))
    yield told.write("order.cancelled", subject=told.order_id, ident=told.order_id, at=told.order.get("canceled_at"),
                     data={"by": meta.get("canceled_by", "unknown"), "reason": meta.get("cancel_reason")})


def _fulfilment(told: _Told) -> Thing:
    return _find(told.order.get("fulfillments"), told.data.get("fulfillment_id") or told.data.get("id"))


def _line_ids(parcel: Thing, name: str) -> list[object] | None:
    return [item.get(name) for item in _things(parcel.get("items"))] or None


def _map_shipped(told: _Told) -> Iterator[Document]:
    parcel = _fulfilment(told)
    tracking = _find(_things(parcel.get("labels"))[:1], None).get("tracking_number")
    yield told.write("order.shipped", subject=told.order_id, ident=parcel.get("id"), at=parcel.get("shipped_at"), data={
        "carrier": parcel.get("provider_id"), "tracking": tracking or None, "trackable": bool(tracking),
        "lines": _line_ids(parcel, "line_item_id")})


def _map_delivered(told: _Told) -> Iterator[Document]:
    parcel = _fulfilment(told)
    yield told.write("order.delivered", subject=told.order_id, ident=parcel.get("id"), at=parcel.get("delivered_at"),
                     data={"lines": _line_ids(parcel, "line_item_id")})


def _map_unshipped(told: _Told) -> Iterator[Document]:
    """A parcel that was cancelled after it was told as shipped never left."""
    parcel = _fulfilment(told)
    if parcel.get("shipped_at") is not None:
        yield told.write("event.retracted", subject=told.order_id, ident=parcel.get("id"), at=parcel.get("canceled_at"),
                         data={"source": told.place.source, "id": f"order.shipped:{parcel.get('id')}",
                               "reason": "fulfilment cancelled"})


def _map_return(name: str, *moments: str) -> Callable[[_Told], Iterator[Document]]:
    def mapper(told: _Told) -> Iterator[Document]:
        sent_back = _thing(told.data.get("return")) or _find(told.order.get("returns"), told.data.get("return_id"))
        ident = sent_back.get("id") or told.data.get("return_id")
        at = next((sent_back[moment] for moment in moments if sent_back.get(moment) is not None), None)
        reasons = [_thing(item.get("reason")).get("value") for item in _things(sent_back.get("items"))]
        yield told.write(name, subject=ident, ident=ident, at=at, data={
            "order": told.order_id, "reason": next((r for r in reasons if r), None),
            "lines": _line_ids(sent_back, "item_id")})
    return mapper


def _map_claim(told: _Told) -> Iterator[Document]:
    claim = _thing(told.data.get("claim")) or _find(told.order.get("claims"), told.data.get("claim_id"))
    ident = claim.get("id") or told.data.get("claim_id")
    reasons = [item.get("reason") for item in _things(claim.get("claim_items"))]
    yield told.write("case.opened", subject=ident, ident=ident, at=claim.get("created_at"), data={
        "order": told.order_id, "kind": "claim", "reason": next((r for r in reasons if r), None)})


def _payment(told: _Told) -> Thing:
    return _thing(told.data.get("payment"))


def _map_paid(told: _Told) -> Iterator[Document]:
    paid = _payment(told)
    yield told.write("order.paid", subject=told.order_id, ident=paid.get("id") or told.data.get("id"),
                     at=paid.get("captured_at"))


def _map_refunded(told: _Told) -> Iterator[Document]:
    paid = _payment(told)
    for refund in _things(paid.get("refunds")) or [{}]:
        reason = _thing(refund.get("refund_reason"))
        amount = to_minor(refund.get("amount"), paid.get("currency_code"))
        yield told.write("order.refunded", subject=told.order_id, ident=refund.get("id"), at=refund.get("created_at"),
                         data={"amount_minor": amount, "reason": reason.get("code") or reason.get("label")})


def _map_seller(told: _Told) -> Iterator[Document]:
    seller = _thing(told.data.get("seller")) or told.data
    code = seller.get("handle") or seller.get("id")
    document = told.write("shop.opened", subject=code, ident=seller.get("id"), at=seller.get("created_at"), data={
        "seller": seller.get("id"), "name": seller.get("name"), "country": _upper(seller.get("country_code"))})
    yield {**document, "shop": code}


_MAPPERS: Mapping[str, Callable[[_Told], Iterator[Document]]] = {
    "order.placed": _map_placed,
    "order.canceled": _map_cancelled,
    "shipment.created": _map_shipped,
    "delivery.created": _map_delivered,
    "order.fulfillment_canceled": _map_unshipped,
    "order.return_requested": _map_return("return.requested", "requested_at", "created_at"),
    "order.return_received": _map_return("return.received", "received_at"),
    "order.claim_created": _map_claim,
    "payment.captured": _map_paid,
    "payment.refunded": _map_refunded,
    "seller.created": _map_seller,
    "seller.approved": _map_seller,
}
MAPPED: Final = tuple(_MAPPERS)
