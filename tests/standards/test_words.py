"""Conditions and windows in words, and why one holds or not."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from scoring.evaluate import ShopFacts
from scoring.explanations import explain, list_unmet
from scoring.progress import ProgressFacts
from scoring.standards import Window, Windows, list_presets, load_preset
from scoring.standards.checks import list_conditions
from scoring.standards.conditions import parse_condition
from scoring.standards.wording import say_condition, say_window
from tests.standards.small import ON, build_standard, build_table, judge, run, units


@pytest.mark.parametrize(
    ("written", "english", "french"),
    [
        ("<= 2.5 %", "at most 2.5 %", "au plus 2,5 %"),
        ({"any": ["<= 2 %", {"buyers": "< 5"}]}, "at most 2 % or buyers: below 5",
         "au plus 2 % ou buyers : moins de 5"),
        ("<= 1.5 d", "at most 1.5 d", "au plus 1,5 j"),
        ({"country": ["FR", "BE"], "tracked": False}, "country: FR or BE and tracked: no",
         "country : FR ou BE et tracked : non"),
        ({"not": {"any": [{"late": "> 4 %"}, {"amount": "missing"}]}}, "not (late: above 4 % or amount: not known)",
         "pas (late : plus de 4 % ou amount : inconnu)"),
        ({"every_rule": {"verdict": "kept"}}, "for every rule: verdict: kept", "pour chaque règle : verdict : kept"),
        ({"all": ["= 1", {"any": ["< 2", "> 3"]}]}, "exactly 1 and (below 2 or above 3)",
         "exactement 1 et (moins de 2 ou plus de 3)"),
    ],
)
def test_a_condition_is_said_in_both_languages(written: Any, english: str, french: str) -> None:
    condition = parse_condition(written)
    assert (say_condition(condition, "en"), say_condition(condition, "fr")) == (english, french)


def test_names_are_those_that_people_know() -> None:
    condition = parse_condition({"late": "< 4 %"})
    assert say_condition(condition, "en", {"late": "Late shipments"}.get) == "Late shipments: below 4 %"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("window", "english", "french"),
    [
        (Window(days=60), "the last 60 days", "les 60 derniers jours"),
        (Window(days=7, today=False), "the 7 days up to yesterday", "les 7 jours jusqu’à hier"),
        (Window(days_back=[21, 8]), "from 21 to 8 days ago", "d’il y a 21 à 8 jours"),
        (Window(full="month", count=3), "the last 3 whole months", "les 3 derniers mois complets"),
        (Window(current="year"), "the current year so far", "année en cours"),
        (Window(latest=10, days=90), "the last 90 days, the latest 10 only",
         "les 90 derniers jours, les 10 derniers seulement"),
        (Windows(all=(Window(days=30), Window(days=10))), "the last 30 days and the last 10 days",
         "les 30 derniers jours et les 10 derniers jours"),
    ],
)
def test_a_window_is_said_in_both_languages(window: Window | Windows, english: str, french: str) -> None:
    assert (say_window(window, "en"), say_window(window, "fr")) == (english, french)


@pytest.mark.parametrize("name", list_presets())
def test_everything_a_preset_says_has_words(name: str) -> None:
    standard = load_preset(name)
    for language in ("en", "fr"):
        said = [say_condition(condition, language) for _, _, condition in list_conditions(standard)]
        figures = (*standard.figures, *standard.rules)
        said += [say_window(figure.window, language) for figure in figures if figure.window]
        assert all(text and "{" not in text for text in said)


def test_a_finding_shows_each_test_with_what_was_found() -> None:
    found = judge(build_standard({"kept_when": "<= 10 %"}), units(20, 3))
    facts = ShopFacts(found.table, found.on, found.results)
    finding = explain(parse_condition({"rule_0": "<= 10 %", "rule_0.bad": "< 5"}), facts, 0)
    assert (finding.answer, finding.kind) == (False, "all")
    assert [(part.key, part.asks, part.found, part.answer) for part in finding.parts] == [
        ("rule_0", "<= 10 %", Fraction(3, 20), False), ("rule_0.bad", "< 5", Fraction(3), True)]
    assert list_unmet(finding) == [finding.parts[0]]
    assert list_unmet(finding.parts[1]) == []


def test_what_keeps_a_level_away_is_found_through_not_and_over_rules() -> None:
    rules = [{"kept_when": "<= 10 %"}, {"kept_when": "<= 50 %"}]
    tiers = [{"id": "top", "title": {"en": "Top"},
              "needs": {"every_rule": {"verdict": "kept"}, "not": {"some_rule": {"in_a_row": ">= 1"}}}},
             {"id": "other", "title": {"en": "Other"}}]
    standard = build_standard(*rules, tiers=tiers)
    table = build_table(standard, units(20, 3))
    (progress,) = run(table, [ON])
    needs = standard.tiers[0].needs
    assert needs is not None
    finding = explain(needs, ProgressFacts(judge(standard, units(20, 3)), progress), 0)
    unmet = [(test.key, test.found) for test in list_unmet(finding)]
    assert unmet == [("verdict", "breached"), ("in_a_row", Fraction(1))]
