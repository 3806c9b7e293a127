"""Writing down what an official run decided: the run, its results, the standings and every change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.db import bulk_insert, chunks, write_json
from operator_qos.standing import rules
from operator_qos.standing.models import (
    EvaluationResult,
    EvaluationRun,
    LiveRule,
    LiveStanding,
    ShopStanding,
    StandingChange,
)
from operator_qos.standing.queries import StandingRow, list_standings
from operator_qos.standing.rules import Face, HeldBack, read_held
from scoring.progress_text import drop_days

LIVE_STANDING = ("shop_id", "standard_id", "standard_version", "as_of_ms", "level", "next_on", "open_count",
                 "kept_level", "missed_level", "untold")
LIVE_RULE = ("shop_id", "rule", "bad", "base", "value", "verdict", "kept_value", "kept_verdict", "missed_value",
             "missed_verdict")


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
class Change:
    """One change to append, with its reasons as plain values: rule, numbers, verdict, unit ids."""

    shop_id: int
    on_date: date
    kind: str
    metric: str | None
    before: str | None
    after: str | None
    reasons: Sequence[Mapping[str, Any]]
    effective_ms: int | None = None  # None: from the end of its date on


def record_runs(session: Session, headers: Sequence[RunHeader], *, now: datetime) -> dict[tuple[date, str], int]:
    """Claim dates of a marketplace for their one run by each standard; those run already are missing.

    Does not commit.
    """
    build = postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert
    columns = (EvaluationRun.on_date, EvaluationRun.standard_id, EvaluationRun.id)
    claim = build(EvaluationRun).on_conflict_do_nothing().returning(*columns)
    rows = [{**vars(header), "ran_at": now} for header in headers]
    claimed = session.connection().execute(claim, rows) if rows else ()
    return {(on, standard_id): run_id for on, standard_id, run_id in claimed}


def record_results(session: Session, rows: Sequence[ResultRow]) -> None:
    """Store the frozen results of runs, many at a time; never changed afterwards. Does not commit."""
    columns = tuple(ResultRow.__dataclass_fields__)
    plain = [[*list(vars(row).values())[:-1], write_json(row.units)] for row in rows]
    bulk_insert(session, EvaluationResult, columns, plain)


def append_changes(session: Session, runs: Mapping[int, RunHeader], changes: Sequence[tuple[int, Change]], *,
                   now: datetime) -> None:
    """Append what runs changed, pairs of run and change, in force from the end of its date once acts follow.

    Does not commit.
    """
    rows = [
        {
            **{name: value for name, value in vars(change).items() if name != "effective_ms"},
            "run_id": run_id,
            "standard_id": runs[run_id].standard_id,
            "standard_version": runs[run_id].standard_version,
            "automated": True,
            "effective_at": from_ms(change.effective_ms or runs[run_id].as_of_ms),
            "created_at": now,
            "state": "new",
        }
        for run_id, change in changes
    ]
    if rows:
        session.execute(insert(StandingChange), rows)


def store_standings(session: Session, standings: Sequence[StandingRow]) -> None:
    """Replace the decided standings of these shops; what is held back of them stays so. Does not commit."""
    if not standings:
        return
    held: dict[int, list[HeldBack]] = {}
    for start in range(0, len(standings), 500):
        part = [standing.shop_id for standing in standings[start : start + 500]]
        with_held = select(ShopStanding.shop_id, ShopStanding.decided).where(
            ShopStanding.shop_id.in_(part), ShopStanding.decided.is_not(None))
        held |= {shop_id: read_held(kept)[1] for shop_id, kept in session.execute(with_held) if kept}
        session.execute(delete(ShopStanding).where(ShopStanding.shop_id.in_(part)))
    rows = [_hold(standing, held.get(standing.shop_id, ())) for standing in standings]
    session.execute(insert(ShopStanding), [dict(vars(row)) for row in rows])


def forget_live(session: Session, shop_ids: Sequence[int]) -> None:
    """Take away what standards that are not plain would say of these shops now. Does not commit."""
    for part in chunks(list(shop_ids)):
        for model in (LiveRule, LiveStanding):
            if session.scalar(select(model.shop_id).where(model.shop_id.in_(part)).limit(1)) is not None:
                session.execute(delete(model).where(model.shop_id.in_(part)))


def store_live(
    session: Session, standings: Sequence[tuple[Any, ...]], rules: Sequence[tuple[Any, ...]]
) -> None:
    """Write what standards that are not plain would say now, in the order of LIVE_STANDING and LIVE_RULE; no commit."""
    bulk_insert(session, LiveStanding, LIVE_STANDING, standings)
    bulk_insert(session, LiveRule, LIVE_RULE, rules)


def hold_back(session: Session, shop_id: int, held: Sequence[HeldBack]) -> None:
    """Keep these subjects of a shop as they were, and no others; a shop never judged has none. Does not commit."""
    row = list_standings(session, [shop_id]).get(shop_id)
    if row is None:
        return
    found = vars(_hold(row.as_decided(), held))
    session.execute(update(ShopStanding).where(ShopStanding.shop_id == shop_id).values(
        {name: found[name] for name in ("level", "badges", "episodes", "warning", "since_on", "decided")}))


def mark_changes(session: Session, change_ids: Collection[int], *, state: str) -> None:
    """Say what became of changes: in_force, held or dropped. Does not commit."""
    if change_ids:
        session.execute(update(StandingChange).where(StandingChange.id.in_(change_ids)).values(state=state))


def forget_days(session: Session, shop_id: int, subject: str, days: Collection[date]) -> None:
    """Let what strikes or points remember of these days count no longer for a shop. Does not commit."""
    name, _, part = subject.partition("|")
    row = session.get(ShopStanding, shop_id, with_for_update=True, populate_existing=True)
    parts = row.progress["parts"] if row is not None and row.progress else {}
    if row is not None and part in parts:
        row.progress = {"parts": {**parts, part: drop_days(parts[part], name, days)}}
        session.flush()


def _hold(decided: StandingRow, held: Sequence[HeldBack]) -> StandingRow:
    face = Face(decided.level, tuple(decided.badges), tuple(decided.episodes), decided.since_on)
    shown = rules.hold_back(face, held)
    return replace(decided, level=shown.level, badges=list(shown.badges), episodes=[dict(e) for e in shown.episodes],
                   warning=shown.warning, since_on=shown.since_on, decided=rules.write_held(face, held))


def append_restored(  # what is restored, by which run, since when
    session: Session, changes: Sequence[Change], *, run_id: int, standing: StandingRow, effective_at: datetime,
    now: datetime,
) -> None:
    """Append what an appeal restored, in force as of the original date. Does not commit."""
    rows = [
        {
            **{name: value for name, value in vars(change).items() if name != "effective_ms"},
            "run_id": run_id,
            "standard_id": standing.standard_id,
            "standard_version": standing.standard_version,
            "automated": False,
            "effective_at": effective_at,
            "created_at": now,
            "state": "in_force",
        }
        for change in changes
    ]
    if rows:
        session.execute(insert(StandingChange), rows)
