"""Appending to the audit trail, and sealing what was appended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from operator_qos.audit.models import AuditRow, AuditSeal
from operator_qos.audit.queries import find_last_seal, list_unsealed
from operator_qos.audit.rules import START, chain, check_reason, write_canonical


def append_audit(  # noqa: PLR0913  # the columns of the trail, all by keyword
    session: Session, *, actor: str, now: datetime, action: str, subject: str,
    before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None, why: str = "", origin: str = "",
) -> None:
    """Append one row to the trail; does not commit. Raises MissingReasonError for an override without a reason."""
    check_reason(action, actor=actor, why=why)
    session.add(AuditRow(
        at=now, actor=actor, action=action, subject=subject, why=why, origin=origin,
        before=None if before is None else dict(before), after=None if after is None else dict(after),
    ))


def seal_rows(session: Session, *, now: datetime, limit: int, after_id: int = 0) -> int:
    """Chain rows after an id that are committed and not chained yet, by id; returns how many. Does not commit.

    Whoever appends waits for nothing. Of two sealers the second waits for the first, then goes on after it.
    """
    if session.connection().dialect.name == "postgresql":  # SQLite's transaction holds the only writer anyway
        session.execute(text("SELECT pg_advisory_xact_lock(7302, 0)"))
    last = find_last_seal(session)
    position, previous = (last.position, last.hash) if last is not None else (0, START)
    seals = []
    for row in list_unsealed(session, limit=limit, after_id=after_id):
        position, previous = position + 1, chain(previous, write_canonical(row))
        seals.append({"position": position, "row_id": row.id, "hash": previous, "sealed_at": now})
    if seals:
        session.execute(insert(AuditSeal), seals)
    return len(seals)
