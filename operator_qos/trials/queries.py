"""What is on trial, and what it would have decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.queries import get_version, list_versions
from operator_qos.standing.models import ShopStanding
from operator_qos.standing.queries import StandingRow
from operator_qos.trials.models import PhantomChange, PhantomStanding, StandardTrial
from scoring.standards import Standard


class UnknownTrialError(LookupError):
    """There is no such trial."""


@dataclass(frozen=True)
class TrialRow:
    """A trial with its standard; `judged_on` is the last date judged, None before the first."""

    id: int
    marketplace_id: str
    marketplace: str
    standard: Standard
    from_on: date
    until_on: date | None
    judged_on: date | None
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None


@dataclass(frozen=True)
class PhantomRow:
    """A shop as it stands, and as it would stand; levels None before any."""

    marketplace_id: str
    code: str
    name: str
    real: str | None
    phantom: str | None
    since_on: date | None


@dataclass(frozen=True)
class PhantomChangeRow:
    """A change that would have been made; `trial_id` None for a rule on trial."""

    trial_id: int | None
    shop_id: int
    marketplace_id: str
    code: str
    name: str
    on_date: date
    kind: str
    metric: str | None
    before: str | None
    after: str | None
    reasons: Sequence[Mapping[str, Any]]
    standard_id: str
    standard_version: int


def list_trials(session: Session, marketplace_id: str | None = None) -> list[TrialRow]:
    """Every trial, or those of a marketplace, the latest first."""
    asked = select(StandardTrial, Marketplace.name).join(Marketplace).order_by(StandardTrial.id.desc())
    if marketplace_id is not None:
        asked = asked.where(StandardTrial.marketplace_id == marketplace_id)
    found = session.execute(asked).all()
    versions = {kept.key: kept.standard for kept in list_versions(session)} if found else {}
    return [_to_row(trial, name, versions[trial.standard_id, trial.version]) for trial, name in found]


def get_trial(session: Session, trial_id: int) -> TrialRow:
    """One trial. Raises UnknownTrialError."""
    asked = select(StandardTrial, Marketplace.name).join(Marketplace).where(StandardTrial.id == trial_id)
    found = session.execute(asked).one_or_none()
    if found is None:
        raise UnknownTrialError(f"there is no trial {trial_id}")
    trial, name = found
    return _to_row(trial, name, get_version(session, trial.standard_id, trial.version).standard)


def _to_row(trial: StandardTrial, marketplace: str, standard: Standard) -> TrialRow:
    return TrialRow(
        trial.id, trial.marketplace_id, marketplace, standard, trial.from_on, trial.until_on, trial.judged_on,
        trial.started_at, trial.started_by, trial.ended_at, trial.ended_by)


def list_kept(session: Session, trial: TrialRow) -> dict[int, StandingRow]:
    """Where shops would stand by a trial, by shop, as the next date goes on from."""
    rows = session.scalars(select(PhantomStanding).where(PhantomStanding.trial_id == trial.id))
    standard = trial.standard
    return {row.shop_id: StandingRow(
        row.shop_id, row.level, row.badges, [], row.warning, row.since_on, row.decided_on, standard.id,
        standard.version, row.progress) for row in rows}


def list_phantoms(session: Session, trial: TrialRow) -> list[PhantomRow]:
    """Every shop the trial has judged with its real level beside the other, by name."""
    columns = (Shop.marketplace_id, Shop.code, Shop.name, ShopStanding.level, PhantomStanding.level,
               PhantomStanding.since_on)
    asked = (
        select(*columns).select_from(PhantomStanding).join(Shop, Shop.id == PhantomStanding.shop_id)
        .outerjoin(ShopStanding, ShopStanding.shop_id == Shop.id)
        .where(PhantomStanding.trial_id == trial.id).order_by(Shop.name, Shop.id))
    return [PhantomRow(*row) for row in session.execute(asked)]


def list_phantom_changes(session: Session, trial_id: int, *, limit: int) -> list[PhantomChangeRow]:
    """What a trial would have changed, the latest first."""
    asked = _select_changes().where(PhantomChange.trial_id == trial_id)
    return _read(session, asked.order_by(PhantomChange.on_date.desc(), PhantomChange.id.desc()).limit(limit))


def list_rule_changes(session: Session, *, limit: int) -> list[PhantomChangeRow]:
    """What rules on trial within standards in force would have said, the latest first."""
    asked = _select_changes().where(PhantomChange.trial_id.is_(None))
    return _read(session, asked.order_by(PhantomChange.on_date.desc(), PhantomChange.id.desc()).limit(limit))


def list_changes_on(session: Session, marketplace_id: str, dates: Sequence[date]) -> list[PhantomChangeRow]:
    """What would have changed on these dates in a marketplace, in the order of the dates."""
    if not dates:
        return []
    asked = _select_changes().where(
        Shop.marketplace_id == marketplace_id, PhantomChange.on_date >= min(dates), PhantomChange.on_date <= max(dates))
    rows = _read(session, asked.order_by(PhantomChange.on_date, PhantomChange.id))
    return [row for row in rows if row.on_date in set(dates)]


def find_last_verdicts(session: Session, shop_ids: Sequence[int], standard_id: str) -> dict[tuple[int, str], str]:
    """The last verdict of each shop under each rule on trial, by shop and rule."""
    latest = (
        select(func.max(PhantomChange.id)).where(
            PhantomChange.trial_id.is_(None), PhantomChange.shop_id.in_(shop_ids),
            PhantomChange.standard_id == standard_id)
        .group_by(PhantomChange.shop_id, PhantomChange.metric))
    asked = select(PhantomChange.shop_id, PhantomChange.metric, PhantomChange.after).where(
        PhantomChange.id.in_(latest))
    return {(shop_id, str(rule)): str(verdict) for shop_id, rule, verdict in session.execute(asked)}


def list_marketplaces(session: Session) -> list[tuple[str, str]]:
    """Ids and names of the marketplaces, by name."""
    asked = select(Marketplace.id, Marketplace.name).order_by(Marketplace.name)
    return [(marketplace_id, name) for marketplace_id, name in session.execute(asked)]


def _select_changes() -> Any:
    columns = (
        PhantomChange.trial_id, Shop.id, Shop.marketplace_id, Shop.code, Shop.name, PhantomChange.on_date,
        PhantomChange.kind, PhantomChange.metric, PhantomChange.before, PhantomChange.after, PhantomChange.reasons,
        PhantomChange.standard_id, PhantomChange.standard_version)
    return select(*columns).select_from(PhantomChange).join(Shop, Shop.id == PhantomChange.shop_id)


def _read(session: Session, asked: Any) -> list[PhantomChangeRow]:
    return [PhantomChangeRow(*row) for row in session.execute(asked)]
