"""Keeping dispute rows equal to the facts of their cases; what people added (mediator, grounds) stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select, tuple_
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.db import chunks
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.rules import (
    DECISION_WORKING_DAYS,
    Course,
    Turn,
    add_working_days,
    derive_state,
    find_mediation_start,
)
from operator_qos.events.models import Event
from operator_qos.ledger.models import CaseFact, CaseSpan, Obligation, OrderFact, TurnFact
from operator_qos.sellers.models import Marketplace, Shop
from scoring.events import RANKS

_FRESH = {"populate_existing": True}
_PART = 2_000


Key = tuple[int, str]  # (shop, case) or (shop, order)


@dataclass(frozen=True)
class _Read:
    """Everything the rows of one part follow from, keyed by (shop, case); currencies by (shop, order)."""

    facts: Mapping[Key, CaseFact]
    places: Mapping[int, tuple[str, str]]  # shop -> zone, currency
    turns: Mapping[Key, Sequence[Turn]]
    dues: Mapping[Key, int]
    answered: Collection[Key]
    currencies: Mapping[Key, str]
    escalations: Mapping[Key, Mapping[int, str]]  # moment -> by whom
    decisions: Mapping[Key, Mapping[int, Mapping[str, Any]]]  # moment -> what was said


def sync_disputes(
    session: Session, *, shop_id: int | None, case_refs: Collection[str] | Collection[Key], now: datetime
) -> int:
    """Make the dispute rows of these cases follow from their facts; returns how many cases were looked at.

    `case_refs` are cases of one shop, or, with `shop_id` None, pairs (shop, case). Reads a fixed number of
    statements per 2,000 cases; calling it again changes nothing. `now` dates the end of a dispute whose
    opening was retracted. Does not commit.
    """
    keys = sorted({ref if isinstance(ref, tuple) else (shop_id or 0, ref) for ref in case_refs})
    for part in chunks(keys, _PART):
        _sync_part(session, part, now)
    return len(keys)


def sync_dossiers(
    session: Session, *, dossiers: Collection[int], now: datetime, retracted_in: Collection[int] = ()
) -> int:
    """The same for every case of these dossiers, and for cases of shops whose opening may be gone.

    `retracted_in` are shops of which an event was retracted. Returns how many cases were looked at. Does not
    commit.
    """
    keys: set[Key] = set()
    for part in chunks(sorted(dossiers), _PART):
        query = select(CaseFact.shop_id, CaseFact.case_ref).where(CaseFact.dossier_id.in_(part))
        keys |= {(row.shop_id, row.case_ref) for row in session.execute(query)}
    if retracted_in:
        keys |= set(_list_orphans(session, retracted_in))
    return sync_disputes(session, shop_id=None, case_refs=keys, now=now)


def _list_orphans(session: Session, shops: Collection[int]) -> Sequence[Key]:
    case = (CaseFact.shop_id == Dispute.shop_id) & (CaseFact.case_ref == Dispute.case_ref)
    query = select(Dispute.shop_id, Dispute.case_ref).where(Dispute.shop_id.in_(shops), ~exists().where(case))
    return [(row.shop_id, row.case_ref) for row in session.execute(query)]


def _sync_part(session: Session, keys: Sequence[Key], now: datetime) -> None:
    session.flush()
    read = _read(session, keys)
    query = select(Dispute).where(tuple_(Dispute.shop_id, Dispute.case_ref).in_(keys))
    rows = {(row.shop_id, row.case_ref): row for row in session.scalars(query, execution_options=_FRESH)}
    for key in keys:
        fact, row = read.facts.get(key), rows.get(key)
        if fact is None:
            _end_without_case(session, row, now)
            continue
        if row is None:
            row = Dispute(shop_id=key[0], case_ref=key[1])
            session.add(row)
        _follow(row, fact, read)
    session.flush()


def _end_without_case(session: Session, row: Dispute | None, now: datetime) -> None:
    """The opening was retracted: the row goes, unless somebody did something with it."""
    if row is None:
        return
    touched = session.scalar(select(DisputeStep.id).where(DisputeStep.dispute_id == row.id).limit(1))
    if touched is None:
        session.delete(row)
        return
    row.state, row.holder, row.seller_due_at = "withdrawn", "nobody", None
    row.closed_at = row.closed_at or now


def _read(session: Session, keys: Sequence[Key]) -> _Read:
    query = select(CaseFact).where(tuple_(CaseFact.shop_id, CaseFact.case_ref).in_(keys))
    found = session.scalars(query, execution_options=_FRESH).all()
    dossiers = sorted({fact.dossier_id for fact in found})
    return _Read(
        facts={(fact.shop_id, fact.case_ref): fact for fact in found},
        places=_read_places(session, sorted({fact.shop_id for fact in found})),
        turns=_read_turns(session, dossiers),
        dues=_read_dues(session, dossiers),
        answered=_read_answered(session, dossiers),
        currencies=_read_currencies(session, dossiers),
        escalations=_read_escalations(session, found),
        decisions=_read_decisions(session, found),
    )


def _read_places(session: Session, shops: Sequence[int]) -> dict[int, tuple[str, str]]:
    query = select(Shop.id, Marketplace.timezone, Marketplace.currency).join(Marketplace)
    return {
        shop: (zone, currency) for shop, zone, currency in session.execute(query.where(Shop.id.in_(shops)))
    }


def _read_turns(session: Session, dossiers: Sequence[int]) -> dict[Key, list[Turn]]:
    found: dict[Key, list[Turn]] = defaultdict(list)
    query = select(CaseSpan.shop_id, CaseSpan.case_ref, CaseSpan.holder, CaseSpan.from_ms, CaseSpan.until_ms)
    ordered = query.where(CaseSpan.dossier_id.in_(dossiers)).order_by(CaseSpan.from_ms, CaseSpan.row_id)
    for shop, ref, holder, since, until in session.execute(ordered):
        found[shop, ref].append(Turn(holder, since, until))
    return found


def _read_dues(session: Session, dossiers: Sequence[int]) -> dict[Key, int]:
    query = select(Obligation.shop_id, Obligation.ref, Obligation.due_ms).where(
        Obligation.dossier_id.in_(dossiers),
        Obligation.kind == "resolve",
        Obligation.owes == "seller",
        Obligation.settled_ms.is_(None),
        Obligation.void_ms.is_(None),
    )
    return {(shop, ref): due for shop, ref, due in session.execute(query)}


def _read_answered(session: Session, dossiers: Sequence[int]) -> set[Key]:
    """Cases in which the seller replied to a question."""
    query = select(TurnFact.shop_id, TurnFact.case_ref).where(
        TurnFact.dossier_id.in_(dossiers), TurnFact.owes == "seller", TurnFact.answered_ms.is_not(None)
    )
    return {(shop, ref) for shop, ref in session.execute(query) if ref is not None}


def _read_currencies(session: Session, dossiers: Sequence[int]) -> dict[Key, str]:
    query = select(OrderFact.shop_id, OrderFact.order_ref, OrderFact.currency).where(
        OrderFact.dossier_id.in_(dossiers)
    )
    return {
        (shop, order): currency for shop, order, currency in session.execute(query) if currency is not None
    }


def _said(
    session: Session, kind: str, dossiers: Sequence[int]
) -> Iterator[tuple[Key, int, Mapping[str, Any]]]:
    """(case, moment [epoch ms], data) of every event of a type, in time order."""
    query = select(Event.shop_id, Event.subject, Event.at_ms, Event.data).where(
        Event.dossier_id.in_(dossiers), Event.type_rank == RANKS[kind]
    )
    for shop, ref, at_ms, data in session.execute(query.order_by(Event.at_ms, Event.seq)):
        yield (shop, ref), at_ms, data


def _read_escalations(session: Session, facts: Collection[CaseFact]) -> dict[Key, dict[int, str]]:
    found: dict[Key, dict[int, str]] = defaultdict(dict)
    dossiers = sorted({fact.dossier_id for fact in facts if fact.escalated_ms is not None})
    for key, at_ms, data in _said(session, "case.escalated", dossiers):
        found[key].setdefault(at_ms, str(data.get("by", "")))
    return found


def _read_decisions(session: Session, facts: Collection[CaseFact]) -> dict[Key, dict[int, Mapping[str, Any]]]:
    found: dict[Key, dict[int, Mapping[str, Any]]] = defaultdict(dict)
    dossiers = sorted({fact.dossier_id for fact in facts if fact.decided_ms is not None})
    for key, at_ms, data in _said(session, "case.decided", dossiers):
        found[key][at_ms] = data
    return found


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else from_ms(at_ms)


def _follow(row: Dispute, fact: CaseFact, read: _Read) -> None:
    key = (fact.shop_id, fact.case_ref)
    course = Course(
        turns=read.turns.get(key, ()),
        answered=key in read.answered,
        reopened_ms=fact.reopened_ms,
        withdrawn_ms=fact.withdrawn_ms,
        closed_ms=fact.closed_ms,
        decided_ms=fact.decided_ms,
    )
    _follow_case(row, fact, read)
    _follow_escalation(row, fact, find_mediation_start(course), read)
    _follow_decision(row, fact, read)
    row.state = derive_state(course, has_mediator=row.mediator_id is not None)
    row.seller_due_at = _moment(read.dues.get(key) if fact.holder == "seller" else None)


def _follow_case(row: Dispute, fact: CaseFact, read: _Read) -> None:
    row.order_ref, row.kind, row.reason, row.holder = fact.order_ref, fact.kind, fact.reason, fact.holder
    row.amount_minor = fact.amount_minor
    row.currency = read.currencies.get((fact.shop_id, fact.order_ref or ""), read.places[fact.shop_id][1])
    row.opened_at = from_ms(fact.opened_ms)
    row.closed_at = _moment(fact.closed_ms if fact.closed_ms is not None else fact.withdrawn_ms)


def _follow_escalation(row: Dispute, fact: CaseFact, mediation_ms: int | None, read: _Read) -> None:
    """The escalation in force, else the first there was; the decision is due from it."""
    at_ms = mediation_ms if mediation_ms is not None else fact.escalated_ms
    row.escalated_at = _moment(at_ms)
    row.escalated_by, row.decision_due_at = None, None
    if at_ms is not None:
        zone = read.places[fact.shop_id][0]
        row.escalated_by = read.escalations.get((fact.shop_id, fact.case_ref), {}).get(at_ms) or None
        row.decision_due_at = add_working_days(from_ms(at_ms), DECISION_WORKING_DAYS, zone)


def _follow_decision(row: Dispute, fact: CaseFact, read: _Read) -> None:
    row.decided_at, row.fault, row.counts = _moment(fact.decided_ms), fact.fault, fact.counts
    row.remedy, row.refund_minor = None, None
    if fact.decided_ms is None:
        row.decided_by, row.grounds = None, None
        return
    said = read.decisions.get((fact.shop_id, fact.case_ref), {}).get(fact.decided_ms, {})
    row.remedy, row.refund_minor = said.get("remedy"), said.get("amount_minor")
