"""The timer of the disputes."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.disputes import queries
from operator_qos.disputes.rules import IllegalAction
from operator_qos.disputes.service import TIMER, escalate

log = structlog.get_logger(__name__)


def escalate_due(engine: Engine, *, now: datetime, limit: int = 200) -> int:
    """Hand the cases whose seller's time is up to the mediators, each exactly once; returns how many.

    Commits per case. A case that fails is logged and left whole for the next run.
    """
    with reading(engine) as session:
        due = queries.list_due_ids(session, now=now, limit=limit)
    return sum(_escalate_one(engine, dispute_id, now) for dispute_id in due)


def _escalate_one(engine: Engine, dispute_id: int, now: datetime) -> bool:
    try:
        with unit_of_work(engine) as session:
            return escalate(session, dispute_id=dispute_id, actor=TIMER, now=now)
    except IllegalAction:
        return False  # somebody moved the case between the list and its turn
    except Exception as error:  # whatever is wrong with one case must not keep the others waiting
        log.error("case_not_escalated", dispute_id=dispute_id, error=f"{type(error).__name__}: {error}")
        return False
