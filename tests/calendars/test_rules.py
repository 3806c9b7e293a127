"""Hours as people write them: what is read, what is refused and where, from when on they may change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.calendars.rules import (
    Absence,
    Hours,
    HoursError,
    read_frames,
    read_hours,
    require_absence,
    require_effect,
    write_frames,
)
from scoring.opening_hours import CalendarVersion

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)


@pytest.mark.parametrize(("text", "frames"), [
    ("", ()), ("  ", ()), ("closed", ()), ("Fermé", ()), ("09:00-18:00", (("09:00", "18:00"),)),
    ("9-12, 14-18", (("09:00", "12:00"), ("14:00", "18:00"))),
    ("9h-12h30;14 h – 18h", (("09:00", "12:30"), ("14:00", "18:00"))),
    ("9h à 12h30 et 14h à 18h", (("09:00", "12:30"), ("14:00", "18:00"))), ("9.30 to 12", (("09:30", "12:00"),)),
    ("22:00-02:00", (("22:00", "02:00"),)), ("18:00-24:00", (("18:00", "24:00"),)), ("0-24", (("00:00", "24:00"),)),
])  # fmt: skip
def test_hours_are_read_as_people_write_them(text: str, frames: tuple[tuple[str, str], ...]) -> None:
    assert read_frames(text, "mon") == frames


@pytest.mark.parametrize(("text", "code"), [
    ("9", "unreadable"), ("25:00-26:00", "unreadable"), ("9:70-10:00", "unreadable"), ("24:00-25:00", "unreadable"),
    ("nine to five", "unreadable"), ("09:00-09:00", "same"), ("9-12-14", "unreadable"), ("-9-12", "unreadable"),
])  # fmt: skip
def test_what_is_no_time_is_refused_with_what_was_written(text: str, code: str) -> None:
    with pytest.raises(HoursError) as refused:
        read_frames(text, "tue")
    assert (refused.value.field, refused.value.code, refused.value.given) == ("tue", code, text)


MINUTES = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")


@given(st.lists(st.tuples(MINUTES, MINUTES | st.just("24:00")).filter(lambda pair: pair[0] != pair[1]), max_size=4))
def test_hours_written_are_read_back_and_fit_an_event(frames: list[tuple[str, str]]) -> None:
    assert read_frames(write_frames(frames), "mon") == tuple(frames)
    CalendarVersion({"mon": tuple(frames)}, frozenset(), date(2026, 1, 1), 0)


WEEK = {"mon": "09:00-18:00", "sun": "20:00-02:00"}


@pytest.mark.parametrize(("week", "overrides", "field", "code"), [
    ({"mon": "9-12, 11-14"}, (), "mon", "overlap"), ({"sun": "22-3", "mon": "2-9"}, (), "mon", "overlap"),
    ({}, (), "mon", "empty"), ({"tue": ""}, (("2026-12-24", "9-12"),), "mon", "empty"),
    (WEEK, (("2026-13-01", ""),), "override-0", "no_date"), (WEEK, (("", "9-12"),), "override-0", "no_date"),
    (WEEK, (("1999-01-01", ""),), "override-0", "far"),
    (WEEK, (("", ""), ("2026-12-24", "x")), "override-1", "unreadable"),
    (WEEK, (("2026-12-24", ""), ("2026-12-24", "9-12")), "override-1", "twice"),
    (WEEK, (("2026-12-24", "22-3"), ("2026-12-25", "1-9")), "override-1", "overlap"),
])  # fmt: skip
def test_a_calendar_that_cannot_be_is_refused_at_its_field(
    week: dict[str, str], overrides: tuple[tuple[str, str], ...], field: str, code: str
) -> None:
    with pytest.raises(HoursError) as refused:
        read_hours(week, (), overrides, "2026-06-19")
    assert (refused.value.field, refused.value.code) == (field, code)


def test_an_event_says_what_the_form_said() -> None:
    hours = read_hours(WEEK, ["2026-07-14"], [("2026-12-24", "9-12"), ("2026-12-31", ""), ("", "")], "2026-06-19")
    assert hours.to_data("seller") == {
        "hours": {"mon": [["09:00", "18:00"]], "sun": [["20:00", "02:00"]]}, "holidays": ["2026-07-14"],
        "overrides": {"2026-12-24": [["09:00", "12:00"]], "2026-12-31": []}, "effective_from": "2026-06-19",
        "by": "seller"}


@pytest.mark.parametrize(("days", "is_operator", "why", "code"), [
    (1, False, "", None), (0, False, "", "past"), (-1, False, "", "past"), (0, False, "because", "past"),
    (1, True, "", None), (0, True, "", "no_reason"), (-30, True, " ", "no_reason"), (-30, True, "because", None),
])  # fmt: skip
def test_only_the_operator_dates_back_and_says_why(days: int, is_operator: bool, why: str, code: str | None) -> None:
    today = date(2026, 6, 18)
    hours = Hours({}, frozenset(), {}, today + timedelta(days=days))
    absence = Absence(NOW + timedelta(days=days - 1), NOW + timedelta(days=40))
    if code is None:
        require_effect(hours, today=today, is_operator=is_operator, why=why)
        require_absence(absence, now=NOW, is_operator=is_operator, why=why)
        return
    with pytest.raises(HoursError) as refused:
        require_effect(hours, today=today, is_operator=is_operator, why=why)
    assert refused.value.code == code
    with pytest.raises(HoursError) as refused:
        require_absence(absence, now=NOW, is_operator=is_operator, why=why)
    assert refused.value.code == {"past": "begun"}.get(code, code)


@pytest.mark.parametrize(("hours", "code"), [(0, "before_start"), (-1, "before_start"), (24 * 1500, "long")])
def test_a_time_out_of_office_ends_after_it_begins(hours: int, code: str) -> None:
    with pytest.raises(HoursError) as refused:
        require_absence(Absence(NOW, NOW + timedelta(hours=hours)), now=NOW, is_operator=True, why="because")
    assert refused.value.code == code
