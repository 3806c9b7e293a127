"""The random histories reach the states that matter, and the second method keeps its own promises on them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.histories import ZONES, AsOf, Json, as_of_of, as_ofs, histories, history_of, shops_of
from tests.oracle import Measured, measure, measure_all
from tests.oracle.clock import DAY
from tests.oracle.events import TYPES
from tests.oracle.metrics import View, defects, view_of

Shop = tuple[str, str]
Numbers = dict[tuple[str, bool], Measured]

STATES = (
    *("lost case", "case lost by a timer", "reopened case", "timer closed on the buyer", "mediator held"),
    *(
        "waived turn",
        "turn waived too late",
        "answered turn",
        "silent turn",
        "due moved by a calendar or closure",
    ),
    *("exclusion changed a share", "exclusion changed a time", "exclusion changed defects"),
    *("knowledge changed a number", "retraction changed a number", "restoring changed a number"),
    *("moved promise", "unknowable delivery", "late arrival", "order cancelled in part", "not shipped"),
    *("low rating", "two shops", "equal seconds"),
)


def numbers(history: Sequence[Json], shop: Shop, at: AsOf) -> Numbers:
    return measure_all(
        history,
        zones=ZONES,
        as_of=at.as_of,
        known_at=at.known_at,
        window_days=at.window_days,
        marketplace=shop[0],
        shop=shop[1],
    )


def look(history: Sequence[Json], shop: Shop, at: AsOf) -> View:
    return view_of(history, ZONES[shop[0]], at.as_of, at.known_at, at.window_days, shop)


def without(history: Sequence[Json], kind: str) -> list[Json]:
    return [event for event in history if event["type"] != f"qos.{kind}"]


def case_states(view: View) -> Iterator[str]:
    for case in view.cases:
        named = {
            "lost case": case.is_lost,
            "case lost by a timer": case.is_lost and case.word is None,
            "reopened case": case.is_reopened,
            "timer closed on the buyer": case.timed_out_with == "buyer",
            "mediator held": any(holder == "mediator" for _, holder in case.passes),
        }
        yield from (name for name, reached in named.items() if reached)


def turn_states(view: View) -> Iterator[str]:
    for turn in view.turns:
        named = {
            "waived turn": turn.waived_in_time,
            "turn waived too late": turn.waived is not None and not turn.waived_in_time,
            "answered turn": turn.answered is not None,
            "silent turn": turn.is_past_due(view.end) and turn.answered is None and turn.waived is None,
            "due moved by a calendar or closure": turn.due != turn.asked + DAY,
        }
        yield from (name for name, reached in named.items() if reached)


def order_states(view: View) -> Iterator[str]:
    for order in view.orders:
        due = order.deliver_by
        named = {
            "unknowable delivery": order.is_unknowable,
            "late arrival": due is not None and order.arrived is not None and order.arrived > due.at,
            "order cancelled in part": bool(order.cancellations) and order.cancelled is None,
            "low rating": order.review is not None and order.review.rating <= 2,
        }
        yield from (name for name, reached in named.items() if reached)


def exclusion_states(found: Numbers) -> Iterator[str]:
    for (metric, official), measured in found.items():
        if official and measured != found[metric, False]:
            yield "exclusion changed a time" if metric.endswith("_time") else "exclusion changed a share"
        if official and metric == "order_defect_rate" and measured.bad < found[metric, False].bad:
            yield "exclusion changed defects"


def knowledge_states(history: Sequence[Json], shop: Shop, at: AsOf, found: Numbers) -> Iterator[str]:
    if numbers(history, shop, AsOf(at.as_of, None, at.window_days)) != found:
        yield "knowledge changed a number"
    if numbers(without(history, "event.retracted"), shop, at) != found:
        yield "retraction changed a number"
    if numbers(without(history, "obligation.restored"), shop, at) != found:
        yield "restoring changed a number"
    if numbers(without(history, "order.promise_moved"), shop, at) != found:
        yield "moved promise"


def states(history: Sequence[Json], shop: Shop, at: AsOf) -> Iterator[str]:
    view, found = look(history, shop, at), numbers(history, shop, at)
    yield from (*case_states(view), *turn_states(view), *order_states(view))
    yield from (*exclusion_states(found), *knowledge_states(history, shop, at, found))
    if any("not_shipped" in defects(view, order) for order in view.orders):
        yield "not shipped"
    if len(shops_of(history)) == 2:
        yield "two shops"
    if len({event["time"][:19] for event in history}) < len(history):
        yield "equal seconds"


def test_three_hundred_histories_reach_every_interesting_state() -> None:
    # Drawn evenly: hypothesis repeats itself, which is good at finding errors and bad at counting.
    draw = random.Random(2026).randrange
    reached: Counter[str] = Counter()
    for _ in range(300):
        history = history_of(draw)
        at = as_of_of(draw, history)
        reached.update({state for shop in shops_of(history) for state in states(history, shop, at)})
    assert not [state for state in STATES if reached[state] < 3]
    assert set(reached) == set(STATES)


def test_three_hundred_histories_hold_every_type_of_event() -> None:
    draw = random.Random(2026).randrange
    told = {event["type"].removeprefix("qos.") for _ in range(300) for event in history_of(draw)}
    assert told == set(TYPES)


@given(st.data(), st.integers(0, 999))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_order_and_repetition_of_arrival_change_no_number(data: st.DataObject, seed: int) -> None:
    history = data.draw(histories())
    at = data.draw(as_ofs(history))
    mixed = [*history, *history[::2]]
    random.Random(seed).shuffle(mixed)
    for shop in shops_of(history):
        assert numbers(mixed, shop, at) == numbers(history, shop, at)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_other_shop_changes_no_number(data: st.DataObject) -> None:
    history = data.draw(histories())
    at = data.draw(as_ofs(history))
    for shop in shops_of(history):
        own = [event for event in history if event["shop"] == shop[1]]
        assert numbers(own, shop, at) == numbers(history, shop, at)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_raw_numbers_know_no_exclusion_and_official_ones_only_forgive(data: st.DataObject) -> None:
    history = data.draw(histories())
    at = data.draw(as_ofs(history))
    plain = without(without(history, "obligation.excluded"), "event.retracted")
    forgiven = without(history, "event.retracted")
    for shop in shops_of(history):
        found, bare = numbers(forgiven, shop, at), numbers(plain, shop, at)
        for (metric, official), measured in found.items():
            assert official or measured == bare[metric, False]
            assert set(measured.bad_units) <= set(found[metric, False].bad_units)


@given(st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_history_is_valid_and_within_its_size(data: st.DataObject) -> None:
    history = data.draw(histories(max_events=12))
    assert len(history) <= 12
    assert len({(event["source"], event["id"]) for event in history}) == len(history)
    assert any(event["type"] == "qos.shop.opened" for event in history)


def test_one_metric_is_the_same_alone_and_among_all() -> None:
    order = {"lines": [{"line": "1"}], "ship_by": "2026-03-05"}
    head = {"specversion": "1.0", "source": "/a", "marketplace": "fr", "shop": "S1", "subject": "O1"}
    event = head | {"type": "qos.order.placed", "id": "1", "time": "2026-03-04T10:00:00Z", "data": order}
    at = AsOf("2026-03-10", None, 30)
    late = numbers([event], ("fr", "S1"), at)["late_shipment_rate", True]
    assert (late.bad, late.base, late.value, late.bad_units) == (1, 1, 1.0, ("O1",))
    alone = measure(
        [event],
        zones=ZONES,
        as_of=at.as_of,
        known_at=None,
        window_days=30,
        marketplace="fr",
        shop="S1",
        metric="late_shipment_rate",
        official=True,
    )
    assert alone == late
