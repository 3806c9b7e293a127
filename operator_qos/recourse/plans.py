"""Action plans: proposed by either side, agreed by both, run, and ended by themselves with a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import to_ms
from operator_qos.db import lock_shops
from operator_qos.notices.service import announce
from operator_qos.recourse import plan_rules, queries
from operator_qos.recourse.measuring import measure_since
from operator_qos.recourse.models import ActionPlan, PlanStep
from operator_qos.recourse.plan_rules import Terms, find_result, require_terms
from operator_qos.recourse.rules import AppealRefused, require_text, window_ends_on
from operator_qos.sellers.queries import ShopCard
from scoring.windows import local_day

OTHER = {"seller": "operator", "operator": "seller"}


class PlanMissing(LookupError):
    """There is no such plan."""


@dataclass(frozen=True)
class _Said:
    """Who does what to a plan, in which words."""

    actor: str
    side: str
    action: str
    text: str = ""


def today_of(shop: ShopCard, now: datetime) -> date:
    """The local day of a shop's marketplace."""
    return local_day(to_ms(now), shop.timezone)


def propose_plan(
    session: Session, terms: Terms, *, shop_id: int, side: str, actor: str, now: datetime, change_id: int | None = None
) -> int:
    """Propose a plan to the other side; returns its id. Raises AppealRefused. Does not commit.

    It follows a warning or a fall of the last six months, and no rule has two plans at a time.
    """
    lock_shops(session, [shop_id])
    shop = queries.get_shop(session, shop_id)
    today = today_of(shop, now)
    kept = _require(session, shop, terms, today=today)
    since = today - (window_ends_on(today) - today)
    if not queries.list_contestable(session, [shop_id], since=since):
        raise AppealRefused("no_cause", "shop", "has had no warning and no fall in six months; a plan follows one")
    row = ActionPlan(
        shop_id=shop_id, change_id=change_id, state="drafted", opened_by=actor, opened_side=side, opened_at=now,
        seller_agreed_at=now if side == "seller" else None, operator_agreed_at=now if side == "operator" else None,
        **vars(kept))
    session.add(row)
    try:
        session.flush()
    except IntegrityError:
        raise AppealRefused("plan_open", "rule", "has a plan already; end it first") from None
    _note(session, row, shop, _Said(actor, side, "propose"), now=now)
    return row.id


def _require(session: Session, shop: ShopCard, terms: Terms, *, today: date) -> Terms:
    standard = queries.get_standard(session, shop.id, today)
    rules = {rule.id for rule in standard.rules if rule.is_active} | {rule.metric for rule in standard.rules}
    if terms.rule not in rules:
        raise AppealRefused("unknown", "rule", f"is no rule of {standard.id}")
    worded = Terms(terms.rule, terms.target, require_text("cause", terms.cause),
                   require_text("actions", terms.actions), terms.review_on)
    return require_terms(worded, today=today)


def revise_plan(session: Session, terms: Terms, *, plan_id: int, side: str, actor: str, now: datetime) -> None:
    """Change a proposal; the other side agrees anew. Raises PlanMissing, IllegalPlanStep, AppealRefused."""
    row, shop = _lock(session, plan_id, "revise", side)
    kept = _require(session, shop, terms, today=today_of(shop, now))
    if kept.rule != row.rule:
        raise AppealRefused("unknown", "rule", "of a plan stays; withdraw it and propose another")
    for name, value in vars(kept).items():
        setattr(row, name, value)
    row.seller_agreed_at = now if side == "seller" else None
    row.operator_agreed_at = now if side == "operator" else None
    _note(session, row, shop, _Said(actor, side, "revise"), now=now)


def agree_plan(session: Session, *, plan_id: int, side: str, actor: str, now: datetime) -> None:
    """Agree; once both have, it starts on the next day. Raises PlanMissing, IllegalPlanStep. Does not commit."""
    row, shop = _lock(session, plan_id, "agree", side)
    setattr(row, f"{side}_agreed_at", now)
    if row.seller_agreed_at is not None and row.operator_agreed_at is not None:
        row.state, row.start_on = "agreed", today_of(shop, now) + timedelta(days=1)
        if row.review_on <= row.start_on:
            raise AppealRefused("review", "review_on", "has passed; agree on a later one")
    _note(session, row, shop, _Said(actor, side, "agree"), now=now)


def withdraw_plan(session: Session, *, plan_id: int, why: str, side: str, actor: str, now: datetime) -> None:
    """End a plan early; from the next day on it shelters nothing. Raises like `revise_plan`. Does not commit."""
    text = require_text("why", why)
    row, shop = _lock(session, plan_id, "withdraw", side)
    row.state, row.ended_at = "withdrawn", now
    row.ended_on = today_of(shop, now) + timedelta(days=1) if row.start_on is not None else None
    _note(session, row, shop, _Said(actor, side, "withdraw", text), now=now)


def start_plan(session: Session, *, plan_id: int, now: datetime) -> bool:
    """Start an agreed plan on its day, once; False when it is not due. Does not commit."""
    row = _claim(session, plan_id, "agreed")
    if row is None:
        return False
    shop = queries.get_shop(session, row.shop_id)
    if row.start_on is None or row.start_on > today_of(shop, now):
        return False
    row.state = "running"
    _note(session, row, shop, _Said("system", "timer", "start"), now=now)
    return True


def end_plan(session: Session, *, plan_id: int, now: datetime) -> bool:
    """End a plan whose review date has come, by what its rule came to since the start; False when it is not due."""
    row = _claim(session, plan_id, "running")
    if row is None or row.start_on is None:
        return False
    shop = queries.get_shop(session, row.shop_id)
    if row.review_on > today_of(shop, now):
        return False
    found, standard = measure_since(
        session, row.shop_id, row.rule, start_on=row.start_on, on=row.review_on - timedelta(days=1))
    rule = standard.find_rule(row.rule)
    higher = rule is not None and rule.measure == "share_of_good"
    row.state = find_result(found, row.target, higher_is_better=higher)
    row.ended_at, row.ended_on = now, row.review_on
    row.result_bad, row.result_base, row.result_value = found.bad, found.base, found.value
    _note(session, row, shop, _Said("system", "timer", row.state), now=now)
    return True


def _claim(session: Session, plan_id: int, state: str) -> ActionPlan | None:
    """The plan, if it is still in that state, kept from others until the transaction ends."""
    shop_id = session.scalar(select(ActionPlan.shop_id).where(ActionPlan.id == plan_id))
    lock_shops(session, [shop_id] if shop_id is not None else [])
    claimed = session.scalar(update(ActionPlan).where(ActionPlan.id == plan_id, ActionPlan.state == state).values(
        state=state).returning(ActionPlan.id))
    return None if claimed is None else session.get_one(ActionPlan, plan_id, populate_existing=True)


def _lock(session: Session, plan_id: int, action: str, side: str) -> tuple[ActionPlan, ShopCard]:
    shop_id = session.scalar(select(ActionPlan.shop_id).where(ActionPlan.id == plan_id))
    if shop_id is None:
        raise PlanMissing(f"there is no plan {plan_id}")
    lock_shops(session, [shop_id])
    row = session.get_one(ActionPlan, plan_id, populate_existing=True, with_for_update=True)
    plan_rules.check(action, row.state, side)
    return row, queries.get_shop(session, shop_id)


def _note(session: Session, row: ActionPlan, shop: ShopCard, said: _Said, *, now: datetime) -> None:
    """The step, its audit row, and a notice to whoever did not do it."""
    step = PlanStep(plan_id=row.id, at=now, actor=said.actor, side=said.side, action=said.action, text=said.text)
    session.add(step)
    session.flush()
    append_audit(session, actor=said.actor, now=now, action=f"plan.{said.action}", subject=f"plan:{row.id}",
                 after={"state": row.state, "shop": row.shop_id, **_to_plain(row)}, why=said.text[:2_000])
    for staff in (True, False):
        if said.side != ("operator" if staff else "seller"):
            _tell(session, row, shop, {"what": said.action, "text": said.text, "step": step.id}, staff=staff, now=now)


def _to_plain(row: ActionPlan) -> dict[str, Any]:
    return {"rule": row.rule, "target": row.target, "review_on": row.review_on.isoformat(),
            "start_on": row.start_on.isoformat() if row.start_on else None}


def _tell(
    session: Session, row: ActionPlan, shop: ShopCard, data: Mapping[str, Any], *, staff: bool, now: datetime
) -> None:
    announce(
        session, key=f"plan:{row.id}:{data['step']}:{'staff' if staff else 'seller'}",
        seller_id=None if staff else shop.seller_id, shop_id=shop.id, topic="plan_moved",
        data={"plan": row.id, "shop": shop.name, "marketplace": shop.marketplace, **_to_plain(row), **data,
              "value": row.result_value, "bad": row.result_bad, "base": row.result_base},
        link=f"/operator/plans/{row.id}" if staff else f"/seller/plans/{row.id}", now=now)
