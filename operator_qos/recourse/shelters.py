"""Which plans and pardons shelter the shops of a marketplace, as the official run asks for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from operator_qos.recourse.models import ActionPlan
from operator_qos.recourse.models import Pardon as PardonRow
from operator_qos.sellers.models import Shop
from scoring.plans import Pardon, PlanSpan, Shelter


def end_pardons(session: Session, shelters: dict[int, Shelter], left: Mapping[int, frozenset[str]], on: date) -> None:
    """End the pardons that runs through a date needed no longer; `left` is what is left, by shop. Does not commit."""
    for shop_id, subjects in left.items():
        known = shelters.get(shop_id, Shelter())
        ended = known.list_subjects(on) - subjects
        if ended:
            session.execute(update(PardonRow).where(
                PardonRow.shop_id == shop_id, PardonRow.subject.in_(ended), PardonRow.ended_on.is_(None)
            ).values(ended_on=on))
            shelters[shop_id] = known.without(ended, on)


def list_shelters(session: Session, marketplace_id: str) -> dict[int, Shelter]:
    """The plans and the pardons not ended of each shop of a marketplace that has any, by shop."""
    found: dict[int, Shelter] = defaultdict(Shelter)
    shops = select(Shop.id).where(Shop.marketplace_id == marketplace_id)
    end_on = func.coalesce(ActionPlan.ended_on, ActionPlan.review_on)
    plans = select(ActionPlan.shop_id, ActionPlan.start_on, end_on).where(
        ActionPlan.shop_id.in_(shops), end_on > ActionPlan.start_on)
    for shop_id, start_on, until_on in session.execute(plans.order_by(ActionPlan.id)):
        if start_on is not None:
            found[shop_id] = replace(found[shop_id], plans=(*found[shop_id].plans, PlanSpan(start_on, until_on)))
    pardons = select(PardonRow.shop_id, PardonRow.subject, PardonRow.since_on).where(
        PardonRow.shop_id.in_(shops), PardonRow.ended_on.is_(None))
    for shop_id, subject, since_on in session.execute(pardons.order_by(PardonRow.id)):
        shelter = found[shop_id]
        found[shop_id] = replace(shelter, pardons=(*shelter.pardons, Pardon(subject, since_on)))
    return dict(found)
