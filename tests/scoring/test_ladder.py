"""The ladder of our own standard: by hand on its exact days, and as properties of whole histories."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.ladder import (
    Episode,
    IntentKind,
    MetricVerdict,
    ReasonCode,
    Standing,
    parse_standing,
    step,
    to_plain,
)
from scoring.standards import load_preset
from scoring.verdicts import Verdict

OURS = load_preset("ours")
START = date(2026, 1, 1)
LATE, REPLIES = "late_shipment_rate", "response_within_rate"


def day(number: int) -> date:
    return START + timedelta(days=number)


def verdict_of(metric: str, verdict: str, base: int = 100) -> MetricVerdict:
    bad = {"kept": 0, "watch": 11, "breached": 40}.get(verdict, 0)
    return MetricVerdict.from_counts(OURS.get_rule(metric), Verdict(verdict), bad=bad, base=base)


def run(days: dict[int, str], *, until: int, metric: str = LATE, orders: int = 60):
    """Judge every day from 0; days not given are kept. Standings and intents by day."""
    standing, standings, intents = None, {}, {}
    for number in range(until + 1):
        verdicts = [verdict_of(metric, days.get(number, "kept"))]
        standing, found = step(standing, verdicts, on=day(number), orders_60d=orders, standard=OURS)
        standings[number], intents[number] = standing, found
    return standings, intents


def list_changes(intents):
    return [
        (number, str(i.kind), i.before, i.after)
        for number, found in intents.items()
        for i in found
        if not i.kind.startswith("badge")
    ]


# --- by hand ----------------------------------------------------------------------------------------------


def test_a_single_breach_warns_once_and_is_forgotten_after_thirty_days():
    standings, intents = run({1: "breached"}, until=31)
    assert list_changes(intents) == [
        (0, "level_changed", "in_standard", "top"),
        (1, "warning_given", 0, 1),
        (1, "level_changed", "top", "in_standard"),
        (2, "level_changed", "in_standard", "top"),
        (31, "warning_ended", 1, 0),
    ]
    assert standings[30].episodes == (Episode(LATE, day(1), day(1), 1, 1),)
    assert standings[31].episodes == ()


@pytest.mark.parametrize(("second", "level"), [(13, "top"), (14, "below")])
def test_breaches_fourteen_days_apart_put_a_shop_below(second, level):
    standings, _ = run({0: "breached", second: "breached"}, until=second + 1)
    assert standings[second + 1].level == level


def test_below_lasts_until_thirty_days_after_the_last_breach():
    standings, intents = run({0: "breached", 14: "breached"}, until=44)
    assert [standings[number].level for number in (13, 14, 15, 43, 44)] == ["top", *["below"] * 3, "top"]
    ended = intents[44][1]
    assert (ended.before, ended.after) == ("below", "top")
    assert [reason.code for reason in ended.reasons] == ["episode_ended", "kept", "enough_orders"]
    assert (ended.reasons[0].since, ended.reasons[0].until) == (day(0), day(14))


@pytest.mark.parametrize(("last", "warning"), [(29, 1), (30, 2)])
def test_the_second_warning_comes_with_a_breach_thirty_days_after_the_first(last, warning):
    standings, _ = run({0: "breached", 15: "breached", last: "breached"}, until=last)
    assert standings[last].episodes == (Episode(LATE, day(0), day(last), warning, 3),)


def test_warnings_go_one_two_none_over_a_long_episode():
    _, intents = run(dict.fromkeys((0, 15, 30, 45), "breached"), until=75)
    warnings = [change for change in list_changes(intents) if change[1].startswith("warning")]
    assert warnings == [
        (0, "warning_given", 0, 1),
        (30, "warning_given", 1, 2),
        (75, "warning_ended", 2, 0),
    ]


def test_a_breach_on_the_day_an_episode_ends_begins_the_next():
    standings, intents = run({0: "breached", 30: "breached"}, until=30)
    assert standings[30].episodes == (Episode(LATE, day(30), day(30), 1, 1),)
    assert [(i.kind, i.before, i.after) for i in intents[30][:2]] == [
        (IntentKind.WARNING_ENDED, 1, 0),
        (IntentKind.WARNING_GIVEN, 0, 1),
    ]


def test_two_metrics_breached_in_turn_do_not_add_up():
    standing = None
    for number, broken in ((0, LATE), (14, REPLIES)):
        verdicts = [verdict_of(m, "breached" if m == broken else "kept") for m in (LATE, REPLIES)]
        standing, _ = step(standing, verdicts, on=day(number), orders_60d=60, standard=OURS)
    assert standing.level == "in_standard"
    assert [episode.metric for episode in standing.episodes] == [LATE, REPLIES]


@pytest.mark.parametrize(
    ("verdicts", "orders", "level"),
    [
        (["kept", "kept"], 50, "top"),
        (["kept", "kept"], 49, "in_standard"),
        (["kept", "not_enough_data"], 50, "top"),
        (["kept", "exempt"], 50, "top"),
        (["kept", "watch"], 50, "in_standard"),
        (["not_enough_data", "not_enough_data"], 50, "in_standard"),
        ([], 50, "in_standard"),
    ],
)
def test_top_asks_for_every_judged_metric_kept_and_fifty_orders(verdicts, orders, level):
    judged = [verdict_of(m, v) for m, v in zip((LATE, REPLIES), verdicts, strict=False)]
    standing, intents = step(None, judged, on=START, orders_60d=orders, standard=OURS)
    assert standing.level == level
    assert [i.kind for i in intents if i.kind == "level_changed"] == ["level_changed"] * (level == "top")


def test_a_first_evaluation_in_standard_says_nothing():
    standing, intents = step(None, [verdict_of(LATE, "watch")], on=START, orders_60d=60, standard=OURS)
    assert (standing, intents) == (Standing("in_standard", frozenset(), ()), ())


@pytest.mark.parametrize(
    ("verdict", "base", "held"),
    [("kept", 30, True), ("kept", 29, False), ("watch", 100, False), ("not_enough_data", 19, False)],
)
def test_fast_replies_asks_for_thirty_turns_and_a_kept_promise(verdict, base, held):
    standing, _ = step(None, [verdict_of(REPLIES, verdict, base)], on=START, orders_60d=0, standard=OURS)
    assert standing.badges == (frozenset({"fast_replies"}) if held else frozenset())


@pytest.mark.parametrize(
    ("next_verdict", "code"),
    [
        (verdict_of(REPLIES, "watch"), ReasonCode.NOT_KEPT),
        (verdict_of(REPLIES, "exempt"), ReasonCode.NOT_KEPT),
        (verdict_of(REPLIES, "kept", 19), ReasonCode.TOO_SMALL_BASE),
        (verdict_of(REPLIES, "not_enough_data", 3), ReasonCode.TOO_SMALL_BASE),
        (verdict_of(LATE, "kept"), ReasonCode.NOTHING_JUDGED),
    ],
)
def test_a_badge_is_withdrawn_with_its_reason(next_verdict, code):
    held, (awarded,) = step(None, [verdict_of(REPLIES, "kept")], on=START, orders_60d=0, standard=OURS)
    assert (awarded.kind, awarded.before, awarded.after) == (
        IntentKind.BADGE_AWARDED,
        None,
        "fast_replies",
    )
    assert [(reason.code, reason.needed) for reason in awarded.reasons] == [("kept", 30)]
    _, (withdrawn,) = step(held, [next_verdict], on=day(1), orders_60d=0, standard=OURS)
    assert (withdrawn.kind, withdrawn.before, withdrawn.after) == (
        IntentKind.BADGE_WITHDRAWN,
        "fast_replies",
        None,
    )
    assert (withdrawn.metric, [reason.code for reason in withdrawn.reasons]) == (REPLIES, [code])


def test_a_shop_asked_some_thirty_times_keeps_its_badge_down_to_twenty_and_gets_it_again_at_thirty():
    standing, told = None, []
    for number, base in enumerate((29, 30, 29, 20, 31, 28, 19, 29, 30)):
        standing, intents = step(standing, [verdict_of(REPLIES, "kept", base)], on=day(number), orders_60d=0,
                                 standard=OURS)
        told += [(base, intent.kind, intent.reasons[0].needed) for intent in intents]
    assert told == [(30, "badge_awarded", 30), (19, "badge_withdrawn", 20), (30, "badge_awarded", 30)]


def test_the_top_seller_badge_goes_with_the_level():
    standings, intents = run({1: "watch"}, until=1)
    assert [s.badges for s in standings.values()] == [frozenset({"top_seller"}), frozenset()]
    assert [[reason.code for reason in found[-1].reasons] for found in intents.values()] == [
        ["level_reached"],
        ["level_left"],
    ]


def test_a_badge_the_standard_no_longer_knows_is_withdrawn():
    held = Standing("in_standard", frozenset({"old"}), ())
    after, (intent,) = step(held, [], on=START, orders_60d=0, standard=OURS)
    assert after.badges == frozenset()
    assert (intent.before, intent.metric, intent.reasons) == ("old", None, ())


def test_level_reasons_name_the_numbers_that_decide():
    _, intents = run({0: "breached", 14: "breached"}, until=14, orders=49)
    (below,) = [i for i in intents[14] if i.kind == "level_changed"]
    (reason,) = below.reasons
    assert (reason.code, reason.metric, reason.since, reason.until) == (
        "still_breached",
        LATE,
        day(0),
        day(14),
    )
    assert (reason.bad, reason.base, reason.value, reason.limit) == (40, 100, 0.4, Decimal("0.04"))
    top = Standing("top", frozenset(), ())
    _, (left, *_) = step(top, [verdict_of(LATE, "watch")], on=START, orders_60d=49, standard=OURS)
    assert [(r.code, r.base, r.needed) for r in left.reasons] == [
        ("not_kept", 100, None),
        ("too_few_orders", 49, 50),
    ]
    _, (left, *_) = step(top, [], on=START, orders_60d=50, standard=OURS)
    assert [r.code for r in left.reasons] == ["nothing_judged"]


def test_an_episode_without_numbers_of_the_date_still_explains_the_level():
    episode = Episode(LATE, day(0), day(14), 1, 2)
    _, (intent,) = step(
        Standing("in_standard", frozenset(), (episode,)), [], on=day(15), orders_60d=0, standard=OURS
    )
    assert [(r.code, r.metric, r.base) for r in intent.reasons] == [("still_breached", LATE, None)]


def test_values_read_as_people_read_them():
    assert MetricVerdict.from_counts(OURS.get_rule(REPLIES), Verdict.KEPT, bad=2, base=20).value == 0.9
    assert MetricVerdict.from_counts(OURS.get_rule(LATE), Verdict.KEPT, bad=1, base=20).value == 0.05
    empty = MetricVerdict.from_counts(OURS.get_rule(LATE), Verdict.NOT_ENOUGH_DATA, bad=0, base=0)
    assert empty.value is None


def test_two_verdicts_of_one_metric_are_refused():
    twice = [verdict_of(LATE, "kept"), verdict_of(LATE, "watch")]
    with pytest.raises(ValueError, match="late_shipment_rate is judged twice"):
        step(None, twice, on=START, orders_60d=0, standard=OURS)


# --- properties of histories ------------------------------------------------------------------------------

verdict_names = st.sampled_from(["kept", "watch", "breached", "breached", "not_enough_data", "exempt"])
evaluations = st.lists(
    st.tuples(st.integers(1, 20), verdict_names, verdict_names, st.sampled_from([49, 50, 60])), max_size=25
)
LEVELS = ("below", "in_standard", "top")


def replay(history):
    standing, number, steps = None, 0, []
    for gap, late, replies, orders in history:
        number += gap
        verdicts = [verdict_of(LATE, late), verdict_of(REPLIES, replies)]
        standing, intents = step(standing, verdicts, on=day(number), orders_60d=orders, standard=OURS)
        steps.append((number, standing, intents, verdicts, orders))
    return steps


@settings(deadline=None)
@given(evaluations)
def test_the_level_follows_from_the_dates_of_the_breaches_alone(history):
    """Against a reading of the rule that keeps no state: the last unbroken run of breaches of each metric."""
    breaches: dict[str, list[int]] = {LATE: [], REPLIES: []}
    for number, standing, _, verdicts, orders in replay(history):
        below = False
        for verdict in verdicts:
            days = breaches[verdict.metric]
            if verdict.verdict == "breached":
                days.append(number)
            run_of = [
                d
                for n, d in enumerate(days)
                if all(b - a < 30 for a, b in zip(days[n:], days[n + 1 :], strict=False))
            ]
            ongoing = bool(run_of) and number - run_of[-1] < 30
            below |= ongoing and run_of[-1] - run_of[0] >= 14
            episodes = {e.metric: e for e in standing.episodes}
            assert (verdict.metric in episodes) == ongoing
            if ongoing:
                warning = 2 if run_of[-1] - run_of[0] >= 30 else 1
                assert episodes[verdict.metric] == Episode(
                    verdict.metric, day(run_of[0]), day(run_of[-1]), warning, len(run_of)
                )
        judged = [v.verdict for v in verdicts if v.verdict in ("kept", "watch", "breached")]
        top = bool(judged) and set(judged) == {"kept"} and orders >= 50
        assert standing.level == ("below" if below else "top" if top else "in_standard")


@settings(deadline=None)
@given(evaluations)
def test_a_date_judged_again_changes_nothing(history):
    for number, standing, _, verdicts, orders in replay(history):
        again = step(standing, verdicts, on=day(number), orders_60d=orders, standard=OURS)
        assert again == (standing, ())


@settings(deadline=None)
@given(evaluations)
def test_intents_are_exactly_the_difference_between_standings(history):
    before = Standing("in_standard", frozenset(), ())
    for _, after, intents, _, _ in replay(history):
        level, badges = before.level, set(before.badges)
        warnings = {e.metric: e.warning for e in before.episodes}
        for intent in intents:
            assert intent.before != intent.after
            assert intent.reasons
            if intent.kind == "level_changed":
                assert level == intent.before
                level = intent.after
            elif intent.kind.startswith("badge"):
                badges ^= {intent.before or intent.after}
            else:
                assert warnings.get(intent.metric, 0) == intent.before
                warnings[intent.metric] = intent.after
        assert (level, badges) == (after.level, after.badges)
        held = {metric: warning for metric, warning in warnings.items() if warning}
        assert held == {e.metric: e.warning for e in after.episodes}
        before = after


@settings(deadline=None)
@given(evaluations, st.data())
def test_a_better_record_never_stands_worse(history, data):
    if not history:
        return
    chosen = data.draw(st.integers(0, len(history) - 1))
    gap, late, replies, orders = history[chosen]
    better = [*history]
    if late in ("watch", "breached"):
        late = data.draw(st.sampled_from(["kept", "watch"] if late == "breached" else ["kept"]))
    better[chosen] = (gap, late, replies, max(orders, 60))
    for worse_step, better_step in zip(replay(history), replay(better), strict=True):
        assert LEVELS.index(worse_step[1].level) <= LEVELS.index(better_step[1].level)
        warnings = [max((e.warning for e in s[1].episodes), default=0) for s in (worse_step, better_step)]
        assert warnings[1] <= warnings[0]


@settings(deadline=None)
@given(evaluations)
def test_standings_and_intents_survive_json(history):
    for _, standing, intents, _, _ in replay(history):
        assert parse_standing(json.loads(json.dumps(to_plain(standing)))) == standing
        for intent in intents:
            written = json.loads(json.dumps(to_plain(intent)))
            assert (written["kind"], written["before"], written["after"]) == (
                str(intent.kind),
                intent.before,
                intent.after,
            )
            assert len(written["reasons"]) == len(intent.reasons)


def test_plain_intents_hold_iso_dates_and_exact_limits():
    _, intents = run({0: "breached", 14: "breached"}, until=14)
    plain = to_plain(next(i for i in intents[14] if i.kind == "level_changed"))
    assert plain == {
        "kind": "level_changed",
        "before": "top",
        "after": "below",
        "metric": None,
        "reasons": [
            {
                "code": "still_breached",
                "metric": LATE,
                "bad": 40,
                "base": 100,
                "value": 0.4,
                "limit": "0.04",
                "since": "2026-01-01",
                "until": "2026-01-15",
                "needed": None,
                "key": None,
                "asks": None,
                "found": None,
            }
        ],
    }


def test_days_and_limits_are_the_standards_own():
    strict = replace(OURS, warnings=replace(OURS.warnings, end_after_days=5))
    held, _ = step(None, [verdict_of(LATE, "breached")], on=day(0), orders_60d=60, standard=strict)
    after, _ = step(held, [verdict_of(LATE, "kept")], on=day(5), orders_60d=60, standard=strict)
    assert after.episodes == ()
