"""Keeping what cannot be taken in: bodies without events, and the one event that a batch gets stuck on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import psycopg
from sqlalchemy import Engine, update
from sqlalchemy.exc import DataError, SQLAlchemyError
from sqlalchemy.orm import Session

from operator_qos.db import unit_of_work
from operator_qos.events.flaws import storable
from operator_qos.events.log import canonical, insert_quarantined
from operator_qos.events.models import Quarantined
from operator_qos.events.service import DATABASE_ERRORS, MAX_BODY, Intake, Receipt, ingest_batch
from operator_qos.sources.service import Told, count_arrivals
from scoring.events import Problem

BAD_VALUES = (DataError, psycopg.DataError)  # what the database cannot hold is the event's fault
MAX_KEPT_BYTES = 1024 * 1024
PART = 1_000  # events of one transaction of a call
_log = logging.getLogger(__name__)


def keep_body(engine: Engine, raw: str, problem: Problem, *, intake: Intake) -> None:
    """Keep a body that gives no events; commits."""
    with unit_of_work(engine) as session:
        insert_quarantined(session, raw, problem, origin=intake.origin, now=intake.now)


def ingest_guarded(engine: Engine, documents: Sequence[object], *, intake: Intake) -> list[Receipt]:
    """Take a batch in; commits. An event that cannot be worked out goes to quarantine and the others go on.

    Raises what the database says when it is busy or cannot be reached; sending the batch again is safe then.
    """
    rows = intake.rows or range(1, len(documents) + 1)
    try:
        return ingest_batch(engine, documents, intake=replace(intake, rows=rows))
    except Exception as error:
        if isinstance(error, (SQLAlchemyError, *DATABASE_ERRORS)) and not isinstance(error, BAD_VALUES):
            raise
        if len(documents) == 1:
            return [_keep_stuck(engine, documents[0], error, replace(intake, rows=rows))]
    half = len(documents) // 2
    first = ingest_guarded(engine, documents[:half], intake=replace(intake, rows=rows[:half]))
    return first + ingest_guarded(engine, documents[half:], intake=replace(intake, rows=rows[half:]))


def settle_quarantined(
    session: Session, *, row_id: int, outcome: str, actor: str, now: datetime, repaired: str | None = None,
    mapping_id: int | None = None,
) -> bool:
    """A row that waits is over: "landed" or "dismissed". False: it was settled before. Does not commit."""
    values: dict[str, object] = {"replayed_at": now, "outcome": outcome, "settled_by": actor, "repaired": repaired}
    values |= {"mapping_id": mapping_id} if mapping_id is not None else {}
    return session.execute(
        update(Quarantined).where(Quarantined.id == row_id, Quarantined.replayed_at.is_(None)).values(**values)
        .returning(Quarantined.id).execution_options(synchronize_session="fetch")).scalar() is not None


def ingest_in_parts(engine: Engine, documents: Sequence[object], *, intake: Intake) -> list[Receipt]:
    """As `ingest_guarded`, a thousand at a time, with other writers in between. What broke off may be sent again."""
    found: list[Receipt] = []
    for start in range(0, len(documents), PART):
        part = documents[start : start + PART]
        rows = range(start + 1, start + len(part) + 1)
        found += ingest_guarded(engine, part, intake=replace(intake, rows=rows))
    return found


def _keep_stuck(engine: Engine, document: object, error: Exception, intake: Intake) -> Receipt:
    _log.error("an event of %s could not be worked out", intake.origin, exc_info=error)
    cause = getattr(error, "orig", error)  # the database's own words, without our statement and its values
    why = f"cannot be worked out together with what is known of its shop ({type(error).__name__}: {cause})"
    problem = Problem("event", storable(why)[:1000])
    names = {name: _text(document, name) for name in ("source", "id", "marketplace", "shop")}
    with unit_of_work(engine) as session:
        insert_quarantined(
            session, canonical(document)[:MAX_BODY], problem, origin=intake.origin, now=intake.now,
            row=intake.rows[0], marketplace=names["marketplace"], shop=names["shop"])
        count_arrivals(session, [Told(names["marketplace"], names["source"], "quarantined")], now_ms=intake.now_ms)
    return Receipt(names["source"], names["id"], "quarantined", problem.field, problem.reason)


def _text(document: object, field: str) -> str:
    value = document.get(field) if isinstance(document, dict) else None
    return storable(value)[:200] if isinstance(value, str) else ""
