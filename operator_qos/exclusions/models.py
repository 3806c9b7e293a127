"""Requests to forgive something, what was decided on them, and faults that many sellers shared."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class ExclusionRequest(Base):
    """What a seller asked to have forgiven, and why; never edited but for its state."""

    __tablename__ = "exclusion_requests"
    __table_args__ = (UniqueConstraint("shop_id", "token"), Index("ix_exclusion_requests_asked", "asked_at"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), index=True)
    cause: Mapped[str] = mapped_column(String(40))
    body: Mapped[str] = mapped_column(Text)
    token: Mapped[str] = mapped_column(String(40))  # one filled form, so that a double click asks once
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_by: Mapped[str] = mapped_column(String(254))
    state: Mapped[str] = mapped_column(String(10))  # one of rules.STATES


class ExclusionRound(Base):
    """One time a request is decided: the first, or the appeal, which another person decides. Appended, settled once."""

    __tablename__ = "exclusion_rounds"
    __table_args__ = (
        UniqueConstraint("request_id", "number"),
        Index("ix_exclusion_rounds_due", "decided_at", "due_at"),
        Index("ix_exclusion_rounds_opened", "opened_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("exclusion_requests.id"))
    number: Mapped[int] = mapped_column(SmallInteger)  # 1: asked, 2: appealed
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[str] = mapped_column(String(254))
    body: Mapped[str] = mapped_column(Text)  # what an appeal says
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(254))
    outcome: Mapped[str | None] = mapped_column(String(10))  # granted, partly, refused
    why: Mapped[str | None] = mapped_column(Text)


class FaultIncident(Base):
    """A fault of nobody who is judged: proposed by the search or by a person, then approved or dismissed."""

    __tablename__ = "fault_incidents"
    __table_args__ = (Index("ix_fault_incidents_state", "state", "marketplace_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"))
    # While it is proposed: what it is about, so that the search finds its own proposal again; then empty.
    open_key: Mapped[str | None] = mapped_column(String(400), unique=True)
    metric: Mapped[str] = mapped_column(String(60))
    dimension: Mapped[str] = mapped_column(String(20))  # carrier, country, category, source, marketplace
    value: Mapped[str] = mapped_column(String(200))
    first_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    cause: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))  # proposed, approved, dismissed
    numbers: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # what the search counted; None: made by a person
    effects: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)  # per shop before and after, once approved
    found_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(String(254))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(254))
    why: Mapped[str] = mapped_column(Text, default="")


class ExclusionItem(Base):
    """One obligation or defect of a request or an incident."""

    __tablename__ = "exclusion_items"
    __table_args__ = (
        Index("ix_exclusion_items_shop_thing", "shop_id", "thing"),
        # A thing is asked for once at a time.
        Index("uq_exclusion_items_open", "shop_id", "thing", unique=True, sqlite_where=text("state = 'open'"),
              postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    request_id: Mapped[int | None] = mapped_column(ForeignKey("exclusion_requests.id"), index=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("fault_incidents.id"), index=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"))
    thing: Mapped[str] = mapped_column(String(900))  # its name, as exclusion_facts hold it
    order_ref: Mapped[str | None] = mapped_column(String(200))
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)  # since when it counts
    due_ms: Mapped[int] = mapped_column(BigInteger)  # the moment that decides in whose window it falls
    scope: Mapped[str] = mapped_column(String(4))
    state: Mapped[str] = mapped_column(String(10))  # open, granted, refused, proposed, dismissed, ended


class ExclusionFile(Base):
    """A proof sent with a request or its appeal; its content lies outside the site's folders under a random name."""

    __tablename__ = "exclusion_files"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("exclusion_requests.id"), index=True)
    round_number: Mapped[int] = mapped_column(SmallInteger)
    name: Mapped[str] = mapped_column(String(200))
    media_type: Mapped[str] = mapped_column(String(60))  # told by the content
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    stored_as: Mapped[str] = mapped_column(String(40))


class FaultSearch(Base):
    """Up to which day a marketplace was searched for shared faults."""

    __tablename__ = "fault_searches"

    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"), primary_key=True)
    searched_on: Mapped[date] = mapped_column(Date)
