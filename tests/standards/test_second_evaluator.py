"""Every preset evaluated twice over more than 400 days, vectorised and in slow plain Python: equal shop by shop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from scoring.evaluate import Evaluation, Result, evaluate
from scoring.measures import Table
from scoring.progress import Progress, advance, begin
from scoring.schedules import list_evaluations
from scoring.standards import Standard, parse_standard, read_preset
from scoring.verdicts import VERDICTS
from tests.standards.oracle.judging import Day, Oracle
from tests.standards.oracle.run import Run
from tests.standards.worlds import DAYS, START, World, build_world

ZONE = "Europe/Paris"
PRESETS = ("amazon", "bol", "ebay", "etsy", "lazada", "ours", "pccomponentes")
STEP_DAYS = 23


def read_plain(text: str) -> dict[str, Any]:
    """The YAML as it stands, its numbers as they are written, everything unconfirmed switched on."""
    plain = yaml.safe_load(text)
    points = (plain.get("points") or {}).get("lines", [])
    for part in [*plain.get("figures", []), *plain["rules"], *points]:
        part["active"] = True
    return dict(plain)


def list_dates(standard: Standard) -> list[date]:
    """Official dates; of a daily standard some, and every first of a month for the rules judged then."""
    dates = list(list_evaluations(standard.evaluated, START, START + timedelta(days=DAYS)))
    if standard.judged != "daily":
        return dates
    return [day for number, day in enumerate(dates) if number % STEP_DAYS == 0 or day.day == 1]


def walk(standard: Standard, plain: dict[str, Any], world: World) -> Iterator[tuple[Evaluation, Progress, Day, Run]]:
    rows, shops = world.frames()
    table = Table(rows, shops, standard, ZONE)
    progress, run = begin(standard, table.size), Run(Oracle(plain, world.rows, world.shops, ZONE))
    for on in list_dates(standard):
        evaluation = evaluate(table, on, ever_judged=progress.ever_judged)
        progress = advance(progress, evaluation)
        yield evaluation, progress, run.evaluate(on), run


def exact(result: Result, place: int, name: str) -> Fraction | None:
    numbers = getattr(result, name)
    return Fraction(int(numbers.num[place]), int(numbers.den[place])) if numbers.known[place] else None


def list_rule_lines(evaluation: Evaluation, keys: list[str]) -> dict[Any, Any]:
    """What the vectorised evaluator says of each figure, shop and part."""
    found = {}
    for name, result in evaluation.results.items():
        for place, (shop, part) in enumerate(result.groups):
            counts = tuple(int(result.count(what)[place]) for what in ("bad", "base", "buyers", "raw_bad", "raw_base"))
            said = (str(VERDICTS[result.verdict[place]]), result.decided[place]) if result.judged else (None, None)
            grade = result.grade[place] or None if result.grade is not None else None
            aim = {1: True, 0: False, -1: None}[int(result.aim[place])] if result.aim is not None else None
            found[name, keys[shop], part] = (exact(result, place, "value"), counts, *said, grade, aim)
    return found


def list_oracle_lines(day: Day) -> dict[Any, Any]:
    found = {}
    for name, groups in day.found.items():
        for (shop, part), judged in groups.items():
            seen = judged.counts
            counts = (seen.bad, seen.base, seen.buyers, seen.raw_bad, seen.raw_base) if seen else (0, 0, 0, 0, 0)
            found[name, shop, part] = (judged.shown, counts, judged.verdict, judged.decided, judged.grade, judged.aim)
    return found


def list_standings(standard: Standard, progress: Progress, keys: list[str]) -> dict[str, Any]:
    tiers = progress.tier_ids(standard)
    return {
        shop: (
            tiers[place], int(progress.tier_since[place]) if standard.tiers else None,
            {name: bool(held[place]) for name, held in progress.badges.items()},
            None if progress.balance is None else Fraction(int(progress.balance[place]), 10**6),
            {name: (int(run.in_a_row[place]), int(run.span_days[place]), int(run.warning[place]))
             for name, run in progress.rules.items()},
            {name: [bool(step.held[place]) for step in steps] for name, steps in progress.steps.items()})
        for place, shop in enumerate(keys)}


def list_stories(standard: Standard, run: Run) -> dict[str, Any]:
    def runs(story: Any) -> dict[str, tuple[int, int, int]]:
        none = (date.min, date.min, 0)
        return {name: (number, (story.episode.get(name, none)[1] - story.episode.get(name, none)[0]).days,
                       story.episode.get(name, none)[2]) for name, number in story.in_a_row.items()}

    return {
        shop: (
            story.tier, (story.tier_since - date(1970, 1, 1)).days if standard.tiers and story.tier_since else None,
            story.badges, story.balance, runs(story),
            {name: [held for _, held in steps] for name, steps in story.steps.items()})
        for shop, story in run.stories.items()}


def compare(standard: Standard, plain: dict[str, Any], world: World) -> list[Evaluation]:
    """Both walk the same dates; every figure, verdict and standing is equal. Returns the evaluations."""
    keys = [shop["shop"] if standard.standing_per is None else f"{shop['shop']}|{shop[standard.standing_per]}"
            for shop in world.shops]
    seen = []
    for evaluation, progress, day, run in walk(standard, plain, world):
        first, second = list_rule_lines(evaluation, keys), list_oracle_lines(day)
        assert {k: v for k, v in first.items() if second.get(k) != v} == {
            k: second.get(k) for k, v in first.items() if second.get(k) != v}, evaluation.on
        assert first.keys() == second.keys()
        assert list_standings(standard, progress, keys) == list_stories(standard, run), evaluation.on
        seen.append(evaluation)
    return seen


@pytest.mark.parametrize("name", PRESETS)
def test_both_evaluators_agree_on_every_shop_and_date(name: str) -> None:
    text = read_preset(name)
    plain = read_plain(text)
    world = build_world(parse_standard(text), shops=5, per_day=0.3)
    evaluations = compare(parse_standard(plain), plain, world)
    assert (evaluations[-1].on - evaluations[0].on).days >= 395
    judged = {str(VERDICTS[code]) for e in evaluations for _, result in e.rules() for code in result.verdict.tolist()}
    assert {"kept", "breached", "not_enough_data"} <= judged


def test_they_agree_on_what_no_preset_needs() -> None:
    text = (Path(__file__).parent / "every_construct.yaml").read_text("utf-8")
    standard = parse_standard(text)
    evaluations = compare(standard, yaml.safe_load(text), build_world(standard, shops=5, per_day=0.4))
    assert len(evaluations) >= 29
    seen = {(name, str(VERDICTS[code])) for e in evaluations for name, r in e.results.items() for code in r.verdict}
    silent = {rule.id for rule in standard.rules if (rule.id, "breached") not in seen or (rule.id, "kept") not in seen}
    assert silent == set()
