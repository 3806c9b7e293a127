"""Connections, how far each was read, what is remembered of things, its runs, wishes and differences."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base, BigKey, UtcDateTime


class Connection(Base):
    """A platform we read and write. Its key is an environment variable's name or sealed text, never plain."""

    __tablename__ = "connections"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(20))  # connectors.contract.CONNECTORS
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"), index=True)
    address: Mapped[str] = mapped_column(String(500))
    token_address: Mapped[str] = mapped_column(String(500), default="")
    client_id: Mapped[str] = mapped_column(String(200), default="")
    key_variable: Mapped[str] = mapped_column(String(100), default="")
    sealed_key: Mapped[str] = mapped_column(Text, default="")
    reasons: Mapped[dict[str, str]] = mapped_column(JSON)  # what the platform's own codes mean
    asks: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)  # what it asks for by itself: connections.asking
    is_paused: Mapped[bool] = mapped_column(default=False)
    interval_seconds: Mapped[int] = mapped_column(default=900)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    claims: Mapped[int] = mapped_column(default=0)  # counted up by whoever takes it: an older holder then stops
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last pull that came to its end
    compared_on: Mapped[date | None] = mapped_column(Date)
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(500), default="")
    what_to_do: Mapped[str] = mapped_column(String(500), default="")
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConnectionCursor(Base):
    """How far a stream of a connection was read."""

    __tablename__ = "connection_cursors"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(String(40), primary_key=True)
    cursor: Mapped[str] = mapped_column(Text)
    moved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConnectionThing(Base):
    """What is remembered of a thing of the platform; forgotten once it has not changed for long."""

    __tablename__ = "connection_things"
    __table_args__ = (Index("ix_connection_things_touched_at", "touched_at"),)

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True, autoincrement=False)
    stream: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    seen: Mapped[dict[str, Any]] = mapped_column(JSON)
    touched_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ConnectionRun(Base):
    """One reading of a connection, or one comparison of figures, and how it ended."""

    __tablename__ = "connection_runs"
    __table_args__ = (Index("ix_connection_runs_connection_id_id", "connection_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime)
    accepted: Mapped[int] = mapped_column(default=0)
    repeated: Mapped[int] = mapped_column(default=0)
    set_aside: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(500), default="")


class ConnectionWish(Base):
    """How a shop shall stand on the platform: asked for outside any transaction, read back until it stands so."""

    __tablename__ = "connection_wishes"
    __table_args__ = (
        UniqueConstraint("connection_id", "key"), Index("ix_connection_wishes_state_next_at", "state", "next_at"))

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    key: Mapped[str] = mapped_column(String(200))  # the same for the same wish: asked twice, it is one
    shop: Mapped[str] = mapped_column(String(200))
    wanted: Mapped[str] = mapped_column(String(20))  # connectors.contract.ShopState
    until_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(String(10))  # waiting, asked, in_force, failed
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    next_at: Mapped[datetime] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str] = mapped_column(String(500), default="")


class FigureDifference(Base):
    """Where the platform's figure of a shop and ours, by the platform's definition, differ; with the cause found."""

    __tablename__ = "figure_differences"
    __table_args__ = (Index("ix_figure_differences_connection_id_on_date", "connection_id", "on_date"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    on_date: Mapped[date] = mapped_column(Date)
    shop: Mapped[str] = mapped_column(String(200))
    figure: Mapped[str] = mapped_column(String(60))
    period: Mapped[str] = mapped_column(String(30))
    theirs: Mapped[float | None] = mapped_column(Float)
    ours: Mapped[float | None] = mapped_column(Float)
    bad: Mapped[float] = mapped_column(Float)
    base: Mapped[int]
    cause: Mapped[str] = mapped_column(String(30))  # connections.rules.CAUSES
    count: Mapped[int] = mapped_column(default=0)  # how many things are behind the cause


class FigureCount(Base):
    """How many figures were compared on a day, and how many of them agreed."""

    __tablename__ = "figure_counts"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True, autoincrement=False)
    on_date: Mapped[date] = mapped_column(Date, primary_key=True)
    compared: Mapped[int]
    equal: Mapped[int]
    unexplained: Mapped[int]
