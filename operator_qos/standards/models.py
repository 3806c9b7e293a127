"""Versions of standards as they were written and published."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class StandardVersion(Base):
    """A version of a standard; `text` is its YAML. Once published, text and dates never change again."""

    __tablename__ = "standard_versions"
    __table_args__ = (
        UniqueConstraint("standard_id", "version"),
        Index("ix_standard_versions_effective_from", "effective_from"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    standard_id: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    effective_from: Mapped[date]
    drafted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    drafted_by: Mapped[str] = mapped_column(String(254))
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    published_by: Mapped[str | None] = mapped_column(String(254))
    legal_ground: Mapped[str | None] = mapped_column(String(40))
    why: Mapped[str] = mapped_column(Text, default="")
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retired_by: Mapped[str | None] = mapped_column(String(254))


class StandardTry(Base):
    """A version to be tried on history by a job, with its text as it was when somebody asked; then what was found."""

    __tablename__ = "standard_tries"
    __table_args__ = (
        Index("ix_standard_tries_standard", "standard_id", "version"),
        Index("ix_standard_tries_state_id", "state", "id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    standard_id: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    first_on: Mapped[date]
    last_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10))  # waiting, running, done, failed
    steps: Mapped[int]
    steps_done: Mapped[int]
    error: Mapped[str] = mapped_column(String(1000))
    result: Mapped[str | None] = mapped_column(Text)  # a Backtest as JSON
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(254))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
