"""What sellers' own tools were told: the promises they know of, every change of them, and calendars."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class ObligationFeed(Base):
    """A company whose programs follow its promises; the number of its last change."""

    __tablename__ = "obligation_feeds"

    seller_id: Mapped[int] = mapped_column(ForeignKey("sellers.id"), primary_key=True, autoincrement=False)
    last_number: Mapped[int] = mapped_column(BigInteger)
    oldest_number: Mapped[int] = mapped_column(BigInteger)  # changes before it are no longer kept


class FollowedObligation(Base):
    """An open promise as a company's programs were last told of it."""

    __tablename__ = "followed_obligations"
    # A shop that went to another company is followed by both until the programs of the one before are told.
    __table_args__ = (UniqueConstraint("seller_id", "shop_id", "kind", "ref"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    seller_id: Mapped[int] = mapped_column(ForeignKey("obligation_feeds.seller_id"), index=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    dossier_id: Mapped[int] = mapped_column(BigInteger)  # where it was found last
    kind: Mapped[str] = mapped_column(String(10))
    ref: Mapped[str] = mapped_column(String(410))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)  # as told
    soon_for_ms: Mapped[int | None] = mapped_column(BigInteger)  # the due time of which it was said that it is near


class ObligationChange(Base):
    """One change of a promise, as programs read it; numbers rise by company in the order of commits."""

    __tablename__ = "obligation_changes"
    __table_args__ = (Index("ix_obligation_changes_told", "told_at"),)

    seller_id: Mapped[int] = mapped_column(
        ForeignKey("obligation_feeds.seller_id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    change: Mapped[str] = mapped_column(String(10))  # one of rules.CHANGES
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # when it happened
    told_at: Mapped[datetime] = mapped_column(UtcDateTime)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class CalendarFeed(Base):
    """An address at which a person's calendar program reads deadlines, until it is taken back."""

    __tablename__ = "calendar_feeds"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
