"""Writing, publishing and retiring versions of standards; each step leaves a row in the audit trail."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.standards import queries
from operator_qos.standards.following import require_counted_rightly
from operator_qos.standards.models import StandardVersion
from operator_qos.standards.rules import (
    Kept,
    VersionStateError,
    read_draft,
    renumber,
    require_publishable,
    require_retirable,
    require_why,
    today_of,
)
from operator_qos.standards.telling import tell_published, tell_retired
from scoring.standards import load_preset, read_preset
from scoring.standards.versions import NOTICE_DAYS


def save_draft(session: Session, *, text: str, actor: str, now: datetime) -> Kept:
    """Keep a text as the draft of the version it names, in place of an earlier draft. Does not commit.

    Raises StandardError for a text with a mistake, VersionStateError when that version is published.
    """
    standard = read_draft(text)
    row = queries.find_row(session, standard.id, standard.version)
    if (standard.id, standard.version) == queries.get_shipped().key or (row and row.published_at):
        number = queries.find_next_number(session, standard.id)
        raise VersionStateError(
            f"{standard.id} version {standard.version} is published and never changes; write version {number}"
        )
    before = {"sha256": _hash(row.text)} if row else None
    if row is None:
        row = StandardVersion(standard_id=standard.id, version=standard.version, why="")
        session.add(row)
    row.text, row.effective_from, row.drafted_at, row.drafted_by = text, standard.effective_from, now, actor
    session.flush()
    append_audit(
        session, actor=actor, now=now, action="standard.draft", subject=_subject(row), before=before,
        after={"sha256": _hash(text), "effective_from": str(standard.effective_from)},
    )
    return queries.to_kept(row)


def take_over(session: Session, *, preset: str, actor: str, now: datetime) -> Kept:
    """Make a draft of a preset, as its next version, in force as soon as notice allows. Does not commit.

    Raises StandardError for an unknown preset.
    """
    standard = load_preset(preset)
    number = queries.find_next_number(session, standard.id)
    first = today_of(standard, now) + timedelta(days=NOTICE_DAYS + 1)
    text = renumber(read_preset(preset), version=number, effective_from=first)
    return save_draft(session, text=text, actor=actor, now=now)


def start_version(session: Session, *, standard_id: str, version: int, actor: str, now: datetime) -> Kept:
    """Make a draft that starts as a copy of a version. Does not commit. Raises UnknownVersionError."""
    kept = queries.get_version(session, standard_id, version)
    number = queries.find_next_number(session, standard_id)
    first = max(today_of(kept.standard, now), kept.standard.effective_from) + timedelta(days=NOTICE_DAYS + 1)
    text = renumber(kept.text, version=number, effective_from=first)
    return save_draft(session, text=text, actor=actor, now=now)


def delete_draft(session: Session, *, standard_id: str, version: int, actor: str, now: datetime) -> None:
    """Forget a draft. Does not commit. Raises UnknownVersionError, VersionStateError for what is published."""
    kept, row = queries.get_version(session, standard_id, version), queries.find_row(session, standard_id, version)
    if row is None or not kept.is_draft:
        raise VersionStateError(f"{standard_id} version {version} is published; retire it instead")
    before = {"sha256": _hash(row.text)}
    append_audit(session, actor=actor, now=now, action="standard.delete", subject=_subject(row), before=before)
    session.delete(row)
    session.flush()


def publish(  # what, why, by whom, when
    session: Session, *, standard_id: str, version: int, why: str, actor: str, now: datetime,
    legal_ground: str | None = None,
) -> Kept:
    """Announce a draft: it binds from its first day on and never changes again; whom it binds is told. Does not commit.

    Raises UnknownVersionError, VersionStateError, or StandardError for notice, order, contradiction, or what would be
    counted wrongly.
    """
    kept, row = queries.get_version(session, standard_id, version), queries.find_row(session, standard_id, version)
    versions = queries.list_versions(session)
    require_publishable(kept, versions, now=now, legal_ground=legal_ground, why=why)
    require_counted_rightly(kept.standard)
    if row is None:
        raise queries.UnknownVersionError(f"no draft {version} of {standard_id!r}")
    row.published_at, row.published_by, row.legal_ground, row.why = now, actor, legal_ground, require_why(why)
    session.flush()
    after = {"sha256": _hash(row.text), "effective_from": str(row.effective_from), "legal_ground": legal_ground}
    append_audit(
        session, actor=actor, now=now, action="standard.publish", subject=_subject(row), after=after, why=row.why
    )
    published = queries.to_kept(row)
    tell_published(session, published, now=now)
    return published


def retire(session: Session, *, standard_id: str, version: int, why: str, actor: str, now: datetime) -> Kept:
    """End a published version: the one before it binds again, if there is one; whom it bound is told. Does not commit.

    Results already frozen keep naming it. Raises UnknownVersionError, VersionStateError, StandardError without a why.
    """
    kept, row = queries.get_version(session, standard_id, version), queries.find_row(session, standard_id, version)
    require_retirable(kept)
    said = require_why(why)
    if row is None:
        raise queries.UnknownVersionError(f"no version {version} of {standard_id!r}")
    row.retired_at, row.retired_by = now, actor
    session.flush()
    append_audit(session, actor=actor, now=now, action="standard.retire", subject=_subject(row), why=said)
    retired = queries.to_kept(row)
    tell_retired(session, retired, why=said, now=now)
    return retired


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _subject(row: StandardVersion) -> str:
    return f"{row.standard_id}:{row.version}"
