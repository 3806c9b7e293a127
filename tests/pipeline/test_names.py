"""Names as senders write them, and what an order says: they reach the log as they are."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.events.models import Event, EventId
from scoring.event_types import EARLIEST_MS, OrderPlaced
from scoring.events import read_event
from tests.pipeline.loading import add_places, feed

# What lists, copies and statements give a meaning of their own, and spaces that are no control characters.
ODD = ("NULL", "null", r"\N", r"a\tb", r"back\slash\\", "a,b", '{"a","b"}', "'quoted'", '"', "%s", "%(ids)s", ":ids",
       "no\u00a0break", "zero\u200bwidth", "line\u2028end", "Zoë 🦉", " spaced ", "None", "\\x1f", "{}", "$1")


def _placed(name: str) -> dict[str, Any]:
    return {"specversion": "1.0", "type": "qos.order.placed", "source": f"/{name}", "id": name, "subject": name,
            "time": "2026-03-01T10:00:00Z", "marketplace": "fr", "shop": name, "data": {"ship_by": "2026-03-04"}}


def test_odd_names_are_told_apart_and_found_again(engine: Engine) -> None:
    add_places(engine, {"fr": "Europe/Paris"})
    events = [_placed(name) for name in ODD]
    assert {receipt.status for receipt in feed(engine, events)} == {"accepted"}
    assert {receipt.status for receipt in feed(engine, events)} == {"duplicate"}
    changed = [{**event, "time": "2026-03-02T10:00:00Z"} for event in events]
    assert {receipt.status for receipt in feed(engine, changed)} == {"conflict"}
    with reading(engine) as session:
        claimed = session.execute(select(EventId.source, EventId.event_id, EventId.seq)).all()
        logged = session.execute(select(Event.source, Event.event_id, Event.seq, Event.subject)).all()
    assert {(source, name) for source, name, _ in claimed} == {(f"/{name}", name) for name in ODD}
    assert {tuple(row[:3]) for row in logged} == {tuple(row) for row in claimed}
    assert all(row.subject == row.event_id for row in logged)


def test_control_characters_never_reach_a_list_of_names(engine: Engine) -> None:
    add_places(engine, {"fr": "Europe/Paris"})
    for field in ("source", "id"):
        (receipt,) = feed(engine, [{**_placed("a"), field: "a\x1fb"}])
        assert (receipt.status, receipt.field) == ("quarantined", field)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=12)
LINES = st.lists(st.fixed_dictionaries({"line": st.one_of(TEXTS, st.integers(0, 9))}, optional={
    "sku": st.none() | TEXTS, "category": TEXTS, "quantity": st.integers(1, 5), "amount_minor": st.integers(0, 10**12),
    "unknown": TEXTS}), max_size=4, unique_by=lambda line: str(line["line"]))
PROMISES = st.sampled_from((None, "2026-03-04", "2026-03-04T12:00:00.9Z"))
ORDERS = st.fixed_dictionaries({}, optional={
    "lines": st.none() | LINES, "currency": st.sampled_from(("EUR", None)), "accept_by": PROMISES, "ship_by": PROMISES,
    "deliver_by": PROMISES, "channel": TEXTS, "fulfilment": st.sampled_from(("seller", "operator")), "country": TEXTS,
    "buyer": st.none() | TEXTS, "business": st.sampled_from((True, False, None)), "body": TEXTS})


@given(ORDERS)
def test_an_order_says_what_its_model_would_write(data: dict[str, Any]) -> None:
    given = {name: value for name, value in data.items() if value is not None}
    wanted = OrderPlaced.model_validate(given).model_dump(mode="json", exclude_none=True)
    assert read_event({**_placed("a"), "data": data}, now_ms=EARLIEST_MS * 2).data == wanted
