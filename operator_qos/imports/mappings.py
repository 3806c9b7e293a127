"""The book of saved mappings: a change is a new version, so that every row can be read again as it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.connectors.mapping.model import Mapping
from operator_qos.connectors.mapping.reading import parse_mapping
from operator_qos.imports.models import MappingVersion


@dataclass(frozen=True)
class SavedMapping:
    """A version of a mapping."""

    id: int
    name: str
    version: int
    title: str
    text: str
    saved_at: datetime
    saved_by: str


def save_mapping(session: Session, *, text: str, actor: str, now: datetime) -> SavedMapping:
    """Keep a mapping; the newest version again when nothing changed. Raises MappingError. Does not commit."""
    mapping = parse_mapping(text)
    last = session.scalars(
        select(MappingVersion).where(MappingVersion.name == mapping.mapping)
        .order_by(MappingVersion.version.desc()).limit(1)).first()
    if last is not None and last.text == text:
        return _saved(last)
    row = MappingVersion(
        name=mapping.mapping, version=(last.version if last else 0) + 1, title=mapping.title, text=text, saved_at=now,
        saved_by=actor)
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="mapping.saved", subject=f"mapping:{row.name}",
                 after={"version": row.version})
    return _saved(row)


def find_mapping(session: Session, mapping_id: int) -> SavedMapping | None:
    """A saved version."""
    row = session.get(MappingVersion, mapping_id)
    return _saved(row) if row is not None else None


def find_newest(session: Session, name: str) -> SavedMapping | None:
    """The newest version of a mapping."""
    row = session.scalars(
        select(MappingVersion).where(MappingVersion.name == name).order_by(MappingVersion.version.desc()).limit(1)
    ).first()
    return _saved(row) if row is not None else None


def list_newest(session: Session) -> Sequence[SavedMapping]:
    """The newest version of each mapping, by name."""
    newest = select(func.max(MappingVersion.id)).group_by(MappingVersion.name)
    rows = session.scalars(select(MappingVersion).where(MappingVersion.id.in_(newest)).order_by(MappingVersion.name))
    return [_saved(row) for row in rows]


@lru_cache(maxsize=64)
def read_saved(text: str) -> Mapping:
    """A saved text as a mapping; read once."""
    return parse_mapping(text)


def _saved(row: MappingVersion) -> SavedMapping:
    return SavedMapping(row.id, row.name, row.version, row.title, row.text, row.saved_at, row.saved_by)
