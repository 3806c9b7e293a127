"""The calendar as an operator writes it, against hours counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from scoring.calendar_checks import CalendarError
from scoring.calendars import NeverOpens
from scoring.clock_trace import ClockKind
from scoring.working_calendar import ROUND_THE_CLOCK, WorkingCalendar

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3600
SPLIT = [("09:00", "12:30"), ("14:00", "18:00")]
WEEK = {"mon": SPLIT, "tue": SPLIT, "wed": SPLIT, "thu": SPLIT, "fri": SPLIT}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


def shop(weekly=None, **parts) -> WorkingCalendar:
    return WorkingCalendar(timezone="Europe/Paris", weekly=WEEK if weekly is None else weekly, **parts)


# --- counting ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-06-15 09:00", "2026-06-15 18:00", 7.5),
        ("2026-06-15 12:00", "2026-06-15 14:30", 1.0),
        ("2026-06-15 12:30", "2026-06-15 14:00", 0),
        ("2026-06-19 17:00", "2026-06-22 10:00", 2.0),  # Friday evening to Monday morning
        ("2026-07-13 17:00", "2026-07-15 10:00", 2.0),  # over the holiday of 14 July
        ("2026-12-24 08:00", "2026-12-24 20:00", 3.0),  # the date has hours of its own
        ("2026-06-15 18:00", "2026-06-15 09:00", -7.5),
        ("2026-06-15 09:00", "2026-06-15 09:00", 0),
    ],
)
def test_elapsed_counts_the_hours_that_are_open(start, end, hours):
    calendar = shop(holidays=[date(2026, 7, 14)], overrides={date(2026, 12, 24): [("09:00", "12:00")]})
    assert calendar.elapsed(at(start), at(end)) == hours * HOUR
    assert calendar.elapsed(at(end), at(start)) == -hours * HOUR


@pytest.mark.parametrize(
    ("start", "hours", "reached"),
    [
        ("2026-06-15 09:00", 7.5, "2026-06-15 18:00"),  # at closing, not at the next opening
        ("2026-06-15 10:00", 3.0, "2026-06-15 14:30"),
        ("2026-06-20 10:00", 1.0, "2026-06-22 10:00"),
        ("2026-06-20 10:00", 0, "2026-06-20 10:00"),
        ("2026-06-15 18:00", -7.5, "2026-06-15 09:00"),  # at opening, not at the closing before
        ("2026-06-22 10:00", -2.0, "2026-06-19 17:00"),
        ("2026-06-22 09:00", -1.0, "2026-06-19 17:00"),
        ("2026-06-21 10:00", -0.5, "2026-06-19 17:30"),
    ],
)
def test_adding_walks_on_and_back(start, hours, reached):
    found = shop().add(at(start), hours * HOUR)
    assert found == at(reached)
    assert found.tzinfo is UTC


def test_frames_over_midnight_belong_to_the_day_they_begin_on():
    night = shop({"fri": [("22:00", "06:00")]}, holidays=[date(2026, 6, 20)])
    assert night.periods(at("2026-06-19 12:00"), 1) == ((at("2026-06-19 22:00"), at("2026-06-20 06:00")),)
    assert night.elapsed(at("2026-06-19 00:00"), at("2026-06-22 00:00")) == 8 * HOUR
    closed = shop({"fri": [("22:00", "06:00")]}, holidays=[date(2026, 6, 19)])
    assert closed.elapsed(at("2026-06-19 00:00"), at("2026-06-22 00:00")) == 0


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-15", 24)])
def test_a_day_around_the_clock_has_the_hours_the_day_has(day, hours):
    calendar, start = shop(ROUND_THE_CLOCK), at(f"{day} 00:00")
    assert calendar.elapsed(start, start + timedelta(days=1)) == hours * HOUR
    assert [(end.astimezone(UTC) - begin).total_seconds() for begin, end in calendar.periods(start, 2)] == [
        hours * HOUR, 24 * HOUR]


def test_a_night_over_the_change_of_the_clocks_has_an_hour_more_or_less():
    night = shop({"sat": [("22:00", "06:00")]})
    lengths = [night.elapsed(at(f"{day} 12:00"), at(f"{day} 12:00") + timedelta(days=1))
               for day in ("2026-03-28", "2026-10-24", "2026-06-13")]
    assert lengths == [7 * HOUR, 9 * HOUR, 8 * HOUR]


def test_seasons_hold_from_their_date_on():
    calendar = shop(seasons={date(2026, 12, 1): {"mon": [("08:00", "20:00")]}, date(2027, 1, 1): WEEK})
    days = [at(f"{day} 00:00") for day in ("2026-11-30", "2026-12-07", "2026-12-08", "2027-01-04")]
    assert [calendar.elapsed(day, day + timedelta(days=1)) / HOUR for day in days] == [7.5, 12, 0, 7.5]


def test_an_override_opens_a_holiday_and_closes_a_weekday():
    calendar = shop(holidays=[date(2026, 7, 14)],
                    overrides={date(2026, 7, 14): [("10:00", "11:00")], date(2026, 7, 15): []})
    assert calendar.elapsed(at("2026-07-14 00:00"), at("2026-07-16 00:00")) == HOUR
    assert [calendar.is_working_day(date(2026, 7, day)) for day in (13, 14, 15, 18)] == [True, True, False, False]


def test_closures_stop_the_clock_to_the_microsecond_of_its_millisecond():
    away = (at("2026-06-15 10:00"), at("2026-06-16 09:30"))
    calendar = shop(closed=[away])
    assert calendar.elapsed(at("2026-06-15 00:00"), at("2026-06-17 00:00")) == 8 * HOUR
    assert shop().with_closures([away]) == calendar
    assert not calendar.is_open(away[0])
    assert calendar.is_open(away[1])
    assert calendar.next_open(away[0]) == away[1]
    assert calendar.elapsed(away[0] - timedelta(microseconds=7), away[1]) == pytest.approx(7e-6, abs=0)


def test_microseconds_count_both_ways():
    tick = timedelta(microseconds=1)
    calendar, opening = shop(), at("2026-06-15 09:00")
    assert calendar.elapsed(opening - tick, opening + tick) == 1e-6
    assert calendar.add(opening - tick, 1e-6) == opening + tick
    assert calendar.add(opening + tick, -1e-6) == opening
    assert calendar.add(opening + tick, -2e-6) == at("2026-06-12 18:00") - tick
    assert calendar.add(at("2026-06-12 18:00") - tick, 2e-6) == opening + tick
    assert calendar.next_open(opening + tick) == opening + tick


# --- questions --------------------------------------------------------------------------------------------


def test_open_from_opening_until_before_closing():
    calendar, tick = shop(), timedelta(milliseconds=1)
    closing = at("2026-06-15 12:30")
    assert [calendar.is_open(moment) for moment in (closing - tick, closing, closing + tick)] == [True, False, False]
    assert calendar.next_open(closing) == at("2026-06-15 14:00")
    assert calendar.next_open(closing - tick) == closing - tick


def test_periods_begin_where_one_looks_and_touching_days_stay_apart():
    periods = shop().periods(at("2026-06-19 15:00"), 3)
    assert periods == (
        (at("2026-06-19 15:00"), at("2026-06-19 18:00")), (at("2026-06-22 09:00"), at("2026-06-22 12:30")),
        (at("2026-06-22 14:00"), at("2026-06-22 18:00")))
    assert shop(ROUND_THE_CLOCK).periods(at("2026-06-19 00:00"), 2)[1] == (
        at("2026-06-20 00:00"), at("2026-06-21 00:00"))
    assert shop().periods(at("2026-06-19 15:00"), 0) == ()
    assert len(shop().periods(at("2026-06-19 15:00"), 500)) == 500
    with pytest.raises(ValueError, match="count: -1 is negative"):
        shop().periods(at("2026-06-19 15:00"), -1)


def test_a_calendar_of_single_dates_runs_out():
    calendar = shop({}, overrides={date(2026, 6, 15): [("09:00", "10:00")]})
    assert len(calendar.periods(at("2026-01-01 00:00"), 9)) == 1
    assert calendar.add(at("2026-01-01 00:00"), HOUR) == at("2026-06-15 10:00")
    with pytest.raises(NeverOpens):
        calendar.add(at("2026-01-01 00:00"), HOUR + 1)
    with pytest.raises(NeverOpens):
        calendar.next_open(at("2026-06-15 10:00"))
    with pytest.raises(NeverOpens):
        calendar.add(at("2026-06-16 00:00"), -HOUR - 1)


def test_walking_back_over_five_closed_years_or_before_2000_is_refused():
    calendar = shop(closed=[(at("2018-01-01 00:00"), at("2024-01-01 00:00"))])
    with pytest.raises(NeverOpens):
        calendar.add(at("2024-01-01 10:00"), -2 * HOUR)
    calendar.elapsed(at("2001-01-01 00:00"), at("2025-01-01 00:00"))
    with pytest.raises(NeverOpens):
        calendar.add(at("2024-01-01 10:00"), -2 * HOUR)
    with pytest.raises(NeverOpens):
        shop().add(at("2000-01-03 10:00"), -9 * HOUR)


def test_the_trace_names_every_kind_and_loses_nothing():
    calendar = shop(holidays=[date(2026, 7, 14)], overrides={date(2026, 7, 15): []},
                    closed=[(at("2026-07-16 10:00"), at("2026-07-16 12:00"))])
    start, end = at("2026-07-13 17:30") + timedelta(microseconds=5), at("2026-07-16 12:15")
    trace = calendar.trace(start, end)
    assert [(segment.kind, segment.end) for segment in trace] == [
        (ClockKind.COUNTING, at("2026-07-13 18:00")), (ClockKind.OFF_HOURS, at("2026-07-14 00:00")),
        (ClockKind.HOLIDAY, at("2026-07-15 00:00")), (ClockKind.CLOSED, at("2026-07-16 00:00")),
        (ClockKind.OFF_HOURS, at("2026-07-16 09:00")), (ClockKind.COUNTING, at("2026-07-16 10:00")),
        (ClockKind.CLOSED, at("2026-07-16 12:00")), (ClockKind.COUNTING, end)]
    assert trace[0].start == start
    counted = sum(segment.seconds for segment in trace if segment.kind == ClockKind.COUNTING)
    assert counted == pytest.approx(calendar.elapsed(start, end), abs=1e-9)
    assert calendar.trace(end, start) == ()


# --- many at once -----------------------------------------------------------------------------------------


def test_lists_arrays_and_pandas_give_the_same_answers():
    calendar = shop()
    starts = [at("2026-06-15 10:00"), at("2026-06-20 10:00"), at("2026-06-15 13:00")]
    end, index = at("2026-06-22 10:00"), pd.DatetimeIndex(starts)
    expected = [calendar.elapsed(start, end) for start in starts]
    for many in (starts, tuple(starts), np.array(starts, object), index, index.tz_convert("Asia/Tokyo"),
                 pd.Series(index), index.tz_convert("UTC").to_numpy(dtype="datetime64[ms]")):
        assert calendar.elapsed(many, end).tolist() == expected
        assert calendar.elapsed(end, many).tolist() == [-seconds for seconds in expected]
        assert calendar.add(many, HOUR).tolist() == [calendar.add(start, HOUR) for start in starts]
        assert calendar.next_open(many).tolist() == [calendar.next_open(start) for start in starts]
        assert calendar.is_open(many).tolist() == [calendar.is_open(start) for start in starts]
    steps = [HOUR, 0, -HOUR]
    assert calendar.add(starts, steps).tolist() == [calendar.add(*pair) for pair in zip(starts, steps, strict=True)]
    assert calendar.add(starts[0], steps).tolist() == [calendar.add(starts[0], step) for step in steps]
    assert calendar.elapsed([], []).tolist() == []


def test_a_million_pairs_are_the_same_as_one_by_one():
    calendar = shop(holidays=[date(2026, 7, 14)])
    rng = np.random.default_rng(7)
    micros = rng.integers(1_767_225_600_000_000, 1_830_297_600_000_000, (2, 200_000))
    found = calendar.elapsed(*micros.view("datetime64[us]"))
    for n in range(0, 200_000, 1_999):
        one, other = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(m)) for m in micros[:, n])
        assert calendar.elapsed(one, other) == found[n]


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "path", "problem"),
    [
        ({"weekly": {}}, "weekly", "no opening hours at all"),
        ({"weekly": {"mon": []}, "overrides": {date(2026, 1, 1): []}}, "weekly", "no opening hours at all"),
        ({"weekly": None}, "weekly", "expected weekdays"),
        ({"weekly": {"monday": []}}, "weekly.monday", "not a weekday, use one of mon"),
        ({"weekly": {"mon": "09:00"}}, "weekly.mon", "expected a list of frames"),
        ({"weekly": {"mon": ["09:00", "18:00"]}}, "weekly.mon[0]", "a frame has an opening and a closing"),
        ({"weekly": {"mon": [("09:00", "12:00"), ("9:00", "18:00")]}}, "weekly.mon[1][0]", "'9:00' is no time of day"),
        ({"weekly": {"mon": [("09:00", "24:01")]}}, "weekly.mon[0][1]", "'24:01' is no time of day"),
        ({"weekly": {"mon": [("09:00", "09:00")]}}, "weekly.mon[0]", 'a whole day is ["00:00", "24:00"]'),
        ({"weekly": {"mon": [("09:00", "12:00"), ("11:59", "18:00")]}}, "weekly.mon[1]", "overlaps weekly.mon[0]"),
        ({"weekly": {"mon": [("14:00", "18:00"), ("09:00", "15:00")]}}, "weekly.mon[1]", "overlaps weekly.mon[0]"),
        ({"weekly": {"mon": [("22:00", "06:00")], "tue": [("05:00", "08:00")]}}, "weekly.tue[0]", "weekly.mon[0]"),
        ({"weekly": {"sun": [("22:00", "06:00")], "mon": [("05:00", "08:00")]}}, "weekly.mon[0]", "weekly.sun[0]"),
        ({"timezone": "Europe/Pariss"}, "timezone", "'Europe/Pariss' is no time zone"),
        ({"timezone": None}, "timezone", "None is no time zone"),
        ({"timezone": ""}, "timezone", "is no time zone"),
        ({"holidays": ["2026-07-14"]}, "holidays[0]", "is no date"),
        ({"holidays": [date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)]}, "holidays[1]", "is no date"),
        ({"holidays": "2026-07-14"}, "holidays", "expected a list of dates"),
        ({"overrides": {date(1999, 12, 31): []}}, "overrides.1999-12-31", "outside the years 2000 to 2100"),
        ({"overrides": {"soon": []}}, "overrides.soon", "is no date"),
        ({"overrides": []}, "overrides", "expected dates with their frames"),
        ({"overrides": {date(2026, 1, 1): [("22:00", "06:00")], date(2026, 1, 2): [("05:00", "08:00")]}},
         "overrides.2026-01-02[0]", "overrides.2026-01-01[0]"),
        ({"seasons": {date(2026, 1, 1): {"mon": [("09:00", "12:00"), ("10:00", "13:00")]}}},
         "seasons.2026-01-01.mon[1]", "overlaps"),
        ({"seasons": []}, "seasons", "expected dates"),
        ({"closed": [(at("2026-01-01 00:00"), datetime(2026, 1, 2))]}, "closed[0][1]", "no datetime with a time zone"),  # noqa: DTZ001
        ({"closed": [(at("2026-01-02 00:00"), at("2026-01-01 00:00"))]}, "closed[0]", "not after it starts"),
        ({"closed": [at("2026-01-02 00:00")]}, "closed[0]", "a start and an end"),
    ],
)
def test_what_is_no_calendar_is_refused_with_place_and_reason(parts, path, problem):
    with pytest.raises(CalendarError) as caught:
        WorkingCalendar(**{"timezone": "Europe/Paris", "weekly": WEEK, **parts})
    assert caught.value.path == path
    assert problem in caught.value.problem
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        (datetime(2026, 1, 1), "start: 2026-01-01T00:00:00 has no time zone"),  # noqa: DTZ001
        ([at("2026-01-01 00:00"), datetime(2026, 1, 1)], r"start\[1\]: 2026-01-01T00:00:00 has no time zone"),  # noqa: DTZ001
        (pd.DatetimeIndex(["2026-01-01"]), "start: has no time zone"),
        (date(2026, 1, 1), r"start\[0\]: .* is no moment"),
        (pd.NaT, "start: the moment is missing"),
        (pd.DatetimeIndex([at("2026-01-01 00:00"), pd.NaT]), r"start\[1\]: the moment is missing"),
        (np.array([1, 2]), "start: int64 values are no moments"),
    ],
)
def test_moments_without_a_zone_are_refused(moments, message):
    with pytest.raises(ValueError, match=message):
        shop().elapsed(moments, at("2026-01-01 00:00"))


def test_steps_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="seconds: every step is a finite number"):
        shop().add(at("2026-06-15 10:00"), float("inf"))


def test_touching_frames_and_a_whole_day_before_midnight_frames_are_no_overlap():
    calendar = shop({"sun": [("00:00", "24:00")], "mon": [("00:00", "09:00"), ("09:00", "12:00")]})
    assert calendar.elapsed(at("2026-06-14 00:00"), at("2026-06-16 00:00")) == 36 * HOUR
