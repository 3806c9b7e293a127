"""Reading what counts against a shop and may be contested, requests with their clocks, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.events.models import Event, EventId
from operator_qos.exclusions.models import ExclusionFile, ExclusionItem, ExclusionRequest, ExclusionRound
from operator_qos.exclusions.rules import METRIC_KINDS, find_appeal_end, write_thing
from operator_qos.ledger.models import CaseFact, DefectFact, ExclusionFact, OrderFact, OutcomeRow, TurnFact
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from scoring.dossier import Name
from scoring.metrics import GROUP_CODES, METRICS

_GROUPS = {code: group for group, code in GROUP_CODES.items()}
# The failures of which metrics make a thing, by group and kind; those of defects are rows of their own.
_FLAGS = tuple(
    (METRICS[metric].group, kind, METRICS[metric].flag)
    for metric, kind in METRIC_KINDS.items() if kind != "defect"
)


@dataclass(frozen=True)
class Thing:
    """An obligation broken or a defect standing, and whether it may be contested.

    `anchor_ms` decides in whose window it falls [epoch ms]; `answer` is excluded, asked or empty.
    """

    name: Name
    order_ref: str | None
    began_at: datetime
    anchor_ms: int
    is_closed: bool
    answer: str

    @property
    def text(self) -> str:
        """Its name as forms and tables hold it."""
        return write_thing(self.name)

    @property
    def kind(self) -> str:
        """One of rules.KINDS."""
        return self.name[0]


@dataclass(frozen=True)
class ItemRow:
    """One thing of a request or an incident."""

    id: int
    shop_id: int
    name: Name
    order_ref: str | None
    began_at: datetime
    anchor_ms: int
    scope: str
    state: str


@dataclass(frozen=True)
class RoundRow:
    """One time a request is or was decided."""

    number: int
    opened_at: datetime
    opened_by: str
    body: str
    due_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    outcome: str | None
    why: str | None


@dataclass(frozen=True)
class FileRow:
    """A proof."""

    id: int
    round_number: int
    name: str
    media_type: str
    size: int
    stored_as: str


@dataclass(frozen=True)
class RequestRow:
    """A request on a list: `round` is the one that waits, else the last."""

    id: int
    shop: ShopCard
    cause: str
    body: str
    asked_at: datetime
    asked_by: str
    state: str
    round: RoundRow
    things: int


@dataclass(frozen=True)
class RequestFile:
    """Everything about one request."""

    request: RequestRow
    items: tuple[ItemRow, ...]
    rounds: tuple[RoundRow, ...]
    files: tuple[FileRow, ...]

    @property
    def appeal_until(self) -> datetime | None:
        """Until when a refusal may be appealed; None where it may not."""
        decided_at = self.rounds[0].decided_at
        if len(self.rounds) > 1 or decided_at is None or self.request.state not in {"refused", "partly"}:
            return None
        return find_appeal_end(decided_at)


@dataclass(frozen=True)
class RequestClock:
    """One promise to decide that the operator gave: `outcome` and `decided_at` None while it is open."""

    request_id: int
    shop_id: int
    is_appeal: bool
    asked_at: datetime
    due_at: datetime
    decided_at: datetime | None
    outcome: str | None


class RequestMissing(LookupError):
    """There is no such request."""


# What counts


def find_dossiers(session: Session, shop_id: int, names: Collection[Name]) -> set[int]:
    """The dossiers of things of a shop; things of another shop have none here."""
    orders = {name[-1] for name in names if name[0] not in {"answer", "resolve"}}
    cases = {name[1] for name in names if name[0] == "resolve"}
    turns = {(name[1], name[2]) for name in names if name[0] == "answer"}
    found: set[int] = set()
    if orders:
        found |= set(session.scalars(select(OrderFact.dossier_id).where(
            OrderFact.shop_id == shop_id, OrderFact.order_ref.in_(orders))))
    if cases:
        found |= set(session.scalars(select(CaseFact.dossier_id).where(
            CaseFact.shop_id == shop_id, CaseFact.case_ref.in_(cases))))
    if turns:
        found |= set(session.scalars(
            select(Event.dossier_id).join(EventId, EventId.seq == Event.seq).where(
                tuple_(EventId.source, EventId.event_id).in_(sorted(turns)), Event.shop_id == shop_id,
                Event.dossier_id.is_not(None))))
    return found


def list_things(session: Session, shop_id: int, dossiers: Collection[int], *, now: datetime) -> list[Thing]:
    """Everything in some dossiers that counts against the shop or would without forgiveness, the latest first."""
    if not dossiers:
        return []
    drafts = [*_list_broken(session, dossiers, to_ms(now)), *_list_defects(session, dossiers, to_ms(now))]
    answers = _list_answers(session, shop_id, dossiers, [draft.name for draft in drafts])
    open_cases = _list_open_cases(session, dossiers)
    found = [
        Thing(draft.name, draft.order_ref, from_ms(draft.from_ms), draft.anchor_ms,
              not open_cases & {draft.name[-1], draft.order_ref or ""}, answers.get(draft.name, ""))
        for draft in drafts
    ]
    return sorted(found, key=lambda thing: (-thing.anchor_ms, thing.name))


def keep_of_metric(
    things: Sequence[Thing], metric: str, *, units: Collection[str], kinds: Collection[str],
) -> list[Thing]:
    """Those behind some units of a metric; `kinds` are the defects it counts."""
    kind = METRIC_KINDS.get(metric)
    return [
        thing for thing in things
        if thing.kind == kind and unit_of(thing.name) in units and (kind != "defect" or thing.name[1] in kinds)
    ]


@dataclass(frozen=True)
class _Draft:
    name: Name
    order_ref: str | None
    anchor_ms: int
    from_ms: int


def name_of_row(row: ExclusionItem) -> Name:
    """The thing of a row."""
    return tuple(json.loads(row.thing))


def unit_of(name: Name) -> str:
    """What the ledger calls the unit of a thing: an order, a case, or source, bar, id of a question."""
    return f"{name[1]}|{name[2]}" if name[0] == "answer" else name[-1]


def _list_broken(session: Session, dossiers: Collection[int], now_ms: int) -> list[_Draft]:
    """Promises whose failure counts now, with the moment it began to."""
    rows = session.scalars(select(OutcomeRow).where(
        OutcomeRow.dossier_id.in_(dossiers), OutcomeRow.bad != 0, OutcomeRow.from_ms < now_ms)).all()
    turns = {f"{source}|{event}": (source, event) for source, event in session.execute(
        select(TurnFact.source, TurnFact.event_id).where(TurnFact.dossier_id.in_(dossiers)))}
    began: dict[Name, int] = {}
    current: dict[Name, OutcomeRow] = {}
    for row in rows:
        for group, kind, flag in _FLAGS:
            if _GROUPS[row.group_code] != group or not row.bad & flag:
                continue
            name: Name = (kind, *turns.get(row.unit, (row.unit,))) if kind == "answer" else (kind, row.unit)
            began[name] = min(row.from_ms, began.get(name, row.from_ms))
            if row.until_ms >= now_ms:
                current[name] = row
    return [_Draft(name, row.order_ref, row.anchor_ms, max(began[name], row.anchor_ms))
            for name, row in current.items()]


def _list_defects(session: Session, dossiers: Collection[int], now_ms: int) -> list[_Draft]:
    placed = select(OrderFact.order_ref, OrderFact.ordered_ms).where(
        OrderFact.dossier_id.in_(dossiers), OrderFact.ordered_ms.is_not(None))
    ordered: dict[str, int] = {row.order_ref: row.ordered_ms for row in session.execute(placed)}
    rows = session.scalars(select(DefectFact).where(
        DefectFact.dossier_id.in_(dossiers), DefectFact.from_ms < now_ms,
        or_(DefectFact.until_ms.is_(None), DefectFact.until_ms >= now_ms)))
    return [
        _Draft(("defect", row.kind, row.order_ref), row.order_ref, ordered[row.order_ref], row.from_ms)
        for row in rows if row.order_ref in ordered
    ]


def _list_open_cases(session: Session, dossiers: Collection[int]) -> set[str]:
    """Cases still open, and the orders they are about."""
    rows = session.execute(select(CaseFact.case_ref, CaseFact.order_ref).where(
        CaseFact.dossier_id.in_(dossiers), CaseFact.closed_ms.is_(None), CaseFact.withdrawn_ms.is_(None)))
    return {ref for row in rows for ref in row if ref}


def _list_answers(
    session: Session, shop_id: int, dossiers: Collection[int], names: Sequence[Name],
) -> dict[Name, str]:
    """What was said about things before: forgiven, or asked and not granted."""
    asked = session.scalars(select(ExclusionItem.thing).where(
        ExclusionItem.shop_id == shop_id, ExclusionItem.thing.in_([write_thing(name) for name in names]),
        ExclusionItem.request_id.is_not(None), ExclusionItem.state.in_(("open", "refused", "ended"))))
    found = {tuple(json.loads(text)): "asked" for text in asked}
    forgiven = session.scalars(select(ExclusionFact.name).where(ExclusionFact.dossier_id.in_(dossiers)))
    return found | {tuple(json.loads(text)): "excluded" for text in forgiven}


# Requests


def list_requests(
    session: Session, *, shop_ids: Collection[int] | None = None, is_open: bool | None = None, limit: int = 200,
    offset: int = 0,
) -> list[RequestRow]:
    """Requests: those that wait by due time, else the latest first."""
    latest = select(func.max(ExclusionRound.number)).where(
        ExclusionRound.request_id == ExclusionRequest.id).correlate(ExclusionRequest).scalar_subquery()
    query = select(ExclusionRequest, ExclusionRound).join(
        ExclusionRound, (ExclusionRound.request_id == ExclusionRequest.id) & (ExclusionRound.number == latest))
    if shop_ids is not None:
        query = query.where(ExclusionRequest.shop_id.in_(list(shop_ids)))
    if is_open is not None:
        waits = ExclusionRound.decided_at.is_(None)
        query = query.where(waits if is_open else ~waits)
    order = ExclusionRound.due_at if is_open else ExclusionRequest.asked_at.desc()
    rows = session.execute(query.order_by(order, ExclusionRequest.id.desc()).limit(limit).offset(offset)).all()
    return _to_requests(session, [(row[0], row[1]) for row in rows])


def count_open(session: Session) -> int:
    """Requests and appeals that wait for a decision."""
    return session.scalar(select(func.count(ExclusionRound.id)).where(ExclusionRound.decided_at.is_(None))) or 0


def count_requests(session: Session, *, is_open: bool) -> int:
    """How many wait, or are decided."""
    states = ExclusionRequest.state.in_(("open", "appealed"))
    return session.scalar(select(func.count(ExclusionRequest.id)).where(states if is_open else ~states)) or 0


def get_request(session: Session, request_id: int) -> RequestFile:
    """One request with all that belongs to it. Raises RequestMissing."""
    row = session.get(ExclusionRequest, request_id)
    if row is None:
        raise RequestMissing(request_id)
    rounds = session.scalars(select(ExclusionRound).where(
        ExclusionRound.request_id == request_id).order_by(ExclusionRound.number)).all()
    files = session.scalars(select(ExclusionFile).where(
        ExclusionFile.request_id == request_id).order_by(ExclusionFile.id))
    return RequestFile(
        _to_requests(session, [(row, rounds[-1])])[0],
        tuple(list_items(session, request_id=request_id)),
        tuple(_to_round(found) for found in rounds),
        tuple(FileRow(f.id, f.round_number, f.name, f.media_type, f.size, f.stored_as) for f in files),
    )


def list_items(
    session: Session, *, request_id: int | None = None, incident_id: int | None = None,
) -> list[ItemRow]:
    """The things of a request or an incident."""
    mine = ExclusionItem.request_id == request_id if incident_id is None else ExclusionItem.incident_id == incident_id
    rows = session.scalars(select(ExclusionItem).where(mine).order_by(
        ExclusionItem.shop_id, ExclusionItem.due_ms, ExclusionItem.id))
    return [
        ItemRow(row.id, row.shop_id, name_of_row(row), row.order_ref, row.began_at, row.due_ms, row.scope,
                row.state) for row in rows
    ]


def list_request_clocks(session: Session, since: datetime, until: datetime) -> list[RequestClock]:
    """The operator's promises to decide requests and appeals that were asked in `[since, until)`, the first first."""
    rows = session.execute(
        select(ExclusionRound, ExclusionRequest.shop_id)
        .join(ExclusionRequest, ExclusionRequest.id == ExclusionRound.request_id)
        .where(ExclusionRound.opened_at >= since, ExclusionRound.opened_at < until)
        .order_by(ExclusionRound.opened_at, ExclusionRound.id))
    return [
        RequestClock(row.request_id, shop_id, row.number > 1, row.opened_at, row.due_at, row.decided_at, row.outcome)
        for row, shop_id in rows
    ]


def count_late(session: Session, *, now: datetime) -> int:
    """Requests and appeals that wait past their due time."""
    return session.scalar(select(func.count(ExclusionRound.id)).where(
        ExclusionRound.decided_at.is_(None), ExclusionRound.due_at < now)) or 0


def _to_round(row: ExclusionRound) -> RoundRow:
    return RoundRow(**{name: getattr(row, name) for name in RoundRow.__dataclass_fields__})


def _to_requests(
    session: Session, rows: Sequence[tuple[ExclusionRequest, ExclusionRound]]
) -> list[RequestRow]:
    cards = {card.id: card for card in list_shop_cards(session, shop_ids=sorted({row.shop_id for row, _ in rows}))}
    ids = [row.id for row, _ in rows]
    counted = session.execute(select(ExclusionItem.request_id, func.count().label("things")).where(
        ExclusionItem.request_id.in_(ids)).group_by(ExclusionItem.request_id))
    counts = {row.request_id: row.things for row in counted}
    return [
        RequestRow(row.id, cards[row.shop_id], row.cause, row.body, row.asked_at, row.asked_by, row.state,
                   _to_round(latest), counts.get(row.id, 0))
        for row, latest in rows
    ]


def list_forgiven_names(session: Session, shop_id: int, orders: Collection[str]) -> set[Name]:
    """What is forgiven on some orders of a shop."""
    dossiers = select(OrderFact.dossier_id).where(OrderFact.shop_id == shop_id, OrderFact.order_ref.in_(list(orders)))
    rows = session.scalars(select(ExclusionFact.name).where(ExclusionFact.dossier_id.in_(dossiers)))
    return {tuple(json.loads(text)) for text in rows}
