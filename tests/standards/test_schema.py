"""The JSON Schema takes every standard that can be read, as JSON, and refuses what is plainly none."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from scoring.standards import list_presets, load_preset, load_standard, standard_schema
from tests.standards.json_schema import list_errors

SCHEMA = json.loads(json.dumps(standard_schema()))


def find_errors(plain: Any) -> list[str]:
    return list(list_errors(SCHEMA, json.loads(json.dumps(plain)), SCHEMA))


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_keeps_to_the_schema(name: str) -> None:
    assert find_errors(load_preset(name).to_mapping()) == []


def test_a_standard_of_every_construct_keeps_to_the_schema() -> None:
    assert find_errors(load_standard(Path(__file__).parent / "every_construct.yaml").to_mapping()) == []


@pytest.mark.parametrize(
    ("path", "junk"),
    [
        ("id", "Our own"), ("version", 0), ("version", "1"), ("colour", "red"), ("rules", {}),
        ("evaluated/every", "hour"), ("rules/1/kept_when", "4 %"), ("rules/1/kept_when", 0.04),
        ("rules/1/kept_when", {"any": []}), ("rules/1/kept_when", {"any": [{"bad": 3}]}),
        ("rules/1/window", {"day": 3}), ("rules/1/window/days", 0), ("rules/1/measure", "mode"),
        ("tiers/0/needs", []), ("title", {}), ("effective_from", 2015),
    ],
)
def test_what_is_no_standard_does_not(path: str, junk: object) -> None:
    plain = copy.deepcopy(load_preset("ours").to_mapping())
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = plain
    for part in parents:
        place = place[part]  # type: ignore[index]
    place[last] = junk  # type: ignore[index]
    assert find_errors(plain) != []
