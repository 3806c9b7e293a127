"""Appending to the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.audit.models import AuditRow


def append_audit(  # noqa: PLR0913  # the columns of the trail, all by keyword
    session: Session, *, actor: str, now: datetime, action: str, subject: str,
    before: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None, why: str = "", origin: str = "",
) -> None:
    """Append one row to the trail; does not commit."""
    session.add(AuditRow(
        at=now, actor=actor, action=action, subject=subject, why=why, origin=origin,
        before=None if before is None else dict(before), after=None if after is None else dict(after),
    ))
