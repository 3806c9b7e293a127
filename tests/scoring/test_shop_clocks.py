"""Clocks by name, their plain form, and holidays that are proposed and never taken."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from scoring.calendar_checks import CalendarError
from scoring.holiday_proposals import list_countries, list_regions, propose_holidays
from scoring.shop_clocks import ShopClocks, read_calendar, to_plain
from scoring.working_calendar import ROUND_THE_CLOCK, WorkingCalendar

PLAIN = {
    "timezone": "Europe/Paris",
    "weekly": {"mon": [["09:00", "12:30"], ["14:00", "18:00"]], "fri": [["22:00", "06:00"]]},
    "holidays": ["2026-07-14"],
    "overrides": {"2026-12-24": [["09:00", "12:00"]], "2026-12-31": []},
    "closed": [["2026-08-01T00:00:00+00:00", "2026-08-16T00:00:00+00:00"]],
    "seasons": {"2026-12-01": {"mon": [["08:00", "20:00"]]}},
}


def test_a_calendar_survives_its_plain_form():
    calendar = read_calendar(json.loads(json.dumps(PLAIN)))
    assert to_plain(calendar) == PLAIN
    assert read_calendar(to_plain(calendar)) == calendar
    assert calendar.holidays == {date(2026, 7, 14)}
    assert calendar.closed[0][1] == datetime(2026, 8, 16, tzinfo=UTC)
    assert read_calendar({**PLAIN, "holidays": [date(2026, 7, 14)]}) == calendar


@pytest.mark.parametrize(
    ("plain", "path", "problem"),
    [
        ([], "calendar", "expected its fields"),
        ({**PLAIN, "hours": {}}, "hours", "not a field of a calendar"),
        ({"timezone": "Europe/Paris"}, "weekly", "is missing"),
        ({**PLAIN, "holidays": ["14 July"]}, "holidays[0]", "write it like 2026-07-14"),
        ({**PLAIN, "overrides": {"x": []}}, "overrides.x", "is no date"),
        ({**PLAIN, "overrides": []}, "overrides", "expected dates"),
        ({**PLAIN, "closed": ["2026-08-01"]}, "closed[0]", "a start and an end"),
        ({**PLAIN, "closed": [["2026-08-01T00:00:00Z", None]]}, "closed[0][1]", "None is no moment"),
        ({**PLAIN, "closed": [["2026-08-01", datetime(2026, 8, 2, tzinfo=UTC)]]}, "closed[0][0]", "with a time zone"),
        ({**PLAIN, "weekly": {"mon": [["09:00", "12:00"], ["25:00", "26:00"]]}}, "weekly.mon[1][0]", "no time of day"),
    ],
)
def test_a_plain_form_that_is_no_calendar_is_refused_with_its_place(plain, path, problem):
    with pytest.raises(CalendarError) as caught:
        read_calendar(plain)
    assert (caught.value.path, problem in caught.value.problem) == (path, True)


def test_each_limit_runs_on_the_clock_it_names():
    day = datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 16, tzinfo=UTC)
    clocks = ShopClocks({"answer": WorkingCalendar(timezone="UTC", weekly=ROUND_THE_CLOCK),
                         "ship": WorkingCalendar(timezone="UTC", weekly={"mon": [("09:00", "17:00")]})})
    assert [clocks.get_clock(name).elapsed(*day) / 3600 for name in ("answer", "ship")] == [24, 8]
    shut = clocks.with_closures([(day[0], datetime(2026, 6, 15, 12, tzinfo=UTC))])
    assert [shut.get_clock(name).elapsed(*day) / 3600 for name in ("answer", "ship")] == [12, 5]
    with pytest.raises(KeyError, match="no clock 'refund'; there are answer, ship"):
        clocks.get_clock("refund")


def test_holidays_are_proposed_with_their_region_and_language():
    france = propose_holidays("FR", None, 2026, language="fr")
    bavaria, germany = (propose_holidays("DE", region, 2026, language="en_US") for region in ("BY", None))
    assert [(p.day, p.name) for p in france if p.day.month == 7] == [(date(2026, 7, 14), "Fête nationale")]
    assert {p.day for p in bavaria} - {p.day for p in germany} == {p.day for p in bavaria if p.is_regional}
    assert (date(2026, 6, 4), "Corpus Christi", True) in [(p.day, p.name, p.is_regional) for p in bavaria]
    assert [p.day for p in france] == sorted(p.day for p in france)
    assert not any(p.is_regional for p in france)


def test_a_proposal_closes_nothing_until_it_is_ticked():
    week = {"tue": [("09:00", "17:00")]}
    day = date(2026, 7, 14)
    assert WorkingCalendar(timezone="Europe/Paris", weekly=week).is_working_day(day)
    ticked = [p.day for p in propose_holidays("FR", None, 2026)]
    assert not WorkingCalendar(timezone="Europe/Paris", weekly=week, holidays=ticked).is_working_day(day)


def test_unknown_countries_and_regions_are_refused():
    assert {"FR", "DE", "ES"} <= set(list_countries())
    assert "BY" in list_regions("DE")
    with pytest.raises(ValueError, match="country: no holidays are known of 'XX'"):
        propose_holidays("XX", None, 2026)
    with pytest.raises(ValueError, match=r"region: 'XX' is unknown in DE; known are .*BB, BE"):
        propose_holidays("DE", "XX", 2026)
