"""Which acts follow from a change: by hand for every kind, and as a property over runs of changes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.acts import Following, Moved, follow, join
from scoring.standards import Standard, load_preset, parse_standard, read_preset

OURS = load_preset("ours")
WITH_ACTS = parse_standard(read_preset("ours").replace(
    "title: {en: Below standard, fr: Sous le standard}\n",
    "title: {en: Below standard, fr: Sous le standard}\n"
    "    acts: [{kind: ranking}, {kind: order_cap, cap: 20, days: 7}, {kind: suspension, scope: category}, "
    "{kind: notice}]\n"))


def move(kind: str, before: str | None, after: str | None, metric: str | None = None) -> Moved:
    return Moved(kind, metric, before, after)


@pytest.mark.parametrize(
    ("moved", "mirror", "is_adverse"),
    [
        (move("level_changed", "top", "in_standard"), ("level", "level"), True),
        (move("level_changed", "below", "top"), ("level", "level"), False),
        (move("level_changed", None, "in_standard"), ("level", "level"), False),
        (move("badge_awarded", None, "top_seller"), ("badge", "badge:top_seller"), False),
        (move("badge_withdrawn", "top_seller", None), ("badge", "badge:top_seller"), True),
        (move("warning_given", "0", "1", "late_shipment_rate"), ("warning", "warning:late_shipment_rate"), True),
        (move("warning_given", "1", "2", "late_shipment_rate"), ("warning", "warning:late_shipment_rate"), True),
        (move("warning_ended", "2", "0", "late_shipment_rate"), ("warning", "warning:late_shipment_rate"), False),
        (move("strikes_given", "1", "3", "strikes.service"), ("strikes", "strikes.service"), True),
        (move("strikes_ended", "3", "2", "strikes.service"), ("strikes", "strikes.service"), False),
        (move("step_ended", "2", None, "points"), ("step", "step:points:2"), False),
    ],
)
def test_a_change_is_mirrored_by_an_act_of_its_kind(moved: Moved, mirror: tuple[str, str], is_adverse: bool) -> None:
    found = follow(moved, OURS).mirror
    assert ((found.kind, found.subject), found.is_adverse) == (mirror, is_adverse)
    assert (found.before, found.after) == (moved.before, moved.after)


def test_a_level_brings_its_acts_and_ends_those_of_the_level_before() -> None:
    found = follow(move("level_changed", "in_standard", "below"), WITH_ACTS)
    told = [(act.kind, act.subject, act.is_adverse, act.needs_two, act.days) for act in found.brought]
    assert told == [
        ("ranking", "ranking", True, False, None), ("order_cap", "order_cap", True, False, 7),
        ("suspension", "suspension:category", True, True, None), ("notice", "notice", False, False, None)]
    assert {act.origin for act in found.brought} == {"tier:below"}
    assert (found.brought[1].scope, found.ends) == ({"scope": "shop", "cap": "20"}, "tier:in_standard")
    assert follow(move("level_changed", "below", "top"), WITH_ACTS).ends == "tier:below"


def test_acts_of_a_rule_come_with_its_first_warning_only_and_end_with_the_last() -> None:
    amazon = load_preset("amazon")
    rule = next(rule for rule in amazon.rules if rule.acts)
    first = follow(move("warning_given", "0", "1", rule.id), amazon)
    second = follow(move("warning_given", "1", "2", rule.id), amazon)
    ended = follow(move("warning_ended", "2", "0", rule.id), amazon)
    assert [act.kind for act in first.brought] == [act.kind for act in rule.acts]
    assert (second.brought, ended.brought, ended.ends) == ((), (), f"rule:{rule.id}")


def test_a_step_of_points_brings_its_acts() -> None:
    amazon = load_preset("amazon")
    assert amazon.points is not None
    found = follow(move("step_reached", None, "2", "points"), amazon)
    assert [act.kind for act in found.brought] == [act.kind for act in amazon.points.steps[1].acts]
    assert (found.mirror.is_adverse, found.mirror.origin) == (True, "step:points:2")
    assert follow(move("step_reached", None, "9", "points"), amazon).brought == ()


def test_a_level_that_the_standard_does_not_have_is_worse_only_when_it_brings_something() -> None:
    assert not follow(move("level_changed", "gold", "in_standard"), OURS).mirror.is_adverse
    assert follow(move("level_changed", "gold", "below"), WITH_ACTS).mirror.is_adverse


def test_the_part_of_a_shop_is_a_subject_of_its_own() -> None:
    found: Following = follow(Moved("level_changed", None, "in_standard", "below", "books"), WITH_ACTS)
    assert (found.mirror.subject, found.brought[0].subject) == ("level|books", "ranking|books")
    assert (found.brought[0].scope["part"], found.ends) == ("books", "tier:in_standard|books")


LEVELS = st.sampled_from([tier.id for tier in OURS.tiers])


@given(st.lists(LEVELS, min_size=2, max_size=8))
def test_changes_joined_lead_from_the_first_to_the_last_or_nowhere(levels: list[str]) -> None:
    moves = [move("level_changed", *pair) for pair in pairwise(levels)]
    joined = join(moves)
    if levels[0] == levels[-1]:
        assert joined is None
    else:
        assert joined is not None
        assert (joined.before, joined.after) == (levels[0], levels[-1])


def test_changes_of_different_subjects_are_not_joined() -> None:
    with pytest.raises(ValueError, match="one subject"):
        join([move("level_changed", "top", "below"), move("badge_awarded", None, "top_seller")])
    with pytest.raises(ValueError, match="one subject"):
        join([])


@given(LEVELS, LEVELS, st.sampled_from([OURS, WITH_ACTS]))
def test_a_fall_is_adverse_and_a_rise_is_not(before: str, after: str, standard: Standard) -> None:
    places = {tier.id: place for place, tier in enumerate(standard.tiers)}
    found = follow(move("level_changed", before, after), standard)
    assert found.mirror.is_adverse == (places[after] > places[before])
