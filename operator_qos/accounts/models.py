"""People who sign in and machines that call the API."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))  # empty: invited, no password set yet
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))  # admin, analyst, seller_owner, seller_staff, mediator
    language: Mapped[str] = mapped_column(String(2), default="en")
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"), index=True)
    active: Mapped[bool] = mapped_column(default=True)
    # Changes with the password, so that older sessions end.
    session_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PasswordLink(Base):
    """The one mailed link by which a person may set a password now; a newer one takes its place."""

    __tablename__ = "password_links"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    purpose: Mapped[str] = mapped_column(String(12))  # invitation, reset
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    sent_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ApiKey(Base):
    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[str] = mapped_column(String(20))  # ingest, read
    marketplace_id: Mapped[str | None] = mapped_column(ForeignKey("marketplaces.id"))
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"), index=True)  # whose own key it is
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Where a program sends from: the beginnings of `source` it may write; None: every source.
    sources: Mapped[list[str] | None] = mapped_column(JSON)
    events_a_minute: Mapped[int | None]
    calls_a_minute: Mapped[int | None]
    # The key before the last exchange goes on for a while, so that programs can be changed one after the other.
    previous_hash: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)
    previous_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FailedAttempt(Base):
    """A sign-in that failed, under a hash of its address or account; forgotten once it counts no more."""

    __tablename__ = "failed_attempts"
    __table_args__ = (Index("ix_failed_attempts_name_at", "name_hash", "at_ms"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name_hash: Mapped[str] = mapped_column(String(32))
    at_ms: Mapped[int] = mapped_column(BigInteger)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class KeyUse(Base):
    """When a key was last used, and up to which moment its quotas are spent: one row that all web processes share."""

    __tablename__ = "key_uses"

    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"), primary_key=True, autoincrement=False)
    used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    events_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    calls_ms: Mapped[int] = mapped_column(BigInteger, default=0)
