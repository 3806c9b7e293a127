"""Exports that were saved, and who is sent them how often."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, UtcDateTime


class SavedExport(Base):
    """A table, narrowed, that is fetched again at one address."""

    __tablename__ = "saved_exports"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(24), unique=True)
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"), index=True)  # None: the operator's
    name: Mapped[str] = mapped_column(String(100))
    sheet: Mapped[str] = mapped_column(String(20))
    filters: Mapped[dict[str, str]] = mapped_column(JSON)
    columns: Mapped[list[str]] = mapped_column(JSON)
    form: Mapped[str] = mapped_column(String(10))
    made_by: Mapped[str] = mapped_column(String(254))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReportSubscription(Base):
    """A person who is sent a saved export every week or month."""

    __tablename__ = "report_subscriptions"
    __table_args__ = (Index("ix_report_subscriptions_next", "next_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    export_id: Mapped[int] = mapped_column(ForeignKey("saved_exports.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    every: Mapped[str] = mapped_column(String(5))
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: no longer
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
