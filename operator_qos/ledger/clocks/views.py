"""The clock of one promise, drawn and as JSON: for the operator, the shop's people and the mediator of its case."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, request, url_for
from werkzeug.exceptions import NotFound

from operator_qos.clock import to_ms
from operator_qos.disputes.views import get_visible_dispute
from operator_qos.ledger.clocks.traces import PromiseClock, PromiseName, find_clock, list_promises
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import MEDIATOR, OPERATOR, SELLER, current_actor, get_visible_shop, people
from operator_qos.standards.clock_drawing import draw_clock
from operator_qos.web import get_session, now

blueprint = Blueprint("clocks", __name__)
_SHOP, _CASE = "get_visible_shop", "get_visible_dispute, and promises of that case or its order"
PERMISSIONS = {
    "clocks.operator_clock": people(*OPERATOR, tenant=_SHOP),
    "clocks.operator_clock_json": people(*OPERATOR, tenant=_SHOP),
    "clocks.seller_clock": people(*SELLER, tenant=_SHOP),
    "clocks.seller_clock_json": people(*SELLER, tenant=_SHOP),
    "clocks.mediator_clock": people(*MEDIATOR, tenant=_CASE),
    "clocks.mediator_clock_json": people(*MEDIATOR, tenant=_CASE),
}
_AT = "/shops/<marketplace>/<shop>/clock"
_OPERATOR, _SELLER = {"audience": "operator"}, {"audience": "seller"}
Address = Callable[[PromiseName], str]


def _read_clock(shop_id: int) -> PromiseClock:
    """The promise of `?promise=` and `?of=`. Raises NotFound; sellers do not see what the operator owes."""
    kind, ref = request.args.get("promise", ""), request.args.get("of", "")
    found = find_clock(get_session(), shop_id, kind=kind, ref=ref, now_ms=to_ms(now()))
    if found is None or (current_actor().is_seller and found.name.owes != "seller"):
        raise NotFound
    return found


def _list_beside(shop_id: int, found: PromiseClock) -> list[PromiseName]:
    """Every promise of the same order or conversation, itself among them."""
    name = found.name
    listed = list_promises(get_session(), shop_id, order_ref=name.order_ref, conversation=name.conversation)
    return [one for one in listed or [name] if one.owes == "seller" or not current_actor().is_seller]


def _show(found: PromiseClock, *, shop_id: int, to_page: Address, to_json: Address, **place: object) -> str:
    drawing = draw_clock(found.trace, found.zone, open_hours=found.open_hours, is_ended=found.is_ended)
    return show("ledger/clock.html", found=found, drawing=drawing, beside=_list_beside(shop_id, found), to_page=to_page,
                json_url=to_json(found.name), **place)


@blueprint.get(f"/operator{_AT}", endpoint="operator_clock", defaults=_OPERATOR)
@blueprint.get(f"/seller{_AT}", endpoint="seller_clock", defaults=_SELLER)
def show_clock(audience: str, marketplace: str, shop: str) -> str:
    """How the clock of a promise ran, day by day."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)

    def address(endpoint: str) -> Address:
        return lambda name: url_for(f"clocks.{audience}_{endpoint}", marketplace=marketplace, shop=shop,
                                    promise=name.kind, of=name.ref)

    return _show(_read_clock(card.id), shop_id=card.id, to_page=address("clock"), to_json=address("clock_json"),
                 card=card, links=ShopLinks(audience, card))


@blueprint.get(f"/operator{_AT}.json", endpoint="operator_clock_json", defaults=_OPERATOR)
@blueprint.get(f"/seller{_AT}.json", endpoint="seller_clock_json", defaults=_SELLER)
def send_clock(audience: str, marketplace: str, shop: str) -> Response:
    """The same trace as JSON."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    return jsonify(_read_clock(card.id).to_json())


def _read_case_clock(dispute_id: int) -> tuple[PromiseClock, int]:
    """A promise of a case that the mediator may see, with its shop. Raises NotFound."""
    row = get_visible_dispute(get_session(), dispute_id)
    found = _read_clock(row.dispute.shop_id)
    is_of_case = found.name.kind == "resolve" and found.name.ref == row.dispute.case_ref
    is_of_order = row.dispute.order_ref is not None and found.name.order_ref == row.dispute.order_ref
    if not (is_of_case or is_of_order):
        raise NotFound
    return found, row.dispute.shop_id


@blueprint.get("/mediator/cases/<int:dispute_id>/clock", endpoint="mediator_clock")
def show_case_clock(dispute_id: int) -> str:
    """How the clock of a promise behind a case ran."""
    found, shop_id = _read_case_clock(dispute_id)

    def address(endpoint: str) -> Address:
        return lambda name: url_for(f"clocks.mediator_{endpoint}", dispute_id=dispute_id, promise=name.kind,
                                    of=name.ref)

    row = get_visible_dispute(get_session(), dispute_id)
    return _show(found, shop_id=shop_id, to_page=address("clock"), to_json=address("clock_json"), dispute=row.dispute)


@blueprint.get("/mediator/cases/<int:dispute_id>/clock.json", endpoint="mediator_clock_json")
def send_case_clock(dispute_id: int) -> Response:
    """The same trace as JSON."""
    return jsonify(_read_case_clock(dispute_id)[0].to_json())
