"""The shape of the demo's events: the same every time, in order, within bounds, of every type."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest

from operator_qos.demo import demo_plan, generate_events
from operator_qos.ledger.plain_orders import find_plain
from scoring.events import MODELS, TYPES, TypedEvent, moment_ms, read_event
from tests.demo.told import moment

UNTIL = date(2026, 6, 18)
SCALE = 0.02
PRINT_DIGEST = """
import hashlib, json
from datetime import date
from operator_qos.demo import demo_plan, generate_events
digest = hashlib.sha256()
for event in generate_events(demo_plan(date(2026, 6, 18)), scale=0.02):
    digest.update(json.dumps(event, ensure_ascii=False).encode())
print(digest.hexdigest())
"""


def digest(events: Iterable[dict[str, Any]]) -> str:
    found = hashlib.sha256()
    for event in events:
        found.update(json.dumps(event, ensure_ascii=False).encode())
    return found.hexdigest()


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return list(generate_events(demo_plan(UNTIL), scale=SCALE))


def test_the_same_plan_and_seed_give_the_same_bytes(events: list[dict[str, Any]]) -> None:
    assert digest(generate_events(demo_plan(UNTIL), scale=SCALE)) == digest(events)


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_the_hash_seed_of_python_changes_nothing(hash_seed: str, events: list[dict[str, Any]]) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    shown = subprocess.run(
        [sys.executable, "-c", PRINT_DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == digest(events)


def test_another_seed_gives_another_history(events: list[dict[str, Any]]) -> None:
    assert digest(generate_events(demo_plan(UNTIL), seed=1, scale=SCALE)) != digest(events)


def test_events_come_by_time_and_end_at_six_on_the_last_day(events: list[dict[str, Any]]) -> None:
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert times[0] == "2025-04-18T00:00:00Z"
    assert "2026-06-18T00:00:00Z" < times[-1] <= "2026-06-18T06:00:00Z"


def test_ids_are_unique_within_their_source(events: list[dict[str, Any]]) -> None:
    assert len({(event["source"], event["id"]) for event in events}) == len(events)


def test_orders_are_numbered_by_time_in_each_marketplace(events: list[dict[str, Any]]) -> None:
    placed = [
        e["subject"] for e in events if e["type"] == "qos.order.placed" and e["marketplace"] == "halle-fr"
    ]
    assert placed[0] == "HF-100001"
    numbers = [int(subject.removeprefix("HF-")) for subject in placed]
    assert sorted(numbers) == list(range(100_001, 100_001 + len(numbers)))


def test_every_shop_is_opened_before_anything_else_happens(events: list[dict[str, Any]]) -> None:
    plan = demo_plan(UNTIL)
    assert [event["type"] for event in events[:60]] == ["qos.shop.opened"] * 60
    with_hours = sum(shop.hours is not None for shop in plan.shops)
    assert [event["type"] for event in events[60 : 60 + with_hours]] == ["qos.shop.calendar_set"] * with_hours


@pytest.mark.parametrize("until", [UNTIL, date(2026, 1, 2), date(2027, 3, 1)])
def test_every_type_of_the_contract_occurs(until: date) -> None:
    seen = {event["type"].removeprefix("qos.") for event in generate_events(demo_plan(until), scale=SCALE)}
    assert seen == set(TYPES)


def test_every_event_is_accepted_by_the_contract(events: list[dict[str, Any]]) -> None:
    now_ms = int(moment("2026-06-18T06:00:00Z").timestamp() * 1000)
    for event in events:
        typed = read_event(event, now_ms=now_ms)
        fields = MODELS[typed.type].model_fields.items()
        assert set(event["data"]) <= {field.alias or name for name, field in fields}, event


def test_nothing_happens_to_an_order_before_it_is_placed(events: list[dict[str, Any]]) -> None:
    placed: set[str] = set()
    for event in events:
        if event["type"] == "qos.order.placed":
            placed.add(event["subject"])
        named = event["subject"] if event["type"].startswith("qos.order.") else event["data"].get("order")
        assert named is None or named in placed, event


def test_nothing_happens_in_a_case_before_it_opens_or_a_parcel_before_it_ships(
    events: list[dict[str, Any]],
) -> None:
    begun: set[str] = set()
    for event in events:
        if event["type"] in {"qos.case.opened", "qos.order.shipped"}:
            begun.add(event["subject"])
        if event["type"].startswith(("qos.case.", "qos.tracking.")) or event["data"].get("case"):
            assert event["subject"] in begun, event


def test_buyers_write_in_the_language_of_the_marketplace(events: list[dict[str, Any]]) -> None:
    greetings = {"halle-fr": "Bonjour", "lonja-es": "Hola", "kontor-de": "Guten Tag"}
    for place, greeting in greetings.items():
        bodies = [e["data"]["body"] for e in events if e["marketplace"] == place and "body" in e["data"]]
        others = [other for name, other in greetings.items() if name != place]
        assert any(body.startswith(greeting) for body in bodies)
        assert not any(body.startswith(tuple(others)) for body in bodies)
        assert not any("{" in body for body in bodies)


def test_most_orders_are_plain(events: list[dict[str, Any]]) -> None:
    """So that counting plain orders in columns is worth having."""
    typed = [read_event(event, now_ms=moment_ms(events[-1]["time"])) for event in events]
    by_order: dict[tuple[str, str], list[TypedEvent]] = {}
    for event in typed:
        if event.order is not None:
            by_order.setdefault((event.shop, event.order), []).append(event)
    assert sum(find_plain(told) is not None for told in by_order.values()) > 0.75 * len(by_order)
