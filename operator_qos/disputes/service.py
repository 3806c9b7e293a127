"""What people and the timer do with a dispute: an event in the log, a step, an audit row, the notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import from_ms, to_ms
from operator_qos.db import lock_shops
from operator_qos.disputes import queries, rules
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.queries import Place
from operator_qos.disputes.sync import sync_disputes
from operator_qos.events.service import ingest_events
from operator_qos.notices.service import announce
from scoring.events import iso

__all__ = [
    "TIMER",
    "Actor",
    "DisputeInputError",
    "Ruling",
    "answer_buyer",
    "ask_evidence",
    "decide",
    "declare_conflict",
    "escalate",
    "give_evidence",
    "sync_disputes",
    "take_case",
]

SOURCE = "/operator-qos/disputes"
MAX_TEXT = 5_000


@dataclass(frozen=True)
class Actor:
    """Who acts: a person with an id, or the timer without one. `role`: seller, operator, mediator, timer."""

    role: str
    name: str
    id: int | None = None


TIMER = Actor("timer", "timer")


@dataclass(frozen=True)
class Ruling:
    """What a mediator decides; money and the seller's record are two things. `refund_minor` [minor units]."""

    fault: str
    remedy: str
    refund_minor: int
    counts: bool
    grounds: str


class DisputeInputError(ValueError):
    """Something given cannot be used; `field` names it, `code` what is wrong with it."""

    def __init__(self, field: str, code: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.code = field, code


class NotRecordedError(RuntimeError):
    """The log would not take the event; the text carries its field and reason."""


@dataclass(frozen=True)
class _Act:
    """One action under way on one dispute."""

    session: Session
    dispute: Dispute
    place: Place
    actor: Actor
    now: datetime
    name: str
    before: str

    @property
    def at(self) -> datetime:
        """Events count to the second, and so do the rows that follow from them."""
        return from_ms(to_ms(self.now) // 1000 * 1000)

    def event_id(self, name: str, mark: str | int) -> str:
        return f"{name}:{self.place.marketplace_id}:{self.place.shop_code}:{self.dispute.case_ref}:{mark}"

    def document(
        self, event_id: str, kind: str, data: Mapping[str, Any], *, subject: str = ""
    ) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "source": SOURCE,
            "id": event_id,
            "type": f"qos.{kind}",
            "time": iso(to_ms(self.at)),
            "subject": subject or self.dispute.case_ref,
            "marketplace": self.place.marketplace_id,
            "shop": self.place.shop_code,
            "data": dict(data),
        }

    def append(self, *documents: Mapping[str, Any]) -> bool:
        """Whether the events are new; the same action done twice is recorded once."""
        receipts = ingest_events(self.session, documents, now=self.now, origin="disputes")
        refused = next((r for r in receipts if r.status == "quarantined"), None)
        if refused is not None:
            raise NotRecordedError(f"{refused.id}: {refused.field}: {refused.reason}")
        return all(r.status == "accepted" for r in receipts)

    def note(self, data: Mapping[str, Any], *, why: str = "") -> None:
        """The step and the audit row of this action."""
        row = self.dispute
        self.session.flush()
        self.session.refresh(row)
        self.session.add(
            DisputeStep(dispute_id=row.id, at=self.at, actor=self.actor.name, kind=self.name, data=dict(data))
        )
        append_audit(
            self.session,
            actor=self.actor.name,
            now=self.now,
            action=f"dispute.{self.name}",
            subject=f"dispute:{row.id}",
            before={"state": self.before},
            after={"state": row.state, **data},
            why=why[:2_000],
        )

    def tell(self, topic: str, key: str, data: Mapping[str, Any], *, staff: bool = False) -> None:
        """A notice to the seller, or to the staff."""
        row, place = self.dispute, self.place
        link = f"/mediator/cases/{row.id}" if staff else f"/seller/disputes/{row.id}"
        facts = {
            "case": row.case_ref,
            "order": row.order_ref,
            "shop": place.shop_name,
            "reason": row.reason,
            **data,
        }
        announce(
            self.session,
            key=f"{key}:{'staff' if staff else 'seller'}"[:200],
            seller_id=None if staff else place.seller_id,
            shop_id=place.shop_id,
            topic=topic,
            data=facts,
            link=link,
            now=self.now,
        )


def _begin(session: Session, name: str, *, dispute_id: int, actor: Actor, now: datetime) -> _Act:
    """Check that the action is allowed now. Raises DisputeMissing and IllegalAction.

    The shop is locked before its dispute is read, as every writer of the log does: whoever locked the row first
    would wait for the shop while the log's writer waits for the row.
    """
    lock_shops(session, [queries.get_dispute(session, dispute_id).shop_id])
    dispute = queries.get_dispute(session, dispute_id)
    rules.check(name, dispute.state, actor.role)
    place = queries.get_place(session, dispute.shop_id)
    return _Act(session, dispute, place, actor, now, name, dispute.state)


def _require_own(act: _Act) -> None:
    """A mediator acts on own or free cases only, and never after declaring a conflict."""
    mediator_id, me = act.dispute.mediator_id, act.actor.id
    another = mediator_id is not None and mediator_id != me
    if another or queries.has_conflict(act.session, act.dispute.id, me):
        raise rules.IllegalAction(act.name, act.dispute.state, "a mediator not in charge of it")


def _require_text(field: str, text: str) -> str:
    kept = text.strip()
    if not kept:
        raise DisputeInputError(field, "empty", "is empty; write what the other side should read")
    if len(kept) > MAX_TEXT:
        raise DisputeInputError(field, "long", f"has {len(kept)} characters; at most {MAX_TEXT} are allowed")
    return kept


def answer_buyer(
    session: Session,
    *,
    dispute_id: int,
    text: str,
    awaits_buyer: bool,
    token: str,
    actor: Actor,
    now: datetime,
) -> bool:
    """Send the seller's answer into the case's conversation; False: it was sent before. Does not commit.

    `token` marks one filled form, so that a double click sends one message. Raises DisputeMissing,
    IllegalAction, DisputeInputError.
    """
    act = _begin(session, "answer", dispute_id=dispute_id, actor=actor, now=now)
    body = _require_text("text", text)
    row = act.dispute
    data: dict[str, Any] = {
        "case": row.case_ref,
        "author": "seller",
        "to": ["buyer"],
        "channel": "web",
        "body": body,
        "awaits_buyer": awaits_buyer,
    }
    if row.order_ref:
        data["order"] = row.order_ref
    conversation = queries.find_conversation(session, row)
    event_id = act.event_id("answer", token)
    if not act.append(act.document(event_id, "message.sent", data, subject=conversation)):
        return False
    act.note({"event": event_id, "awaits_buyer": awaits_buyer})
    return True


def _claim(act: _Act) -> bool:
    """Take the dispute for escalation; False when somebody else did, or the clock was stopped, meanwhile."""
    query = update(Dispute).where(Dispute.id == act.dispute.id, Dispute.state.in_(rules.TALKING))
    if act.actor.role == "timer":
        query = query.where(Dispute.seller_due_at < act.now, Dispute.opened_at >= act.now - rules.TIMER_REACH)
    done = act.session.execute(
        query.values(state="escalated"), execution_options={"synchronize_session": False}
    )
    return cast("CursorResult[Any]", done).rowcount == 1


def escalate(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> bool:
    """Hand the case to the mediators; False: it was handed over before. Does not commit.

    Raises DisputeMissing, IllegalAction.
    """
    act = _begin(session, "escalate", dispute_id=dispute_id, actor=actor, now=now)
    number = queries.count_escalations(session, act.dispute)
    if not _claim(act):
        return False
    event_id = act.event_id("escalate", number)
    if not act.append(act.document(event_id, "case.escalated", {"by": actor.role})):
        return False
    _assign_least_loaded(act)
    act.note({"by": actor.role, "mediator": act.dispute.mediator_id})
    due = act.dispute.decision_due_at
    facts: dict[str, Any] = {"by": actor.role, "decision_due": None if due is None else due.isoformat()}
    for staff in (False, True):
        act.tell("dispute_escalated", event_id, facts, staff=staff)
    return True


def _assign_least_loaded(act: _Act) -> None:
    act.session.flush()
    act.session.refresh(act.dispute)
    if act.dispute.mediator_id is None:
        act.dispute.mediator_id = queries.find_least_loaded_mediator(act.session, act.dispute.id)
    if act.dispute.mediator_id is not None:
        act.dispute.state = "assigned"


def take_case(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> bool:
    """Put a waiting case on this mediator's desk; False: another was quicker. Does not commit.

    Raises DisputeMissing, IllegalAction.
    """
    act = _begin(session, "take", dispute_id=dispute_id, actor=actor, now=now)
    _require_own(act)
    query = update(Dispute).where(
        Dispute.id == dispute_id, Dispute.mediator_id.is_(None), Dispute.state == "escalated"
    )
    done = session.execute(
        query.values(state="assigned", mediator_id=actor.id), execution_options={"synchronize_session": False}
    )
    if cast("CursorResult[Any]", done).rowcount != 1:
        return False
    act.note({"mediator": actor.id})
    return True


def declare_conflict(session: Session, *, dispute_id: int, actor: Actor, now: datetime) -> None:
    """Give the case back to the queue and never get it again. Does not commit.

    Raises DisputeMissing, IllegalAction.
    """
    act = _begin(session, "declare_conflict", dispute_id=dispute_id, actor=actor, now=now)
    _require_own(act)
    act.dispute.mediator_id, act.dispute.state = None, "escalated"
    act.note({"mediator": actor.id})


def ask_evidence(
    session: Session,
    *,
    dispute_id: int,
    due_at: datetime,
    actor: Actor,
    now: datetime,
) -> bool:
    """Ask the seller for proof by a moment; False: asked in this second before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = _begin(session, "ask_evidence", dispute_id=dispute_id, actor=actor, now=now)
    _require_own(act)
    if due_at <= now:
        raise DisputeInputError("due_at", "past", "lies in the past; give the seller some time")
    event_id = act.event_id("ask", to_ms(act.at))
    data = {"to": "seller", "due_by": iso(to_ms(due_at))}
    if not act.append(act.document(event_id, "case.evidence_asked", data)):
        return False
    act.note(data)
    act.tell("evidence_asked", event_id, {"due": due_at.isoformat()})
    return True


def give_evidence(
    session: Session,
    *,
    dispute_id: int,
    text: str,
    token: str,
    actor: Actor,
    now: datetime,
) -> bool:
    """Send the seller's proof to the mediator and pass the case back; False: sent before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = _begin(session, "give_evidence", dispute_id=dispute_id, actor=actor, now=now)
    body = _require_text("text", text)
    row, event_id = act.dispute, act.event_id("evidence", token)
    said: dict[str, Any] = {
        "case": row.case_ref,
        "author": "seller",
        "to": ["mediator"],
        "channel": "web",
        "body": body,
    }
    if row.order_ref:
        said["order"] = row.order_ref
    new = act.append(
        act.document(event_id, "case.evidence_given", {"by": "seller"}),
        act.document(act.event_id("evidence-text", token), "message.sent", said, subject=row.case_ref),
    )
    if not new:
        return False
    act.note({"event": event_id})
    act.tell("evidence_given", event_id, {}, staff=True)
    return True


def _check_ruling(row: Dispute, ruling: Ruling) -> Ruling:
    if ruling.fault not in rules.FAULTS:
        raise DisputeInputError("fault", "unknown", f"{ruling.fault!r} is none of {', '.join(rules.FAULTS)}")
    if ruling.remedy not in rules.REMEDIES:
        raise DisputeInputError(
            "remedy", "unknown", f"{ruling.remedy!r} is none of {', '.join(rules.REMEDIES)}"
        )
    if ruling.refund_minor < 0 or (row.amount_minor is not None and ruling.refund_minor > row.amount_minor):
        raise DisputeInputError(
            "refund_minor", "range", f"must lie between 0 and {row.amount_minor} asked for"
        )
    if (ruling.refund_minor > 0) != (ruling.remedy in {"refund", "partial_refund"}):
        raise DisputeInputError("refund_minor", "remedy", "only a refund has an amount, and it needs one")
    grounds = _require_text("grounds", ruling.grounds)
    # Whoever else is at fault, it cannot stand on the seller's record.
    counts = ruling.counts and ruling.fault == "seller"
    return Ruling(ruling.fault, ruling.remedy, ruling.refund_minor, counts, grounds)


def decide(session: Session, *, dispute_id: int, ruling: Ruling, actor: Actor, now: datetime) -> bool:
    """Decide and close the case; the scorecard follows. False: decided before. Does not commit.

    Raises DisputeMissing, IllegalAction, DisputeInputError.
    """
    act = _begin(session, "decide", dispute_id=dispute_id, actor=actor, now=now)
    _require_own(act)
    said = _check_ruling(act.dispute, ruling)
    number = queries.count_decisions(session, act.dispute)
    event_id = act.event_id("decide", number)
    data = {
        "fault": said.fault,
        "remedy": said.remedy,
        "counts": said.counts,
        "amount_minor": said.refund_minor,
        "grounds": said.grounds,
    }
    # The closing states no fault: the decision before it is the word that stands.
    new = act.append(
        act.document(event_id, "case.decided", data),
        act.document(act.event_id("close", number), "case.closed", {"by": "operator"}),
    )
    if not new:
        return False
    _keep_author(act, said)
    act.note({key: value for key, value in data.items() if key != "grounds"}, why=said.grounds)
    told = {key: value for key, value in data.items() if key != "grounds"}
    act.tell("dispute_decided", event_id, {**told, "currency": act.dispute.currency, "grounds": said.grounds})
    return True


def _keep_author(act: _Act, said: Ruling) -> None:
    act.session.flush()
    act.session.refresh(act.dispute)
    act.dispute.decided_by, act.dispute.grounds = act.actor.id, said.grounds
    act.dispute.mediator_id = act.actor.id
