"""Addresses of programs that are told what happens, and every call that is due or was made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class Hook(Base):
    """An address that is told what happens on a marketplace, or in a seller's own shops wherever they are.

    Its calls are signed with its secret.
    """

    __tablename__ = "hooks"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    marketplace_id: Mapped[str | None] = mapped_column(ForeignKey("marketplaces.id"), index=True)
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"), index=True)  # whose own address it is
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(String(100))
    topics: Mapped[list[str]] = mapped_column(JSON)  # groups of hooks.rules.TOPICS; none: everything
    is_active: Mapped[bool]


class HookCall(Base):
    """One call that is due or was made; what has the same key is told to a hook once."""

    __tablename__ = "hook_calls"
    __table_args__ = (
        UniqueConstraint("hook_id", "key"),
        Index("ix_hook_calls_state_next", "state", "next_attempt_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    hook_id: Mapped[int] = mapped_column(ForeignKey("hooks.id"))
    topic: Mapped[str] = mapped_column(String(60))
    key: Mapped[str] = mapped_column(String(200))
    message_id: Mapped[str] = mapped_column(String(60))  # the same for every attempt: a receiver knows a repetition
    state: Mapped[str] = mapped_column(String(10))  # waiting, sent, dead
    attempts: Mapped[int]
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    body: Mapped[str] = mapped_column(Text)
    error: Mapped[str] = mapped_column(String(500))
