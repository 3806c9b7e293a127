"""A standard followed over its dates: ours like the ladder, presets like the second evaluator, in any stretches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operator_qos.evaluation.course import Course, CourseShop, Entry, earliest_day, list_metrics
from operator_qos.evaluation.rules import OutcomeTable
from scoring.evaluate import evaluate
from scoring.ladder import MetricVerdict, Standing, step
from scoring.measures import Table
from scoring.metrics import GROUP_CODES, METRICS
from scoring.outcome_rows import to_unit_rows
from scoring.progress import advance, begin
from scoring.progress_text import write_progress
from scoring.spans import FOREVER_MS
from scoring.standards import Standard, load_preset, parse_standard, read_preset
from scoring.verdicts import VERDICTS, Verdict
from scoring.windows import day_end_ms, day_start_ms
from tests.standards.oracle.judging import Oracle
from tests.standards.oracle.run import Run
from tests.standards.small import build_standard
from tests.standards.test_second_evaluator import PRESETS, list_standings, list_stories, read_plain
from tests.standards.worlds import START, World, build_world

ZONE = "Europe/Paris"
FIRST = date(2026, 3, 20)  # the clocks go forward on 29 March
DAY, HOUR_MS = timedelta(days=1), 3_600_000
# Ours with numbers so small that a few orders reach every verdict, level and warning.
SMALL = parse_standard(
    read_preset("ours").replace("{min_base: 20, min_bad: 3, min_buyers: 2, alpha: 0.005}",
                                "{min_base: 2, min_bad: 1, min_buyers: 1, alpha: 0.2}")
    .replace("{days: 60}", "{days: 6}").replace("{days: 30}", "{days: 4}").replace("{days: 90}", "{days: 5}")
    .replace('">= 50"', '">= 2"').replace('">= 14"', '">= 3"').replace("after_days: [0, 30], end_after_days: 30",
                                                                     "after_days: [0, 4], end_after_days: 5")
    .replace('base: ">= 30"', 'base: ">= 2"'))


@dataclass(frozen=True)
class Unit:
    """An outcome, drawn: hours often coincide, some ends a later version of it."""

    shop: int
    group: str
    hours: int
    lasts_hours: int | None
    bad: bool
    forgiven: bool
    buyer: int | None


UNITS = st.lists(st.builds(
    Unit, st.integers(1, 3), st.sampled_from(["placed", "ship", "turn"]), st.integers(-30, 100).map(lambda n: 6 * n),
    st.none() | st.integers(1, 200), st.booleans(), st.sampled_from([False, False, True]),
    st.none() | st.integers(1, 3)), min_size=20, max_size=120)


def to_outcomes(units: Sequence[Unit]) -> pd.DataFrame:
    """The units as a ledger keeps them; one that lasts so long stands as bad, then as good."""
    rows = [row for number, unit in enumerate(units) for row in to_rows(number, unit)]
    return pd.DataFrame(rows)


def to_rows(number: int, unit: Unit) -> list[dict[str, Any]]:
    flags = sum(metric.flag for metric in METRICS.values() if metric.group == unit.group)
    anchor = day_start_ms(FIRST, ZONE) + unit.hours * HOUR_MS
    bad, ends = flags * unit.bad, None if unit.lasts_hours is None else anchor + unit.lasts_hours * HOUR_MS
    row = {
        "shop_id": unit.shop, "group_code": GROUP_CODES[unit.group], "unit": f"u{number}", "anchor_ms": anchor,
        "from_ms": anchor, "until_ms": ends or FOREVER_MS, "base": flags, "bad": bad, "official_base": flags,
        "official_bad": 0 if unit.forgiven else bad, "order_ref": f"o{number // 2}",
        "buyer": None if unit.buyer is None else f"b{unit.buyer}", "dossier_id": number}
    return [row] if ends is None else [
        row, {**row, "from_ms": ends, "until_ms": FOREVER_MS, "bad": 0, "official_bad": 0}]


def walk_ladder(outcomes: pd.DataFrame, opened: Mapping[int, int], dates: Sequence[date]) -> list[Any]:
    """Per date and shop that is there: verdicts, standing and intents, as official runs of ours make them."""
    ends = [day_end_ms(on, ZONE) for on in dates]
    standings: dict[int, Standing] = {}
    found = []
    for on, end, evaluations in zip(dates, ends, OutcomeTable(outcomes, list(opened), SMALL).evaluate(ends, ZONE),
                                    strict=True):
        day = {}
        for shop in evaluations:
            rows = outcomes[(outcomes["shop_id"] == shop.shop_id)]
            if opened[shop.shop_id] >= end and not (rows[["anchor_ms", "from_ms"]].max(axis=1) < end).any():
                continue
            verdicts = [
                MetricVerdict(r.metric, Verdict(r.verdict), r.bad, r.base, r.value, SMALL.get_rule(r.metric).limit)
                for r in shop.results]
            after, intents = step(standings.get(shop.shop_id), verdicts, on=on, orders_60d=shop.orders, standard=SMALL)
            standings[shop.shop_id] = after
            warnings = {episode.metric: episode.warning for episode in after.episodes}
            day[shop.shop_id] = ({r.metric: r.verdict for r in shop.results}, after.level, after.badges, warnings,
                                 [(i.kind, i.before, i.after, i.metric) for i in intents])
        found.append(day)
    return found


def walk_course(course: Course, dates: Sequence[date]) -> list[Any]:
    """The same of a course."""
    found = []
    for day in course.walk(dates):
        changes, levels = day.list_changes(), day.levels()
        found.append({
            entry[0]: (
                {r.id: str(VERDICTS[day.evaluation.verdicts(r.id)[place]]) for r in course.standard.rules},
                levels[entry], frozenset(name for name, held in day.after.badges.items() if held[place]),
                {name: int(run.warning[place]) for name, run in day.after.rules.items() if run.warning[place]},
                [(i.kind, i.before, i.after, i.metric) for i in changes.get(entry, ())])
            for place, entry in enumerate(day.entries)})
    return found


@settings(max_examples=12, deadline=None)
@given(UNITS, st.lists(st.integers(-20, 12), min_size=3, max_size=3))
def test_ours_goes_its_course_like_the_ladder_day_by_day(units: Sequence[Unit], opened_days: Sequence[int]) -> None:
    outcomes = to_outcomes(units)
    opened = {number: day_start_ms(FIRST + DAY * days, ZONE) for number, days in enumerate(opened_days, 1)}
    dates = [FIRST + DAY * number for number in range(22)]
    shops = [CourseShop(number, at_ms) for number, at_ms in opened.items()]
    course = Course(SMALL, shops, to_unit_rows(outcomes, list_metrics(SMALL)), zone=ZONE)
    assert walk_course(course, dates) == walk_ladder(outcomes, opened, dates)


def test_drawn_histories_reach_every_verdict_level_warning_and_badge() -> None:
    dice = np.random.default_rng(3)
    units = [Unit(int(shop), str(group), int(hours) * 6, None if int(hours) % 3 else 90, bool(bad < 1 + (hours > 40)),
                  False, int(buyer)) for shop, group, hours, bad, buyer in zip(
        dice.integers(1, 4, 400), dice.choice(["placed", "ship", "turn"], 400), dice.integers(-30, 100, 400),
        dice.integers(0, 9, 400), dice.integers(1, 9, 400), strict=True)]
    opened = {1: 0, 2: 0, 3: day_start_ms(FIRST + 5 * DAY, ZONE)}
    dates = [FIRST + DAY * number for number in range(30)]
    outcomes = to_outcomes(units)
    course = Course(SMALL, [CourseShop(n, at) for n, at in opened.items()],
                    to_unit_rows(outcomes, list_metrics(SMALL)), zone=ZONE)
    found = walk_course(course, dates)
    assert found == walk_ladder(outcomes, opened, dates)
    seen = [told for day in found for told in day.values()]
    assert {verdict for told in seen for verdict in told[0].values()} >= {"kept", "watch", "breached",
                                                                       "not_enough_data"}
    assert {told[1] for told in seen} == {"top", "in_standard", "below"}
    assert {kind for told in seen for kind, *_ in told[4]} == {
        "level_changed", "badge_awarded", "badge_withdrawn", "warning_given", "warning_ended"}
    assert {warning for told in seen for warning in told[3].values()} == {1, 2}


def read_standard(name: str) -> tuple[Standard, dict[str, Any]]:
    path = Path(__file__).parent.parent / "standards/every_construct.yaml"
    plain = read_plain(path.read_text("utf-8") if name == "every_construct" else read_preset(name))
    return parse_standard(plain), plain


def settle(world: World) -> World:
    """The same world with shops that all had opened before it begins: who is younger joins later in a course."""
    shops = tuple({**shop, "opened_on": shop["opened_on"] if shop["opened_on"] and shop["opened_on"] < START
                   else START - DAY * 30} for shop in world.shops)
    return World(world.rows, shops)


def to_course(standard: Standard, world: World, kept: Mapping[Entry, Any] | None = None) -> Course:
    rows, _ = world.frames()
    rows["shop"] = rows["shop"].str[1:].astype(int)
    skipped = {"shop", "opened_on", "immune_until", "volume", "trouble"}
    shops = [
        CourseShop(int(shop["shop"][1:]), day_start_ms(shop["opened_on"], ZONE),
                   {name: text for name, text in shop.items() if name not in skipped}, shop["immune_until"])
        for shop in world.shops]
    return Course(standard, shops, rows, zone=ZONE, kept=kept)


def list_some_dates(standard: Standard, count: int) -> list[date]:
    dates = [START + DAY * number for number in range(20, 430) if standard.is_official(START + DAY * number)]
    return dates[:: max(1, len(dates) // count)]


@pytest.mark.parametrize("name", [*PRESETS, "every_construct"])
def test_presets_go_their_course_like_the_second_evaluator_in_any_stretches(name: str) -> None:
    standard, plain = read_standard(name)
    world = settle(build_world(standard, shops=4, per_day=0.2))
    dates = list_some_dates(standard, 5)
    run = Run(Oracle(plain, world.rows, world.shops, ZONE))
    kept: dict[Entry, Any] = {}
    for on in dates:
        # As stored and read again after every date.
        course = to_course(standard, world, json.loads(json.dumps(list(kept.values()))) and dict(
            zip(kept, json.loads(json.dumps(list(kept.values()))), strict=True)))
        (day,) = course.walk([on])
        run.evaluate(on)
        keys = [f"s{shop}|{part}" if standard.standing_per else f"s{shop}" for shop, part in day.entries]
        stories = list_stories(standard, run)
        told = list_standings(standard, day.after, keys)
        assert {key: told[key] for key in stories} == stories, on
        kept = course.write()
    (last,) = to_course(standard, world, kept).walk([dates[-1] + DAY * 40])
    whole = to_course(standard, world)
    *_, at_once = whole.walk([*dates, dates[-1] + DAY * 40])
    assert at_once.levels() == last.levels()
    assert whole.write().keys() >= kept.keys()


def test_a_shop_that_opens_later_begins_its_own_course_and_leaves_the_others_as_they_are() -> None:
    standard = load_preset("bol")
    world = settle(build_world(standard, shops=4, per_day=0.3))
    late = replace_shop(world, "s3", START + 200 * DAY)
    dates = list_some_dates(standard, 60)
    course, others = to_course(standard, late), to_course(standard, World(world.rows, world.shops[:3]))
    sizes = [len(day.entries) for day in course.walk(dates)]
    assert (sizes[0], sizes[-1], sorted(sizes) == sizes) == (3, 4, True)
    for _ in others.walk(dates):
        pass
    alone = to_course(standard, World(late.rows, late.shops[3:]))
    for _ in alone.walk([on for on in dates if on >= START + 200 * DAY]):
        pass
    assert course.write() == {**others.write(), **alone.write()}


def replace_shop(world: World, name: str, opened_on: date) -> World:
    """One shop opens later; what it had before never was."""
    opens = day_start_ms(opened_on, ZONE)
    rows = tuple(row for row in world.rows if row["shop"] != name or row["anchor_ms"] >= opens)
    return World(rows, tuple({**shop, "opened_on": opened_on} if shop["shop"] == name else shop
                             for shop in world.shops))


def test_the_course_of_a_table_of_one_list_of_shops_is_the_plain_walk() -> None:
    standard, _ = read_standard("every_construct")
    world = settle(build_world(standard, shops=4, per_day=0.3))
    course = to_course(standard, world)
    dates = list_some_dates(standard, 5)
    rows, shops = world.frames()
    table = Table(rows, shops, standard, ZONE)
    progress = begin(standard, table.size)
    for day, on in zip(course.walk(dates), dates, strict=True):
        progress = advance(progress, evaluate(table, on, ever_judged=progress.ever_judged))
        assert write_progress(day.after, standard) == write_progress(progress, standard)


def test_nobody_there_yet_is_no_mistake() -> None:
    shop = CourseShop(1, day_start_ms(FIRST + 2 * DAY, ZONE))
    course = Course(load_preset("ours"), [shop], pd.DataFrame(), zone=ZONE)
    assert [len(day.entries) for day in course.walk([FIRST + DAY * n for n in range(4)])] == [0, 0, 1, 1]
    assert Course(load_preset("ebay"), [], pd.DataFrame(), zone=ZONE).write() == {}


@pytest.mark.parametrize(("window", "first"), [
    ({"days": 30}, date(2026, 3, 2)), ({"days_back": [21, 8]}, date(2026, 3, 10)),
    ({"months": 1}, date(2026, 2, 28)), ({"full": "month", "count": 3}, date(2025, 12, 1)),
    ({"current": "year"}, date(2026, 1, 1)), ({"since": "beginning"}, None),
    ({"since": "beginning", "ends_at": "18:00"}, None), ({"days": 30, "ends_at": "18:00"}, date(2026, 3, 1)),
    ({"all": [{"days": 7}, {"days": 30}]}, date(2026, 3, 2)), ({"any": [{"days": 7}, {"days": 30}]}, date(2026, 3, 2)),
    ({"one": {"days": 7}, "shown": [{"days": 90}]}, date(2026, 1, 1)),
    ({"bad": {"days": 7}, "base": {"days": 28}}, date(2026, 3, 4)),
    ({"by_volume": {"count_in": {"days": 90}, "at_least": 9, "then": {"days": 9}, "otherwise": {"full": "year"}}},
     date(2025, 1, 1)),
])
def test_rows_are_needed_from_this_day_on(window: dict[str, Any], first: date | None) -> None:
    assert earliest_day(build_standard({"window": window}), date(2026, 3, 31)) == first


def test_a_norm_needs_the_rows_of_its_longer_window_and_rules_that_are_off_need_none() -> None:
    norm = {"id": "n", "against_own": {"of": "rule_0", "over": {"days": 200}}, "kept_when": "<= 2"}
    off = {"window": {"since": "beginning"}, "active": False}
    standard = build_standard({}, norm, off)
    assert earliest_day(standard, date(2026, 3, 31)) == date(2025, 9, 13)
    assert list_metrics(standard) == ["m"]


def test_parts_of_a_shop_go_their_own_course_from_their_first_row_on() -> None:
    standard = replace(build_standard({"window": {"days": 1}, "kept_when": "<= 50 %"}), standing_per="region")
    rows = pd.DataFrame([
        {"shop": 1, "metric": "m", "region": region, "bad": bad,
         "anchor_ms": int(datetime(2026, 3, 20 + day, 12, tzinfo=UTC).timestamp()) * 1000}
        for region, day, bad in (("UK", 1, 1), ("US", 0, 1), ("UK", 2, 1), (None, 3, 0))])
    course = Course(standard, [CourseShop(1, 0, {"region": "FR"})], rows, zone="UTC")
    found = [dict(zip(day.entries, day.after.rules["rule_0"].in_a_row.tolist(), strict=True))
             for day in course.walk([FIRST + DAY * number for number in range(4)])]
    us, uk, none = (1, "US"), (1, "UK"), (1, "")
    assert found == [{(1, "FR"): 0, us: 1}, {(1, "FR"): 0, uk: 1, us: 1}, {(1, "FR"): 0, uk: 2, us: 1},
                     {none: 0, (1, "FR"): 0, uk: 2, us: 1}]
