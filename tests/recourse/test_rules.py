"""Appeals and plans by their pure rules: who may do what, by when, what falls, how a plan and a promise end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from operator_qos.recourse import plan_rules, rules
from operator_qos.recourse.effects import Ruling, protect
from operator_qos.recourse.plan_rules import Measured, Terms
from operator_qos.recourse.replay import FrozenDay, Told, list_fallen, replay
from operator_qos.recourse.reports import Owed, measure_promise
from operator_qos.recourse.rules import AppealRefused, IllegalStep
from operator_qos.standing.queries import StandingRow
from scoring.ladder import MetricVerdict
from scoring.standards import load_preset
from scoring.verdicts import Verdict

STANDARD = load_preset("ours")
LATE = "late_shipment_rate"
DAY = date(2026, 3, 10)
FRIDAY = datetime(2026, 3, 13, 15, tzinfo=UTC)


@pytest.mark.parametrize(("contested", "last"), [
    (date(2026, 3, 10), date(2026, 9, 10)), (date(2025, 8, 31), date(2026, 2, 28)),
    (date(2026, 6, 30), date(2026, 12, 30)), (date(2026, 7, 1), date(2027, 1, 1)),
    (date(2023, 8, 29), date(2024, 2, 29))])
def test_six_months_end_on_the_same_day_or_the_last_of_a_shorter_month(contested: date, last: date) -> None:
    assert rules.window_ends_on(contested) == last


def test_two_working_days_leave_out_the_weekend_and_fifteen_days_do_not() -> None:
    assert rules.admissible_due_at(FRIDAY, "Europe/Paris") == datetime(2026, 3, 17, 15, tzinfo=UTC)
    # The clocks go forward on the 29th: 16 h on the wall is 14 h UTC from then on.
    assert rules.decision_due_at(datetime(2026, 3, 20, 15, tzinfo=UTC), "Europe/Paris") == datetime(
        2026, 4, 4, 14, tzinfo=UTC)


LEGAL = {
    ("filed", "operator"): ["admit", "refuse", "write"],
    ("admissible", "operator"): ["assign", "write"],
    ("assigned", "operator"): ["assign", "write", "decide"],
    **{(state, "seller"): ["write", "withdraw"] for state in ("filed", "admissible", "assigned")},
    **{(state, "timer"): ["remind"] for state in ("filed", "admissible", "assigned")},
}


@pytest.mark.parametrize("state", rules.STATES)
@pytest.mark.parametrize("side", rules.SIDES)
def test_who_may_do_what_is_one_table_and_the_rest_is_refused_by_name(state: str, side: str) -> None:
    allowed = LEGAL.get((state, side), [])
    assert rules.list_allowed(state, side) == allowed
    for action in {one.name for one in rules.ACTIONS} - set(allowed):
        with pytest.raises(IllegalStep, match=f"{side} may not {action} while the appeal is {state}"):
            rules.check(action, state, side)


def test_nobody_judges_what_they_decided_released_or_filed() -> None:
    judges = [rules.may_judge(who, original_by="a@x, b@x", filed_by="s@x") for who in ("a@x", "b@x", "s@x", "c@x")]
    assert judges == [False, False, False, True]


@pytest.mark.parametrize(("ruling", "code"), [
    (Ruling("upheld", "x", [1]), "nothing_falls"), (Ruling("partly", "x"), "name_what_falls"),
    (Ruling("reversed", "x"), "name_what_falls"), (Ruling("maybe", "x"), "unknown")])
def test_an_outcome_goes_with_what_falls(ruling: Ruling, code: str) -> None:
    with pytest.raises(AppealRefused) as refused:
        ruling.require_whole(1, None)
    assert refused.value.code == code


def test_changes_that_judging_again_did_not_make_have_fallen_each_once() -> None:
    first = Told(DAY, "warning_given", LATE, "0", "1")
    second = Told(DAY + timedelta(days=14), "level_changed", "", "in_standard", "below")
    assert list_fallen({5: second, 3: first, 4: first}, [first]) == [4, 5]
    assert list_fallen({5: second, 3: first}, [second, first]) == []


def test_where_a_shop_stood_is_read_from_what_was_decided() -> None:
    def day(number: int, verdict: Verdict, **changed: object) -> FrozenDay:
        limit = STANDARD.get_rule(LATE).limit
        return FrozenDay(DAY + timedelta(days=number), [MetricVerdict(LATE, verdict, 9, 100, 0.09, limit)], **changed)  # type: ignore[arg-type]

    days = [day(0, Verdict.KEPT, level="top", awarded=frozenset({"top_seller"})),
            day(1, Verdict.BREACHED, level="in_standard", withdrawn=frozenset({"top_seller"}),
                warned=frozenset({LATE})),
            day(2, Verdict.BREACHED)]
    found = replay(days, STANDARD)
    assert found is not None
    assert (found.standing.level, found.standing.badges, found.since_on) == ("in_standard", frozenset(), days[1].on)
    assert [(e.first_breach_on, e.last_breach_on) for e in found.standing.episodes] == [(days[1].on, days[2].on)]
    # Without a warning then, something sheltered the shop: no episode began.
    sheltered = replay([days[0], day(1, Verdict.BREACHED)], STANDARD)
    assert sheltered is not None and (sheltered.standing.level, sheltered.standing.episodes) == ("top", ())
    assert replay([], STANDARD) is None


def stand(level: str, *badges: str, warning: int = 0) -> StandingRow:
    episodes = [{"metric": LATE, "first_breach_on": str(DAY), "last_breach_on": str(DAY), "warning": warning,
                 "breached_count": 1}] if warning else []
    return StandingRow(1, level, list(badges), episodes, warning, DAY, DAY)


@pytest.mark.parametrize(("again", "before", "expected"), [
    (stand("in_standard"), stand("below", warning=2), stand("in_standard")),
    (stand("below", warning=2), stand("in_standard", warning=1), stand("in_standard")),
    (stand("in_standard"), stand("top", "top_seller"), stand("top", "top_seller"))])
def test_nobody_loses_by_contesting(again: StandingRow, before: StandingRow, expected: StandingRow) -> None:
    assert protect(again, before, STANDARD) == expected


@pytest.mark.parametrize(("measured", "target", "higher", "result"), [
    (Measured(3, 100, 0.03), "0.03", False, "reached"), (Measured(4, 100, 0.04), "0.03", False, "missed"),
    (Measured(0, 0, None), "0.03", False, "missed"), (Measured(1, 10, 0.9), "0.9", True, "reached"),
    (Measured(2, 10, 0.8), "0.9", True, "missed")])
def test_a_plan_ends_by_what_came_since_its_start(measured: Measured, target: str, higher: bool, result: str) -> None:
    assert plan_rules.find_result(measured, target, higher_is_better=higher) == result


@pytest.mark.parametrize(("written", "share"), [
    ("4", "0.04"), ("4 %", "0.04"), ("3,5 %", "0.035"), ("100", "1"), ("0", "0")])
def test_a_target_is_a_percentage_however_it_is_written(written: str, share: str) -> None:
    terms = Terms(LATE, written, "x", "y", DAY + timedelta(days=14))
    assert plan_rules.require_terms(terms, today=DAY).target == share
    with pytest.raises(AppealRefused, match="must lie from 2026-03-24 to 2026-07-08"):
        plan_rules.require_terms(Terms(LATE, written, "x", "y", DAY + timedelta(days=13)), today=DAY)


def test_a_promise_counts_once_it_is_settled_or_past_due() -> None:
    def owe(due: int, settled: int | None) -> Owed:
        hours = timedelta(hours=1)
        return Owed(FRIDAY, FRIDAY + due * hours, None if settled is None else FRIDAY + settled * hours)

    owed = [owe(10, 10), owe(10, 11), owe(10, None), owe(90, None), owe(90, 2)]
    line = measure_promise("appeal", owed, now=FRIDAY + timedelta(hours=20))
    assert (line.given, line.owed, line.in_time, line.median_seconds) == (5, 4, 2, 36_000)
    assert line.share == 0.5
    assert measure_promise("appeal", [], now=FRIDAY).share is None
