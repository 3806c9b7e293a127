"""Reading disputes: for the actions, for lists and for the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import Row, Select, case, func, select
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.rules import IN_MEDIATION, OPEN_STATES, TALKING, TIMER_REACH
from operator_qos.events.models import Event
from operator_qos.ledger.models import CaseFact
from operator_qos.sellers.models import Marketplace, Seller, Shop
from scoring.events import RANKS


class DisputeMissing(LookupError):
    """There is no such dispute, or not for whoever asks."""


@dataclass(frozen=True)
class Place:
    """Where a dispute belongs."""

    shop_id: int
    shop_code: str
    shop_name: str
    seller_id: int
    seller_name: str
    marketplace_id: str
    marketplace_name: str
    zone: str
    shop_zone: str
    language: str


@dataclass(frozen=True)
class DisputeRow:
    """One line of a list of disputes."""

    dispute: Dispute
    place: Place
    mediator: str | None


@dataclass(frozen=True)
class Figures:
    """The mediators' own numbers: `median_seconds` from escalation to decision, None without a decision."""

    decided: int
    open: int
    overdue: int
    median_seconds: int | None


@dataclass(frozen=True)
class Similar:
    """An earlier decision on a case of the same kind and reason."""

    dispute: Dispute
    mediator: str | None


_PLACE = (
    Shop.id,
    Shop.code,
    Shop.name,
    Shop.timezone,
    Seller.id.label("seller_id"),
    Seller.name.label("seller_name"),
    Marketplace.id.label("marketplace_id"),
    Marketplace.name.label("marketplace_name"),
    Marketplace.timezone.label("zone"),
    Marketplace.language,
)


def _to_place(row: Row[*tuple[object, ...]]) -> Place:
    found = row._mapping
    return Place(
        shop_id=found["id"],
        shop_code=found["code"],
        shop_name=found["name"],
        seller_id=found["seller_id"],
        seller_name=found["seller_name"],
        marketplace_id=found["marketplace_id"],
        marketplace_name=found["marketplace_name"],
        zone=found["zone"],
        shop_zone=found["timezone"] or found["zone"],
        language=found["language"],
    )


def get_dispute(session: Session, dispute_id: int) -> Dispute:
    """The dispute as it is now. Raises DisputeMissing."""
    found = session.get(Dispute, dispute_id, populate_existing=True)
    if found is None:
        raise DisputeMissing(f"there is no dispute {dispute_id}")
    return found


def get_place(session: Session, shop_id: int) -> Place:
    """Shop, company and marketplace."""
    query = select(*_PLACE).select_from(Shop).join(Seller).join(Marketplace).where(Shop.id == shop_id)
    return _to_place(session.execute(query).one())


def find_conversation(session: Session, dispute: Dispute) -> str:
    """The conversation in which the buyer last wrote about the case, else the case's own."""
    said = _list_events(session, dispute, "message.sent")
    spoken = [
        event.subject
        for event in said
        if event.data.get("author") == "buyer" and dispute.case_ref in {event.subject, event.data.get("case")}
    ]
    return spoken[-1] if spoken else dispute.case_ref


def _list_events(session: Session, dispute: Dispute, kind: str) -> Sequence[Event]:
    dossier = (
        select(CaseFact.dossier_id)
        .where(CaseFact.shop_id == dispute.shop_id, CaseFact.case_ref == dispute.case_ref)
        .scalar_subquery()
    )
    query = select(Event).where(Event.dossier_id == dossier, Event.type_rank == RANKS[kind])
    return session.scalars(query.order_by(Event.at_ms, Event.seq)).all()


def count_escalations(session: Session, dispute: Dispute) -> int:
    """How often the case went to the mediators so far, by whomever."""
    said = _list_events(session, dispute, "case.escalated")
    return sum(event.subject == dispute.case_ref for event in said)


def count_decisions(session: Session, dispute: Dispute) -> int:
    """How often the case was decided so far."""
    said = _list_events(session, dispute, "case.decided")
    return sum(event.subject == dispute.case_ref for event in said)


def list_due_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Disputes whose seller's time is up and that nobody handed over, the longest overdue first."""
    query = select(Dispute.id).where(
        Dispute.state.in_(TALKING), Dispute.seller_due_at < now, Dispute.opened_at >= now - TIMER_REACH
    )
    return list(session.scalars(query.order_by(Dispute.seller_due_at, Dispute.id).limit(limit)))


def _conflicted(session: Session, dispute_id: int) -> set[int]:
    query = select(DisputeStep.data).where(
        DisputeStep.dispute_id == dispute_id, DisputeStep.kind == "declare_conflict"
    )
    return {int(data["mediator"]) for data in session.scalars(query) if data.get("mediator") is not None}


def has_conflict(session: Session, dispute_id: int, mediator_id: int | None) -> bool:
    """Whether this mediator declared a conflict on the case."""
    return mediator_id in _conflicted(session, dispute_id)


def find_least_loaded_mediator(session: Session, dispute_id: int) -> int | None:
    """The active mediator without a conflict who has the fewest open cases; ties by account age."""
    load = func.count(Dispute.id)
    query = (
        select(User.id)
        .outerjoin(Dispute, (Dispute.mediator_id == User.id) & Dispute.state.in_(IN_MEDIATION))
        .where(
            User.role == "mediator", User.active.is_(True), User.id.not_in(_conflicted(session, dispute_id))
        )
        .group_by(User.id)
        .order_by(load, User.id)
        .limit(1)
    )
    return session.scalar(query)


def _rows(session: Session, query: Select[Dispute]) -> list[DisputeRow]:
    joined = (
        query.add_columns(User.name.label("mediator_name"), *_PLACE)
        .join(Shop, Shop.id == Dispute.shop_id)
        .join(Seller)
        .join(Marketplace)
        .outerjoin(User, User.id == Dispute.mediator_id)
    )
    return [DisputeRow(row[0], _to_place(row), row.mediator_name) for row in session.execute(joined)]


def find_row(session: Session, dispute_id: int) -> DisputeRow | None:
    """One dispute with its place, None where there is none."""
    return next(iter(_rows(session, select(Dispute).where(Dispute.id == dispute_id))), None)


def list_queue(session: Session, mediator_id: int) -> list[DisputeRow]:
    """What waits for this mediator or for any: by due time, then amount."""
    query = select(Dispute).where(
        Dispute.state.in_(IN_MEDIATION), (Dispute.mediator_id == mediator_id) | Dispute.mediator_id.is_(None)
    )
    return _rows(session, query.order_by(Dispute.decision_due_at, Dispute.amount_minor.desc(), Dispute.id))


# An earlier mediation leaves its deadline on the row; while the parties talk the seller's counts.
_DUE = case((Dispute.state.in_(IN_MEDIATION), Dispute.decision_due_at), else_=Dispute.seller_due_at)


def list_disputes(
    session: Session,
    *,
    seller_id: int | None = None,
    only_open: bool = True,
    limit: int = 200,
    offset: int = 0,
) -> list[DisputeRow]:
    """Disputes of a company, or of all: open ones by due time, ended ones latest first."""
    query = select(Dispute).limit(limit).offset(offset)
    if only_open:
        query = query.where(Dispute.state.in_(OPEN_STATES)).order_by(_DUE.is_(None), _DUE, Dispute.id)
    else:
        query = query.where(Dispute.state.not_in(OPEN_STATES)).order_by(
            Dispute.opened_at.desc(), Dispute.id.desc()
        )
    if seller_id is not None:
        query = query.where(Dispute.shop_id.in_(select(Shop.id).where(Shop.seller_id == seller_id)))
    return _rows(session, query)


def count_open(session: Session, *, seller_id: int | None = None) -> int:
    """How many disputes are open."""
    query = select(func.count(Dispute.id)).where(Dispute.state.in_(OPEN_STATES))
    if seller_id is not None:
        query = query.where(Dispute.shop_id.in_(select(Shop.id).where(Shop.seller_id == seller_id)))
    return session.scalar(query) or 0


def find_next_lapse(session: Session) -> datetime | None:
    """When the next case will come to the mediators unless its seller acts."""
    query = select(func.min(Dispute.seller_due_at)).where(Dispute.state.in_(TALKING))
    return session.scalar(query)


def list_near_deadline(
    session: Session, *, now: datetime, within: timedelta, limit: int = 10
) -> list[DisputeRow]:
    """Cases the mediators owe a decision on by `now + within`, overdue ones first."""
    query = select(Dispute).where(Dispute.state.in_(IN_MEDIATION), Dispute.decision_due_at < now + within)
    return _rows(session, query.order_by(Dispute.decision_due_at, Dispute.id).limit(limit))


def list_similar(session: Session, dispute: Dispute, *, since: datetime, limit: int = 200) -> list[Similar]:
    """Decided cases of the same kind and reason, latest first."""
    query = (
        select(Dispute, User.name)
        .outerjoin(User, User.id == Dispute.decided_by)
        .where(
            Dispute.kind == dispute.kind,
            Dispute.reason == dispute.reason,
            Dispute.decided_at >= since,
            Dispute.id != dispute.id,
        )
    )
    ordered = query.order_by(Dispute.decided_at.desc(), Dispute.id.desc()).limit(limit)
    return [Similar(found, name) for found, name in session.execute(ordered)]


def list_steps(session: Session, dispute_id: int) -> list[DisputeStep]:
    """The steps taken here, in time order."""
    query = select(DisputeStep).where(DisputeStep.dispute_id == dispute_id)
    return list(session.scalars(query.order_by(DisputeStep.at, DisputeStep.id)))


def read_figures(session: Session, *, now: datetime, since: datetime) -> Figures:
    """The mediators' numbers: decided since a day, open and overdue now."""
    decided = session.execute(
        select(Dispute.escalated_at, Dispute.decided_at).where(
            Dispute.decided_at >= since, Dispute.escalated_at.is_not(None)
        )
    ).all()
    took = [int((end - start).total_seconds()) for start, end in decided if start and end and end >= start]
    waiting = select(func.count(Dispute.id)).where(Dispute.state.in_(IN_MEDIATION))
    return Figures(
        decided=len(decided),
        open=session.scalar(waiting) or 0,
        overdue=session.scalar(waiting.where(Dispute.decision_due_at < now)) or 0,
        median_seconds=int(median(took)) if took else None,
    )
