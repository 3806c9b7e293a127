"""Writing down what an official run decided: the run, its results, the standings and every change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.db import bulk_insert
from operator_qos.standing.models import EvaluationResult, EvaluationRun, ShopStanding, StandingChange


@dataclass(frozen=True)
class RunHeader:
    """What identifies an official run and the rules it went by; times are epoch ms."""

    marketplace_id: str
    on_date: date
    as_of_ms: int
    known_at_ms: int
    standard_id: str
    standard_version: int
    shops: int


@dataclass(frozen=True)
class ResultRow:
    """One shop and metric of a run, in the order of the table's columns."""

    run_id: int
    shop_id: int
    metric: str
    window_start_ms: int
    bad: int
    base: int
    raw_bad: int
    raw_base: int
    buyers: int
    value: float | None
    verdict: str
    units: Sequence[str]


@dataclass(frozen=True)
class KeptStanding:
    """The standing of a shop as it is kept; `episodes` are plain values."""

    shop_id: int
    level: str
    badges: Sequence[str]
    episodes: Sequence[Mapping[str, Any]]
    warning: int
    since_on: date
    decided_on: date


@dataclass(frozen=True)
class Change:
    """One change to append, with its reasons as plain values: rule, numbers, verdict, unit ids."""

    shop_id: int
    on_date: date
    kind: str
    metric: str | None
    before: str | None
    after: str | None
    reasons: Sequence[Mapping[str, Any]]


def record_run(session: Session, header: RunHeader, *, now: datetime) -> int | None:
    """Claim a date for its one official run; None when it was run already. Does not commit."""
    row = EvaluationRun(**asdict(header), ran_at=now)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return None
    return row.id


def record_results(session: Session, rows: Sequence[ResultRow]) -> None:
    """Store the frozen results of runs, many at a time; never changed afterwards. Does not commit."""
    columns = tuple(ResultRow.__dataclass_fields__)
    plain = [[*list(vars(row).values())[:-1], json.dumps(row.units)] for row in rows]
    bulk_insert(session, EvaluationResult, columns, plain)


def append_changes(
    session: Session, header: RunHeader, run_id: int, changes: Sequence[Change], *, now: datetime
) -> None:
    """Append what a run changed, in force from the end of its date. Does not commit."""
    common = {
        "run_id": run_id,
        "standard_id": header.standard_id,
        "standard_version": header.standard_version,
        "automated": True,
        "effective_at": from_ms(header.as_of_ms),
        "created_at": now,
    }
    if changes:
        session.execute(insert(StandingChange), [{**vars(change), **common} for change in changes])


def store_standings(session: Session, standings: Sequence[KeptStanding]) -> None:
    """Replace the standings of these shops. Does not commit."""
    if not standings:
        return
    for start in range(0, len(standings), 500):
        part = [standing.shop_id for standing in standings[start : start + 500]]
        session.execute(delete(ShopStanding).where(ShopStanding.shop_id.in_(part)))
    session.execute(insert(ShopStanding), [dict(vars(standing)) for standing in standings])
