"""Saved mappings, never changed once saved, and the imports that people started."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class MappingVersion(Base):
    """One version of a mapping; what it made can be made again by it."""

    __tablename__ = "mappings"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    saved_by: Mapped[str] = mapped_column(String(254))


class ImportRun(Base):
    """A file that a person brought, or a change to many rows set aside; worked off by a job."""

    __tablename__ = "import_runs"
    __table_args__ = (Index("ix_import_runs_state_id", "state", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))  # mapped, events, repair
    state: Mapped[str] = mapped_column(String(10))  # draft, waiting, running, done, failed, dropped
    file_name: Mapped[str] = mapped_column(String(120))
    stored_as: Mapped[str] = mapped_column(String(32))  # empty once the file is gone
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    marketplace: Mapped[str] = mapped_column(String(200))
    draft: Mapped[str] = mapped_column(Text)
    mapping_id: Mapped[int | None] = mapped_column(ForeignKey("mappings.id"))
    change: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # of kind repair: which rows, and what to change
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(254))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rows_done: Mapped[int] = mapped_column(BigInteger)
    accepted: Mapped[int] = mapped_column(BigInteger)
    duplicate: Mapped[int] = mapped_column(BigInteger)
    conflict: Mapped[int] = mapped_column(BigInteger)
    quarantined: Mapped[int] = mapped_column(BigInteger)
    error: Mapped[str] = mapped_column(String(1000))
