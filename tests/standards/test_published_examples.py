"""Examples with numbers that marketplaces and others have published, each with its source."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from scoring.schedules import effective_on
from scoring.standards import load_preset
from scoring.standards.decisions import Clock
from tests.standards.dues import find_due
from tests.standards.small import ON, build_standard, judge, unit, units, value, verdict

AMAZON = load_preset("amazon")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")


def share(base: int, bad: int, kept_when: str, **fields: Any) -> tuple[float, str]:
    """The value and verdict of a share counted over quantities, so that millions need two rows."""
    standard = build_standard({"weigh_by": "quantity", "kept_when": kept_when, **fields})
    rows = [unit(bad=1, quantity=bad), unit(bad=0, quantity=base - bad)]
    found = judge(standard, rows)
    return value(found), verdict(found)


def test_amazon_invoice_defects_seen_on_2_may_cover_orders_of_19_to_25_april() -> None:
    """AZ12, official."""
    assert AMAZON.window_for("invoice_defect_rate", date(2025, 5, 2)) == (date(2025, 4, 19), date(2025, 4, 26))


@pytest.mark.parametrize(("confirmed", "due"), [("2026-03-02", "2026-03-03"), ("2026-03-06", "2026-03-09")])
def test_amazon_invoices_of_monday_are_due_tuesday_and_of_friday_on_monday_at_2359(confirmed: str, due: str) -> None:
    """AZ12, official; the second also shows that a holiday changes nothing."""
    clock = next(clock for clock in AMAZON.clocks if clock.id == "next_working_day")
    shipped = datetime.fromisoformat(f"{confirmed}T10:00:00+01:00")
    wanted = datetime.fromisoformat(f"{due}T23:59:00+01:00")
    assert find_due(clock, shipped, "Europe/Paris", holidays=[date.fromisoformat(due)]) == wanted


def test_amazon_report_315_of_9001_invoices() -> None:
    """AZ14, official: 214 missing and 101 late, rate 0.03499611, LESS_THAN 0.05, GOOD."""
    rate, word = share(9001, 214 + 101, "< 5 %")
    assert (round(rate, 8), word) == (0.03499611, "kept")


def test_amazon_report_27896_of_870669_late() -> None:
    """AZ14, official: rate 0.03203973037, LESS_THAN 0.04, GOOD."""
    rate, word = share(870_669, 27_896, "< 4 %")
    assert (round(rate, 11), word) == (0.03203973037, "kept")


@pytest.mark.parametrize(
    ("metric", "first", "last", "days"),
    [
        ("order_defect_rate", date(2020, 9, 6), date(2020, 11, 4), 60),
        ("late_shipment_rate", date(2020, 10, 21), date(2020, 11, 19), 30),
        ("cancellation_rate", date(2020, 11, 12), date(2020, 11, 18), 7),
        ("valid_tracking_rate", date(2020, 10, 11), date(2020, 11, 9), 30),
        ("violations_low", date(2020, 5, 23), date(2020, 11, 19), 181),
        ("policy_violations", date(2020, 5, 24), date(2020, 11, 19), 180),
    ],
)
def test_amazon_report_windows_of_19_november_2020(metric: str, first: date, last: date, days: int) -> None:
    """AZ14, official, both ends included."""
    start, end = AMAZON.window_for(metric, date(2020, 11, 19))
    assert (start, end - timedelta(days=1), (end - start).days) == (first, last, days)


@pytest.mark.parametrize(("kept_when", "word"), [(">= 95 %", "kept"), ("> 95 %", "breached")])
def test_amazon_190_valid_of_200_is_95_per_cent_and_lies_on_the_limit(kept_when: str, word: str) -> None:
    """AZ8 and AZ9, guide: passes at least 95, fails above 95."""
    assert share(200, 10, kept_when, measure="share_of_good") == (0.95, word)


def test_manomano_80_perfect_of_100_fails_above_95() -> None:
    """MM1, guide."""
    assert share(100, 20, "> 95 %", measure="share_of_good") == (0.8, "breached")


def test_rakuten_germany_counts_cancellations_by_the_merchant_only() -> None:
    """RK3, official: 7 of 100 enquiries 7 %; 5 cancelled, 2 by the merchant, 2 %; 12 of 100 late 12 %."""
    assert share(100, 7, "<= 100 %")[0] == 0.07
    assert share(100, 12, "<= 100 %")[0] == 0.12
    standard = build_standard({"bad_when": {"kind": "cancelled", "fault": "seller"}})
    cancelled = [unit(kind="cancelled", fault="seller")] * 2 + [unit(kind="cancelled", fault="buyer")] * 3
    assert value(judge(standard, [*cancelled, *[unit(kind="", fault="")] * 95])) == 0.02


def test_rakuten_germany_takes_one_enquiry_per_order_at_most() -> None:
    """RK3, official: de-duplication, a unit is bad once."""
    standard = build_standard({"join": "any_bad"})
    rows = [unit(unit_ref="A", bad=1)] * 3 + [unit(unit_ref="B", bad=0)]
    assert value(judge(standard, rows)) == 0.5


def test_rakuten_germany_publishes_on_the_16th_or_the_next_working_day_for_the_month_before() -> None:
    """RK3: 16 May 2026 is a Saturday, the 18th a Monday."""
    schedule = {"every": "month", "day": 16, "roll_forward": True}
    standard = build_standard({"window": {"full": "month"}}, evaluated=schedule)
    assert [day for day in range(14, 22) if standard.is_official(date(2026, 5, day))] == [18]
    assert standard.window_for("m", date(2026, 5, 18)) == (date(2026, 4, 1), date(2026, 5, 1))


@pytest.mark.parametrize(("points", "letter"), [(13, "B"), (16, "A"), (6, "C"), (4, "D")])
def test_rakuten_france_a_score_of_13_is_a_b(points: int, letter: str) -> None:
    """RK1, official: A above 15, B above 10, C above 5."""
    grades = [{"id": "A", "when": "> 15"}, {"id": "B", "when": "> 10"}, {"id": "C", "when": "> 5"}, {"id": "D"}]
    found = judge(build_standard({"measure": "total_amount", "grades": grades}), [unit(amount=points)])
    grade = found.results["rule_0"].grade
    assert grade is not None
    assert grade[0] == letter


def test_kaufland_counts_an_order_of_ten_pieces_as_ten() -> None:
    """KA1, official."""
    found = judge(build_standard({"weigh_by": "quantity"}), [unit(quantity=10, bad=1), *units(10, 0, quantity=1)])
    assert (value(found), int(found.results["rule_0"].count("base")[0])) == (0.5, 20)


def test_etsy_94_7_per_cent_is_shown_as_94_and_fails_95() -> None:
    """ET4, community: truncated, not rounded."""
    rounding = {"how": "down", "digits": 2, "judged": "rounded"}
    rate, word = share(1000, 53, ">= 95 %", measure="share_of_good", round=rounding)
    assert (rate, word) == (0.94, "breached")
    exact = share(1000, 49, ">= 95.1 %", measure="share_of_good", round={**rounding, "judged": "exact"})
    assert exact == (0.95, "kept")


def test_etsy_36_of_39_is_shown_as_92_per_cent() -> None:
    """ET4, community."""
    rounding = {"how": "down", "digits": 2, "judged": "rounded"}
    assert share(39, 3, ">= 90 %", measure="share_of_good", round=rounding)[0] == 0.92


def test_etsy_what_is_reached_on_17_april_counts_on_1_may_over_february_to_april() -> None:
    """ET2, official."""
    etsy = load_preset("etsy")
    official = next(day for day in (date(2026, 4, 17) + timedelta(days=n) for n in range(40)) if etsy.is_official(day))
    assert (official, effective_on(etsy.evaluated, official)) == (date(2026, 5, 1), date(2026, 5, 1))
    assert etsy.window_for("orders", official) == (date(2026, 2, 1), date(2026, 5, 1))


def test_reply_rate_counts_the_unanswered_and_the_mean_time_leaves_them_out() -> None:
    """WE1, official: 18 of 20 conversations are 90 %; the mean of 4 h, 8 h and unanswered is 6 h."""
    assert share(20, 2, ">= 90 %", measure="share_of_good") == (0.9, "kept")
    late = {"measure": "share_of_good", "bad_when": {"amount": "> 24 h"}, "unknown_is": "bad"}
    found = judge(build_standard({"measure": "mean"}, late), [unit(amount=h) for h in (4 * 3600, 8 * 3600, None)])
    assert value(found) == 6 * 3600
    assert value(found, "rule_1") == pytest.approx(2 / 3)


def test_ebay_handling_of_two_and_service_of_five_days_are_on_time_in_seven_working_days() -> None:
    """EB7, guide: paid on a Monday, due on the Wednesday of the week after."""
    clock = Clock(id="transport", weekdays=WEEKDAYS, due_in_days=2 + 5)
    due = find_due(clock, datetime.fromisoformat("2026-03-02T10:00:00+01:00"), "Europe/Berlin")
    assert due == datetime.fromisoformat("2026-03-11T23:59:59.999+01:00")


def test_ebay_nine_defects_from_seven_buyers_are_not_yet_effective_with_a_limit_of_eight() -> None:
    """EB17, copy of an old official text: the rate applies once eight distinct buyers are reached."""
    standard = build_standard({"kept_when": {"any": ["<= 2 %", {"buyers": "< 8"}]}})
    seven = [unit(unit_ref=f"u{n}", bad=1, buyer=f"b{min(n, 6)}") for n in range(9)]
    found = judge(standard, [*seven, *[unit(bad=0, buyer=f"c{n}") for n in range(91)]])
    assert (value(found), int(found.results["rule_0"].count("buyers")[0]), verdict(found)) == (0.09, 7, "kept")
    eight = [unit(unit_ref=f"u{n}", bad=1, buyer=f"b{min(n, 7)}") for n in range(9)]
    assert verdict(judge(standard, [*eight, *[unit(bad=0, buyer=f"c{n}") for n in range(91)]])) == "breached"


@pytest.mark.parametrize(
    ("bad", "base", "rate"),
    [(5, 100, 0.05), (5, 20, 0.25), (1, 500, 0.002)],
    ids=["WE2 eBay not as described, guide", "SH1 Shopee, guide", "WE3 Joomag, guide"],
)
def test_a_share_is_bad_over_base(bad: int, base: int, rate: float) -> None:
    assert share(base, bad, "<= 100 %")[0] == rate


def test_gittigidiyor_100_positive_and_4_negative_show_96_per_cent() -> None:
    """WE4, official: 96.15 is displayed as 96."""
    rounding = {"how": "down", "digits": 2, "judged": "exact"}
    assert share(104, 4, ">= 96.1 %", measure="share_of_good", round=rounding) == (0.96, "kept")


def test_amazon_late_shipments_of_12_per_cent_in_ten_days_and_3_5_in_thirty() -> None:
    """AZ6, forum: 6 late of 50 in ten days and of 171 in thirty; fails over ten, passes over thirty."""
    rows = [unit(ON - timedelta(days=5), bad=int(number < 6)) for number in range(50)]
    rows += [unit(ON - timedelta(days=20), bad=0) for _ in range(121)]
    ten, thirty = {"days": 10}, {"days": 30}
    both = judge(build_standard({"window": {"all": [thirty, ten]}, "kept_when": "< 4 %"}), rows)
    rates = [tally.value.floats()[0] for tally in both.results["rule_0"].tallies]
    assert [round(float(rate), 3) for rate in rates] == [0.035, 0.12]
    assert verdict(both) == "breached"
    assert verdict(judge(build_standard({"window": thirty, "kept_when": "< 4 %"}), rows)) == "kept"
    # No sanction was observed: with either window enough, it is kept.
    assert verdict(judge(build_standard({"window": {"any": [thirty, ten]}, "kept_when": "< 4 %"}), rows)) == "kept"


@pytest.mark.parametrize(("kept_when", "word"), [("< 1 %", "breached"), ("<= 1 %", "kept")])
def test_airbnb_one_cancellation_of_100_is_exactly_one_per_cent(kept_when: str, word: str) -> None:
    """AB1, official: “1 per 100” stands beside “< 1 %”, so strictness is a field."""
    assert share(100, 1, kept_when) == (0.01, word)
