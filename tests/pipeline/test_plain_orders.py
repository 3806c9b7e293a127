"""Plain orders in columns against the fold of each: the same rows, whatever happened and in whatever order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_qos.ledger.derive import COLUMNS, Row, derive_rows
from operator_qos.ledger.plain_orders import LATEST_MS, derive_plain, find_plain, read_plain
from operator_qos.ledger.workers import derive_each
from scoring.calendars import CalendarBook, Closure
from scoring.dossier import Frame
from scoring.events import TypedEvent, read_event
from scoring.orders import NOT_SHIPPED_DAYS
from scoring.terms import ALWAYS_MS, Terms
from tests.histories import histories
from tests.pipeline.test_golden import FILES

HOUR, DAY = 3_600_000, 86_400_000
# Days around which the clocks change, in Paris and in New York.
STARTS = tuple(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000 for text in (
    "2026-03-12T14:00", "2026-03-27T22:59:59", "2026-10-23T18:00"))
# Ties, a limit met and missed by a second, two days for a scan, a week for a reply, fourteen days after a promise.
OFFSETS = (0, 0, 1_000, HOUR, DAY, 2 * DAY, 2 * DAY + HOUR, 2 * DAY + HOUR + 1_000, 3 * DAY, 7 * DAY, 9 * DAY,
           NOT_SHIPPED_DAYS * DAY, 15 * DAY, 15 * DAY + 1_000, 17 * DAY, 24 * DAY, 60 * DAY, 900 * DAY)
ONCE = ("order.accepted", "order.refused", "order.paid", "order.invoiced", "order.cancelled", "order.shipped",
        "order.delivered", "review.posted", "review.replied")
AGAIN = ("order.accepted", "order.refused", "order.paid", "order.invoiced", "order.shipped")  # the first counts
OFFSET = st.sampled_from(OFFSETS)
LATER = (ALWAYS_MS, STARTS[1] + DAY)
TERMS = (Terms(), Terms(LATER[1], defect_kinds=frozenset({"late_delivery", "low_rating"}), standard_version=2))


def _some(draw: st.DrawFn, fields: dict[str, Sequence[Any]]) -> dict[str, Any]:
    """Some fields with one of their values each; None leaves a field out."""
    drawn = {name: draw(st.sampled_from(values)) for name, values in fields.items()}
    return {name: value for name, value in drawn.items() if value is not None}


def _promise(draw: st.DrawFn, start: int) -> int | str | None:
    at_ms = start + draw(OFFSET) - draw(st.sampled_from((0, 0, DAY)))
    day = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
    return draw(st.sampled_from((at_ms, day, None)))


def _placed(draw: st.DrawFn, start: int) -> dict[str, Any]:
    lines = ({"line": "1", "sku": "A", "amount_minor": 500, "category": "home"}, {"line": "2", "quantity": 3})
    promised = {name: _promise(draw, start) for name in ("accept_by", "ship_by", "deliver_by")}
    return {name: value for name, value in promised.items() if value is not None} | _some(draw, {
        "lines": (None, [], list(lines[:1]), list(lines)), "buyer": (None, "b1"), "business": (None, True, False),
        "fulfilment": (None, "seller", "operator"), "country": (None, "FR"), "currency": (None, "EUR")})


DATA: dict[str, dict[str, Sequence[Any]]] = {
    "order.refused": {"by": (None, "seller", "automatic")},
    "order.cancelled": {"by": (None, "buyer", "seller", "automatic", "operator"),
                        "reason": (None, "buyer_request", "out_of_stock", "seller_timeout", "fraud")},
    "order.shipped": {"carrier": (None, "dhl"), "tracking": (None, "T1", "T2"), "trackable": (True, False, None)},
    "order.delivered": {"known_by": (None, "automatic", "carrier")},
    "review.posted": {"rating": (1, 2, 3, 4, 5)},
    "tracking.scanned": {"tracking": (None, "T1", "T2"),
                         "milestone": ("in_transit", "attempted", "delivered", "exception")},
}


@st.composite
def plain_histories(draw: st.DrawFn) -> list[TypedEvent]:
    """The events of one order, most of them plain, in any order."""
    start = draw(st.sampled_from(STARTS))
    kinds = draw(st.lists(st.sampled_from(ONCE), unique=draw(st.integers(0, 9)) > 0, max_size=9))
    kinds += draw(st.lists(st.sampled_from(AGAIN), max_size=3)) + ["tracking.scanned"] * draw(st.integers(0, 3))
    events = [_event("order.placed", "O1", 0, start, _placed(draw, start))]
    for place, kind in enumerate(kinds, 1):
        at_ms = start + draw(OFFSET) - (HOUR if draw(st.integers(0, 60)) == 60 else 0)
        events.append(_event(kind, "O1", place, at_ms, _some(draw, DATA.get(kind, {}))))
    return draw(st.permutations(events))


def _event(kind: str, order: str, place: int, at_ms: int, data: dict[str, Any]) -> TypedEvent:
    return TypedEvent("/shop", f"e{place}", kind, at_ms, "fr", "S1", order, data, order=order)


def _frame(zone: str) -> Frame:
    closed = Closure(STARTS[1], STARTS[1] + 3 * DAY, STARTS[1] + DAY, None)
    return Frame(zone, CalendarBook(zone, (), (closed,)), TERMS)


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=repr)


def _assert_same(dossiers: Sequence[Sequence[TypedEvent]], frame: Frame) -> int:
    """All rows are equal both ways; how many dossiers went through columns."""
    read = (read_plain(7, number, events, frame) for number, events in enumerate(dossiers))
    plain = [order for order in read if order is not None]
    found = derive_plain(plain) if plain else {}
    for name in COLUMNS:
        folded = [(7, order.dossier, *row) for order in plain
                  for row in derive_rows(dossiers[order.dossier], frame)[name]]
        assert _sorted(found.get(name, [])) == _sorted(folded), name
    return len(plain)


@settings(max_examples=120)
@given(st.lists(plain_histories(), min_size=1, max_size=6), st.sampled_from(("Europe/Paris", "America/New_York")))
def test_columns_give_the_rows_of_the_fold(dossiers: list[list[TypedEvent]], zone: str) -> None:
    """Ties, limits met to the second, clock changes, what was never promised, arrivals before anything was shipped."""
    _assert_same(dossiers, _frame(zone))


@settings(max_examples=60)
@given(histories())
def test_the_orders_of_any_history_come_out_the_same(history: list[dict[str, Any]]) -> None:
    """Whatever is not plain is left to the fold."""
    typed = [read_event(event, now_ms=STARTS[2] + 900 * DAY) for event in history]
    names = {(event.shop, event.order) for event in typed if event.order is not None}
    _assert_same([[e for e in typed if (e.shop, e.order) == name] for name in sorted(names)], _frame("Europe/Paris"))


def test_the_orders_of_the_golden_histories_come_out_the_same() -> None:
    """And some of each are plain."""
    counted = 0
    for path in FILES:
        golden = json.loads(path.read_text())
        typed = [read_event(event, now_ms=STARTS[2] + 900 * DAY) for event in golden["events"]]
        things = {event.order or event.case or event.conversation or "" for event in typed}
        by_thing = [[e for e in typed if (e.order or e.case or e.conversation or "") == thing] for thing in things]
        counted += _assert_same(by_thing, _frame("Europe/Paris"))
    assert counted > 50


def test_one_call_takes_plain_orders_and_others() -> None:
    """Each dossier once, and the same rows as folding them all."""
    frame = _frame("Europe/Paris")
    orders = [[_event("order.placed", "O1", 0, STARTS[0], {"ship_by": "2026-03-14"}),
               _event("order.shipped" if number % 3 else "order.corrected", "O1", 1, STARTS[0] + DAY,
                      {"trackable": True} if number % 3 else {"field": "country", "value": "BE"})]
              for number in range(15)]
    found = derive_each({number: (7, events) for number, events in enumerate(orders)}, {7: frame})
    for name in COLUMNS:
        folded = [(7, number, *row) for number, events in enumerate(orders) for row in derive_rows(events, frame)[name]]
        assert _sorted(found[name]) == _sorted(folded), name


PLACED = _event("order.placed", "O1", 0, STARTS[0], {"lines": [{"line": "1"}, {"line": "2"}]})


@pytest.mark.parametrize("other", [
    _event("order.placed", "O1", 1, STARTS[0] + HOUR, {}),
    _event("order.promise_moved", "O1", 1, STARTS[0] + HOUR, {"kind": "ship", "to": STARTS[0] + DAY}),
    _event("order.corrected", "O1", 1, STARTS[0] + HOUR, {"field": "country", "value": "BE"}),
    _event("order.refunded", "O1", 1, STARTS[0] + HOUR, {}),
    _event("return.requested", "O1", 1, STARTS[0] + HOUR, {"order": "O1"}),
    _event("review.changed", "O1", 1, STARTS[0] + HOUR, {"rating": 1}),
    _event("review.replied", "O1", 1, STARTS[0] + HOUR, {}),
    _event("order.shipped", "O1", 1, STARTS[0] - 1_000, {}),
    _event("order.shipped", "O1", 1, STARTS[0] + HOUR, {"lines": ["2"]}),
    _event("order.shipped", "O2", 1, STARTS[0] + HOUR, {}),
], ids=lambda event: f"{event.type} {event.order}")
def test_what_is_not_plain_is_left_to_the_fold(other: TypedEvent) -> None:
    """A repeated placing, what moves or corrects, parts of an order, what came before it, two orders."""
    assert find_plain([PLACED]) is not None
    assert find_plain([PLACED, other]) is None


def test_a_promise_for_the_end_of_time_is_left_to_the_fold() -> None:
    """Where its two weeks of grace would end nobody looks."""
    near = [_event("order.placed", "O1", 0, STARTS[0], {"ship_by": LATEST_MS})]
    far = [_event("order.placed", "O1", 0, STARTS[0], {"ship_by": LATEST_MS + 1})]
    assert read_plain(7, 1, far, _frame("UTC")) is None
    assert _assert_same([near, far], _frame("UTC")) == 0
    assert _assert_same([[_event("order.placed", "O1", 0, STARTS[0], {"ship_by": LATEST_MS - 15 * DAY})]],
                        _frame("UTC")) == 1
