"""Any standard tried on history: like running sums where those can count, like single evaluations everywhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from operator_qos.db import reading
from operator_qos.evaluation.course import Course, CourseShop
from operator_qos.evaluation.general import complete_rows
from operator_qos.evaluation.queries import ASKED, WIDE
from operator_qos.evaluation.rules import COLUMNS
from operator_qos.standards.backtest import LEVELS, Days, DayTable, Trial, is_summable, list_days
from operator_qos.standards.comparison import compare
from operator_qos.standards.following import (
    KNOWN,
    follow_standard,
    list_official_dates,
    list_uncountable,
)
from operator_qos.standards.swaps import list_swaps
from operator_qos.standards.trying import run_backtest
from scoring.standards import Standard, load_preset, parse_standard
from scoring.standards.names import ROW_FLAGS, ROW_NUMBERS, ROW_TEXTS
from scoring.verdicts import VERDICTS
from tests.evaluation.world import ZONE, build_marketplace, end_ms, store
from tests.standards_app.test_backtest import DATES, OURS, STRICTER, make_rows
from tests.standards_app.tried import tried_shop

OFFICIAL = load_preset("ours")
# Judged on the first of a month, in force ten days later, by the point, over whole months, in levels of its own.
MONTHLY_TEXT = """
id: monthly
version: 3
title: {en: Monthly}
effective_from: 2026-01-01
evaluated: {every: month, day: 1, takes_effect: 10}
figures:
  - {id: orders, metric: order_defect_rate, unit: order, window: {full: month}, measure: count, defect_kinds: [case]}
rules:
  - {id: late, metric: late_shipment_rate, window: {full: month}, judged_when: {base: ">= 5"}, kept_when: "<= 4 %"}
  - id: cancelled
    metric: cancellation_rate
    window: {all: [{days: 10}, {full: month}]}
    kept_when: {any: ["<= 10 %", {bad: "< 3"}]}
  - {id: score, score: {of: late, points: [[0, 100], [1, 0]]}, kept_when: ">= 90"}
tiers:
  - {id: gold, title: {en: Gold}, needs: {every_rule: {verdict: kept}, orders: ">= 10"}}
  - {id: silver, title: {en: Silver}, needs: {late: "<= 10 %"}}
  - {id: bronze, title: {en: Bronze}}
"""
MONTHLY = parse_standard(MONTHLY_TEXT)


def make_frame(shops: int) -> pd.DataFrame:
    """The same histories as a ledger keeps them, in memory."""
    return pd.DataFrame([{name: getattr(row, name) for name in (*COLUMNS, "amount")} for row in make_rows(shops)])


def follow(standard: Standard, frame: pd.DataFrame, opened: list[int], days: Days) -> Trial:
    rows = complete_rows(frame, standard)
    return follow_standard(standard, rows, [CourseShop(n, at) for n, at in enumerate(opened, 1)], days)


@pytest.mark.parametrize("text", [OURS, STRICTER])
def test_what_running_sums_can_count_comes_out_the_same_date_by_date(text: str) -> None:
    standard, frame = parse_standard(text), make_frame(4)
    days, ids = list_days(DATES[0], DATES[24], ZONE), list(range(1, 5))
    opened = [0, 0, 0, end_ms(DATES[5])]
    frame = frame[(frame["shop_id"] != 4) | (frame["anchor_ms"] > opened[3])]
    summed = DayTable(frame, ids, standard).try_standard(days, np.array(opened, np.int64))
    followed = follow(standard, frame, opened, days)
    assert is_summable(standard, OFFICIAL)
    assert np.array_equal(followed.level, summed.level)
    assert followed.levels == summed.levels == LEVELS
    for one, other in zip(followed.rules, summed.rules, strict=True):
        there = summed.level < 3
        assert [np.array_equal(getattr(one, name)[there], getattr(other, name)[there])
                for name in ("bad", "base", "raw_base", "verdict")] == [True] * 4
    assert {"top", "in_standard", "below", "not_rated"} >= {LEVELS[code] for code in np.unique(summed.level)}
    assert len(np.unique(summed.level)) >= 3


def walk_one_by_one(standard: Standard, frame: pd.DataFrame, dates: list[date]) -> dict[date, dict[int, str | None]]:
    """Each date alone: rows loaded up to its end only, progress stored and read between."""
    kept: dict[Any, Any] = {}
    found = {}
    for on in dates:
        rows = complete_rows(frame[frame["anchor_ms"] < end_ms(on)], standard)
        course = Course(standard, [CourseShop(n, 0) for n in (1, 2, 3, 4)], rows, zone=ZONE, kept=kept)
        (day,) = course.walk([on])
        kept = {entry: json.loads(json.dumps(document)) for entry, document in course.write().items()}
        found[on] = {shop: level for (shop, _), level in day.levels().items()}
    return found


def test_a_standard_of_another_kind_equals_single_evaluations_from_the_dates_they_take_effect_on() -> None:
    frame, days = make_frame(4), list_days(DATES[0], DATES[-1], ZONE)
    dates = list_official_dates(MONTHLY, days)
    assert dates == [date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)]
    trial, single = follow(MONTHLY, frame, [0] * 4, days), walk_one_by_one(MONTHLY, frame, dates)
    assert trial.levels == ("gold", "silver", "bronze", "not_rated")
    for place, on in enumerate(days.dates):
        in_force = max(date_ for date_ in dates if date_ + timedelta(days=10) <= on)
        assert {n + 1: trial.levels[code] for n, code in enumerate(trial.level[place].tolist())} == single[in_force]
    assert len({level for levels in single.values() for level in levels.values()}) >= 2


def test_a_move_of_another_kind_names_its_rules_limits_and_reasons() -> None:
    frame, days = make_frame(4), list_days(DATES[0], DATES[-1], ZONE)
    trial = follow(MONTHLY, frame, [0] * 4, days)
    looser = parse_standard(MONTHLY_TEXT.replace("<= 4 %", "<= 60 %").replace('">= 90"', '">= 90", active: false'))
    current = follow(looser, frame, [0] * 4, days)
    found = compare(trial, current, [tried_shop(n) for n in (1, 2, 3, 4)])
    assert sum(map(sum, found.flow)) == 4
    assert found.moves and {move.direction for move in found.moves} <= {"up", "down"}
    for move in found.moves:
        place = days.dates.index(move.since)
        cells = trial.level[place, move.shop.id - 1], current.level[place, move.shop.id - 1]
        assert (trial.levels[cells[0]], current.levels[cells[1]]) == (move.after, move.before)
    reasons = {reason.metric: reason for move in found.moves for reason in move.reasons}
    score, late = reasons["score"], reasons["late_shipment_rate"]
    assert (score.before, score.limit_before, score.limit_after) == (None, None, ">= 90")
    assert (late.before, late.after, late.limit_before, late.limit_after) == ("kept", "breached", "<= 60 %", "<= 4 %")
    told = [cause["code"] for move in found.moves for cause in move.causes]
    assert told and set(told) <= {"breached", "still_breached", "kept", "enough_orders", "condition_unmet"}
    json.dumps(found.to_document())


def test_levels_of_other_names_are_compared_by_how_far_they_are_from_the_best() -> None:
    frame, days = make_frame(4), list_days(DATES[0], DATES[40], ZONE)
    trial = follow(MONTHLY, frame, [0] * 4, days)
    current = DayTable(frame, [1, 2, 3, 4], OFFICIAL).try_standard(days, np.zeros(4, np.int64))
    found = compare(trial, current, [tried_shop(n) for n in (1, 2, 3, 4)])
    ways = {(move.before, move.after): move.direction for move in found.moves}
    expected = {("top", "gold"): "beside", ("top", "silver"): "down", ("top", "bronze"): "down",
                ("in_standard", "gold"): "up", ("in_standard", "silver"): "beside", ("in_standard", "bronze"): "down",
                ("below", "gold"): "up", ("below", "silver"): "up", ("below", "bronze"): "beside"}
    assert ways and ways.items() <= expected.items()
    assert sum(map(len, found.levels)) == 8


def test_a_standard_without_levels_is_told_by_its_rules() -> None:
    bare = replace(MONTHLY, tiers=(), evaluated=OFFICIAL.evaluated)
    days = list_days(DATES[0], DATES[20], ZONE)
    trial = follow(bare, make_frame(3), [0] * 3, days)
    assert trial.levels == ("kept", "breached", "not_rated")
    breached = np.any([rule.verdict == VERDICTS.index("breached") for rule in trial.rules], axis=0)  # type: ignore[arg-type]
    assert np.array_equal(trial.level == 1, breached) and breached.any() and not breached.all()


@pytest.mark.parametrize(("before", "after", "path"), [
    ("  - id: response_within_rate", "  - {id: sooner, metric: response_within_rate, unit: message, within_hours: 8, "
     "clock: opening_hours, window: {days: 30}, measure: share_of_good, kept_when: \">= 50 %\"}\n"
     "  - id: response_within_rate", "rules[5].within_hours"),
    ("metric: late_shipment_rate, unit: order", "metric: late_shipment_rate, unit: order, within_hours: 9",
     "rules[1].within_hours"),
    ("metric: late_shipment_rate, unit: order", "metric: moon_rate, unit: order", "rules[1].metric"),
    ("metric: late_shipment_rate, unit: order", "metric: late_shipment_rate, unit: case", "rules[1].unit"),
    ("metric: late_shipment_rate,", "metric: late_shipment_rate, count_when: {scheme: letter},", "rules[1].count_when"),
    ("metric: late_shipment_rate,", "metric: late_shipment_rate, per: listing,", "rules[1].per"),
    ("metric: late_shipment_rate,", "metric: late_shipment_rate, weigh_by: quantity,", "rules[1].weigh_by"),
    ("settle_hours: 6", "settle_hours: 6\nstanding_per: region", "standing_per"),
    ("settle_hours: 6", "settle_hours: 6\nexclusions: [{id: x, takes: bad, where: {listing: y}}]",
     "exclusions[0].where"),
])
def test_what_nothing_is_kept_of_is_refused_with_its_place(before: str, after: str, path: str) -> None:
    assert before in OURS
    assert [flaw.path for flaw in list_uncountable(parse_standard(OURS.replace(before, after, 1)), OFFICIAL)] == [path]


@pytest.mark.parametrize(("before", "after"), [
    ("within_hours: 24", "within_hours: 12"), ("chargeback, low_rating", "low_rating"),
    ("    clock: opening_hours\n    within_hours: 72", "    within_hours: 72"),
])
def test_other_promises_and_defects_are_counted(before: str, after: str) -> None:
    assert before in OURS
    assert list_uncountable(parse_standard(OURS.replace(before, after, 1)), OFFICIAL) == []


def test_what_outcomes_say_is_what_is_loaded_of_them() -> None:
    assert KNOWN - {"season"} == (ROW_NUMBERS | ROW_TEXTS | ROW_FLAGS) & {*WIDE, *ASKED}


def test_every_flaw_of_a_preset_is_named_and_ours_has_none() -> None:
    assert list_uncountable(OFFICIAL, OFFICIAL) == []
    assert list_uncountable(MONTHLY, OFFICIAL) == []
    found = {name: [flaw.path for flaw in list_uncountable(load_preset(name), OFFICIAL)] for name in ("ebay", "etsy")}
    assert found == {"ebay": ["standing_per"], "etsy": ["figures[2].defect_kinds"]}


def test_each_changed_rule_is_tried_alone_and_so_is_the_rest() -> None:
    tried = parse_standard(STRICTER.replace("<= 2.5 %", "<= 1 %"))
    swaps = dict(list_swaps(tried, OFFICIAL))
    assert list(swaps) == ["late_shipment_rate", "cancellation_rate", ""]
    late = swaps["late_shipment_rate"]
    changed = {rule.id for rule in late.rules if rule.bound != OFFICIAL.get_rule(rule.id).bound}
    assert (changed, late.evidence) == ({"late_shipment_rate"}, OFFICIAL.evidence)
    assert (swaps[""].evidence, swaps[""].rules) == (tried.evidence, OFFICIAL.rules)
    assert list_swaps(parse_standard(OURS.replace("<= 4 %", "<= 1 %")), OFFICIAL) == []


def test_a_rule_left_out_or_added_is_tried_alone_where_the_others_can_do_without_it() -> None:
    added = 'rules:\n  - {id: more, metric: refund_rate, window: {days: 30}, kept_when: "<= 1 %"}\n'
    tried = parse_standard(OURS.replace("rules:\n", added).replace("<= 4 %", "<= 3 %"))
    assert [name for name, _ in list_swaps(tried, OFFICIAL)] == ["late_shipment_rate", "more"]
    # Without the rule of replies its badge would ask for nothing, so it is not tried alone.
    assert [name for name, _ in list_swaps(OFFICIAL, tried)] == ["more", "late_shipment_rate"]
    without = replace(OFFICIAL, rules=OFFICIAL.rules[:4] + OFFICIAL.rules[5:], badges=OFFICIAL.badges[:1])
    assert "response_within_rate" not in dict(list_swaps(without, OFFICIAL))


def test_alone_says_what_a_trial_of_that_rule_says(engine: Engine) -> None:
    build_marketplace(engine, shops=4)
    store(engine, make_rows(4))
    tried = parse_standard(STRICTER)
    with reading(engine) as session:
        found = run_backtest(session, tried, OFFICIAL, first=DATES[0], last=DATES[-1])
        late = parse_standard(OURS.replace("<= 4 %", "<= 1 %"))
        by_itself = run_backtest(session, late, OFFICIAL, first=DATES[0], last=DATES[-1])
    lines = {line.rule: line for line in found.alone}
    assert list(lines) == ["late_shipment_rate", ""]
    assert replace(lines["late_shipment_rate"], rule="") == by_itself.say_alone()
    assert by_itself.alone == () and lines["late_shipment_rate"].moved == len({m.shop.id for m in by_itself.moves})


def test_any_standard_is_tried_on_the_database_and_only_for_whom_it_would_bind(engine: Engine) -> None:
    build_marketplace(engine, shops=4)
    store(engine, make_rows(4))
    with reading(engine) as session:
        found = run_backtest(session, MONTHLY, OFFICIAL, first=DATES[0], last=DATES[-1], alone=False)
        nobody = run_backtest(session, replace(MONTHLY, scope=replace(MONTHLY.scope, country=("XX",))), OFFICIAL,
                              first=DATES[0], last=DATES[9], alone=False)
    days = list_days(DATES[0], DATES[-1], ZONE)
    trial = follow(MONTHLY, make_frame(4), [end_ms(date(2025, 1, 1))] * 4, days)
    assert found.shops == 4 and nobody.shops == 0
    assert [day.after for day in found.days] == [
        tuple((row == code).sum() for code in range(4)) for row in trial.level]
