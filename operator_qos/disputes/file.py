"""The file of one case: what happened to it and its order, with texts as far as they are kept."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.disputes.acting import SIDES
from operator_qos.disputes.models import Dispute, DisputeAttachment, DisputeMessage
from operator_qos.disputes.rules import Course, Turn, find_mediation_start
from operator_qos.disputes.thread import Address, may_read, read_address, show_text
from operator_qos.events.models import Event, EventBody
from operator_qos.ledger.models import (
    CaseFact,
    CaseSpan,
    DefectFact,
    Obligation,
    OrderFact,
    OutcomeRow,
    Scorecard,
)
from operator_qos.ledger.service import build_frames
from operator_qos.standards.binding import get_bound, get_shipped_standard
from operator_qos.standing.models import ShopStanding
from scoring.calendars import WorkingCalendar
from scoring.events import RANKS, TYPES
from scoring.metrics import GROUP_CODES, METRICS
from scoring.spans import FOREVER_MS
from scoring.terms import read_terms

_CASE_DEFECTS = frozenset({"case", "case_lost", "chargeback"})


@dataclass(frozen=True)
class FileEvent:
    """One event; `text` is its free text, empty where it had none or it is no longer kept."""

    at_ms: int
    type: str
    subject: str
    data: Mapping[str, Any]
    text: str
    identity: tuple[str, str]
    is_text_gone: bool = False


@dataclass(frozen=True)
class File:
    """A file that came with a message."""

    id: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class Message:
    """A message of the case, numbered from 1."""

    number: int
    party: str
    at_ms: int
    to: tuple[str, ...]
    text: str
    is_text_gone: bool
    silence_ms: int | None  # how long nobody had written before, where that was long
    is_note: bool = False
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class CaseFile:
    """What a case page shows of the log and the facts. `used_seconds`: opening hours the seller used."""

    turns: Sequence[Turn] = ()
    events: Sequence[FileEvent] = ()
    messages: Sequence[Message] = ()
    obligations: Sequence[Obligation] = ()
    order: OrderFact | None = None
    used_seconds: int = 0
    open_hours: Sequence[tuple[int, int]] = ()  # the shop's, from the first turn to now [epoch ms]
    numbers: Mapping[tuple[str, str], int] = field(default_factory=dict)  # message -> its number


@dataclass(frozen=True)
class Effect:
    """What a decision does to the seller's record: `if_counts` or `if_not` defective orders of `base`."""

    base: int
    if_counts: int
    if_not: int
    other_causes: tuple[str, ...]


DAY_MS = 86_400_000
SILENT_MS = 2 * DAY_MS
MOST_SHADED_MS = 60 * DAY_MS
_PARTIES = {"buyer": "buyer", "seller": "seller", "operator": "mediator", "system": "operator"}


def _text(body: str | None) -> str:
    if body is None:
        return ""
    data = json.loads(body).get("data") or {}
    return str(data.get("body") or data.get("grounds") or "").strip()


def _is_of(dispute: Dispute, kind: str, subject: str, data: Mapping[str, Any]) -> bool:
    """Whether an event of the dossier speaks of this case, or of its order."""
    case, order = dispute.case_ref, dispute.order_ref
    family = kind.partition(".")[0]
    if family == "case":
        return subject == case
    if family == "message":
        named = data.get("case")
        return (
            named == case if named else subject == case or (order is not None and data.get("order") == order)
        )
    return (
        order is not None
        and order in {subject, data.get("order")}
        and family in {"order", "tracking", "return"}
    )


def _list_events(session: Session, dispute: Dispute, dossier: int) -> list[FileEvent]:
    query = (
        select(Event, EventBody.body)
        .outerjoin(EventBody, EventBody.seq == Event.seq)
        .where(Event.dossier_id == dossier)
        .order_by(Event.at_ms, Event.type_rank, Event.seq)
    )
    rows = session.execute(query).all()
    gone = {
        (event.data["source"], event.data["id"])
        for event, _ in rows
        if event.type_rank == RANKS["event.retracted"]
    }
    return [
        FileEvent(
            event.at_ms,
            TYPES[event.type_rank],
            event.subject,
            event.data,
            _text(body),
            (event.source, event.event_id),
            body is None,
        )
        for event, body in rows
        if (event.source, event.event_id) not in gone
        and _is_of(dispute, TYPES[event.type_rank], event.subject, event.data)
    ]


@dataclass(frozen=True)
class _Own:
    """What was written here: rows by the event they became, notes beside the log, files by row."""

    rows: Mapping[str, DisputeMessage]
    notes: Sequence[DisputeMessage]
    files: Mapping[int, Sequence[File]]


def _read_own(session: Session, dispute_id: int) -> _Own:
    rows = session.scalars(select(DisputeMessage).where(DisputeMessage.dispute_id == dispute_id)).all()
    files: dict[int, list[File]] = defaultdict(list)
    query = select(DisputeAttachment).where(DisputeAttachment.dispute_id == dispute_id)
    for row in session.scalars(query.order_by(DisputeAttachment.id)):
        files[row.message_id].append(File(row.id, row.name, row.media_type, row.size))
    by_event = {row.event_id: row for row in rows if row.event_id is not None}
    return _Own(by_event, [row for row in rows if row.event_id is None], files)


@dataclass(frozen=True)
class _Written:
    """A message of the log or a note, before it is numbered; `event` None: a note."""

    at_ms: int
    address: Address
    party: str
    text: str
    is_text_gone: bool
    files: Sequence[File]
    event: FileEvent | None


def _list_written(events: Sequence[FileEvent], own: _Own) -> list[_Written]:
    found = []
    for event in events:
        if event.type != "message.sent":
            continue
        author = str(event.data.get("author"))
        row = own.rows.get(event.identity[1])
        files = own.files.get(row.id, ()) if row is not None else ()
        address = read_address(author, event.data.get("to"))
        party = _PARTIES.get(author, "operator")
        found.append(_Written(event.at_ms, address, party, event.text, event.is_text_gone, files, event))
    for row in own.notes:
        address = Address(row.side, frozenset(), is_note=True)
        party = "mediator" if row.side == "staff" else row.side
        found.append(_Written(to_ms(row.at), address, party, row.body, False, own.files.get(row.id, ()), None))
    return sorted(found, key=lambda written: written.at_ms)


def _list_messages(written: Sequence[_Written], side: str, masks: bool) -> list[tuple[_Written, Message]]:
    """What a side reads, numbered as it reads it."""
    found: list[tuple[_Written, Message]] = []
    for item in written:
        if not may_read(item.address, side):
            continue
        before = found[-1][1].at_ms if found else item.at_ms
        silent = item.at_ms - before
        message = Message(
            number=len(found) + 1, party=item.party, at_ms=item.at_ms, to=_name_recipients(item),
            text=show_text(item.text, item.address, reader=side, masks=masks), is_text_gone=item.is_text_gone,
            silence_ms=silent if silent > SILENT_MS else None, is_note=item.address.is_note, files=tuple(item.files),
        )
        found.append((item, message))
    return found


def _name_recipients(item: _Written) -> tuple[str, ...]:
    return tuple(item.event.data.get("to") or ()) if item.event is not None else ()


@dataclass(frozen=True)
class Kept:
    """A file as it is sent: its name, type and where it lies."""

    name: str
    media_type: str
    stored_as: str


def find_file(session: Session, dispute: Dispute, file_id: int, *, side: str) -> Kept | None:
    """A file of the dispute if that side may read the message it came with."""
    query = select(DisputeAttachment, DisputeMessage).join(
        DisputeMessage, DisputeMessage.id == DisputeAttachment.message_id
    )
    found = session.execute(query.where(
        DisputeAttachment.id == file_id, DisputeAttachment.dispute_id == dispute.id)).one_or_none()
    if found is None:
        return None
    file, message = found
    address = Address(message.side, frozenset(message.recipients), is_note=not message.recipients)
    return Kept(file.name, file.media_type, file.stored_as) if may_read(address, side) else None


def read_file(session: Session, dispute: Dispute, *, reader: str, now_ms: int, masks: bool = False) -> CaseFile:
    """The file as `reader` (a role) may see it; empty once the facts are gone. `masks`: contact data is kept back."""
    fact = session.scalar(
        select(CaseFact).where(CaseFact.shop_id == dispute.shop_id, CaseFact.case_ref == dispute.case_ref)
    )
    if fact is None:
        return CaseFile()
    events = _list_events(session, dispute, fact.dossier_id)
    written = _list_written(events, _read_own(session, dispute.id))
    messages = _list_messages(written, SIDES[reader], masks)
    numbers = {item.event.identity: message.number for item, message in messages if item.event is not None}
    turns = _list_turns(session, fact)
    order = session.scalar(
        select(OrderFact).where(
            OrderFact.dossier_id == fact.dossier_id, OrderFact.order_ref == fact.order_ref
        )
    )
    calendar = _find_calendar(session, fact)
    return CaseFile(
        turns=turns,
        events=[event for event in events if event.type != "message.sent" or event.identity in numbers],
        messages=[message for _, message in messages],
        numbers=numbers,
        obligations=_list_obligations(session, fact),
        order=order,
        used_seconds=_count_used(turns, fact, calendar, now_ms),
        open_hours=_list_open_hours(calendar, events, now_ms),
    )


def _list_turns(session: Session, fact: CaseFact) -> list[Turn]:
    query = select(CaseSpan).where(CaseSpan.dossier_id == fact.dossier_id, CaseSpan.case_ref == fact.case_ref)
    spans = session.scalars(query.order_by(CaseSpan.from_ms, CaseSpan.row_id))
    return [Turn(span.holder, span.from_ms, span.until_ms) for span in spans]


def _find_calendar(session: Session, fact: CaseFact) -> WorkingCalendar:
    """The shop's clock as known now, on which its promises in this case run."""
    return build_frames(session, [fact.shop_id])[fact.shop_id].book.at(FOREVER_MS, fact.opened_ms)


def _count_used(turns: Sequence[Turn], fact: CaseFact, calendar: WorkingCalendar, now_ms: int) -> int:
    """Opening hours during which the seller held the case before it went to mediation [s]."""
    mediation_ms = find_mediation_start(Course(turns, reopened_ms=fact.reopened_ms))
    end_ms = now_ms if mediation_ms is None else min(mediation_ms, now_ms)
    mine = [turn for turn in turns if turn.holder == "seller" and turn.from_ms < end_ms]
    return (
        sum(calendar.elapsed_ms(turn.from_ms, min(turn.until_ms or end_ms, end_ms)) for turn in mine) // 1000
    )


def _list_open_hours(
    calendar: WorkingCalendar, events: Sequence[FileEvent], now_ms: int
) -> list[tuple[int, int]]:
    """Opening hours of the days drawn; none where there are too many days to tell them apart."""
    first = min((event.at_ms for event in events), default=now_ms)
    if now_ms - first > MOST_SHADED_MS:
        return []
    frames = calendar.frames(first - DAY_MS, now_ms + 7 * DAY_MS)
    return [(int(since), int(until)) for since, until in zip(frames.from_at, frames.to_at, strict=True)]


def _list_obligations(session: Session, fact: CaseFact) -> list[Obligation]:
    query = select(Obligation).where(
        Obligation.dossier_id == fact.dossier_id,
        (Obligation.ref == fact.case_ref) | (Obligation.order_ref == fact.order_ref),
    )
    return list(session.scalars(query.order_by(Obligation.since_ms, Obligation.row_id)))


def find_effect(session: Session, dispute: Dispute, *, now_ms: int) -> Effect | None:
    """What the decision changes in the shop's defective orders; None when the order is in no window now."""
    metric = METRICS["order_defect_rate"]
    score = session.get(Scorecard, (dispute.shop_id, metric.code))
    # By the order's dossier: a shop's own rows are its whole history.
    dossiers = select(OrderFact.dossier_id).where(
        OrderFact.shop_id == dispute.shop_id, OrderFact.order_ref == dispute.order_ref)
    outcome = session.scalar(
        select(OutcomeRow).where(
            OutcomeRow.dossier_id.in_(dossiers),
            OutcomeRow.shop_id + 0 == dispute.shop_id,
            OutcomeRow.group_code == GROUP_CODES["placed"],
            OutcomeRow.unit == dispute.order_ref,
            OutcomeRow.from_ms < now_ms,
            OutcomeRow.until_ms >= now_ms,
        )
    )
    if score is None or outcome is None or outcome.anchor_ms < score.window_start_ms:
        return None
    others = _list_other_causes(session, dispute)
    counts_now = bool(outcome.official_bad & metric.flag)
    with_it = score.bad if counts_now else score.bad + 1
    without = score.bad - 1 if counts_now and not others else score.bad
    return Effect(score.base, with_it, without, others)


def _list_other_causes(session: Session, dispute: Dispute) -> tuple[str, ...]:
    standard = get_bound(session, dispute.shop_id, now=dispute.opened_at)
    counted = read_terms(standard, from_ms=0, otherwise=get_shipped_standard()).defect_kinds - _CASE_DEFECTS
    query = select(DefectFact.kind).where(
        DefectFact.shop_id == dispute.shop_id,
        DefectFact.order_ref == dispute.order_ref,
        DefectFact.until_ms.is_(None),
    )
    return tuple(sorted(kind for kind in session.scalars(query.distinct()) if kind in counted))


def count_buyer_orders(session: Session, order: OrderFact | None) -> int | None:
    """How many orders this buyer placed at the shop, None when nobody told us who bought."""
    if order is None or order.buyer is None:
        return None
    query = select(func.count()).where(OrderFact.shop_id == order.shop_id, OrderFact.buyer == order.buyer)
    return session.scalar(query)


def find_level(session: Session, shop_id: int) -> str | None:
    """The shop's official level, None before its first run."""
    return session.scalar(select(ShopStanding.level).where(ShopStanding.shop_id == shop_id))
