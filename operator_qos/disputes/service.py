"""What people and the timer do with a dispute: an event in the log, a step, an audit row, the notices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.disputes import queries, rules
from operator_qos.disputes.acting import (
    MAX_TEXT,
    SOURCE,
    TIMER,
    Act,
    Actor,
    DisputeInputError,
    NotRecordedError,
    Said,
    begin,
    note_first_act,
    require_own,
    require_text,
)
from operator_qos.disputes.files import attach
from operator_qos.disputes.models import Dispute
from operator_qos.disputes.sync import sync_disputes
from operator_qos.files import Upload
from scoring.events import iso

__all__ = [
    "MAX_TEXT", "SOURCE", "TIMER", "Actor", "DisputeInputError", "NotRecordedError", "Ruling", "answer_buyer", "appeal",
    "ask_evidence", "assign_case", "decide", "declare_conflict", "escalate", "give_evidence", "reopen", "sync_disputes",
    "take_case", "withdraw", "write_message", "write_note",
]


@dataclass(frozen=True)
class Ruling:
    """What a mediator decides; money and the seller's record are two things. `refund_minor` [minor units]."""

    fault: str
    remedy: str
    refund_minor: int
    counts: bool
    grounds: str


# The parties' words


def answer_buyer(  # noqa: PLR0913  # what is written, and by which form
    session: Session, *, dispute_id: int, text: str, awaits_buyer: bool, token: str, actor: Actor, now: datetime,
    files: Sequence[Upload] = (),
) -> bool:
    """Send the seller's answer into the case's conversation; False: it was sent before. Does not commit.

    `token` marks one filled form, so that a double click sends one message. Raises DisputeMissing,
    IllegalAction, DisputeInputError.
    """
    act = begin(session, "answer", dispute_id=dispute_id, actor=actor, now=now)
    said = Said(require_text("text", text), ("buyer",), awaits_buyer=awaits_buyer)
    if not _say(act, said, token=token, files=files):
        return False
    act.note({"event": act.event_id("answer", token), "awaits_buyer": awaits_buyer})
    return True


def _say(act: Act, said: Said, *, token: str, files: Sequence[Upload] = (), name: str = "answer") -> bool:
    """Put a message into the log with its files; False: it was there before."""
    event_id = act.event_id(name, token)
    if not act.append(act.message(event_id, said)):
        return False
    row = act.keep_message(said, token=f"{name}:{token}", event_id=event_id)
    attach(act.session, row, files)
    return True


def write_message(  # noqa: PLR0913  # what is written, to whom, and by which form
    session: Session, *, dispute_id: int, text: str, to: Sequence[str], token: str, actor: Actor, now: datetime,
    files: Sequence[Upload] = (),
) -> bool:
    """Write to chosen sides (buyer, seller, staff); False: it was sent before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "write", dispute_id=dispute_id, actor=actor, now=now)
    sides = tuple(side for side in ("buyer", "seller", "staff") if side in to and side != actor.side)
    if not sides:
        raise DisputeInputError("to", "nobody", "names nobody else; choose who reads it, or keep it as a note")
    said = Said(require_text("text", text), sides)
    if not _say(act, said, token=token, files=files, name=f"write-{actor.role}"):
        return False
    if actor.role == "mediator":
        note_first_act(act)
    act.note({"to": list(sides)})
    _tell_of_message(act, sides, token)
    return True


def _tell_of_message(act: Act, sides: Sequence[str], token: str) -> None:
    key = act.event_id(f"message-{act.actor.role}", token)
    for side in sides:
        if side in {"seller", "staff"}:
            act.tell("dispute_message", key, {"by": act.actor.role}, staff=side == "staff")


def write_note(  # what is written, and by which form
    session: Session, *, dispute_id: int, text: str, token: str, actor: Actor, now: datetime,
    files: Sequence[Upload] = (),
) -> bool:
    """Keep a note that only one's own side reads; False: it was kept before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "note", dispute_id=dispute_id, actor=actor, now=now)
    said = Said(require_text("text", text), ())
    mark = f"note:{actor.side}:{token}"
    if queries.has_message(session, dispute_id, mark):
        return False
    attach(session, act.keep_message(said, token=mark, event_id=None), files)
    act.note({"side": actor.side})
    return True


# The way to a mediator and back


def escalate(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> bool:
    """Hand the case to the mediators; False: the timer found it stopped meanwhile. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError when the buyer's time to wait is not over.
    """
    act = begin(session, "escalate", dispute_id=dispute_id, actor=actor, now=now)
    earliest = act.dispute.escalation_from_at
    if actor.role == "buyer" and earliest is not None and now < earliest:
        raise DisputeInputError("now", "early", f"the seller may answer until {earliest.isoformat()}; wait until then")
    return hand_over(act, "escalate")


def hand_over(act: Act, name: str, *before: Mapping[str, Any]) -> bool:
    """Append the escalation after what comes before it, assign a mediator, and tell both sides."""
    number = queries.count_events(act.session, act.dispute, "case.escalated")
    event_id = act.event_id("escalate", number)
    if not act.append(*before, act.document(event_id, "case.escalated", {"by": act.actor.role})):
        return False
    end_offers(act)
    _assign_least_loaded(act)
    act.note({"by": act.actor.role, "mediator": act.dispute.mediator_id})
    due = act.dispute.decision_due_at
    facts = {"by": act.actor.role, "decision_due": None if due is None else due.isoformat()}
    topic = "dispute_broken" if name != "escalate" else "dispute_escalated"
    for staff in (False, True):
        act.tell(topic, event_id, facts, staff=staff)
    return True


def end_offers(act: Act) -> None:
    """What was offered while the parties talked stands no longer."""
    offer = queries.find_open_offer(act.session, act.dispute.id)
    if offer is not None:
        offer.state, offer.answered_at = "ended", act.at


def _assign_least_loaded(act: Act) -> None:
    act.settle_row()
    row = act.dispute
    if row.mediator_id is not None and queries.has_conflict(act.session, row, row.mediator_id):
        row.mediator_id = None
    if row.mediator_id is None:
        row.mediator_id = queries.find_least_loaded_mediator(act.session, row)
    if row.mediator_id is not None:
        row.assigned_at = act.at


def take_case(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> bool:
    """Put a waiting case on this mediator's desk; False: it lies there or on another's. Does not commit.

    Raises DisputeMissing, IllegalAction.
    """
    act = begin(session, "take", dispute_id=dispute_id, actor=actor, now=now)
    require_own(act)
    if act.dispute.mediator_id is not None:
        return False
    act.dispute.mediator_id, act.dispute.assigned_at = actor.id, act.at
    act.note({"mediator": actor.id})
    return True


def assign_case(session: Session, *, dispute_id: int, mediator_id: int, actor: Actor, now: datetime) -> None:
    """Put a case on a mediator's desk. Raises DisputeInputError for one with a conflict. Does not commit."""
    act = begin(session, "assign", dispute_id=dispute_id, actor=actor, now=now)
    if mediator_id not in {load.mediator_id for load in queries.list_loads(session)}:
        raise DisputeInputError("mediator", "unknown", f"{mediator_id} is no active mediator; choose one of the list")
    if queries.has_conflict(session, act.dispute, mediator_id):
        raise DisputeInputError("mediator", "conflict", "has a conflict with this case; choose another")
    act.dispute.mediator_id, act.dispute.assigned_at = mediator_id, act.at
    act.note({"mediator": mediator_id})


def declare_conflict(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> None:
    """Give the case back to the queue and never get it again. Does not commit.

    Raises DisputeMissing, IllegalAction.
    """
    act = begin(session, "declare_conflict", dispute_id=dispute_id, actor=actor, now=now)
    require_own(act)
    act.dispute.mediator_id, act.dispute.assigned_at = None, None
    act.note({"mediator": actor.id})


def ask_evidence(  # of whom, and by when
    session: Session, *, dispute_id: int, due_at: datetime | None = None, actor: Actor, now: datetime,
    whom: str = "seller",
) -> bool:
    """Ask a party for proof, by a moment or by the policy's own limit; False: asked in this second before.

    Does not commit. Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "ask_evidence", dispute_id=dispute_id, actor=actor, now=now)
    require_own(act)
    due = due_at or act.clocks.end(act.kind.evidence_deadline, act.at)
    if due <= now:
        raise DisputeInputError("due_at", "past", "lies in the past; give the seller some time")
    if whom not in rules.PARTIES:
        raise DisputeInputError("whom", "unknown", f"{whom!r} is no party; ask the buyer or the seller")
    event_id = act.event_id("ask", to_ms(act.at))
    data = {"to": whom, "due_by": iso(to_ms(due))}
    if not act.append(act.document(event_id, "case.evidence_asked", data)):
        return False
    note_first_act(act)
    act.note(data)
    if whom == "seller":
        act.tell("evidence_asked", event_id, {"due": due.isoformat()})
    return True


def give_evidence(  # what is written, and by which form
    session: Session, *, dispute_id: int, text: str, token: str, actor: Actor, now: datetime,
    files: Sequence[Upload] = (),
) -> bool:
    """Send a party's proof to the mediator and pass the case back; False: sent before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "give_evidence", dispute_id=dispute_id, actor=actor, now=now)
    said = Said(require_text("text", text), ("staff",), silent=True)
    event_id, text_id = act.event_id("evidence", token), act.event_id("evidence-text", token)
    documents = (act.document(event_id, "case.evidence_given", {"by": actor.role}), act.message(text_id, said))
    if not act.append(*documents):
        return False
    attach(session, act.keep_message(said, token=f"evidence:{token}", event_id=text_id), files)
    act.note({"event": event_id})
    act.tell("evidence_given", event_id, {}, staff=True)
    return True


def withdraw(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> bool:
    """Let the buyer take the dispute back; False: taken back before. Does not commit.

    Raises DisputeMissing, IllegalAction.
    """
    act = begin(session, "withdraw", dispute_id=dispute_id, actor=actor, now=now)
    event_id = act.event_id("withdraw", 0)
    if not act.append(act.document(event_id, "case.withdrawn", {"by": "buyer"})):
        return False
    end_offers(act)
    act.note({})
    act.tell("dispute_closed", event_id, {"how": "withdrawn"})
    return True


def reopen(session: Session, *, dispute_id: int, text: str, actor: Actor, now: datetime) -> bool:
    """Open again what a timer closed; False: opened before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "reopen", dispute_id=dispute_id, actor=actor, now=now)
    reason = require_text("text", text)
    event_id = act.event_id("reopen", queries.count_events(session, act.dispute, "case.reopened"))
    if not act.append(act.document(event_id, "case.reopened", {"reason": reason})):
        return False
    act.dispute.moved_at = act.at
    act.note({"by": actor.role})
    act.tell("dispute_reopened", event_id, {"by": actor.role})
    return True


# Decisions


def _check_ruling(act: Act, ruling: Ruling) -> Ruling:
    row, asked = act.dispute, act.dispute.amount_minor
    if ruling.fault not in rules.FAULTS:
        raise DisputeInputError("fault", "unknown", f"{ruling.fault!r} is none of {', '.join(rules.FAULTS)}")
    if ruling.remedy not in rules.REMEDIES:
        raise DisputeInputError(
            "remedy", "unknown", f"{ruling.remedy!r} is none of {', '.join(rules.REMEDIES)}"
        )
    if ruling.refund_minor < 0 or (asked is not None and ruling.refund_minor > asked):
        raise DisputeInputError(
            "refund_minor", "range", f"must lie between 0 and {row.amount_minor} asked for"
        )
    if (ruling.refund_minor > 0) != (ruling.remedy in {"refund", "partial_refund"}):
        raise DisputeInputError("refund_minor", "remedy", "only a refund has an amount, and it needs one")
    grounds = require_text("grounds", ruling.grounds)
    # Whoever else is at fault, it cannot stand on the seller's record; nor what the policy does not count.
    counts = ruling.counts and ruling.fault == "seller" and "decided" in act.kind.counts_as_defect
    return replace(ruling, counts=counts, grounds=grounds)


def decide(session: Session, *, dispute_id: int, ruling: Ruling, actor: Actor, now: datetime) -> bool:
    """Decide the case; the scorecard follows, and the time to appeal begins. False: decided before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = begin(session, "decide", dispute_id=dispute_id, actor=actor, now=now)
    require_own(act)
    said = _check_ruling(act, ruling)
    note_first_act(act)
    return record_ruling(act, said)


def record_ruling(act: Act, said: Ruling) -> bool:
    """Append the ruling and the closing, open the appeal window or judge the appeal, and tell."""
    number = queries.count_events(act.session, act.dispute, "case.decided")
    event_id = act.event_id("decide", number)
    data = {
        "fault": said.fault, "remedy": said.remedy, "counts": said.counts, "amount_minor": said.refund_minor,
        "grounds": said.grounds,
    }
    # The closing states no fault: the decision before it is the word that stands.
    close = act.document(act.event_id("close", number), "case.closed", {"by": "operator"})
    if not act.append(act.document(event_id, "case.decided", data), close):
        return False
    _keep_ruling(act, said)
    told = {key: value for key, value in data.items() if key != "grounds"}
    act.note({**told, "outcome": act.dispute.outcome}, why=said.grounds)
    act.tell("dispute_decided", event_id, {**told, "currency": act.dispute.currency, "grounds": said.grounds})
    return True


def _keep_ruling(act: Act, said: Ruling) -> None:
    act.settle_row()
    row = act.dispute
    row.decided_by, row.grounds = act.actor.id, said.grounds
    row.mediator_id = act.actor.id if act.actor.id is not None else row.mediator_id
    if row.first_ruling is not None and row.appealed_at is not None:
        before = row.first_ruling
        row.outcome = rules.judge_appeal(
            (int(before["refund_minor"]), str(before["record"])), (said.refund_minor, find_record(said)))
    window = act.kind.appeal_window
    if row.appealed_at is not None and (row.appeals or 0) < act.kind.max_appeals:
        row.appealed_at = row.appealed_by = None
    row.window_ended_at = act.at if window is None else None
    row.appeal_until_at = act.at if window is None else act.clocks.end(window, act.at)


def find_record(said: Ruling) -> str:
    """What a ruling does to the seller's record."""
    return "counts" if said.fault == "seller" and said.counts else "does not count"


def appeal(  # what is written, and by which form
    session: Session, *, dispute_id: int, text: str, token: str, actor: Actor, now: datetime,
    files: Sequence[Upload] = (),
) -> bool:
    """Ask for another mediator's look at a decision; False: appealed before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError when the window has ended.
    """
    act = begin(session, "appeal", dispute_id=dispute_id, actor=actor, now=now)
    row, why = act.dispute, require_text("text", text)
    if row.appeal_until_at is None or row.appeal_until_at < now or (row.appeals or 0) >= act.kind.max_appeals:
        raise DisputeInputError("text", "late", "comes too late, or was used up; the decision stands")
    said, number = Said(why, ("staff",), silent=True), row.appeals or 0
    _remember_ruling(row, actor, act)
    text_id, event_id = act.event_id("appeal-text", token), act.event_id("appeal", number)
    documents = (
        act.document(act.event_id("appeal-reopen", number), "case.reopened", {"reason": "appeal"}),
        act.document(event_id, "case.appealed", {"by": actor.role}),
        act.message(text_id, said),
    )
    if not _hand_over_appeal(act, documents):
        return False
    attach(session, act.keep_message(said, token=f"appeal:{token}", event_id=text_id), files)
    return True


def _remember_ruling(row: Dispute, actor: Actor, act: Act) -> None:
    counted = bool(row.counts) and row.fault == "seller"
    row.first_ruling = {
        "mediator": row.decided_by, "fault": row.fault, "remedy": row.remedy, "refund_minor": row.refund_minor or 0,
        "record": "counts" if counted else "does not count", "grounds": row.grounds,
        "at": None if row.decided_at is None else row.decided_at.isoformat(),
    }
    row.appealed_at, row.appealed_by, row.appeals = act.at, actor.role, (row.appeals or 0) + 1
    row.mediator_id, row.assigned_at, row.outcome = None, None, None


def _hand_over_appeal(act: Act, documents: Sequence[Mapping[str, Any]]) -> bool:
    number = queries.count_events(act.session, act.dispute, "case.escalated")
    event_id = act.event_id("escalate", number)
    if not act.append(*documents, act.document(event_id, "case.escalated", {"by": act.actor.role})):
        return False
    _assign_least_loaded(act)
    act.note({"by": act.actor.role, "mediator": act.dispute.mediator_id})
    for staff in (False, True):
        act.tell("dispute_appealed", event_id, {"by": act.actor.role}, staff=staff)
    return True
