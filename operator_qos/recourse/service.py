"""Appeals: filed, admitted, assigned to somebody who did not decide, decided point by point, and carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.db import lock_shops
from operator_qos.files import Upload
from operator_qos.notices.service import announce
from operator_qos.recourse import queries, rules
from operator_qos.recourse.effects import Effects, Ruling, apply_ruling
from operator_qos.recourse.models import Appeal, AppealFile, AppealStep
from operator_qos.recourse.queries import Contested
from operator_qos.recourse.rules import AppealRefused, IllegalStep, require_text
from operator_qos.sellers.queries import ShopCard
from scoring.windows import local_day

MAX_FILES = 30


@dataclass(frozen=True)
class Filing:
    """What a shop's people contest, a standing change or an act, and why."""

    shop_id: int
    grounds: str
    text: str
    change_id: int | None = None
    act_id: int | None = None
    files: Sequence[Upload] = ()


@dataclass(frozen=True)
class _Step:
    """Who does what to an appeal, in which words."""

    actor: str
    side: str
    action: str
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Upload] = ()


def file_appeal(session: Session, filing: Filing, *, actor: str, now: datetime) -> int:
    """Contest a change or an act; the operator owes an answer from now on. Returns the appeal's id.

    Raises AppealRefused: nothing to contest, too late, contested already. Does not commit.
    """
    text = require_text("text", filing.text)
    if filing.grounds not in rules.GROUNDS:
        raise AppealRefused("unknown", "grounds", "is none of " + ", ".join(rules.GROUNDS))
    lock_shops(session, [filing.shop_id])
    contested = queries.find_contested(session, filing.shop_id, change_id=filing.change_id, act_id=filing.act_id)
    if contested is None:
        raise AppealRefused("missing", "change", "is no change and no act of this shop")
    shop = queries.get_shop(session, filing.shop_id)
    _require_open(session, contested, shop, now=now)
    row = _to_row(filing, contested, shop, actor=actor, now=now)
    session.add(row)
    try:
        session.flush()
    except IntegrityError:  # somebody of the shop was faster
        raise AppealRefused("contested", "change", "is contested already") from None
    _note(session, row, _Step(actor, "seller", "file", text, {"grounds": filing.grounds}, filing.files), now=now)
    _tell_staff(session, row, shop, "filed", text, now=now)
    return row.id


def _require_open(session: Session, contested: Contested, shop: ShopCard, *, now: datetime) -> None:
    """Raises AppealRefused for what is too old, contested or was decided on appeal."""
    if local_day(round(now.timestamp() * 1000), shop.timezone) > rules.window_ends_on(contested.on):
        last = rules.window_ends_on(contested.on)
        raise AppealRefused("late", "change", f"could be contested until {last}")
    known = queries.find_appeal_of(session, change_id=contested.change_id, act_id=contested.act_id)
    if known is not None and known.state in rules.OPEN_STATES:
        raise AppealRefused("contested", "change", f"is contested already, in appeal {known.id}")
    if known is not None and known.state in rules.OUTCOMES:
        raise AppealRefused("decided", "change", f"was decided on appeal {known.id}; nobody decides it twice")


def _to_row(filing: Filing, contested: Contested, shop: ShopCard, *, actor: str, now: datetime) -> Appeal:
    admissible = rules.admissible_due_at(now, shop.timezone)
    return Appeal(
        shop_id=filing.shop_id, change_id=contested.change_id, act_id=contested.act_id, subject=contested.subject,
        contested_on=contested.on, standard_id=contested.standard_id, standard_version=contested.standard_version,
        original_by=contested.original_by, state="filed", grounds=filing.grounds, filed_by=actor, filed_at=now,
        admissible_due_at=admissible, decision_due_at=rules.decision_due_at(now, shop.timezone), due_at=admissible)


def admit(session: Session, *, appeal_id: int, actor: str, now: datetime) -> None:
    """Take an appeal up. Raises AppealMissing, IllegalStep. Does not commit."""
    row = _lock(session, appeal_id, "admit", "operator")
    row.admitted_at = now
    _move(row, "admissible")
    _note(session, row, _Step(actor, "operator", "admit"), now=now)
    _tell_seller(session, row, "admitted", "", now=now)


def refuse(session: Session, *, appeal_id: int, text: str, actor: str, now: datetime) -> None:
    """Say that an appeal is not admissible, and why. Raises AppealMissing, IllegalStep, AppealRefused."""
    said = require_text("text", text)
    row = _lock(session, appeal_id, "refuse", "operator")
    row.admitted_at = row.decided_at = now
    row.decided_by = actor
    _move(row, "inadmissible")
    _note(session, row, _Step(actor, "operator", "refuse", said), now=now)
    _tell_seller(session, row, "inadmissible", said, now=now)


def assign(session: Session, *, appeal_id: int, to: str, actor: str, now: datetime) -> None:
    """Give an appeal to somebody who did not decide what it is about, nor released it.

    Raises AppealMissing, IllegalStep, AppealRefused. Does not commit.
    """
    row = _lock(session, appeal_id, "assign", "operator")
    if to not in {person.email for person in queries.list_judges(session, row.id)}:
        raise AppealRefused("same_person", "to", f"{to} decided or released what is contested, or is no operator")
    row.assigned_to = to
    _move(row, "assigned")
    _note(session, row, _Step(actor, "operator", "assign", data={"to": to}), now=now)


def write(
    session: Session, *, appeal_id: int, text: str, side: str, actor: str, now: datetime, files: Sequence[Upload] = ()
) -> None:
    """Say something more, with proof. Raises AppealMissing, IllegalStep, AppealRefused. Does not commit."""
    said = require_text("text", text)
    row = _lock(session, appeal_id, "write", side)
    _note(session, row, _Step(actor, side, "write", said, files=files), now=now)
    if side == "seller":
        _tell_staff(session, row, queries.get_shop(session, row.shop_id), "written", said, now=now)
    else:
        _tell_seller(session, row, "written", said, now=now)


def withdraw(session: Session, *, appeal_id: int, actor: str, now: datetime) -> None:
    """Take an appeal back; it may be filed again in its time. Raises AppealMissing, IllegalStep."""
    row = _lock(session, appeal_id, "withdraw", "seller")
    row.decided_at = now
    _move(row, "withdrawn")
    _note(session, row, _Step(actor, "seller", "withdraw"), now=now)


def decide(session: Session, ruling: Ruling, *, appeal_id: int, actor: str, now: datetime) -> Effects:
    """Decide an appeal and carry the decision out in the same transaction. Does not commit.

    Only whoever it is assigned to decides. Raises AppealMissing, IllegalStep, AppealRefused.
    """
    reasons = require_text("reasons", ruling.reasons)
    row = _lock(session, appeal_id, "decide", "operator")
    if row.assigned_to != actor or not rules.may_judge(actor, original_by=row.original_by, filed_by=row.filed_by):
        raise AppealRefused("same_person", "actor", f"only {row.assigned_to} decides this appeal")
    ruling.require_whole(row.change_id, row.act_id)
    row.decided_at, row.decided_by = now, actor
    _move(row, ruling.outcome)
    session.flush()
    effects = apply_ruling(session, row, ruling, actor=actor, now=now)
    data = {"outcome": ruling.outcome, **effects.to_plain()}
    _note(session, row, _Step(actor, "operator", "decide", reasons, data), now=now)
    _tell_seller(session, row, ruling.outcome, reasons, now=now)
    return effects


def remind(session: Session, *, appeal_id: int, due_at: datetime, now: datetime) -> bool:
    """Remind the staff of a deadline once; False where another did, or it is no longer owed. Does not commit."""
    claimed = session.execute(update(Appeal).where(
        Appeal.id == appeal_id, Appeal.due_at == due_at, Appeal.state.in_(rules.OPEN_STATES),
        (Appeal.reminded_at.is_(None)) | (Appeal.reminded_at != due_at),
    ).values(reminded_at=due_at).returning(Appeal.id)).scalar()
    if claimed is None:
        return False
    row = session.get_one(Appeal, appeal_id)
    _note(session, row, _Step("system", "timer", "remind", data={"due_at": due_at.isoformat()}), now=now)
    _tell_staff(session, row, queries.get_shop(session, row.shop_id), "due", "", now=now)
    return True


def _lock(session: Session, appeal_id: int, action: str, side: str) -> Appeal:
    """The appeal, held until the transaction ends, its shop locked first. Raises AppealMissing, IllegalStep."""
    lock_shops(session, [queries.get_appeal(session, appeal_id).shop.id])
    row = session.get_one(Appeal, appeal_id, populate_existing=True, with_for_update=True)
    rules.check(action, row.state, side)
    return row


def _move(row: Appeal, state: str) -> None:
    row.state = state
    row.due_at = rules.find_due(state, row.admissible_due_at, row.decision_due_at)


def _note(session: Session, row: Appeal, step: _Step, *, now: datetime) -> None:
    """The step's row, its files and its audit row."""
    kept = AppealStep(appeal_id=row.id, at=now, actor=step.actor, side=step.side, action=step.action, text=step.text,
                      data=dict(step.data))
    session.add(kept)
    session.flush()
    _attach(session, row, kept, step.files)
    append_audit(
        session, actor=step.actor, now=now, action=f"appeal.{step.action}", subject=f"appeal:{row.id}",
        after={"state": row.state, "shop": row.shop_id, "contested": row.subject, **step.data},
        why=step.text[:2_000])


def _attach(session: Session, row: Appeal, step: AppealStep, files: Sequence[Upload]) -> None:
    known = session.scalar(select(func.count(AppealFile.id)).where(AppealFile.appeal_id == row.id)) or 0
    if known + len(files) > MAX_FILES:
        raise AppealRefused("many", "files", f"an appeal holds at most {MAX_FILES} files")
    session.add_all(
        AppealFile(appeal_id=row.id, step_id=step.id, name=file.name, media_type=file.media_type, size=file.size,
                   sha256=file.sha256, stored_as=file.stored_as) for file in files)
    session.flush()


def _tell_staff(session: Session, row: Appeal, shop: ShopCard, what: str, text: str, *, now: datetime) -> None:
    _tell(session, row, shop, "appeal_received", {"what": what, "text": text}, staff=True, now=now)


def _tell_seller(session: Session, row: Appeal, what: str, text: str, *, now: datetime) -> None:
    shop = queries.get_shop(session, row.shop_id)
    _tell(session, row, shop, "appeal_answered", {"what": what, "text": text}, staff=False, now=now)


def _tell(  # whom, of which appeal, what
    session: Session, row: Appeal, shop: ShopCard, topic: str, data: Mapping[str, Any], *, staff: bool, now: datetime
) -> None:
    last = session.scalar(select(func.max(AppealStep.id)).where(AppealStep.appeal_id == row.id))
    due = row.due_at.date().isoformat() if row.due_at is not None else None
    announce(
        session, key=f"appeal:{row.id}:{last}:{'staff' if staff else 'seller'}",
        seller_id=None if staff else shop.seller_id, shop_id=shop.id, topic=topic,
        data={"appeal": row.id, "shop": shop.name, "marketplace": shop.marketplace, "subject": row.subject,
              "on": row.contested_on.isoformat(), "due_on": due, **data},
        link=f"/operator/appeals/{row.id}" if staff else f"/seller/appeals/{row.id}", now=now)


__all__ = [
    "AppealRefused", "Effects", "Filing", "IllegalStep", "Ruling", "admit", "assign", "decide", "file_appeal", "refuse",
    "remind", "withdraw", "write",
]
