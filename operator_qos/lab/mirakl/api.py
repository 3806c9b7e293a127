"""The calls of the fake Mirakl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from operator_qos.lab.api import (
    BadCall,
    answer_error,
    create_app,
    guarded,
    make_page_token,
    query_args,
    read_document,
    read_list,
    read_moment_arg,
    read_number,
    read_page_begin,
    read_repeated,
    to_response,
)
from operator_qos.lab.control.api import add_control
from operator_qos.lab.gate import TOKEN_SECONDS
from operator_qos.lab.lab import Lab
from operator_qos.lab.listing import render, shift
from operator_qos.lab.mirakl.exports import ExportRefused, find_export, list_exported, look_after, start_export
from operator_qos.lab.mirakl.queries import OrderFilter, list_by_parent, list_orders, list_shops, show
from operator_qos.lab.mirakl.reasons import show_reasons
from operator_qos.lab.mirakl.shops import Rejected, list_reviews, show_hours, show_review, write_shop, write_state
from operator_qos.lab.mirakl.statistics import PERIOD_DAYS, show_statistics
from operator_qos.lab.mirakl.threads import LISTED_MESSAGES
from operator_qos.lab.truth import Thing

CALLS_PER_MINUTE = {
    "OR11": 60, "ST11": 60, "RT11": 60, "M11": 60, "M10": 120, "S20": 60, "S03": 120, "OR51": 120, "S51": 120,
    "S21": 30, "A21": 30, "RE01": 30, "PC01": 30, "OR13": 30, "OR14": 30, "OR15": 30, "S07": 30, "S09": 30}
MOST_IDS = 100


def create_mirakl(lab: Lab) -> Flask:
    """The fake server; its own calls stand under /lab."""
    app = create_app("lab-mirakl", lab)
    for add in (_add_token, _add_orders, _add_exports, _add_seek_lists, _add_threads, _add_shops, _add_statistics,
                _add_settings, _add_writes):
        add(app, lab)
    add_control(app, lab)
    return app


def _add_token(app: Flask, lab: Lab) -> None:
    @app.post("/oauth/token")
    def token() -> Response:
        form, gate = request.form, lab.gate
        if (form.get("client_id"), form.get("client_secret")) != (gate.client_id, gate.client_secret):
            return answer_error(401, "invalid_client", "The client's id or secret is wrong.")
        if form.get("grant_type") != "client_credentials":
            return answer_error(400, "unsupported_grant_type", "grant_type must be client_credentials.")
        with lab.lock:
            return to_response({"token_type": "Bearer", "access_token": gate.give_token(), "expires_in": TOKEN_SECONDS,
                                "target_app": "lab", "resource_owner": "operator"})


def _offset_page(lab: Lab, kind: str, name: str, keys: Sequence[str]) -> Any:
    """A page by `max` and `offset`, with the address of the next one."""
    most, offset = read_number("max", 10, 100), read_number("offset", 0, 10**9)
    asked = request.args.to_dict()
    listing = urlencode(sorted((key, value) for key, value in asked.items() if key not in {"max", "offset"}))
    shown = shift(lab, f"{kind}?{listing}", keys, first_page=offset == 0)
    page = shown[offset : offset + most]
    rows = render(lab, kind, page, lambda key, at: show(lab, kind, key, at), room=most - len(page))
    headers = {}
    if most and offset + most < len(keys):
        query = urlencode({**asked, "max": most, "offset": offset + most})
        headers["Link"] = f'<{request.base_url}?{query}>; rel="next"'
    return {name: rows, "total_count": len(keys)}, headers


def _add_orders(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "OR11", "/api/orders")
    def orders() -> Any:
        asked = OrderFilter(
            read_list("order_ids", most=MOST_IDS), read_list("order_state_codes"), read_list("shop_ids"),
            read_moment_arg("start_date"), read_moment_arg("end_date"), read_moment_arg("start_update_date"),
            read_moment_arg("end_update_date"), request.args.get("sort") == "dateUpdated",
            request.args.get("order") == "desc")
        return _offset_page(lab, "orders", "orders", list_orders(lab, asked))

    @guarded(app, lab, "OR51", "/api/orders/<order>/evaluation")
    def evaluation(order: str) -> Any:
        thing = lab.world.orders.get(order)
        found = dict(list_reviews(lab, thing.shop, lab.clock.now())) if thing else {}
        if order not in found:
            raise BadCall(f"Order {order} has no evaluation.", status=404, code="NOT_FOUND")
        return show_review(order, found[order])


def _add_exports(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "OR13", "/api/orders/async-export", methods=("POST",))
    def start() -> Any:
        try:
            return {"tracking_id": start_export(lab, read_document())}
        except ExportRefused as refused:
            raise BadCall(str(refused)) from None

    @guarded(app, lab, "OR14", "/api/orders/async-export/status/<name>")
    def look(name: str) -> Any:
        export = find_export(lab, name)
        if export is None:
            raise BadCall(f"There is no export {name}.", status=404, code="NOT_FOUND")
        return look_after(lab, name, export, request.host_url.rstrip("/"))

    @guarded(app, lab, "OR15", "/api/orders/exports/<name>/<int:part>")
    def fetch(name: str, part: int) -> Any:
        export = find_export(lab, name)
        if export is None:
            raise BadCall(f"There is no export {name}.", status=404, code="NOT_FOUND")
        now = lab.clock.now()
        return [show(lab, "orders", key, now) for key in list_exported(lab, export, part)]


def _seek_page(lab: Lab, kind: str, keys: Sequence[str], *, messages: int | None = 0) -> Any:
    """A page by `limit` and `page_token`; a seek page never shifts."""
    begin, limit = read_page_begin(), read_number("limit", 50, 100)
    page = keys[begin : begin + limit]
    rows = render(lab, kind, page, lambda key, at: show(lab, kind, key, at, messages=messages), room=limit - len(page))
    more = limit > 0 and begin + limit < len(keys)
    return {"data": rows, "next_page_token": make_page_token(begin + limit) if more else None,
            "previous_page_token": make_page_token(max(begin - limit, 0)) if begin else None}


def _add_seek_lists(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "ST11", "/api/shipments")
    def shipments() -> Any:
        orders, since = read_repeated("order_id", most=MOST_IDS), read_moment_arg("last_updated_from")
        return _seek_page(lab, "shipments", list_by_parent(lab, "shipments", orders, since))

    @guarded(app, lab, "RT11", "/api/returns")
    def returns() -> Any:
        orders, states = read_repeated("order_id", most=MOST_IDS), query_args().getlist("return_state")
        keys = list_by_parent(lab, "returns", orders, read_moment_arg("return_last_updated_from"))
        now = lab.clock.now()
        return _seek_page(lab, "returns", [
            key for key in keys if not states or show(lab, "returns", key, now)["state"] in states])


def _add_threads(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "M11", "/api/inbox/threads")
    def threads() -> Any:
        asked, orders = query_args(), read_repeated("entity_id", most=MOST_IDS)
        keys = list_by_parent(lab, "threads", orders, read_moment_arg("updated_since"))
        if asked.get("entity_type"):
            of_orders = asked["entity_type"] == "MMP_ORDER"
            keys = [key for key in keys if bool(lab.world.threads[key].parent) == of_orders]
        with_messages = asked.get("with_messages", "false") == "true"
        return _seek_page(lab, "threads", keys, messages=LISTED_MESSAGES if with_messages else 0)

    @guarded(app, lab, "M10", "/api/inbox/threads/<name>")
    def thread(name: str) -> Any:
        now = lab.clock.now()
        if lab.find_changed("threads", name, now) is None:
            raise BadCall(f"There is no thread {name}.", status=404, code="NOT_FOUND")
        return show(lab, "threads", name, now, messages=None)


def _find_shop(lab: Lab, name: str) -> Thing:
    shop = lab.world.shops.get(name)
    if shop is None or shop.steps[0].at > lab.clock.now():
        raise BadCall(f"There is no shop {name}.", status=404, code="NOT_FOUND")
    return shop


def _add_shops(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "S20", "/api/shops")
    def shops() -> Any:
        asked = query_args()
        premium = {"true": True, "false": False}.get(asked.get("premium", ""))
        keys = list_shops(lab, {"shop_ids": read_list("shop_ids", most=MOST_IDS), "state": asked.get("state"),
                                "premium": premium, "since": read_moment_arg("updated_since")})
        return _offset_page(lab, "shops", "shops", keys)

    @guarded(app, lab, "S03", "/api/shops/<name>/evaluations")
    def evaluations(name: str) -> Any:
        shop = _find_shop(lab, name)
        most, offset = read_number("max", 10, 100), read_number("offset", 0, 10**9)
        found = [show_review(order, steps) for order, steps in list_reviews(lab, shop.id, lab.clock.now())]
        return {"evaluations": found[offset : offset + most], "total_count": len(found)}

    @guarded(app, lab, "S51", "/api/shops/<name>/business_hours")
    def hours(name: str) -> Any:
        return show_hours(_find_shop(lab, name), lab.clock.now())


def _read_periods() -> list[str]:
    periods = read_list("periods") or list(PERIOD_DAYS)
    unknown = [name for name in periods if name not in PERIOD_DAYS]
    if unknown:
        raise BadCall(f"periods: {unknown[0]} is none of {', '.join(PERIOD_DAYS)}.")
    return periods


def _add_statistics(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "S21", "/api/shops/statistics")
    def statistics() -> Any:
        asked, periods = read_list("shop_ids", most=MOST_IDS), _read_periods()
        names = [_find_shop(lab, name).id for name in asked] or sorted(lab.world.shops)[:MOST_IDS]
        now = lab.clock.now()
        rows = [show_statistics(lab, name, periods, now) for name in names]
        return {"channel": None, "shops": rows, "total_count": len(rows)}

    @guarded(app, lab, "A21", "/api/account/statistics")
    def own_statistics() -> Any:
        shop = _find_shop(lab, query_args().get("shop_id", min(lab.world.shops)))
        return show_statistics(lab, shop.id, _read_periods(), lab.clock.now())


def _add_settings(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "RE01", "/api/reasons")
    def reasons() -> Any:
        return {"reasons": show_reasons()}

    @guarded(app, lab, "PC01", "/api/platform/configuration")
    def configuration() -> Any:
        return {"timezone": lab.world.timezone, "currency_iso_code": lab.world.currency, "locale": "fr_FR",
                "country_iso_code": lab.world.country,
                "features": {"returns": True, "no_reply_needed": True, "order_acceptance": "PER_SHOP"}}


def _row(shop: object, rejected: Rejected | None) -> dict[str, Any]:
    if rejected is None:
        return {"shop_id": shop, "status": "UPDATED", "errors": []}
    error = {"code": rejected.code, "field": rejected.field, "message": rejected.message}
    return {"shop_id": shop, "status": "ERROR", "errors": [error]}


def _read_rows(name: str) -> list[dict[str, Any]]:
    rows = read_document().get(name)
    if not isinstance(rows, list) or len(rows) > MOST_IDS or not all(isinstance(row, dict) for row in rows):
        raise BadCall(f"{name} must be a list of at most {MOST_IDS} objects.")
    return rows


def _add_writes(app: Flask, lab: Lab) -> None:
    @guarded(app, lab, "S07", "/api/shops", methods=("PUT",))
    def update_shops() -> Any:
        return {"shop_returns": [_row(row.get("shop_id"), write_shop(lab, row)) for row in _read_rows("shops")]}

    @guarded(app, lab, "S09", "/api/shops/states", methods=("PUT",))
    def change_states() -> Any:
        return {"shop_returns": [
            _row(row.get("id"), write_state(lab, str(row.get("id")), row.get("state_change_action")))
            for row in _read_rows("shop_state_change_actions")]}
