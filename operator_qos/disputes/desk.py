"""Every action of people by its name: pages of all parties and the API come through here to the same services."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos.disputes import service, settlement
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.models import DisputeOffer
from operator_qos.disputes.rules import list_allowed
from operator_qos.disputes.service import Ruling
from operator_qos.disputes.settlement import Proposal
from operator_qos.files import Upload


@dataclass(frozen=True)
class Given:
    """What came with an action; each takes what it needs. `token` marks one filled form."""

    text: str = ""
    token: str = ""
    to: tuple[str, ...] = ()
    awaits_buyer: bool = False
    remedy: str = ""
    amount_minor: int = 0
    offer_id: int = 0
    whom: str = "seller"
    due_at: datetime | None = None
    mediator_id: int = 0
    ruling: Ruling | None = None
    files: Sequence[Upload] = ()


@dataclass(frozen=True)
class Call:
    """One action of one actor on one dispute."""

    session: Session
    dispute_id: int
    actor: Actor
    now: datetime
    given: Given


def _answer(call: Call) -> object:
    given = call.given
    return service.answer_buyer(
        call.session, dispute_id=call.dispute_id, text=given.text, awaits_buyer=given.awaits_buyer, token=given.token,
        actor=call.actor, now=call.now, files=given.files,
    )


def _write(call: Call) -> object:
    given = call.given
    return service.write_message(
        call.session, dispute_id=call.dispute_id, text=given.text, to=given.to, token=given.token, actor=call.actor,
        now=call.now, files=given.files,
    )


def _with_text(doing: Callable[..., object]) -> Callable[[Call], object]:
    """An action that takes a text and files."""
    def act(call: Call) -> object:
        given = call.given
        return doing(call.session, dispute_id=call.dispute_id, text=given.text, token=given.token, actor=call.actor,
                     now=call.now, files=given.files)
    return act


def _bare(doing: Callable[..., object]) -> Callable[[Call], object]:
    """An action that takes nothing."""
    return lambda call: doing(call.session, dispute_id=call.dispute_id, actor=call.actor, now=call.now)


def _with_reason(doing: Callable[..., object]) -> Callable[[Call], object]:
    return lambda call: doing(
        call.session, dispute_id=call.dispute_id, text=call.given.text, actor=call.actor, now=call.now)


def _offer(call: Call) -> object:
    proposal = Proposal(call.given.remedy, call.given.amount_minor, call.given.text)
    return settlement.make_offer(call.session, dispute_id=call.dispute_id, proposal=proposal, token=call.given.token,
                                 actor=call.actor, now=call.now)


def _accept(call: Call) -> object:
    return settlement.accept_offer(call.session, dispute_id=call.dispute_id, offer_id=call.given.offer_id,
                                   actor=call.actor, now=call.now)


def _decline(call: Call) -> object:
    return settlement.decline_offer(call.session, dispute_id=call.dispute_id, offer_id=call.given.offer_id,
                                    text=call.given.text, actor=call.actor, now=call.now)


def _ask(call: Call) -> object:
    return service.ask_evidence(call.session, dispute_id=call.dispute_id, due_at=call.given.due_at, actor=call.actor,
                                now=call.now, whom=call.given.whom)


def _assign(call: Call) -> object:
    service.assign_case(call.session, dispute_id=call.dispute_id, mediator_id=call.given.mediator_id, actor=call.actor,
                        now=call.now)
    return True


def _decide(call: Call) -> object:
    if call.given.ruling is None:
        raise DisputeInputError("ruling", "empty", "is missing; say who is at fault, the remedy and the grounds")
    return service.decide(call.session, dispute_id=call.dispute_id, ruling=call.given.ruling, actor=call.actor,
                          now=call.now)


DOINGS: Mapping[str, Callable[[Call], object]] = {
    "answer": _answer,
    "write": _write,
    "note": _with_text(service.write_note),
    "offer": _offer,
    "accept_offer": _accept,
    "decline_offer": _decline,
    "confirm_performance": _bare(settlement.confirm_performance),
    "report_broken": _with_reason(settlement.report_broken),
    "escalate": _bare(service.escalate),
    "withdraw": _bare(service.withdraw),
    "reopen": _with_reason(service.reopen),
    "take": _bare(service.take_case),
    "assign": _assign,
    "declare_conflict": _bare(service.declare_conflict),
    "ask_evidence": _ask,
    "give_evidence": _with_text(service.give_evidence),
    "decide": _decide,
    "appeal": _with_text(service.appeal),
}


def perform(session: Session, action: str, *, dispute_id: int, given: Given, actor: Actor, now: datetime) -> bool:
    """Do it; False: it was done before. Does not commit.

    Raises KeyError for an unknown action, DisputeMissing, IllegalAction, DisputeInputError, FileError.
    """
    return DOINGS[action](Call(session, dispute_id, actor, now, given)) is not False


@dataclass(frozen=True)
class Scene:
    """What decides, beside the table, which actions a page offers."""

    state: str
    role: str
    holder: str
    offer: DisputeOffer | None
    now: datetime
    escalation_from_at: datetime | None = None
    perform_due_at: datetime | None = None
    appeal_until_at: datetime | None = None
    appeals_left: bool = True
    in_charge: bool = True


def list_offered(scene: Scene) -> list[str]:
    """The actions a page offers now: those of the table that would not be refused for another reason."""
    return [name for name in list_allowed(scene.state, scene.role) if _is_useful(name, scene)]


def _may_answer_offer(scene: Scene) -> bool:
    return scene.offer is not None and scene.offer.made_by != scene.role and scene.offer.expires_at >= scene.now


def _may_escalate(scene: Scene) -> bool:
    waits = scene.role == "buyer" and scene.escalation_from_at is not None
    return not waits or (scene.escalation_from_at or scene.now) <= scene.now


def _may_appeal(scene: Scene) -> bool:
    return scene.appeal_until_at is not None and scene.appeal_until_at >= scene.now and scene.appeals_left


_USEFUL: Mapping[str, Callable[[Scene], bool]] = {
    "accept_offer": _may_answer_offer,
    "decline_offer": _may_answer_offer,
    "escalate": _may_escalate,
    "report_broken": lambda scene: scene.perform_due_at is None or scene.perform_due_at < scene.now,
    "appeal": _may_appeal,
    "give_evidence": lambda scene: scene.holder == scene.role,
}


def _is_useful(name: str, scene: Scene) -> bool:
    if scene.role == "mediator" and not scene.in_charge and name != "note":
        return False
    return name not in _USEFUL or _USEFUL[name](scene)
