"""Action plans for sellers and operators: proposed, changed, agreed, ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from flask import Blueprint, flash, redirect, request, url_for
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.i18n import gettext as _
from operator_qos.pages import ShopLinks, show
from operator_qos.permissions import OPERATOR, SELLER, current_actor, get_visible_shop, people, shop_ids_visible
from operator_qos.recourse import phrases, plan_queries, plan_rules, plans, queries
from operator_qos.recourse.plan_queries import PlanRow
from operator_qos.recourse.plan_rules import IllegalPlanStep, Terms
from operator_qos.recourse.rules import AppealRefused
from operator_qos.sellers.queries import ShopCard
from operator_qos.web import get_session, now, read_page, take_page, writing
from scoring.standards import Standard

blueprint = Blueprint("plans", __name__)
_OWN = "plans of one's own company; another one is the 404 of a missing one"
PERMISSIONS = {
    "plans.seller_list": people(*SELLER, tenant=_OWN),
    "plans.seller_new": people(*SELLER, tenant="get_visible_shop"),
    "plans.seller_propose": people(*SELLER, tenant="get_visible_shop"),
    "plans.seller_plan": people(*SELLER, tenant=_OWN),
    "plans.seller_act": people(*SELLER, tenant=_OWN),
    "plans.operator_list": people(*OPERATOR),
    "plans.operator_new": people(*OPERATOR, tenant="get_visible_shop"),
    "plans.operator_propose": people(*OPERATOR, tenant="get_visible_shop"),
    "plans.operator_plan": people(*OPERATOR),
    "plans.operator_act": people(*OPERATOR),
}
_OPERATOR, _SELLER = {"audience": "operator"}, {"audience": "seller"}
_NEW = "/plans/new/<marketplace>/<shop>"
Answer = tuple[str, int] | BaseResponse


@blueprint.context_processor
def _add_words() -> dict[str, object]:
    return {"phrases": phrases, "say": phrases.say}


@dataclass(frozen=True)
class RuleChoice:
    """A rule that a plan may be about, with its limit as a percentage to start from."""

    id: str
    name: str
    target: str


@blueprint.get("/seller/plans", endpoint="seller_list", defaults=_SELLER)
@blueprint.get("/operator/plans", endpoint="operator_list", defaults=_OPERATOR)
def list_all(audience: str) -> str:
    """Plans that go on, then those that ended; for sellers the shops for which one may be asked."""
    session = get_session()
    visible = shop_ids_visible(session, current_actor())
    found = plan_queries.list_plans(session, shop_ids=visible)
    page = read_page(len(found))
    rows = take_page(found, page)
    since = (now() - timedelta(days=184)).date()
    shops = {change.shop_id for change in queries.list_contestable(session, visible or (), since=since)}
    cards = sorted(queries.list_cards(session, shops).values(), key=lambda card: card.name)
    return show("recourse/plans.html", audience=audience, plans=rows, page=page, shops=cards,
                rule_name=lambda row: _name_rule(session, row))


def _name_rule(session: Session, row: PlanRow) -> str:
    day = row.start_on or row.opened_at.date()
    return phrases.name_rule(queries.get_standard(session, row.shop.id, day), row.rule)


def _list_rules(standard: Standard) -> list[RuleChoice]:
    """The active rules on shares, the first of each metric."""
    found: dict[str, RuleChoice] = {}
    for rule in standard.rules:
        if rule.is_active and rule.measure in {"share", "share_of_good"}:
            bound = rule.bound.bound if rule.bound is not None else None
            target = f"{float(bound) * 100:g} %" if bound is not None else ""
            found.setdefault(rule.id, RuleChoice(rule.id, phrases.name_rule(standard, rule.id), target))
    return list(found.values())


def _render_new(audience: str, card: ShopCard, error: str = "", status: int = 200) -> tuple[str, int]:
    today = plans.today_of(card, now())
    standard = queries.get_standard(get_session(), card.id, today)
    choices = _list_rules(standard)
    asked = request.values.get("rule", "")
    chosen = next((one for one in choices if one.id == asked), choices[0] if choices else None)
    return show(
        "recourse/new_plan.html", audience=audience, card=card, links=ShopLinks(audience, card), choices=choices,
        chosen=chosen, error=error, typed=request.form, first=today + timedelta(days=plan_rules.SHORTEST_DAYS),
        last=today + timedelta(days=plan_rules.LONGEST_DAYS), usual=today + timedelta(days=42)), status


@blueprint.get(f"/seller{_NEW}", endpoint="seller_new", defaults=_SELLER)
@blueprint.get(f"/operator{_NEW}", endpoint="operator_new", defaults=_OPERATOR)
def show_new(audience: str, marketplace: str, shop: str) -> tuple[str, int]:
    """The form to propose a plan for a shop."""
    return _render_new(audience, get_visible_shop(get_session(), current_actor(), marketplace, shop))


@blueprint.post(f"/seller{_NEW}", endpoint="seller_propose", defaults=_SELLER)
@blueprint.post(f"/operator{_NEW}", endpoint="operator_propose", defaults=_OPERATOR)
def propose(audience: str, marketplace: str, shop: str) -> Answer:
    """Propose a plan."""
    card = get_visible_shop(get_session(), current_actor(), marketplace, shop)
    actor = current_actor().email
    try:
        terms = _read_terms()
        with writing() as session:
            plan_id = plans.propose_plan(
                session, terms, shop_id=card.id, side=audience, actor=actor, now=now(),
                change_id=request.form.get("change", type=int))
    except AppealRefused as error:
        return _render_new(audience, card, phrases.say_refusal(error.code), 400)
    flash(_("Proposed. The plan begins on the day after the other side has agreed."))
    return redirect(url_for(f"plans.{audience}_plan", plan_id=plan_id), 303)


def _read_terms() -> Terms:
    sent = request.form
    try:
        review_on = date.fromisoformat(sent.get("review_on", ""))
    except ValueError:
        raise AppealRefused("review", "review_on", "is no date") from None
    rule, target, cause, actions = (sent.get(name, "") for name in ("rule", "target", "cause", "actions"))
    return Terms(rule, target, cause, actions, review_on)


def _get_visible(plan_id: int) -> PlanRow:
    """The plan, if the person may see it. Raises the same NotFound for a foreign one and a missing one."""
    session = get_session()
    row = plan_queries.find_plan(session, plan_id)
    visible = shop_ids_visible(session, current_actor())
    if row is None or (visible is not None and row.shop.id not in visible):
        raise NotFound
    return row


def _render(row: PlanRow, audience: str, error: str = "", status: int = 200) -> tuple[str, int]:
    session = get_session()
    agreed = row.seller_agreed_at if audience == "seller" else row.operator_agreed_at
    allowed = [name for name in plan_rules.list_allowed(row.state, audience) if name != "agree" or agreed is None]
    return show(
        "recourse/plan.html", row=row, card=row.shop, links=ShopLinks(audience, row.shop), audience=audience,
        steps=plan_queries.list_plan_steps(session, row.id), rule_name=_name_rule(session, row), allowed=allowed,
        error=error, typed=request.form), status


@blueprint.get("/seller/plans/<int:plan_id>", endpoint="seller_plan", defaults=_SELLER)
@blueprint.get("/operator/plans/<int:plan_id>", endpoint="operator_plan", defaults=_OPERATOR)
def show_plan(audience: str, plan_id: int) -> tuple[str, int]:
    """One plan: what it says, how far it is, what came of it."""
    return _render(_get_visible(plan_id), audience)


@blueprint.post("/seller/plans/<int:plan_id>/<action>", endpoint="seller_act", defaults=_SELLER)
@blueprint.post("/operator/plans/<int:plan_id>/<action>", endpoint="operator_act", defaults=_OPERATOR)
def act(audience: str, plan_id: int, action: str) -> Answer:
    """Agree to a plan, change it or end it."""
    row = _get_visible(plan_id)
    actor, why = current_actor().email, request.form.get("why", "")
    works: dict[str, tuple[Callable[[Session], None], str]] = {
        "agree": (lambda s: plans.agree_plan(s, plan_id=plan_id, side=audience, actor=actor, now=now()),
                  _("Agreed. The plan begins tomorrow.")),
        "revise": (lambda s: plans.revise_plan(
            s, _read_terms(), plan_id=plan_id, side=audience, actor=actor, now=now()),
            _("Changed. The other side is asked to agree to it anew.")),
        "withdraw": (lambda s: plans.withdraw_plan(
            s, plan_id=plan_id, why=why, side=audience, actor=actor, now=now()), _("The plan has ended.")),
    }
    if action not in works:
        raise NotFound
    work, done = works[action]
    try:
        with writing() as session:
            work(session)
    except (AppealRefused, IllegalPlanStep) as error:
        code = error.code if isinstance(error, AppealRefused) else "moved_on"
        return _render(row, audience, phrases.say_refusal(code), 400)
    flash(done)
    return redirect(url_for(f"plans.{audience}_plan", plan_id=plan_id), 303)
