"""What an answer by mail to each notice does: who then reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operator_qos.disputes.rules import IN_MEDIATION
from operator_qos.notices.replies import ReplyPlan

_TO_BUYER = frozenset({
    "dispute_opened", "dispute_reminder", "dispute_overdue", "dispute_offer", "dispute_offer_declined",
    "dispute_offer_expired", "dispute_settled", "dispute_reopened",
})
STAFF_NOTE = "note"


def name_dispute(dispute_id: int) -> str:
    """How addresses for answers name a dispute."""
    return f"dispute:{dispute_id}"


def find_dispute_id(about: str) -> int | None:
    """The dispute so named, None for anything else."""
    kind, _, number = about.partition(":")
    return int(number) if kind == "dispute" and number.isdigit() else None


def plan_reply(dispute_id: int, topic: str, data: Mapping[str, Any], *, staff: bool, state: str = "") -> ReplyPlan:
    """What an answer to a notice does; `state` of the dispute tells what a reminder reminds of.

    A seller's goes to whoever wrote: the buyer while they talk, the mediators where those told or asked something. The
    staff's goes to the party that wrote; where nobody did, it is kept as a note, so that no party reads by accident
    what was not meant for it.
    """
    about, by = name_dispute(dispute_id), data.get("by")
    if staff:
        writes = topic == "dispute_message" and by in {"buyer", "seller"}
        return ReplyPlan(about, "staff", "write" if writes else STAFF_NOTE, (str(by),) if writes else ())
    if topic == "evidence_asked" or (topic == "dispute_reminder" and state in IN_MEDIATION):
        return ReplyPlan(about, "seller", "give_evidence", ("staff",))
    if topic in _TO_BUYER or (topic == "dispute_message" and by == "buyer"):
        return ReplyPlan(about, "seller", "answer", ("buyer",))
    return ReplyPlan(about, "seller", "write", ("staff",))


def plan_buyer_reply(dispute_id: int) -> ReplyPlan:
    """What a buyer's answer by mail does: the seller reads it."""
    return ReplyPlan(name_dispute(dispute_id), "buyer", "write", ("seller",))
