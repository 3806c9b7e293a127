"""A rule looked at alone says what it says among all others, read from the rows of its own alone."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from operator_qos.evaluation.course import earliest_day, list_metrics
from operator_qos.evaluation.narrowing import narrow_standard
from scoring.behind import list_behind
from scoring.evaluate import Evaluation, evaluate
from scoring.measures import Table
from scoring.standards import load_preset, parse_standard, read_preset
from scoring.windows import day_start_ms
from tests.standards.worlds import DAYS, START, build_world

ZONE = "Europe/Paris"
# Presets some of whose rules count units by their own moments; the others date all of theirs by another.
DATED_BY_THEMSELVES = ("bol", "lazada", "ours", "pccomponentes")
ON = START + timedelta(days=DAYS - 30)


def describe(evaluation: Evaluation, name: str) -> tuple[object, ...]:
    """Everything a page says of a rule: values, counts, verdicts, clauses, and the units behind each shop."""
    result = evaluation.results[name]
    numbers = [np.nan_to_num(value.floats(), nan=-1.0).tolist() for value in (result.value, result.raw_value)]
    counts = [result.count(kind).tolist() for kind in ("bad", "base", "buyers")]
    behind = [list_behind(evaluation, name, place) for place in range(evaluation.table.size)]
    units = [(one.anchor_ms.tolist(), one.base.tolist(), one.bad.tolist(), one.raw_bad.tolist()) for one in behind]
    return result.groups, numbers, counts, result.verdict.tolist(), result.decided.tolist(), units


@pytest.mark.parametrize("name", DATED_BY_THEMSELVES)
def test_a_rule_by_itself_says_what_it_says_among_the_others(name: str) -> None:
    standard = load_preset(name)
    rows, shops = build_world(standard, shops=4, per_day=0.1).frames()
    whole = evaluate(Table(rows, shops, standard, ZONE), ON)
    alone = 0
    for figure in whole.results.values():
        rule = figure.figure.id
        narrow = narrow_standard(standard, rule)
        if narrow is standard:
            continue
        first = earliest_day(narrow, ON) or date.min
        since_ms = day_start_ms(first - timedelta(days=2), ZONE) if first > date.min else -(2**62)
        own = rows[rows["metric"].isin(list_metrics(narrow)) & (rows["anchor_ms"] >= since_ms)]
        found = evaluate(Table(own if len(own) else rows.head(1), shops, narrow, ZONE), ON)
        assert describe(found, rule) == describe(whole, rule), rule
        alone += 1
    assert alone


def test_what_a_rule_rests_on_comes_along() -> None:
    composed = parse_standard(read_preset("ours").replace("tiers:", """
  - {id: worst, title: {en: The worse}, greatest_of: [late_shipment_rate, cancellation_rate], kept_when: "<= 50 %",
     judged_when: {on_time_delivery_rate.base: ">= 5"}}
tiers:""", 1))
    assert {rule.id for rule in narrow_standard(composed, "worst").rules} == {
        "late_shipment_rate", "cancellation_rate", "on_time_delivery_rate", "worst"}
    assert [rule.id for rule in narrow_standard(composed, "cancellation_rate").rules] == ["cancellation_rate"]


def test_where_parts_of_a_shop_stand_by_themselves_nothing_is_left_out() -> None:
    in_parts = parse_standard(read_preset("ours").replace("evaluated:", "standing_per: country\nevaluated:", 1))
    assert narrow_standard(in_parts, "cancellation_rate") is in_parts
