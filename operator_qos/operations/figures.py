"""Figures of the running installation, read from the database: the same whichever web process is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.events.models import EventId
from operator_qos.hooks.models import HookCall
from operator_qos.ledger.models import PendingDossier
from operator_qos.notices.models import JobLease, OutboxMail
from operator_qos.operations.models import JobRun
from operator_qos.sellers.models import Shop
from operator_qos.sellers.today_queries import count_quarantined
from operator_qos.sources.models import SourceCount

EVENT_LIMIT = 32


@dataclass(frozen=True)
class Figure:
    """One figure: `kind` is counter or gauge, `values` by the values of its labels."""

    name: str
    help: str
    kind: str
    labels: tuple[str, ...]
    values: Mapping[tuple[str, ...], float]


def list_figures(session: Session, *, now: datetime) -> Iterator[Figure]:
    """Every figure that the database knows."""
    yield _one("operator_qos_events_stored", "Events stored so far.", "counter",
               session.scalar(select(func.coalesce(func.max(EventId.seq), 0))))
    yield _count_arrivals(session)
    yield _one("operator_qos_quarantined", "Events that wait in quarantine.", "gauge",
               count_quarantined(session))
    yield _one("operator_qos_pending_dossiers", "Dossiers whose facts are still to be derived.", "gauge",
               session.scalar(select(func.count()).select_from(PendingDossier)))
    yield _measure_lag(session, now)
    yield _count_states(session, OutboxMail, "operator_qos_mails", "Mails of the outbox by state.")
    yield _count_states(session, HookCall, "operator_qos_webhook_calls", "Calls of webhooks by state.")
    yield from _list_jobs(session)
    lease = session.scalar(select(func.max(JobLease.expires_at)))
    leads = lease is not None and lease > now
    yield _one("operator_qos_scheduler_leading", "1 while a scheduler holds the lease.", "gauge", int(leads))


def _one(name: str, text: str, kind: str, value: float | None) -> Figure:
    return Figure(name, text, kind, (), {(): float(value or 0)})


def _count_arrivals(session: Session) -> Figure:
    """What arrived, by what became of it; the minute that is not added up yet is missing."""
    rows = session.execute(select(SourceCount.what, func.sum(SourceCount.count)).group_by(SourceCount.what).order_by(
        SourceCount.what).limit(EVENT_LIMIT))
    return Figure("operator_qos_arrivals", "What sources sent, by kind, as added up.", "counter", ("what",),
                  {(what,): float(count) for what, count in rows})


def _measure_lag(session: Session, now: datetime) -> Figure:
    rows = session.execute(select(Shop.marketplace_id, func.max(Shop.last_event_ms)).where(
        Shop.last_event_ms > 0).group_by(Shop.marketplace_id).order_by(Shop.marketplace_id))
    return Figure("operator_qos_newest_event_age_seconds", "Since the newest event of a marketplace happened.", "gauge",
                  ("marketplace",), {(place,): max(0, to_ms(now) - newest) / 1000 for place, newest in rows})


def _count_states(session: Session, table: type[OutboxMail] | type[HookCall], name: str, text: str) -> Figure:
    rows = session.execute(select(table.state, func.count()).group_by(table.state))
    found = dict.fromkeys(("waiting", "sent", "dead"), 0.0) | {state: float(count) for state, count in rows}
    return Figure(name, text, "gauge", ("state",), {(state,): count for state, count in found.items()})


def _list_jobs(session: Session) -> Iterator[Figure]:
    rows = session.scalars(select(JobRun).order_by(JobRun.name)).all()
    reads: tuple[tuple[str, str, str, Callable[[JobRun], float]], ...] = (
        ("runs", "Runs of a job.", "counter", lambda row: row.runs),
        ("failures", "Runs of a job that failed.", "counter", lambda row: row.failures),
        ("last_seconds", "How long the last run of a job took.", "gauge", lambda row: row.last_seconds),
        ("last_done_timestamp_seconds", "When a job was last done.", "gauge",
         lambda row: row.last_done_at.timestamp() if row.last_done_at else 0),
    )
    for name, text, kind, read in reads:
        yield Figure(f"operator_qos_job_{name}", text, kind, ("job",), {(row.name,): float(read(row)) for row in rows})
