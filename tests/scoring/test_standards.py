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
    find_mistakes,
    load_preset,
    load_standard,
    parse_standard,
    read_preset,
    standard_schema,
    title_in,
    write_yaml,
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
    assert (ours.judged, ours.settle_hours, ours.judged_by) == ("daily", 6, "evidence")


def test_the_preset_asks_for_the_published_evidence_and_steps():
    ours = load_preset("ours")
    evidence = ours.evidence
    assert (evidence.min_base, evidence.min_bad, evidence.min_buyers) == (20, 3, 2)
    assert evidence.alpha == Decimal("0.005")
    assert [level.id for level in ours.levels] == ["top", "in_standard", "below"]
    top, below = ours.get_level("top"), ours.get_level("below")
    assert (top.min_orders, top.orders_window_days, below.breached_apart_days) == (50, 60, 14)
    assert (ours.warnings.second_after_days, ours.warnings.end_after_days) == (30, 30)
    badges = [(b.id, b.level, b.metric, b.min_base, b.kept_base) for b in ours.badges]
    assert badges == [
        ("top_seller", "top", None, None, None),
        ("fast_replies", None, "response_within_rate", 30, 20),
    ]


def test_the_limit_on_bad_is_exact():
    ours = load_preset("ours")
    assert ours.get_rule("on_time_delivery_rate").bad_limit == Fraction(1, 10)
    assert ours.get_rule("cancellation_rate").bad_limit == Fraction(1, 40)


@pytest.mark.parametrize("written", [">= 90 %", ">=0.9", "≥ 90.0 %", " >= 0.900 "])
def test_a_limit_is_the_number_it_shows_however_written(written):
    assert parse_standard(changed("rules/2/kept_when", written)).rules[2].bound.bound == Fraction(9, 10)


@pytest.mark.parametrize("written", ["0.005", 0.005, Decimal("0.00500")])
def test_a_share_is_the_decimal_it_shows_however_written(written):
    content = plain() | {"evidence": {"min_base": 20, "min_bad": 3, "min_buyers": 2, "alpha": written}}
    assert parse_standard(content) == load_preset("ours")


def test_a_standard_survives_json_and_yaml():
    ours = load_preset("ours")
    assert parse_standard(json.loads(json.dumps(ours.to_mapping()))) == ours
    assert parse_standard(write_yaml(ours)) == ours


def test_yaml_numbers_never_pass_through_binary_floats():
    text = read_preset("ours").replace("alpha: 0.005", "alpha: 0.0050000000000000000001")
    assert parse_standard(text).evidence.alpha == Decimal("0.0050000000000000000001")


def test_a_file_is_read_like_a_preset(tmp_path):
    path = tmp_path / "copy.yaml"
    path.write_text(read_preset("ours"), "utf-8")
    assert load_standard(path) == load_preset("ours")


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
    with pytest.raises(StandardError, match=r"no preset 'theirs', there are: .*ours"):
        load_preset("theirs")


def test_metrics_outside_the_catalogue_are_refused_when_it_is_given():
    known = frozenset(metric for metric, *_ in OURS)
    assert isinstance(parse_standard(plain(), known_metrics=known), Standard)
    with pytest.raises(StandardError, match=r"rules\[1\]\.metric: unknown metric 'late_shipment_rate'"):
        parse_standard(plain(), known_metrics=known - {"late_shipment_rate"})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("id", DELETE, "id: missing"),
        ("id", None, "id: missing"),
        ("id", "Our own", "id: 'Our own' is no name; use small letters, digits and underscores, like late_shipment"),
        ("version", "1", "version: expected a whole number, found '1'"),
        ("version", True, "version: expected a whole number, found True"),
        ("version", 0, "version: 0 is not between 1 and 1000000"),
        ("title", "Ours", "title: expected a mapping of fields, found 'Ours'"),
        ("title", {}, "title: give the text in one language at least, like {en: …}"),
        ("title/fr", 3, "title.fr: expected a text, found 3"),
        ("effective_from", "soon", "effective_from: expected a date like 2026-01-31, found 'soon'"),
        ("effective_from", 2015, "effective_from: expected a date like 2026-01-31, found 2015"),
        ("evaluated/every", "hour", "evaluated.every: 'hour' is none of day, week, month, quarter"),
        ("evaluated/every", "week", "evaluated.weekday: every week needs a weekday"),
        ("settle_hours", 241, "settle_hours: 241 is not between 0 and 240"),
        ("colour", "red", "colour: unknown field"),
        ("rules", {}, "rules: expected a list, found {}"),
        ("rules/1", 7, "rules[1]: expected a mapping of fields, found 7"),
        ("rules/2/kept_when", "90 %", "rules[2].kept_when: '90 %' is no comparison; write one of < <= > >= = and a "
                                      'number, like "<= 2 %" or "< 24 h"'),
        ("rules/2/kept_when", 0.9, "rules[2].kept_when: expected a comparison like \"<= 2 %\" or a mapping like "
                                   '{bad: "< 3"}, found 0.9'),
        ("rules/2/kept_when", {"any": [{"bad": 3}, "<= 2 %"]}, "rules[2].kept_when.any[0].bad: 3 alone says no "
                                                               'direction; write "= 3", "<= 3" or ">= 3"'),
        ("rules/2/kept_when", {"any": []}, "rules[2].kept_when.any: expected a list of conditions, found []"),
        ("rules/2/kept_when", {"buyer": "< 3"}, "rules[2].kept_when: unknown name 'buyer'; is buyers meant?"),
        ("rules/2/sticky", "yes", "rules[2].sticky: expected true or false, found 'yes'"),
        ("rules/2/window", {"day": 3}, "rules[2].window.day: unknown field"),
        ("rules/2/window", {"days": 0}, "rules[2].window.days: 0 is not between 1 and 3660"),
        ("rules/2/window", {"days": 3, "months": 1}, "rules[2].window: give exactly one of days, days_back, months, "
                                                     "full, current, since; found days, months"),
        ("rules/2/window", DELETE, "rules[2].window: missing"),
        ("rules/2/metric", DELETE, "rules[2].metric: missing"),
        ("rules/4/clock", "opening", "rules[4].clock: no clock 'opening'; is opening_hours meant?"),
        ("rules/4/id", "late_shipment_rate", "rules[4].id: late_shipment_rate is given twice"),
        ("rules/0/defect_kinds", DELETE, "rules[0].defect_kinds: name at least one kind, else nothing is a defect"),
        (
            "rules/0/defect_kinds/5",
            "late",
            "rules[0].defect_kinds[5]: 'late' is none of cancelled_by_seller, case, case_lost, chargeback, "
            "late_delivery, low_rating, not_shipped, seller_refund",
        ),
        ("rules/0/source", "AZ1", "rules[0].source: no source 'AZ1' among sources"),
        ("tiers/0/stay", 3, "tiers[0].stay: unknown field"),
        ("warnings/end_after_days", 0, "warnings.end_after_days: 0 is not between 1 and 3660"),
        ("warnings/after_days", [3, 1], "warnings.after_days: start at 0, the first breach, and rise from there, "
                                        "like [0, 30]"),
        ("badges/0/needs", {"tier": "best"}, "badges[0].needs: no level 'best'"),
        ("badges/0/needs", DELETE, "badges[0].needs: missing"),
    ],
)
def test_a_mistake_names_its_field(path, value, message):
    with pytest.raises(StandardError) as caught:
        parse_standard(changed(path, value))
    assert str(caught.value) == message
    assert message.startswith(caught.value.path)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("rules/1/kept_when", {"all": ["< 1 %", "> 2 %"]},
         "rules[1].kept_when: contradicts itself: no value can be all of that"),
        ("rules/1/kept_when", {"bad": "< 3", "all": [{"bad": "> 3"}, "< 1 %"]},
         "rules[1].kept_when: contradicts itself: no bad can be all of that"),
        ("rules/1/watch_when", "> 4 %",
         "rules[1].watch_when: never holds while kept_when does, so nothing is ever on watch"),
        ("rules/1/watch_when", "<= 5 %",
         "rules[1].watch_when: always holds while kept_when does, so nothing is ever kept"),
        ("rules/1/limits", [{"kept_when": "< 1 %"}],
         "rules[1].kept_when: limits say it already; keep limits, or kept_when and watch_when alone"),
        ("rules/1/window", {"days_back": [7, 13]},
         "rules[1].window.days_back: is empty: it starts 7 days back and ends 13 days back; "
         "write the larger number first"),
        ("rules/1/window", {"all": [{"days": 7}]},
         "rules[1].window.all: names one window; write it without the list, or add another"),
        ("tiers/0/needs", DELETE, "tiers[0]: is for everybody, so no lower level is ever reached; give it needs"),
        ("tiers/1/needs", {"every_rule": {"verdict": "kept"}, "not": {"some_rule": {"breach_span_days": ">= 14"}},
                           "orders": ">= 50"}, "tiers[1].needs: is never reached: whoever has it has top already"),
        ("tiers/2/needs", {"orders": ">= 5"},
         "tiers[2].needs: the lowest level is for everybody else; leave needs out"),
        ("exclusions", [{"id": "all", "takes": "both"}],
         "exclusions[0]: takes out everything; say where, from when, or on_request"),
        ("points", {"start": 100, "lines": [], "floor": 0, "ceiling": 50}, "points.start: 100 lies outside floor and "
                                                                          "ceiling"),
        ("rules/1/measure", "median",
         "rules[1].measure: evidence is for shares, not for median; judge this rule by point"),
    ],
)
def test_what_contradicts_itself_is_refused_with_place_and_reason(path, value, message):
    mistakes = find_mistakes(changed(path, value))
    assert message in [str(mistake) for mistake in mistakes]


def test_a_tier_easier_to_reach_than_a_lower_one_is_found_by_its_numbers():
    content = plain()
    content["tiers"][0]["needs"] = {"orders": ">= 50"}
    content["tiers"][1]["needs"] = {"orders": ">= 80", "late_shipment_rate": "<= 1 %"}
    assert [m.path for m in find_mistakes(content)] == ["tiers[1].needs"]


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


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("window: {days: 90}", "window: {days: 0}"),
        ("needs: {tier: top}", "needs: {any: [{tyer: top}]}"),
        ("not_shipped]", "never_shipped]"),
        ("top_seller,", "top_seller, colour: red,"),
        ("settle_hours: 6", "settle_hours: 6\nsettle_hours: 7"),
    ],
)
def test_every_mistake_in_a_text_points_at_its_line(was, now):
    text = read_preset("ours")
    assert text.count(was) == 1
    broken = text.replace(was, now)
    line = broken[: broken.index(now) + len(now)].count("\n") + 1
    assert [mistake.line for mistake in find_mistakes(broken)] == [line]


def test_several_mistakes_come_in_the_order_of_the_text():
    text = read_preset("ours").replace("version: 1", "version: 0").replace("settle_hours: 6", "settle_hours: -1")
    assert [(mistake.line, mistake.path) for mistake in find_mistakes(text)] == [(3, "version"), (7, "settle_hours")]


def test_the_schema_names_every_field_and_points_conditions_at_one_definition():
    schema = standard_schema()
    assert set(plain()) <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    text = json.dumps(schema)
    references = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert "Condition" in references
    assert references <= set(schema["$defs"])
