"""Reading disputes: for the actions, for lists and for the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from statistics import median

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, case, func, select, union_all
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.clock import to_ms
from operator_qos.disputes.models import (
    Dispute,
    DisputeLink,
    DisputeMessage,
    DisputeOffer,
    DisputeStep,
    DisputeTemplate,
    MediatorConflict,
)
from operator_qos.disputes.rules import IN_MEDIATION, OPEN_STATES, TALKING, TIMER_REACH
from operator_qos.events.models import Event
from operator_qos.ledger.models import CaseFact, OrderFact, RefundFact
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
class Wanted:
    """What somebody looks for in a list: a shop, whose turn it is, the name of a case or an order."""

    shop_id: int | None = None
    holder: str = ""
    text: str = ""


@dataclass(frozen=True)
class Figures:
    """The mediators' own numbers: `median_seconds` from escalation to decision, None without a decision."""

    decided: int
    open: int
    overdue: int
    median_seconds: int | None


@dataclass(frozen=True)
class Similar:
    """An earlier decision on a case of the same kind and reason; `near_amount`: half to twice what is asked for."""

    dispute: Dispute
    mediator: str | None
    same_category: bool = False
    near_amount: bool = False


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


def count_events(session: Session, dispute: Dispute, kind: str) -> int:
    """How often this was said of the case so far, by whomever."""
    return sum(event.subject == dispute.case_ref for event in _list_events(session, dispute, kind))


def list_due_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Disputes for which the timer has something to do, the longest overdue first; old talks are left alone."""
    fresh = Dispute.state.not_in(TALKING) | (Dispute.opened_at >= now - TIMER_REACH)
    query = select(Dispute.id).where(Dispute.timer_at < now, fresh)
    return list(session.scalars(query.order_by(Dispute.timer_at, Dispute.id).limit(limit)))


def list_expired_offers(session: Session, *, now: datetime, limit: int) -> list[tuple[int, int]]:
    """(dispute, offer) whose time is up."""
    query = select(DisputeOffer.dispute_id, DisputeOffer.id).where(
        DisputeOffer.state == "open", DisputeOffer.expires_at < now
    )
    return [(row[0], row[1]) for row in session.execute(query.order_by(DisputeOffer.expires_at).limit(limit))]


def find_open_offer(session: Session, dispute_id: int) -> DisputeOffer | None:
    """The offer that waits for an answer."""
    query = select(DisputeOffer).where(DisputeOffer.dispute_id == dispute_id, DisputeOffer.state == "open")
    newest = query.order_by(DisputeOffer.id.desc()).execution_options(populate_existing=True)
    return session.scalars(newest).first()


def find_accepted_offer(session: Session, dispute_id: int) -> DisputeOffer | None:
    """The settlement last agreed on."""
    query = select(DisputeOffer).where(DisputeOffer.dispute_id == dispute_id, DisputeOffer.state == "accepted")
    return session.scalars(query.order_by(DisputeOffer.id.desc())).first()


def list_offers(session: Session, dispute_id: int) -> list[DisputeOffer]:
    """All offers, the first one first."""
    query = select(DisputeOffer).where(DisputeOffer.dispute_id == dispute_id)
    return list(session.scalars(query.order_by(DisputeOffer.id)))


def count_refunded(session: Session, dispute: Dispute, *, since: datetime) -> int:
    """What was refunded on the order since a moment [minor units]."""
    query = select(func.sum(RefundFact.amount_minor)).where(
        RefundFact.shop_id == dispute.shop_id, RefundFact.order_ref == dispute.order_ref,
        RefundFact.at_ms >= to_ms(since),
    )
    return int(session.scalar(query) or 0)


def find_country(session: Session, dispute: Dispute) -> str:
    """The buyer's country as the order tells it, else empty."""
    query = select(OrderFact.country).where(
        OrderFact.shop_id == dispute.shop_id, OrderFact.order_ref == dispute.order_ref
    )
    return session.scalar(query) or ""


def list_barred(session: Session, dispute: Dispute) -> set[int]:
    """Mediators who may not have this case: a declared conflict, one with the company, or their own first ruling."""
    declared = select(DisputeStep.data).where(
        DisputeStep.dispute_id == dispute.id, DisputeStep.kind == "declare_conflict"
    )
    found = {int(data["mediator"]) for data in session.scalars(declared) if data.get("mediator") is not None}
    company = select(Shop.seller_id).where(Shop.id == dispute.shop_id).scalar_subquery()
    found |= set(session.scalars(select(MediatorConflict.user_id).where(MediatorConflict.seller_id == company)))
    before = (dispute.first_ruling or {}).get("mediator")
    if dispute.appealed_at is not None and before is not None:
        found.add(int(before))
    return found


def has_conflict(session: Session, dispute: Dispute, mediator_id: int | None) -> bool:
    """Whether this mediator may not have the case."""
    return mediator_id in list_barred(session, dispute)


def find_least_loaded_mediator(session: Session, dispute: Dispute) -> int | None:
    """The active mediator without a conflict who has the fewest open cases; ties by account age."""
    load = func.count(Dispute.id)
    query = (
        select(User.id)
        .outerjoin(Dispute, (Dispute.mediator_id == User.id) & Dispute.state.in_(IN_MEDIATION))
        .where(User.role == "mediator", User.active.is_(True), User.id.not_in(list_barred(session, dispute)))
        .group_by(User.id)
        .order_by(load, User.id)
        .limit(1)
    )
    return session.scalar(query)


@dataclass(frozen=True)
class Load:
    """A mediator's desk: open cases, and those past their time."""

    mediator_id: int
    name: str
    open: int
    overdue: int


def list_loads(session: Session, *, now: datetime | None = None) -> list[Load]:
    """Every active mediator with their desk, the least loaded first."""
    mine = (Dispute.mediator_id == User.id) & Dispute.state.in_(IN_MEDIATION)
    late = case((Dispute.decision_due_at < (now or datetime.min.replace(tzinfo=UTC)), 1), else_=0)
    load = func.count(Dispute.id)
    query = (
        select(User.id, User.name, load, func.coalesce(func.sum(late), 0))
        .outerjoin(Dispute, mine)
        .where(User.role == "mediator", User.active.is_(True))
        .group_by(User.id, User.name)
        .order_by(load, User.id)
    )
    return [Load(row[0], row[1], row[2], int(row[3])) for row in session.execute(query)]


def has_message(session: Session, dispute_id: int, token: str) -> bool:
    """Whether the form was sent before."""
    query = select(DisputeMessage.id).where(
        DisputeMessage.dispute_id == dispute_id, DisputeMessage.token == token[:80])
    return session.scalar(query) is not None


def _rows(session: Session, query: Select[Dispute]) -> list[DisputeRow]:
    joined = (
        query.add_columns(User.name.label("mediator_name"), *_PLACE)
        .join(Shop, Shop.id == Dispute.shop_id)
        .join(Seller)
        .join(Marketplace)
        .outerjoin(User, User.id == Dispute.mediator_id)
    )
    return [DisputeRow(row[0], _to_place(row), row.mediator_name) for row in session.execute(joined)]


def _rows_of(session: Session, ids: Select[int]) -> list[DisputeRow]:
    """The rows of these ids in their order: sorting is done on the index, and only a page's worth is read."""
    return list_rows(session, list(session.scalars(ids)))


def list_rows(session: Session, wanted: Sequence[int]) -> list[DisputeRow]:
    """The rows of these disputes, in the order given."""
    if not wanted:
        return []
    found = {row.dispute.id: row for row in _rows(session, select(Dispute).where(Dispute.id.in_(wanted)))}
    return [found[dispute_id] for dispute_id in wanted]


def find_row(session: Session, dispute_id: int) -> DisputeRow | None:
    """One dispute with its place, None where there is none."""
    return next(iter(_rows(session, select(Dispute).where(Dispute.id == dispute_id))), None)


def list_after(
    session: Session, *, after: int, state: str | None, marketplace_id: str | None, limit: int
) -> list[DisputeRow]:
    """Disputes with a greater id, in the order of ids; of one marketplace, or of all."""
    query = select(Dispute).where(Dispute.id > after).order_by(Dispute.id).limit(limit)
    if state is not None:
        query = query.where(Dispute.state == state)
    if marketplace_id is not None:
        mine = select(Shop.id).where(Shop.marketplace_id == marketplace_id)
        query = query.where(Dispute.shop_id.in_(mine))
    return _rows(session, query)


def find_mediator(session: Session, email: str) -> int | None:
    """An active mediator by address."""
    query = select(User.id).where(User.email == email, User.role == "mediator", User.active.is_(True))
    return session.scalar(query)


def _is_waiting_for(mediator_id: int) -> ColumnElement[bool]:
    mine = (Dispute.mediator_id == mediator_id) | Dispute.mediator_id.is_(None)
    return Dispute.state.in_(IN_MEDIATION) & mine


def list_queue(session: Session, mediator_id: int, *, limit: int = 50, offset: int = 0) -> list[DisputeRow]:
    """What waits for this mediator or for any: broken settlements first, then by due time and amount."""
    order = (Dispute.broken_at.is_(None), Dispute.decision_due_at, Dispute.amount_minor.desc(), Dispute.id)
    query = select(Dispute.id).where(_is_waiting_for(mediator_id)).order_by(*order)
    return _rows_of(session, query.limit(limit).offset(offset))


def count_queue(session: Session, mediator_id: int, *, now: datetime) -> tuple[int, int]:
    """How many cases wait for this mediator or for any, and how many of them are past their time."""
    late = func.coalesce(func.sum(case((Dispute.decision_due_at < now, 1), else_=0)), 0)
    found = session.execute(select(func.count(Dispute.id), late).where(_is_waiting_for(mediator_id))).one()
    return int(found[0]), int(found[1])


# An earlier mediation leaves its deadline on the row; while the parties talk the seller's counts.
_DUE = case((Dispute.state.in_(IN_MEDIATION), Dispute.decision_due_at), else_=Dispute.seller_due_at)


def list_disputes(
    session: Session,
    *,
    seller_id: int | None = None,
    only_open: bool = True,
    limit: int = 200,
    offset: int = 0,
    wanted: Wanted | None = None,
) -> list[DisputeRow]:
    """Disputes of a company, or of all: open ones by due time, ended ones latest first; of these the `wanted` ones."""
    conditions = _list_conditions(seller_id, wanted)
    if only_open and not conditions:
        part = {"rows": limit, "skipped": offset, "most": offset + limit}
        return list_rows(session, list(session.scalars(_select_all_open(), part)))
    query = select(Dispute.id).limit(limit).offset(offset)
    if only_open:
        query = query.where(Dispute.state.in_(OPEN_STATES)).order_by(_DUE.is_(None), _DUE, Dispute.id)
    else:
        query = query.where(Dispute.state.not_in(OPEN_STATES)).order_by(
            Dispute.opened_at.desc(), Dispute.id.desc()
        )
    return _rows_of(session, query.where(*conditions))


@lru_cache(maxsize=1)
def _select_all_open() -> Select[int]:
    """A page of all open disputes by due time: of each state an index has them in this order, so few are read."""
    rows, skipped, most = (bindparam(name, type_=Integer) for name in ("rows", "skipped", "most"))
    parts = []
    for state in sorted(OPEN_STATES):
        due = (Dispute.decision_due_at if state in IN_MEDIATION else Dispute.seller_due_at).label("due")
        first = select(due, Dispute.id).where(Dispute.state == state).order_by(due.asc().nulls_last(), Dispute.id)
        parts.append(select(first.limit(most).subquery()))
    merged = union_all(*parts).subquery()
    ordered = select(merged.c.id).order_by(merged.c.due.asc().nulls_last(), merged.c.id)
    return ordered.limit(rows).offset(skipped)


def _list_conditions(seller_id: int | None, wanted: Wanted | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if seller_id is not None:
        found.append(Dispute.shop_id.in_(select(Shop.id).where(Shop.seller_id == seller_id)))
    if wanted is not None and wanted.shop_id is not None:
        found.append(Dispute.shop_id == wanted.shop_id)
    if wanted is not None and wanted.holder:
        found.append(Dispute.holder == wanted.holder)
    if wanted is not None and wanted.text:
        found.append((Dispute.case_ref == wanted.text) | (Dispute.order_ref == wanted.text))
    return found


def count_open(session: Session, *, seller_id: int | None = None, wanted: Wanted | None = None) -> int:
    """How many disputes are open, or how many of the wanted ones."""
    query = select(func.count()).select_from(Dispute).where(Dispute.state.in_(OPEN_STATES))  # an index alone answers
    return session.scalar(query.where(*_list_conditions(seller_id, wanted))) or 0


def find_next_lapse(session: Session) -> datetime | None:
    """When the next case will come to the mediators unless its seller acts."""
    query = select(func.min(Dispute.seller_due_at)).where(Dispute.state.in_(TALKING))
    return session.scalar(query)


def list_similar(session: Session, dispute: Dispute, *, since: datetime, limit: int = 200) -> list[Similar]:
    """Decided cases of the same kind and reason: the same category and half to twice the amount first, then the latest.

    Looks at the `limit` latest of the same category, then at the latest of all; so it costs the same in a big archive.
    """
    alike = (Dispute.kind == dispute.kind, Dispute.reason == dispute.reason, Dispute.decided_at >= since,
             Dispute.id != dispute.id)
    query = select(Dispute, User.name).outerjoin(User, User.id == Dispute.decided_by).where(*alike)
    latest = query.order_by(Dispute.decided_at.desc(), Dispute.id.desc())
    found: dict[int, Similar] = {}
    if dispute.category is not None:
        rows = session.execute(latest.where(Dispute.category == dispute.category).limit(limit))
        found = {row.id: _to_similar(row, name, dispute) for row, name in rows}
    if len(found) < limit:
        rows = session.execute(latest.limit(limit))
        found |= {row.id: _to_similar(row, name, dispute) for row, name in rows if row.id not in found}
    ranked = sorted(found.values(), key=lambda s: (not s.same_category, not s.near_amount))
    return ranked[:limit]


def _to_similar(row: Dispute, mediator: str | None, to: Dispute) -> Similar:
    asked, amount = to.amount_minor, row.amount_minor
    near = asked is not None and amount is not None and asked <= 2 * amount and amount <= 2 * asked
    return Similar(row, mediator, to.category is not None and row.category == to.category, near)


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


@dataclass(frozen=True)
class TextTemplate:
    """A text to start from."""

    id: int
    name: str
    body: str


def list_templates(session: Session, *, seller_id: int | None) -> list[TextTemplate]:
    """The texts of a company, or, without one, of the mediators."""
    mine = DisputeTemplate.seller_id == seller_id if seller_id is not None else DisputeTemplate.seller_id.is_(None)
    query = select(DisputeTemplate.id, DisputeTemplate.name, DisputeTemplate.body).where(mine)
    return [TextTemplate(*row) for row in session.execute(query.order_by(DisputeTemplate.name))]


def list_links(session: Session, dispute_id: int, *, now: datetime) -> list[DisputeLink]:
    """The buyer's links that still open the dispute."""
    query = select(DisputeLink).where(
        DisputeLink.dispute_id == dispute_id, DisputeLink.revoked_at.is_(None), DisputeLink.expires_at > now
    )
    return list(session.scalars(query.order_by(DisputeLink.id)))
