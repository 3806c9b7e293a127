"""Action plans as pages and jobs need them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from operator_qos.recourse.models import ActionPlan, PlanStep
from operator_qos.recourse.queries import list_cards
from operator_qos.sellers.queries import ShopCard


@dataclass(frozen=True)
class PlanRow:
    """A plan with its shop."""

    id: int
    shop: ShopCard
    change_id: int | None
    state: str
    rule: str
    target: str
    cause: str
    actions: str
    review_on: date
    opened_by: str
    opened_side: str
    opened_at: datetime
    seller_agreed_at: datetime | None
    operator_agreed_at: datetime | None
    start_on: date | None
    ended_at: datetime | None
    ended_on: date | None
    result_value: float | None
    result_bad: int | None
    result_base: int | None


@dataclass(frozen=True)
class PlanStepRow:
    """One step of a plan."""

    at: datetime
    actor: str
    side: str
    action: str
    text: str


_OWN = tuple(name for name in PlanRow.__dataclass_fields__ if name != "shop")


def list_plans(
    session: Session, *, shop_ids: Collection[int] | None = None, ids: Collection[int] | None = None, limit: int = 200
) -> list[PlanRow]:
    """Plans: those that go on first by their review date, then those that ended, the latest first."""
    query = select(ActionPlan.shop_id, *(getattr(ActionPlan, name) for name in _OWN)).where(
        true() if shop_ids is None else ActionPlan.shop_id.in_(list(shop_ids)),
        true() if ids is None else ActionPlan.id.in_(list(ids)))
    rows = session.execute(query.order_by(
        ActionPlan.ended_at.is_not(None), ActionPlan.ended_at.desc(), ActionPlan.review_on, ActionPlan.id,
    ).limit(limit)).all()
    cards = list_cards(session, {row.shop_id for row in rows})
    return [PlanRow(shop=cards[row.shop_id], **{name: getattr(row, name) for name in _OWN}) for row in rows]


def find_plan(session: Session, plan_id: int) -> PlanRow | None:
    """One plan; None for one that is not there."""
    return next(iter(list_plans(session, ids=[plan_id])), None)


def list_plan_steps(session: Session, plan_id: int) -> list[PlanStepRow]:
    """What was done with a plan, in order."""
    columns = [getattr(PlanStep, name) for name in PlanStepRow.__dataclass_fields__]
    rows = session.execute(select(*columns).where(PlanStep.plan_id == plan_id).order_by(PlanStep.id))
    return [PlanStepRow(*row) for row in rows]


def list_plans_to_move(session: Session, *, today: date) -> list[tuple[int, str]]:
    """Plans that may start or end by a day, with their state; a day ahead of UTC is counted in."""
    query = select(ActionPlan.id, ActionPlan.state).where(
        ((ActionPlan.state == "agreed") & (ActionPlan.start_on <= today))
        | ((ActionPlan.state == "running") & (ActionPlan.review_on <= today))).order_by(ActionPlan.id)
    return [(row.id, row.state) for row in session.execute(query)]
