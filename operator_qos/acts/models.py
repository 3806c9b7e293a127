"""Acts, the approvals of the grave ones, how each marketplace is asked, and what sources say of themselves."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Date, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class Act(Base):
    """One consequence for a shop: what changes for it, why, since when and how far it got.

    No restriction without its statement of reasons, and no end of the whole service before its statement: the
    database refuses both.
    """

    __tablename__ = "acts"
    __table_args__ = (
        CheckConstraint(
            "NOT is_adverse OR state IN ('held', 'refused', 'dropped') OR statement_id IS NOT NULL", name="stated"),
        CheckConstraint("NOT needs_two OR state IN ('held', 'refused', 'dropped') OR (approved_by IS NOT NULL "
                        "AND second_by IS NOT NULL AND approved_by <> second_by)", name="two_people"),
        Index("ix_acts_shop_state", "shop_id", "state"),
        Index("ix_acts_state_effective", "state", "effective_at"),
        Index("ix_acts_change", "change_id"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    # The last standing change it mirrors or follows; None for what a person decided.
    change_id: Mapped[int | None] = mapped_column(ForeignKey("standing_changes.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("acts.id"))
    kind: Mapped[str] = mapped_column(String(30))
    subject: Mapped[str] = mapped_column(String(100))
    origin: Mapped[str] = mapped_column(String(100), default="")  # what it lasts with: tier:below, rule:…, points:2
    before: Mapped[str | None] = mapped_column(String(60))
    after: Mapped[str | None] = mapped_column(String(60))
    scope: Mapped[dict[str, Any]] = mapped_column(JSON)
    is_adverse: Mapped[bool]
    needs_two: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(10))  # scoring.acts.ActState
    holds: Mapped[list[dict[str, Any]]] = mapped_column(JSON)  # why it waits: guard and its numbers
    ends: Mapped[str] = mapped_column(String(100), default="")  # the origin whose acts end when it goes ahead
    ends_as: Mapped[str | None] = mapped_column(String(10))  # how it is over once its end, asked for, is in force
    automated: Mapped[bool] = mapped_column(default=True)
    decided_by: Mapped[str] = mapped_column(String(254))
    why: Mapped[str] = mapped_column(Text, default="")
    standard_id: Mapped[str | None] = mapped_column(String(60))
    standard_version: Mapped[int | None]
    on_date: Mapped[date] = mapped_column(Date)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    effective_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    legal_ground: Mapped[str | None] = mapped_column(String(40))
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("statements.id"))
    approved_by: Mapped[str | None] = mapped_column(String(254))
    second_by: Mapped[str | None] = mapped_column(String(254))
    adapter: Mapped[str] = mapped_column(String(20), default="record")
    call_id: Mapped[int | None] = mapped_column(BigInteger)  # the call that asked for it, or for its end
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    in_force_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(500), default="")


class ActAdapter(Base):
    """How acts reach a marketplace; one without a row is recorded only."""

    __tablename__ = "act_adapters"

    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"), primary_key=True)
    adapter: Mapped[str] = mapped_column(String(20))


class SourceTotal(Base):
    """How many events of a kind a source says a day had, to hold our own count against."""

    __tablename__ = "source_totals"

    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"), primary_key=True)
    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    type: Mapped[str] = mapped_column(String(60), primary_key=True)
    on_date: Mapped[date] = mapped_column(Date, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
