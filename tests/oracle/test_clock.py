"""The second method's clock against a walk minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracle.clock import DAY, HOUR, SECOND, WEEKDAYS, Calendar, Clock, read_promise

MINUTE = 60 * SECOND
HOURS = {
    "mon": [(9 * 60, 12 * 60), (14 * 60, 18 * 60)],
    "tue": [(0, 24 * 60)],
    "sat": [(0, 24 * 60)],
    "sun": [(0, 24 * 60)],
}
CALENDARS = (
    Calendar(date(2026, 1, 1), {day: [(8 * 60, 20 * 60)] for day in WEEKDAYS}, frozenset()),
    Calendar(date(2026, 3, 28), HOURS, frozenset({date(2026, 3, 30)})),
)
ZONES = ("Europe/Paris", "America/New_York", "UTC")


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def is_open(clock: Clock, at: int) -> bool:
    if any(start <= at < end for start, end in clock.closures):
        return False
    local = datetime.fromtimestamp(at / 1000, ZoneInfo(clock.zone))
    calendar = CALENDARS[local.date() >= date(2026, 3, 28)]
    if local.date() in calendar.holidays:
        return False
    minute = local.hour * 60 + local.minute
    return any(since <= minute < to for since, to in calendar.hours.get(WEEKDAYS[local.weekday()], []))


@given(
    start=st.integers(0, 72 * 60),
    length=st.integers(0, 72 * 60),
    closure=st.tuples(st.integers(0, 5000), st.integers(0, 600)),
    zone=st.sampled_from(ZONES),
)
def test_worked_time_is_the_number_of_open_minutes(
    start: int, length: int, closure: tuple[int, int], zone: str
) -> None:
    origin = ms("2026-03-27T00:00:00Z")
    closed = origin + closure[0] * MINUTE
    clock = Clock(zone, CALENDARS, ((closed, closed + closure[1] * MINUTE),))
    first = origin + start * MINUTE
    counted = sum(is_open(clock, first + minute * MINUTE) for minute in range(length))
    assert clock.worked(first, first + length * MINUTE) == counted * MINUTE


@given(
    start=st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 10)),  # noqa: DTZ001 (made aware below)
    hours=st.integers(1, 100),
    zone=st.sampled_from(ZONES),
)
def test_a_limit_is_used_up_at_the_first_instant_at_which_it_has_run(
    start: datetime, hours: int, zone: str
) -> None:
    clock = Clock(zone, CALENDARS)
    begun = int(start.replace(tzinfo=UTC).timestamp()) * SECOND
    due = clock.used_up(begun, hours * HOUR)
    assert due is not None
    assert clock.worked(begun, due) == hours * HOUR
    assert clock.worked(begun, due - SECOND) == hours * HOUR - SECOND


def test_a_shop_that_never_opens_owes_nothing() -> None:
    never = Clock("UTC", (Calendar(date(2020, 1, 1), {}, frozenset()),))
    assert never.used_up(ms("2026-03-01T00:00:00Z"), HOUR) is None


def test_an_absence_that_begins_after_the_promise_does_not_stop_it() -> None:
    opened = ms("2026-03-10T09:00:00Z")
    absences = ((opened + SECOND, opened + 5 * HOUR), (opened, opened + HOUR))
    clock = Clock("UTC", (), absences)
    assert clock.of_promise(opened).used_up(opened, DAY) == opened + DAY + HOUR


def test_of_two_calendars_for_a_day_the_later_set_holds() -> None:
    closed = Calendar(date(2026, 3, 1), {}, frozenset())
    usual = Calendar(date(2026, 3, 1), {day: [(0, 60)] for day in WEEKDAYS}, frozenset())
    assert Clock("UTC", (closed, usual)).frames(date(2026, 3, 5)) == [(0, 60)]
    assert Clock("UTC", (usual, closed)).frames(date(2026, 3, 5)) == []
    assert Clock("UTC", (closed, usual)).frames(date(2026, 2, 28)) == [(0, 24 * 60)]


@pytest.mark.parametrize(
    ("promise", "later"),
    [("2026-03-20", "2026-04-03T23:59:59+02:00"), ("2026-03-20T18:00:00+01:00", "2026-04-03T19:00:00+02:00")],
)
def test_days_after_a_date_are_dates_and_after_an_instant_24_hours(promise: str, later: str) -> None:
    assert read_promise(promise, "Europe/Paris").days_later(14) == ms(later)


def test_the_hour_that_comes_twice_is_worked_twice() -> None:
    always = Clock("Europe/Paris")
    noon = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Paris"))
    next_noon = noon + timedelta(days=1)
    assert always.worked(int(noon.timestamp()) * SECOND, int(next_noon.timestamp()) * SECOND) == 25 * HOUR
