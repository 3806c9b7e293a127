"""Keeping dispute rows equal to the facts of their cases; what people added (mediator, grounds) stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select, tuple_
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.db import among, chunks
from operator_qos.disputes.clocks import Clocks
from operator_qos.disputes.dues import Situation, set_dues
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.policies import KindPolicy, Policy
from operator_qos.disputes.policy_book import PolicyBook, read_policy_book
from operator_qos.disputes.rules import (
    OPEN_STATES,
    Course,
    Doings,
    Turn,
    derive_state,
    find_mediation_start,
    to_problem,
)
from operator_qos.events.models import Event
from operator_qos.ledger.models import CaseFact, CaseSpan, Obligation, OrderFact, TurnFact
from operator_qos.ledger.service import build_frames
from operator_qos.sellers.models import Marketplace, Shop
from scoring.calendars import WorkingCalendar
from scoring.events import RANKS
from scoring.spans import FOREVER_MS

_FRESH = {"populate_existing": True}
_PART = 2_000


Key = tuple[int, str]  # (shop, case) or (shop, order)


@dataclass(frozen=True)
class _Place:
    """Where a shop stands: its marketplace with zone and currency, and the zone of its own clock."""

    marketplace_id: str
    zone: str
    currency: str
    shop_zone: str


@dataclass(frozen=True)
class _Order:
    """What a dispute takes from its order."""

    currency: str | None = None
    country: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class _Asked:
    """The last question for evidence: to whom, and by when."""

    to: str
    due_by: int | str | None


@dataclass(frozen=True)
class _Read:
    """Everything the rows of one part follow from, keyed by (shop, case); orders by (shop, order)."""

    facts: Mapping[Key, CaseFact]
    places: Mapping[int, _Place]
    turns: Mapping[Key, Sequence[Turn]]
    dues: Mapping[Key, int]
    answered: Collection[Key]
    orders: Mapping[Key, _Order]
    escalations: Mapping[Key, Mapping[int, str]]  # moment -> by whom
    decisions: Mapping[Key, Mapping[int, Mapping[str, Any]]]  # moment -> what was said
    closers: Mapping[Key, str]
    asked: Mapping[Key, _Asked]
    book: PolicyBook
    calendars: dict[int, WorkingCalendar]
    session: Session

    def calendar(self, shop_id: int, opened_ms: int) -> WorkingCalendar:
        """The clock of a shop, read when a limit needs it."""
        if shop_id not in self.calendars:
            frame = build_frames(self.session, [shop_id])[shop_id]
            self.calendars[shop_id] = frame.book.at(FOREVER_MS, opened_ms)
        return self.calendars[shop_id]


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
        query = select(CaseFact.shop_id, CaseFact.case_ref).where(among(session, CaseFact.dossier_id, part))
        keys |= {(row.shop_id, row.case_ref) for row in session.execute(query)}
    return sync_cases(session, cases=keys, now=now, retracted_in=retracted_in)


def sync_cases(session: Session, *, cases: Collection[Key], now: datetime, retracted_in: Collection[int] = ()) -> int:
    """The same for these cases (shop, case), for who knows them from deriving their facts. Does not commit."""
    orphans = _list_orphans(session, retracted_in) if retracted_in else ()
    return sync_disputes(session, shop_id=None, case_refs={*cases, *orphans}, now=now)


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
        if row is not None:
            _follow(row, fact, read)
            continue
        added = Dispute(shop_id=key[0], case_ref=key[1])
        _follow(added, fact, read)
        session.add(added)  # only now: what follows from the policy may read, and nothing half made must be written
    session.flush()


def _end_without_case(session: Session, row: Dispute | None, now: datetime) -> None:
    """The opening was retracted: the row goes, unless somebody did something with it."""
    if row is None:
        return
    touched = session.scalar(select(DisputeStep.id).where(DisputeStep.dispute_id == row.id).limit(1))
    if touched is None:
        session.delete(row)
        return
    row.state, row.holder, row.seller_due_at, row.timer_at = "withdrawn", "nobody", None, None
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
        orders=_read_orders(session, dossiers),
        escalations=_read_escalations(session, found),
        decisions=_read_decisions(session, found),
        closers=_read_closers(session, found),
        asked=_read_asked(session, found),
        book=read_policy_book(session),
        calendars={},
        session=session,
    )


def _read_places(session: Session, shops: Sequence[int]) -> dict[int, _Place]:
    columns = (Shop.id, Shop.timezone, Marketplace.id, Marketplace.timezone, Marketplace.currency)
    query = select(*columns).join(Marketplace, Marketplace.id == Shop.marketplace_id)
    return {
        shop: _Place(marketplace, zone, currency, own_zone or zone)
        for shop, own_zone, marketplace, zone, currency in session.execute(query.where(among(session, Shop.id, shops)))
    }


def _read_turns(session: Session, dossiers: Sequence[int]) -> dict[Key, list[Turn]]:
    found: dict[Key, list[Turn]] = defaultdict(list)
    query = select(CaseSpan.shop_id, CaseSpan.case_ref, CaseSpan.holder, CaseSpan.from_ms, CaseSpan.until_ms)
    ordered = query.where(among(session, CaseSpan.dossier_id, dossiers)).order_by(CaseSpan.from_ms, CaseSpan.row_id)
    for shop, ref, holder, since, until in session.execute(ordered):
        found[shop, ref].append(Turn(holder, since, until))
    return found


def _read_dues(session: Session, dossiers: Sequence[int]) -> dict[Key, int]:
    query = select(Obligation.shop_id, Obligation.ref, Obligation.due_ms).where(
        among(session, Obligation.dossier_id, dossiers),
        Obligation.kind == "resolve",
        Obligation.owes == "seller",
        Obligation.settled_ms.is_(None),
        Obligation.void_ms.is_(None),
    )
    return {(shop, ref): due for shop, ref, due in session.execute(query)}


def _read_answered(session: Session, dossiers: Sequence[int]) -> set[Key]:
    """Cases in which the seller replied to a question."""
    query = select(TurnFact.shop_id, TurnFact.case_ref).where(
        among(session, TurnFact.dossier_id, dossiers), TurnFact.owes == "seller", TurnFact.answered_ms.is_not(None)
    )
    return {(shop, ref) for shop, ref in session.execute(query) if ref is not None}


def _read_orders(session: Session, dossiers: Sequence[int]) -> dict[Key, _Order]:
    told = (OrderFact.currency, OrderFact.country, OrderFact.category)
    query = select(OrderFact.shop_id, OrderFact.order_ref, *told).where(among(session, OrderFact.dossier_id, dossiers))
    return {(shop, order): _Order(*rest) for shop, order, *rest in session.execute(query)}


def _said(
    session: Session, kind: str, dossiers: Sequence[int]
) -> Iterator[tuple[Key, int, Mapping[str, Any]]]:
    """(case, moment [epoch ms], data) of every event of a type, in time order."""
    if not dossiers:
        return
    query = select(Event.shop_id, Event.subject, Event.at_ms, Event.data).where(
        among(session, Event.dossier_id, dossiers), Event.type_rank == RANKS[kind]
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


def _read_closers(session: Session, facts: Collection[CaseFact]) -> dict[Key, str]:
    """Who closed a case last."""
    dossiers = sorted({fact.dossier_id for fact in facts if fact.closed_ms is not None})
    return {key: str(data.get("by") or "") for key, _, data in _said(session, "case.closed", dossiers)}


def _read_asked(session: Session, facts: Collection[CaseFact]) -> dict[Key, _Asked]:
    """The last question for evidence of cases that are with a party since."""
    with_party = [fact for fact in facts if fact.escalated_ms is not None and fact.holder not in _NO_PARTY]
    dossiers = sorted({fact.dossier_id for fact in with_party})
    said = _said(session, "case.evidence_asked", dossiers)
    return {key: _Asked(str(data.get("to") or "seller"), data.get("due_by")) for key, _, data in said}


_NO_PARTY = frozenset({"mediator", "nobody"})


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
    place = read.places[fact.shop_id]
    policy = read.book.at(place.marketplace_id, from_ms(fact.opened_ms), place.zone)
    kind = _follow_case(row, fact, read, policy)
    clocks = _build_clocks(fact, kind, read, policy)
    _follow_escalation(row, fact, find_mediation_start(course), read, clocks)
    _follow_decision(row, fact, read)
    row.state = derive_state(course, _list_doings(row))
    _follow_evidence(row, read.asked.get(key), place.zone)
    if row.state not in {"opened", "seller_overdue"}:
        row.overdue_at = None
    set_dues(row, kind, clocks, _find_situation(course, fact, _moment(read.dues.get(key))))


def _list_doings(row: Dispute) -> Doings:
    return Doings(
        has_mediator=row.mediator_id is not None,
        overdue=row.overdue_at is not None,
        closed_by=row.closed_by,
        decided_here=row.appeal_until_at is not None,
        window_ended=row.window_ended_at is not None,
        appealed_ms=None if row.appealed_at is None else to_ms(row.appealed_at),
    )


def _find_situation(course: Course, fact: CaseFact, resolve_due_at: datetime | None) -> Situation:
    buyers = fact.holder == "buyer" and bool(course.turns)
    return Situation(
        resolve_due_at=resolve_due_at,
        answered=course.answered or len(course.turns) > 1,
        buyer_since_at=from_ms(course.turns[-1].from_ms) if buyers else None,
    )


def _build_clocks(fact: CaseFact, kind: KindPolicy, read: _Read, policy: Policy) -> Clocks:
    place, order = read.places[fact.shop_id], read.orders.get((fact.shop_id, fact.order_ref or ""), _Order())
    needs_shop = kind.uses_shop_clock and fact.closed_ms is None and fact.withdrawn_ms is None
    return Clocks(
        policy=policy, zone=place.zone, seller_zone=place.shop_zone,
        buyer_country=order.country or "",
        shop=read.calendar(fact.shop_id, fact.opened_ms) if needs_shop else None,
    )


def _follow_case(row: Dispute, fact: CaseFact, read: _Read, policy: Policy) -> KindPolicy:
    row.order_ref, row.kind, row.reason, row.holder = fact.order_ref, fact.kind, fact.reason, fact.holder
    row.amount_minor = fact.amount_minor
    order = read.orders.get((fact.shop_id, fact.order_ref or ""), _Order())
    row.currency, row.category = order.currency or read.places[fact.shop_id].currency, order.category
    row.opened_at = from_ms(fact.opened_ms)
    row.closed_at = _moment(fact.closed_ms if fact.closed_ms is not None else fact.withdrawn_ms)
    row.closed_by = read.closers.get((fact.shop_id, fact.case_ref)) or None if fact.closed_ms is not None else None
    row.policy, row.problem = policy.name, to_problem(fact.reason)
    return policy.of(row.problem)


def _follow_escalation(
    row: Dispute, fact: CaseFact, mediation_ms: int | None, read: _Read, clocks: Clocks
) -> None:
    """The escalation in force, else the first there was; the decision is due from it."""
    at_ms = mediation_ms if mediation_ms is not None else fact.escalated_ms
    row.escalated_at = _moment(at_ms)
    row.escalated_by, row.decision_due_at = None, None
    if at_ms is not None:
        row.escalated_by = read.escalations.get((fact.shop_id, fact.case_ref), {}).get(at_ms) or None
        row.decision_due_at = clocks.end(clocks.policy.of(row.problem).decision_target, from_ms(at_ms))


def _follow_decision(row: Dispute, fact: CaseFact, read: _Read) -> None:
    row.decided_at, row.fault, row.counts = _moment(fact.decided_ms), fact.fault, fact.counts
    row.remedy, row.refund_minor = None, None
    if fact.decided_ms is None:
        row.decided_by, row.grounds, row.appeal_until_at = None, None, None
        return
    said = read.decisions.get((fact.shop_id, fact.case_ref), {}).get(fact.decided_ms, {})
    row.remedy, row.refund_minor = said.get("remedy"), said.get("amount_minor")


def _follow_evidence(row: Dispute, asked: _Asked | None, zone: str) -> None:
    row.evidence_due_at = None
    if asked is None or row.state not in OPEN_STATES or asked.due_by is None:
        return
    if isinstance(asked.due_by, int):
        row.evidence_due_at = from_ms(asked.due_by)
    else:
        next_day = date.fromisoformat(asked.due_by) + timedelta(days=1)
        row.evidence_due_at = datetime.combine(next_day, time(), ZoneInfo(zone)) - timedelta(seconds=1)
