"""Runs the jobs on time. Several schedulers may run: the one holding the lease works, the others wait."""

from __future__ import annotations

import os
import signal
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler
from sqlalchemy import Engine

from operator_qos.clock import utc_now
from operator_qos.db import get_engine, unit_of_work
from operator_qos.notices.service import hold_lease, release_lease
from operator_qos.operations.service import record_run
from operator_qos.settings import Settings

LEASE_NAME = "scheduler"
# Renewed by every job, the most frequent of which runs every 20 seconds.
LEASE_SECONDS = 90
# How long a change of standing may come and go before people are told of it.
SETTLING = timedelta(hours=2)
log = structlog.get_logger(__name__)
Work = Callable[[Engine, Settings, datetime], object]


@dataclass(frozen=True)
class Job:
    """What runs when; `when` are the arguments of APScheduler's trigger."""

    name: str
    work: Work
    trigger: str
    when: dict[str, int]


def _advance_cells(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.ledger.jobs import advance_cells

    return advance_cells(engine, now=now)


def _refresh_slow(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.ledger.jobs import refresh_slow

    return refresh_slow(engine, now=now)


def _refresh_live(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.evaluation.live import refresh_live

    return refresh_live(engine, now=now)


def _tell_newcomers(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.standards.jobs import tell_newcomers_due

    return tell_newcomers_due(engine, now=now)


def _escalate_due(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.disputes.jobs import run_timers

    return run_timers(engine, now=now)


def _evaluate_due(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.evaluation.service import evaluate_due

    return len(evaluate_due(engine, now=now, tell_at=now + SETTLING))


def _carry_out_due(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.acts.jobs import carry_out_due

    return carry_out_due(engine, now=now)


def _deliver_outbox(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.notices.jobs import deliver_outbox

    return deliver_outbox(engine, settings, now=now)


def _tell_due(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.notices.jobs import tell_due

    return tell_due(engine, now=now)


def _call_hooks(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.hooks.jobs import call_hooks

    return call_hooks(engine, now=now, trusted_hosts=settings.trusted_hosts)


def _follow_promises(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.me.jobs import follow_promises

    return follow_promises(engine, now=now)


def _send_due_reports(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.reports.jobs import send_due_reports

    return send_due_reports(engine, now=now)


def _sync_connections(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.connections.jobs import sync_connections

    return sync_connections(engine, settings, now=now)


def _ask_platforms(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.connections.jobs import carry_out_wishes

    return carry_out_wishes(engine, settings, now=now)


def _compare_figures(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.connections.jobs import compare_connections

    return compare_connections(engine, settings, now=now)


def _recount_cells(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.ledger.jobs import recount_cells

    found = recount_cells(engine, now=now)
    if found.different:
        log.error("day_cells_differed", cells=found.cells, different=found.different, done="put right")
    return found


def _move_recourse(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.recourse.jobs import move_recourse

    return move_recourse(engine, now=now)


def _run_imports(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.imports.jobs import run_imports
    from operator_qos.imports.store import ImportStore

    return run_imports(engine, ImportStore(settings.imports_dir), now=now)


def _run_tries(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.standards.tries.jobs import run_tries

    return run_tries(engine, now=now)


def _drop_old_imports(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.imports.jobs import drop_old_files
    from operator_qos.imports.store import ImportStore

    return drop_old_files(engine, ImportStore(settings.imports_dir), now=now)


def _find_shared_faults(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.exclusions.jobs import find_shared_faults

    return find_shared_faults(engine, now=now)


def _finish_abandoned(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.ledger.bulk import finish_abandoned

    return finish_abandoned(engine, now=now)


def _seal_audit(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.audit.jobs import run_sealer

    return run_sealer(engine, now=now)


def _tell_anchor(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.audit.jobs import run_sealer, tell_anchor

    run_sealer(engine, now=now, everything=True)
    return tell_anchor(engine, now=now)


def _add_up_counts(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.sources.jobs import add_up_counts

    return add_up_counts(engine, now=now)


def _drop_expired_bodies(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.events.jobs import drop_expired_bodies

    return drop_expired_bodies(engine, now=now)


def _empty_old_notes(engine: Engine, settings: Settings, now: datetime) -> object:
    from operator_qos.notebook.jobs import empty_old_notes

    return empty_old_notes(engine, days=settings.note_retention_days, now=now)


def _forget_received(engine: Engine, _settings: Settings, now: datetime) -> object:
    from operator_qos.receiving.jobs import forget_received

    return forget_received(engine, now=now)


JOBS: tuple[Job, ...] = (
    Job("advance_cells", _advance_cells, "interval", {"minutes": 1}),
    Job("refresh_slow", _refresh_slow, "interval", {"hours": 1}),
    Job("refresh_live", _refresh_live, "interval", {"hours": 1}),
    Job("tell_newcomers", _tell_newcomers, "interval", {"hours": 1}),
    Job("escalate_due", _escalate_due, "interval", {"minutes": 1}),
    Job("evaluate_due", _evaluate_due, "interval", {"minutes": 10}),
    Job("tell_due", _tell_due, "interval", {"minutes": 1}),
    Job("carry_out_acts", _carry_out_due, "interval", {"minutes": 1}),
    Job("deliver_outbox", _deliver_outbox, "interval", {"seconds": 20}),
    Job("move_recourse", _move_recourse, "interval", {"minutes": 10}),
    Job("finish_abandoned_imports", _finish_abandoned, "interval", {"minutes": 10}),
    Job("add_up_source_counts", _add_up_counts, "interval", {"minutes": 1}),
    Job("forget_received_webhooks", _forget_received, "interval", {"hours": 24}),
    Job("drop_expired_bodies", _drop_expired_bodies, "interval", {"hours": 1}),
    Job("empty_old_notes", _empty_old_notes, "cron", {"hour": 5, "minute": 15}),
    Job("run_imports", _run_imports, "interval", {"seconds": 10}),
    Job("run_tries", _run_tries, "interval", {"seconds": 10}),
    Job("drop_old_imports", _drop_old_imports, "cron", {"hour": 5, "minute": 5}),
    Job("call_hooks", _call_hooks, "interval", {"seconds": 20}),
    Job("follow_promises", _follow_promises, "interval", {"minutes": 1}),
    Job("send_due_reports", _send_due_reports, "interval", {"minutes": 5}),
    Job("sync_connections", _sync_connections, "interval", {"minutes": 1}),
    Job("ask_platforms", _ask_platforms, "interval", {"minutes": 1}),
    Job("compare_figures", _compare_figures, "interval", {"minutes": 30}),
    Job("find_shared_faults", _find_shared_faults, "cron", {"hour": 4, "minute": 20}),
    Job("seal_audit", _seal_audit, "interval", {"minutes": 1}),
    Job("tell_anchor", _tell_anchor, "interval", {"hours": 1}),
    Job("recount_cells", _recount_cells, "cron", {"hour": 3, "minute": 10}),
)


class Leader:
    """One scheduler among possibly several; runs a job only while it leads."""

    def __init__(
        self, engine: Engine, settings: Settings, *, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._engine = engine
        self._settings = settings
        self._clock = clock

    def run(self, job: Job) -> bool:
        """Run a job if this scheduler leads; True when it ran to its end. Errors are logged and end here."""
        try:
            if not self.leads():
                return False
        except Exception:  # the next run of this job, and all others, must still happen
            log.exception("job_failed", job=job.name)
            return False
        started, done = time.monotonic(), False
        try:
            result = job.work(self._engine, self._settings, self._clock())
            log.debug("job_done", job=job.name, result=repr(result))
            done = True
        except Exception:
            log.exception("job_failed", job=job.name)
        self._write_down(job.name, done=done, seconds=time.monotonic() - started)
        return done

    def _write_down(self, name: str, *, done: bool, seconds: float) -> None:
        """Keep how a run went, for the figures; a database that does not answer is told by the job itself."""
        try:
            with unit_of_work(self._engine) as session:
                record_run(session, name=name, done=done, seconds=seconds, now=self._clock())
        except Exception:
            log.exception("job_run_not_kept", job=name)

    def leads(self) -> bool:
        """Take or renew the lease; False while another scheduler holds it."""
        with unit_of_work(self._engine) as session:
            return hold_lease(
                session, name=LEASE_NAME, holder=self.holder, now=self._clock(), seconds=LEASE_SECONDS
            )

    def resign(self) -> None:
        """Give the lease back, so that another scheduler need not wait for its end."""
        try:
            with unit_of_work(self._engine) as session:
                release_lease(session, name=LEASE_NAME, holder=self.holder, now=self._clock())
        except Exception:  # without a database the lease ends by itself
            log.exception("lease_not_released")


@dataclass(frozen=True)
class SchedulerThread:
    """A scheduler working in the background of this process."""

    scheduler: BackgroundScheduler
    leader: Leader

    def stop(self) -> None:
        """Let running jobs end, then give the lease back."""
        self.scheduler.shutdown(wait=True)
        self.leader.resign()


def start_scheduler_thread(settings: Settings, engine: Engine) -> SchedulerThread:
    """Start the jobs in threads of this process; call `stop` on what it returns."""
    leader = Leader(engine, settings)
    scheduler = BackgroundScheduler(timezone=UTC, daemon=True)
    add_jobs(scheduler, leader)
    scheduler.start()
    return SchedulerThread(scheduler, leader)


def run_scheduler(settings: Settings) -> None:
    """Run the jobs until SIGTERM or SIGINT, then let running ones end. For the main thread only."""
    # Not an Event: its lock is not reentrant, and the handler runs in the very thread that is about to wait for it.
    over: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: over.put(received))
    running = start_scheduler_thread(settings, get_engine(settings.url, settings.pool))
    log.info("scheduler_started", holder=running.leader.holder)
    # A signal that another thread of the process received wakes nobody: the handler runs once this thread looks.
    while over.empty():
        time.sleep(0.2)
    running.stop()
    log.info("scheduler_stopped", holder=running.leader.holder)


def add_jobs(scheduler: BaseScheduler, leader: Leader, jobs: tuple[Job, ...] = JOBS) -> None:
    """Plan every job; late runs are made up for once, and no job runs twice at a time."""
    for job in jobs:
        soon: dict[str, Any] = {"next_run_time": datetime.now(UTC)} if job.trigger == "interval" else {}
        scheduler.add_job(
            leader.run,
            job.trigger,
            args=[job],
            id=job.name,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
            **job.when,
            **soon,
        )
