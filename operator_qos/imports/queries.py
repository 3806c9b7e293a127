"""Reading the imports that people started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.events.service import Counts
from operator_qos.imports.models import ImportRun
from operator_qos.sellers.models import Marketplace


@dataclass(frozen=True)
class Run:
    """An import as it stands."""

    id: int
    kind: str
    state: str
    file_name: str
    stored_as: str
    size_bytes: int
    marketplace: str
    draft: str
    mapping_id: int | None
    change: dict[str, Any] | None
    created_at: datetime
    created_by: str
    changed_at: datetime
    rows_done: int
    counts: Counts
    error: str

    @property
    def is_under_way(self) -> bool:
        """Whether it waits or runs."""
        return self.state in {"waiting", "running"}

    @property
    def origin(self) -> str:
        """What the rows it set aside name as where they came from."""
        return origin_of(self.id, self.file_name)


def origin_of(run_id: int, file_name: str) -> str:
    """The origin of rows of an import: its file, told apart from another of the same name."""
    return f"{file_name} (import {run_id})"


def find_run(session: Session, run_id: int) -> Run | None:
    """An import."""
    row = session.get(ImportRun, run_id)
    return read_run(row) if row is not None else None


def count_runs(session: Session) -> int:
    """How many imports there are."""
    return session.scalar(select(func.count()).select_from(ImportRun)) or 0


def list_runs(session: Session, *, offset: int, limit: int) -> Sequence[Run]:
    """Imports, the newest first."""
    rows = session.scalars(select(ImportRun).order_by(ImportRun.id.desc()).offset(offset).limit(limit))
    return [read_run(row) for row in rows]


@dataclass(frozen=True)
class Place:
    """A marketplace that rows may belong to."""

    id: str
    name: str
    timezone: str


def list_places(session: Session) -> Sequence[Place]:
    """The marketplaces, by name."""
    query = select(Marketplace.id, Marketplace.name, Marketplace.timezone).order_by(Marketplace.name)
    return [Place(row.id, row.name or row.id, row.timezone) for row in session.execute(query)]


def read_run(row: ImportRun) -> Run:
    """A row as plain data."""
    counts = Counts(row.accepted, row.duplicate, row.conflict, row.quarantined)
    return Run(row.id, row.kind, row.state, row.file_name, row.stored_as, row.size_bytes, row.marketplace, row.draft,
               row.mapping_id, row.change, row.created_at, row.created_by, row.changed_at, row.rows_done, counts,
               row.error)
