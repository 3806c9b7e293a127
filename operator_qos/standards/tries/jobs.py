"""Working off the tries that people asked for, outside any request."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.standards.binding import list_in_use
from operator_qos.standards.comparison import Backtest
from operator_qos.standards.tries import service
from operator_qos.standards.tries.service import Try
from operator_qos.standards.trying import run_backtest
from scoring.standards import StandardError, parse_standard

log = logging.getLogger(__name__)


def run_tries(engine: Engine, *, now: datetime) -> int:
    """Work off every try that waits, one after the other; how many there were. Commits as it goes."""
    with unit_of_work(engine) as session:
        service.forget_old_tries(session, now=now)
    done = 0
    while wanted := _claim(engine, now):
        found, error = _work(engine, wanted, now)
        with unit_of_work(engine) as session:
            service.end_try(session, try_id=wanted.id, found=found, error=error, now=now)
        done += 1
    return done


def _claim(engine: Engine, now: datetime) -> Try | None:
    with unit_of_work(engine) as session:
        return service.claim_try(session, now=now)


def _work(engine: Engine, wanted: Try, now: datetime) -> tuple[Backtest | None, str]:
    """What it found, or why it found nothing."""
    def note(done: int, steps: int) -> None:
        with unit_of_work(engine) as session:
            service.note_step(session, try_id=wanted.id, done=done, steps=steps, now=now)

    try:
        with reading(engine) as session:
            official = list_in_use(session, now=now)[0]
            return run_backtest(session, parse_standard(wanted.text), official, first=wanted.first_on,
                                last=wanted.last_on, on_step=note), ""
    except StandardError as refused:
        return None, str(refused)
    except Exception as unexpected:  # the next try must still run, and a person must see this one
        log.exception("try %s failed", wanted.id)
        return None, f"It stopped unexpectedly ({type(unexpected).__name__})."
