"""What ends on a day besides the promises of orders: steps of disputes and plans, and rights to contest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms, from_ms
from operator_qos.disputes.rules import TALKING
from operator_qos.exclusions.queries import list_requests
from operator_qos.exclusions.rules import find_appeal_end
from operator_qos.models import Dispute
from operator_qos.recourse.plan_queries import PlanRow, list_plans
from operator_qos.recourse.queries import list_appeals, list_contestable
from operator_qos.recourse.rules import window_ends_on
from operator_qos.sellers.queries import ShopCard

# Deadlines of what somebody waits for; the others are rights that end.
OWED = ("answer_dispute", "give_evidence", "keep_settlement", "agree_plan", "end_plan")
RIGHTS = ("appeal_dispute", "appeal_request", "contest_decision")
KINDS = (*OWED, *RIGHTS)
_OPEN_PLANS = ("drafted", "agreed", "running")
_CONTESTABLE = timedelta(days=200)


@dataclass(frozen=True)
class Deadline:
    """One deadline; `path` is where to act, on this site."""

    kind: str
    card: ShopCard
    ref: str
    order: str | None
    case: str | None
    due_at: datetime
    path: str

    @property
    def is_owed(self) -> bool:
        """Whether somebody waits for it; otherwise it is a right that ends."""
        return self.kind in OWED


def list_deadlines(session: Session, cards: Sequence[ShopCard], *, now: datetime) -> list[Deadline]:
    """Every deadline of these shops that is owed or still ahead, the first first."""
    by_id = {card.id: card for card in cards}
    if not by_id:
        return []
    found = [*_list_of_disputes(session, by_id, now), *_list_of_requests(session, by_id, now),
             *_list_of_plans(session, by_id), *_list_of_decisions(session, by_id, now)]
    return sorted(found, key=lambda one: (one.due_at, one.card.id, one.kind, one.ref))


def _list_of_disputes(session: Session, cards: dict[int, ShopCard], now: datetime) -> list[Deadline]:
    talking = Dispute.state.in_(TALKING) & (Dispute.holder == "seller") & Dispute.response_due_at.is_not(None)
    proving = (Dispute.state == "evidence_asked") & (Dispute.holder == "seller") & Dispute.evidence_due_at.is_not(None)
    settled = (Dispute.state == "settled") & Dispute.perform_due_at.is_not(None) & Dispute.performed_at.is_(None)
    decided = (Dispute.state == "decided") & (Dispute.appeal_until_at > now)
    rows = session.scalars(select(Dispute).where(
        Dispute.shop_id.in_(list(cards)), or_(talking, proving, settled, decided)))
    return [_of_dispute(row, cards[row.shop_id]) for row in rows]


def _of_dispute(row: Dispute, card: ShopCard) -> Deadline:
    kind, due_at = {
        "evidence_asked": ("give_evidence", row.evidence_due_at), "settled": ("keep_settlement", row.perform_due_at),
        "decided": ("appeal_dispute", row.appeal_until_at),
    }.get(row.state, ("answer_dispute", row.response_due_at))
    assert due_at is not None  # noqa: S101  # the query asked for it
    return Deadline(kind, card, str(row.id), row.order_ref, row.case_ref, due_at, f"/seller/disputes/{row.id}")


def _list_of_requests(session: Session, cards: dict[int, ShopCard], now: datetime) -> list[Deadline]:
    found = []
    for row in list_requests(session, shop_ids=list(cards), is_open=False):
        if row.round.number > 1 or row.round.decided_at is None or row.state not in {"refused", "partly"}:
            continue
        until = find_appeal_end(row.round.decided_at)
        if until > now:
            found.append(Deadline("appeal_request", row.shop, str(row.id), None, None, until,
                                  f"/seller/requests/{row.id}"))
    return found


def _list_of_plans(session: Session, cards: dict[int, ShopCard]) -> list[Deadline]:
    rows = list_plans(session, shop_ids=list(cards))
    return [_of_plan(row) for row in rows if row.state in _OPEN_PLANS]


def _of_plan(row: PlanRow) -> Deadline:
    kind = "agree_plan" if row.state == "drafted" and row.seller_agreed_at is None else "end_plan"
    ends = from_ms(end_of_day_ms(row.review_on, row.shop.timezone))
    return Deadline(kind, row.shop, str(row.id), None, None, ends, f"/seller/plans/{row.id}")


def _list_of_decisions(session: Session, cards: dict[int, ShopCard], now: datetime) -> list[Deadline]:
    """What went against the shops and was not contested yet."""
    contested = {row.change_id for row in list_appeals(session, shop_ids=list(cards))}
    found = []
    for change in list_contestable(session, list(cards), since=(now - _CONTESTABLE).date()):
        card = cards[change.shop_id]
        until = from_ms(end_of_day_ms(window_ends_on(change.on_date), card.timezone))
        if until > now and change.id not in contested:
            found.append(Deadline("contest_decision", card, str(change.id), None, None, until,
                                  f"/seller/shops/{card.marketplace_id}/{card.code}/acts"))
    return found
