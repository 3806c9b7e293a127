"""The golden micro-histories through the real door, on both databases: every expected number."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from operator_qos.ledger.values import MetricValue
from tests.pipeline.loading import add_places, feed, values

FOLDER = Path(__file__).parents[1] / "golden"
FILES = sorted(path for path in FOLDER.rglob("*.json") if "events" in json.loads(path.read_text()))


def _close(got: float | None, want: float | None) -> bool:
    return got is None if want is None else got is not None and abs(got - want) < 1e-6


def _differs(row: MetricValue | None, check: dict[str, Any]) -> str:
    if row is None:
        return "" if check["base"] == 0 else "the row is missing"
    got = (row.bad, row.base)
    if got != (check["bad"], check["base"]):
        return f"bad, base are {got}"
    names = ("value",) if "value" in check else ("median", "p90", "mean") if check["base"] else ()
    wrong = [f"{name} is {getattr(row, name)}" for name in names if not _close(getattr(row, name), check[name])]
    return "; ".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("way", ["as written", "shuffled one by one"])
def test_every_expected_number_comes_out(engine: Engine, path: Path, way: str) -> None:
    """In whatever order the events arrive."""
    golden = json.loads(path.read_text())
    add_places(engine, {name: place["timezone"] for name, place in golden["marketplaces"].items()})
    events = list(golden["events"])
    if way == "as written":
        feed(engine, events)
    else:
        random.Random(path.stem).shuffle(events)
        for event in events:
            feed(engine, [event])
    wrong: list[str] = []
    for check in golden["checks"]:
        found = values(engine, as_of=check["as_of"], known_at=check.get("known_at"), days=check["window_days"],
                       official=check["official"])
        problem = _differs(found.get((check["marketplace"], check["shop"], check["metric"])), check)
        if problem:
            wrong.append(f"{check}: {problem}")
    assert not wrong, golden["rule"] + "\n" + "\n".join(wrong)
