"""Deadlines counted in days, against a wall calendar. AZ12 and the like name the source of an example."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendars import NeverOpens
from scoring.day_deadlines import DayRule, add_working_days, find_due, find_received_on, find_working_day, roll_forward
from scoring.working_calendar import ROUND_THE_CLOCK, WorkingCalendar

BERLIN, MANILA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Manila")
NINE_TO_FIVE = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), (("09:00", "17:00"),))
# Working days of the invoice rule are Monday to Friday whatever the public holidays.
INVOICE = WorkingCalendar(timezone="Europe/Berlin", weekly=NINE_TO_FIVE)
SHOP = WorkingCalendar(timezone="Europe/Berlin", weekly=NINE_TO_FIVE, holidays=[date(2026, 5, 1)])


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# 2026-04-27 is a Monday, 2026-05-01 a Friday and a holiday.
@pytest.mark.parametrize(
    ("shipped", "due"),
    [
        ("2026-04-27 10:00", "2026-04-28 23:59"),
        ("2026-04-24 10:00", "2026-04-27 23:59"),
        ("2026-04-30 10:00", "2026-05-01 23:59"),
        ("2026-04-25 10:00", "2026-04-27 23:59"),
    ],
)
def test_an_invoice_is_due_at_the_end_of_the_next_working_day_az12(shipped, due):
    assert find_due(INVOICE, at(shipped), DayRule(1, by="23:59")) == at(due)


def test_handling_and_service_days_add_up_to_seven_working_days_eb7():
    due = find_due(INVOICE, at("2026-06-01 10:00"), DayRule(2 + 5))
    assert due == at("2026-06-11 00:00") - timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-06-15 17:59", "2026-06-15 19:00"),
        ("2026-06-15 18:00", "2026-06-16 19:00"),
        ("2026-06-13 12:00", "2026-06-13 19:00"),  # weekends count
        ("2026-06-11 18:30", "2026-06-13 19:00"),  # 12 June is a public holiday
        ("2026-06-12 09:00", "2026-06-13 19:00"),
    ],
)
def test_chats_until_18_00_are_due_at_19_00_the_same_day_lz1(asked, due):
    calendar = WorkingCalendar(timezone="Asia/Manila", weekly=ROUND_THE_CLOCK, holidays=[date(2026, 6, 12)])
    assert find_due(calendar, at(asked, MANILA), DayRule(0, by="19:00", cut_off="18:00")) == at(due, MANILA)


@pytest.mark.parametrize(
    ("paid", "same_day", "next_day"),
    [
        ("2026-04-27 10:00", "2026-04-28", "2026-04-29"),  # Monday
        ("2026-04-29 10:00", "2026-04-30", "2026-05-04"),  # Wednesday before the holiday
        ("2026-04-25 10:00", "2026-04-28", "2026-04-28"),  # a Saturday is no working day, so Monday is day 1 of both
    ],
)
def test_the_day_of_payment_is_day_1_or_the_next_one_is(paid, same_day, next_day):
    for day_one, last in (("same_day", same_day), ("next_day", next_day)):
        due = find_due(SHOP, at(paid), DayRule(2, day_one=day_one))
        assert due.astimezone(BERLIN).strftime("%F %T.%f") == f"{last} 23:59:59.999000"


@pytest.mark.parametrize(
    ("placed", "received", "due"),
    [
        ("2026-04-27 13:59", "2026-04-27", "2026-04-28"),
        ("2026-04-27 14:00", "2026-04-28", "2026-04-29"),
        ("2026-04-30 14:00", "2026-05-04", "2026-05-05"),  # holiday and weekend
        ("2026-05-02 09:00", "2026-05-04", "2026-05-05"),
    ],
)
def test_after_the_cut_off_an_order_is_received_on_the_next_working_day(placed, received, due):
    rule = DayRule(1, cut_off="14:00", by="18:00")
    assert find_received_on(SHOP, at(placed), rule) == date.fromisoformat(received)
    assert find_due(SHOP, at(placed), rule) == at(f"{due} 18:00")


@pytest.mark.parametrize(("rolls", "due"), [(True, "2026-05-04"), (False, "2026-05-02")])
def test_calendar_days_end_on_the_next_working_day_or_where_they_end(rolls, due):
    rule = DayRule(3, counted="calendar", by="12:00", rolls_forward=rolls)
    assert find_due(SHOP, at("2026-04-29 10:00"), rule) == at(f"{due} 12:00")
    late = DayRule(3, counted="calendar", by="12:00", rolls_forward=rolls, cut_off="10:00")
    assert find_due(SHOP, at("2026-04-28 10:00"), late) == at(f"{due} 12:00")


def test_what_would_be_due_before_it_begins_is_due_a_working_day_later():
    assert find_due(SHOP, at("2026-04-30 20:00"), DayRule(0, by="19:00")) == at("2026-05-04 19:00")
    assert find_due(SHOP, at("2026-04-30 19:00"), DayRule(0, by="19:00")) == at("2026-04-30 19:00")


def test_days_on_which_the_platform_is_closed_are_no_working_days():
    shut = SHOP.with_closures([(at("2026-04-28 00:00"), at("2026-04-30 16:59"))])
    assert add_working_days(shut, date(2026, 4, 27), 1) == date(2026, 4, 30)
    shut = shut.with_closures([(at("2026-04-30 16:59"), at("2026-04-30 17:00"))])
    assert add_working_days(shut, date(2026, 4, 27), 1) == date(2026, 5, 4)
    assert add_working_days(shut, date(2026, 4, 28), 0) == date(2026, 5, 4)


def test_a_night_belongs_to_the_day_it_begins_on():
    nights = WorkingCalendar(timezone="Europe/Berlin", weekly={"fri": [("22:00", "06:00")]})
    assert find_working_day(nights, date(2026, 4, 25)) == date(2026, 5, 1)


@pytest.mark.parametrize(
    ("due", "rolled"),
    [
        ("2026-04-27 23:30", "2026-04-27 23:30"),
        ("2026-05-01 00:00", "2026-05-04 00:00"),
        ("2026-05-02 10:15", "2026-05-04 10:15"),
        ("2026-03-29 03:30", "2026-03-30 03:30"),  # though the clock was put forward that night
    ],
)
def test_a_due_time_on_a_closed_day_comes_back_on_the_next_working_day(due, rolled):
    assert roll_forward(SHOP, at(due)) == at(rolled)


def test_a_closing_time_on_the_night_of_the_change_is_the_second_one():
    calendar = WorkingCalendar(timezone="Europe/Berlin", weekly=ROUND_THE_CLOCK)
    due = find_due(calendar, at("2026-10-24 10:00"), DayRule(1, by="02:30"))
    assert due == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_shop_that_stays_closed_has_no_working_day():
    once = WorkingCalendar(timezone="Europe/Berlin", weekly={}, overrides={date(2026, 1, 1): [("09:00", "10:00")]})
    with pytest.raises(NeverOpens):
        find_due(once, at("2026-01-02 10:00"), DayRule(1))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"days": -1}, "days: -1 is less than 0"),
        ({"days": 0, "day_one": "same_day"}, "days: 0 is less than 1, as day_one is same_day"),
        ({"days": 1, "day_one": "today"}, "day_one: 'today' is none of next_day, same_day"),
        ({"days": 1, "counted": "weeks"}, "counted: 'weeks' is none of working, calendar"),
        ({"days": 1, "by": "7 pm"}, "by: '7 pm' is no time of day"),
        ({"days": 1, "cut_off": "25:00"}, "cut_off: '25:00' is no time of day"),
    ],
)
def test_rules_that_cannot_be_name_the_field(fields, message):
    with pytest.raises(ValueError, match=message):
        DayRule(**fields)


rules = st.builds(
    DayRule, st.integers(1, 6), counted=st.sampled_from(["working", "calendar"]),
    day_one=st.sampled_from(["next_day", "same_day"]), by=st.sampled_from(["24:00", "19:00", "00:00"]),
    cut_off=st.sampled_from([None, "14:00", "00:00"]), rolls_forward=st.booleans())
starts = st.integers(0, 60 * 1440).map(lambda n: at("2026-03-01 00:00").astimezone(UTC) + timedelta(minutes=n))


@settings(deadline=None, max_examples=200)
@given(rules, starts, st.integers(0, 3000))
def test_a_later_start_is_never_due_earlier(rule, start, minutes):
    first, second = find_due(SHOP, start, rule), find_due(SHOP, start + timedelta(minutes=minutes), rule)
    assert start <= first <= second
    if rule.counted == "working" or rule.rolls_forward:
        assert SHOP.is_working_day(first.astimezone(BERLIN).date())
