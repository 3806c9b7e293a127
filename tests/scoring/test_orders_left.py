"""Orders still needed and failures still allowed, on a calendar worked by hand and against trying every number."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.judgeability import JudgedLimit, read_limit
from scoring.orders_left import (
    DayCount,
    Room,
    count_good_needed,
    count_room,
    count_units_needed,
    find_judged_on,
    find_relief_on,
)
from scoring.standards import Evidence
from scoring.verdicts import Verdict, judge_evidence, to_verdicts

OURS = Evidence(min_base=20, min_bad=3, min_buyers=2, alpha=Decimal("0.005"))
LATE = read_limit("0.04", higher_is_better=False, evidence=OURS)
TODAY = date(2026, 6, 18)


def june(day: int, bad: int, base: int) -> DayCount:
    return DayCount(date(2026, 6, day), bad, base)


def test_fourteen_more_orders_needed():
    assert [count_units_needed(base, LATE) for base in (0, 6, 20, 21)] == [20, 14, 0, 0]


@pytest.mark.parametrize(
    ("per_day", "judged_on"),
    [(0.0, None), (1.0, date(2026, 7, 2)), (2.5, date(2026, 6, 24)), (14.0, date(2026, 6, 19))],
)
def test_the_date_on_which_a_metric_can_be_judged(per_day, judged_on):
    days = [june(17, 0, 6)]
    assert find_judged_on(days, LATE, window_days=30, today=TODAY, units_per_day=per_day) == judged_on


def test_units_that_leave_the_window_delay_the_judging():
    days = [june(1, 0, 15), june(18, 0, 4)]
    assert find_judged_on(days, LATE, window_days=18, today=TODAY, units_per_day=1.0) == date(2026, 7, 4)
    assert find_judged_on([june(18, 0, 20)], LATE, window_days=18, today=TODAY, units_per_day=0.0) == TODAY


def test_two_more_late_orders_allowed_until_30_june():
    """100 orders, 2 of them late, on 10 June: 4 % are 4, so 2 more keep the limit; 11 of 100 would be proof."""
    room = count_room([june(10, 2, 100)], LATE, window_days=30, today=TODAY, until_on=date(2026, 6, 30))
    assert room == Room(kept=2, unbreached=8, until_on=date(2026, 6, 30), binding="limit")


def test_good_orders_that_leave_take_their_room_along():
    days = [june(1, 0, 100), june(10, 2, 100)]
    until = [date(2026, 6, 30), date(2026, 7, 1)]  # 1 June leaves a window of 30 days on 1 July
    assert [count_room(days, LATE, window_days=30, today=TODAY, until_on=on).kept for on in until] == [6, 2]
    assert count_room(days, LATE, window_days=30, today=TODAY, until_on=until[1], units_per_day=2.0).kept == 3


def test_late_orders_that_leave_give_no_room_before_they_have_left():
    days = [june(1, 4, 50), june(10, 0, 50)]
    assert count_room(days, LATE, window_days=30, today=TODAY, until_on=date(2026, 7, 5)).kept == 0
    assert count_room(days, LATE, window_days=30, today=date(2026, 7, 1), until_on=date(2026, 7, 5)).kept == 2
    assert find_relief_on(days, window_days=30, today=TODAY) == date(2026, 7, 1)
    assert find_relief_on(days, window_days=30, today=date(2026, 7, 1)) is None


def test_without_evidence_the_next_failure_beyond_the_limit_is_the_breach():
    point = read_limit("0.04", higher_is_better=False, evidence=None)
    room = count_room([june(10, 2, 100)], point, window_days=30, today=TODAY, until_on=TODAY)
    assert room == Room(kept=2, unbreached=2, until_on=TODAY, binding="evidence")


def test_room_used_up_is_none_and_an_end_before_today_is_refused():
    room = count_room([june(10, 30, 100)], LATE, window_days=30, today=TODAY, until_on=TODAY)
    assert (room.kept, room.unbreached) == (0, 0)
    with pytest.raises(ValueError, match="until_on: 2026-06-17 is before 2026-06-18"):
        count_room([], LATE, window_days=30, today=TODAY, until_on=date(2026, 6, 17))


@pytest.mark.parametrize(("bad", "base", "needed"), [(4, 100, 0), (5, 100, 25), (1, 1, 24), (0, 0, 0)])
def test_good_orders_that_bring_a_limit_back(bad, base, needed):
    assert count_good_needed(bad, base, LATE) == needed


def test_nothing_brings_back_a_limit_of_none():
    assert count_good_needed(1, 10, JudgedLimit(Fraction(0), None)) is None


histories = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(0, 3)), max_size=12).map(
    lambda rows: [DayCount(TODAY - timedelta(days=ago), min(bad, base), base) for ago, base, bad in rows])


@settings(deadline=None, max_examples=80)
@given(histories, st.integers(1, 30), st.integers(0, 35), st.sampled_from(["0.04", "0.1", "0.25"]))
def test_room_is_the_most_that_changes_no_verdict_on_any_date(days, window, ahead, share):
    limit = read_limit(share, higher_is_better=False, evidence=OURS)
    room = count_room(days, limit, window_days=window, today=TODAY, until_on=TODAY + timedelta(days=ahead))
    dates = [TODAY + timedelta(days=n) for n in range(ahead + 1)]
    windows = [[d for d in days if on - timedelta(days=window) < d.on <= on] for on in dates]

    def holds(more: int, wanted: str) -> bool:
        return all(is_so(sum(d.bad for d in held) + more, sum(d.base for d in held), wanted) for held in windows)

    def is_so(bad: int, base: int, wanted: str) -> bool:
        if bad > base or wanted == "kept":
            return wanted == "kept" and bad <= Fraction(share) * base
        code = judge_evidence([bad], [base], [bad], limits=share, higher_is_better=False, evidence=OURS)
        return to_verdicts(code) != [Verdict.BREACHED]

    for wanted, most in (("kept", room.kept), ("unbreached", room.unbreached)):
        assert most == 0 or holds(most, wanted)
        assert not holds(most + 1, wanted)
    assert room.kept <= room.unbreached or room.unbreached == 0
