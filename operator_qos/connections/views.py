"""The operator's pages of connections: how each is doing, adding one, what it was asked for, how figures compare."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.connections import asking, jobs, queries, service
from operator_qos.connections.asking import Asks
from operator_qos.connections.jobs import Tools
from operator_qos.connections.queries import Card, UnknownConnectionError
from operator_qos.connections.sealing import SealError
from operator_qos.connections.service import ConnectionRefused, NewConnection
from operator_qos.connectors.contract import CONNECTORS, SourceError
from operator_qos.evaluation.saying import list_titles
from operator_qos.i18n import gettext as _
from operator_qos.i18n import lazy_gettext
from operator_qos.permissions import ADMIN, OPERATOR, current_actor, people
from operator_qos.sellers.queries import list_marketplaces
from operator_qos.settings import read_secret
from operator_qos.standards.binding import list_in_use
from operator_qos.web import get_language, get_session, get_site, now, read_page, writing
from scoring.guards import is_adrift

blueprint = Blueprint("connections", __name__)
PERMISSIONS = {
    "connections.show_all": people(*OPERATOR),
    "connections.show_one": people(*OPERATOR),
    "connections.show_figures": people(*OPERATOR),
    "connections.add": people(*ADMIN),
    "connections.change": people(*ADMIN),
    "connections.choose_asks": people(*ADMIN),
}
STATES: Mapping[str, object] = {
    "paused": lazy_gettext("paused"), "failing": lazy_gettext("cannot be read"),
    "waiting": lazy_gettext("not read yet"), "reading": lazy_gettext("is read")}
FIELDS: Mapping[str, object] = {
    "name": lazy_gettext("Give it a name of its own: letters, digits, - and _, at most 60."),
    "kind": lazy_gettext("Choose a kind of platform from the list."),
    "marketplace": lazy_gettext("Choose a marketplace from the list."),
    "address": lazy_gettext("Write the address like https://instance.mirakl.net."),
    "token_address": lazy_gettext("Write the address like https://auth.mirakl.net/oauth/token."),
    "key": lazy_gettext("Give the key, or the name of the environment variable that holds it; not both, and none of "
                        "this installation’s own settings."),
    "client_id": lazy_gettext("Give the client’s id and the address of its tokens together, or neither."),
}
WISHES: Mapping[str, object] = {
    "suspended": lazy_gettext("suspended"), "open": lazy_gettext("open again"), "premium": lazy_gettext("premium"),
    "not_premium": lazy_gettext("not premium"), "immune": lazy_gettext("immune")}
WISH_STATES: Mapping[str, object] = {
    "waiting": lazy_gettext("to be asked"), "asked": lazy_gettext("asked, not shown yet"),
    "in_force": lazy_gettext("in force"), "failed": lazy_gettext("failed")}
CAUSES: Mapping[str, object] = {
    "late_events": lazy_gettext("Events that reached us, or the platform, after it worked its figures out"),
    "stale": lazy_gettext("The platform’s figures are older than a day"),
    "window": lazy_gettext("The platform’s period begins or ends at another moment"),
    "interval": lazy_gettext("Happenings without a date, which lie between two readings"),
    "acceptance": lazy_gettext("Orders cancelled before they were paid: whether they had been accepted is not shown"),
    "history": lazy_gettext("Incidents before the first reading, which the platform shows only while they are open"),
    "set_aside": lazy_gettext("Events of this shop are set aside and wait for a person"),
    "unexplained": lazy_gettext("No known cause gives the platform’s figure"),
}
FIGURES: Mapping[str, object] = {
    "incident_rate": lazy_gettext("Lines with an incident"),
    "late_shipment_rate": lazy_gettext("Orders shipped late"),
    "cancelation_rate": lazy_gettext("Lines cancelled"),
    "refund_rate": lazy_gettext("Lines refunded"),
    "return_rate": lazy_gettext("Lines returned"),
    "approval_rate": lazy_gettext("Lines accepted"),
    "approval_delay": lazy_gettext("Time to accept"),
    "shipping_delay": lazy_gettext("Time to ship"),
    "order_messages_response_delay": lazy_gettext("Time to answer"),
    "orders_count": lazy_gettext("Orders placed"),
}
PERIODS: Mapping[str, object] = {
    "LAST_MONTH": lazy_gettext("30 days"), "LAST_THREE_MONTHS": lazy_gettext("91 days"),
    "LAST_SIX_MONTHS": lazy_gettext("182 days"), "LAST_YEAR": lazy_gettext("365 days")}


def _get_card(connection_id: int) -> Card:
    try:
        return queries.get_connection(get_session(), connection_id)
    except UnknownConnectionError as error:
        raise NotFound from error


@blueprint.get("/operator/connections")
def show_all() -> str:
    """Every connection, and the form for another."""
    return _render_list({}, [])


def _render_list(given: Mapping[str, str], problems: list[object]) -> str:
    session = get_session()
    return render_template(
        "connections/list.html", cards=queries.list_connections(session), states=STATES, kinds=sorted(CONNECTORS),
        places=list_marketplaces(session), given=given, problems=problems, actor=current_actor())


@blueprint.post("/operator/connections")
def add() -> tuple[str, int] | BaseResponse:
    """Add a connection; it is read by the scheduler from now on."""
    texts = {name: request.form.get(name, "").strip() for name in (
        "name", "kind", "marketplace", "address", "key_variable", "client_id", "token_address")}
    try:
        new = NewConnection(
            texts["name"], texts["kind"], texts["marketplace"], texts["address"],
            key=request.form.get("key", "").strip(), key_variable=texts["key_variable"], client_id=texts["client_id"],
            token_address=texts["token_address"])
        with writing() as session:
            added = service.add_connection(
                session, new, secret=read_secret(get_site().settings), actor=current_actor().email, now=now())
    except ConnectionRefused as refused:
        return _render_list(texts, [FIELDS.get(refused.field, str(refused))]), 422
    flash(_("Added. It is read within a minute; try it now to see whether the platform lets us in."))
    return redirect(url_for("connections.show_one", connection_id=added), 303)


@blueprint.get("/operator/connections/<int:connection_id>")
def show_one(connection_id: int) -> str:
    """One connection: its state, what to do, its last readings and what the platform was asked for."""
    card, session = _get_card(connection_id), get_session()
    counts = queries.list_counts(session, card.id, limit=1)
    place = queries.get_place(session, card.marketplace_id)
    return render_template(
        "connections/one.html", card=card, states=STATES, runs=queries.list_runs(session, card.id), zone=place.timezone,
        wishes=queries.list_wishes(session, card.id), wish_names=WISHES, wish_states=WISH_STATES,
        distinctions=_name_distinctions(session), asks=Asks.of(card.asks),
        figures=counts[0] if counts else None, is_red=is_adrift, actor=current_actor())


def _name_distinctions(session: Session) -> dict[str, str]:
    """The badges and levels of the standards in use, by their names in the reader's language."""
    titles: dict[str, dict[str, str]] = {}
    for standard in list_in_use(session, now=now()):
        named = list_titles(standard)
        titles = named["levels"] | named["badges"] | titles
    return {name: titles.get(name, {}).get(get_language(), name)
            for name in asking.list_distinctions(session, now=now())}


@blueprint.post("/operator/connections/<int:connection_id>/asks")
def choose_asks(connection_id: int) -> BaseResponse:
    """Say what the platform is asked for by itself."""
    card, form = _get_card(connection_id), request.form
    asks = asking.Asks(form.get("premium_for", ""), bool(form.get("immune_for_plans")))
    try:
        with writing() as session:
            asking.choose_asks(session, connection_id=card.id, asks=asks, actor=current_actor().email, now=now())
    except ConnectionRefused:
        flash(_("There is no such badge or level any more. Reload the page and choose again."))
    else:
        flash(_("Saved. It is asked for from now on, of every shop that has it already too.") if asks.to_json()
              else _("Saved. Nothing is asked for automatically; what the platform was asked for stays."))
    return redirect(url_for("connections.show_one", connection_id=connection_id), 303)


@blueprint.post("/operator/connections/<int:connection_id>")
def change(connection_id: int) -> BaseResponse:
    """Try it, read it now, pause it or go on."""
    card, wanted = _get_card(connection_id), request.form.get("do", "")
    if wanted == "test":
        _try(card)
    elif wanted in {"pause", "resume", "read"}:
        with writing() as session:
            _change(session, card, wanted)
    return redirect(url_for("connections.show_one", connection_id=connection_id), 303)


def _change(session: Session, card: Card, wanted: str) -> None:
    who = {"connection_id": card.id, "actor": current_actor().email, "now": now()}
    if wanted == "read":
        service.read_soon(session, **who)  # type: ignore[arg-type]  # the three arguments, by name
        flash(_("It is read within a minute."))
    else:
        service.pause_connection(session, paused=wanted == "pause", **who)  # type: ignore[arg-type]
        flash(_("Paused: nothing is read and nothing asked.") if wanted == "pause" else _("It is read again."))


def _try(card: Card) -> None:
    tools = Tools(get_site().settings, pause=lambda _seconds: None)
    try:
        said = jobs.check_connection(get_site().engine, card, tools=tools)
    except (SourceError, SealError) as error:
        flash(_("The platform cannot be read: %(why)s", why=str(error)))
        return
    flash(_("The platform answers: %(said)s.", said=said))


@blueprint.get("/operator/connections/<int:connection_id>/reconciliation")
def show_figures(connection_id: int) -> str:
    """The platform's figures against ours, by day: what differs and why."""
    card, session = _get_card(connection_id), get_session()
    counts = queries.list_counts(session, card.id)
    on = _read_day() or (counts[0].on_date if counts else None)
    chosen = next((count for count in counts if count.on_date == on), None)
    by_cause = queries.count_causes(session, card.id, on) if on is not None else {}
    cause = request.args.get("cause", "")
    page = read_page(by_cause.get(cause, 0) if cause else sum(by_cause.values()))
    rows = [] if on is None else queries.list_differences(
        session, card.id, on, cause=cause, offset=page.offset, limit=page.size)
    return render_template(
        "connections/figures.html", card=card, counts=counts, chosen=chosen, rows=rows, is_red=is_adrift, page=page,
        cause=cause, by_cause=by_cause, causes=CAUSES, figures=FIGURES, periods=PERIODS)


def _read_day() -> date | None:
    try:
        return date.fromisoformat(request.args.get("on", ""))
    except ValueError:
        return None
