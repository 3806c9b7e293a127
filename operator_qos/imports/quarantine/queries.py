"""Looking through what could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from operator_qos.events.models import Quarantined

MOST_GROUPS = 12


@dataclass(frozen=True)
class Chosen:
    """Which rows are meant; what is empty does not matter. `settled` looks at those that are over."""

    origin: str = ""
    field: str = ""
    marketplace: str = ""
    shop: str = ""
    text: str = ""
    settled: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As it is kept with a job."""
        return asdict(self)


@dataclass(frozen=True)
class Held:
    """A row that was set aside."""

    id: int
    received_at: datetime
    origin: str
    row: int
    field: str
    reason: str
    marketplace: str
    shop: str
    raw: str
    mapping_id: int | None
    repaired: str | None
    settled_at: datetime | None
    settled_by: str | None
    outcome: str | None


@dataclass(frozen=True)
class Group:
    """Rows that came from one place and fail in one field."""

    origin: str
    field: str
    count: int


def _among(chosen: Chosen) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        Quarantined.replayed_at.is_not(None) if chosen.settled else Quarantined.replayed_at.is_(None)]
    for name in ("origin", "field", "marketplace", "shop"):
        value = getattr(chosen, name)
        if value:
            found.append(getattr(Quarantined, name) == value)
    if chosen.text:
        wanted = chosen.text
        found.append(or_(Quarantined.reason.icontains(wanted, autoescape=True),
                         Quarantined.raw.icontains(wanted, autoescape=True)))
    return found


def count_held(session: Session, chosen: Chosen) -> int:
    """How many rows are meant."""
    return session.scalar(select(func.count()).select_from(Quarantined).where(*_among(chosen))) or 0


def list_held(session: Session, chosen: Chosen, *, offset: int, limit: int) -> Sequence[Held]:
    """The rows that are meant, the newest first."""
    query = select(Quarantined).where(*_among(chosen))
    rows = session.scalars(query.order_by(Quarantined.id.desc()).offset(offset).limit(limit))
    return [read_held(row) for row in rows]


def list_held_after(session: Session, chosen: Chosen, *, after_id: int, limit: int) -> Sequence[Held]:
    """The rows that are meant, the oldest first, from one on."""
    query = select(Quarantined).where(*_among(chosen), Quarantined.id > after_id).order_by(Quarantined.id).limit(limit)
    return [read_held(row) for row in session.scalars(query)]


def find_held(session: Session, row_id: int) -> Held | None:
    """One row, settled or not."""
    row = session.get(Quarantined, row_id)
    return read_held(row) if row is not None else None


def find_next(session: Session, chosen: Chosen, after_id: int) -> int | None:
    """The row that a list shows after this one."""
    query = select(Quarantined.id).where(*_among(chosen), Quarantined.id < after_id)
    return session.scalar(query.order_by(Quarantined.id.desc()).limit(1))


def list_groups(session: Session, chosen: Chosen) -> Sequence[Group]:
    """The largest groups of rows alike among those that are meant."""
    count = func.count()
    query = select(Quarantined.origin, Quarantined.field, count).where(*_among(chosen))
    rows = session.execute(
        query.group_by(Quarantined.origin, Quarantined.field)
        .order_by(count.desc(), Quarantined.origin, Quarantined.field).limit(MOST_GROUPS))
    return [Group(*row) for row in rows]


def list_marketplaces(session: Session) -> Sequence[str]:
    """The marketplaces named by rows that wait."""
    query = select(Quarantined.marketplace).where(Quarantined.replayed_at.is_(None), Quarantined.marketplace != "")
    return sorted(session.scalars(query.distinct()))


def read_held(row: Quarantined) -> Held:
    """A row as plain data."""
    return Held(row.id, row.received_at, row.origin, row.row, row.field, row.reason, row.marketplace, row.shop, row.raw,
                row.mapping_id, row.repaired, row.replayed_at, row.settled_by, row.outcome)
