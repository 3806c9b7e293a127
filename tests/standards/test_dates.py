"""Windows, evaluation dates and clocks of standards, worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.calendars import CalendarBook
from scoring.clocks import find_due_ms
from scoring.schedules import effective_on, is_evaluated, list_evaluations
from scoring.standards import Window, Windows, load_preset
from scoring.standards.decisions import Clock
from scoring.standards.windowing import Schedule
from scoring.windows import resolve_window, resolve_windows
from tests.standards.dues import find_due
from tests.standards.oracle.dates import holds_day, is_official

D = date
DAYS = st.dates(date(2019, 1, 1), date(2032, 12, 31))


@pytest.mark.parametrize(
    ("written", "on", "first", "last"),
    [
        ({"days": 1}, D(2026, 3, 1), D(2026, 3, 1), D(2026, 3, 1)),
        ({"days": 30}, D(2026, 3, 1), D(2026, 1, 31), D(2026, 3, 1)),
        ({"days": 14, "today": False}, D(2026, 3, 1), D(2026, 2, 15), D(2026, 2, 28)),
        ({"days_back": [21, 8]}, D(2026, 3, 31), D(2026, 3, 10), D(2026, 3, 23)),
        ({"days_back": [1, 0]}, D(2026, 3, 31), D(2026, 3, 30), D(2026, 3, 31)),
        ({"months": 1}, D(2026, 10, 5), D(2026, 9, 5), D(2026, 10, 5)),
        ({"months": 1}, D(2026, 3, 31), D(2026, 2, 28), D(2026, 3, 31)),
        ({"months": 12}, D(2024, 2, 29), D(2023, 2, 28), D(2024, 2, 29)),
        ({"full": "month"}, D(2026, 1, 31), D(2025, 12, 1), D(2025, 12, 31)),
        ({"full": "month", "count": 12}, D(2020, 5, 20), D(2019, 5, 1), D(2020, 4, 30)),
        ({"full": "iso_week"}, D(2026, 1, 1), D(2025, 12, 22), D(2025, 12, 28)),
        ({"full": "iso_week", "count": 4}, D(2026, 1, 5), D(2025, 12, 8), D(2026, 1, 4)),
        ({"full": "quarter"}, D(2026, 4, 1), D(2026, 1, 1), D(2026, 3, 31)),
        ({"full": "half_year"}, D(2026, 7, 1), D(2026, 1, 1), D(2026, 6, 30)),
        ({"full": "year", "count": 2}, D(2026, 7, 1), D(2024, 1, 1), D(2025, 12, 31)),
        ({"current": "year"}, D(2026, 7, 1), D(2026, 1, 1), D(2026, 7, 1)),
        ({"current": "iso_week"}, D(2026, 7, 1), D(2026, 6, 29), D(2026, 7, 1)),
        ({"current": "quarter", "today": False}, D(2026, 8, 2), D(2026, 7, 1), D(2026, 8, 1)),
        ({"since": "beginning"}, D(2026, 7, 1), D.min, D(2026, 7, 1)),
    ],
)
def test_a_window_is_these_dates(written: dict[str, Any], on: date, first: date, last: date) -> None:
    assert resolve_window(Window(**written), on) == (first, last + timedelta(days=1))


@given(
    on=DAYS, day=st.integers(-800, 40),
    written=st.sampled_from([
        {"days": 60}, {"days": 7, "today": False}, {"days_back": [35, 8]}, {"months": 1}, {"months": 3, "today": False},
        {"full": "month", "count": 3}, {"full": "iso_week", "count": 2}, {"full": "quarter"}, {"full": "half_year"},
        {"full": "year"}, {"current": "month"}, {"current": "year", "today": False}, {"since": "beginning"},
    ]),
)
def test_a_window_holds_the_days_that_walking_the_calendar_finds(on: date, day: int, written: dict[str, Any]) -> None:
    first, end = resolve_window(Window(**written), on)
    looked_at = on + timedelta(days=day)
    assert (first <= looked_at < end) == holds_day(written, looked_at, on)


def test_several_windows_come_with_the_judged_ones_first() -> None:
    on, week, month = D(2026, 7, 1), Window(days=7), Window(days=30)
    both = [resolve_window(week, on), resolve_window(month, on)]
    assert list(resolve_windows(Windows(all=(week, month)), on)) == both
    assert list(resolve_windows(Windows(one=week, shown=(month,)), on)) == both
    assert list(resolve_windows(Windows(bad=week, base=month, divided_by=4), on)) == both


def test_a_window_by_volume_is_the_small_ones_until_the_volume_is_known() -> None:
    ebay, on = load_preset("ebay"), D(2026, 5, 20)
    year, quarter = (D(2025, 5, 1), D(2026, 5, 1)), (D(2026, 2, 1), D(2026, 5, 1))
    windows = [ebay.window_for("transaction_defect_rate", on, volume) for volume in (None, 399, 400)]
    assert windows == [year, year, quarter]


def test_a_figure_made_of_others_has_no_window_of_its_own() -> None:
    with pytest.raises(ValueError, match="not_as_described is made of not_as_described_rate; ask for theirs"):
        load_preset("ebay").window_for("not_as_described", D(2026, 5, 20))


@pytest.mark.parametrize(
    ("written", "dates"),
    [
        ({"every": "month", "day": 20}, ["2026-01-20", "2026-02-20", "2026-03-20"]),
        ({"every": "month", "day": 1, "months": [1, 4]}, ["2026-01-01"]),
        ({"every": "quarter", "day": 1}, ["2026-01-01"]),
        ({"every": "quarter", "weekday": "mon"}, ["2026-01-05"]),
        ({"every": "month", "weekday": "mon"}, ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ({"every": "week", "weekday": "sun", "weeks": "even"},
         ["2026-01-11", "2026-01-25", "2026-02-08", "2026-02-22", "2026-03-08", "2026-03-22"]),
        # 16 January 2026 is a Friday, 16 February a holiday here (a Monday), 16 March a Monday.
        ({"every": "month", "day": 16, "roll_forward": True}, ["2026-01-16", "2026-02-17", "2026-03-16"]),
        # 28 February 2026 is a Saturday: the next working day lies in March.
        ({"every": "month", "day": 28, "roll_forward": True}, ["2026-01-28", "2026-03-02"]),
    ],
)
def test_a_schedule_names_these_dates(written: dict[str, Any], dates: list[str]) -> None:
    found = list_evaluations(Schedule(**written), D(2026, 1, 1), D(2026, 3, 28), holidays=frozenset({D(2026, 2, 16)}))
    assert [str(day) for day in found] == dates


@given(on=DAYS, written=st.sampled_from([
    {"every": "day"}, {"every": "week", "weekday": "mon"}, {"every": "week", "weekday": "sun", "weeks": "odd"},
    {"every": "month", "day": 27}, {"every": "quarter", "day": 2}, {"every": "quarter", "weekday": "mon"},
]))
def test_a_date_is_official_when_the_words_say_so(on: date, written: dict[str, Any]) -> None:
    assert is_evaluated(Schedule(**written), on) == is_official(written, on)


def test_a_result_takes_effect_at_once_some_days_later_or_next_month() -> None:
    on = D(2026, 12, 20)
    schedules = [Schedule(every="day", takes_effect=when) for when in ("same_day", 5, "next_month")]
    assert [effective_on(schedule, on) for schedule in schedules] == [on, D(2026, 12, 25), D(2027, 1, 1)]


def test_only_official_dates_of_a_standard_are_official() -> None:
    ebay = load_preset("ebay")
    assert [ebay.is_official(D(2026, 5, day)) for day in (19, 20, 21)] == [False, True, False]


OFFICE = Clock(id="office", weekdays=["mon", "tue", "wed", "thu", "fri"], hours=[["09:00", "17:00"]], holidays="seller")


@pytest.mark.parametrize(
    ("written", "start", "due"),
    [
        # Monday, before and after the cut-off; a promise of two counting days.
        ({"due_in_days": 2, "order_cut_off": "14:00"}, "2026-05-11T13:59", "2026-05-13T24:00"),
        ({"due_in_days": 2, "order_cut_off": "14:00"}, "2026-05-11T14:00", "2026-05-14T24:00"),
        # The day of payment is day one, unless it does not count.
        ({"due_in_days": 2, "starts_on": "same_day"}, "2026-05-11T13:59", "2026-05-12T24:00"),
        ({"due_in_days": 2, "starts_on": "same_day", "weekdays": ["mon", "tue", "wed", "thu", "fri"]},
         "2026-05-10T13:59", "2026-05-12T24:00"),
        # Saturday rolls to Monday.
        ({"due_in_days": 0, "roll_forward": True, "weekdays": ["mon", "tue", "wed", "thu", "fri"], "due_at": "19:00"},
         "2026-05-09T10:00", "2026-05-11T19:00"),
        # Ascension Day counts for a clock without holidays only.
        ({"due_in_days": 1, "holidays": "destination"}, "2026-05-13T10:00", "2026-05-15T24:00"),
        ({"due_in_days": 1}, "2026-05-13T10:00", "2026-05-14T24:00"),
    ],
)
def test_a_clock_of_days_is_due_then(written: dict[str, Any], start: str, due: str) -> None:
    clock = Clock(id="days", **written)
    local = datetime.fromisoformat(f"{start}:00+02:00")
    day, time = due.split("T")
    wanted = datetime.fromisoformat(f"{day}T{time if time != '24:00' else '00:00'}:00+02:00")
    wanted += timedelta(days=1, milliseconds=-1) if time == "24:00" else timedelta()
    assert find_due(clock, local, "Europe/Paris", holidays=[D(2026, 5, 14)]) == wanted


def test_a_clock_that_counts_hours_has_no_deadline_by_days() -> None:
    with pytest.raises(ValueError, match="clock office counts hours"):
        find_due_ms(OFFICE, 0, CalendarBook("Europe/Paris").at(0, 0))


def test_chats_of_lazada_up_to_the_cut_are_due_at_seven_in_the_evening() -> None:
    clock = next(clock for clock in load_preset("lazada").clocks if clock.id == "chat")
    asked = [datetime(2026, 5, 13, hour, minute, tzinfo=UTC) for hour, minute in ((9, 59), (10, 0))]  # 17:59 and 18:00
    assert [find_due(clock, at, "Asia/Manila") for at in asked] == [
        datetime(2026, 5, 13, 11, tzinfo=UTC), datetime(2026, 5, 14, 11, tzinfo=UTC)]
