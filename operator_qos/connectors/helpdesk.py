"""A help desk's ticket log as events: each ticket is a case, with the conversation of the same id.

The shop is the person of the ticket's first activity. The first activity opens the case and is the buyer's
question; "Take in charge ticket" is an answer; "Wait" gives the ball to the buyer until the next activity;
"Resolve ticket" resolves, and any later activity but "Resolve ticket" and "Closed" reopens; "Closed" closes.
Event ids are `case:activity:effect`; effects of one activity sort as they follow each other.

What an activity means depends on those before it, so one row that cannot be read holds back its whole ticket.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from operator_qos.connectors.rows import BadRow, EventRow, Happening, ImportPlan, MarketplaceSeed, Source
from operator_qos.connectors.tables import (
    FieldFault,
    RowReader,
    Table,
    TableRow,
    find_instant,
    open_table,
    quoted,
)

MARKETPLACE = MarketplaceSeed("helpdesk", "UTC", "EUR", "IT", "it", "Help desk")
SOURCE = Source("/helpdesk", MARKETPLACE.id, MARKETPLACE.country)

_COLUMNS = ("case_id", "event_idx", "time:timestamp", "concept:name", "org:resource")
_INDEX_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Activity:
    """A row of the log."""

    row: TableRow
    case: str
    index: int
    at: datetime
    name: str
    resource: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What an activity does: an event type without its prefix, and the name that ends its id."""

    name: str
    type: str
    data: dict[str, object]


@dataclass(slots=True)
class Tickets:
    """The activities by ticket, and the row that holds a ticket back."""

    activities: dict[str, list[Activity]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)


def plan_helpdesk(file: Path | str) -> ImportPlan:
    """The plan of one log, as .csv or .csv.gz; rows in any order.

    Raises SourceLayoutError when the file or a column is missing, and while reading when the file breaks off.
    """
    return ImportPlan((MARKETPLACE,), _rows(open_table(Path(file), _COLUMNS)))


def _rows(table: Table) -> Iterator[EventRow | BadRow]:
    reader = RowReader()
    tickets = _read_tickets(table, reader)
    whole = {case: found for case, found in tickets.activities.items() if case not in tickets.held}
    for found in whole.values():
        found.sort(key=lambda activity: (activity.at, activity.index))
    yield from _shop_rows(whole)
    for found in whole.values():
        yield from _ticket_rows(found)
    yield from _held_rows(tickets)
    yield from reader.bad


def _read_tickets(table: Table, reader: RowReader) -> Tickets:
    tickets = Tickets()
    seen: set[Hashable] = set()
    for activity in reader.parsed(table, lambda row: _activity_or_hold(row, tickets, seen)):
        tickets.activities.setdefault(activity.case, []).append(activity)
    return tickets


def _activity_or_hold(row: TableRow, tickets: Tickets, seen: set[Hashable]) -> Activity:
    try:
        activity = _parse_activity(row)
    except FieldFault as fault:
        case = row.optional("case_id")
        if case:
            tickets.held.setdefault(case, row.row)
        raise FieldFault(
            fault.column, f"{fault.reason} Its ticket {case or '(unknown)'} waits for it."
        ) from fault
    if (activity.case, activity.index) in seen:
        what = f"Activity {activity.index} of ticket {activity.case} stands in an earlier row already."
        raise FieldFault("event_idx", f"{what} Remove this row.")
    seen.add((activity.case, activity.index))
    return activity


def _parse_activity(row: TableRow) -> Activity:
    return Activity(
        row=row,
        case=row.required("case_id"),
        index=_index(row),
        at=_moment(row),
        name=row.required("concept:name"),
        resource=row.required("org:resource"),
    )


def _index(row: TableRow) -> int:
    text = row.required("event_idx")
    if not (text.isascii() and text.isdigit() and len(text) <= _INDEX_DIGITS):
        raise FieldFault(
            "event_idx", f"event_idx is {quoted(text)}. Give the activity's number in its ticket."
        )
    return int(text)


def _moment(row: TableRow) -> datetime:
    column = "time:timestamp"
    text = row.required(column)
    moment = find_instant(text)
    if moment is None:
        form = "Write it with its offset, like 2010-01-13T08:40:25+02:00."
        raise FieldFault(column, f"{column} is {quoted(text)}, not a time with an offset. {form}")
    return moment


def _shop_rows(tickets: dict[str, list[Activity]]) -> Iterator[EventRow]:
    first_of_shop: dict[str, TableRow] = {}
    for found in tickets.values():
        first_of_shop.setdefault(found[0].resource, found[0].row)
    for shop, row in first_of_shop.items():
        yield EventRow(row.file, row.row, SOURCE.shop_opened(shop, shop))


def _ticket_rows(activities: list[Activity]) -> Iterator[EventRow]:
    shop = activities[0].resource
    waiting = resolved = False
    for position, activity in enumerate(activities):
        first = position == 0
        for effect in _effects(activity.name, first=first, waiting=waiting, resolved=resolved):
            yield EventRow(activity.row.file, activity.row.row, _event(activity, shop, effect))
        waiting = activity.name == "Wait"
        resolved = activity.name == "Resolve ticket" or (resolved and activity.name == "Closed")


def _effects(name: str, *, first: bool, waiting: bool, resolved: bool) -> Iterator[Effect]:
    if first:
        yield Effect("opened", "case.opened", {"kind": "claim"})
        yield Effect("asked", "message.sent", {"author": "buyer", "to": ["seller"]})
    if waiting:
        # “back” sorts before “wait”: of two waits in a row the second hands the ball over again.
        yield Effect("back", "case.ball_passed", {"to": "seller"})
    if resolved and name not in {"Resolve ticket", "Closed"}:
        yield Effect("reopened", "case.reopened", {})
    if name == "Take in charge ticket":
        yield Effect("taken", "message.sent", {"author": "seller", "to": ["buyer"]})
    elif name == "Wait":
        yield Effect("wait", "case.ball_passed", {"to": "buyer"})
    elif name == "Resolve ticket":
        yield Effect("resolved", "case.resolved", {"outcome": "resolved"})
    elif name == "Closed":
        # By a person: a closing by a timer would leave the question open.
        yield Effect("closed", "case.closed", {"by": "seller"})


def _event(activity: Activity, shop: str, effect: Effect) -> dict[str, object]:
    event_id = f"{activity.case}:{activity.index}:{effect.name}"
    data = dict(effect.data)
    if effect.type == "message.sent":
        data |= {"channel": "ticket", "case": activity.case}
    return SOURCE.event(Happening(f"qos.{effect.type}", event_id, activity.at, activity.case, shop, data))


def _held_rows(tickets: Tickets) -> Iterator[BadRow]:
    for case, row in tickets.held.items():
        reason = f"Row {row} of the same ticket cannot be read. Correct it and import the file again."
        for activity in tickets.activities.get(case, []):
            yield activity.row.bad(FieldFault("case_id", reason))
