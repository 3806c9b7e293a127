"""Agreeing without a mediator: offers and counter-offers, what was agreed carried out, checked, or broken."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.disputes import queries, rules
from operator_qos.disputes.acting import Act, Actor, DisputeInputError, Said, begin, require_text
from operator_qos.disputes.models import DisputeOffer
from operator_qos.disputes.policies import KindPolicy
from operator_qos.disputes.service import hand_over


@dataclass(frozen=True)
class Proposal:
    """What one party offers or asks for; `amount_minor` [minor units] is 0 for what has no amount."""

    remedy: str
    amount_minor: int
    note: str


def _check_proposal(kind: KindPolicy, asked_minor: int | None, given: Proposal) -> Proposal:
    bounds = kind.remedies.get(given.remedy)
    if bounds is None or given.remedy not in rules.OFFER_REMEDIES:
        allowed = ", ".join(r for r in rules.OFFER_REMEDIES if r in kind.remedies)
        raise DisputeInputError("remedy", "unknown", f"{given.remedy!r} is not offered here; choose {allowed}")
    amount = given.amount_minor
    if given.remedy == "refund" and asked_minor is not None:
        amount = asked_minor
    if (amount > 0) != (given.remedy in rules.MONEY_REMEDIES):
        raise DisputeInputError("amount", "remedy", "only what is paid has an amount, and it needs one above zero")
    if asked_minor is not None and given.remedy in rules.MONEY_REMEDIES:
        least, most = (round(share * asked_minor) for share in bounds)
        if not least <= amount <= max(most, least):
            raise DisputeInputError("amount", "range", f"must lie between {least} and {most}")
    return Proposal(given.remedy, amount, require_text("text", given.note))


def make_offer(
    session: Session, *, dispute_id: int, proposal: Proposal, token: str, actor: Actor, now: datetime
) -> bool:
    """Offer, or answer an offer by another; it replaces what was open. False: made before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "offer", dispute_id=dispute_id, actor=actor, now=now)
    given = _check_proposal(act.kind, act.dispute.amount_minor, proposal)
    other = "buyer" if actor.role == "seller" else "seller"
    said = Said(given.note, (other,), awaits_buyer=actor.role == "seller")
    event_id = act.event_id(f"offer-{actor.role}", token)
    if not act.append(act.message(event_id, said)):
        return False
    act.keep_message(said, token=f"offer:{token}", event_id=event_id)
    _answer_open(act, "replaced")
    offer = DisputeOffer(
        dispute_id=dispute_id, made_at=act.at, made_by=actor.role, remedy=given.remedy, amount_minor=given.amount_minor,
        expires_at=act.clocks.end(act.kind.offer_expires, act.at), state="open",
    )
    session.add(offer)
    session.flush()
    act.dispute.moved_at = act.at
    act.note(_describe(offer))
    if actor.role == "buyer":
        act.tell("dispute_offer", event_id, _told(act, offer))
    return True


def _describe(offer: DisputeOffer) -> dict[str, Any]:
    return {
        "offer": offer.id, "by": offer.made_by, "remedy": offer.remedy, "amount_minor": offer.amount_minor,
        "expires_at": offer.expires_at.isoformat(),
    }


def _told(act: Act, offer: DisputeOffer) -> dict[str, Any]:
    return {
        "by": offer.made_by, "remedy": offer.remedy, "refund_minor": offer.amount_minor,
        "currency": act.dispute.currency, "due": offer.expires_at.isoformat(),
    }


def _answer_open(act: Act, state: str) -> None:
    offer = queries.find_open_offer(act.session, act.dispute.id)
    if offer is not None:
        offer.state, offer.answered_at = state, act.at


def _require_open(act: Act, offer_id: int) -> DisputeOffer:
    """The offer that the other side made and that still stands. Raises DisputeInputError."""
    offer = queries.find_open_offer(act.session, act.dispute.id)
    if offer is None or offer.id != offer_id or offer.expires_at < act.now:
        raise DisputeInputError("offer", "gone", "is no longer open; look at what is offered now")
    if offer.made_by == act.actor.role:
        raise DisputeInputError("offer", "own", "is your own; the other side answers it")
    return offer


def accept_offer(session: Session, *, dispute_id: int, offer_id: int, actor: Actor, now: datetime) -> bool:
    """Agree to the other side's offer; the seller now has to carry it out in time. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "accept_offer", dispute_id=dispute_id, actor=actor, now=now)
    offer = _require_open(act, offer_id)
    remedy = {"outcome": "agreed", "remedy": offer.remedy, "by": actor.role}
    event_id = act.event_id("settle", offer.id)
    if not act.append(act.document(event_id, "case.resolved", remedy)):
        return False
    offer.state, offer.answered_at = "accepted", act.at
    offer.perform_due_at = act.clocks.end(act.kind.perform_within, act.at)
    row = act.dispute
    row.perform_due_at, row.performed_at, row.broken_at = offer.perform_due_at, None, None
    act.note(_describe(offer))
    act.tell("dispute_settled", event_id, {**_told(act, offer), "due": offer.perform_due_at.isoformat()})
    return True


def decline_offer(session: Session, *, dispute_id: int, offer_id: int, text: str, actor: Actor, now: datetime) -> bool:
    """Say no to the other side's offer, with a word; the other side has the case. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "decline_offer", dispute_id=dispute_id, actor=actor, now=now)
    offer = _require_open(act, offer_id)
    other = "buyer" if actor.role == "seller" else "seller"
    said = Said(require_text("text", text), (other,), awaits_buyer=actor.role == "seller")
    event_id = act.event_id("decline", offer.id)
    if not act.append(act.message(event_id, said)):
        return False
    act.keep_message(said, token=f"decline:{offer.id}", event_id=event_id)
    offer.state, offer.answered_at = "declined", act.at
    act.note(_describe(offer))
    if actor.role == "buyer":
        act.tell("dispute_offer_declined", event_id, _told(act, offer))
    return True


def expire_offer(session: Session, *, dispute_id: int, offer_id: int, actor: Actor, now: datetime) -> bool:
    """End an offer whose time is up; False: it was answered meanwhile. Does not commit. Raises IllegalAction."""
    act = begin(session, "expire_offer", dispute_id=dispute_id, actor=actor, now=now)
    offer = queries.find_open_offer(session, dispute_id)
    if offer is None or offer.id != offer_id or offer.expires_at >= now:
        return False
    offer.state, offer.answered_at = "expired", act.at
    act.note(_describe(offer))
    act.tell("dispute_offer_expired", act.event_id("expire", offer.id), _told(act, offer))
    return True


def is_paid(session: Session, act: Act) -> bool:
    """Whether refunds on the order since the agreement reach what was agreed."""
    offer = queries.find_accepted_offer(session, act.dispute.id)
    if offer is None or offer.remedy not in rules.MONEY_REMEDIES or offer.answered_at is None:
        return False
    return queries.count_refunded(session, act.dispute, since=offer.answered_at) >= offer.amount_minor


def confirm_performance(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> bool:
    """Say that what was agreed was done; the dispute ends. False: ended before. Does not commit.

    The buyer and the operator may say so of anything; of money the seller and the timer only once the refund is on
    record. Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "confirm_performance", dispute_id=dispute_id, actor=actor, now=now)
    if actor.role in {"seller", "timer"} and not is_paid(session, act):
        raise DisputeInputError(
            "proof", "unpaid", "is missing: no refund of that amount is on record; the buyer or the operator confirms")
    offer = queries.find_accepted_offer(session, dispute_id)
    number = queries.count_events(session, act.dispute, "case.closed")
    event_id = act.event_id("performed", number)
    by = {"seller": "seller", "buyer": "buyer", "operator": "operator"}.get(actor.role, "operator")
    if not act.append(act.document(event_id, "case.closed", {"by": by})):
        return False
    act.dispute.performed_at, act.dispute.perform_due_at = act.at, None
    if offer is not None:
        offer.performed_at = act.at
    act.note({"by": actor.role})
    act.tell("dispute_closed", event_id, {"how": "performed"})
    return True


def report_broken(session: Session, *, dispute_id: int, text: str, actor: Actor, now: datetime) -> bool:
    """Say that what was agreed was not done: the case goes to a mediator, first in the queue. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError before the seller's time to carry it out is over.
    """
    act = begin(session, "report_broken", dispute_id=dispute_id, actor=actor, now=now)
    why, due = require_text("text", text), act.dispute.perform_due_at
    if due is not None and now <= due:
        raise DisputeInputError("now", "early", f"the seller may carry it out until {due.isoformat()}")
    return break_settlement(act, why)


def break_settlement(act: Act, why: str) -> bool:
    """Reopen what was settled and hand it over with priority."""
    offer = queries.find_accepted_offer(act.session, act.dispute.id)
    number = queries.count_events(act.session, act.dispute, "case.reopened")
    reopened = act.document(act.event_id("broken", number), "case.reopened", {"reason": why})
    row = act.dispute
    row.broken_at, row.perform_due_at = act.at, None
    if offer is not None:
        offer.broken_at = act.at
    return hand_over(act, "break_settlement", reopened)
