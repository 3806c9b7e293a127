"""Conditions: written and read back, answered alike by both evaluators, for any numbers with ties and gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.answers import Answers, Facts, Numbers, Texts, answer
from scoring.standards.conditions import Compare, parse_condition, write_condition
from scoring.standards.errors import ConditionError
from scoring.standards.intervals import find_contradiction, implies
from tests.standards.oracle.conditions import holds

OPERATORS = st.sampled_from(["<", "<=", ">", ">=", "=", "≤", "≥"])
BOUNDS = st.sampled_from(["0", "1", "2", "2.5", "50 %", "250 %"])
COMPARISONS = st.builds(lambda operator, bound: f"{operator} {bound}", OPERATORS, BOUNDS)
LEAVES = st.one_of(
    COMPARISONS,
    st.builds(lambda key, test: {key: test}, st.sampled_from(["bad", "base"]), COMPARISONS),
    st.builds(lambda names: {"country": names}, st.lists(st.sampled_from(["FR", "DE"]), min_size=1, max_size=2)),
    st.builds(lambda wanted: {"tracked": wanted}, st.booleans()),
    st.builds(lambda key, word: {key: word}, st.sampled_from(["bad", "country"]),
              st.sampled_from(["given", "missing"])),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda kind, parts: {kind: parts}, st.sampled_from(["all", "any"]),
                  st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner)),
    max_leaves=6)
NUMBERS = st.one_of(st.none(), st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(1), Fraction(2), Fraction(5, 2)]))
WORLDS = st.fixed_dictionaries({
    "value": NUMBERS, "bad": NUMBERS, "base": NUMBERS, "country": st.sampled_from(["FR", "DE", "ES", None]),
    "tracked": st.sampled_from([True, False, None])})


@dataclass
class OneFacts:
    """A world of one shop, for the vectorised evaluator."""

    world: dict[str, Any]
    size: int = 1

    def numbers(self, key: str) -> Numbers:
        found = self.world[key]
        if isinstance(found, str) or key == "country":
            raise KeyError(key)
        value = Fraction(0) if found is None else found
        return Numbers(np.array([value.numerator]), np.array([value.denominator]), np.array([found is not None]))

    def texts(self, key: str) -> Texts:
        return np.array([self.world[key] or ""], object)

    def flags(self, key: str) -> Answers:
        return np.array([{None: -1, True: 1, False: 0}[self.world[key]]], np.int8)

    def instead(self, key: str) -> Answers | None:
        return None

    def each_rule(self) -> Sequence[Facts]:
        return ()


@dataclass
class OneLook:
    """The same world for the plain evaluator."""

    world: dict[str, Any]

    def find(self, key: str) -> Any:
        return self.world[key]

    def instead(self, key: str) -> bool | None:
        return None

    def rules(self) -> Sequence[Any]:
        return ()


@given(CONDITIONS)
def test_a_condition_is_read_back_as_it_was_written(written: Any) -> None:
    condition = parse_condition(written)
    assert parse_condition(write_condition(condition)) == condition


@settings(max_examples=400)
@given(CONDITIONS, WORLDS)
def test_both_evaluators_answer_alike(written: Any, world: dict[str, Any]) -> None:
    found = {1: True, 0: False, -1: None}[int(answer(parse_condition(written), OneFacts(world))[0])]
    assert found == holds(written, OneLook(world))


@settings(max_examples=300)
@given(st.lists(COMPARISONS, min_size=1, max_size=4), st.sampled_from([Fraction(n, 4) for n in range(-1, 12)]))
def test_what_is_called_contradictory_holds_for_no_number(written: list[str], number: Fraction) -> None:
    condition = parse_condition({"all": written})
    if find_contradiction(condition):
        assert holds({"all": written}, OneLook({"value": number})) is False


@settings(max_examples=300)
@given(COMPARISONS, COMPARISONS, st.sampled_from([Fraction(n, 4) for n in range(-1, 12)]))
def test_what_implies_another_condition_never_holds_without_it(first: str, second: str, number: Fraction) -> None:
    one, other = parse_condition(first), parse_condition(second)
    assert isinstance(one, Compare)
    assert isinstance(other, Compare)
    if implies(one, other) and one.holds(number):
        assert other.holds(number)


@pytest.mark.parametrize(
    ("written", "bound"),
    [("<= 2 %", Fraction(1, 50)), ("< 24 h", Fraction(86_400)), ("≥ 1.5 d", Fraction(129_600)),
     ("= 90 min", Fraction(5400)), ("> -3", Fraction(-3)), ("< 30 s", Fraction(30)), ("<0.1", Fraction(1, 10))],
)
def test_a_bound_is_exact_whatever_its_unit(written: str, bound: Fraction) -> None:
    condition = parse_condition(written)
    assert isinstance(condition, Compare)
    assert condition.bound == bound


@pytest.mark.parametrize(
    "written", ["2 %", "=< 2", "< 2 kg", "< 1/2", "< two", "<", "", "< 1e3", "__import__('os')", "< 2; 3"])
def test_anything_else_is_no_comparison(written: str) -> None:
    with pytest.raises(ConditionError, match="is no comparison"):
        parse_condition(written)


@pytest.mark.parametrize(
    ("written", "path"),
    [({}, ""), ({"all": []}, "all"), ({"any": [{"bad": 3}]}, "any[0].bad"), ({"not": 4}, "not"),
     ({"all": ["< 1", {"any": ["> 2", {"country": [1]}]}]}, "all[1].any[1].country[0]")],
)
def test_a_mistake_inside_names_its_place(written: Any, path: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(written)
    assert caught.value.path == path
