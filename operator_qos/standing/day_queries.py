"""What a seller's shops owe: counted and listed straight from the open obligations, in few statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.db import among, ask_once
from operator_qos.disputes.rules import IN_MEDIATION
from operator_qos.events.models import EventBody, EventId
from operator_qos.ledger.models import Obligation, OrderFact
from operator_qos.models import Dispute, Marketplace, Shop

# Promises that a parcel keeps or breaks on its way: nothing is left to do for the seller.
CARRIED = ("deliver", "track")
TODO = ("accept", "ship", "answer", "resolve")
BUCKETS = ("late", "today", "tomorrow", "week", "later")
MINE, WAITING, UNDER_WAY = "mine", "waiting", "under_way"
STATES = (MINE, WAITING, UNDER_WAY)

_OPEN = (Obligation.settled_ms.is_(None), Obligation.void_ms.is_(None))
# A parcel's promise carries the moment at which silence will end it, 30 days after it was due.
_SILENCE_MS = 30 * 86_400_000
_WAITS = (Obligation.waiting_for.is_not(None)) | (Obligation.owes != "seller")


@dataclass(frozen=True)
class Bounds:
    """Where the local days of a zone end, seen from now [epoch ms]; `week_ms` ends the seventh day."""

    today_ms: int
    tomorrow_ms: int
    week_ms: int


@dataclass(frozen=True)
class OwedCount:
    """How many open promises of one shop and kind fall due when; `state`: mine, waiting or under_way."""

    shop_id: int
    kind: str
    state: str
    bucket: str
    count: int


@dataclass(frozen=True)
class Owed:
    """One open promise as stored."""

    shop_id: int
    owes: str
    kind: str
    ref: str
    order_ref: str | None
    conversation: str | None
    opened_source: str
    opened_id: str
    since_ms: int
    due_ms: int
    waiting_for: str | None
    excluded: str | None
    dossier_id: int


@dataclass(frozen=True)
class OrderNote:
    """What helps to recognise an order."""

    amount_minor: int | None
    currency: str | None
    carrier: str | None


@dataclass(frozen=True)
class CaseNote:
    """What helps to recognise a case, and the dispute that is made of it."""

    dispute_id: int
    kind: str
    reason: str | None
    amount_minor: int | None
    currency: str


@dataclass(frozen=True)
class Mediated:
    """A dispute on which the mediators owe a decision."""

    dispute_id: int
    shop_id: int
    case_ref: str
    order_ref: str | None
    reason: str | None
    kind: str
    due_ms: int | None


@dataclass(frozen=True)
class Choice:
    """Which rows are wanted: of these shops, in this state (None: in any), of this kind (None: of every kind)."""

    shop_ids: Sequence[int]
    state: str | None = MINE
    kind: str | None = None


def list_zones(session: Session, shop_ids: Sequence[int]) -> dict[int, str]:
    """The zone in which each shop lives and works."""
    return ask_once(session, f"zones of {sorted(shop_ids)}", lambda asked: _read_zones(asked, shop_ids))


def _read_zones(session: Session, shop_ids: Sequence[int]) -> dict[int, str]:
    own = func.coalesce(func.nullif(Shop.timezone, ""), Marketplace.timezone)
    query = select(Shop.id, own).join(Marketplace, Marketplace.id == Shop.marketplace_id)
    rows = session.execute(query.where(among(session, Shop.id, shop_ids)))
    return {shop_id: zone for shop_id, zone in rows}  # noqa: C416  # rows are no plain pairs


def _rolling(now_ms: int) -> tuple[ColumnElement[bool], ...]:
    """The promises of parcels that are neither kept nor given up at now."""
    return (
        Obligation.settled_ms.is_(None),
        Obligation.kind.in_(CARRIED),
        Obligation.owes == "seller",
        Obligation.due_ms > now_ms - _SILENCE_MS,
        Obligation.void_ms.is_(None) | (Obligation.void_ms > now_ms),
    )


def _standing() -> tuple[ColumnElement[bool], ...]:
    """The open promises that somebody has to act on."""
    return (*_OPEN, Obligation.kind.not_in(CARRIED), Obligation.owes.in_(("seller", "operator")))


def _bucket(bounds: Mapping[int, Bounds], now_ms: int) -> ColumnElement[str]:
    """The bucket of a row; each shop counts its own local days."""
    whens: list[Any] = [(Obligation.due_ms < now_ms, "late")]
    for name in ("today", "tomorrow", "week"):
        for bound in sorted({getattr(found, f"{name}_ms") for found in bounds.values()}):
            ids = [shop for shop, found in bounds.items() if getattr(found, f"{name}_ms") == bound]
            theirs = Obligation.shop_id.in_(ids) if len(ids) < len(bounds) else true()
            whens.append((and_(theirs, Obligation.due_ms < bound), name))
    return case(*whens, else_="later")


def count_owed(session: Session, bounds: Mapping[int, Bounds], *, now_ms: int) -> list[OwedCount]:
    """Every open promise of these shops (the keys of `bounds`), counted by shop, kind, state and due time."""
    mine = Obligation.shop_id.in_(list(bounds))
    bucket = _bucket(bounds, now_ms)
    turn = case((_WAITS, WAITING), else_=MINE)
    found: list[OwedCount] = []
    for state, wanted in ((turn, _standing()), (literal(UNDER_WAY), _rolling(now_ms))):
        columns = (Obligation.shop_id, Obligation.kind, state.label("state"), bucket.label("bucket"))
        query = select(*columns, func.count()).where(mine, *wanted).group_by(*columns)
        found += [OwedCount(*row) for row in session.execute(query)]
    return found


def count_mine(session: Session, shop_ids: Sequence[int]) -> int:
    """How many things these shops have to do themselves."""
    mine = Obligation.shop_id.in_(list(shop_ids))
    return session.scalar(select(func.count()).where(mine, *_standing(), ~_WAITS)) or 0


def _wanted(choice: Choice, now_ms: int) -> list[ColumnElement[bool]]:
    """The rows of a choice; they add up to what `count_owed` counts."""
    found: list[ColumnElement[bool]] = [Obligation.shop_id.in_(list(choice.shop_ids))]
    if choice.kind is not None:
        found.append(Obligation.kind == choice.kind)
    if choice.state is None:
        return [*found, Obligation.settled_ms.is_(None), or_(and_(*_standing()), and_(*_rolling(now_ms)))]
    if choice.state == UNDER_WAY:
        return [*found, *_rolling(now_ms)]
    return [*found, *_standing(), _WAITS if choice.state == WAITING else ~_WAITS]


def find_state(owed: Owed) -> str:
    """Whose move an open promise waits for: the seller's own, somebody else's, or the carrier's."""
    if owed.kind in CARRIED:
        return UNDER_WAY
    return WAITING if owed.waiting_for is not None or owed.owes != "seller" else MINE


def list_owed(  # which rows, and which part of them
    session: Session, choice: Choice, *, now_ms: int, limit: int | None, offset: int = 0,
    after: tuple[int, int, str, str] | None = None,
) -> list[Owed]:
    """Open promises by due time, ties by shop, kind and name; `after` the one with these four, where it is given."""
    columns = [getattr(Obligation, name) for name in Owed.__dataclass_fields__]
    order = (Obligation.due_ms, Obligation.shop_id, Obligation.kind, Obligation.ref)
    query = select(*columns).where(*_wanted(choice, now_ms)).order_by(*order).limit(limit).offset(offset)
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*(literal(part) for part in after)))
    return [Owed(*row) for row in session.execute(query)]


def find_next(session: Session, shop_ids: Sequence[int], *, now_ms: int) -> Owed | None:
    """The next promise to fall due, whoever has to act."""
    columns = [getattr(Obligation, name) for name in Owed.__dataclass_fields__]
    coming = (Obligation.shop_id.in_(list(shop_ids)), Obligation.due_ms >= now_ms)
    found: list[Owed] = []
    for wanted in (_standing(), _rolling(now_ms)):
        query = select(*columns).where(*coming, *wanted).order_by(Obligation.due_ms, Obligation.ref).limit(1)
        found += [Owed(*row) for row in session.execute(query)]
    return min(found, key=lambda owed: owed.due_ms, default=None)


def list_mediated(session: Session, shop_ids: Sequence[int]) -> list[Mediated]:
    """Disputes of these shops that a mediator has, by when the decision is due."""
    query = select(Dispute).where(Dispute.shop_id.in_(list(shop_ids)), Dispute.state.in_(IN_MEDIATION))
    rows = session.scalars(query.order_by(Dispute.decision_due_at, Dispute.id))
    return [
        Mediated(
            row.id,
            row.shop_id,
            row.case_ref,
            row.order_ref,
            row.reason,
            row.kind,
            to_ms(row.decision_due_at) if row.decision_due_at else None,
        )
        for row in rows
    ]


def list_questions(session: Session, owed: Iterable[Owed]) -> dict[tuple[str, str], str]:
    """What the buyer wrote, by the event that opened a turn; texts no longer kept are missing."""
    names = {(row.opened_source, row.opened_id) for row in owed if row.kind == "answer"}
    query = (
        select(EventId.source, EventId.event_id, EventBody.body)
        .join(EventBody, EventBody.seq == EventId.seq)
        .where(EventId.source.in_({name[0] for name in names}), EventId.event_id.in_({name[1] for name in names}))
    )
    rows = session.execute(query) if names else ()
    found = {(source, event_id): read_text(body) for source, event_id, body in rows}
    return {name: text for name, text in found.items() if text}


def read_text(body: str | None) -> str:
    """The free text of a stored document; empty where it had none or is no longer kept."""
    data = json.loads(body).get("data") or {} if body else {}
    return str(data.get("body") or "").strip()


def list_order_notes(session: Session, owed: Iterable[Owed]) -> dict[tuple[int, str], OrderNote]:
    """The orders of promises, by shop and order."""
    names = {(row.shop_id, row.order_ref) for row in owed if row.order_ref is not None}
    columns = (OrderFact.amount_minor, OrderFact.currency, OrderFact.carrier)
    query = select(OrderFact.shop_id, OrderFact.order_ref, *columns).where(
        OrderFact.shop_id.in_({name[0] for name in names}),
        OrderFact.order_ref.in_({name[1] for name in names}),
    )
    rows = session.execute(query) if names else ()
    return {(row[0], row[1]): OrderNote(*row[2:]) for row in rows}


def list_case_notes(session: Session, owed: Iterable[Owed]) -> dict[tuple[int, str], CaseNote]:
    """The disputes of promises to resolve, by shop and case."""
    names = {(row.shop_id, row.ref) for row in owed if row.kind == "resolve"}
    columns = (Dispute.id, Dispute.kind, Dispute.reason, Dispute.amount_minor, Dispute.currency)
    query = select(Dispute.shop_id, Dispute.case_ref, *columns).where(
        Dispute.shop_id.in_({name[0] for name in names}), Dispute.case_ref.in_({name[1] for name in names})
    )
    rows = session.execute(query) if names else ()
    return {(row[0], row[1]): CaseNote(*row[2:]) for row in rows}
