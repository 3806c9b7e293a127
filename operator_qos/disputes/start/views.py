"""The form with which sellers and the operator's people open a dispute about an order."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos import words
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.forms import FILE_ERRORS, find_store, input_error, make_token, parse_minor, read_files
from operator_qos.disputes.opening import OpeningTimeError
from operator_qos.disputes.rules import PROBLEMS
from operator_qos.disputes.start.service import KINDS, OrderBrief, Start, find_order_brief, list_of_order, start_dispute
from operator_qos.files import FileError, FileStore
from operator_qos.formats import format_moment
from operator_qos.i18n import gettext as _
from operator_qos.pages import ShopLinks
from operator_qos.permissions import OPERATOR, SELLER, current_actor, get_visible_shop, people
from operator_qos.sellers.queries import ShopCard
from operator_qos.web import get_language, get_session, now, writing

blueprint = Blueprint("starts", __name__)
_SHOP = "get_visible_shop"
PERMISSIONS = {
    "starts.show_to_operator": people(*OPERATOR, tenant=_SHOP),
    "starts.open_as_operator": people(*OPERATOR, tenant=_SHOP),
    "starts.show_to_seller": people(*SELLER, tenant=_SHOP),
    "starts.open_as_seller": people(*SELLER, tenant=_SHOP),
}
_AT_OPERATOR = "/operator/disputes/open/<marketplace>/<shop>/<path:order>"
_AT_SELLER = "/seller/disputes/open/<marketplace>/<shop>/<path:order>"
_TOKEN = re.compile(r"[0-9a-f]{16}")
DISPUTES = {"operator": "disputes.show_any", "seller": "disputes.show_own"}


@dataclass(frozen=True)
class Place:
    """The order of the address, seen by whom."""

    audience: str
    card: ShopCard
    order: OrderBrief


def _place(session: Session, audience: str, marketplace: str, shop: str, order: str) -> Place:
    """The order, if the person may see it. Raises the same NotFound for a foreign and a missing one."""
    card = get_visible_shop(session, current_actor(), marketplace, shop)
    found = find_order_brief(session, shop_id=card.id, order=order)
    if found is None:
        raise NotFound
    return Place(audience, card, found)


def _render(place: Place, *, error: str = "", status: int = 200) -> tuple[str, int]:
    links = ShopLinks(place.audience, place.card)
    return render_template(
        "disputes/start.html", place=place, card=place.card, error=error, typed=request.form, words=words,
        kinds=KINDS[place.audience], reasons=PROBLEMS, token=make_token(), order_url=links.to_order(place.order.ref),
        currency=place.order.currency or place.card.currency,
    ), status


def _find_open(place: Place) -> int | None:
    known = list_of_order(get_session(), shop_id=place.card.id, order=place.order.ref)
    return next((dispute.id for dispute in known if dispute.is_open), None)


@blueprint.get(_AT_OPERATOR, endpoint="show_to_operator", defaults={"audience": "operator"})
@blueprint.get(_AT_SELLER, endpoint="show_to_seller", defaults={"audience": "seller"})
def show(audience: str, marketplace: str, shop: str, order: str) -> tuple[str, int] | BaseResponse:
    """The form; an order with an open dispute leads to that one."""
    place = _place(get_session(), audience, marketplace, shop, order)
    known = _find_open(place)
    if known is not None:
        flash(_("There is a dispute about this order already. Go on here."))
        return redirect(url_for(DISPUTES[audience], dispute_id=known), 303)
    return _render(place)


def _read_start(audience: str, store: FileStore) -> Start:
    sent = request.form
    token = sent.get("token", "")
    if _TOKEN.fullmatch(token) is None:
        token = make_token()
    kind = sent.get("kind", "") if audience == "operator" else KINDS[audience][0]
    amount = sent.get("amount", "").strip()
    try:
        minor = parse_minor(amount) if amount else None
    except ValueError:
        raise DisputeInputError("amount", "amount", f"{amount!r} is no amount; write it like 196.90") from None
    return Start(kind, sent.get("reason", ""), sent.get("text", ""), token, minor, store.keep_all(read_files()))


def _explain(error: DisputeInputError | FileError, place: Place) -> str:
    """What is wrong, in the reader's language."""
    if isinstance(error, FileError):
        return str(FILE_ERRORS[error.code]())
    if isinstance(error, OpeningTimeError):
        at = format_moment(error.at, place.card.timezone, get_language(), True, True)
        if error.code == "early":
            return str(_("The dispute policy lets this be opened from %(at)s on.", at=at))
        return str(_("By the dispute policy this could be opened until %(at)s.", at=at))
    return input_error(error.code)


@blueprint.post(_AT_OPERATOR, endpoint="open_as_operator", defaults={"audience": "operator"})
@blueprint.post(_AT_SELLER, endpoint="open_as_seller", defaults={"audience": "seller"})
def open_(audience: str, marketplace: str, shop: str, order: str) -> tuple[str, int] | BaseResponse:
    """Open it; what was typed stays when something is wrong with it."""
    place, store, me = _place(get_session(), audience, marketplace, shop, order), find_store(), current_actor()
    start = None
    try:
        start = _read_start(audience, store)
        with writing() as session:
            dispute_id, new = start_dispute(
                session, marketplace_id=marketplace, shop=shop, order=place.order, start=start,
                actor=Actor(audience, me.email, me.user_id), now=now())
    except (DisputeInputError, FileError) as error:
        store.discard(start.files if start is not None else ())
        return _render(place, error=_explain(error, place), status=400)
    if not new:
        store.discard(start.files)
    again = _("This was done before; nothing was changed.")
    flash(_("The dispute is open. Those concerned are told.") if new else again)
    return redirect(url_for(DISPUTES[audience], dispute_id=dispute_id), 303)
