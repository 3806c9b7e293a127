"""Reading statements, and what one is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from operator_qos.acts.models import Act
from operator_qos.db import chunks
from operator_qos.ledger.models import OutcomeRow
from operator_qos.sellers.models import Marketplace, Seller, Shop
from operator_qos.standards.queries import find_row, get_shipped
from operator_qos.standing.models import EvaluationResult, EvaluationRun, StandingChange
from operator_qos.statements.facts import Addressee, Found, Unit
from operator_qos.statements.models import Statement
from scoring.metrics import GROUP_CODES, METRICS
from scoring.outcome_rows import SOURCES
from scoring.standards import Standard, parse_standard


class StatementMissing(LookupError):
    """There is no such statement, or not for whoever asks."""


@dataclass(frozen=True)
class StatementRow:
    """A statement as it was issued, with the shop it is about."""

    id: int
    public_id: str
    shop_id: int
    kind: str
    jurisdiction: str
    texts_version: str
    issued_at: datetime
    effective_at: datetime
    content: Mapping[str, Any]
    content_hash: str
    sent_at: datetime | None


@dataclass(frozen=True)
class Wanted:
    """What somebody looks for: shops (None: all), a kind, part of the name of a shop or company or of the number."""

    shop_ids: frozenset[int] | None = None
    kind: str = ""
    text: str = ""


@dataclass(frozen=True)
class VersionFacts:
    """A version of a standard, and when it was published; None for the one that comes with the product."""

    standard: Standard
    published_at: datetime | None


_FOUND = tuple(Found.__dataclass_fields__)[:-2]
_COLUMNS = tuple(getattr(Statement, name) for name in StatementRow.__dataclass_fields__)


def get_addressee(session: Session, shop_id: int) -> Addressee:
    """The shop with its company and marketplace. Raises NoResultFound."""
    query = select(
        Shop.id, Shop.code, Shop.name, Seller.id, Seller.code, Seller.name, Marketplace.id, Marketplace.name,
        func.coalesce(func.nullif(Seller.country, ""), Shop.country), Marketplace.country, Marketplace.timezone,
        Shop.opened_ms,
    ).select_from(Shop).join(Seller, Seller.id == Shop.seller_id)
    query = query.join(Marketplace, Marketplace.id == Shop.marketplace_id).where(Shop.id == shop_id)
    return Addressee(*session.execute(query).one())


def find_version(session: Session, standard_id: str, version: int) -> VersionFacts | None:
    """A version of a standard that was published or comes with the product."""
    shipped = get_shipped()
    row = find_row(session, standard_id, version)
    if row is not None:
        return VersionFacts(_parse(row.text), row.published_at)
    return VersionFacts(shipped.standard, None) if shipped.key == (standard_id, version) else None


@lru_cache(maxsize=64)
def _parse(text: str) -> Standard:
    return parse_standard(text)


def list_found(session: Session, shop_id: int, on: date, standard: Standard) -> dict[str, Found]:
    """What the official run of a date found of a shop by a standard, by rule; units with their orders."""
    columns = [getattr(EvaluationResult, name) for name in (
        "bad", "base", "raw_bad", "raw_base", "buyers", "value", "verdict", "units")]
    query = select(EvaluationResult.metric, EvaluationRun.on_date, EvaluationRun.standard_id,
                   EvaluationResult.window_start_ms, EvaluationRun.as_of_ms, *columns)
    query = query.join(EvaluationRun, EvaluationRun.id == EvaluationResult.run_id).where(
        EvaluationResult.shop_id == shop_id, EvaluationRun.on_date == on, EvaluationRun.standard_id == standard.id)
    found = {}
    for *row, units in session.execute(query).all():
        rule, window_start_ms = row[0], row[3]
        named = name_units(session, shop_id, rule, window_start_ms, units=units, standard=standard)
        found[rule] = Found(**dict(zip(_FOUND, row, strict=True)), units=named)
    return found


def name_units(  # which units, of which rule
    session: Session, shop_id: int, rule: str, window_start_ms: int, *, units: Sequence[str], standard: Standard | None
) -> tuple[Unit, ...]:
    """The units with the orders they belong to, in the order given."""
    code = find_group_code(rule, standard) if standard is not None else None
    if code is None or not units:
        return tuple(Unit(unit, None) for unit in units)
    orders: dict[str, str | None] = {}
    for part in chunks(list(units)):
        query = select(OutcomeRow.unit, func.max(OutcomeRow.order_ref)).where(
            OutcomeRow.shop_id == shop_id, OutcomeRow.group_code == code, OutcomeRow.anchor_ms >= window_start_ms,
            OutcomeRow.unit.in_(part)).group_by(OutcomeRow.unit)
        orders.update((unit, order) for unit, order in session.execute(query))
    return tuple(Unit(unit, orders.get(unit)) for unit in units)


def find_group_code(rule: str, standard: Standard) -> int | None:
    """Which kind of rows a rule counts; None where it counts none of ours."""
    found = standard.find_rule(rule.partition("|")[0])
    metric = found.metric if found is not None else rule
    if metric in METRICS:
        return GROUP_CODES[METRICS[metric].group]
    return GROUP_CODES[SOURCES[metric].group] if metric in SOURCES else None


def count_approvals(session: Session, act_ids: Sequence[int]) -> dict[int, int]:
    """How many people agreed to each act."""
    rows = session.execute(select(Act.id, Act.approved_by, Act.second_by).where(Act.id.in_(list(act_ids))))
    return {act_id: sum(person is not None for person in people) for act_id, *people in rows}


def list_level_reasons(session: Session, shop_id: int, on: date, standard_id: str) -> list[Mapping[str, Any]]:
    """Why a shop's level changed on a date, for what went with it."""
    rows = session.scalars(select(StandingChange.reasons).where(
        StandingChange.shop_id == shop_id, StandingChange.on_date == on, StandingChange.standard_id == standard_id,
        StandingChange.kind == "level_changed").order_by(StandingChange.id))
    return [reason for reasons in rows for reason in reasons]


def find_id(session: Session, public_id: str) -> int | None:
    """The number of the row of a statement."""
    return session.scalar(select(Statement.id).where(Statement.public_id == public_id))


def find_statement(session: Session, public_id: str, *, shop_ids: frozenset[int] | None = None) -> StatementRow | None:
    """A statement about one of these shops (None: any)."""
    query = select(*_COLUMNS).where(Statement.public_id == public_id, *_of(Wanted(shop_ids)))
    row = session.execute(query).one_or_none()
    return None if row is None else StatementRow(*row)


def get_statement(session: Session, statement_id: int) -> StatementRow:
    """A statement by the number of its row. Raises StatementMissing."""
    row = session.execute(select(*_COLUMNS).where(Statement.id == statement_id)).one_or_none()
    if row is None:
        raise StatementMissing(f"there is no statement {statement_id}")
    return StatementRow(*row)


def list_statements(session: Session, wanted: Wanted, *, limit: int = 50, offset: int = 0) -> list[StatementRow]:
    """Statements, newest first."""
    query = _select(wanted, *_COLUMNS).order_by(Statement.issued_at.desc(), Statement.id.desc())
    return [StatementRow(*row) for row in session.execute(query.limit(limit).offset(offset))]


def count_statements(session: Session, wanted: Wanted) -> int:
    """How many there are."""
    return session.scalar(_select(wanted, func.count(Statement.id))) or 0


def list_kinds(session: Session, shop_ids: frozenset[int] | None = None) -> list[str]:
    """The kinds of the statements there are about these shops."""
    return list(session.scalars(_select(Wanted(shop_ids), Statement.kind).distinct().order_by(Statement.kind)))


def _select(wanted: Wanted, *columns: Any) -> Any:
    query = select(*columns).select_from(Statement)
    if wanted.text:
        query = query.join(Shop, Shop.id == Statement.shop_id).join(Seller, Seller.id == Shop.seller_id)
    return query.where(*_of(wanted))


def _of(wanted: Wanted) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    if wanted.shop_ids is not None:
        asked.append(Statement.shop_id.in_(sorted(wanted.shop_ids)))
    if wanted.kind:
        asked.append(Statement.kind == wanted.kind)
    if wanted.text:
        named = (Shop.name, Shop.code, Seller.name, Statement.public_id)
        said = [func.lower(name).contains(wanted.text.lower(), autoescape=True) for name in named]
        asked.append(said[0] | said[1] | said[2] | said[3])
    return asked


def list_about_rule(session: Session, shop_id: int, rule: str, *, limit: int = 20) -> list[StatementRow]:
    """The latest statements about a shop that rest on a rule, among its last hundred, newest first."""
    recent = list_statements(session, Wanted(frozenset({shop_id})), limit=100)
    return [row for row in recent if rule in row.content["rules"]][:limit]


def iterate_statements(
    session: Session, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[StatementRow]:
    """Statements issued in [since, until), oldest first, a few at a time."""
    asked = [] if since is None else [Statement.issued_at >= since]
    asked += [] if until is None else [Statement.issued_at < until]
    last = 0
    while rows := session.execute(
            select(*_COLUMNS).where(Statement.id > last, *asked).order_by(Statement.id).limit(500)).all():
        yield from (StatementRow(*row) for row in rows)
        last = rows[-1][0]


