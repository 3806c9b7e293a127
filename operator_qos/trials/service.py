"""Putting a published standard on trial for a marketplace, and taking it off; both stand in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.evaluation.queries import get_marketplace
from operator_qos.standards.queries import get_version
from operator_qos.trials.models import StandardTrial
from operator_qos.trials.queries import TrialRow, get_trial


class TrialStateError(ValueError):
    """Something cannot be put on trial, or taken off; the text says why and what to do."""


@dataclass(frozen=True)
class Terms:
    """What is put on trial where, from which day on, and through which; None for no end."""

    marketplace_id: str
    standard_id: str
    version: int
    from_on: date
    until_on: date | None = None


def start_trial(session: Session, terms: Terms, *, actor: str, now: datetime) -> TrialRow:
    """Judge a marketplace by a published version too, from a date on, without consequence. Does not commit.

    Raises UnknownVersionError, UnknownMarketplaceError, and TrialStateError for a draft, a retired version, a standard
    on trial there already, or dates that make no period.
    """
    get_marketplace(session, terms.marketplace_id)
    _require_startable(session, terms)
    row = StandardTrial(**vars(terms), started_at=now, started_by=actor)
    session.add(row)
    session.flush()
    after = {"from": str(terms.from_on), "until": _text(terms.until_on)}
    _audit(session, row, "standard.trial", after, (actor, now))
    return get_trial(session, row.id)


def _require_startable(session: Session, terms: Terms) -> None:
    kept = get_version(session, terms.standard_id, terms.version)
    name = f"{terms.standard_id} version {terms.version}"
    if kept.is_draft:
        raise TrialStateError(f"{name} is a draft; publish it first, or try it on history")
    if kept.retired_at is not None:
        raise TrialStateError(f"{name} is retired; put a version on trial that is not")
    if terms.until_on is not None and terms.until_on < terms.from_on:
        raise TrialStateError(f"the last day, {terms.until_on}, lies before the first, {terms.from_on}")
    open_ones = select(StandardTrial.version).filter_by(
        marketplace_id=terms.marketplace_id, standard_id=terms.standard_id, ended_at=None)
    if (other := session.scalars(open_ones).first()) is not None:
        raise TrialStateError(
            f"{terms.standard_id} version {other} is on trial in {terms.marketplace_id} already; end that first")


def end_trial(session: Session, *, trial_id: int, actor: str, now: datetime) -> TrialRow:
    """Judge by it no longer; what it would have decided stays. Does not commit.

    Raises UnknownTrialError, and TrialStateError when it has ended.
    """
    if get_trial(session, trial_id).ended_at is not None:
        raise TrialStateError("this trial has ended already")
    row = session.get_one(StandardTrial, trial_id)
    row.ended_at, row.ended_by = now, actor
    session.flush()
    _audit(session, row, "standard.trial_ended", {"judged": _text(row.judged_on)}, (actor, now))
    return get_trial(session, trial_id)


def _audit(
    session: Session, row: StandardTrial, action: str, after: dict[str, Any], who: tuple[str, datetime]
) -> None:
    subject = f"{row.marketplace_id}:{row.standard_id}:{row.version}"
    append_audit(session, actor=who[0], now=who[1], action=action, subject=subject, after={"trial": row.id, **after})


def _text(on: date | None) -> str | None:
    return None if on is None else on.isoformat()
