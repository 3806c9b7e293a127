"""Disputes: a case on its way to a decision, its deadlines stored and indexed, and what people added to it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class Dispute(Base):
    __tablename__ = "disputes"
    __table_args__ = (
        UniqueConstraint("shop_id", "case_ref"),
        Index("ix_disputes_state_seller_due", "state", "seller_due_at"),
        Index("ix_disputes_state_decision_due", "state", "decision_due_at"),
        Index("ix_disputes_timer", "timer_at"),
        # The lists sort what is open and count it without reading the rows.
        Index("ix_disputes_lists", "state", "mediator_id", "broken_at", "decision_due_at", "seller_due_at",
              "amount_minor", "shop_id"),
        Index("ix_disputes_ended", "opened_at", "state"),
        Index("ix_disputes_decided", "kind", "reason", "decided_at"),
        Index("ix_disputes_decided_category", "kind", "reason", "category", "decided_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), index=True)
    case_ref: Mapped[str] = mapped_column(String(200))
    order_ref: Mapped[str | None] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str | None] = mapped_column(String(80))
    amount_minor: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(20))  # one of rules.STATES
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

    # What follows from the policy in force when it was opened.
    policy: Mapped[str | None] = mapped_column(String(80))  # id and version
    problem: Mapped[str | None] = mapped_column(String(20))  # its kind in the policy
    response_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the seller's first word
    escalation_from_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the buyer may ask for a mediator
    evidence_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    auto_close_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    appeal_until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # The first moment at which a timer has something to do; the timers look at this column alone.
    timer_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # What the actions taken here left, none of it in the log.
    closed_by: Mapped[str | None] = mapped_column(String(10))
    moved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # somebody last did something
    overdue_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the deadline reminded of
    broken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # a settlement that was not kept
    perform_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    performed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    appealed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    appealed_by: Mapped[str | None] = mapped_column(String(10))
    appeals: Mapped[int | None] = mapped_column(SmallInteger)
    first_ruling: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # what was appealed against
    outcome: Mapped[str | None] = mapped_column(String(20))  # of the appeal: upheld, reversed_money, …
    window_ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    assigned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_act_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    category: Mapped[str | None] = mapped_column(String(80))  # of the goods, as the order tells it


class DisputeStep(Base):
    """One step of a dispute, appended in the transaction that made it."""

    __tablename__ = "dispute_steps"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(254))
    kind: Mapped[str] = mapped_column(String(30))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class DisputePolicy(Base):
    """One published version of a policy; never edited, a change is a new version with a later first day."""

    __tablename__ = "dispute_policies"
    __table_args__ = (
        UniqueConstraint("marketplace_id", "policy_id", "version"),
        Index("ix_dispute_policies_marketplace_from", "marketplace_id", "effective_from"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"))
    policy_id: Mapped[str] = mapped_column(String(40))
    version: Mapped[int]
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    published_by: Mapped[str] = mapped_column(String(254))
    effective_from: Mapped[date]
    document: Mapped[dict[str, Any]] = mapped_column(JSON)


class DisputeMessage(Base):
    """What a party wrote here: to whom, or a note of its own side; the log holds what reached another side."""

    __tablename__ = "dispute_messages"
    __table_args__ = (UniqueConstraint("dispute_id", "token"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    side: Mapped[str] = mapped_column(String(10))  # buyer, seller, staff
    author: Mapped[str] = mapped_column(String(254))
    recipients: Mapped[list[str]] = mapped_column(JSON)  # sides; empty: a note of the own side
    body: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(String(80))  # one filled form, so that a double click writes once
    event_id: Mapped[str | None] = mapped_column(String(200))  # in the log


class DisputeAttachment(Base):
    """A file sent with a message; its content lies outside the site's folders under a random name."""

    __tablename__ = "dispute_attachments"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), index=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("dispute_messages.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(60))  # told by the content
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    stored_as: Mapped[str] = mapped_column(String(40))


class DisputeOffer(Base):
    """A proposal to settle; at most one of a dispute is open."""

    __tablename__ = "dispute_offers"
    __table_args__ = (Index("ix_dispute_offers_state_expires", "state", "expires_at"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), index=True)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(String(10))  # buyer, seller
    remedy: Mapped[str] = mapped_column(String(30))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(12))  # open, accepted, declined, replaced, expired, ended
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    perform_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    performed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    broken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DisputeLink(Base):
    """A buyer's way into one dispute, until it expires or is taken back."""

    __tablename__ = "dispute_links"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    dispute_id: Mapped[int] = mapped_column(ForeignKey("disputes.id"), index=True)
    language: Mapped[str] = mapped_column(String(5))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(254))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ReceivedMail(Base):
    """A mail that came in as an answer, and what became of it; the same mail counts once."""

    __tablename__ = "received_mails"
    __table_args__ = (Index("ix_received_mails_state_at", "state", "received_at"),
                      Index("ix_received_mails_sender_at", "sender", "received_at"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)  # digest of its Message-ID and addresses
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sender: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(10))  # taken, ignored, set_aside, dropped
    reason: Mapped[str] = mapped_column(String(20))  # why it was not taken
    dispute_id: Mapped[int | None] = mapped_column(ForeignKey("disputes.id"), index=True)
    body: Mapped[str] = mapped_column(Text)  # of what was set aside; what was taken is in the thread
    is_answered: Mapped[bool]  # its sender was told


class DisputeTemplate(Base):
    """A text to start from: a company's own answers, or, without a company, the mediators' decisions."""

    __tablename__ = "dispute_templates"
    __table_args__ = (UniqueConstraint("seller_id", "name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    seller_id: Mapped[int | None] = mapped_column(ForeignKey("sellers.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)


class MediatorConflict(Base):
    """A mediator who may not decide for or against a company."""

    __tablename__ = "mediator_conflicts"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    seller_id: Mapped[int] = mapped_column(ForeignKey("sellers.id"), primary_key=True)
    why: Mapped[str] = mapped_column(String(300))
