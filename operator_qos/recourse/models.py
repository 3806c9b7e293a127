"""Appeals with their steps, what was judged again after them, and action plans."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime

_OPEN = text("decided_at IS NULL")
_RUNNING = text("ended_at IS NULL")


class Appeal(Base):
    """A shop's people contest one standing change or one act; of each only one may be open at a time."""

    __tablename__ = "appeals"
    __table_args__ = (
        Index("ix_appeals_shop", "shop_id", "filed_at"),
        Index("ix_appeals_due", "due_at"),
        Index("uq_appeals_open_change", "change_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("uq_appeals_open_act", "act_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    change_id: Mapped[int | None] = mapped_column(ForeignKey("standing_changes.id"))
    act_id: Mapped[int | None] = mapped_column(ForeignKey("acts.id"))
    subject: Mapped[str] = mapped_column(String(100))  # level, badge:ID, warning:RULE, or the kind of the act
    contested_on: Mapped[date] = mapped_column(Date)  # the date of what is contested
    standard_id: Mapped[str | None] = mapped_column(String(60))
    standard_version: Mapped[int | None]
    original_by: Mapped[str | None] = mapped_column(String(510))  # who decided or released it; None: a machine alone
    state: Mapped[str] = mapped_column(String(16))
    grounds: Mapped[str] = mapped_column(String(30))
    filed_by: Mapped[str] = mapped_column(String(254))
    filed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    assigned_to: Mapped[str | None] = mapped_column(String(254))
    admissible_due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decision_due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # what is owed next; None once nothing is
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the deadline last reminded of
    admitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # when admissibility was decided, either way
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # also when refused as inadmissible, withdrawn
    decided_by: Mapped[str | None] = mapped_column(String(254))


class AppealStep(Base):
    """One thing that was said or done, with its words; never changed."""

    __tablename__ = "appeal_steps"
    __table_args__ = (Index("ix_appeal_steps_appeal", "appeal_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeals.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(254))
    side: Mapped[str] = mapped_column(String(10))  # seller, operator, timer
    action: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any]] = mapped_column(JSON)


class AppealFile(Base):
    """A file that proves something, in the store for files of disputes."""

    __tablename__ = "appeal_files"
    __table_args__ = (Index("ix_appeal_files_appeal", "appeal_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeals.id"))
    step_id: Mapped[int] = mapped_column(ForeignKey("appeal_steps.id"))
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    stored_as: Mapped[str] = mapped_column(String(32), unique=True)


class Restatement(Base):
    """A date judged again for one shop after an appeal, beside the frozen result of that date."""

    __tablename__ = "restatements"
    __table_args__ = (
        UniqueConstraint("appeal_id", "on_date", "standard_id"), Index("ix_restatements_shop_on", "shop_id", "on_date"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeals.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    on_date: Mapped[date] = mapped_column(Date)
    as_of_ms: Mapped[int] = mapped_column(BigInteger)
    known_at_ms: Mapped[int] = mapped_column(BigInteger)
    standard_id: Mapped[str] = mapped_column(String(60))
    standard_version: Mapped[int]
    level: Mapped[str] = mapped_column(String(60))
    badges: Mapped[list[str]] = mapped_column(JSON)
    warning: Mapped[int]
    standing: Mapped[dict[str, Any]] = mapped_column(JSON)  # the whole standing, to judge on from
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RestatedResult(Base):
    """One metric of a date judged again: the numbers, and the units they rest on."""

    __tablename__ = "restated_results"

    restatement_id: Mapped[int] = mapped_column(ForeignKey("restatements.id"), primary_key=True)
    metric: Mapped[str] = mapped_column(String(60), primary_key=True)
    bad: Mapped[int]
    base: Mapped[int]
    raw_bad: Mapped[int]
    raw_base: Mapped[int]
    buyers: Mapped[int]
    value: Mapped[float | None] = mapped_column(Float)
    verdict: Mapped[str] = mapped_column(String(16))
    units: Mapped[list[str]] = mapped_column(JSON)


class Pardon(Base):
    """What an appeal took back, which stays so until the rules give it by themselves (scoring.plans)."""

    __tablename__ = "pardons"
    __table_args__ = (UniqueConstraint("appeal_id", "subject"), Index("ix_pardons_shop", "shop_id"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    appeal_id: Mapped[int] = mapped_column(ForeignKey("appeals.id"))
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    subject: Mapped[str] = mapped_column(String(100))
    since_on: Mapped[date] = mapped_column(Date)
    ended_on: Mapped[date | None] = mapped_column(Date)  # the first date from which it shelters no more


class ActionPlan(Base):
    """What a shop does to get better, and until when it is not judged by what came before."""

    __tablename__ = "action_plans"
    __table_args__ = (
        Index("ix_action_plans_shop", "shop_id", "start_on"),
        Index("uq_action_plans_open", "shop_id", "rule", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    change_id: Mapped[int | None] = mapped_column(ForeignKey("standing_changes.id"))
    state: Mapped[str] = mapped_column(String(12))
    rule: Mapped[str] = mapped_column(String(80))  # the rule or metric it is about
    target: Mapped[str] = mapped_column(String(30))  # a share as decimal text, the value to reach
    cause: Mapped[str] = mapped_column(Text)
    actions: Mapped[str] = mapped_column(Text)
    review_on: Mapped[date] = mapped_column(Date)
    opened_by: Mapped[str] = mapped_column(String(254))
    opened_side: Mapped[str] = mapped_column(String(10))
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seller_agreed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    operator_agreed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    start_on: Mapped[date | None] = mapped_column(Date)  # the first day whose units judge it
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_on: Mapped[date | None] = mapped_column(Date)  # the first date it no longer covers
    result_value: Mapped[float | None] = mapped_column(Float)
    result_bad: Mapped[int | None]
    result_base: Mapped[int | None]


class PlanStep(Base):
    """One step of a plan; never changed."""

    __tablename__ = "plan_steps"
    __table_args__ = (Index("ix_plan_steps_plan", "plan_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("action_plans.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(254))
    side: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text, default="")
