"""The pages of saved exports: what is kept, fetching it, and being sent it."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.i18n import lazy_gettext
from operator_qos.pages import show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, people
from operator_qos.reports import forms, saved, service
from operator_qos.reports.queries import TYPES
from operator_qos.reports.rules import EVERY, NAMES, FilterError, Wanted
from operator_qos.reports.saved import ExportRow
from operator_qos.sellers.queries import list_marketplaces, list_shop_cards
from operator_qos.web import get_session, get_site, now, writing
from operator_qos.words import metric_name
from scoring.metrics import METRICS

blueprint = Blueprint("reports", __name__)
_OWN = "exports of one's own company, or of the operator; another one is the 404 of a missing one"
_NAMES = ("list", "save", "end", "subscribe", "file")
PERMISSIONS = {
    **{f"reports.seller_{name}": people(*SELLER, tenant=_OWN) for name in _NAMES},
    **{f"reports.operator_{name}": people(*OPERATOR, tenant=_OWN) for name in _NAMES},
}
_SELLER, _OPERATOR = {"audience": "seller"}, {"audience": "operator"}
SHEET_NAMES = {"metrics": lazy_gettext("metrics of each shop"), "standings": lazy_gettext("levels and badges"),
               "obligations": lazy_gettext("what is owed now"), "orders": lazy_gettext("orders behind a metric")}
FORMAT_NAMES = {"csv": "CSV", "xlsx": "Excel (XLSX)", "parquet": "Parquet", "jsonl": lazy_gettext("JSON, a line a row")}
EVERY_NAMES = {"week": lazy_gettext("every Monday"), "month": lazy_gettext("on the first of the month")}
STATE_NAMES = {"mine": lazy_gettext("mine to do"), "waiting": lazy_gettext("with somebody else"),
               "under_way": lazy_gettext("under way")}
SHOW_NAMES = {"bad": lazy_gettext("those that failed"), "forgiven": lazy_gettext("those that were forgiven"),
              "all": lazy_gettext("all that count")}
VERDICT_NAMES = {"kept": lazy_gettext("Kept"), "watch": lazy_gettext("Watch"), "breached": lazy_gettext("Breached"),
                 "exempt": lazy_gettext("Exempt"), "not_enough_data": lazy_gettext("Not enough data")}


def _render(audience: str, *, error: str = "", status: int = 200) -> tuple[str, int]:
    session, actor = get_session(), current_actor()
    cards = list_shop_cards(session, seller_id=actor.seller_id) if audience == "seller" else []
    places = {card.marketplace_id: card.marketplace for card in cards} or {
        place.id: place.name for place in list_marketplaces(session)}
    return show(
        "reports/exports.html", audience=audience, rows=saved.list_exports(session, seller_id=actor.seller_id),
        mine=saved.list_subscriptions(session, actor.user_id), places=places, cards=cards, error=error,
        shops={card.code: card.name for card in cards},
        typed=request.form or request.args, sheets=SHEET_NAMES, formats=FORMAT_NAMES, every=EVERY_NAMES,
        metrics={metric: metric_name(metric) for metric in METRICS}, states=STATE_NAMES, verdicts=VERDICT_NAMES,
        shows=SHOW_NAMES, types=TYPES, base_url=get_site().settings.base_url.rstrip("/"),
        api="reports_api.fetch_own_export" if audience == "seller" else "reports_api.fetch_export"), status


def _get_export(public_id: str) -> ExportRow:
    """An export of the reader's own side. Raises the same NotFound for a foreign and a missing one."""
    row = saved.find_export(get_session(), public_id, seller_id=current_actor().seller_id)
    if row is None:
        raise NotFound
    return row


def _back(audience: str) -> BaseResponse:
    return redirect(url_for(f"reports.{audience}_list"), 303)


@blueprint.get("/seller/exports", endpoint="seller_list", defaults=_SELLER)
@blueprint.get("/operator/exports", endpoint="operator_list", defaults=_OPERATOR)
def list_exports(audience: str) -> tuple[str, int]:
    """What is kept, its address, and how often one is sent it."""
    return _render(audience)


def _say(error: FilterError) -> str:
    return str({
        "name": _("Give it a name of 1 to %(n)s characters; there can be %(most)s exports.", n=service.LONGEST_NAME,
                  most=service.MAX_EXPORTS),
        "columns": _("One of the columns does not belong to what you export."),
        "format": _("This is more than a file of this kind can hold. Save it as CSV, JSON or Parquet, or narrow it."),
        "metric": _("Choose the metric whose orders you want; other tables than metrics and orders have none."),
    }.get(error.field, _("What you export cannot be narrowed by one of your choices. Leave out what does not fit it.")))


@blueprint.post("/seller/exports", endpoint="seller_save", defaults=_SELLER)
@blueprint.post("/operator/exports", endpoint="operator_save", defaults=_OPERATOR)
def save_export(audience: str) -> tuple[str, int] | BaseResponse:
    """Keep an export under a name."""
    sent = request.form
    sheet = sent.get("sheet", "")
    try:
        filters = forms.read_filters({name: sent.get(name, "") for name in NAMES}, sheet, None)
        wanted = Wanted(sheet, filters, tuple(sent.get("columns", "").replace(",", " ").split()))
        with writing() as session:
            service.save_export(session, name=sent.get("name", ""), wanted=wanted, form=sent.get("format", ""),
                                actor=current_actor(), now=now())
    except FilterError as error:
        return _render(audience, error=_say(error), status=422)
    flash(_("Saved. Its address gives what stands there at the moment it is fetched."))
    return _back(audience)


@blueprint.post("/seller/exports/<public_id>/end", endpoint="seller_end", defaults=_SELLER)
@blueprint.post("/operator/exports/<public_id>/end", endpoint="operator_end", defaults=_OPERATOR)
def end_export(audience: str, public_id: str) -> BaseResponse:
    """Take an export away."""
    row = _get_export(public_id)
    with writing() as session:
        service.end_export(session, export=row, actor=current_actor(), now=now())
    flash(_("The export is gone, and nobody is sent it any more."))
    return _back(audience)


@blueprint.post("/seller/exports/<public_id>/send", endpoint="seller_subscribe", defaults=_SELLER)
@blueprint.post("/operator/exports/<public_id>/send", endpoint="operator_subscribe", defaults=_OPERATOR)
def subscribe(audience: str, public_id: str) -> BaseResponse:
    """Be sent an export every week or month, or no longer."""
    row, every = _get_export(public_id), request.form.get("every", "")
    every = every if every in EVERY else ""
    with writing() as session:
        service.subscribe(session, export=row, every=every, actor=current_actor(), now=now())
    flash(_("You are sent it by mail.") if every else _("You are not sent it."))
    return _back(audience)


@blueprint.get("/seller/exports/<public_id>/file", endpoint="seller_file", defaults=_SELLER)
@blueprint.get("/operator/exports/<public_id>/file", endpoint="operator_file", defaults=_OPERATOR)
def send_file(audience: str, public_id: str) -> Response | tuple[str, int]:
    """An export as it stands now."""
    try:
        return forms.send_export(_get_export(public_id))
    except FilterError as error:
        return _render(audience, error=_say(error), status=422)
