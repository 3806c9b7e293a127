"""The calls of the fake Medusa: orders, returns, claims, payments, sellers, and what its subscriber sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Flask, request

from operator_qos.lab.api import (
    BadCall,
    create_app,
    guarded,
    query_args,
    read_document,
    read_moment_arg,
    read_number,
    to_response,
)
from operator_qos.lab.control.api import add_control
from operator_qos.lab.lab import Lab
from operator_qos.lab.medusa.sending import Subscriber
from operator_qos.lab.medusa.shapes import name, show_claim, show_order, show_payment, show_return, show_seller
from operator_qos.lab.mirakl.shops import write_state

CALLS_PER_MINUTE = {"orders": 300, "returns": 300, "claims": 300, "payments": 300, "sellers": 300, "states": 60}
_ACTIONS = {"approve": "UNSUSPEND", "suspend": "SUSPEND", "unsuspend": "UNSUSPEND", "terminate": "TERMINATE",
            "unterminate": "UNTERMINATE"}


def create_medusa(lab: Lab, subscriber: Subscriber | None = None) -> Flask:
    """The fake server; with a subscriber POST /lab/send sends what is due."""
    app = create_app("lab-medusa", lab)
    for add in (_add_orders, _add_aftercare, _add_sellers):
        add(app, lab)
    add_control(app, lab)
    if subscriber is not None:
        app.add_url_rule("/lab/send", endpoint="send", methods=["POST"], view_func=lambda: to_response(
            {"sent": subscriber.send_due(), "answers": subscriber.answers}))
    return app


def _page(kind: str, rows: Sequence[Any]) -> dict[str, Any]:
    """A list as Medusa answers: by `limit` and `offset`."""
    limit, offset = read_number("limit", 50, 100), read_number("offset", 0, 10**9)
    return {kind: rows[offset : offset + limit], "count": len(rows), "offset": offset, "limit": limit}


def _list_orders(lab: Lab) -> list[str]:
    since = read_moment_arg("updated_at[$gte]")
    return [key for key in lab.list_changed("orders", since=since, now=lab.clock.now()) if not lab.is_lost(key)]


def _add_orders(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "orders", "/admin/orders")
    def orders() -> Any:
        page = _page("orders", _list_orders(lab))
        world, now = lab.world, lab.clock.now()
        return page | {"orders": [show_order(world, world.orders[key], now) for key in page["orders"]]}

    @guarded(app, lab, "orders", "/admin/orders/<ident>")
    def order(ident: str) -> Any:
        thing = next((o for o in lab.world.orders.values() if name("order", o.id) == ident), None)
        if thing is None or lab.find_changed("orders", thing.id, lab.clock.now()) is None or lab.is_lost(thing.id):
            raise BadCall(f"Order with id: {ident} was not found", status=404, code="not_found")
        return {"order": show_order(lab.world, thing, lab.clock.now())}

    @guarded(app, lab, "payments", "/admin/payments/<ident>")
    def payment(ident: str) -> Any:
        thing = next((o for o in lab.world.orders.values() if name("pay", o.id) == ident), None)
        if thing is None or lab.find_changed("orders", thing.id, lab.clock.now()) is None:
            raise BadCall(f"Payment with id: {ident} was not found", status=404, code="not_found")
        return {"payment": show_payment(thing, lab.clock.now()), "order_id": name("order", thing.id)}


def _add_aftercare(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "returns", "/admin/returns")
    def returns() -> Any:
        now, world = lab.clock.now(), lab.world
        shown = [world.returns[key] for key in lab.list_changed("returns", since=None, now=now)]
        return _page("returns", [show_return(world.orders[back.parent], back, now) for back in shown])

    @guarded(app, lab, "claims", "/admin/claims")
    def claims() -> Any:
        now = lab.clock.now()
        found = [show_claim(order, step) for order in lab.world.orders.values() for step in order.until(now)
                 if step.kind == "case.opened"]
        return _page("claims", sorted(found, key=lambda claim: (claim["created_at"], claim["id"])))


def _add_sellers(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "sellers", "/admin/sellers")
    def sellers() -> Any:
        now, wanted = lab.clock.now(), query_args().get("handle")
        return _page("sellers", [show_seller(lab, shop, now) for shop in lab.world.shops.values()
                                 if shop.steps[0].at <= now and wanted in (None, shop.id)])

    @guarded(app, lab, "states", "/admin/sellers/<ident>/<action>", methods=("POST",))
    def change(ident: str, action: str) -> Any:
        shop = next((shop for shop in lab.world.shops.values() if name("sel", shop.id) == ident), None)
        if shop is None or action not in _ACTIONS:
            raise BadCall(f"There is no seller {ident}, or no action {action}.", status=404, code="not_found")
        if action in {"suspend", "terminate"} and request.get_data() and not read_document().get("reason"):
            raise BadCall("reason is required", code="invalid_data")
        rejected = write_state(lab, shop.id, _ACTIONS[action])
        if rejected is not None:
            raise BadCall(rejected.message, status=409, code=rejected.code)
        return {"seller": show_seller(lab, shop, lab.clock.now())}
