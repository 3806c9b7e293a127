"""Outcomes of what follows an order: its review, its returns, surveys, and the mediation of its cases."""

from __future__ import annotations

from scoring.cases import CaseState, was_overturned
from scoring.dossier import Dossier
from scoring.metrics import FLAGS, GROUP_CODES
from scoring.orders import OrderState, ReviewVersion, list_returns, standing_review
from scoring.outcome_masks import Outcome, by

DAY_MS = 86_400_000
REPLY_MS = 7 * DAY_MS
RETURN_MS = 7 * DAY_MS
DECIDE_MS = 7 * DAY_MS
LOW_RATING, CRITICAL_RATING, SATISFIED_RATING = 2, 3, 4

NEGATIVE, RATING, REPLY = FLAGS["negative_review_rate"], FLAGS["average_rating"], FLAGS["review_reply_rate"]
REFUND_TIME, HANDLED = FLAGS["refund_time"], FLAGS["return_handling_within_rate"]
CSAT = FLAGS["csat"]
MEDIATION_TIME, DECIDED, OVERTURNED = (
    FLAGS[name] for name in ("mediation_time", "decision_within_rate", "overturn_rate"))
# Not metrics of their own: shown beside the times, returns not refunded and cases not decided.
UNREFUNDED, UNDECIDED = 1 << 8, 1 << 8


def review_outcome(dossier: Dossier, order: OrderState, as_of_ms: int) -> Outcome | None:
    """The standing review of an order; None without one."""
    review = standing_review(order)
    if review is None or review.rating is None:
        return None
    base, bad = NEGATIVE | RATING, NEGATIVE if review.rating <= LOW_RATING else 0
    reply_due = find_reply_due(review)
    if reply_due is not None and reply_due < as_of_ms:
        base |= REPLY
        bad |= 0 if by(order.replied_ms, reply_due) else REPLY
    official = bad & ~NEGATIVE if ("defect", "low_rating", order.id) in dossier.exclusions else bad
    return Outcome(GROUP_CODES["review"], order.id, review.at_ms, base, bad, base, official, review.rating, order.id,
                   order.fields.get("buyer"))


def find_reply_due(review: ReviewVersion | None) -> int | None:
    """Until when a critical review wants a reply [epoch ms]; None for one that wants none."""
    if review is None or review.rating is None or review.rating > CRITICAL_RATING:
        return None
    return review.at_ms + REPLY_MS


def return_outcomes(order: OrderState, as_of_ms: int) -> list[Outcome]:
    """The returns of an order that the seller has received."""
    found: list[Outcome] = []
    for back in list_returns(order):
        if back.received_ms is None:
            continue
        ends = [moment for moment in (back.refunded_ms, back.refused_ms) if moment is not None]
        due = back.received_ms + RETURN_MS
        base, bad, amount = 0 if ends else UNREFUNDED, 0, 0
        if back.refunded_ms is not None:
            base |= REFUND_TIME
            amount = max(0, back.refunded_ms - back.received_ms) // 1000
        if ends or due < as_of_ms:
            base |= HANDLED
            bad = 0 if by(min(ends, default=None), due) else HANDLED
        found.append(Outcome(GROUP_CODES["return"], back.id, back.received_ms, base, bad, base, bad, amount, order.id,
                             order.fields.get("buyer")))
    return found


def list_return_dues(order: OrderState) -> list[int]:
    """Until when the received returns of an order are to be handled [epoch ms]."""
    return [back.received_ms + RETURN_MS for back in list_returns(order) if back.received_ms is not None]


def survey_outcomes(dossier: Dossier) -> list[Outcome]:
    """The answers to surveys about the shop's own work; what people say of the operator is no shop's number."""
    found: list[Outcome] = []
    for answer in dossier.surveys:
        if answer.about not in {"order", "case"}:
            continue
        bad = 0 if answer.rating >= SATISFIED_RATING else CSAT
        found.append(Outcome(
            GROUP_CODES["survey"], f"{answer.source}|{answer.id}", answer.at_ms, CSAT, bad, CSAT, bad, answer.rating,
            answer.subject if answer.about == "order" else None, None))
    return found


def mediation_outcome(case: CaseState, buyer: str | int | None, as_of_ms: int) -> Outcome | None:
    """How the operator's mediators served an escalated case; None for one that never was."""
    if case.escalated_ms is None:
        return None
    decided, due = case.first_decided_ms, case.escalated_ms + DECIDE_MS
    base, bad, amount = 0, 0, 0
    if decided is not None:
        base, amount = MEDIATION_TIME, (decided - case.escalated_ms) // 1000
    elif case.left_mediation_ms is None:
        base = UNDECIDED
    if decided is not None or (due < as_of_ms and not by(case.left_mediation_ms, due)):
        base |= DECIDED
        bad = 0 if by(decided, due) else DECIDED
    overturned = was_overturned(case)
    if overturned is not None:
        base |= OVERTURNED
        bad |= OVERTURNED if overturned else 0
    return Outcome(
        GROUP_CODES["mediation"], case.id, case.escalated_ms, base, bad, base, bad, amount, case.order, buyer)
