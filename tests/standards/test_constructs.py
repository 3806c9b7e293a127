"""Small proofs of single constructs, and that the table of constructs in the documentation names only what exists."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scoring.evaluate import evaluate
from scoring.measures import Table
from scoring.standards import list_presets, load_preset, parse_standard
from scoring.verdicts import VERDICTS
from tests.standards.small import ON, build_standard, build_table, judge, run, unit, units, value, verdict

ROOT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)


def list_table() -> list[tuple[str, list[str]]]:
    """(construct, proofs) of every line of the table."""
    text = (ROOT / "docs" / "standards.md").read_text("utf-8").split("## Every construct and what proves it")[1]
    lines = [line.strip("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [(line[0], re.findall(r"[a-z_0-9]+\.yaml|test_\w+", line[3])) for line in cells[2:] if line[3]]


def test_every_proof_in_the_table_exists() -> None:
    folders = (ROOT / "scoring" / "presets", Path(__file__).parent)
    known = {path.name for folder in folders for path in folder.glob("*.yaml")}
    known |= {name for folder in ("standards", "scoring") for path in (ROOT / "tests" / folder).glob("test_*.py")
              for name in re.findall(r"def (test_\w+)", path.read_text("utf-8"))}
    table = list_table()
    assert len(table) > 80
    assert [construct for construct, proofs in table if not proofs] == []
    assert {proof for _, proofs in table for proof in proofs} - known == set()


def test_every_preset_proves_something() -> None:
    named = {proof.removesuffix(".yaml") for _, proofs in list_table() for proof in proofs}
    assert set(list_presets()) <= named


@pytest.mark.parametrize("name", list_presets())
def test_every_number_of_a_preset_names_its_source(name: str) -> None:
    standard = load_preset(name)
    parts: list[Any] = [*standard.figures, *standard.rules, *standard.badges, *standard.strikes, *standard.exclusions]
    parts += [tier for tier in standard.tiers if tier.needs is not None or tier.acts]
    parts += standard.points.lines if standard.points else ()
    assert [part.id for part in parts if not part.source] == []
    for rule in standard.rules:
        fields = dict(rule.source or ())
        said = [field for field in ("kept_when", "limits", "aim") if getattr(rule, field)]
        assert [field for field in said if "all" not in fields and field not in fields] == [], rule.id
    parts += [standard.changes, standard.warnings, standard.points, *standard.tiers, *standard.clocks]
    used = {code for part in parts
            for _, codes in getattr(part, "source", None) or () for code in re.split(r"[ ,]+", codes)}
    assert used == set(dict(standard.sources))


def test_what_nobody_confirmed_is_off_until_switched_on() -> None:
    found = {}
    for name in list_presets():
        standard = load_preset(name)
        lines = standard.points.lines if standard.points else ()
        unconfirmed = [part for part in (*standard.figures, *standard.rules, *lines) if not part.confirmed]
        found[name] = [part.id for part in unconfirmed]
        assert [part.id for part in unconfirmed if part.is_active] == []
    assert found == {
        "amazon": ["seller_rating", "low", "high"], "bol": ["rating", "questions_norm", "response_time"],
        "ebay": ["not_as_described"], "etsy": [], "lazada": [], "ours": [], "pccomponentes": []}
    standard = build_standard({"confirmed": False, "kept_when": "<= 1 %"}, {"confirmed": False, "active": True})
    assert list(judge(standard, units(2, 1)).results) == ["rule_1"]


def test_official_and_raw_values_are_kept_apart() -> None:
    rows = [unit(bad=1), unit(bad=1, excluded="bad"), unit(bad=0, excluded="base"), unit(bad=1, excluded="both"),
            unit(bad=0)]
    found = judge(build_standard({"kept_when": "<= 50 %"}), rows)
    line = found.to_frame().iloc[0]
    assert (line["bad"], line["base"], line["raw_bad"], line["raw_base"]) == (1, 3, 3, 5)
    assert (line["value"], line["raw_value"], line["verdict"]) == (pytest.approx(1 / 3), 0.6, "kept")


def test_a_limit_may_depend_on_another_figure() -> None:
    limits = [{"where": {"rule_0": "> 75"}, "kept_when": "< 5 %"}, {"kept_when": "< 6 %"}]
    standard = build_standard({"measure": "count"}, {"limits": limits})
    small, large = judge(standard, units(75, 4)), judge(standard, units(76, 4))
    assert (verdict(small, "rule_1"), verdict(large, "rule_1")) == ("kept", "breached")
    decided = [found.results["rule_1"].decided[0] for found in (small, large)]
    assert decided == ["limits[1].kept_when", "limits[0].kept_when"]


@pytest.mark.parametrize(("missing", "level"), [("skip", "other"), ("pass", "good"), ("fail", "other")])
def test_what_is_missing_is_skipped_passed_or_failed(missing: str, level: str) -> None:
    tiers = [{"id": "good", "title": {"en": "Good"}, "needs": {"rule_0.verdict": "kept"}},
             {"id": "other", "title": {"en": "Other"}}]
    standard = build_standard({"missing": missing, "kept_when": "<= 1 %"}, {"kept_when": "<= 1 %"}, tiers=tiers)
    (progress,) = run(build_table(standard, []), [ON])
    assert progress.tier_ids(standard) == [level]


@pytest.mark.parametrize(("missing", "levels"), [("skip", ["good"]), ("fail", ["other"])])
def test_a_skipped_criterion_leaves_the_others_to_decide(missing: str, levels: list[str]) -> None:
    tiers = [{"id": "good", "title": {"en": "Good"}, "needs": {"rule_0.verdict": "kept", "rule_1.verdict": "kept"}},
             {"id": "other", "title": {"en": "Other"}}]
    rules = [{"metric": "n", "missing": missing, "kept_when": "<= 1 %"}, {"kept_when": "<= 1 %"}]
    standard = build_standard(*rules, tiers=tiers)
    (progress,) = run(build_table(standard, units(3, 0)), [ON])
    assert progress.tier_ids(standard) == levels


def test_too_early_is_bad_as_well() -> None:
    standard = build_standard({"bad_when": {"any": [{"amount": "< 24 h"}, {"amount": "> 48 h"}]}})
    rows = [unit(amount=hours * 3600) for hours in (23, 24, 48, 49)]
    assert value(judge(standard, rows)) == 0.5


def test_young_cohorts_are_marked_as_not_final() -> None:
    rules = [{"window": {"days_back": [30, young]}, "maturity_days": 15} for young in (14, 15)]
    found = judge(build_standard(*rules), units(3, 0))
    assert [bool(found.results[rule].final[0]) for rule in ("rule_0", "rule_1")] == [False, True]


def test_rows_count_from_their_moment_until_their_end() -> None:
    end_of_day = 1_775_001_600_000  # 2026-04-01T00:00:00Z
    spans = [(end_of_day - 1, end_of_day), (end_of_day, end_of_day + 1), (0, end_of_day - 1), (0, end_of_day)]
    rows = [unit(from_ms=since, until_ms=until) for since, until in spans]
    assert judge(build_standard({"measure": "count"}), rows).results["rule_0"].value.num.tolist() == [2]


def test_an_evaluation_is_a_value_of_its_own() -> None:
    standard = build_standard({"kept_when": "<= 50 %"})
    table = build_table(standard, units(4, 1))
    before = evaluate(table, ON)
    lines = before.to_frame()
    evaluate(table, ON + 40 * DAY)
    assert before.to_frame().equals(lines)


def test_shops_are_given_once_and_with_what_they_are_judged_by() -> None:
    standard = build_standard({}, standing_per="region")
    rows, shop = pd.DataFrame([unit(region="US")]), {"shop": "s", "region": "US"}
    assert Table(rows, pd.DataFrame([shop, {**shop, "region": "UK"}]), standard, "UTC").size == 2
    with pytest.raises(ValueError, match=r"shops: s\|US is given twice; give one line per standing"):
        Table(rows, pd.DataFrame([shop, shop]), standard, "UTC")
    with pytest.raises(ValueError, match="rows: has no column region, by which small gives standings"):
        Table(rows.drop(columns="region"), pd.DataFrame([shop]), standard, "UTC")


def test_a_shop_has_one_standing_per_region() -> None:
    standard = build_standard({"kept_when": "<= 50 %"}, standing_per="region")
    rows = pd.DataFrame([unit(bad=1, region="US"), unit(bad=0, region="UK"), unit(bad=1, region="DE")])
    shops = pd.DataFrame([{"shop": "s", "region": region} for region in ("UK", "US", "GLOBAL")])
    found = evaluate(Table(rows, shops, standard, "UTC"), ON)
    assert [str(VERDICTS[code]) for code in found.verdicts("rule_0")] == ["kept", "breached", "not_enough_data"]


@pytest.mark.parametrize("opened", [ON - 90 * DAY, pd.Timestamp(ON - 90 * DAY), None, pd.NaT])
def test_the_age_of_a_shop_is_counted_in_days_where_it_is_known(opened: Any) -> None:
    rule = {"kept_when": "<= 50 %", "exempt_when": {"age_days": "< 90"}}
    older = {**rule, "exempt_when": {"age_days": "<= 90"}}
    found = judge(build_standard(rule, older), units(2, 1), opened_on=opened)
    assert [verdict(found, name) for name in ("rule_0", "rule_1")] == ["kept", "kept" if pd.isna(opened) else "exempt"]


def test_a_fraction_among_amounts_is_refused() -> None:
    with pytest.raises(ValueError, match="amount: holds fractions; give whole numbers, like seconds or minor units"):
        judge(build_standard({"measure": "mean"}), [unit(amount=1.5)])


def test_limits_on_huge_numbers_are_still_exact() -> None:
    standard = build_standard({"measure": "total_value", "kept_when": "< 4000000000000000.001"})
    rows = [unit(value_minor=4 * 10**15)]
    assert verdict(judge(standard, rows)) == "kept"
    assert verdict(judge(standard, [*rows, unit(value_minor=1)])) == "breached"


def test_a_preset_in_another_currency_or_country_needs_no_code() -> None:
    plain = load_preset("etsy").to_mapping()
    plain |= {"id": "etsy_gb", "version": 2, "scope": {"marketplace": ["etsy"], "country": ["GB"], "priority": 1}}
    star = next(badge for badge in plain["badges"] if badge["id"] == "star_seller")
    star["needs"]["all"][2]["all"][1] = {"sales": ">= 20000"}
    assert parse_standard(plain).badges[-1].needs != load_preset("etsy").badges[-1].needs
