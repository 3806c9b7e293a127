"""The append-only log: identities, typed events, bodies apart, and what could not be read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class EventId(Base):
    """Makes (source, id) unique over the whole log, however the events are stored."""

    __tablename__ = "event_ids"
    __table_args__ = (UniqueConstraint("source", "event_id"),)

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True)
    source: Mapped[str] = mapped_column(String(200))
    event_id: Mapped[str] = mapped_column(String(200))
    content_hash: Mapped[str] = mapped_column(String(32))


class Event(Base):
    """One typed event: no free text, the buyer as an HMAC. `data` holds typed fields only."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_dossier", "dossier_id"),
        Index("ix_events_shop_at", "shop_id", "at_ms"),
        Index("ix_events_shop_itself", "shop_id", sqlite_where=text("dossier_id IS NULL"),
              postgresql_where=text("dossier_id IS NULL")),
    )

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    shop_id: Mapped[int]
    dossier_id: Mapped[int | None] = mapped_column(BigInteger)  # None: about the shop itself
    type_rank: Mapped[int] = mapped_column(SmallInteger)
    at_ms: Mapped[int] = mapped_column(BigInteger)
    other_ms: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(String(200))
    event_id: Mapped[str] = mapped_column(String(200))
    subject: Mapped[str] = mapped_column(String(200))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_ms: Mapped[int] = mapped_column(BigInteger)


class EventBody(Base):
    """The original document with message texts; may be deleted, no fact depends on it."""

    __tablename__ = "event_bodies"

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=False)
    body: Mapped[str] = mapped_column(Text)
    expires_ms: Mapped[int] = mapped_column(BigInteger, index=True)


class Entity(Base):
    """Which dossier a thing (order, case or conversation, or an event named by another) belongs to."""

    __tablename__ = "entities"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    dossier_id: Mapped[int] = mapped_column(BigInteger, index=True)


class NamedEvent(Base):
    """An event that another one retracts or forgives; it may itself still be on its way."""

    __tablename__ = "named_events"

    source: Mapped[str] = mapped_column(String(200), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    shop_id: Mapped[int] = mapped_column(primary_key=True, index=True, autoincrement=False)


class Quarantined(Base):
    """What could not be read, with where it came from and what to do; repairable and replayable."""

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("raw_hash"), Index("ix_quarantine_replayed_at_id", "replayed_at", "id"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    origin: Mapped[str] = mapped_column(String(300))  # file name, or the API key's name
    row: Mapped[int] = mapped_column(BigInteger, default=0)
    field: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(1000))
    marketplace: Mapped[str] = mapped_column(String(200), default="", index=True)
    shop: Mapped[str] = mapped_column(String(200), default="")
    raw: Mapped[str] = mapped_column(Text)
    raw_hash: Mapped[str] = mapped_column(String(32))
    replayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # settled: it landed, or was given up
    mapping_id: Mapped[int | None]  # the mapping that read it: `raw` is a row of columns, else an event
    repaired: Mapped[str | None] = mapped_column(Text)  # what landed where that is not `raw`
    settled_by: Mapped[str | None] = mapped_column(String(254))  # None: by itself, once its shop opened
    outcome: Mapped[str | None] = mapped_column(String(10))  # landed, dismissed


class ImportProgress(Base):
    """How far the import of a file came, so that a second run goes on from there."""

    __tablename__ = "import_progress"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # hash of the file's content and kind
    name: Mapped[str] = mapped_column(String(300))
    rows_done: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
