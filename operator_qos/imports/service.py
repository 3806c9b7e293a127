"""Imports that people start: a draft with a mapping, then work for a job. Nothing here commits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.events.service import Counts
from operator_qos.imports.mappings import save_mapping
from operator_qos.imports.models import ImportRun
from operator_qos.imports.queries import Run, read_run
from operator_qos.imports.store import Stored

# A run that was not heard of for so long lost its process; another goes on where it stood.
LOST_AFTER = timedelta(minutes=15)
KEPT_FOR = timedelta(days=7)


class RunError(ValueError):
    """What was asked for cannot be done with an import in its state."""


def add_run(session: Session, *, stored: Stored, marketplace: str, actor: str, now: datetime) -> Run:
    """A draft of an import for a file in the store."""
    row = _new_run("mapped", "draft", actor, now)
    row.file_name, row.stored_as, row.size_bytes = stored.name, stored.stored_as, stored.size_bytes
    row.marketplace = marketplace
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="import.uploaded", subject=f"import:{row.id}",
                 after={"file": stored.name, "bytes": stored.size_bytes})
    return read_run(row)


def add_repair_run(session: Session, *, change: Mapping[str, Any], actor: str, now: datetime) -> Run:
    """Work for the job: the same change to many rows that were set aside."""
    row = _new_run("repair", "waiting", actor, now)
    row.change = dict(change)
    session.add(row)
    session.flush()
    return read_run(row)


def _new_run(kind: str, state: str, actor: str, now: datetime) -> ImportRun:
    return ImportRun(
        kind=kind, state=state, file_name="", stored_as="", size_bytes=0, marketplace="", draft="", created_at=now,
        created_by=actor, changed_at=now, rows_done=0, accepted=0, duplicate=0, conflict=0, quarantined=0, error="")


def save_draft(
    session: Session, *, run_id: int, text: str, marketplace: str, now: datetime, parts: Mapping[str, str] | None = None
) -> None:
    """Keep what a person wrote so far, and what columns were taken for. Raises RunError once it was started."""
    values: dict[str, Any] = {"draft": text, "marketplace": marketplace, "changed_at": now}
    values |= {"change": {"parts": dict(parts)}} if parts is not None else {}
    found = session.execute(
        update(ImportRun).where(ImportRun.id == run_id, ImportRun.state == "draft")
        .values(**values).returning(ImportRun.id)).scalar()
    if found is None:
        raise RunError("the import was started or dropped")


def queue_run(session: Session, *, run_id: int, text: str, marketplace: str, actor: str, now: datetime) -> None:
    """Save the mapping and hand the import to the job, once. Raises MappingError or RunError."""
    mapping = save_mapping(session, text=text, actor=actor, now=now)
    found = session.execute(
        update(ImportRun).where(ImportRun.id == run_id, ImportRun.state == "draft")
        .values(state="waiting", draft=text, mapping_id=mapping.id, marketplace=marketplace, changed_at=now)
        .returning(ImportRun.id)).scalar()
    if found is None:
        raise RunError("the import was started or dropped")
    append_audit(session, actor=actor, now=now, action="import.started", subject=f"import:{run_id}",
                 after={"mapping": mapping.name, "version": mapping.version, "marketplace": marketplace})


def drop_run(session: Session, *, run_id: int, actor: str, now: datetime) -> str:
    """Give a draft up; the name of its file in the store, which the caller takes away. Raises RunError."""
    row = session.get(ImportRun, run_id)
    if row is None or row.state != "draft":
        raise RunError("only a draft can be dropped")
    stored, row.state, row.stored_as, row.changed_at = row.stored_as, "dropped", "", now
    append_audit(session, actor=actor, now=now, action="import.dropped", subject=f"import:{run_id}")
    return stored


def claim_run(session: Session, *, now: datetime) -> Run | None:
    """The next import to work on, or one whose process was lost; None when there is none. Of two claims one gets it."""
    lost = ImportRun.changed_at < now - LOST_AFTER
    due = or_(ImportRun.state == "waiting", (ImportRun.state == "running") & lost)
    for run_id in session.scalars(select(ImportRun.id).where(due).order_by(ImportRun.id)):
        claimed = session.execute(
            update(ImportRun).where(ImportRun.id == run_id, due).values(state="running", changed_at=now)
            .returning(ImportRun.id)).scalar()
        if claimed is not None:
            return read_run(session.get_one(ImportRun, run_id, populate_existing=True))
    return None


def note_progress(session: Session, *, run_id: int, rows_done: int, counts: Counts, now: datetime) -> None:
    """What an import did so far."""
    row = session.get_one(ImportRun, run_id)
    row.rows_done, row.changed_at = rows_done, now
    row.accepted, row.duplicate, row.conflict, row.quarantined = (
        counts.accepted, counts.duplicate, counts.conflict, counts.quarantined)


def end_run(session: Session, *, run_id: int, state: str, error: str, now: datetime) -> None:
    """An import is over: "done", or "failed" with the reason."""
    row = session.get_one(ImportRun, run_id)
    row.state, row.error, row.changed_at = state, error[:1000], now


def list_old_files(session: Session, *, now: datetime) -> list[str]:
    """Files of imports that ended or were left lying for a week; from now on no import names them."""
    rows = session.scalars(
        select(ImportRun).where(ImportRun.stored_as != "", ImportRun.changed_at < now - KEPT_FOR,
                                ImportRun.state.in_(("draft", "done", "failed", "dropped")))).all()
    found = [row.stored_as for row in rows]
    for row in rows:
        row.stored_as = ""
        row.state = "dropped" if row.state == "draft" else row.state
    return found
