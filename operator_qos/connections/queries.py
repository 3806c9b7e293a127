"""Connections as they are read: their state, what is remembered, runs, wishes, differences of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, aliased

from operator_qos.connections.figures import Said
from operator_qos.connections.models import (
    Connection,
    ConnectionCursor,
    ConnectionRun,
    ConnectionThing,
    ConnectionWish,
    FigureCount,
    FigureDifference,
)
from operator_qos.connectors.contract import Remembered
from operator_qos.db import chunks, reading
from operator_qos.events.models import Event, Quarantined
from operator_qos.sellers.models import Marketplace, Shop
from scoring.event_types import TYPES
from scoring.guards import Compared

OPEN_WISHES = ("waiting", "asked")


class UnknownConnectionError(LookupError):
    """There is no such connection."""


def name_source(name: str) -> str:
    """The CloudEvents source of what the connection of that name reads."""
    return f"/connections/{name}"


@dataclass(frozen=True)
class Card:
    """A connection and how it is doing, without its key."""

    id: int
    name: str
    kind: str
    marketplace_id: str
    address: str
    token_address: str
    client_id: str
    key_variable: str
    reasons: Mapping[str, str]
    asks: Mapping[str, str]
    is_paused: bool
    interval_seconds: int
    next_at: datetime
    read_at: datetime | None
    compared_on: date | None
    failures: int
    error: str
    what_to_do: str
    added_at: datetime

    @property
    def source(self) -> str:
        """The CloudEvents source of everything it reads."""
        return name_source(self.name)

    @property
    def origin(self) -> str:
        """How the quarantine names it."""
        return f"connection {self.name}"

    @property
    def state(self) -> str:
        """One of paused, failing, waiting (never read), reading."""
        if self.is_paused:
            return "paused"
        if self.error:
            return "failing"
        return "reading" if self.read_at is not None else "waiting"


@dataclass(frozen=True)
class Place:
    """The marketplace a connection belongs to."""

    timezone: str
    currency: str
    country: str


@dataclass(frozen=True)
class RunRow:
    """One reading."""

    started_at: datetime
    ended_at: datetime
    accepted: int
    repeated: int
    set_aside: int
    error: str


@dataclass(frozen=True)
class WishRow:
    """How a shop shall stand on the platform, and how far that got."""

    id: int
    connection_id: int
    key: str
    shop: str
    wanted: str
    until_at: datetime | None
    state: str
    made_at: datetime
    attempts: int
    settled_at: datetime | None
    error: str


@dataclass(frozen=True)
class DifferenceRow:
    """A figure that differs."""

    on_date: date
    shop: str
    figure: str
    period: str
    theirs: float | None
    ours: float | None
    bad: float
    base: int
    cause: str
    count: int


@dataclass(frozen=True)
class CountRow:
    """A day's comparison."""

    on_date: date
    compared: int
    equal: int
    unexplained: int


def _columns(model: type, row: type) -> list[Any]:
    return [getattr(model, name) for name in row.__dataclass_fields__]  # type: ignore[attr-defined]  # dataclasses all


def list_connections(session: Session) -> list[Card]:
    """Every connection, by name."""
    return [Card(*row) for row in session.execute(select(*_columns(Connection, Card)).order_by(Connection.name))]


def get_connection(session: Session, connection_id: int) -> Card:
    """One connection. Raises UnknownConnectionError."""
    row = session.execute(select(*_columns(Connection, Card)).where(Connection.id == connection_id)).one_or_none()
    if row is None:
        raise UnknownConnectionError(f"there is no connection {connection_id}")
    return Card(*row)


def get_connection_named(session: Session, name: str) -> Card:
    """One connection. Raises UnknownConnectionError."""
    row = session.execute(select(*_columns(Connection, Card)).where(Connection.name == name)).one_or_none()
    if row is None:
        raise UnknownConnectionError(f"there is no connection {name!r}; operator-qos connections list shows them")
    return Card(*row)


def find_connection_of(session: Session, marketplace_id: str) -> Card | None:
    """The first connection of a marketplace that is not paused."""
    query = select(*_columns(Connection, Card)).where(
        Connection.marketplace_id == marketplace_id, Connection.is_paused.is_(False)).order_by(Connection.id).limit(1)
    row = session.execute(query).one_or_none()
    return Card(*row) if row is not None else None


def get_place(session: Session, marketplace_id: str) -> Place:
    """Zone, currency and country of a marketplace."""
    found = session.get_one(Marketplace, marketplace_id)
    return Place(found.timezone, found.currency, found.country)


def list_due(session: Session, *, now: datetime) -> list[int]:
    """Connections to be read now and held by nobody."""
    free = (Connection.claimed_until.is_(None)) | (Connection.claimed_until <= now)
    due = (Connection.is_paused.is_(False), Connection.next_at <= now, free)
    return list(session.scalars(select(Connection.id).where(*due).order_by(Connection.next_at)))


def list_runs(session: Session, connection_id: int, *, limit: int = 20) -> list[RunRow]:
    """The last readings, newest first."""
    query = select(*_columns(ConnectionRun, RunRow)).where(ConnectionRun.connection_id == connection_id)
    return [RunRow(*row) for row in session.execute(query.order_by(ConnectionRun.id.desc()).limit(limit))]


def list_wishes(session: Session, connection_id: int, *, limit: int = 20) -> list[WishRow]:
    """The last wishes, newest first."""
    query = select(*_columns(ConnectionWish, WishRow)).where(ConnectionWish.connection_id == connection_id)
    return [WishRow(*row) for row in session.execute(query.order_by(ConnectionWish.id.desc()).limit(limit))]


def find_wish(session: Session, connection_id: int, key: str) -> WishRow | None:
    """The wish of that key."""
    query = select(*_columns(ConnectionWish, WishRow)).where(
        ConnectionWish.connection_id == connection_id, ConnectionWish.key == key)
    row = session.execute(query).one_or_none()
    return WishRow(*row) if row is not None else None


def list_due_wishes(session: Session, *, now: datetime, limit: int = 200) -> list[int]:
    """Wishes to be asked or read back now, of connections that are not paused; of a shop only the oldest.

    A suspension that is still to be asked must not come after its own end.
    """
    before = aliased(ConnectionWish)
    older = select(before.id).where(
        before.connection_id == ConnectionWish.connection_id, before.shop == ConnectionWish.shop,
        before.state.in_(OPEN_WISHES), before.id < ConnectionWish.id)
    due = (ConnectionWish.state.in_(OPEN_WISHES), ConnectionWish.next_at <= now, ~older.exists(),
           Connection.is_paused.is_(False))
    query = select(ConnectionWish.id).join(Connection, Connection.id == ConnectionWish.connection_id).where(*due)
    return list(session.scalars(query.order_by(ConnectionWish.id).limit(limit)))


def count_causes(session: Session, connection_id: int, on: date) -> dict[str, int]:
    """How many figures differed on a day for each cause, the most frequent first."""
    count = func.count().label("number")
    query = select(FigureDifference.cause, count).where(
        FigureDifference.connection_id == connection_id, FigureDifference.on_date == on)
    rows = session.execute(query.group_by(FigureDifference.cause).order_by(count.desc(), FigureDifference.cause))
    return {row.cause: row.number for row in rows}


def list_differences(
    session: Session, connection_id: int, on: date, *, cause: str = "", offset: int = 0, limit: int = 100
) -> list[DifferenceRow]:
    """What differed on a day, by one cause or by all, the unexplained first."""
    row = FigureDifference
    query = select(*_columns(row, DifferenceRow)).where(row.connection_id == connection_id, row.on_date == on)
    query = query.where(row.cause == cause) if cause else query
    order = (row.cause != "unexplained", row.figure, row.shop, row.period)
    return [DifferenceRow(*found) for found in session.execute(query.order_by(*order).offset(offset).limit(limit))]


def list_counts(session: Session, connection_id: int, *, limit: int = 30) -> list[CountRow]:
    """The last days' comparisons, newest first."""
    query = select(*_columns(FigureCount, CountRow)).where(FigureCount.connection_id == connection_id)
    return [CountRow(*row) for row in session.execute(query.order_by(FigureCount.on_date.desc()).limit(limit))]


def list_compared(session: Session, marketplace_id: str) -> list[Compared]:
    """What the last comparison of figures gave, of each connection of a marketplace that had one."""
    counted = aliased(FigureCount)
    last = select(func.max(counted.on_date)).where(counted.connection_id == Connection.id).scalar_subquery()
    query = select(Connection.id, Connection.name, FigureCount).join(
        FigureCount, (FigureCount.connection_id == Connection.id) & (FigureCount.on_date == last))
    rows = session.execute(query.where(Connection.marketplace_id == marketplace_id).order_by(Connection.id)).all()
    return [Compared(name_source(name), count.on_date, count.compared, count.unexplained,
                     _count_unexplained(session, connection_id, count.on_date)) for connection_id, name, count in rows]


def _count_unexplained(session: Session, connection_id: int, on: date) -> dict[int, int]:
    row = FigureDifference
    of_shop = (Shop.code == row.shop) & (Shop.marketplace_id == Connection.marketplace_id)
    query = select(Shop.id, func.count()).select_from(row).join(Connection, Connection.id == row.connection_id)
    unexplained = (row.connection_id == connection_id, row.on_date == on, row.cause == "unexplained")
    rows = session.execute(query.join(Shop, of_shop).where(*unexplained).group_by(Shop.id))
    return {row[0]: row[1] for row in rows}


def list_shop_codes(session: Session, marketplace_id: str) -> list[tuple[int, str]]:
    """(id, code) of a marketplace's shops."""
    query = select(Shop.id, Shop.code).where(Shop.marketplace_id == marketplace_id).order_by(Shop.code)
    return [(row.id, row.code) for row in session.execute(query)]


def list_said(session: Session, shop_id: int, *, source: str, since_ms: int) -> list[Said]:
    """What a source said of a shop since a moment [epoch ms], as figures are worked out from it."""
    columns = (Event.type_rank, Event.event_id, Event.subject, Event.at_ms, Event.received_ms, Event.data)
    within = (Event.shop_id == shop_id, Event.source == source, Event.at_ms >= since_ms)
    query = select(*columns, Event.other_ms).where(*within)
    return [Said(TYPES[rank], *rest) for rank, *rest in session.execute(query)]


def count_set_aside(session: Session, marketplace_id: str, shop: str) -> int:
    """How many events of a shop wait for a person."""
    waiting = (Quarantined.marketplace == marketplace_id, Quarantined.shop == shop, Quarantined.replayed_at.is_(None))
    return session.scalar(select(func.count()).select_from(Quarantined).where(*waiting)) or 0


class StoredMemory:
    """What is remembered of a connection's things, read as it is asked for."""

    def __init__(self, engine: Engine, connection_id: int) -> None:
        """Nothing is read yet."""
        self._engine = engine
        self._connection_id = connection_id

    def find_cursor(self, stream: str) -> str | None:
        """How far the stream was read."""
        with reading(self._engine) as session:
            query = select(ConnectionCursor.cursor).where(
                ConnectionCursor.connection_id == self._connection_id, ConnectionCursor.stream == stream)
            return session.scalar(query)

    def find_seen(self, stream: str, keys: Sequence[str]) -> Mapping[str, Remembered]:
        """What is remembered of these things."""
        found: dict[str, Remembered] = {}
        with reading(self._engine) as session:
            for part in chunks(list(keys), 500):
                query = select(ConnectionThing.key, ConnectionThing.seen).where(
                    ConnectionThing.connection_id == self._connection_id, ConnectionThing.stream == stream,
                    ConnectionThing.key.in_(part))
                found |= {row.key: row.seen for row in session.execute(query)}
        return found
