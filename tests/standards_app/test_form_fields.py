"""The form over a standard's text: each value goes where the old one stood, and nothing else moves."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_qos.standards.form_fields import FormField, list_emptied, list_parts, set_values
from operator_qos.standards.form_removal import remove_places
from scoring.standards import find_mistakes, list_presets, read_preset

SMALL = """# Whose numbers these are.
id: small   # never renamed
version: 2
title: {en: Small}
effective_from: 2026-09-01
evaluated: {every: day}
judged_by: evidence
evidence: {min_base: 20, min_bad: 3, min_buyers: 2, alpha: 0.005}
rules:
  # Late is late.
  - id: late   # the first
    metric: late_shipment_rate
    unit: order
    window: {days: 30}
    kept_when: "<= 4 %"  # agreed in spring
  - {id: cancelled, metric: cancellation_rate, unit: order, judged_by: point, window: {full: month, count: 3}, kept_when: {any: ["<= 2.5 %", {bad: "< 3"}]}}
tiers:
  - id: top
    title:
      en: >
        Very
        good
    needs: {every_rule: {verdict: kept}, late.base: ">= 50"}
  - {id: other, title: {en: Other}}
warnings:
  after_days: [0, 30]
  end_after_days: 30
"""  # noqa: E501  # a flow mapping stays on its line


def list_fields(text: str) -> dict[str, FormField]:
    return {field.name: field for part in list_parts(text) for field in part.fields}


# The fast reader of the same library, where it was built with it: presets are read once per field.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    return yaml.load(text, Loader=LOADER)  # noqa: S506  # both are safe loaders


def put(data: Any, place: tuple[str, ...], value: Any) -> Any:
    """The slow way: the data with a value at a place."""
    node = data
    for step in place[:-1]:
        node = node[int(step)] if isinstance(node, list) else node.setdefault(step, {})
    node[place[-1] if isinstance(node, dict) else int(place[-1])] = value
    return data


def test_the_form_knows_these_fields_and_their_values() -> None:
    fields = list_fields(SMALL)
    assert {name: (field.operator, field.value, field.unit) for name, field in fields.items()} == {
        "title/en": ("", "Small", ""), "title/fr": ("", "", ""), "effective_from": ("", "2026-09-01", ""),
        "evidence/min_base": ("", "20", ""), "evidence/min_bad": ("", "3", ""), "evidence/min_buyers": ("", "2", ""),
        "evidence/alpha": ("", "0.005", ""), "warnings/after_days": ("", "0, 30", "days"),
        "warnings/end_after_days": ("", "30", "days"), "rules/0/title/en": ("", "", ""),
        "rules/0/title/fr": ("", "", ""), "rules/0/kept_when": ("<=", "4", "%"),
        "rules/0/watch_when": (">", "", "%"), "rules/0/window/days": ("", "30", "days"),
        "rules/1/title/en": ("", "", ""), "rules/1/title/fr": ("", "", ""), "tiers/0/title/en": ("", "Very good\n", ""),
        "tiers/0/title/fr": ("", "", ""), "tiers/0/needs/late.base": (">=", "50", ""),
        "tiers/1/title/en": ("", "Other", ""), "tiers/1/title/fr": ("", "", ""),
    }
    assert fields["rules/0/kept_when"].path == "rules[0].kept_when"


def test_a_number_goes_where_the_old_one_stood_and_comments_stay() -> None:
    values = {"rules/0/kept_when": "2,5", "rules/0/window/days": "60"}
    text, errors = set_values(SMALL, values, {"rules/0/kept_when": "<"})
    assert errors == ()
    assert text == SMALL.replace('"<= 4 %"', '"< 2.5 %"').replace("{days: 30}", "{days: 60}")


def test_what_was_not_given_is_added_beside_the_id() -> None:
    values = {"rules/0/title/en": "Late: \"really\"", "rules/0/title/fr": "En retard", "rules/0/watch_when": "3",
              "rules/1/title/fr": "Annulées", "title/fr": "Petit"}
    text, errors = set_values(SMALL, values, {})
    assert errors == ()
    found = load(text)
    assert found["rules"][0]["title"] == {"en": 'Late: "really"', "fr": "En retard"}
    assert found["rules"][0]["watch_when"] == "> 3 %"
    assert found["rules"][1]["title"] == {"fr": "Annulées"}
    assert found["title"] == {"en": "Small", "fr": "Petit"}
    assert [line for line in SMALL.splitlines() if "#" in line] == [line for line in text.splitlines() if "#" in line]
    assert find_mistakes(text) == ()


def test_a_list_and_a_text_over_several_lines_are_replaced_whole() -> None:
    text, errors = set_values(SMALL, {"warnings/after_days": "0, 14, 30", "tiers/0/title/en": "Best"}, {})
    assert errors == ()
    assert load(text)["warnings"] == {"after_days": [0, 14, 30], "end_after_days": 30}
    assert load(text)["tiers"][0]["title"] == {"en": "Best"}
    assert find_mistakes(text) == ()


@pytest.mark.parametrize(("name", "value", "operator", "code"), [
    ("rules/0/kept_when", "four", "<=", "number"), ("rules/0/kept_when", "4 %", "<=", "number"),
    ("rules/0/kept_when", "4", "about", "operator"), ("effective_from", "soon", "", "date"),
    ("warnings/after_days", "0; 30", "", "number"), ("evidence/alpha", "1e-3", "", "number"),
])  # fmt: skip
def test_a_value_that_cannot_stand_there_is_refused_and_the_text_stays(
    name: str, value: str, operator: str, code: str
) -> None:
    text, errors = set_values(SMALL, {name: value}, {name: operator})
    assert text == SMALL
    assert [(error.name, error.code) for error in errors] == [(name, code)]


@pytest.mark.parametrize("preset", list_presets())
def test_what_is_sent_back_unchanged_changes_nothing(preset: str) -> None:
    text = read_preset(preset)
    fields = list_fields(text)
    assert fields
    values = {name: field.value for name, field in fields.items()}
    assert set_values(text, values, {name: field.operator for name, field in fields.items()}) == (text, ())


@pytest.mark.parametrize("preset", list_presets())
def test_each_field_of_every_preset_changes_its_own_place_alone(preset: str) -> None:
    """A second, slow way: the value put into the data as loaded. The rest of the text stays letter by letter."""
    text, data = read_preset(preset), load(read_preset(preset))
    # Every second field, the others in the next preset: where many are changed at once below, all of them are.
    for name, field in list(list_fields(text).items())[len(preset) % 2 :: 2]:
        value = {"text": "Neu: é", "date": "2031-01-02", "list": "0, 77"}.get(field.kind, "77")
        changed, errors = set_values(text, {name: value}, {})
        assert errors == ()
        written = {"limit": f"{field.operator} 77{' ' if field.unit else ''}{field.unit}", "number": 77,
                   "list": [0, 77], "date": load("2031-01-02")}.get(field.kind, value)
        assert load(changed) == put(deepcopy(data), field.place, written), name
        assert [line for line in text.splitlines() if "#" in line and "{" not in line] == [
            line for line in changed.splitlines() if "#" in line and "{" not in line]
        assert abs(len(changed.splitlines()) - len(text.splitlines())) <= 1
    assert load(text) == data


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_many_fields_at_once_are_as_good_as_one_by_one(data: st.DataObject) -> None:
    fields = list_fields(SMALL)
    chosen = data.draw(st.lists(st.sampled_from(sorted(fields)), unique=True, min_size=1))
    words = st.text(st.characters(categories=("L", "N", "P", "Zs", "S")), min_size=1).filter(lambda text: text.strip())
    kinds = {"text": words, "date": st.dates().map(str), "list": st.just("0, 5"), "number": st.integers(0, 99).map(str),
             "limit": st.integers(0, 99).map(str)}
    values = {name: data.draw(kinds[fields[name].kind]) for name in chosen}
    together, errors = set_values(SMALL, values, {})
    one_by_one = SMALL
    for name, value in values.items():
        one_by_one, _none = set_values(one_by_one, {name: value}, {})
    assert errors == ()
    assert load(together) == load(one_by_one)


@pytest.mark.parametrize("text", ["", "- a list", "{", "id: [", "rules: 7", "title: text\nrules: [7, {id: x}]"])
def test_a_text_that_is_no_standard_has_few_fields_or_none(text: str) -> None:
    for part in list_parts(text):
        assert {field.is_given for field in part.fields} <= {False}


def drop(data: Any, place: tuple[str, ...]) -> Any:
    """The slow way: the data without what is at a place, nor what then holds nothing."""
    above = data
    for step in place[:-1]:
        above = above[int(step)] if isinstance(above, list) else above[step]
    del above[int(place[-1]) if isinstance(above, list) else place[-1]]
    return drop(data, place[:-1]) if not above and len(place) > 1 else data


@pytest.mark.parametrize("preset", [*list_presets(), "small"])
def test_fields_of_every_preset_can_be_taken_out_alone(preset: str) -> None:
    """All comments on lines of their own stay; the number of lines falls by those the field filled."""
    text = SMALL if preset == "small" else read_preset(preset)
    data = load(text)
    given = [(name, field) for name, field in list_fields(text).items() if field.is_given]
    # Every fifth field of each, another fifth from preset to preset: lines of every kind, in a fifth of the time.
    for name, field in given[len(preset) % 5 :: 5]:
        assert list_emptied(text, {name: " "}) == [field.place]
        changed = remove_places(text, [field.place])
        assert load(changed) == drop(deepcopy(data), field.place), name
        assert [line for line in text.splitlines() if line.lstrip().startswith("#")] == [
            line for line in changed.splitlines() if line.lstrip().startswith("#")]


@pytest.mark.parametrize("preset", [*list_presets(), "small"])
def test_each_rule_level_and_badge_can_be_taken_out_alone(preset: str) -> None:
    text = SMALL if preset == "small" else read_preset(preset)
    data = load(text)
    for kind in ("rules", "tiers", "badges"):
        for number in range(len(data.get(kind, []))):
            place = (kind, str(number))
            assert load(remove_places(text, [place])) == drop(deepcopy(data), place), place


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_many_places_at_once_are_as_good_as_one_by_one(data: st.DataObject) -> None:
    given_fields = [field.place for field in list_fields(SMALL).values() if field.is_given]
    places = data.draw(st.lists(st.sampled_from([*given_fields, ("rules", "0"), ("rules", "1"), ("tiers", "1")]),
                                unique=True, min_size=1))
    loaded = load(SMALL)
    for place in sorted(places, reverse=True):  # the later parts of a list first, a field before its part
        if not any(place[: len(other)] == other for other in places if other != place):
            loaded = drop(loaded, place)
    assert (load(remove_places(SMALL, places)) or {}) == loaded


def test_taking_out_leaves_the_rest_to_the_letter() -> None:
    assert remove_places(SMALL, [("rules", "0", "kept_when")]) == SMALL.replace(
        '    kept_when: "<= 4 %"  # agreed in spring\n', "")
    assert remove_places(SMALL, [("evidence", "min_bad")]) == SMALL.replace("min_bad: 3, ", "")
    assert remove_places(SMALL, [("tiers", "1")]) == SMALL.replace("  - {id: other, title: {en: Other}}\n", "")
    assert remove_places(SMALL, [("rules", "7"), ("nothing",)]) == SMALL
