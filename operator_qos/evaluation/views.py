"""The rule behind a number: for the operator and for the shop it was applied to."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.exceptions import NotFound

from operator_qos.evaluation.rule_page import STATES, find_rule_page
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, get_visible_shop, people
from operator_qos.statements.queries import list_about_rule
from operator_qos.web import get_session, now, read_page, take_page

blueprint = Blueprint("rules", __name__)
_SHOP = "get_visible_shop"
PERMISSIONS = {
    "rules.operator_rule": people(*OPERATOR, tenant=_SHOP),
    "rules.seller_rule": people(*SELLER, tenant=_SHOP),
}
_AT = "/shops/<marketplace>/<shop>/rules/<rule>"
_OPERATOR, _SELLER = {"audience": "operator"}, {"audience": "seller"}


@blueprint.get(f"/operator{_AT}", endpoint="operator_rule", defaults=_OPERATOR)
@blueprint.get(f"/seller{_AT}", endpoint="seller_rule", defaults=_SELLER)
def show_rule(audience: str, marketplace: str, shop: str, rule: str) -> str:
    """What was decided by one rule of the shop's standard, and from which rows."""
    session = get_session()
    card = get_visible_shop(session, current_actor(), marketplace, shop)
    is_projected = request.args.get("when") == "now"
    found = find_rule_page(session, card, rule, now=now(), is_projected=is_projected)
    if found is None:
        raise NotFound
    asked = request.args.get("show", "")
    chosen = asked if asked in STATES else next((state for state in STATES if found.count(state)), "in_order")
    rows = [row for row in found.rows if row.state == chosen]
    page = read_page(len(rows))
    return show("ledger/rule.html", view=found, card=card, links=ShopLinks(audience, card), chosen=chosen,
                states=STATES, rows=take_page(rows, page), page=page, is_projected=is_projected,
                statements=list_about_rule(session, card.id, found.rule.id))
