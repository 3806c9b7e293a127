"""Asking for something to be forgiven, deciding it, appealing, and ending what was forgiven."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import from_ms, to_ms
from operator_qos.db import lock_shops
from operator_qos.events.service import ingest_events
from operator_qos.exclusions import queries
from operator_qos.exclusions.models import ExclusionFile, ExclusionItem, ExclusionRequest, ExclusionRound
from operator_qos.exclusions.queries import RequestFile, Thing
from operator_qos.exclusions.rules import (
    MAX_TEXT,
    MAX_THINGS,
    Cause,
    describe_thing,
    find_due,
    find_outcome,
    find_twin,
    list_heard_causes,
    may_ask,
)
from operator_qos.files import Upload
from operator_qos.notices.service import announce
from operator_qos.sellers.queries import ShopCard
from operator_qos.standards.binding import get_bound
from scoring.dossier import Name
from scoring.events import iso

SOURCE = "/operator-qos/exclusions"


class RequestRefused(ValueError):
    """Something is not done; `code` says why (see phrases)."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the request is refused: {code}")
        self.code = code


class NotRecordedError(RuntimeError):
    """The log would not take the event; the text carries its field and reason."""


@dataclass(frozen=True)
class Plea:
    """What a form asks: which things, for which cause, in which words, with which proof; `token` names the form."""

    names: Sequence[Name]
    cause: str
    body: str
    token: str
    files: Sequence[Upload] = ()


def ask(session: Session, *, shop: ShopCard, plea: Plea, actor: str, now: datetime) -> tuple[int, bool]:
    """Ask for things to be forgiven; the same form sent again changes nothing and returns False beside the id.

    Raises RequestRefused. Does not commit.
    """
    lock_shops(session, [shop.id])
    known = session.scalar(select(ExclusionRequest.id).where(
        ExclusionRequest.shop_id == shop.id, ExclusionRequest.token == plea.token))
    if known is not None:
        return known, False
    cause = _require_cause(list_heard_causes(get_bound(session, shop.id, now=now)), plea)
    things = _require_things(session, shop.id, plea.names, cause, now=now)
    row = ExclusionRequest(shop_id=shop.id, cause=cause.id, body=require_text("body", plea.body), token=plea.token,
                           asked_at=now, asked_by=actor, state="open")
    session.add(row)
    session.flush()
    session.add_all(
        ExclusionItem(request_id=row.id, shop_id=shop.id, thing=thing.text, order_ref=thing.order_ref,
                      began_at=thing.began_at, due_ms=thing.anchor_ms, scope=cause.scope, state="open")
        for thing in things)
    _open_round(session, row, 1, "", shop, actor=actor, now=now)
    _keep_files(session, row.id, 1, plea.files)
    append_audit(session, actor=actor, now=now, action="exclusion.asked", subject=f"exclusion-request:{row.id}",
                 after={"shop": shop.id, "cause": cause.id, "things": [thing.text for thing in things]},
                 why=row.body[:2_000])
    _tell(session, shop, "exclusion_asked", row, 1, {"things": len(things)}, staff=True, now=now)
    return row.id, True


def decide(
    session: Session, *, request_id: int, granted: Collection[int], why: str, actor: str, now: datetime,
) -> str:
    """Grant some things of a request, none or all, with reasons, and refuse the others; returns the outcome.

    What is granted becomes an event, so that the official numbers follow. An appeal looks again at what was refused.
    Raises RequestMissing, RequestRefused. Does not commit.
    """
    file = _lock_request(session, request_id)
    reasons = require_text("why", why)
    last = file.rounds[-1]
    if last.decided_at is not None:
        raise RequestRefused("decided")
    if last.number > 1 and file.rounds[0].decided_by == actor:
        raise RequestRefused("same_person")
    row, rows = _settle_items(session, request_id, granted)
    record(session, file.request.shop, "obligation.excluded", [item for item in rows if item.state == "granted"],
            {"cause": file.request.cause, "proof": f"Request {request_id}: {file.request.body}", "by": sign(actor)},
            mark=f"{request_id}:{last.number}", now=now)
    outcome = find_outcome(item.state for item in rows)
    _close_round(session, request_id, last.number, outcome, reasons, actor=actor, now=now)
    before, row.state = row.state, find_outcome(_list_states(session, request_id))
    append_audit(session, actor=actor, now=now, action="exclusion.decided", subject=f"exclusion-request:{request_id}",
                 before={"state": before}, after={"state": row.state, "outcome": outcome, "round": last.number},
                 why=reasons[:2_000])
    said = {"outcome": outcome, "why": reasons, "may_appeal": last.number == 1 and outcome != "granted"}
    _tell(session, file.request.shop, "exclusion_decided", row, last.number, said, staff=False, now=now)
    return outcome


def appeal(
    session: Session, *, request_id: int, body: str, actor: str, now: datetime, files: Sequence[Upload] = (),
) -> None:
    """Ask for another look, by another person, at what was refused; once. Raises RequestRefused. Does not commit."""
    file = _lock_request(session, request_id)
    if file.appeal_until is None or now > file.appeal_until:
        raise RequestRefused("appeal")
    text = require_text("body", body)
    row = session.get_one(ExclusionRequest, request_id)
    _open_round(session, row, 2, text, file.request.shop, actor=actor, now=now)
    _keep_files(session, request_id, 2, files)
    for item in session.scalars(select(ExclusionItem).where(
            ExclusionItem.request_id == request_id, ExclusionItem.state == "refused")):
        item.state = "open"
    before, row.state = row.state, "appealed"
    append_audit(session, actor=actor, now=now, action="exclusion.appealed", subject=f"exclusion-request:{request_id}",
                 before={"state": before}, after={"state": row.state}, why=text[:2_000])
    _tell(session, file.request.shop, "exclusion_appealed", row, 2, {}, staff=True, now=now)


def end_exclusions(
    session: Session, *, request_id: int, item_ids: Collection[int], why: str, actor: str, now: datetime,
) -> int:
    """Let things that were forgiven on a request count again, with a reason; returns how many. Does not commit.

    Raises RequestMissing, RequestRefused.
    """
    file = _lock_request(session, request_id)
    reasons = require_text("why", why)
    rows = session.scalars(select(ExclusionItem).where(
        ExclusionItem.request_id == request_id, ExclusionItem.id.in_(list(item_ids)))).all()
    if not rows or any(row.state != "granted" for row in rows):
        raise RequestRefused("not_granted")
    record(session, file.request.shop, "obligation.restored", rows, {"by": sign(actor)}, mark=f"{request_id}:end",
            now=now)
    for row in rows:
        row.state = "ended"
    append_audit(session, actor=actor, now=now, action="exclusion.ended", subject=f"exclusion-request:{request_id}",
                 before={"things": [row.thing for row in rows]}, why=reasons[:2_000])
    mark = min(row.id for row in rows)
    _tell(session, file.request.shop, "exclusion_ended", session.get_one(ExclusionRequest, request_id), mark,
          {"things": len(rows), "why": reasons}, staff=False, now=now)
    return len(rows)


def sign(actor: str) -> str:
    """How a person signs what sellers read: without the address behind the name."""
    return actor.partition("@")[0][:80]


def record(  # what an event says, all by name
    session: Session, shop: ShopCard, kind: str, rows: Sequence[ExclusionItem], said: Mapping[str, Any], *, mark: str,
    now: datetime,
) -> None:
    """Append an event per thing: its id follows from what was decided (`mark`), so that it happens once.

    Raises NotRecordedError. Does not commit.
    """
    at = from_ms(to_ms(now) // 1000 * 1000)  # events count to the second
    documents = [
        {
            "specversion": "1.0", "source": SOURCE, "id": f"{kind}:{shop.marketplace_id}:{shop.id}:{mark}:{row.id}",
            "type": f"qos.{kind}", "time": iso(to_ms(at)), "subject": row.order_ref or queries.name_of_row(row)[-1],
            "marketplace": shop.marketplace_id, "shop": shop.code,
            "data": {**describe_thing(queries.name_of_row(row)), "scope": row.scope, **said},
        }
        for row in rows
    ]
    receipts = ingest_events(session, documents, now=now, origin="exclusions") if documents else []
    refused = next((receipt for receipt in receipts if receipt.status in {"quarantined", "conflict"}), None)
    if refused is not None:
        raise NotRecordedError(f"{refused.id}: {refused.field}: {refused.reason}")


def require_text(field: str, text: str) -> str:
    """The text without space around it. Raises RequestRefused when it is empty or too long."""
    kept = text.strip()
    if not kept:
        raise RequestRefused(field)
    if len(kept) > MAX_TEXT:
        raise RequestRefused("long")
    return kept


def _require_cause(heard: Sequence[Cause], plea: Plea) -> Cause:
    cause = next((known for known in heard if known.id == plea.cause), None)
    if cause is None:
        raise RequestRefused("cause")
    if cause.needs_file and not plea.files:
        raise RequestRefused("proof")
    return cause


def _require_things(
    session: Session, shop_id: int, names: Sequence[Name], cause: Cause, *, now: datetime,
) -> list[Thing]:
    """The things named and their twins, each of which may be contested for the cause now. Raises RequestRefused."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        raise RequestRefused("empty")
    if len(wanted) > MAX_THINGS:
        raise RequestRefused("many")
    known = {thing.name: thing for thing in queries.list_things(
        session, shop_id, queries.find_dossiers(session, shop_id, wanted), now=now)}
    if not known.keys() >= set(wanted):
        raise RequestRefused("unknown")
    twins = [twin for name in wanted if (twin := find_twin(name)) in known and not known[twin].answer]
    things = [known[name] for name in dict.fromkeys([*wanted, *twins])]
    for thing in things:
        _require_contestable(thing, cause, now)
    return things


def _require_contestable(thing: Thing, cause: Cause, now: datetime) -> None:
    if thing.answer:
        raise RequestRefused(thing.answer)
    if thing.kind not in cause.kinds:
        raise RequestRefused("kind")
    if not may_ask(thing.began_at, now):
        raise RequestRefused("late")
    if cause.after_close and not thing.is_closed:
        raise RequestRefused("open_case")


def _lock_request(session: Session, request_id: int) -> RequestFile:
    """The request, read after its shop is locked: two people deciding at once are taken one after the other."""
    shop_id = queries.get_request(session, request_id).request.shop.id
    lock_shops(session, [shop_id])
    session.expire_all()
    return queries.get_request(session, request_id)


def _open_round(
    session: Session, row: ExclusionRequest, number: int, body: str, shop: ShopCard, *, actor: str, now: datetime,
) -> None:
    session.add(ExclusionRound(request_id=row.id, number=number, opened_at=now, opened_by=actor, body=body,
                               due_at=find_due(now, shop.timezone)))
    session.flush()


def _close_round(
    session: Session, request_id: int, number: int, outcome: str, why: str, *, actor: str, now: datetime,
) -> None:
    row = session.scalars(select(ExclusionRound).where(
        ExclusionRound.request_id == request_id, ExclusionRound.number == number)).one()
    row.decided_at, row.decided_by, row.outcome, row.why = now, actor, outcome, why
    session.flush()


def _settle_items(
    session: Session, request_id: int, granted: Collection[int]
) -> tuple[ExclusionRequest, Sequence[ExclusionItem]]:
    """The request, and the things that waited, each granted or refused from now on."""
    rows = session.scalars(select(ExclusionItem).where(
        ExclusionItem.request_id == request_id, ExclusionItem.state == "open").order_by(ExclusionItem.id)).all()
    for row in rows:
        row.state = "granted" if row.id in granted else "refused"
    session.flush()
    return session.get_one(ExclusionRequest, request_id), rows


def _list_states(session: Session, request_id: int) -> Sequence[str]:
    return session.scalars(select(ExclusionItem.state).where(ExclusionItem.request_id == request_id)).all()


def _keep_files(session: Session, request_id: int, number: int, files: Sequence[Upload]) -> None:
    session.add_all(
        ExclusionFile(request_id=request_id, round_number=number, name=file.name, media_type=file.media_type,
                      size=file.size, sha256=file.sha256, stored_as=file.stored_as)
        for file in files)
    session.flush()


def _tell(  # noqa: PLR0913  # whom, of what
    session: Session, shop: ShopCard, topic: str, row: ExclusionRequest, mark: int, data: Mapping[str, Any], *,
    staff: bool, now: datetime,
) -> None:
    link = f"/operator/requests/{row.id}" if staff else f"/seller/requests/{row.id}"
    facts = {"request": row.id, "shop": shop.name, "cause": row.cause, **data}
    announce(session, key=f"{topic}:{row.id}:{mark}", seller_id=None if staff else shop.seller_id, shop_id=shop.id,
             topic=topic, data=facts, link=link, now=now)
