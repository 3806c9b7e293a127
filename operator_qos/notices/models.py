"""What people are told: in the app, and by mail through an outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class Notice(Base):
    """One notice in a seller's (or, without a seller, the staff's) feed; text is made from topic and data."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)  # what it is about: told once
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"), index=True)
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    topic: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    link: Mapped[str] = mapped_column(String(300), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class NoticeRead(Base):
    """A person has marked a notice as done; opening it does not."""

    __tablename__ = "notice_reads"

    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)


class OutboxMail(Base):
    """A mail waiting to leave, or how it left."""

    __tablename__ = "outbox_mails"
    __table_args__ = (Index("ix_outbox_mails_state_next", "state", "next_attempt_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(250), unique=True)
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting, sent, dead
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(500), default="")
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("reply_addresses.id"))
    reply_line: Mapped[str | None] = mapped_column(String(300))  # who reads an answer, in the reader's language
    attachment: Mapped[bytes | None] = mapped_column(LargeBinary)
    attachment_name: Mapped[str | None] = mapped_column(String(120))
    attachment_type: Mapped[str | None] = mapped_column(String(100))


class NoticePreference(Base):
    """How one person wants to be told; who has no row is told of everything at once."""

    __tablename__ = "notice_preferences"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    ways: Mapped[dict[str, str]] = mapped_column(JSON)  # group of topics to now, digest, feed (notices.rules)
    digest_minute: Mapped[int]  # after local midnight
    quiet_from: Mapped[int | None]
    quiet_to: Mapped[int | None]
    zone: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DigestItem(Base):
    """A notice that waits for a person's daily mail."""

    __tablename__ = "digest_items"
    __table_args__ = (Index("ix_digest_items_due", "due_at", "user_id"),)

    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"), primary_key=True, autoincrement=False)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, autoincrement=False)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PendingNotice(Base):
    """What is told once it has settled, unless it is taken back or said otherwise before."""

    __tablename__ = "pending_notices"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"))
    shop_id: Mapped[int | None] = mapped_column(ForeignKey("shops.id"))
    topic: Mapped[str] = mapped_column(String(40))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    link: Mapped[str] = mapped_column(String(300))
    settles_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class MailText(Base):
    """The operator's own words for a topic in a language; the last version holds, an empty one gives ours back."""

    __tablename__ = "mail_texts"

    topic: Mapped[str] = mapped_column(String(40), primary_key=True)
    language: Mapped[str] = mapped_column(String(2), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    saved_by: Mapped[str] = mapped_column(String(254))


class ReplyAddress(Base):
    """To whom one person's answer to a mail goes, until it expires or is taken back; its address is signed."""

    __tablename__ = "reply_addresses"
    __table_args__ = (Index("ix_reply_addresses_about_user", "about", "user_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    about: Mapped[str] = mapped_column(String(60))  # dispute:12
    side: Mapped[str] = mapped_column(String(10))  # whose answer it is: buyer, seller, staff
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    sender_digest: Mapped[str | None] = mapped_column(String(64))  # of the address of somebody without an account
    purpose: Mapped[str] = mapped_column(String(60))  # one address serves all mails with the same
    action: Mapped[str] = mapped_column(String(20))
    recipients: Mapped[list[str]] = mapped_column(JSON)  # sides
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class JobLease(Base):
    """Which scheduler process leads, and when it last said so."""

    __tablename__ = "job_leases"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(80))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
