"""Writing down how jobs went. Nothing here commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos.operations.models import JobRun


def record_run(session: Session, *, name: str, done: bool, seconds: float, now: datetime) -> None:
    """Count one run of a job; one scheduler leads, so that nobody else writes its row."""
    row = session.get(JobRun, name)
    if row is None:
        row = JobRun(name=name, runs=0, failures=0, last_at=now, last_done_at=None, last_seconds=0.0)
        session.add(row)
    row.runs, row.failures = row.runs + 1, row.failures + (not done)
    row.last_at, row.last_seconds = now, round(seconds, 3)
    if done:
        row.last_done_at = now
    session.flush()
