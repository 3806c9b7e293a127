"""Reading what was officially decided of one shop, and what was judged again, date by date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from operator_qos.recourse.models import Pardon as PardonRow
from operator_qos.recourse.models import Restatement
from operator_qos.recourse.replay import FrozenDay, Position, Told
from operator_qos.sellers.models import Shop
from operator_qos.standing.models import EvaluationResult, EvaluationRun, StandingChange
from operator_qos.standing.queries import StandingRow
from scoring.ladder import MetricVerdict, parse_standing, to_plain
from scoring.plans import Pardon
from scoring.standards import Standard
from scoring.verdicts import Verdict


@dataclass(frozen=True)
class Run:
    """One official run that judged the shop."""

    id: int
    on: date
    standard_id: str
    standard_version: int


def get_marketplace_id(session: Session, shop_id: int) -> str:
    """Where the shop sells. Raises NoResultFound for a shop that is not there."""
    return session.scalars(select(Shop.marketplace_id).where(Shop.id == shop_id)).one()


def has_restated(session: Session, appeal_id: int) -> bool:
    """Whether the dates of an appeal were judged again already."""
    judged = select(Restatement.id).where(Restatement.appeal_id == appeal_id).limit(1)
    pardoned = select(PardonRow.id).where(PardonRow.appeal_id == appeal_id).limit(1)
    return session.scalar(judged) is not None or session.scalar(pardoned) is not None


def list_runs(session: Session, shop_id: int, *, since_on: date) -> list[Run]:
    """The runs that judged a shop on a date or later, in their order."""
    columns = (EvaluationRun.id, EvaluationRun.on_date, EvaluationRun.standard_id, EvaluationRun.standard_version)
    query = select(*columns).where(_judged(shop_id), EvaluationRun.on_date >= since_on)
    return [Run(*row) for row in session.execute(query.order_by(EvaluationRun.on_date, EvaluationRun.id))]


def list_run_dates(
    session: Session, shop_id: int, standard_id: str, *, after_on: date | None, before_on: date
) -> list[date]:
    """The dates on which a shop was judged by a standard, between two."""
    query = select(EvaluationRun.on_date).where(
        _judged(shop_id), EvaluationRun.standard_id == standard_id, EvaluationRun.on_date < before_on,
        EvaluationRun.on_date > (after_on or date.min))
    return list(session.scalars(query.order_by(EvaluationRun.on_date)))


def _judged(shop_id: int) -> ColumnElement[bool]:
    return EvaluationRun.id.in_(select(EvaluationResult.run_id).where(EvaluationResult.shop_id == shop_id))


def list_told(session: Session, shop_id: int, *, since_on: date) -> dict[int, Told]:
    """What official runs changed on a date or later, by id of the change."""
    query = select(StandingChange).where(
        StandingChange.shop_id == shop_id, StandingChange.on_date >= since_on, StandingChange.automated)
    return {row.id: Told(row.on_date, row.kind, row.metric or "", row.before or "", row.after or "")
            for row in session.scalars(query)}


def list_frozen_days(
    session: Session, shop_id: int, standard: Standard, *, after_on: date | None, before_on: date
) -> list[FrozenDay]:
    """The dates between two as a plain standard judged them then, in order."""
    since = after_on or date.min
    columns = (EvaluationRun.on_date, EvaluationResult.metric, EvaluationResult.verdict, EvaluationResult.bad,
               EvaluationResult.base, EvaluationResult.value)
    query = select(*columns).join(EvaluationRun, EvaluationRun.id == EvaluationResult.run_id).where(
        EvaluationResult.shop_id == shop_id, EvaluationRun.standard_id == standard.id,
        EvaluationRun.on_date > since, EvaluationRun.on_date < before_on)
    limits = {rule.metric: rule.limit for rule in standard.rules}
    verdicts: dict[date, list[MetricVerdict]] = {}
    for on, metric, verdict, bad, base, value in session.execute(query):
        known = verdicts.setdefault(on, [])
        if metric in limits:
            known.append(MetricVerdict(metric, Verdict(verdict), bad, base, value, limits[metric]))
    changes = _list_changes(session, shop_id, since, before_on)
    return [_freeze(on, verdicts[on], changes.get(on, ())) for on in sorted(verdicts)]


def _list_changes(
    session: Session, shop_id: int, since: date, before_on: date
) -> Mapping[date, Sequence[StandingChange]]:
    query = select(StandingChange).where(
        StandingChange.shop_id == shop_id, StandingChange.automated, StandingChange.on_date > since,
        StandingChange.on_date < before_on).order_by(StandingChange.id)
    found: dict[date, list[StandingChange]] = {}
    for row in session.scalars(query):
        found.setdefault(row.on_date, []).append(row)
    return found


def _freeze(on: date, verdicts: Sequence[MetricVerdict], changes: Sequence[StandingChange]) -> FrozenDay:
    def names(kind: str, column: str) -> frozenset[str]:
        return frozenset(str(getattr(row, column)) for row in changes if row.kind == kind)

    level = next((row.after for row in changes if row.kind == "level_changed"), None)
    return FrozenDay(on, verdicts, level, names("badge_awarded", "after"), names("badge_withdrawn", "before"),
                     names("warning_given", "metric"))


def list_pardons(session: Session, shop_id: int) -> list[Pardon]:
    """Every pardon the shop ever had, ended ones included."""
    query = select(PardonRow.subject, PardonRow.since_on).where(PardonRow.shop_id == shop_id).order_by(PardonRow.id)
    return [Pardon(*row) for row in session.execute(query)]


def find_restated(session: Session, shop_id: int, standard_id: str, *, before_on: date) -> StandingRow | None:
    """The standing after the last date before one that was judged again, by the latest appeal."""
    query = select(Restatement.standing).where(
        Restatement.shop_id == shop_id, Restatement.standard_id == standard_id, Restatement.on_date < before_on,
    ).order_by(Restatement.on_date.desc(), Restatement.id.desc()).limit(1)
    found = session.scalar(query)
    return None if found is None else read_standing(found)


def write_standing(standing: StandingRow) -> dict[str, Any]:
    """A standing as plain values."""
    dates = {name: getattr(standing, name).isoformat() for name in ("since_on", "decided_on")}
    return {
        "shop_id": standing.shop_id, "level": standing.level, "badges": list(standing.badges),
        "episodes": [dict(episode) for episode in standing.episodes], "warning": standing.warning, **dates,
        "standard_id": standing.standard_id, "standard_version": standing.standard_version,
        "progress": None if standing.progress is None else dict(standing.progress)}


def read_standing(plain: Mapping[str, Any]) -> StandingRow:
    """The standing that `write_standing` wrote."""
    dates = {name: date.fromisoformat(plain[name]) for name in ("since_on", "decided_on")}
    return StandingRow(**{**plain, **dates})


def to_position(standing: StandingRow) -> Position:
    """The part of a standing that a plain standard goes on from."""
    plain = {"level": standing.level, "badges": standing.badges, "episodes": standing.episodes}
    return Position(parse_standing(plain), standing.since_on)


def to_standing(shop_id: int, position: Position, on: date, standard: Standard) -> StandingRow:
    """A position as it is kept."""
    plain = to_plain(position.standing)
    warning = max((episode.warning for episode in position.standing.episodes), default=0)
    return StandingRow(shop_id, position.standing.level, plain["badges"], plain["episodes"], warning,
                       position.since_on, on, standard.id, standard.version)
