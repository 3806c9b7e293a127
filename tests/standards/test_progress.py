"""What a run of evaluations makes of a shop, worked out by hand, and our own standard beside the ladder."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.evaluate import evaluate
from scoring.ladder import MetricVerdict, Standing, step
from scoring.measures import Table
from scoring.progress import Progress, advance, begin, last_reset, regroup
from scoring.standards import Standard, load_preset, parse_standard
from scoring.verdicts import VERDICTS
from tests.standards.small import ON, build_standard, build_table, run, unit
from tests.standards.worlds import START, build_world

DAY = timedelta(days=1)
TIERS = [{"id": "good", "title": {"en": "Good"}, "needs": {"rule_0.verdict": "kept"}},
         {"id": "other", "title": {"en": "Other"}}]
ONE_DAY = {"window": {"days": 1}, "kept_when": "<= 50 %"}


def days(letters: str) -> list[dict[str, Any]]:
    """A unit a day: b is bad, g good, a blank no unit at all."""
    return [unit(ON + DAY * number, bad=int(letter == "b")) for number, letter in enumerate(letters) if letter != " "]


def walk(standard: Standard, letters: str, **shop: Any) -> list[Any]:
    return run(build_table(standard, days(letters), **shop), [ON + DAY * number for number in range(len(letters))])


def tiers(standard: Standard, letters: str, **shop: Any) -> str:
    """The first letter of the level after each day."""
    return "".join(str(progress.tier_ids(standard)[0])[0] for progress in walk(standard, letters, **shop))


def test_breaches_in_a_row_are_counted_over_evaluations_with_data() -> None:
    found = [int(p.rules["rule_0"].in_a_row[0]) for p in walk(build_standard(ONE_DAY), "bb bgb")]
    assert found == [1, 2, 2, 3, 0, 1]


def test_the_level_follows_at_once_unless_told_otherwise() -> None:
    assert tiers(build_standard(ONE_DAY, tiers=TIERS), "gbgb") == "gogo"


@pytest.mark.parametrize(
    ("changes", "letters", "levels"),
    [
        ({"fall_after": 3}, "gbbgbbbb", "ggggggoo"),
        ({"rise_after": 2}, "bgbgg", "oooog"),
        ({"start_tier": "good", "fall_after": 2}, "bb", "go"),
    ],
)
def test_levels_move_after_so_many_evaluations_in_a_row(changes: dict[str, Any], letters: str, levels: str) -> None:
    assert tiers(build_standard(ONE_DAY, tiers=TIERS, changes=changes), letters) == levels


def test_a_level_is_held_for_its_least_stay() -> None:
    held = [{**TIERS[0], "stay_days": 3}, TIERS[1]]
    assert tiers(build_standard(ONE_DAY, tiers=held), "gbbbb") == "gggoo"


def test_what_gains_a_level_may_differ_from_what_keeps_it() -> None:
    rule = {"window": {"days": 4}, "kept_when": "<= 100 %"}
    levels = [{**TIERS[0], "needs": {"rule_0": "<= 25 %"}, "keeps": {"rule_0": "<= 50 %"}}, TIERS[1]]
    # Shares of the last four days: 0, 1/2, 2/3, 3/4, 3/4, 1/2, 1/4.
    assert tiers(build_standard(rule, tiers=levels), "gbbbggg") == "ggoooog"


def test_immunity_and_frozen_downgrades_hold_falls_and_frozen_changes_hold_all() -> None:
    standard = build_standard(ONE_DAY, tiers=TIERS)
    assert tiers(standard, "gbbb", immune_until=ON + 2 * DAY) == "ggoo"
    frozen = {"freezes": [{"start": str(ON + DAY), "end": str(ON + 2 * DAY)}]}
    assert tiers(build_standard(ONE_DAY, tiers=TIERS, changes=frozen), "gbbbg") == "gggog"
    assert tiers(build_standard(ONE_DAY, tiers=TIERS, changes=frozen), "bgbbg") == "oggog"
    frozen["freezes"][0]["what"] = "changes"
    assert tiers(build_standard(ONE_DAY, tiers=TIERS, changes=frozen), "bgggg") == "ooogg"


def test_a_rule_on_trial_decides_nothing_until_its_day() -> None:
    rule = {**ONE_DAY, "trial_until": str(ON + 2 * DAY)}
    found = walk(build_standard(rule, tiers=TIERS, changes={"start_tier": "good"}), "gbb")
    assert [p.rules["rule_0"].in_a_row.tolist() if p.rules else None for p in found] == [None, None, [1]]


def test_a_least_volume_once_reached_is_reached_for_ever() -> None:
    rule = {**ONE_DAY, "window": {"days": 2}, "judged_when": {"base": ">= 2"}}
    words = []
    for sticky in (False, True):
        standard = build_standard({**rule, "sticky": sticky})
        table, progress = build_table(standard, days("bb  b")), begin(standard, 1)
        seen = []
        for number in range(5):
            evaluation = evaluate(table, ON + number * DAY, ever_judged=progress.ever_judged)
            progress = advance(progress, evaluation)
            seen.append(str(VERDICTS[evaluation.verdicts("rule_0")[0]])[0])
        words.append("".join(seen))
    assert words == ["nbnnn", "nbbnb"]


def test_warnings_come_with_the_breach_then_after_days_and_end_without_one() -> None:
    standard = build_standard(ONE_DAY, warnings={"after_days": [0, 2, 4], "end_after_days": 3})
    found = [int(p.rules["rule_0"].warning[0]) for p in walk(standard, "bgbgbgggb")]
    assert found == [1, 1, 2, 2, 3, 3, 3, 0, 1]


def test_a_rule_with_dates_of_its_own_counts_breaches_on_those_alone() -> None:
    standard = build_standard({**ONE_DAY, "evaluated": {"every": "month", "day": 1}})
    found = [int(p.rules["rule_0"].in_a_row[0]) for p in walk(standard, "bbb")]
    assert found == [0, 1, 1]  # 31 March, 1 and 2 April


def test_strikes_count_for_their_days_and_their_steps_bind() -> None:
    strikes = [{"id": "s", "when": {"rule_0.verdict": "breached"}, "last_days": 3,
                "steps": [{"when": ">= 2", "acts": [{"kind": "suspension"}]},
                          {"when": ">= 2", "acts": [{"kind": "order_cap"}], "for_days": 4}]}]
    standard = build_standard(ONE_DAY, strikes=strikes)
    found = walk(standard, "bbggggb")
    steps = standard.strikes[0].steps
    in_force = [[bool(flags[0]) for flags in p.steps_in_force("strikes.s", steps, p.on)] for p in found if p.on]
    assert [now for now, _ in in_force] == [False, True, True, False, False, False, False]
    assert [timed for _, timed in in_force] == [False, True, True, True, True, False, False]


def test_points_expire_by_their_own_time_or_with_the_account() -> None:
    line = {"id": "bad", "when": {"rule_0.verdict": "breached"}, "points": -2.5}
    points: dict[str, Any] = {"start": 10, "floor": 4, "lines": [{**line, "last_days": 2}]}
    balances = [float(p.balance[0] / 1e6) for p in walk(build_standard(ONE_DAY, points=points), "bbbgg")]
    assert balances == [7.5, 5, 5, 7.5, 10]
    # 1 April begins a quarter.
    points = {"start": 10, "floor": 4, "reset": "quarter", "lines": [line]}
    balances = [float(p.balance[0] / 1e6) for p in walk(build_standard(ONE_DAY, points=points), "bbbbb")]
    assert balances == [7.5, 7.5, 5, 4, 4]


@pytest.mark.parametrize(
    ("reset", "on", "day"),
    [
        ("quarter", date(2026, 5, 10), date(2026, 4, 1)), ("year", date(2026, 5, 10), date(2026, 1, 1)),
        ("quarter_first_monday", date(2026, 4, 6), date(2026, 4, 6)),
        ("quarter_first_monday", date(2026, 4, 5), date(2026, 1, 5)),
    ],
)
def test_an_account_was_last_reset_on(reset: str, on: date, day: date) -> None:
    points = build_standard(ONE_DAY, points={"start": 0, "lines": [], "reset": reset}).points
    assert points is not None
    assert last_reset(points, on) == day


def test_dates_are_taken_in_order_only() -> None:
    standard = build_standard(ONE_DAY)
    progress = walk(standard, "g")[0]
    with pytest.raises(ValueError, match="2026-03-31 is not after 2026-03-31"):
        advance(progress, evaluate(build_table(standard, days("g")), ON))


def test_a_shop_that_opens_later_joins_with_a_story_of_its_own() -> None:
    text = (Path(__file__).parent / "every_construct.yaml").read_text("utf-8")
    standard = parse_standard(text)
    rows, shops = build_world(standard, shops=4, per_day=0.5).frames()
    dates = [START + DAY * number for number in range(60, 200, 14)]
    few, many = (Table(rows, shops[:count], standard, "UTC") for count in (3, 4))

    def go(progress: Progress, table: Table, on: list[date]) -> Progress:
        for day in on:
            progress = advance(progress, evaluate(table, day, ever_judged=progress.ever_judged))
        return progress

    alone = go(go(begin(standard, 3), few, dates[:5]), few, dates[5:])
    joined = go(regroup(go(begin(standard, 3), few, dates[:5]), standard, np.array([2, 0, 1, -1])),
                Table(rows, shops.iloc[[2, 0, 1, 3]], standard, "UTC"), dates[5:])
    fresh = go(begin(standard, 4), many, dates[5:])
    # Peers see one shop more, so what rests on them is left out.
    for name in ("late", "late_any", "tickets", "by_season"):
        old, new, other = (progress.rules[name] for progress in (alone, joined, fresh))
        assert new.in_a_row.tolist() == [*old.in_a_row[[2, 0, 1]].tolist(), int(other.in_a_row[3])]
        assert new.warning.tolist() == [*old.warning[[2, 0, 1]].tolist(), int(other.warning[3])]
    assert joined.strikes["lates"][-1][1].shape == (4,)


def to_ladder(evaluation: Any, place: int) -> list[MetricVerdict]:
    found = []
    for rule in evaluation.standard.rules:
        bad, base = (int(evaluation.results[rule.id].count(name)[place]) for name in ("bad", "base"))
        word = VERDICTS[evaluation.verdicts(rule.id)[place]]
        found.append(MetricVerdict.from_counts(rule, word, bad=bad, base=base))
    return found


def test_our_standard_gives_the_verdicts_levels_badges_and_warnings_of_the_ladder() -> None:
    ours = load_preset("ours")
    rows, shops = build_world(ours, shops=5, per_day=1.2).frames()
    rows["excluded"] = rows["excluded"].where(rows["excluded"] != "base", "both")
    # The ladder knows no immunity.
    table = Table(rows, shops.drop(columns="immune_until"), ours, "Europe/Paris")
    progress = begin(ours, table.size)
    standings: list[Standing | None] = [None] * 5
    seen: set[str] = set()
    for on in (START + DAY * number for number in range(40, 420, 5)):
        evaluation = evaluate(table, on, ever_judged=progress.ever_judged)
        progress = advance(progress, evaluation)
        for place in range(5):
            orders = int(evaluation.results["orders"].count("base")[place])
            verdicts = to_ladder(evaluation, place)
            standings[place], _ = step(standings[place], verdicts, on=on, orders_60d=orders, standard=ours)
            standing = standings[place]
            assert standing is not None
            badges = {name for name, held in progress.badges.items() if held[place]}
            warnings = {rule: int(run.warning[place]) for rule, run in progress.rules.items() if run.warning[place]}
            # An episode that is over stands in the ladder until the next evaluation.
            assert (progress.tier_ids(ours)[place], badges) == (standing.level, standing.badges), (on, place)
            assert warnings == {episode.metric: episode.warning for episode in standing.episodes}
            seen |= {standing.level, *badges}
    assert seen == {"top", "in_standard", "below", "top_seller", "fast_replies"}


def test_shops_are_judged_alike_whatever_their_order() -> None:
    ours = load_preset("ours")
    rows, shops = build_world(ours, shops=4, per_day=1.0).frames()
    on = START + 300 * DAY
    forth = evaluate(Table(rows, shops, ours, "Europe/Paris"), on)
    back = evaluate(Table(rows.iloc[::-1].reset_index(drop=True), shops.iloc[::-1], ours, "Europe/Paris"), on)
    for rule in ours.rules:
        assert np.array_equal(forth.verdicts(rule.id), back.verdicts(rule.id)[::-1])
