"""Every step of a dispute is told to the addresses of its marketplace."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.queries import Place
from operator_qos.hooks.service import queue_hook

# Steps among the staff, of which no party is told.
STAFF_STEPS = frozenset({"note", "take", "assign", "declare_conflict"})


def plan_calls(session: Session, *, step: DisputeStep, dispute: Dispute, place: Place, now: datetime) -> int:
    """Put a call per address of the marketplace, and of the seller, in the queue; returns how many. No commit."""
    return len(queue_hook(
        session, marketplace_id=place.marketplace_id, topic=f"dispute.{step.kind}", key=f"dispute-step:{step.id}",
        data=_describe(step, dispute, place), now=now, at=step.at,
        shop_id=dispute.shop_id if _concerns_seller(step) else None))


def _concerns_seller(step: DisputeStep) -> bool:
    """Whether the seller may know of a step: not of what the staff do among themselves, nor of others' letters."""
    return step.kind not in STAFF_STEPS and (step.kind != "write" or "seller" in step.data.get("to", ()))


def _describe(step: DisputeStep, dispute: Dispute, place: Place) -> dict[str, object]:
    """What a receiver needs to ask for the rest; no text of anybody, no person's name."""
    return {
        "dispute": dispute.id, "step": step.id, "case": dispute.case_ref, "order": dispute.order_ref,
        "marketplace": place.marketplace_id, "shop": place.shop_code, "state": dispute.state, "holder": dispute.holder,
    }
