"""Reading a standard: the preset is the published table, shares are exact, mistakes name their field."""

from __future__ import annotations

import copy
import json
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from scoring.standards import (
    Standard,
    StandardError,
    list_presets,
    load_preset,
    parse_standard,
    title_in,
)

OURS = [
    ("order_defect_rate", 60, "0.02", False, None),
    ("late_shipment_rate", 30, "0.04", False, None),
    ("on_time_delivery_rate", 60, "0.9", True, None),
    ("cancellation_rate", 30, "0.025", False, None),
    ("response_within_rate", 30, "0.9", True, 24),
    ("resolution_within_rate", 90, "0.85", True, 72),
]


def plain() -> dict:
    return copy.deepcopy(load_preset("ours").to_mapping())


def changed(path: str, value: object) -> dict:
    """Our standard with one field set; DELETE removes it."""
    content = plain()
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place = content
    for part in parents:
        place = place[part]
    if value is DELETE:
        del place[last]
    else:
        place[last] = value
    return content


DELETE = object()


def test_the_preset_is_the_published_table():
    ours = load_preset("ours")
    rules = [(r.metric, r.window_days, str(r.limit), r.higher_is_better, r.working_hours) for r in ours.rules]
    assert rules == OURS
    assert ours.get_rule("order_defect_rate").defect_kinds == (
        "case",
        "case_lost",
        "chargeback",
        "low_rating",
        "cancelled_by_seller",
        "not_shipped",
    )
    assert (ours.id, ours.version, ours.effective_from) == ("ours", 1, date(2015, 1, 1))
    assert (ours.judged, ours.settle_hours) == ("daily", 6)


def test_the_preset_asks_for_the_published_evidence_and_steps():
    ours = load_preset("ours")
    evidence = ours.evidence
    assert (evidence.min_base, evidence.min_bad, evidence.min_buyers) == (20, 3, 2)
    assert evidence.alpha == Decimal("0.005")
    assert [level.id for level in ours.levels] == ["top", "in_standard", "below"]
    top, below = ours.get_level("top"), ours.get_level("below")
    assert (top.min_orders, top.orders_window_days, below.breached_apart_days) == (50, 60, 14)
    assert (ours.warnings.second_after_days, ours.warnings.end_after_days) == (30, 30)
    badges = [(b.id, b.level, b.metric, b.min_base) for b in ours.badges]
    assert badges == [
        ("top_seller", "top", None, None),
        ("fast_replies", None, "response_within_rate", 30),
    ]


def test_the_limit_on_bad_is_exact():
    ours = load_preset("ours")
    assert ours.get_rule("on_time_delivery_rate").bad_limit == Fraction(1, 10)
    assert ours.get_rule("cancellation_rate").bad_limit == Fraction(1, 40)


@pytest.mark.parametrize("written", ["0.9", 0.9, "0.90", Decimal("0.900")])
def test_a_share_is_the_decimal_it_shows_however_written(written):
    assert parse_standard(changed("rules/2/limit", written)) == load_preset("ours")


def test_a_standard_survives_json():
    ours = load_preset("ours")
    assert parse_standard(json.loads(json.dumps(ours.to_mapping()))) == ours


def test_yaml_numbers_never_pass_through_binary_floats():
    text = json.dumps(plain()).replace('"0.025"', "0.0250000000000000000001")
    assert parse_standard(text).rules[3].limit == Decimal("0.0250000000000000000001")


def test_titles_fall_back_to_english_then_to_the_first():
    title = load_preset("ours").title
    assert title_in(title, "fr") == "Notre standard"
    assert title_in(title, "de") == "Our own standard"
    assert title_in((("fr", "Notre"),), "de") == "Notre"


def test_rules_and_levels_are_found_by_name():
    ours = load_preset("ours")
    assert ours.find_rule("refund_rate") is None
    with pytest.raises(KeyError, match="standard ours version 1 does not judge refund_rate"):
        ours.get_rule("refund_rate")
    with pytest.raises(KeyError):
        ours.get_level("gold")


def test_an_unknown_preset_names_the_known_ones():
    assert list_presets() == ("ours",)
    with pytest.raises(StandardError, match="no preset 'theirs', there are: ours"):
        load_preset("theirs")


def test_metrics_outside_the_catalogue_are_refused_when_it_is_given():
    known = frozenset(metric for metric, *_ in OURS)
    assert isinstance(parse_standard(plain(), known_metrics=known), Standard)
    with pytest.raises(StandardError, match=r"rules\[0\]\.metric: unknown metric 'order_defect_rate'"):
        parse_standard(plain(), known_metrics=known - {"order_defect_rate"})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("id", DELETE, "id: missing"),
        ("id", " ", "id: expected a text, found ' '"),
        ("id", None, "id: missing"),
        ("version", "1", "version: expected a whole number, found '1'"),
        ("version", True, "version: expected a whole number, found True"),
        ("version", 0, "version: 0 is not between 1 and 1000000"),
        ("title", "Ours", "title: expected a mapping of fields, found 'Ours'"),
        ("title", {}, "title: give the text in one language at least, like {en: …}"),
        ("title/fr", 3, "title.fr: expected a text, found 3"),
        ("effective_from", "soon", "effective_from: expected a date like 2026-01-31, found 'soon'"),
        ("effective_from", 2015, "effective_from: expected a date like 2026-01-31, found 2015"),
        ("judged", "hourly", "judged: 'hourly' is none of daily, weekly, monthly"),
        ("settle_hours", 241, "settle_hours: 241 is not between 0 and 240"),
        ("colour", "red", "colour: unknown field"),
        ("evidence/alpha", "tiny", "evidence.alpha: expected a number like 0.9, found 'tiny'"),
        ("evidence/min_bad", 0, "evidence.min_bad: 0 is not between 1 and 1000000"),
        ("evidence/mean", 0, "evidence.mean: unknown field"),
        ("rules", {}, "rules: expected a list, found {}"),
        ("rules/1", 7, "rules[1]: expected a mapping of fields, found 7"),
        ("rules/2/limit", 90, "rules[2].limit: 90 is not between 0 and 1; 90 % is written 0.9"),
        ("rules/2/limit", float("nan"), "rules[2].limit: nan is not between 0 and 1; 90 % is written 0.9"),
        ("rules/2/limit", DELETE, "rules[2].limit: missing"),
        ("rules/2/higher_is_better", "yes", "rules[2].higher_is_better: expected true or false, found 'yes'"),
        ("rules/2/window", 3, "rules[2].window: unknown field"),
        ("rules/4/working_hours", 0, "rules[4].working_hours: 0 is not between 1 and 10000"),
        ("rules/2/metric", "late_shipment_rate", "rules[2].metric: late_shipment_rate is judged twice"),
        ("rules/4/metric", "x", "badges[1].metric: response_within_rate is judged by no rule"),
        (
            "rules/0/defect_kinds",
            DELETE,
            "rules[0].defect_kinds: name at least one kind, else nothing is a defect",
        ),
        (
            "rules/0/defect_kinds/5",
            "late",
            "rules[0].defect_kinds[5]: 'late' is none of cancelled_by_seller, case, case_lost, chargeback, "
            "late_delivery, low_rating, not_shipped, seller_refund",
        ),
        ("levels/below", DELETE, "levels.below: missing"),
        ("levels/gold", {}, "levels.gold: unknown field"),
        ("levels/top/min_orders", DELETE, "levels.top.min_orders: missing"),
        ("levels/in_standard/min_orders", 5, "levels.in_standard.min_orders: unknown field"),
        ("warnings/end_after_days", 0, "warnings.end_after_days: 0 is not between 1 and 3660"),
        ("badges/0/level", "best", "badges[0].level: 'best' is none of top, in_standard, below"),
        ("badges/1/min_base", DELETE, "badges[1].min_base: missing"),
    ],
)
def test_a_mistake_names_its_field(path, value, message):
    with pytest.raises(StandardError) as caught:
        parse_standard(changed(path, value))
    assert str(caught.value) == message
    assert message.startswith(caught.value.path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id: [", "not readable as YAML: while parsing"),
        ("- a", "a standard is a mapping of fields, starting with id, version and title"),
        ("id: a\nversion: 1\nid: b", "id: given twice, again on line 3"),
        ("id: a\nversion: .inf", "line 2: '.inf' is no decimal number"),
    ],
)
def test_text_that_is_no_standard_is_refused(text, message):
    with pytest.raises(StandardError) as caught:
        parse_standard(text)
    assert str(caught.value).startswith(message)
