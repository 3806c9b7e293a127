"""What time does to appeals and plans: reminders before a deadline, plans that start and end by themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.recourse import plans, service
from operator_qos.recourse.plan_queries import list_plans_to_move
from operator_qos.recourse.queries import list_to_remind

log = structlog.get_logger(__name__)


def move_recourse(engine: Engine, *, now: datetime) -> int:
    """Remind of what is due within a day, start and end plans; each thing once. Commits per thing; how many."""
    with reading(engine) as session:
        due = list_to_remind(session, now=now)
        moving = list_plans_to_move(session, today=(now + timedelta(days=1)).date())
    done = sum(_attempt(engine, _reminding(appeal_id, due_at, now)) for appeal_id, due_at in due)
    done += sum(_attempt(engine, _starting(plan_id, now)) for plan_id, state in moving if state == "agreed")
    # A plan that started only now may have to end at once: after days without a scheduler.
    return done + sum(_attempt(engine, _ending(plan_id, now)) for plan_id, _ in moving)


def _reminding(appeal_id: int, due_at: datetime, now: datetime) -> Callable[[Session], bool]:
    return lambda session: service.remind(session, appeal_id=appeal_id, due_at=due_at, now=now)


def _starting(plan_id: int, now: datetime) -> Callable[[Session], bool]:
    return lambda session: plans.start_plan(session, plan_id=plan_id, now=now)


def _ending(plan_id: int, now: datetime) -> Callable[[Session], bool]:
    return lambda session: plans.end_plan(session, plan_id=plan_id, now=now)


def _attempt(engine: Engine, work: Callable[[Session], bool]) -> bool:
    try:
        with unit_of_work(engine) as session:
            return work(session)
    except Exception as error:  # whatever is wrong with one must not keep the others waiting
        log.error("recourse_job_failed", error=f"{type(error).__name__}: {error}")
        return False
