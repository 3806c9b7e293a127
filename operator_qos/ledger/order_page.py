"""Everything about one order, ready to be read: promises, what it consists of, what counts, what happened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.disputes.thread import may_read, read_address
from operator_qos.i18n import gettext
from operator_qos.ledger.queries import LoggedEvent, OrderFile, find_order, list_order_events
from operator_qos.ledger.timeline import EventLine, build_line
from operator_qos.sellers.queries import ShopCard
from operator_qos.web import get_language


@dataclass(frozen=True)
class PromiseLine:
    """A promise: when it was due and met [epoch ms]; `state` is kept, breached or open."""

    kind: str
    due_ms: int
    met_ms: int | None
    state: str
    moved: bool


@dataclass(frozen=True)
class DefectLine:
    """A defect: since when, until when it stood, and whether it was forgiven."""

    name: str
    from_ms: int
    until_ms: int | None
    forgiven: bool


@dataclass(frozen=True)
class ForgivenLine:
    """What was forgiven, why, by whom and when [epoch ms]."""

    what: str
    cause: str
    by: str
    at_ms: int


@dataclass(frozen=True)
class OrderPage:
    """One order with its facts and its timeline."""

    ref: str
    currency: str
    file: OrderFile
    state: str
    promises: tuple[PromiseLine, ...]
    defects: tuple[DefectLine, ...]
    forgiven: tuple[ForgivenLine, ...]
    events: tuple[EventLine, ...]


def _state(order: Any) -> str:
    """Where the order is, in a word or two."""
    steps = (
        (order.cancelled_ms, gettext("Cancelled")),
        (order.refused_ms, gettext("Order refused")),
        (order.delivered_ms, gettext("Delivered")),
        (order.shipped_ms, gettext("Shipped")),
        (order.accepted_ms, gettext("Order accepted")),
        (order.ordered_ms, gettext("Order placed")),
    )
    return str(next((name for moment, name in steps if moment is not None), gettext("Never placed")))


def _judge(due_ms: int, met_ms: int | None, now_ms: int) -> str:
    if met_ms is not None:
        return "kept" if met_ms <= due_ms else "breached"
    return "breached" if due_ms < now_ms else "open"


def _promise_lines(file: OrderFile, now_ms: int) -> tuple[PromiseLine, ...]:
    met = {"ship": file.order.shipped_ms, "deliver": file.order.arrived_ms}
    lines = []
    for promise in sorted(file.promises, key=lambda p: (p.from_ms, p.due_ms)):
        moment = met.get(promise.kind)
        moved = promise.until_ms is not None
        state = "open" if moved else _judge(promise.due_ms, moment, now_ms)
        lines.append(PromiseLine(promise.kind, promise.due_ms, moment, state, moved))
    return tuple(lines)


def _names(file: OrderFile) -> Iterable[tuple[list[str], Any]]:
    return ((json.loads(found.name), found) for found in file.exclusions)


def _defect_lines(file: OrderFile) -> tuple[DefectLine, ...]:
    forgiven = {
        name[1] for name, _ in _names(file) if name[0] == "defect" and name[-1] == file.order.order_ref
    }
    return tuple(
        DefectLine(str(words.defect_name(d.kind)), d.from_ms, d.until_ms, d.kind in forgiven)
        for d in file.defects
    )


def _forgiven_lines(file: OrderFile) -> tuple[ForgivenLine, ...]:
    lines = []
    for name, found in _names(file):
        what = words.defect_name(name[1]) if name[0] == "defect" else words.obligation_name(name[0])
        cause = str(words.cause_name(found.cause))
        lines.append(ForgivenLine(str(what), cause, found.decided_by or "", found.at_ms))
    return tuple(lines)


def _is_open_to(event: LoggedEvent, side: str) -> bool:
    """Sellers do not read what staff and the buyer say to each other."""
    if event.type != "message.sent":
        return True
    return may_read(read_address(str(event.data.get("author")), event.data.get("to")), side)


def build_order(session: Session, card: ShopCard, order_ref: str, *, now_ms: int, side: str) -> OrderPage | None:
    """The page of an order as a side (seller, staff) reads it, None where the shop has no such order."""
    file = find_order(session, card.id, order_ref)
    if file is None:
        return None
    currency = file.order.currency or card.currency
    language = get_language()
    events = tuple(
        build_line(event, currency=currency, language=language)
        for event in list_order_events(session, card.id, order_ref)
        if _is_open_to(event, side)
    )
    return OrderPage(
        ref=order_ref,
        currency=currency,
        file=file,
        state=_state(file.order),
        promises=_promise_lines(file, now_ms),
        defects=_defect_lines(file),
        forgiven=_forgiven_lines(file),
        events=events,
    )
