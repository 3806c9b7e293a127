"""Setting a shop's hours and times out of office: through the log, as every fact; with what it would change first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from operator_qos.accounts.actors import Actor
from operator_qos.audit.service import append_audit
from operator_qos.calendars.queries import ON_HOURS, ClosureSet, list_running_dossiers, read_hours_of
from operator_qos.calendars.rules import Absence, Hours, HoursError, require_absence, require_effect
from operator_qos.clock import from_ms, to_ms
from operator_qos.events.log import find_content_hashes, hash_text, list_dossier_events, list_shop_events
from operator_qos.events.service import ingest_events
from operator_qos.ledger.derive import build_book
from operator_qos.ledger.service import build_frames
from operator_qos.notices.service import announce
from operator_qos.sellers.queries import ShopCard
from scoring.dossier import Frame, fold
from scoring.dues import NEVER_MS
from scoring.events import TypedEvent, iso, read_event
from scoring.obligations import ObligationRow, list_obligations

SOURCE = "/operator-qos/calendars"
Document = dict[str, Any]


class NotRecordedError(RuntimeError):
    """The log would not take the event; the text carries its field and reason."""


@dataclass(frozen=True)
class Change:
    """Who changes a shop's hours, when and why; `token` marks one filled form, so that a double click is one change."""

    actor: Actor
    now: datetime
    token: str
    why: str = ""

    @property
    def by(self) -> str:
        """The party, as events name it."""
        return "operator" if self.actor.is_operator else "seller"


@dataclass(frozen=True)
class MovedPromise:
    """An open promise whose due time another calendar moves; None: its clock would never come to it."""

    kind: str
    ref: str
    order_ref: str | None
    conversation: str | None
    before_ms: int | None
    after_ms: int | None


@dataclass(frozen=True)
class Effect:
    """What a change does to the promises now open: those it moves, the first due first, and how many there are."""

    moved: tuple[MovedPromise, ...]
    open_count: int

    @property
    def earlier(self) -> int:
        """How many would be due earlier."""
        return sum((one.after_ms or NEVER_MS) < (one.before_ms or NEVER_MS) for one in self.moved)

    @property
    def later(self) -> int:
        """How many would be due later."""
        return len(self.moved) - self.earlier


def write_hours(session: Session, card: ShopCard, hours: Hours, change: Change) -> Document:
    """The event that sets the hours. Raises HoursError where the person may not set them from that day on."""
    known = read_hours_of(session, card.id, now=change.now)
    require_effect(hours, today=known.today, is_operator=change.actor.is_operator, why=change.why)
    return _write(card, "shop.calendar_set", hours.to_data(change.by), change)


def write_absence(card: ShopCard, absence: Absence, change: Change) -> Document:
    """The event that closes the shop for a time. Raises HoursError."""
    require_absence(absence, now=change.now, is_operator=change.actor.is_operator, why=change.why)
    data = {"from": iso(to_ms(absence.start_at)), "until": iso(to_ms(absence.end_at)), "by": change.by}
    return _write(card, "shop.closed_for", data, change)


def end_absence(session: Session, card: ShopCard, *, source: str, event_id: str, change: Change) -> bool:
    """Take a time out of office back, or end it now where it has begun: what was closed stays closed.

    False: it is over or taken back already. Does not commit. Raises NotRecordedError.
    """
    known = read_hours_of(session, card.id, now=change.now)
    found = next((one for one in known.closures if (one.source, one.event_id) == (source, event_id)), None)
    if found is None:
        return False
    return record(session, card, _write_end(card, found, change), change)


def record(session: Session, card: ShopCard, documents: Sequence[Document], change: Change) -> bool:
    """Take the events in, with their row in the audit trail; False: this form was sent before. Does not commit.

    Raises NotRecordedError naming field and reason.
    """
    if find_content_hashes(session, [(SOURCE, str(documents[0]["id"]))]):
        return False
    receipts = ingest_events(session, documents, now=change.now, origin="calendars")
    refused = next((receipt for receipt in receipts if receipt.status == "quarantined"), None)
    if refused is not None:
        raise NotRecordedError(f"{refused.id}: {refused.field}: {refused.reason}")
    if any(receipt.status != "accepted" for receipt in receipts):
        return False
    for document in documents:
        append_audit(session, actor=change.actor.email, now=change.now, why=change.why,
                     action=str(document["type"]).removeprefix("qos."),
                     subject=f"{card.marketplace_id}/{card.code}"[:254],
                     after={"event": document["id"], **document["data"]})
    if change.actor.is_operator:
        _tell_company(session, card, documents[0], change)
    return True


def _tell_company(session: Session, card: ShopCard, document: Document, change: Change) -> None:
    """What the operator changes in a shop's place is told to its company."""
    data, kind = document["data"], str(document["type"]).removeprefix("qos.")
    zone = read_hours_of(session, card.id, now=change.now).zone
    local = {name: datetime.fromisoformat(data[name]).astimezone(ZoneInfo(zone)).isoformat()
             for name in ("from", "until") if name in data}
    told = {"kind": kind, "shop": card.name, "marketplace": card.marketplace, "why": change.why,
            "first_day": data.get("effective_from"), **local}
    announce(session, key=f"calendar:{document['id']}", seller_id=card.seller_id, shop_id=card.id,
             topic="calendar_changed", data=told, link=f"/seller/calendar/{quote(card.marketplace_id, safe='')}/"
             f"{quote(card.code, safe='')}", now=change.now)


def find_effect(session: Session, card: ShopCard, documents: Sequence[Document], *, now: datetime) -> Effect:
    """What the events would do to the promises now open, worked out as the ledger would. Writes nothing."""
    added = [read_event(document, now_ms=to_ms(now)) for document in documents]
    frame = build_frames(session, [card.id])[card.id]
    events = list_shop_events(session, [card.id])[card.id]
    after = replace(frame, book=build_book([*events, *added], frame.book.zone))
    dossiers = list_dossier_events(session, list_running_dossiers(session, card.id))
    moved: list[MovedPromise] = []
    open_count = 0
    for _shop_id, told in dossiers.values():
        found = list(_compare(told, frame, after))
        open_count += len(found)
        moved += [one for one in found if one.before_ms != one.after_ms]
    return Effect(tuple(sorted(moved, key=lambda one: (one.before_ms or NEVER_MS, one.ref))), open_count)


def _compare(told: Sequence[TypedEvent], before: Frame, after: Frame) -> Iterator[MovedPromise]:
    """Every open promise of a dossier that runs by the hours, under both calendars."""
    then = {(row.kind, row.ref): row for row in _list_open(told, after)}
    for row in _list_open(told, before):
        again = then[(row.kind, row.ref)]
        yield MovedPromise(row.kind, row.ref, row.order, row.conversation, _or_never(row.due_ms),
                           _or_never(again.due_ms))


def _list_open(told: Sequence[TypedEvent], frame: Frame) -> list[ObligationRow]:
    rows = list_obligations(fold(told, frame))
    return [row for row in rows if row.kind in ON_HOURS and row.settled_ms is None and row.void_ms is None]


def _or_never(due_ms: int) -> int | None:
    return None if due_ms >= NEVER_MS else due_ms


def _write(card: ShopCard, kind: str, data: Mapping[str, Any], change: Change, *, part: str = "",
           at: datetime | None = None) -> Document:
    name = hash_text(f"{card.marketplace_id}\n{card.code}")
    return {
        "specversion": "1.0", "source": SOURCE, "id": f"{kind}:{name}:{change.token}{part}", "type": f"qos.{kind}",
        "time": iso(to_ms(at or change.now)), "subject": card.code, "marketplace": card.marketplace_id,
        "shop": card.code, "data": dict(data),
    }


def _write_end(card: ShopCard, closure: ClosureSet, change: Change) -> list[Document]:
    """Taken back; where it has begun, closed again up to now, so that no promise begun meanwhile falls due earlier."""
    # What is taken back comes before what takes it back, also within one second.
    at = max(change.now, from_ms(closure.set_at_ms) + timedelta(seconds=1))
    named = {"source": closure.source, "id": closure.event_id}
    documents = [_write(card, "event.retracted", named, change, at=at)]
    if closure.from_ms < to_ms(change.now):
        data = {"from": iso(closure.from_ms), "until": iso(to_ms(change.now)), "by": change.by}
        documents.append(_write(card, "shop.closed_for", data, change, part=":end", at=at))
    return documents


__all__ = [
    "Change", "Effect", "HoursError", "MovedPromise", "NotRecordedError", "end_absence", "find_effect", "record",
    "write_absence", "write_hours",
]
