"""Webhooks of Medusa and Mercur as events: each by hand, none of them a crash, each the same when told twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.clock import to_ms
from operator_qos.connectors.medusa import IGNORED, MAPPED, Place, map_hook, to_minor
from operator_qos.formats import format_money
from scoring.events import EventRefused, read_event

PLACE = Place("/hooks/medusa-fr", "halle-fr", "morvan-fr")
NOW_MS = to_ms(datetime(2026, 6, 18, 7, 40, tzinfo=UTC))
PARCEL: dict[str, Any] = {
    "id": "ful_1", "provider_id": "dhl_express", "created_at": "2026-06-15T08:00:00.000Z",
    "shipped_at": "2026-06-15T09:00:00.000Z", "delivered_at": "2026-06-17T10:00:00.000Z", "canceled_at": None,
    "items": [{"line_item_id": "ordli_1", "quantity": 1}], "labels": [{"tracking_number": "JD01"}]}
RETURN: dict[str, Any] = {
    "id": "return_1", "created_at": "2026-06-17T11:00:00.000Z", "received_at": "2026-06-18T06:00:00.000Z",
    "items": [{"item_id": "ordli_1", "quantity": 1, "reason": {"value": "wrong_size"}}]}
ORDER: dict[str, Any] = {
    "id": "order_1", "created_at": "2026-06-14T10:00:00.123Z", "canceled_at": "2026-06-14T12:00:00.000Z",
    "currency_code": "eur", "customer_id": "cus_1", "email": "a@b.example", "sales_channel_id": "sc_web",
    "shipping_address": {"country_code": "fr"}, "metadata": {"ship_by": "2026-06-16"},
    "items": [{"id": "ordli_1", "variant_sku": "POT", "quantity": 2, "unit_price": 19.9, "total": 39.8},
              {"id": "ordli_2", "product_id": "prod_2", "quantity": 1, "unit_price": 0.1}],
    "fulfillments": [PARCEL], "returns": [RETURN],
    "claims": [{"id": "claim_1", "created_at": "2026-06-17T12:00:00Z", "claim_items": [{"reason": "missing_item"}]}]}
PAYMENT = {"id": "pay_1", "currency_code": "eur", "captured_at": "2026-06-14T10:01:00Z",
           "refunds": [{"id": "ref_1", "amount": 5.5, "created_at": "2026-06-17T13:00:00Z",
                        "refund_reason": {"code": "goodwill"}}]}
IDS: dict[str, dict[str, Any]] = {
    "shipment.created": {"id": "ful_1"}, "delivery.created": {"id": "ful_1"},
    "order.fulfillment_canceled": {"order_id": "order_1", "fulfillment_id": "ful_1"},
    "order.return_requested": {"order_id": "order_1", "return_id": "return_1"},
    "order.return_received": {"order_id": "order_1", "return_id": "return_1"},
    "order.claim_created": {"order_id": "order_1", "claim_id": "claim_1"},
    "payment.captured": {"id": "pay_1", "payment": PAYMENT}, "payment.refunded": {"id": "pay_1", "payment": PAYMENT}}


def hook(kind: str, **beside: Any) -> dict[str, Any]:
    """A webhook as the subscriber of the documentation sends it."""
    data = {**IDS.get(kind, {"id": "order_1"}), "order": ORDER, **beside}
    return {"type": kind, "timestamp": "2026-06-18T07:39:00Z", "data": data}


def _read(kind: str, **beside: Any) -> tuple[str, str, str, str, dict[str, Any]]:
    (document,) = map_hook(hook(kind, **beside), PLACE)
    typed = read_event(document, now_ms=NOW_MS)
    at = datetime.fromtimestamp(typed.at_ms / 1000, UTC).strftime("%d %H:%M")
    assert (typed.marketplace, typed.source) == ("halle-fr", "/hooks/medusa-fr")
    return typed.type, typed.id, typed.subject, at, dict(typed.data)


def test_an_order_is_placed_with_its_lines_in_minor_units() -> None:
    assert _read("order.placed") == ("order.placed", "order.placed:order_1", "order_1", "14 10:00", {
        "lines": [{"line": "ordli_1", "sku": "POT", "quantity": 2, "amount_minor": 3980},
                  {"line": "ordli_2", "sku": "prod_2", "quantity": 1, "amount_minor": 10}],
        "currency": "EUR", "buyer": "cus_1", "channel": "sc_web", "country": "FR", "ship_by": "2026-06-16",
        "fulfilment": "seller"})


@pytest.mark.parametrize(("kind", "expected"), [
    ("order.canceled", ("order.cancelled", "order.cancelled:order_1", "order_1", "14 12:00", {"by": "unknown"})),
    ("payment.captured", ("order.paid", "order.paid:pay_1", "order_1", "14 10:01", {})),
    ("shipment.created", ("order.shipped", "order.shipped:ful_1", "order_1", "15 09:00", {
        "carrier": "dhl_express", "tracking": "JD01", "trackable": True, "lines": ["ordli_1"]})),
    ("delivery.created", ("order.delivered", "order.delivered:ful_1", "order_1", "17 10:00", {"lines": ["ordli_1"]})),
    ("order.return_requested", ("return.requested", "return.requested:return_1", "return_1", "17 11:00", {
        "order": "order_1", "reason": "wrong_size", "lines": ["ordli_1"]})),
    ("order.return_received", ("return.received", "return.received:return_1", "return_1", "18 06:00", {
        "order": "order_1", "reason": "wrong_size", "lines": ["ordli_1"]})),
    ("order.claim_created", ("case.opened", "case.opened:claim_1", "claim_1", "17 12:00", {
        "order": "order_1", "kind": "claim", "reason": "missing_item"})),
    ("payment.refunded", ("order.refunded", "order.refunded:ref_1", "order_1", "17 13:00", {
        "amount_minor": 550, "reason": "goodwill"})),
])  # fmt: skip
def test_what_happened_to_an_order_is_said_by_its_own_moment(kind: str, expected: tuple[Any, ...]) -> None:
    found = _read(kind)
    assert (*found[:4], {name: value for name, value in found[4].items() if value is not None}) == expected


def test_a_parcel_that_was_cancelled_takes_back_that_it_left() -> None:
    gone = ORDER | {"fulfillments": [PARCEL | {"canceled_at": "2026-06-15T10:00:00Z"}]}
    found = _read("order.fulfillment_canceled", order=gone)
    assert found[0] == "event.retracted"
    assert (found[4]["source"], found[4]["id"]) == ("/hooks/medusa-fr", "order.shipped:ful_1")
    never = ORDER | {"fulfillments": [PARCEL | {"shipped_at": None}]}
    assert map_hook(hook("order.fulfillment_canceled", order=never), PLACE) == []


def test_the_shop_is_the_orders_seller_else_that_of_the_address() -> None:
    (plain,) = map_hook(hook("order.placed"), PLACE)
    (named,) = map_hook(hook("order.placed", order=ORDER | {"seller": {"id": "sel_1", "handle": "atelier"}}), PLACE)
    assert (plain["shop"], named["shop"]) == ("morvan-fr", "atelier")
    seller = {"id": "sel_1", "handle": "atelier", "name": "Atelier", "created_at": "2026-06-01T00:00:00Z"}
    (opened,) = map_hook({"type": "seller.created", "data": {"id": "sel_1", "seller": seller}}, PLACE)
    assert (opened["type"], opened["shop"], opened["subject"]) == ("qos.shop.opened", "atelier", "atelier")
    (again,) = map_hook({"type": "seller.approved", "data": {"id": "sel_1", "seller": seller}}, PLACE)
    assert again == opened


@pytest.mark.parametrize("kind", [*sorted(IGNORED), "offer.created", "member_invite.accepted"])
def test_what_says_nothing_of_service_makes_no_event(kind: str) -> None:
    assert map_hook(hook(kind), PLACE) == []


@pytest.mark.parametrize(("amount", "currency", "minor"), [
    (19.99, "eur", 1999), ("0.1", "EUR", 10), (500, "jpy", 500), (1.234, "kwd", 1234), (None, "eur", None),
    (0.005, None, 0), ("12.50", "RSD", 12), (10**10, "EUR", 10**12), (True, "eur", "True"), ("many", "eur", "many"),
    ("1e999999", "eur", "1e999999"), ("1e999990", "eur", "1e999990"), ("NaN", "eur", "NaN"), (-1, "eur", "-1"),
    (10**12, "eur", str(10**12)),
])  # fmt: skip
def test_amounts_are_minor_units_of_their_currency_and_what_is_none_is_refused(
    amount: object, currency: object, minor: object
) -> None:
    assert to_minor(amount, currency) == minor


def test_a_line_of_impossible_size_is_set_aside_with_its_amount_named() -> None:
    for price, quantity in (("1e999999", "1e999999"), ("1e999990", 1), ("sNaN", 1)):
        order = ORDER | {"items": [{"id": "l", "unit_price": price, "quantity": quantity}]}
        (document,) = map_hook(hook("order.placed", order=order), PLACE)
        assert not isinstance(document["data"]["lines"][0].get("amount_minor", ""), int)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "BHD", "RSD", "UGX", "IQD", "COP"])
def test_an_amount_is_shown_as_it_was_read(currency: str) -> None:
    minor = to_minor("1200", currency)
    assert isinstance(minor, int)
    assert "1,200" in format_money(minor, currency, "en")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([
        "id", "order", "items", "fulfillments", "labels", "returns", "claims", "payment", "refunds", "metadata",
        "seller", "reason", "quantity", "unit_price", "amount", "currency_code",
        "shipping_address"]), inner, max_size=4),
    max_leaves=12)


@given(kind=st.sampled_from([*MAPPED, "order.exploded"]), data=JSON)
def test_any_payload_becomes_documents_that_are_read_or_set_aside(kind: str, data: Any) -> None:
    for document in map_hook({"type": kind, "data": data}, PLACE):
        try:
            read_event(document, now_ms=NOW_MS)
        except EventRefused as refused:
            assert refused.problem.reason
