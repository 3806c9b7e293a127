"""The second method against every golden file, whatever the order and repetition of its events."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Measured, measure

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = [path for path in sorted(GOLDEN.glob("*.json")) if "checks" in json.loads(path.read_text())]


LATER = sorted((GOLDEN / "catalogue").glob("*.json"))


def arrivals(events: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The same events as they might arrive: as written, backwards, twice, and shuffled."""
    ways = [events, events[::-1], [event for event in events for _ in range(2)]]
    for seed in range(5):
        mixed = events + events[:3]
        random.Random(seed).shuffle(mixed)
        ways.append(mixed)
    return ways


def run(check: dict[str, Any], golden: dict[str, Any], events: list[dict[str, Any]]) -> Measured:
    return measure(
        events,
        zones={name: market["timezone"] for name, market in golden["marketplaces"].items()},
        as_of=check["as_of"],
        known_at=check.get("known_at"),
        window_days=check["window_days"],
        marketplace=check["marketplace"],
        shop=check["shop"],
        metric=check["metric"],
        official=check["official"],
    )


def expected(check: dict[str, Any]) -> dict[str, Any]:
    return {name: check[name] for name in ("bad", "base", "value", "median", "p90", "mean") if name in check}


def found(measured: Measured, names: dict[str, Any]) -> dict[str, Any]:
    shown = {name: getattr(measured, name) for name in names}
    if shown.get("value") is not None:
        shown["value"] = round(shown["value"], 6)
    return shown


def test_there_are_golden_files() -> None:
    assert len(FILES) == 46
    assert len(LATER) == 11


@pytest.mark.parametrize("path", [*FILES, *LATER], ids=lambda path: path.stem)
def test_every_check_of_a_golden_file_holds_in_every_order_of_arrival(path: Path) -> None:
    golden = json.loads(path.read_text())
    for check in golden["checks"]:
        want = expected(check)
        for events in arrivals(golden["events"]):
            measured = run(check, golden, events)
            assert found(measured, want) == want, check
            assert len(measured.base_units) == check["base"]
