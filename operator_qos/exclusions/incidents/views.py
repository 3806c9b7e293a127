"""Pages of faults that sellers share: proposals, what they would move, and the decision."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.exclusions import forms, phrases, queries
from operator_qos.exclusions.effects import Effect, list_effects
from operator_qos.exclusions.incidents import queries as stored
from operator_qos.exclusions.incidents import service
from operator_qos.exclusions.incidents.queries import DIMENSIONS, METRICS_SEARCHED, IncidentMissing, IncidentRow
from operator_qos.exclusions.incidents.service import Group
from operator_qos.exclusions.rules import BY_ID, CATALOGUE, METRIC_KINDS
from operator_qos.exclusions.service import RequestRefused
from operator_qos.i18n import gettext as _
from operator_qos.navigation import set_count
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, current_actor, people
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.web import get_session, now, writing

blueprint = Blueprint("incidents", __name__)
PERMISSIONS = {
    "incidents.list_all": people(*OPERATOR),
    "incidents.propose": people(*OPERATOR),
    "incidents.show_one": people(*OPERATOR),
    "incidents.approve": people(*OPERATOR),
    "incidents.dismiss": people(*OPERATOR),
    "incidents.end": people(*OPERATOR),
}
LONGEST_DAYS = 92
SHOWN = 200


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    return {"phrases": phrases}


def _render_list(error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    incidents = stored.list_incidents(session)
    set_count("/operator/requests", queries.count_requests(session, is_open=True))
    return show(
        "exclusions/incidents.html", waiting=[row for row in incidents if row.state == "proposed"],
        decided=[row for row in incidents if row.state != "proposed"], error=error, typed=request.form,
        places=stored.list_places(session), metrics=METRICS_SEARCHED, dimensions=DIMENSIONS,
        causes=[forms.build_cause(cause) for cause in CATALOGUE if cause.kinds & {"ship", "deliver", "answer"}],
    ), status


@blueprint.get("/operator/incidents")
def list_all() -> tuple[str, int]:
    """What waits for a decision and what was decided, with a form to propose one."""
    return _render_list()


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestRefused("days") from None


def _read_group() -> Group:
    sent = request.form
    first, last = _read_day(sent.get("first", "")), _read_day(sent.get("last", ""))
    if not first <= last <= first + timedelta(days=LONGEST_DAYS):
        raise RequestRefused("days")
    metric, dimension, value = sent.get("metric", ""), sent.get("dimension", ""), sent.get("value", "").strip()
    if dimension == "marketplace":
        value = sent.get("marketplace", "")
    if metric not in METRICS_SEARCHED or dimension not in DIMENSIONS or not value:
        raise RequestRefused("place")
    return Group(metric, dimension, value[:200], first, last)


def _read_shops(session: Session, marketplace: str) -> list[int] | None:
    """The shops named by their codes, all where none is."""
    codes = set(request.form.get("shops", "").replace(",", " ").split())
    if not codes:
        return None
    return [card.id for card in list_shop_cards(session, marketplace_id=marketplace) if card.code in codes]


@blueprint.post("/operator/incidents")
def propose() -> tuple[str, int] | BaseResponse:
    """Propose one by hand; its page shows what would move before anything is forgiven."""
    try:
        group = _read_group()
        with writing() as session:
            wanted = request.form.get("marketplace")
            place = next((found for found in stored.list_places(session) if found.id == wanted), None)
            if place is None:
                raise RequestRefused("place")
            incident_id = service.propose_incident(
                session, place, group, cause=request.form.get("cause", ""), actor=current_actor().email, now=now(),
                shop_ids=_read_shops(session, place.id))
    except RequestRefused as error:
        return _render_list(forms.explain(error), 400)
    return redirect(url_for("incidents.show_one", incident_id=incident_id), 303)


def _get_incident(session: Session, incident_id: int) -> IncidentRow:
    try:
        return stored.get_incident(session, incident_id)
    except IncidentMissing:
        raise NotFound from None


def _list_moves(session: Session, row: IncidentRow, items: list[queries.ItemRow]) -> list[Effect]:
    """What would move, or, once approved, what moved."""
    if row.effects is not None:
        return [Effect(**effect) for effect in row.effects]
    return list_effects(session, items, now=now()) if row.state == "proposed" else []


def _render(incident_id: int, error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    row = _get_incident(session, incident_id)
    items = queries.list_items(session, incident_id=incident_id)
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=sorted({item.shop_id for item in items}))}
    kind = METRIC_KINDS[row.metric]
    return show(
        "exclusions/incident.html", row=row, items=items[:SHOWN], total=len(items), cards=cards, links=_links(cards),
        effects=_list_moves(session, row, items), error=error, typed=request.form,
        cause=forms.build_cause(BY_ID[row.cause]),
        causes=[forms.build_cause(cause) for cause in CATALOGUE if kind in cause.kinds],
        has_granted=any(item.state == "granted" for item in items),
    ), status


def _links(cards: dict[int, ShopCard]) -> dict[int, ShopLinks]:
    return {shop_id: ShopLinks("operator", card) for shop_id, card in cards.items()}


@blueprint.get("/operator/incidents/<int:incident_id>")
def show_one(incident_id: int) -> tuple[str, int]:
    """One incident: its evidence, the rows it is about, the numbers before and after."""
    return _render(incident_id)


def _change(incident_id: int, work: Callable[[Session], object], done: str) -> tuple[str, int] | BaseResponse:
    _get_incident(get_session(), incident_id)
    try:
        with writing() as session:
            work(session)
    except RequestRefused as error:
        return _render(incident_id, forms.explain(error), 400)
    flash(done)
    return redirect(url_for("incidents.show_one", incident_id=incident_id), 303)


@blueprint.post("/operator/incidents/<int:incident_id>/approve")
def approve(incident_id: int) -> tuple[str, int] | BaseResponse:
    """Forgive it in every shop."""
    def work(session: Session) -> object:
        return service.approve_incident(
            session, incident_id=incident_id, cause=request.form.get("cause", ""), why=request.form.get("why", ""),
            actor=current_actor().email, now=now())

    done = _("Forgiven in every shop concerned. The official numbers follow, the raw ones stay.")
    return _change(incident_id, work, done)


@blueprint.post("/operator/incidents/<int:incident_id>/dismiss")
def dismiss(incident_id: int) -> tuple[str, int] | BaseResponse:
    """Let it count."""
    def work(session: Session) -> None:
        service.dismiss_incident(session, incident_id=incident_id, why=request.form.get("why", ""),
                                       actor=current_actor().email, now=now())

    return _change(incident_id, work, _("Dismissed. It goes on counting."))


@blueprint.post("/operator/incidents/<int:incident_id>/end")
def end(incident_id: int) -> tuple[str, int] | BaseResponse:
    """Let what was forgiven count again."""
    def work(session: Session) -> object:
        return service.end_incident(session, incident_id=incident_id, why=request.form.get("why", ""),
                                          actor=current_actor().email, now=now())

    return _change(incident_id, work, _("It counts again from now on."))
