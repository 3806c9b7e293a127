"""Pending decisions for operators, the acts of one shop for both sides, and acts decided by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from operator_qos.acts import queries, service
from operator_qos.acts.adapters import ADAPTERS
from operator_qos.acts.phrases import KINDS, STATES, ActNames, Reason, find_link, list_hold_reasons, say_light
from operator_qos.acts.queries import ActRow
from operator_qos.connections.queries import list_connections
from operator_qos.exclusions.incidents.queries import count_proposed
from operator_qos.exclusions.queries import count_open
from operator_qos.i18n import gettext as _
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import ADMIN, OPERATOR, SELLER, current_actor, get_visible_shop, people
from operator_qos.recourse.queries import count_owed
from operator_qos.sellers.queries import ShopCard, list_marketplaces, list_shop_cards
from operator_qos.statements.rules import LEGAL_GROUNDS
from operator_qos.web import get_language, get_session, now, read_number, read_page, take_page, writing
from scoring.acts import BY_HAND, ActState

blueprint = Blueprint("acts", __name__)
_SHOP = "get_visible_shop"
PERMISSIONS = {
    "acts.list_decisions": people(*OPERATOR),
    "acts.decide": people(*OPERATOR),
    "acts.retry": people(*OPERATOR),
    "acts.choose_adapter": people(*ADMIN),
    "acts.operator_shop": people(*OPERATOR, tenant=_SHOP),
    "acts.propose": people(*OPERATOR, tenant=_SHOP),
    "acts.undo": people(*OPERATOR, tenant=_SHOP),
    "acts.seller_shop": people(*SELLER, tenant=_SHOP),
}
_AT = "/shops/<marketplace>/<shop>/acts"
RECENT = 60
DECIDED = (ActState.REFUSED, ActState.UNDONE)


@dataclass(frozen=True)
class Line:
    """An act on a page: its name, why it waits, its shop and its statement."""

    act: ActRow
    name: str
    state: str
    holds: Sequence[Reason]
    card: ShopCard
    statement: str | None


@dataclass(frozen=True)
class Batch:
    """Held acts that wait for the same reasons since the same date."""

    reasons: Sequence[Reason]
    on: date
    marketplace: str
    lines: Sequence[Line]


@blueprint.get("/operator/decisions")
def list_decisions() -> str:
    """What waits for people, what the feeds look like, what people decided lately."""
    return _list_decisions()


def _list_decisions(problem: str = "") -> str:
    session = get_session()
    held = _to_lines(queries.list_acts(session, states=[ActState.HELD]))
    failed = _to_lines(queries.list_acts(session, states=[ActState.FAILED], limit=RECENT))
    decided = _to_lines(queries.list_acts(session, states=DECIDED, limit=RECENT))
    places = list_marketplaces(session)
    links = _list_figure_pages()
    lights = {place.name: [Reason(say_light(light, get_language()), find_link(vars(light), links))
                           for light in queries.list_feed_lights(session, place.id, now=now())] for place in places}
    return show("acts/decisions.html", batches=_group(held), held=len(held), failed=failed, decided=decided,
                lights=lights, problem=problem, elsewhere=_list_elsewhere(), places=places,
                adapters=queries.list_adapters(session), ways=sorted(ADAPTERS), actor=current_actor())


def _list_figure_pages() -> dict[str, str]:
    """The pages on which each platform's figures are held against ours, by source."""
    return {card.source: url_for("connections.show_figures", connection_id=card.id)
            for card in list_connections(get_session())}


def _list_elsewhere() -> list[tuple[str, str, int]]:
    """What else waits for the operator's people: a sentence, its page, how many."""
    session = get_session()
    found = ((_("Sellers’ requests to forgive something"), "exclusions.list_all", count_open(session)),
             (_("Faults that several sellers share"), "incidents.list_all", count_proposed(session)),
             (_("Appeals"), "recourse.list_all", count_owed(session)))
    return [(text, url_for(endpoint), count) for text, endpoint, count in found if count]


@blueprint.post("/operator/decisions")
def decide() -> tuple[str, int] | Response:
    """Release or refuse the acts ticked, with a reason."""
    ids = [number for value in request.form.getlist("act") if (number := read_number(value)) is not None]
    if not ids:
        return _list_decisions(_("Tick what you decide on.")), 400
    do: Callable[..., list[int]] = (
        service.refuse_acts if request.form.get("do") == "refuse" else service.release_acts)
    try:
        with writing() as session:
            done = do(session, act_ids=ids, why=request.form.get("why", ""), actor=current_actor().email, now=now())
    except service.ActError as error:
        return _list_decisions(_say_problem(error)), 400
    flash(_("Decided: %(count)s. The sellers are told.", count=len(done)) if done
          else _("Noted. A second, different person must approve."))
    return redirect(url_for("acts.list_decisions"), 303)


def _say_problem(error: service.ActError) -> str:
    said = {"why": _("Say why, in ten letters or more; it stands in the audit trail."),
            "second": _("You have approved this already; a second, different person must."),
            "over": _("Somebody has decided this meanwhile. The list is up to date again."),
            "parent": _("It follows from something that is held; release that first."),
            "days": _("Give the days from 1 to %(most)s, or none.", most=service.MOST_DAYS),
            "cap": _("Give a limit from 0 on."), "place": _("There is no such marketplace.")}
    return said.get(error.code) or str(error)


@blueprint.post("/operator/decisions/<int:act_id>/retry")
def retry(act_id: int) -> tuple[str, int] | Response:
    """Ask the marketplace again."""
    try:
        with writing() as session:
            service.retry_act(session, act_id=act_id, actor=current_actor().email, now=now())
    except queries.UnknownActError:
        raise NotFound from None
    except service.ActError as error:
        return _list_decisions(_say_problem(error)), 400
    flash(_("Asked again."))
    return redirect(url_for("acts.list_decisions"), 303)


@blueprint.post("/operator/decisions/adapter")
def choose_adapter() -> tuple[str, int] | Response:
    """Say how acts reach a marketplace."""
    try:
        with writing() as session:
            service.choose_adapter(session, marketplace_id=request.form.get("marketplace", ""),
                                   adapter=request.form.get("adapter", ""), actor=current_actor().email, now=now())
    except service.ActError as error:
        return _list_decisions(_say_problem(error)), 400
    return redirect(url_for("acts.list_decisions"), 303)


@blueprint.get(f"/operator{_AT}", endpoint="operator_shop", defaults={"audience": "operator"})
@blueprint.get(f"/seller{_AT}", endpoint="seller_shop", defaults={"audience": "seller"})
def show_shop(audience: str, marketplace: str, shop: str) -> str:
    """What is in force for a shop, why and until when, and what was before."""
    return _show_shop(audience, get_visible_shop(get_session(), current_actor(), marketplace, shop))


def _show_shop(audience: str, card: ShopCard, problem: str = "") -> str:
    found = queries.list_acts(get_session(), shop_ids=[card.id])
    if audience == "seller":  # what waits for people, or never took effect, is nothing to frighten anybody with
        found = [act for act in found if act.state not in queries.UNSEEN]
    held = [act for act in found if act.state == ActState.HELD]
    live = [act for act in found if act.is_live and (act.is_adverse or act.kind == "badge")]
    shown = {act.id for act in (*held, *live)}
    past = [act for act in found if act.id not in shown]
    page = read_page(len(past))
    return show("acts/shop.html", card=card, links=ShopLinks(audience, card), audience=audience, live=_to_lines(live),
                held=_to_lines(held), past=_to_lines(take_page(past, page)), page=page, kinds=KINDS, by_hand=BY_HAND,
                grounds=LEGAL_GROUNDS, problem=problem)


@blueprint.post(f"/operator{_AT}")
def propose(marketplace: str, shop: str) -> tuple[str, int] | Response:
    """Decide an act by hand."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    form = request.form
    days, cap = (read_number(form.get(name)) for name in ("days", "cap"))
    intended = service.Intended(form.get("kind", ""), form.get("why", ""), days=days, cap=cap,
                                legal_ground=form.get("legal_ground") or None)
    try:
        with writing() as session:
            service.propose_act(session, intended, shop_id=card.id, actor=current_actor().email, now=now())
    except service.ActError as error:
        return _show_shop("operator", card, _say_problem(error)), 400
    flash(_("Decided. Suspension and end of service wait for a second person under “Decisions”."))
    return redirect(url_for("acts.operator_shop", marketplace=marketplace, shop=shop), 303)


@blueprint.post(f"/operator{_AT}/undo")
def undo(marketplace: str, shop: str) -> tuple[str, int] | Response:
    """Take an act of the shop back, with what came with it."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    asked = read_number(request.form.get("act"))
    ids = [act.id for act in queries.list_acts(get_session(), shop_ids=[card.id]) if act.id == asked]
    try:
        with writing() as session:
            service.undo_acts(session, act_ids=ids, why=request.form.get("why", ""), actor=current_actor().email,
                              now=now())
    except service.ActError as error:
        return _show_shop("operator", card, _say_problem(error)), 400
    flash(_("Taken back, with everything that came with it. The seller is told."))
    return redirect(url_for("acts.operator_shop", marketplace=marketplace, shop=shop), 303)


def _to_lines(acts: Sequence[ActRow]) -> list[Line]:
    session, language = get_session(), get_language()
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=sorted({act.shop_id for act in acts}))}
    stated = {act.statement_id for act in acts if act.statement_id is not None}
    statements = queries.list_statement_names(session, stated)
    names = ActNames.open(session, language)
    links = _list_figure_pages() if any(act.holds for act in acts) and not current_actor().is_seller else {}
    return [Line(act, names.name(act), str(STATES[act.state]), list_hold_reasons(act.holds, language, links),
                 cards[act.shop_id], statements.get(act.statement_id or 0)) for act in acts]


def _group(lines: Sequence[Line]) -> list[Batch]:
    found: dict[tuple[str, date, tuple[Reason, ...]], list[Line]] = {}
    for line in lines:
        key = (line.card.marketplace, line.act.on_date, tuple(line.holds))
        found.setdefault(key, []).append(line)
    return [Batch(reasons, on, marketplace, members) for (marketplace, on, reasons), members in found.items()]
