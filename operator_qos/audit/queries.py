"""Reading the audit trail: searching it, walking its chain, and what people decided beside the rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.audit.models import AuditRow, AuditSeal
from operator_qos.audit.rules import ALSO_OVERRIDES, DATED_BACK, NEEDS_REASON, START, TrailRow, chain, write_canonical

_ROW = tuple(getattr(AuditRow, name) for name in TrailRow.__dataclass_fields__)
# Rows that other transactions write while one is open; one that lasts longer is found by the hourly look at all rows.
LATE_ROWS = 10_000
COMMAND_LINE = ("command line", "command-line")


@dataclass(frozen=True)
class Seal:
    """A place in the chain."""

    position: int
    row_id: int
    hash: str
    sealed_at: datetime


@dataclass(frozen=True)
class SealedRow:
    """A row of the trail; without a seal it was appended since the sealer last ran."""

    row: TrailRow
    position: int | None
    hash: str | None


@dataclass(frozen=True)
class Search:
    """What is looked for: parts of names, from one moment until before another. Empty: everything."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Break:
    """The first place where the chain does not hold, and why."""

    position: int
    row_id: int | None
    reason: str


@dataclass(frozen=True)
class Chain:
    """How far the chain was followed: its last place and hash, what is not sealed yet, and where it is broken."""

    rows: int
    hash: str
    unsealed: int
    broken: Break | None


@dataclass(frozen=True)
class Link:
    """One row with its place: `hash` is SHA-256 over `previous` and `row`, its canonical text."""

    position: int
    previous: str
    hash: str
    row: str


def find_last_seal(session: Session) -> Seal | None:
    """The end of the chain."""
    row = session.scalars(select(AuditSeal).order_by(AuditSeal.position.desc()).limit(1)).first()
    return None if row is None else Seal(row.position, row.row_id, row.hash, row.sealed_at)


def _is_unsealed() -> ColumnElement[bool]:
    return ~exists().where(AuditSeal.row_id == AuditRow.id)


def find_recent_id(session: Session) -> int:
    """A row well before the newest chained one: what is not chained yet comes after it, but for what was committed
    very late.
    """
    return max(0, (session.scalar(select(func.max(AuditSeal.row_id))) or 0) - LATE_ROWS)


def list_unsealed(session: Session, *, limit: int, after_id: int = 0) -> list[TrailRow]:
    """Rows that nobody chained yet, by id."""
    query = select(*_ROW).where(AuditRow.id > after_id, _is_unsealed()).order_by(AuditRow.id).limit(limit)
    return [TrailRow(*row) for row in session.execute(query)]


def count_unsealed(session: Session, *, after_id: int = 0) -> int:
    """How many rows nobody chained yet."""
    return session.scalar(select(func.count(AuditRow.id)).where(AuditRow.id > after_id, _is_unsealed())) or 0


def _matches(wanted: Search) -> list[ColumnElement[bool]]:
    texts = ((AuditRow.actor, wanted.actor), (AuditRow.action, wanted.action), (AuditRow.subject, wanted.subject))
    found = [column.icontains(part, autoescape=True) for column, part in texts if part]
    if wanted.since is not None:
        found.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.at < wanted.until)
    return found


def list_rows(session: Session, wanted: Search, *, limit: int, offset: int = 0) -> list[SealedRow]:
    """Rows that match, the latest first."""
    return _list(session, _matches(wanted), limit=limit, offset=offset)


def count_rows(session: Session, wanted: Search) -> int:
    """How many rows match."""
    return session.scalar(select(func.count(AuditRow.id)).where(*_matches(wanted))) or 0


def _are_overrides(wanted: Search) -> list[ColumnElement[bool]]:
    """By the operator's people: a seller who asks for something overrides nothing."""
    staff = select(User.email).where(User.seller_id.is_(None))
    dated_back = and_(AuditRow.action.in_(DATED_BACK), AuditRow.why != "")
    others = (AuditRow.action.startswith(name, autoescape=True) for name in ALSO_OVERRIDES)
    actions = or_(AuditRow.action.in_(NEEDS_REASON), dated_back, *others)
    return [*_matches(wanted), actions, or_(AuditRow.actor.in_(COMMAND_LINE), AuditRow.actor.in_(staff))]


def list_overrides(session: Session, wanted: Search, *, limit: int | None, offset: int = 0) -> list[SealedRow]:
    """What people decided beside the rules, the latest first."""
    return _list(session, _are_overrides(wanted), limit=limit, offset=offset)


def count_overrides(session: Session, wanted: Search) -> dict[str, int]:
    """How often people decided beside the rules, by what they did."""
    query = select(AuditRow.action, func.count()).where(*_are_overrides(wanted)).group_by(AuditRow.action)
    return {row[0]: row[1] for row in session.execute(query.order_by(func.count().desc(), AuditRow.action))}


def _list(
    session: Session, matching: list[ColumnElement[bool]], *, limit: int | None, offset: int
) -> list[SealedRow]:
    query = select(*_ROW, AuditSeal.position, AuditSeal.hash).outerjoin(AuditSeal, AuditSeal.row_id == AuditRow.id)
    ordered = query.where(*matching).order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit).offset(offset)
    return [SealedRow(TrailRow(*row[:-2]), row[-2], row[-1]) for row in session.execute(ordered)]


def _walk(session: Session, after: int = 0) -> Iterator[tuple[Any, ...]]:
    """Every seal with its row, in the order of the chain; a row that is gone leaves its columns empty."""
    query: Select[Any] = select(AuditSeal.position, AuditSeal.row_id, AuditSeal.hash, *_ROW)
    query = query.outerjoin(AuditRow, AuditRow.id == AuditSeal.row_id).where(AuditSeal.position > after)
    found = session.execute(query.order_by(AuditSeal.position), execution_options={"yield_per": 2_000})
    yield from (tuple(row) for row in found)


def check_chain(session: Session, *, anchor: tuple[int, str] | None = None) -> Chain:
    """Follow the chain from its start until it breaks. `anchor`: a place and its hash, kept outside the database."""
    place, previous = 0, START
    for position, row_id, sealed, *values in _walk(session):
        reason = ""
        if position != place + 1:
            reason = f"place {place + 1} is missing"
        elif values[0] is None:
            reason = f"row {row_id} is gone"
        elif chain(previous, write_canonical(TrailRow(*values))) != sealed:
            reason = f"row {row_id} or its seal was changed"
        elif anchor is not None and anchor[0] == position and anchor[1] != sealed:
            reason = f"the hash is not {anchor[1]}, which was kept outside: everything up to here was written anew"
        if reason:
            return Chain(place, previous, count_unsealed(session), Break(place + 1, row_id, reason))
        place, previous = position, sealed
    broken = None
    if anchor is not None and anchor[0] > place:
        broken = Break(place + 1, None, f"the chain ends before place {anchor[0]}, which was kept outside")
    return Chain(place, previous, count_unsealed(session), broken)


def list_links(session: Session, *, since: datetime | None = None) -> Iterator[Link]:
    """The chain as an outsider can follow it, from the first row sealed at or after `since` on."""
    first = 1
    if since is not None:
        found = session.scalar(select(func.min(AuditSeal.position)).where(AuditSeal.sealed_at >= since))
        if found is None:
            return
        first = found
    previous = session.scalar(select(AuditSeal.hash).where(AuditSeal.position == first - 1)) or START
    for position, _row_id, sealed, *values in _walk(session, first - 1):
        yield Link(position, previous, sealed, write_canonical(TrailRow(*values)))
        previous = sealed
