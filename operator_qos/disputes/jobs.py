"""The timer of the disputes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.db import reading, unit_of_work
from operator_qos.disputes import queries
from operator_qos.disputes.acting import TIMER
from operator_qos.disputes.rules import IllegalAction
from operator_qos.disputes.settlement import expire_offer
from operator_qos.disputes.timers import run_timer

log = structlog.get_logger(__name__)


def run_timers(engine: Engine, *, now: datetime, limit: int = 200) -> Mapping[str, int]:
    """Do what is due, each thing exactly once: reminders, escalations, default decisions, closings, expiries.

    Commits per case; returns how often each thing was done. A case that fails is logged and left whole for the
    next run.
    """
    with reading(engine) as session:
        offers = queries.list_expired_offers(session, now=now, limit=limit)
        due = queries.list_due_ids(session, now=now, limit=limit)
    done: Counter[str] = Counter()
    for dispute_id, offer_id in offers:
        work = _expiring(dispute_id, offer_id, now)
        done.update([name for name in [_attempt(engine, dispute_id, work)] if name])
    for dispute_id in due:
        done.update(_run_case(engine, dispute_id, now))
    return done


def escalate_due(engine: Engine, *, now: datetime, limit: int = 200) -> int:
    """Run the timers and return how many cases went to the mediators."""
    return run_timers(engine, now=now, limit=limit).get("escalate", 0)


def _expiring(dispute_id: int, offer_id: int, now: datetime) -> Callable[[Session], str | None]:
    def expire(session: Session) -> str | None:
        done = expire_offer(session, dispute_id=dispute_id, offer_id=offer_id, actor=TIMER, now=now)
        return "expire_offer" if done else None
    return expire


def _run_case(engine: Engine, dispute_id: int, now: datetime) -> list[str]:
    """After a day offline several things of one case may be due; each is a transaction of its own."""
    done: list[str] = []
    while len(done) < 10:
        name = _attempt(engine, dispute_id, lambda session: run_timer(session, dispute_id=dispute_id, now=now))
        if name is None:
            break
        done.append(name)
    return done


def _attempt(engine: Engine, dispute_id: int, work: Callable[[Session], str | None]) -> str | None:
    try:
        with unit_of_work(engine) as session:
            return work(session)
    except IllegalAction:
        return None  # somebody moved the case between the list and its turn
    except Exception as error:  # whatever is wrong with one case must not keep the others waiting
        log.error("dispute_timer_failed", dispute_id=dispute_id, error=f"{type(error).__name__}: {error}")
        return None
