"""Standards on trial, and what they would have decided. Nothing here binds anybody."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class StandardTrial(Base):
    """A published version that official runs of a marketplace also judge by, without consequence."""

    __tablename__ = "standard_trials"
    __table_args__ = (Index("ix_standard_trials_marketplace", "marketplace_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"))
    standard_id: Mapped[str] = mapped_column(String(80))
    version: Mapped[int]
    from_on: Mapped[date] = mapped_column(Date)
    until_on: Mapped[date | None] = mapped_column(Date)
    judged_on: Mapped[date | None] = mapped_column(Date)  # the last date judged
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_by: Mapped[str] = mapped_column(String(254))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None] = mapped_column(String(254))


class PhantomStanding(Base):
    """Where a shop would stand under a standard on trial."""

    __tablename__ = "phantom_standings"

    trial_id: Mapped[int] = mapped_column(ForeignKey("standard_trials.id"), primary_key=True, autoincrement=False)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    level: Mapped[str] = mapped_column(String(60))
    badges: Mapped[list[str]] = mapped_column(JSON)
    warning: Mapped[int]
    since_on: Mapped[date] = mapped_column(Date)
    decided_on: Mapped[date] = mapped_column(Date)
    progress: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class PhantomChange(Base):
    """A change that would have been made, with its reasons; without a trial it is of a rule on trial in a standard."""

    __tablename__ = "phantom_changes"
    __table_args__ = (Index("ix_phantom_changes_trial", "trial_id", "on_date"),
                      Index("ix_phantom_changes_shop", "shop_id", "metric"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    trial_id: Mapped[int | None] = mapped_column(ForeignKey("standard_trials.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    on_date: Mapped[date] = mapped_column(Date)
    kind: Mapped[str] = mapped_column(String(20))
    metric: Mapped[str | None] = mapped_column(String(80))
    before: Mapped[str | None] = mapped_column(String(60))
    after: Mapped[str | None] = mapped_column(String(60))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    standard_id: Mapped[str] = mapped_column(String(80))
    standard_version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
