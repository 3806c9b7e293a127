"""One field for whatever number or name somebody holds in their hand."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.finding.queries import CaseHit, OrderHit, find_things
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, people, shop_ids_visible
from operator_qos.sellers.queries import ShopCard
from operator_qos.web import get_session

blueprint = Blueprint("finding", __name__)
_OWN = "orders, cases and shops of one's own company; others are not found"
PERMISSIONS = {
    "finding.operator_find": people(*OPERATOR),
    "finding.seller_find": people(*SELLER, tenant=_OWN),
}


@blueprint.get("/operator/find", endpoint="operator_find", defaults={"audience": "operator"})
@blueprint.get("/seller/find", endpoint="seller_find", defaults={"audience": "seller"})
def find(audience: str) -> str | BaseResponse:
    """What fits; where one thing alone does, its page."""
    session, text = get_session(), request.args.get("q", "")
    found = find_things(session, text, shop_ids=shop_ids_visible(session, current_actor()))
    if len(found.things) == 1:
        return redirect(_to_page(audience, found.things[0]))
    return show("finding/find.html", audience=audience, asked=text, found=found, to_page=_to_page)


def _to_page(audience: str, hit: ShopCard | OrderHit | CaseHit) -> str:
    if isinstance(hit, CaseHit):
        return url_for("disputes.show_any" if audience == "operator" else "disputes.show_own",
                       dispute_id=hit.dispute_id)
    links = ShopLinks(audience, hit if isinstance(hit, ShopCard) else hit.shop)
    return links.to_order(hit.order_ref) if isinstance(hit, OrderHit) else links.to_shop()
