"""However a standard is broken, it is refused with a place and a line, never with a crash."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.standards import StandardError, find_mistakes, list_presets, parse_standard, read_preset

PLAIN = {name: yaml.safe_load(read_preset(name)) for name in list_presets()}
JUNK = st.sampled_from([
    None, True, -1, 0, 10**12, 0.5, float("inf"), "", " ", "x", "< 1", ">= 10 %", [], [[]], [1], ["x"], [{}], {},
    {"x": 1}, {"all": []}, {"any": ["< 1"]}, {"not": {"x": "< 1"}}, {"days": 3}, {"days": -3}, {"en": "Text"},
    "2020-01-01", {1: 2},
])


def list_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        yield from list_paths(item, (*path, key))


PATHS = {name: [path for path in list_paths(plain) if path] for name, plain in PLAIN.items()}


@st.composite
def broken(draw: st.DrawFn) -> dict[str, Any]:
    """A preset with a few of its values replaced, dropped or joined by strange ones."""
    name = draw(st.sampled_from(sorted(PLAIN)))
    plain = copy.deepcopy(PLAIN[name])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PATHS[name]))
        place = plain
        try:
            for key in path[:-1]:
                place = place[key]
            how = draw(st.sampled_from(["replace", "drop", "join"]))
            if how == "drop":
                del place[path[-1]]
            elif how == "join" and isinstance(place, dict):
                place[draw(st.sampled_from(["x", "window", "needs", "id", "rules", "when"]))] = draw(JUNK)
            else:
                place[path[-1]] = draw(JUNK)
        except (KeyError, IndexError, TypeError):
            continue
    return plain


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken())
def test_a_broken_mapping_is_refused_with_reasons_or_read(plain: dict[str, Any]) -> None:
    mistakes = find_mistakes(plain)
    assert all(mistake.problem for mistake in mistakes)
    if mistakes:
        with pytest.raises(StandardError):
            parse_standard(plain)
    else:
        standard = parse_standard(plain)
        assert parse_standard(standard.to_mapping()) == standard


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(broken())
def test_in_a_text_every_mistake_has_a_line(plain: dict[str, Any]) -> None:
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
    lines = text.count("\n") + 1
    assert [mistake for mistake in find_mistakes(text) if not 1 <= (mistake.line or 0) <= lines] == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list_presets()), st.integers(0, 4000), st.sampled_from(list(":{}[]-'\"#&*!|>%@\t\n ,x")))
def test_a_text_with_a_wrong_letter_is_refused_or_read(name: str, at: int, letter: str) -> None:
    text = read_preset(name)
    at %= len(text)
    for mistake in find_mistakes(text[:at] + letter + text[at + 1:]):
        assert mistake.problem


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("id: a\nrules: &r [*r]", "line 2: *r refers to another place; write the value out", 2),
        ("id: a\nversion: &v 1\nsettle_hours: *v", "line 3: *v refers to another place; write the value out", 3),
        ("id: " + "[" * 5000, "nested too deep to be a standard", 1),
        ("id: !!python/object/apply:os.system [x]", "not readable as YAML: could not determine a constructor", 1),
        ("", "a standard is a mapping of fields, starting with id, version and title", 1),
    ],
)
def test_what_no_standard_needs_is_not_read_at_all(text: str, message: str, line: int) -> None:
    (mistake,) = find_mistakes(text)
    assert str(mistake).startswith(message)
    assert mistake.line == line


def test_a_sign_that_cannot_be_printed_is_told_with_its_line() -> None:
    (mistake,) = find_mistakes("id: ours\nversion: 1\x00\n")
    assert (mistake.line, mistake.problem) == (2, "holds a sign that cannot be printed: 0x0000")
