"""What an evaluation changed and why, worked out by hand: reasons name the tests that decided, with what was found."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from scoring.changes import list_changes
from scoring.evaluate import evaluate
from scoring.ladder import Intent, Reason, to_plain
from scoring.progress import advance, begin
from scoring.standards import Standard, parse_standard
from tests.standards.small import ON, build_standard, build_table, unit
from tests.standards.worlds import START, build_world

DAY = timedelta(days=1)
ONE_DAY = {"window": {"days": 1}, "kept_when": "<= 50 %"}
GOOD, OTHER = ({"id": name, "title": {"en": name}} for name in ("good", "other"))


def tell(standard: Standard, letters: str, **shop: Any) -> list[tuple[Intent, ...]]:
    """The intents of each day: b a bad unit, B three of one buyer each, g a good one, a blank none."""
    rows = [unit(ON + DAY * number, bad=int(letter in "bB"), unit_ref=f"{number}-{copy}")
            for number, letter in enumerate(letters) if letter != " " for copy in range(3 if letter == "B" else 1)]
    table = build_table(standard, rows, **shop)
    progress, found = begin(standard, 1), []
    for number in range(len(letters)):
        evaluation = evaluate(table, ON + DAY * number, ever_judged=progress.ever_judged)
        after = advance(progress, evaluation)
        found.append(list_changes(progress, evaluation, after).get(0, ()))
        progress = after
    return found


def brief(intents: tuple[Intent, ...]) -> list[tuple[Any, ...]]:
    return [(str(i.kind), i.before, i.after, i.metric, *(str(reason.code) for reason in i.reasons)) for i in intents]


def test_a_level_falls_for_what_it_asks_and_rises_for_what_it_rests_on() -> None:
    standard = build_standard(ONE_DAY, tiers=[{**GOOD, "needs": {"rule_0.verdict": "kept"}}, OTHER])
    first, fall, same, rise = tell(standard, "gbbg")
    assert brief(first) == [("level_changed", None, "good", None, "kept")]
    warned, fell = fall
    numbers = Reason(warned.reasons[0].code, "rule_0", 1, 1, 1.0, Decimal("0.5"), ON + DAY, ON + DAY)
    assert (fell.before, fell.after, fell.reasons) == ("good", "other", (numbers,))
    assert brief((warned,)) == [("warning_given", 0, 1, "rule_0", "breached")]
    assert same == ()
    assert brief(rise) == [("level_changed", "other", "good", None, "kept")]
    assert rise[0].reasons[0] == Reason(rise[0].reasons[0].code, "rule_0", 0, 1, 0.0, Decimal("0.5"))


def test_what_keeps_a_level_explains_its_loss() -> None:
    tiers = [{**GOOD, "needs": {"rule_0": "<= 25 %"}, "keeps": {"rule_0": "<= 50 %"}}, OTHER]
    standard = build_standard({"window": {"days": 4}, "kept_when": "<= 100 %"}, tiers=tiers)
    *_, fall = tell(standard, "gbb")
    (reason,) = fall[0].reasons
    assert (str(reason.code), reason.key, reason.asks, reason.found) == (
        "condition_unmet", "rule_0", "<= 50 %", "2/3")
    assert (reason.metric, reason.bad, reason.base, to_plain(fall[0])["reasons"][0]["found"]) == ("rule_0", 2, 3, "2/3")


def test_breaches_apart_hold_a_level_down_until_their_episode_ends() -> None:
    needs = {"not": {"some_rule": {"breach_span_days": ">= 2"}}}
    standard = build_standard(ONE_DAY, tiers=[{**GOOD, "needs": needs}, OTHER],
                              warnings={"after_days": [0], "end_after_days": 3})
    days = tell(standard, "bgbgggg")
    assert brief(days[2]) == [("level_changed", "good", "other", None, "still_breached")]
    reason = days[2][0].reasons[0]
    assert (reason.since, reason.until) == (ON, ON + 2 * DAY)
    assert brief(days[5]) == [("warning_ended", 1, 0, "rule_0", "episode_ended"),
                              ("level_changed", "other", "good", None, "episode_ended")]
    assert [brief(day) for day in days[3:5]] == [[], []]


def test_a_first_level_that_asks_nothing_is_told_by_what_is_missed_above_it() -> None:
    standard = build_standard(ONE_DAY, tiers=[{**GOOD, "needs": {"rule_0.verdict": "kept"}}, OTHER])
    assert brief(tell(standard, "b")[0])[1:] == [("level_changed", None, "other", None, "breached")]
    assert brief(tell(build_standard(ONE_DAY, tiers=[OTHER]), "g")[0]) == [("level_changed", None, "other", None)]


def test_an_episode_that_ends_and_begins_on_one_day_is_both_told() -> None:
    standard = build_standard(ONE_DAY, warnings={"after_days": [0], "end_after_days": 2})
    assert brief(tell(standard, "bgb")[2]) == [("warning_ended", 1, 0, "rule_0", "episode_ended"),
                                               ("warning_given", 0, 1, "rule_0", "breached")]


def test_attributes_figures_and_levels_are_told_as_conditions() -> None:
    figures = [{"id": "orders", "metric": "m", "unit": "order", "window": {"days": 1}, "measure": "count"},
               {"id": "buyers", "metric": "m", "window": {"days": 1}, "measure": "distinct_buyers"}]
    needs = {"orders": "> 2", "country": "FR", "age_days": ">= 9", "buyers": ">= 1", "rule_0.base": "<= 3",
             "not": {"rule_0.verdict": "exempt"}}
    badges = [{"id": "b", "title": {"en": "B"}, "needs": {"tier": "good"}},
              {"id": "c", "title": {"en": "C"}, "needs": {"badge.b": True, "rule_0.base": ">= 2"}},
              {"id": "a", "title": {"en": "A"}, "needs": {"tier": "good"}, "active": False}]
    standard = build_standard(ONE_DAY | {"kept_when": "<= 100 %", "unit": "order"}, figures=figures, badges=badges,
                              tiers=[{**GOOD, "needs": needs}, OTHER])
    rows = [unit(ON + DAY * number, unit="order", unit_ref=str(place), bad=int(number < 2))
            for number, count in enumerate((3, 1)) for place in range(count)]
    table = build_table(standard, rows, country="FR", opened_on=ON - 9 * DAY)
    progress, found = begin(standard, 1), []
    for on in (ON, ON + DAY):
        evaluation = evaluate(table, on)
        after = advance(progress, evaluation)
        found.append(list_changes(progress, evaluation, after)[0])
        progress = after
    first, second = found
    told = {reason.key or str(reason.code): (reason.found, reason.needed) for reason in first[0].reasons}
    assert told == {"enough_orders": (None, 3), "country": ("FR", None), "age_days": ("9", None),
                    "buyers": ("3", None), "rule_0.base": ("3", None), "kept": (None, None)}
    assert brief(first[1:]) == [("badge_awarded", None, "b", None, "level_reached"),
                                ("badge_awarded", None, "c", None, "condition_met", "condition_met")]
    assert next((r.key, r.asks, r.found) for r in first[2].reasons) == ("badge.b", "yes", "yes")
    assert brief(second) == [
        ("level_changed", "good", "other", None, "too_few_orders"), ("badge_withdrawn", "b", None, None, "level_left"),
        ("badge_withdrawn", "c", None, None, "condition_unmet", "too_small_base")]
    assert [(r.base, r.needed) for r in (second[0].reasons[0], second[2].reasons[1])] == [(1, 3), (1, 2)]


@pytest.mark.parametrize(("missing", "codes"), [("fail", ["not_judged"]), ("skip", ["not_judged"])])
def test_a_level_lost_for_want_of_data_says_so(missing: str, codes: list[str]) -> None:
    rule = {**ONE_DAY, "missing": missing}
    standard = build_standard(rule, tiers=[{**GOOD, "needs": {"rule_0.verdict": "kept"}}, OTHER])
    assert brief(tell(standard, "g ")[1]) == [("level_changed", "good", "other", None, *codes)]


def test_strikes_are_told_with_their_number_and_cause_and_steps_with_what_they_ask() -> None:
    strikes = [{"id": "s", "when": {"rule_0.verdict": "breached"}, "last_days": 3,
                "steps": [{"when": ">= 2", "acts": [{"kind": "suspension"}]},
                          {"when": ">= 2", "acts": [{"kind": "order_cap"}], "for_days": 4}]},
               {"id": "off", "when": {"rule_0.verdict": "breached"}, "last_days": 3, "active": False}]
    standard = build_standard(ONE_DAY, strikes=strikes)
    days = [brief(tuple(i for i in day if not i.kind.startswith("warning"))) for day in tell(standard, "bbgggg")]
    given, ended, reached = "strikes_given", "strikes_ended", "step_reached"
    assert days == [
        [(given, 0, 1, "strikes.s", "breached")],
        [(given, 1, 2, "strikes.s", "still_breached"), (reached, None, 1, "strikes.s", "condition_met"),
         (reached, None, 2, "strikes.s", "condition_met")],
        [], [(ended, 2, 1, "strikes.s"), ("step_ended", 1, None, "strikes.s", "condition_unmet")],
        [(ended, 1, 0, "strikes.s")], [("step_ended", 2, None, "strikes.s", "condition_unmet")]]


def test_a_strike_for_each_rule_names_the_rules() -> None:
    strikes = [{"id": "s", "each_rule": True, "when": {"verdict": "breached"}, "last_days": 9}]
    other = {"window": {"days": 1}, "kept_when": "<= 100 %"}
    standard = build_standard(ONE_DAY, other, ONE_DAY, strikes=strikes)
    (given,) = (i for i in tell(standard, "b")[0] if i.kind == "strikes_given")
    assert (given.before, given.after, [reason.metric for reason in given.reasons]) == (0, 2, ["rule_0", "rule_2"])


def test_points_reach_their_steps_and_leave_them() -> None:
    line = {"id": "bad", "when": {"rule_0.verdict": "breached"}, "points": -2.5, "last_days": 1}
    points = {"start": 10, "lines": [line], "steps": [{"when": "< 8", "acts": [{"kind": "fee"}]}]}
    days = tell(build_standard(ONE_DAY, points=points), "bg")
    assert brief(days[0])[1:] == [("step_reached", None, 1, "points", "condition_met")]
    assert (days[0][1].reasons[0].asks, days[0][1].reasons[0].found) == ("< 8", "15/2")
    assert brief(days[1]) == [("step_ended", 1, None, "points", "condition_unmet")]


def test_a_rule_that_has_dates_of_its_own_may_be_breached_without_an_episode() -> None:
    rule = {**ONE_DAY, "evaluated": {"every": "month", "day": 1}}
    standard = build_standard(rule, tiers=[{**GOOD, "needs": {"rule_0.verdict": "kept"}}, OTHER])
    assert brief(tell(standard, "gb")[1]) == [  # 1 April
        ("warning_given", 0, 1, "rule_0", "breached"), ("level_changed", "good", "other", None, "breached")]
    assert brief(tell(standard, "b")[0]) == [("level_changed", None, "other", None, "breached")]


def test_a_rule_judged_in_parts_tells_their_sums() -> None:
    standard = build_standard({**ONE_DAY, "per": "category"},
                              tiers=[{**GOOD, "needs": {"rule_0.verdict": "kept"}}, OTHER])
    rows = [unit(category=category, bad=bad) for category, bad in (("a", 1), ("b", 0), ("b", 0))]
    table = build_table(standard, rows)
    evaluation = evaluate(table, ON)
    before = begin(standard, 1)
    (intent,) = (i for i in list_changes(before, evaluation, advance(before, evaluation))[0] if i.metric is None)
    reason = intent.reasons[0]
    assert (reason.bad, reason.base, reason.value, reason.limit) == (1, 3, None, Decimal("0.5"))


def test_every_change_of_the_standard_that_uses_every_construct_has_its_reasons() -> None:
    standard = parse_standard((Path(__file__).parent / "every_construct.yaml").read_text("utf-8"))
    rows, shops = build_world(standard, shops=3, per_day=0.3).frames()
    table = build_table(standard, rows.to_dict("records"))
    table.shops = shops
    progress, kinds = begin(standard, table.size), set()
    for number in range(30, 420, 28):
        evaluation = evaluate(table, START + timedelta(days=number), ever_judged=progress.ever_judged)
        after = advance(progress, evaluation)
        told = list_changes(progress, evaluation, after)
        moved = {place for place in range(3) if progress.tier[place] != after.tier[place]}
        assert moved == {place for place, intents in told.items() if any(i.kind == "level_changed" for i in intents)}
        for intents in told.values():
            assert all(i.reasons for i in intents if i.kind not in {"strikes_ended", "level_changed"})
            kinds |= {str(intent.kind) for intent in intents}
        progress = after
    assert {"level_changed", "warning_given", "warning_ended", "strikes_given", "step_reached"} <= kinds
