"""Holidays, local days and working hours of the demo, against tables worked out by hand."""

from datetime import UTC, date, datetime

import pytest

from operator_qos.demo.days import Hours, LocalDays, WorkClock, easter_sunday, public_holidays, stamp

OFFICE = Hours(((("09:00", "12:00"), ("14:00", "18:00")),) * 5 + ((), ()), (date(2026, 3, 10),))


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.fixture(scope="module")
def paris() -> LocalDays:
    return LocalDays("Europe/Paris", "FR", date(2026, 3, 1), date(2026, 4, 30))


@pytest.mark.parametrize(
    ("year", "day"), [(2024, date(2024, 3, 31)), (2025, date(2025, 4, 20)), (2026, date(2026, 4, 5))]
)
def test_easter_falls_where_the_almanac_says(year: int, day: date) -> None:
    assert easter_sunday(year) == day


def test_german_holidays_of_spring_2026() -> None:
    found = public_holidays("DE", date(2026, 4, 1), date(2026, 5, 31))
    assert found == tuple(
        map(date.fromisoformat, ("2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25"))
    )


@pytest.mark.parametrize("text", ["1999-12-31T23:59:59Z", "2026-03-29T01:00:00Z", "2026-06-18T06:00:00Z"])
def test_a_stamp_reads_back_as_the_same_instant(text: str) -> None:
    assert stamp(at(text)) == text


def test_a_wall_time_follows_the_clocks_forward(paris: LocalDays) -> None:
    eve, change = paris.number(date(2026, 3, 28)), paris.number(date(2026, 3, 29))
    assert stamp(paris.at(eve, 9 * 3600)) == "2026-03-28T08:00:00Z"
    assert stamp(paris.at(change, 9 * 3600)) == "2026-03-29T07:00:00Z"
    assert paris.midnights[change + 1] - paris.midnights[change] == 23 * 3600


def test_a_day_begins_at_local_midnight(paris: LocalDays) -> None:
    assert paris.dates[paris.day_of(at("2026-03-10T23:00:00Z"))] == "2026-03-11"
    assert paris.dates[paris.day_of(at("2026-03-10T22:59:59Z"))] == "2026-03-10"


def test_the_next_working_day_skips_weekend_and_holiday(paris: LocalDays) -> None:
    good_thursday = paris.number(date(2026, 4, 2))
    following = [paris.working_date(paris.next_working[good_thursday] + n) for n in range(3)]
    assert following == ["2026-04-03", "2026-04-07", "2026-04-08"]


def test_working_time_runs_inside_the_hours_only(paris: LocalDays) -> None:
    clock = WorkClock(OFFICE, paris)
    asked, answered = at("2026-03-09T11:00:00+01:00"), at("2026-03-11T10:00:00+01:00")
    assert clock.worked(answered) - clock.worked(asked) == 6 * 3600
    assert clock.add(asked, 6 * 3600) == answered


def test_a_limit_used_up_at_closing_ends_at_closing(paris: LocalDays) -> None:
    clock = WorkClock(OFFICE, paris)
    assert clock.add(at("2026-03-09T17:00:00+01:00"), 3600) == at("2026-03-09T18:00:00+01:00")


def test_a_break_stops_the_clock(paris: LocalDays) -> None:
    shut = Hours(OFFICE.week, (), date(2026, 3, 3), date(2026, 3, 5))
    clock = WorkClock(shut, paris)
    assert clock.add(at("2026-03-02T17:00:00+01:00"), 2 * 3600) == at("2026-03-05T10:00:00+01:00")


def test_a_shop_without_hours_never_stops(paris: LocalDays) -> None:
    sunday = int(datetime(2026, 3, 8, tzinfo=UTC).timestamp())
    assert WorkClock(None, paris).add(sunday, 24 * 3600) == sunday + 24 * 3600
