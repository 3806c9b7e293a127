"""Opening a dispute: within the time the policy gives, once per case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.db import lock_shops
from operator_qos.disputes import queries
from operator_qos.disputes.acting import SOURCE, Actor, DisputeInputError, NotRecordedError
from operator_qos.disputes.clocks import Anchors, Clocks, find_opening
from operator_qos.disputes.hooks import plan_calls
from operator_qos.disputes.mailing.answers import plan_reply
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.policy_book import find_policy
from operator_qos.disputes.queries import DisputeMissing, Place
from operator_qos.disputes.rules import to_problem
from operator_qos.events.service import ingest_events
from operator_qos.ledger.models import OrderFact, TurnFact
from operator_qos.ledger.service import build_frames
from operator_qos.notices.service import announce
from operator_qos.sellers.models import Shop
from scoring.events import iso
from scoring.spans import FOREVER_MS


class OpeningTimeError(DisputeInputError):
    """Outside the time in which the policy lets an order be disputed; `at` is the border that was missed."""

    def __init__(self, code: str, reason: str, at: datetime) -> None:
        super().__init__("order", code, reason)
        self.at = at


@dataclass(frozen=True)
class Claim:
    """What is claimed: `case` names the dispute in the marketplace, `reason` is one of rules.PROBLEMS or a word."""

    case: str
    order: str
    reason: str
    kind: str = "claim"
    amount_minor: int | None = None
    remedy: str | None = None


def open_dispute(
    session: Session, *, marketplace_id: str, shop: str, claim: Claim, actor: Actor, now: datetime
) -> tuple[int, bool]:
    """Open a dispute of a shop; (its id, whether it is new). Does not commit.

    Raises DisputeMissing for an unknown shop, DisputeInputError outside the policy's time or for a wrong field.
    """
    shop_id = session.scalar(select(Shop.id).where(Shop.marketplace_id == marketplace_id, Shop.code == shop))
    if shop_id is None:
        raise DisputeMissing(f"there is no shop {shop!r} on {marketplace_id!r}")
    lock_shops(session, [shop_id])
    known = _find(session, shop_id, claim.case)
    if known is not None:
        return known.id, False
    place = queries.get_place(session, shop_id)
    _check_time(session, place, claim, now)
    _append(session, place, claim, now)
    row = _find(session, shop_id, claim.case)
    if row is None:
        raise DisputeInputError("case", "unknown", "was opened under another order before; name the case anew")
    _note(session, row, place, actor=actor, now=now)
    return row.id, True


def _find(session: Session, shop_id: int, case: str) -> Dispute | None:
    return session.scalars(
        select(Dispute).where(Dispute.shop_id == shop_id, Dispute.case_ref == case)).one_or_none()


def _check_time(session: Session, place: Place, claim: Claim, now: datetime) -> None:
    policy = find_policy(session, marketplace_id=place.marketplace_id, opened_at=now, zone=place.zone)
    frame = build_frames(session, [place.shop_id])[place.shop_id]
    clocks = Clocks(policy, place.zone, place.shop_zone, shop=frame.book.at(FOREVER_MS, to_ms(now)))
    window = find_opening(policy.of(to_problem(claim.reason)), clocks, _find_anchors(session, place, claim))
    if window.from_at is not None and now < window.from_at:
        raise OpeningTimeError("early", f"may be disputed from {window.from_at.isoformat()} on", window.from_at)
    if window.until_at is not None and now > window.until_at:
        raise OpeningTimeError("late", f"could be disputed until {window.until_at.isoformat()}", window.until_at)


def _find_anchors(session: Session, place: Place, claim: Claim) -> Anchors:
    order = session.scalar(
        select(OrderFact).where(OrderFact.shop_id == place.shop_id, OrderFact.order_ref == claim.order))
    asked = session.scalar(select(func.min(TurnFact.asked_ms)).where(
        TurnFact.shop_id == place.shop_id, TurnFact.order_ref == claim.order, TurnFact.owes == "seller"))
    moments = (order.ordered_ms, order.deliver_due_ms, order.delivered_ms) if order is not None else (None,) * 3
    known = [None if moment is None else from_ms(moment) for moment in (*moments, asked)]
    return Anchors(*known)


def _append(session: Session, place: Place, claim: Claim, now: datetime) -> None:
    given = {"order": claim.order, "kind": claim.kind, "reason": claim.reason, "amount_minor": claim.amount_minor,
             "remedy": claim.remedy or None}
    data = {name: value for name, value in given.items() if value is not None}
    event_id = f"open:{place.marketplace_id}:{place.shop_code}:{claim.case}"[:200]
    document = {
        "specversion": "1.0", "source": SOURCE, "type": "qos.case.opened", "subject": claim.case,
        "id": event_id, "time": iso(to_ms(now) // 1000 * 1000),
        "marketplace": place.marketplace_id, "shop": place.shop_code, "data": data,
    }
    receipt = ingest_events(session, [document], now=now, origin="disputes")[0]
    if receipt.status == "quarantined":
        if receipt.field.startswith("data.") or receipt.field == "subject":
            raise DisputeInputError(receipt.field.removeprefix("data."), "unknown", receipt.reason)
        raise NotRecordedError(f"{receipt.id}: {receipt.field}: {receipt.reason}")


def _note(session: Session, row: Dispute, place: Place, *, actor: Actor, now: datetime) -> None:
    step = DisputeStep(dispute_id=row.id, at=row.opened_at, actor=actor.name, kind="open", data={"by": actor.role})
    session.add(step)
    session.flush()
    plan_calls(session, step=step, dispute=row, place=place, now=now)
    due = row.seller_due_at
    facts = {"case": row.case_ref, "order": row.order_ref, "shop": place.shop_name, "reason": row.reason,
             "due": None if due is None else due.isoformat()}
    announce(
        session, key=f"open:{place.marketplace_id}:{place.shop_code}:{row.case_ref}:seller", seller_id=place.seller_id,
        shop_id=place.shop_id, topic="dispute_opened", data=facts, link=f"/seller/disputes/{row.id}", now=now,
        reply=plan_reply(row.id, "dispute_opened", facts, staff=False))
