"""One action under way on one dispute: checked by the table, recorded once, told to whom it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import from_ms, to_ms
from operator_qos.db import lock_shops
from operator_qos.disputes import queries, rules
from operator_qos.disputes.clocks import Clocks
from operator_qos.disputes.hooks import plan_calls
from operator_qos.disputes.mailing.answers import plan_reply
from operator_qos.disputes.models import Dispute, DisputeMessage, DisputeStep
from operator_qos.disputes.policies import KindPolicy, Policy
from operator_qos.disputes.policy_book import read_policy_book
from operator_qos.disputes.queries import Place
from operator_qos.disputes.sync import sync_disputes
from operator_qos.events.service import ingest_events
from operator_qos.ledger.service import build_frames
from operator_qos.notices.service import announce
from scoring.events import iso
from scoring.spans import FOREVER_MS

SOURCE = "/operator-qos/disputes"
MAX_TEXT = 5_000
SIDES = {"buyer": "buyer", "seller": "seller", "operator": "staff", "mediator": "staff", "timer": "staff"}
AUTHORS = {"buyer": "buyer", "seller": "seller", "operator": "operator", "mediator": "operator", "timer": "system"}


@dataclass(frozen=True)
class Actor:
    """Who acts: a person with an id, or the timer or a buyer without one. `role`: one of rules.ROLES."""

    role: str
    name: str
    id: int | None = None

    @property
    def side(self) -> str:
        """buyer, seller or staff."""
        return SIDES[self.role]


TIMER = Actor("timer", "timer")


class DisputeInputError(ValueError):
    """Something given cannot be used; `field` names it, `code` what is wrong with it."""

    def __init__(self, field: str, code: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.code = field, code


class NotRecordedError(RuntimeError):
    """The log would not take the event; the text carries its field and reason."""


@dataclass(frozen=True)
class Said:
    """A text for a conversation; `to`: the sides that receive it; `silent`: it asks for no answer of the seller."""

    text: str
    to: tuple[str, ...]
    awaits_buyer: bool = False
    silent: bool = False


@dataclass
class Act:
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

    @cached_property
    def policy(self) -> Policy:
        """The policy in force when the dispute was opened."""
        book = read_policy_book(self.session, self.place.marketplace_id)
        return book.at(self.place.marketplace_id, self.dispute.opened_at, self.place.zone)

    @property
    def kind(self) -> KindPolicy:
        """What the policy says for this kind of dispute."""
        return self.policy.of(self.dispute.problem)

    @cached_property
    def clocks(self) -> Clocks:
        """The calendars its limits run on."""
        frame = build_frames(self.session, [self.place.shop_id])[self.place.shop_id]
        return Clocks(
            policy=self.policy, zone=self.place.zone, seller_zone=self.place.shop_zone,
            buyer_country=queries.find_country(self.session, self.dispute),
            shop=frame.book.at(FOREVER_MS, to_ms(self.dispute.opened_at)),
        )

    def event_id(self, name: str, mark: str | int) -> str:
        """A name of an event that follows from what was done: done twice, it is recorded once."""
        return f"{name}:{self.place.marketplace_id}:{self.place.shop_code}:{self.dispute.case_ref}:{mark}"

    def document(self, event_id: str, kind: str, data: Mapping[str, Any], *, subject: str = "") -> dict[str, Any]:
        """The event as a CloudEvent."""
        return {
            "specversion": "1.0", "source": SOURCE, "id": event_id, "type": f"qos.{kind}", "time": iso(to_ms(self.at)),
            "subject": subject or self.dispute.case_ref, "marketplace": self.place.marketplace_id,
            "shop": self.place.shop_code, "data": dict(data),
        }

    def message(self, event_id: str, said: Said) -> dict[str, Any]:
        """A message as a CloudEvent, in the buyer's conversation where the buyer takes part."""
        row = self.dispute
        mediated = row.state in rules.IN_MEDIATION or row.decided_at is not None
        staff = "mediator" if mediated and self.actor.side != "staff" else "operator"
        data: dict[str, Any] = {
            "case": row.case_ref, "author": AUTHORS[self.actor.role], "channel": "web", "body": said.text,
            "to": [staff if side == "staff" else side for side in said.to],
        }
        if said.awaits_buyer:
            data["awaits_buyer"] = True
        if said.silent:
            data["no_reply_needed"] = True
        if row.order_ref:
            data["order"] = row.order_ref
        parties = {self.actor.side, *said.to} >= {"buyer", "seller"}
        subject = queries.find_conversation(self.session, row) if parties else row.case_ref
        return self.document(event_id, "message.sent", data, subject=subject)

    def keep_message(self, said: Said, *, token: str, event_id: str | None) -> DisputeMessage:
        """Our own row of a message, which files hang on; a note's text is kept here, else it is in the log."""
        row = DisputeMessage(
            dispute_id=self.dispute.id, at=self.at, side=self.actor.side, author=self.actor.name,
            recipients=list(said.to), body=said.text if event_id is None else "", token=token[:80], event_id=event_id,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def append(self, *documents: Mapping[str, Any]) -> bool:
        """Whether the events are new; the same action done twice is recorded once."""
        receipts = ingest_events(self.session, documents, now=self.now, origin="disputes")
        refused = next((r for r in receipts if r.status == "quarantined"), None)
        if refused is not None:
            raise NotRecordedError(f"{refused.id}: {refused.field}: {refused.reason}")
        return all(r.status == "accepted" for r in receipts)

    def settle_row(self) -> None:
        """Let state and deadlines follow from what was just done."""
        self.session.flush()
        sync_disputes(self.session, shop_id=self.place.shop_id, case_refs=[self.dispute.case_ref], now=self.now)
        self.session.refresh(self.dispute)

    def note(self, data: Mapping[str, Any], *, why: str = "") -> None:
        """The step, the audit row and the calls of webhooks of this action."""
        row = self.dispute
        self.settle_row()
        step = DisputeStep(dispute_id=row.id, at=self.at, actor=self.actor.name, kind=self.name, data=dict(data))
        self.session.add(step)
        self.session.flush()
        plan_calls(self.session, step=step, dispute=row, place=self.place, now=self.now)
        append_audit(
            self.session, actor=self.actor.name, now=self.now, action=f"dispute.{self.name}",
            subject=f"dispute:{row.id}", before={"state": self.before}, after={"state": row.state, **data},
            why=why[:2_000],
        )

    def tell(self, topic: str, key: str, data: Mapping[str, Any], *, staff: bool = False) -> None:
        """A notice to the seller, or to the staff."""
        row, place = self.dispute, self.place
        link = f"/mediator/cases/{row.id}" if staff else f"/seller/disputes/{row.id}"
        facts = {"case": row.case_ref, "order": row.order_ref, "shop": place.shop_name, "reason": row.reason, **data}
        announce(
            self.session, key=f"{key}:{'staff' if staff else 'seller'}", seller_id=None if staff else place.seller_id,
            shop_id=place.shop_id, topic=topic, data=facts, link=link, now=self.now,
            reply=plan_reply(row.id, topic, facts, staff=staff, state=row.state),
        )


def begin(
    session: Session, name: str, *, dispute_id: int, actor: Actor, now: datetime, check: bool = True
) -> Act:
    """Check that the action is allowed now. Raises DisputeMissing and, with `check`, IllegalAction.

    The shop is locked before its dispute is read, as every writer of the log does: whoever locked the row first
    would wait for the shop while the log's writer waits for the row.
    """
    lock_shops(session, [queries.get_dispute(session, dispute_id).shop_id])
    dispute = queries.get_dispute(session, dispute_id)
    if check:
        rules.check(name, dispute.state, actor.role)
    place = queries.get_place(session, dispute.shop_id)
    return Act(session, dispute, place, actor, now, name, dispute.state)


def require_own(act: Act) -> None:
    """A mediator acts on own or free cases only, never after a conflict, and never on their own decision's appeal."""
    mediator_id, me = act.dispute.mediator_id, act.actor.id
    another = mediator_id is not None and mediator_id != me
    if another or queries.has_conflict(act.session, act.dispute, me):
        raise rules.IllegalAction(act.name, act.dispute.state, "a mediator not in charge of it")


def require_text(field: str, text: str) -> str:
    """The text without space around it. Raises DisputeInputError when it is empty or too long."""
    kept = text.strip()
    if not kept:
        raise DisputeInputError(field, "empty", "is empty; write what the other side should read")
    if len(kept) > MAX_TEXT:
        raise DisputeInputError(field, "long", f"has {len(kept)} characters; at most {MAX_TEXT} are allowed")
    return kept


def note_first_act(act: Act) -> None:
    """The mediators' own clock: the first thing done on a case since it was escalated."""
    escalated_at, first_at = act.dispute.escalated_at, act.dispute.first_act_at
    if escalated_at is not None and (first_at is None or first_at < escalated_at):
        act.dispute.first_act_at = act.at
