"""Disputes: a case on its way to a decision, its deadlines stored and indexed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class Dispute(Base):
    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("shop_id", "case_ref"),
        Index("ix_disputes_state_seller_due", "state", "seller_due_at"),
        Index("ix_disputes_state_decision_due", "state", "decision_due_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), index=True)
    case_ref: Mapped[str] = mapped_column(String(200))
    order_ref: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(80))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(20))  # opened, in_discussion, escalated, decided, closed
    holder: Mapped[str] = mapped_column(String(10))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seller_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    escalated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    escalated_by: Mapped[str | None] = mapped_column(String(10))
    mediator_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    decision_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    fault: Mapped[str | None] = mapped_column(String(10))
    remedy: Mapped[str | None] = mapped_column(String(80))
    refund_minor: Mapped[int | None] = mapped_column(BigInteger)
    counts: Mapped[bool | None]
    grounds: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DisputeStep(Base):
    """One step of a dispute, appended in the transaction that made it."""

    __tablename__ = "dispute_steps"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(254))
    kind: Mapped[str] = mapped_column(String(30))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
