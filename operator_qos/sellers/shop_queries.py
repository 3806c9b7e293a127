"""One shop in full: where it stands, how it came there, and its official numbers over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.models import Act, Dispute, EvaluationResult, EvaluationRun, ShopStanding, StandingChange, Statement
from operator_qos.standing.queries import UNSEEN


@dataclass(frozen=True)
class Point:
    """One official result: `value` is None on a date without a base."""

    on: date
    value: float | None
    bad: int
    base: int
    verdict: str


def find_standing(session: Session, shop_id: int) -> ShopStanding | None:
    """Where a shop stands, None while it was never judged."""
    return session.get(ShopStanding, shop_id)


def list_changes(session: Session, shop_id: int, *, limit: int = 50) -> list[StandingChange]:
    """The changes of a shop's standing, latest first."""
    query = select(StandingChange).where(StandingChange.shop_id == shop_id, StandingChange.state.not_in(UNSEEN))
    return list(
        session.scalars(query.order_by(StandingChange.on_date.desc(), StandingChange.id.desc()).limit(limit))
    )


def list_change_statements(session: Session, change_ids: Sequence[int]) -> dict[int, str]:
    """The statement of reasons each change was told by, as its public id; changes without one are left out."""
    if not change_ids:
        return {}
    query = select(Act.change_id, Statement.public_id).join(Statement, Statement.id == Act.statement_id).where(
        Act.change_id.in_(change_ids)).order_by(Act.id.desc())
    return {change_id: public_id for change_id, public_id in session.execute(query) if change_id is not None}


def list_official_points(
    session: Session, shop_id: int, metrics: Sequence[str], *, days: int = 180
) -> dict[str, list[Point]]:
    """The official results of the last days on record, oldest first, by metric."""
    last = session.scalar(
        select(func.max(EvaluationRun.on_date))
        .join(EvaluationResult, EvaluationResult.run_id == EvaluationRun.id)
        .where(EvaluationResult.shop_id == shop_id)
    )
    found: dict[str, list[Point]] = {metric: [] for metric in metrics}
    if last is None:
        return found
    query = (
        select(EvaluationResult, EvaluationRun.on_date)
        .join(EvaluationRun, EvaluationRun.id == EvaluationResult.run_id)
        .where(
            EvaluationResult.shop_id == shop_id,
            EvaluationResult.metric.in_(list(metrics)),
            EvaluationRun.on_date > last - timedelta(days=days),
        )
        .order_by(EvaluationRun.on_date)
    )
    for result, on in session.execute(query):
        found[result.metric].append(Point(on, result.value, result.bad, result.base, result.verdict))
    return found


def list_shop_disputes(session: Session, shop_id: int, *, limit: int) -> list[Dispute]:
    """The disputes of a shop, latest first."""
    query = select(Dispute).where(Dispute.shop_id == shop_id)
    return list(session.scalars(query.order_by(Dispute.opened_at.desc(), Dispute.id.desc()).limit(limit)))
