"""Rows that stand are left alone where they are the same, and the rest is replaced."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.ledger.changes import find_changes
from operator_qos.ledger.derive import Row
from operator_qos.ledger.models import OutcomeRow, PromiseFact
from operator_qos.ledger.rebuild import rebuild
from tests.pipeline.loading import NOW, add_places, feed, snapshot

# Shop, dossier and a value: few of each, so that rows are the same, come twice or change places.
ROWS = st.lists(st.tuples(st.just(1), st.integers(1, 3), st.integers(0, 2)), max_size=8)


@given(ROWS, ROWS)
def test_what_stands_becomes_what_was_derived(before: list[Row], derived: list[Row]) -> None:
    standing = [(number, *row) for number, row in enumerate(before)]
    gone, added = find_changes(standing, derived, is_ordered=False)
    left = Counter(before) - Counter(row[1:] for row in gone)
    assert left + Counter(added) == Counter(derived)
    assert not left.keys() & set(added) or Counter(derived) - left == Counter(added)
    assert len(gone) == (Counter(before) - Counter(derived)).total()
    assert len(added) == (Counter(derived) - Counter(before)).total()


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_the_order_is_that_of_what_was_derived(before: list[Row], derived: list[Row], dice: Any) -> None:
    standing = [(number, *row) for number, row in enumerate(before)]
    shuffled = dice.sample(standing, len(standing))
    gone, added = find_changes(shuffled, derived, is_ordered=True)
    kept = [row[1:] for row in standing if row not in gone]
    for dossier in (1, 2, 3):
        assert [r for r in [*kept, *added] if r[1] == dossier] == [r for r in derived if r[1] == dossier]
        same = [r for r in before if r[1] == dossier] == [r for r in derived if r[1] == dossier]
        assert not same or not any(r[1] == dossier for r in added)


ORDERS = 12  # enough of them to be counted together


def step(kind: str, day: int, data: dict[str, Any], *, only: int = ORDERS) -> list[dict[str, Any]]:
    """The same step of several orders."""
    return [{"specversion": "1.0", "source": "/c", "id": f"{number}-{kind}", "type": f"qos.{kind}",
             "subject": f"O{number}", "time": f"2026-03-{day:02}T10:00:00Z", "marketplace": "fr", "shop": "S",
             "data": data} for number in range(only)]


def list_rows(engine: Engine, model: Any) -> set[tuple[Any, ...]]:
    """The rows of a table with their numbers."""
    with reading(engine) as session:
        return {tuple(row) for row in session.execute(select(*model.__table__.columns))}


def test_a_step_of_an_order_leaves_the_rows_that_it_does_not_change(engine: Engine) -> None:
    """And goes on to be true when an order is no longer plain, and when it is again what it was."""
    add_places(engine, {"fr": "Europe/Paris"})
    feed(engine, step("order.placed", 1, {"ship_by": "2026-03-03", "deliver_by": "2026-03-09", "buyer": "b"}))
    promises, outcomes = list_rows(engine, PromiseFact), list_rows(engine, OutcomeRow)
    feed(engine, step("order.shipped", 2, {"trackable": True, "tracking": "T"}))
    assert list_rows(engine, PromiseFact) == promises
    assert 0 < len(list_rows(engine, OutcomeRow) & outcomes) < len(outcomes)
    talk = {"order": "O0", "author": "buyer", "body": "Where is it?"}
    asked = [event | {"subject": f"talk-{event['subject']}", "data": talk | {"order": event["subject"]}}
             for event in step("message.sent", 4, {}, only=3)]
    feed(engine, asked)
    taken_back = [event | {"subject": "S", "data": {"source": "/c", "id": event["id"].replace("event.retracted",
                                                                                          "message.sent")}}
                  for event in step("event.retracted", 6, {}, only=3)]
    feed(engine, [*step("order.delivered", 5, {}), *taken_back])
    written = snapshot(engine)
    assert len(written["OrderFact"]) == ORDERS
    rebuild(engine, now=NOW)
    assert snapshot(engine) == written
