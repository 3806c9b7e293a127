"""Where shops stand, how they got there and what was officially decided on each date."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import sqrt
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy import func as sql
from sqlalchemy.orm import Session

from operator_qos.sellers.models import Shop
from operator_qos.standing.models import EvaluationResult, EvaluationRun, ShopStanding, StandingChange
from operator_qos.standing.rules import HeldBack, read_held
from scoring.standards import Standard

# What became of changes that nobody sees: they wait for people, or never took effect.
UNSEEN = ("held", "dropped")


class NoStandingError(LookupError):
    """The shop was never judged; the text says when it will be."""


@dataclass(frozen=True)
class StandingRow:
    """The official standing of a shop; `warning` is the highest in force, 0 for none."""

    shop_id: int
    level: str
    badges: Sequence[str]
    episodes: Sequence[Mapping[str, Any]]
    warning: int
    since_on: date
    decided_on: date
    standard_id: str = "ours"
    standard_version: int = 1
    progress: Mapping[str, Any] | None = None
    decided: Mapping[str, Any] | None = None  # what the rules decided, while some of it is held back

    def as_decided(self) -> StandingRow:
        """The standing as the rules decided it, held back or not: what the next date goes on from."""
        if self.decided is None:
            return self
        face, _ = read_held(self.decided)
        return replace(self, level=face.level, badges=face.badges, episodes=face.episodes, warning=face.warning,
                       since_on=face.since_on, decided=None)

    def list_held(self) -> list[HeldBack]:
        """What is held back."""
        return [] if self.decided is None else read_held(self.decided)[1]

    def decided_under(self, standard: Standard) -> bool:
        """Whether it was last decided by that version of that standard."""
        return (self.standard_id, self.standard_version) == (standard.id, standard.version)


@dataclass(frozen=True)
class ChangeRow:
    """One change of a standing with its reasons as stored; `before`, `after`: ids or warning numbers."""

    id: int
    shop_id: int
    run_id: int
    on_date: date
    kind: str
    metric: str | None
    before: str | None
    after: str | None
    reasons: Sequence[Mapping[str, Any]]
    standard_id: str
    standard_version: int
    automated: bool
    effective_at: datetime
    state: str = "in_force"


@dataclass(frozen=True)
class DailyResult:
    """What was officially decided for one metric on one date; `value` None without base."""

    on: date
    window_start_ms: int
    bad: int
    base: int
    raw_bad: int
    raw_base: int
    buyers: int
    value: float | None
    verdict: str


@dataclass(frozen=True)
class OfficialResult:
    """One shop and metric as decided by one run, with the bad units it rested on."""

    metric: str
    bad: int
    base: int
    raw_bad: int
    raw_base: int
    buyers: int
    value: float | None
    verdict: str
    units: Sequence[str]


@dataclass(frozen=True)
class Mover:
    """A shop and metric whose raw share of failures changed between two dates; `score` > 0 is worse."""

    shop_id: int
    metric: str
    before: DailyResult
    after: DailyResult
    score: float


def list_standings(session: Session, shop_ids: Sequence[int] | None = None) -> dict[int, StandingRow]:
    """The standing of each shop that has one, by shop; of every shop without `shop_ids`."""
    columns = [getattr(ShopStanding, name) for name in StandingRow.__dataclass_fields__]
    rows = session.execute(select(*columns).where(_of_shops(ShopStanding.shop_id, shop_ids)))
    return {row.shop_id: StandingRow(*row) for row in rows}


def find_standing(session: Session, shop_id: int) -> StandingRow | None:
    """The standing of a shop, None before its first official date."""
    return list_standings(session, [shop_id]).get(shop_id)


def get_standing(session: Session, shop_id: int) -> StandingRow:
    """The standing of a shop. Raises NoStandingError before its first official date."""
    found = find_standing(session, shop_id)
    if found is None:
        raise NoStandingError(
            f"shop {shop_id} was never judged; `operator-qos evaluate` judges every date that is due"
        )
    return found


def list_changes(
    session: Session, *, shop_ids: Sequence[int] | None = None, since: date | None = None, limit: int = 50
) -> list[ChangeRow]:
    """Changes of standings decided on `since` or later, newest first; of every shop without `shop_ids`."""
    columns = [getattr(StandingChange, name) for name in ChangeRow.__dataclass_fields__]
    wanted = select(*columns).where(_of_shops(StandingChange.shop_id, shop_ids))
    if since is not None:
        wanted = wanted.where(StandingChange.on_date >= since)
    newest = wanted.order_by(StandingChange.on_date.desc(), StandingChange.id.desc()).limit(limit)
    return [ChangeRow(*row) for row in session.execute(newest)]


def list_new_changes(session: Session, marketplace_id: str) -> list[ChangeRow]:
    """Changes whose acts are not made yet, in the order they were decided."""
    columns = [getattr(StandingChange, name) for name in ChangeRow.__dataclass_fields__]
    wanted = select(*columns).join(Shop, Shop.id == StandingChange.shop_id).where(
        Shop.marketplace_id == marketplace_id, StandingChange.state == "new")
    return [ChangeRow(*row) for row in session.execute(wanted.order_by(StandingChange.id))]


def is_history_taken_over(session: Session, marketplace_id: str) -> bool:
    """Whether what was decided so far led somewhere: a run, and no change that still waits for the first acts ever."""
    if find_last_run_on(session, marketplace_id) is None:
        return False
    states = select(StandingChange.state).join(Shop, Shop.id == StandingChange.shop_id).where(
        Shop.marketplace_id == marketplace_id)
    waits = session.scalar(states.where(StandingChange.state == "new").limit(1)) is not None
    return not waits or session.scalar(states.where(StandingChange.state != "new").limit(1)) is not None


def list_changes_by_id(session: Session, change_ids: Collection[int]) -> dict[int, ChangeRow]:
    """Some changes, by number."""
    columns = [getattr(StandingChange, name) for name in ChangeRow.__dataclass_fields__]
    rows = session.execute(select(*columns).where(StandingChange.id.in_(change_ids)))
    return {row.id: ChangeRow(*row) for row in rows}


def list_held_changes(session: Session, shop_id: int) -> list[ChangeRow]:
    """The changes of a shop that are held back, in the order they were decided."""
    columns = [getattr(StandingChange, name) for name in ChangeRow.__dataclass_fields__]
    mine = (StandingChange.shop_id == shop_id, StandingChange.state == "held")
    return [ChangeRow(*row) for row in session.execute(select(*columns).where(*mine).order_by(StandingChange.id))]


def list_days_of(session: Session, shop_id: int, *, metric: str, after_id: int, until_id: int) -> list[date]:
    """The days of a shop's changes of one metric or kind of strikes, by their ids: after one, up to another."""
    query = select(StandingChange.on_date).where(
        StandingChange.shop_id == shop_id, StandingChange.metric == metric, StandingChange.id > after_id,
        StandingChange.id <= until_id)
    return list(session.scalars(query.order_by(StandingChange.id)))


def count_levels(session: Session, shop_ids: Sequence[int] | None = None) -> dict[str, int]:
    """How many shops stand on each level."""
    rows = session.execute(
        select(ShopStanding.level, sql.count())
        .where(_of_shops(ShopStanding.shop_id, shop_ids))
        .group_by(ShopStanding.level)
    )
    return {level: count for level, count in rows}  # noqa: C416  # rows are no plain pairs


def find_last_run_on(session: Session, marketplace_id: str) -> date | None:
    """The latest date officially judged on a marketplace."""
    return session.scalar(
        select(sql.max(EvaluationRun.on_date)).where(EvaluationRun.marketplace_id == marketplace_id)
    )


def has_run_on(session: Session, marketplace_id: str, on: date) -> bool:
    """Whether a date was officially judged."""
    mine = (EvaluationRun.marketplace_id == marketplace_id, EvaluationRun.on_date == on)
    return session.scalar(select(EvaluationRun.id).where(*mine)) is not None


def daily_results(
    session: Session, shop_id: int, metric: str, *, since: date | None = None
) -> list[DailyResult]:
    """The official results of one metric of a shop, oldest first."""
    columns = [getattr(EvaluationResult, name) for name in list(DailyResult.__dataclass_fields__)[1:]]
    wanted = (
        select(EvaluationRun.on_date, *columns)
        .join(EvaluationRun, EvaluationRun.id == EvaluationResult.run_id)
        .where(EvaluationResult.shop_id == shop_id, EvaluationResult.metric == metric)
        .order_by(EvaluationRun.on_date)
    )
    if since is not None:
        wanted = wanted.where(EvaluationRun.on_date >= since)
    return [DailyResult(*row) for row in session.execute(wanted)]


def list_official_results(
    session: Session, shop_id: int, *, on: date | None = None
) -> dict[str, OfficialResult]:
    """What was decided of each metric of a shop on a date, the last judged one without `on`, by metric."""
    columns = [getattr(EvaluationResult, name) for name in OfficialResult.__dataclass_fields__]
    latest = select(sql.max(EvaluationRun.on_date)).join(
        Shop, Shop.marketplace_id == EvaluationRun.marketplace_id).where(Shop.id == shop_id).scalar_subquery()
    standing = select(ShopStanding.decided_on).where(ShopStanding.shop_id == shop_id).scalar_subquery()
    decided_on = sql.coalesce(standing, latest)
    runs = (
        select(EvaluationRun.id)
        .join(Shop, Shop.marketplace_id == EvaluationRun.marketplace_id)
        .where(Shop.id == shop_id, EvaluationRun.on_date == (decided_on if on is None else on))
    )
    rows = session.execute(
        select(*columns).where(EvaluationResult.shop_id == shop_id, EvaluationResult.run_id.in_(runs))
    )
    return {row.metric: OfficialResult(*row) for row in rows}


def list_movers(  # all filters of one list
    session: Session,
    *,
    shop_ids: Sequence[int] | None = None,
    days: int = 28,
    min_base: int = 20,
    improving: bool = False,
    limit: int = 10,
) -> list[Mover]:
    """The metrics that worsened (or improved) most within `days`, by raw shares, the clearest change first.

    Compares each marketplace's last official date with the one `days` before, where both have `min_base`
    units. The score is the difference in pooled standard errors: small shops do not lead by chance.
    """
    movers: list[Mover] = []
    for last_id, earlier_id in _list_run_pairs(session, days):
        earlier = _load_results(session, earlier_id, shop_ids)
        for key, after in _load_results(session, last_id, shop_ids).items():
            before = earlier.get(key)
            if before and min(before.raw_base, after.raw_base) >= min_base:
                movers.append(Mover(*key, before, after, _score(before, after)))
    sign = -1 if improving else 1
    moved = [mover for mover in movers if sign * mover.score > 0]
    return sorted(moved, key=lambda mover: (-sign * mover.score, mover.shop_id, mover.metric))[:limit]


def _list_run_pairs(session: Session, days: int) -> list[tuple[int, int]]:
    """The last run of each marketplace and the latest one at least `days` before it."""
    pairs = []
    latest = select(EvaluationRun.marketplace_id, sql.max(EvaluationRun.on_date)).group_by(
        EvaluationRun.marketplace_id
    )
    for marketplace_id, on in session.execute(latest).all():
        runs = select(EvaluationRun.id).where(EvaluationRun.marketplace_id == marketplace_id)
        last = session.scalar(runs.where(EvaluationRun.on_date == on))
        before = runs.where(EvaluationRun.on_date <= on - timedelta(days=days))
        earlier = session.scalar(before.order_by(EvaluationRun.on_date.desc()).limit(1))
        if last is not None and earlier is not None:
            pairs.append((last, earlier))
    return pairs


def _load_results(
    session: Session, run_id: int, shop_ids: Sequence[int] | None
) -> dict[tuple[int, str], DailyResult]:
    columns = [getattr(EvaluationResult, name) for name in list(DailyResult.__dataclass_fields__)[1:]]
    wanted = (
        select(EvaluationResult.shop_id, EvaluationResult.metric, EvaluationRun.on_date, *columns)
        .join(EvaluationRun, EvaluationRun.id == EvaluationResult.run_id)
        .where(EvaluationResult.run_id == run_id, _of_shops(EvaluationResult.shop_id, shop_ids))
    )
    return {(shop_id, metric): DailyResult(*rest) for shop_id, metric, *rest in session.execute(wanted)}


def _score(before: DailyResult, after: DailyResult) -> float:
    pooled = (before.raw_bad + after.raw_bad) / (before.raw_base + after.raw_base)
    spread = sqrt(pooled * (1 - pooled) * (1 / before.raw_base + 1 / after.raw_base))
    change = after.raw_bad / after.raw_base - before.raw_bad / before.raw_base
    return change / spread if spread else 0.0


def _of_shops(column: Any, shop_ids: Sequence[int] | None) -> ColumnElement[bool]:
    return true() if shop_ids is None else column.in_(list(shop_ids))
