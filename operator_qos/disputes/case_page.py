"""What a case page shows: the file, its drawing and list, similar decisions, what a decision changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from operator_qos import formats
from operator_qos.clock import from_ms, to_ms
from operator_qos.disputes import queries
from operator_qos.disputes.desk import Scene, list_offered
from operator_qos.disputes.dues import find_deadline
from operator_qos.disputes.file import (
    CaseFile,
    Effect,
    FileEvent,
    count_buyer_orders,
    find_effect,
    find_level,
    read_file,
)
from operator_qos.disputes.models import Dispute, DisputeOffer, DisputeStep
from operator_qos.disputes.policies import KindPolicy, Policy
from operator_qos.disputes.policy_book import find_policy
from operator_qos.disputes.queries import DisputeRow, Similar
from operator_qos.disputes.rules import OPEN_STATES, Turn, list_allowed
from operator_qos.disputes.timeline import Drawing, Moment, Said, Story, draw
from operator_qos.i18n import gettext as _
from operator_qos.standards.binding import get_bound, get_shipped_standard
from operator_qos.words import event_name, milestone_name, party_name, reason_name, remedy_name
from scoring.standards import Standard
from scoring.terms import read_terms

SIMILAR_DAYS = 365
ENOUGH = 5  # fewer like cases say nothing about what is usual
ORDER_REACH_MS = 45 * 86_400_000


@dataclass(frozen=True)
class Entry:
    """One line of the story as a list; `turn`: who holds the case from then on, empty where that stays."""

    at_ms: int
    title: str
    detail: str
    turn: str


@dataclass(frozen=True)
class Precedent:
    """The outcome most similar cases had: `count` of `total`, which are those `among` named."""

    count: int
    total: int
    fault: str
    remedy: str
    counts: bool
    among: str  # both, category, amount, or all


@dataclass(frozen=True)
class CasePage:
    row: DisputeRow
    zone: str
    file: CaseFile
    drawing: Drawing | None
    entries: Sequence[Entry]
    similar: Sequence[Similar]
    precedent: Precedent | None
    effect: Effect | None
    steps: Sequence[DisputeStep]
    allowed: Sequence[str]
    limit_seconds: int
    standard: Standard  # in force on the day of the order
    level: str | None
    buyer_orders: int | None
    grounds: str  # of the last decision, as far as they are kept
    policy: Policy
    kind: KindPolicy
    offers: Sequence[DisputeOffer]
    offer: DisputeOffer | None  # the one that waits for an answer
    offered: Sequence[str]  # actions that would not be refused now
    deadline: datetime | None  # of whoever has to act


@dataclass(frozen=True)
class Reader:
    """For whom the page is made."""

    role: str
    language: str
    zone: str
    in_charge: bool = True  # a mediator: the case is theirs, or free to take without a conflict


def build_case_page(session: Session, row: DisputeRow, *, reader: Reader, now: datetime) -> CasePage:
    """Everything about one dispute as the reader may see it."""
    policy = find_policy(
        session, marketplace_id=row.place.marketplace_id, opened_at=row.dispute.opened_at, zone=row.place.zone)
    kind = policy.of(row.dispute.problem)
    file = read_file(session, row.dispute, reader=reader.role, now_ms=to_ms(now), masks=policy.masks_contacts)
    offer = queries.find_open_offer(session, row.dispute.id)
    similar = queries.list_similar(session, row.dispute, since=now - timedelta(days=SIMILAR_DAYS))
    return CasePage(
        row=row,
        zone=reader.zone,
        file=file,
        drawing=_draw(row.dispute, file, reader, now),
        entries=_list_entries(row.dispute, file, reader),
        similar=similar,
        precedent=find_precedent(similar),
        effect=find_effect(session, row.dispute, now_ms=to_ms(now)),
        steps=queries.list_steps(session, row.dispute.id),
        allowed=list_allowed(row.dispute.state, reader.role),
        limit_seconds=_limit_seconds(get_bound(session, row.dispute.shop_id, now=row.dispute.opened_at)),
        standard=get_bound(session, row.dispute.shop_id, now=_find_order_day(row.dispute, file)),
        level=find_level(session, row.dispute.shop_id),
        buyer_orders=count_buyer_orders(session, file.order),
        grounds=row.dispute.grounds or _find_grounds(file),
        policy=policy,
        kind=kind,
        offers=queries.list_offers(session, row.dispute.id),
        offer=offer,
        offered=list_offered(_set_scene(row.dispute, offer, kind, reader, now)),
        deadline=find_deadline(row.dispute),
    )


def _set_scene(
    dispute: Dispute, offer: DisputeOffer | None, kind: KindPolicy, reader: Reader, now: datetime
) -> Scene:
    return Scene(
        state=dispute.state, role=reader.role, holder=dispute.holder, offer=offer, now=now,
        escalation_from_at=dispute.escalation_from_at, perform_due_at=dispute.perform_due_at,
        appeal_until_at=dispute.appeal_until_at, appeals_left=(dispute.appeals or 0) < kind.max_appeals,
        in_charge=reader.in_charge,
    )


def _find_grounds(file: CaseFile) -> str:
    given = [event.text for event in file.events if event.type == "case.decided" and event.text]
    return given[-1] if given else ""


def _find_order_day(dispute: Dispute, file: CaseFile) -> datetime:
    """The moment of the order, of the dispute where nobody told."""
    placed = file.order.ordered_ms if file.order is not None else None
    return dispute.opened_at if placed is None else from_ms(placed)


def _limit_seconds(standard: Standard) -> int:
    return read_terms(standard, from_ms=0, otherwise=get_shipped_standard()).resolve_ms // 1000


def find_precedent(similar: Sequence[Similar]) -> Precedent | None:
    """What most of the nearest group with enough cases ended with; None without any case."""
    groups = {
        "both": [s for s in similar if s.same_category and s.near_amount],
        "category": [s for s in similar if s.same_category], "amount": [s for s in similar if s.near_amount],
    }
    among = next((name for name, group in groups.items() if len(group) >= ENOUGH), "all")
    group = groups.get(among, similar)
    outcomes = Counter(
        (s.dispute.fault or "nobody", s.dispute.remedy or "none", bool(s.dispute.counts)) for s in group
    )
    if not outcomes:
        return None
    (fault, remedy, counts), count = outcomes.most_common(1)[0]
    return Precedent(count, len(group), fault, remedy, counts and fault == "seller", among)


def _draw(dispute: Dispute, file: CaseFile, reader: Reader, now: datetime) -> Drawing | None:
    if not file.turns:
        return None
    since = file.turns[0].from_ms - ORDER_REACH_MS
    moments = [m for event in file.events if (m := _find_moment(dispute, event, reader)) and m.at_ms >= since]
    order = file.order
    return draw(
        Story(
            turns=[*(turn for turn in _order_turns(file) if turn.from_ms >= since), *file.turns],
            said=[Said(m.number, m.party, m.at_ms) for m in file.messages if m.at_ms >= since],
            moments=moments,
            promised_ms=order.deliver_due_ms if order is not None else None,
            due_ms=_find_due_ms(dispute),
            now_ms=to_ms(now),
            ended=dispute.state not in OPEN_STATES,
            open_hours=file.open_hours,
        ),
        zone=reader.zone,
    )


def _find_due_ms(dispute: Dispute) -> int | None:
    due = (
        dispute.decision_due_at
        if dispute.holder != "seller"
        else dispute.decision_due_at or dispute.seller_due_at
    )
    return None if due is None else to_ms(due)


def _order_turns(file: CaseFile) -> list[Turn]:
    """Before the case: the seller's turn until shipping, then the carrier's until it arrived."""
    order, opened = file.order, file.turns[0].from_ms
    if order is None or order.ordered_ms is None:
        return []
    shipped = min(order.shipped_ms or opened, opened)
    found = [Turn("seller", order.ordered_ms, shipped)]
    if order.shipped_ms is not None and shipped < opened:
        found.append(Turn("carrier", shipped, min(order.arrived_ms or order.delivered_ms or opened, opened)))
    return [turn for turn in found if turn.until_ms is not None and turn.until_ms > turn.from_ms]


_SHAPES = {
    "order.placed": ("order", "square"),
    "order.cancelled": ("order", "square"),
    "order.refused": ("order", "square"),
    "order.refunded": ("order", "diamond"),
    "case.opened": ("order", "square"),
    "case.resolved": ("order", "diamond"),
    "case.reopened": ("order", "square"),
    "case.decided": ("order", "diamond"),
    "case.withdrawn": ("order", "diamond"),
    "order.shipped": ("parcel", "dot"),
    "tracking.scanned": ("parcel", "dot"),
    "order.delivered": ("parcel", "square"),
}


def _find_moment(dispute: Dispute, event: FileEvent, reader: Reader) -> Moment | None:
    if event.type not in _SHAPES:
        return None
    lane, shape = _SHAPES[event.type]
    label = ""
    if event.type != "tracking.scanned":
        label = str(event_name(event.type)).lower()
    if event.type == "case.opened":
        label = str(reason_name(dispute.reason) or event_name(event.type)).lower()
    return Moment(lane, event.at_ms, shape, label)


def _list_entries(dispute: Dispute, file: CaseFile, reader: Reader) -> list[Entry]:
    turns = {turn.from_ms: turn.holder for turn in file.turns}
    entries = []
    for place, event in enumerate(file.events):
        last_of_moment = place + 1 == len(file.events) or file.events[place + 1].at_ms != event.at_ms
        turn = turns.get(event.at_ms, "") if last_of_moment else ""
        entries.append(Entry(event.at_ms, _title(event, file), _detail(dispute, event, reader), turn))
    return entries


def _title(event: FileEvent, file: CaseFile) -> str:
    if event.type != "message.sent":
        return str(event_name(event.type))
    number = file.numbers.get(event.identity, 0)
    party = file.messages[number - 1].party if number else "operator"
    return str(_("%(party)s writes (%(number)s)", party=party_name(party), number=number))


def _detail(dispute: Dispute, event: FileEvent, reader: Reader) -> str:
    data = event.data
    parts: list[object] = [
        data.get("carrier", ""),
        milestone_name(data.get("milestone")),
        reason_name(data.get("reason")),
        party_name(data.get("fault")),
        remedy_name(data.get("remedy")) if event.type != "case.opened" else "",
        party_name(data.get("to")) if event.type == "case.evidence_asked" else "",
        party_name(data.get("by"))
        if event.type in {"case.escalated", "case.closed", "order.cancelled"}
        else "",
    ]
    if data.get("amount_minor") and event.type != "case.decided":
        parts.append(formats.format_money(data["amount_minor"], dispute.currency, reader.language))
    return ", ".join(str(part) for part in parts if part)
