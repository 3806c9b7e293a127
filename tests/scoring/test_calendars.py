"""Working time against hand-computed cases and the golden histories."""

from __future__ import annotations

import json
import pickle
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from scoring.calendars import (
    FIVE_YEARS_MS,
    WEEKDAYS,
    CalendarBook,
    CalendarVersion,
    Closure,
    NeverOpens,
    Why,
    WorkingCalendar,
)

GOLDEN = Path(__file__).parents[1] / "golden"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
PARIS = "Europe/Paris"
NINE_TO_FIVE = dict.fromkeys(WEEKDAYS[:5], (("09:00", "17:00"),))
ALL_DAY = dict.fromkeys(WEEKDAYS, (("00:00", "24:00"),))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def version(hours, *, holidays=(), effective_from=date(2020, 1, 1), set_at_ms=0):
    return CalendarVersion(hours, frozenset(holidays), effective_from, set_at_ms)


def clock(hours, *, holidays=(), zone=PARIS, closures=()):
    return WorkingCalendar(zone, (version(hours, holidays=holidays),), tuple(closures))


# --- golden histories -------------------------------------------------------------------------------------


def golden_clock(name: str) -> tuple[WorkingCalendar, dict[str, list[int]]]:
    history = json.loads((GOLDEN / f"{name}.json").read_text())
    zone = history["marketplaces"]["fr"]["timezone"]
    data = next((e["data"] for e in history["events"] if e["type"] == "qos.shop.calendar_set"), None)
    times: dict[str, list[int]] = {}
    for event in history["events"]:
        if event["type"] == "qos.message.sent":
            times.setdefault(event["subject"], []).append(ms(event["time"]))
    if data is None:
        return WorkingCalendar(zone), times
    hours = {day: tuple(tuple(frame) for frame in frames) for day, frames in data["hours"].items()}
    holidays = [date.fromisoformat(day) for day in data["holidays"]]
    held = version(hours, holidays=holidays, effective_from=date.fromisoformat(data["effective_from"]))
    return WorkingCalendar(zone, (held,)), times


def test_golden_split_shift_and_holiday_is_six_hours():
    calendar, times = golden_clock("split-shift-and-holiday")
    assert calendar.elapsed_ms(*times["V1"]) == 21_600_000


def test_golden_due_on_a_closing_instant_is_at_closing():
    calendar, times = golden_clock("due-on-a-closing-instant")
    (asked, answered_in_time), (_, answered_late) = times["V1"], times["V2"]
    assert calendar.add(asked, 24 * HOUR) == answered_in_time == answered_late - 1000
    assert calendar.elapsed_ms(asked, answered_late) == 86_400_000


def test_golden_working_day_of_23_hours():
    calendar, times = golden_clock("working-day-of-23-hours")
    assert [calendar.elapsed_ms(*times[turn]) for turn in ("V1", "V2")] == [86_340_000, 86_460_000]
    assert calendar.add(times["V1"][0], 24 * HOUR) == ms("2026-03-29T13:00:00+02:00")


def test_golden_case_held_for_more_than_72_hours_at_t_only():
    calendar, _ = golden_clock("unresolved-beyond-the-limit")
    t = ms("2026-03-16T00:00:00+01:00")
    assert calendar.always_open
    assert calendar.last_instant_within(ms("2026-03-13T00:00:00+01:00"), 72 * HOUR) == t
    assert calendar.last_instant_within(ms("2026-03-12T23:59:59+01:00"), 72 * HOUR) < t


# --- hand-computed ----------------------------------------------------------------------------------------


def test_an_always_open_clock_is_plain_subtraction_and_needs_no_frames():
    calendar = WorkingCalendar(PARIS)
    assert calendar.elapsed_ms(5, 9) == 4
    assert calendar.elapsed_ms(9, 5) == 0
    assert calendar.elapsed_ms_many([5, 9], [9, 5]).tolist() == [4, 0]
    assert calendar.add(5, 10**15) == 5 + 10**15
    assert calendar.add_many([5, 6], 4).tolist() == [9, 10]
    assert calendar.last_instant_within(5, 4) == 9
    assert calendar.is_open(5)
    assert [frame.tolist() for frame in calendar.frames(5, 9)] == [[5], [9], [0]]
    assert calendar._table is None


def test_a_closure_without_length_leaves_the_clock_always_open():
    assert WorkingCalendar(PARIS, (), (Closure(9, 9, 0), Closure(9, 5, 0))).always_open


def test_the_last_instant_within_a_limit_used_up_at_closing_is_the_next_opening():
    calendar = clock(NINE_TO_FIVE)
    friday = ms("2026-03-13T09:00+01:00")
    assert calendar.add(friday, 8 * HOUR) == ms("2026-03-13T17:00+01:00")
    assert calendar.last_instant_within(friday, 8 * HOUR) == ms("2026-03-16T09:00+01:00")
    assert calendar.last_instant_within(friday, 7 * HOUR) == ms("2026-03-13T16:00+01:00")


def test_no_time_at_all_is_due_at_once_and_lasts_until_the_next_opening():
    calendar = clock(NINE_TO_FIVE)
    evening, noon = ms("2026-03-13T20:00+01:00"), ms("2026-03-13T12:00+01:00")
    assert calendar.add(evening, 0) == evening
    assert calendar.last_instant_within(evening, 0) == ms("2026-03-16T09:00+01:00")
    assert calendar.last_instant_within(noon, 0) == noon


def test_open_at_opening_and_closed_at_closing():
    calendar = clock(NINE_TO_FIVE)
    opening, closing = ms("2026-03-13T09:00+01:00"), ms("2026-03-13T17:00+01:00")
    answers = [calendar.is_open(at) for at in (opening - 1, opening, closing - 1, closing)]
    assert answers == [False, True, True, False]


def test_overlapping_and_unsorted_frames_count_once():
    calendar = clock({"mon": (("13:00", "15:00"), ("09:00", "14:00"), ("09:30", "10:00"))})
    monday = ms("2026-03-09T00:00+01:00")
    assert calendar.elapsed_ms(monday, monday + DAY) == 6 * HOUR
    assert calendar.frames(monday, monday + DAY).from_at.tolist() == [monday + 9 * HOUR]


def test_a_night_shift_runs_over_midnight_into_a_closed_day():
    calendar = clock({"sat": (("22:00", "06:00"),)}, holidays=[date(2026, 3, 8)])
    start, end = ms("2026-03-07T00:00+01:00"), ms("2026-03-09T00:00+01:00")
    assert calendar.elapsed_ms(start, end) == 8 * HOUR
    assert calendar.is_open(ms("2026-03-08T05:59+01:00"))


def test_a_frame_that_ends_where_it_starts_lasts_a_whole_day():
    calendar = clock({"sat": (("09:00", "09:00"),)})
    saturday = ms("2026-03-07T00:00+01:00")
    assert calendar.elapsed_ms(saturday, saturday + 2 * DAY) == 24 * HOUR


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_full_day_has_the_hours_the_day_has(day, hours):
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(PARIS))
    start, end = (round(t.timestamp() * 1000) for t in (midnight, midnight + timedelta(days=1)))
    calendar = clock(ALL_DAY)
    assert calendar.elapsed_ms(start, end) == hours * HOUR
    assert calendar.elapsed_ms(start - 5 * DAY, start) == 5 * DAY


@pytest.mark.parametrize(
    ("frame", "opens", "closes"),
    [
        (("02:30", "05:00"), "2026-03-29T01:00Z", "2026-03-29T03:00Z"),  # skipped opening: at the change
        (("01:00", "02:30"), "2026-03-29T00:00Z", "2026-03-29T01:00Z"),  # skipped closing: at the change
        (("02:30", "05:00"), "2026-10-25T00:30Z", "2026-10-25T04:00Z"),  # repeated opening: the first
        (("01:00", "02:30"), "2026-10-24T23:00Z", "2026-10-25T01:30Z"),  # repeated closing: the second
    ],
)
def test_wall_times_at_a_clock_change(frame, opens, closes):
    frames = clock({"sun": (frame,)}).frames(ms(opens) - 6 * HOUR, ms(closes) + 6 * HOUR)
    assert (frames.from_at.tolist(), frames.to_at.tolist()) == ([ms(opens)], [ms(closes)])


def test_a_frame_wholly_inside_the_skipped_hour_is_empty():
    start = ms("2026-03-28T12:00Z")
    assert clock({"sun": (("02:10", "02:50"),)}).elapsed_ms(start, start + DAY) == 0


def test_a_midnight_that_comes_twice_ends_its_day_the_first_time():
    calendar = clock({"sat": (("00:00", "24:00"),)}, zone="Atlantic/Azores")
    start, end = ms("2026-10-24T00:00+00:00"), ms("2026-10-25T00:00+00:00")
    assert calendar.frames(start - DAY, end + DAY).to_at.tolist() == [end]


def test_a_change_just_after_midnight_repeats_the_evening_before():
    # St. John's, 2010-11-07 00:01 went back to 23:01 of the 6th: 23:30 came at 02:00 and at 03:00 UTC.
    hours = version({"sat": (("09:00", "23:30"),)}, effective_from=date(2010, 1, 1))
    calendar = WorkingCalendar("America/St_Johns", (hours,))
    start = ms("2010-11-06T00:00Z")
    assert calendar.frames(start, start + 2 * DAY).to_at.tolist() == [ms("2010-11-07T03:00Z")]


def test_of_versions_the_latest_effective_day_holds_and_ties_go_to_the_one_set_last():
    first = version(NINE_TO_FIVE, effective_from=date(2026, 3, 2), set_at_ms=5)
    corrected = version({"mon": (("09:00", "10:00"),)}, effective_from=date(2026, 3, 2), set_at_ms=7)
    later = version({"mon": (("09:00", "12:00"),)}, effective_from=date(2026, 3, 9), set_at_ms=1)
    calendar = WorkingCalendar(PARIS, (corrected, first, later))
    mondays = [ms(f"2026-03-0{day}T00:00+01:00") for day in (2, 9)]
    assert [calendar.elapsed_ms(day, day + DAY) // HOUR for day in mondays] == [1, 3]
    assert calendar.elapsed_ms(mondays[0] - 3 * DAY, mondays[0]) == 3 * DAY


def test_holidays_belong_to_their_version():
    old = version(NINE_TO_FIVE, holidays=[date(2026, 3, 9)], set_at_ms=1)
    new = version(NINE_TO_FIVE, effective_from=date(2026, 3, 9), set_at_ms=2)
    monday = ms("2026-03-09T00:00+01:00")
    assert WorkingCalendar(PARIS, (old, new)).elapsed_ms(monday, monday + DAY) == 8 * HOUR
    assert WorkingCalendar(PARIS, (old,)).elapsed_ms(monday, monday + DAY) == 0


def test_the_trace_names_why_time_counts_or_not():
    closure = Closure(ms("2026-03-11T10:00+01:00"), ms("2026-03-12T10:00+01:00"), 0)
    calendar = clock(NINE_TO_FIVE, holidays=[date(2026, 3, 10)], closures=[closure])
    trace = calendar.trace(ms("2026-03-09T16:00+01:00"), ms("2026-03-12T11:00+01:00"))
    assert [(part.to_ms, part.counting, part.why) for part in trace] == [
        (ms("2026-03-09T17:00+01:00"), True, Why.HOURS),
        (ms("2026-03-10T00:00+01:00"), False, Why.OUTSIDE_HOURS),
        (ms("2026-03-11T00:00+01:00"), False, Why.HOLIDAY),
        (ms("2026-03-11T09:00+01:00"), False, Why.OUTSIDE_HOURS),
        (ms("2026-03-11T10:00+01:00"), True, Why.HOURS),
        (ms("2026-03-12T10:00+01:00"), False, Why.CLOSED_FOR),
        (ms("2026-03-12T11:00+01:00"), True, Why.HOURS),
    ]


def test_the_trace_before_any_version_and_of_nothing():
    calendar = WorkingCalendar(PARIS, (version(NINE_TO_FIVE, effective_from=date(2026, 3, 9)),))
    start, end = ms("2026-03-08T20:00+01:00"), ms("2026-03-09T01:00+01:00")
    assert [part.why for part in calendar.trace(start, end)] == [Why.ALWAYS_OPEN, Why.OUTSIDE_HOURS]
    assert calendar.trace(end, start) == ()
    assert WorkingCalendar(PARIS).trace(1, 2) == ((1, 2, True, Why.ALWAYS_OPEN),)


# --- limits of the clock ----------------------------------------------------------------------------------


@pytest.mark.parametrize("covered_until", ["2026-03-10T00:00Z", "2060-01-01T00:00Z"])
def test_a_clock_that_stays_closed_for_five_years_never_opens(covered_until):
    """The answer does not depend on the years that other questions made known."""
    reopening = version(NINE_TO_FIVE, effective_from=date(2040, 1, 1), set_at_ms=2)
    shut = version({}, effective_from=date(2026, 3, 12), set_at_ms=1)
    calendar = WorkingCalendar(PARIS, (version(NINE_TO_FIVE), shut, reopening))
    start = ms("2026-03-11T09:00+01:00")
    calendar.elapsed_ms(start, ms(covered_until))
    assert calendar.add(start, 8 * HOUR) == ms("2026-03-11T17:00+01:00")
    with pytest.raises(NeverOpens, match=r"2026-03-11T08:00:00\+00:00") as caught:
        calendar.add(start, 8 * HOUR + 1)
    assert caught.value.start_ms == start
    with pytest.raises(NeverOpens):
        calendar.last_instant_within(start, 8 * HOUR)
    with pytest.raises(NeverOpens):
        calendar.add(start + 30 * DAY, 1)
    assert calendar.add(ms("2039-01-01T00:00Z"), 1) == ms("2040-01-02T09:00+01:00") + 1


def test_a_gap_just_short_of_five_years_is_waited_for():
    opened = ms("2026-03-11T00:00Z")
    calendar = WorkingCalendar("UTC", (), (Closure(opened, opened + FIVE_YEARS_MS - 1, 0),))
    assert calendar.add(opened, 1) == opened + FIVE_YEARS_MS
    assert calendar.elapsed_ms(opened, opened + FIVE_YEARS_MS) == 1
    with pytest.raises(NeverOpens):
        WorkingCalendar("UTC", (), (Closure(opened, opened + FIVE_YEARS_MS, 0),)).add(opened, 1)


def test_a_clock_without_any_hours_counts_nothing_and_never_opens():
    calendar = clock({})
    start = ms("2026-03-11T00:00Z")
    assert calendar.elapsed_ms(start, start + DAY) == 0
    assert calendar.elapsed_ms_many([start, start], [start + DAY, start]).tolist() == [0, 0]
    assert not calendar.is_open(start)
    with pytest.raises(NeverOpens):
        calendar.add(start, 1)


def test_a_limit_beyond_the_year_2100_never_comes():
    with pytest.raises(NeverOpens):
        clock(ALL_DAY).add(ms("2100-12-31T00:00Z"), 2 * DAY)


@pytest.mark.parametrize("at", ["1999-12-31T23:59:59Z", "2101-01-01T00:00:01Z"])
def test_moments_outside_2000_to_2100_are_refused(at):
    with pytest.raises(ValueError, match="outside the years 2000 to 2100"):
        clock(NINE_TO_FIVE).is_open(ms(at))


def test_a_negative_limit_is_refused():
    for calendar in (clock(NINE_TO_FIVE), WorkingCalendar(PARIS)):
        for ask in (calendar.add, calendar.last_instant_within):
            with pytest.raises(ValueError, match="working_ms: -1 is negative"):
                ask(ms("2026-03-11T00:00Z"), -1)


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ({"monday": ()}, r"hours\.monday: not a weekday, use one of mon, tue"),
        ({"tue": (("09:00", "17:00"), ("9:00", "17:00"))}, r"hours\.tue\[1\]\[0\]: '9:00' is no time of day"),
        ({"tue": (("09:00", "24:30"),)}, r"hours\.tue\[0\]\[1\]: '24:30' is no time of day"),
        ({"tue": (("24:00", "24:00"),)}, r"hours\.tue\[0\]\[0\]: '24:00' is no time of day"),
        ({"tue": (("09:00",),)}, r"hours\.tue\[0\]: a frame has an opening and a closing"),
    ],
)
def test_hours_that_are_no_hours_name_their_place(hours, message):
    with pytest.raises(ValueError, match=message):
        version(hours)


def test_no_starts_give_no_answers():
    calendar = clock(NINE_TO_FIVE)
    assert calendar.add_many([], 5).tolist() == []
    assert calendar.elapsed_ms_many([], []).tolist() == []


# --- the book ---------------------------------------------------------------------------------------------


def test_the_book_counts_what_was_set_before_k_and_closures_begun_by_the_opening():
    nine = version(NINE_TO_FIVE, effective_from=date(2026, 1, 1), set_at_ms=100)
    never = version({}, effective_from=date(2026, 2, 1), set_at_ms=300)
    early, late = Closure(1_000, 9_000, 200), Closure(5_000, 6_000, 300)
    book = CalendarBook(PARIS, (nine, never), (late, early))
    assert book.at(100, 10**6).always_open
    assert book.at(101, 10**6).versions == (nine,)
    assert book.at(201, 999).closures == ()
    assert book.at(201, 1_000).closures == (early,)
    assert book.at(301, 4_999).closures == (early,)
    assert book.at(301, 5_000).closures == (early, late)
    assert book.at(301, 5_000).versions == (nine, never)
    assert book.at(400, 7_000) is book.at(301, 5_000)
    assert book.changes_after(200) == (200, 300)
    assert book.changes_after(301) == ()


def test_a_promise_already_open_keeps_its_due_time_when_out_of_office_starts():
    away = Closure(ms("2026-03-11T00:00+01:00"), ms("2026-03-16T00:00+01:00"), 5)
    book = CalendarBook(PARIS, (version(NINE_TO_FIVE),), (away,))
    before, within = ms("2026-03-10T15:00+01:00"), ms("2026-03-11T15:00+01:00")
    assert book.at(10, before).add(before, 8 * HOUR) == ms("2026-03-11T15:00+01:00")
    assert book.at(10, within).add(within, 8 * HOUR) == ms("2026-03-16T17:00+01:00")


# --- clocks that are kept -------------------------------------------------------------------------------------


def test_books_of_equal_hours_share_a_clock_and_others_do_not() -> None:
    start, late = ms("2026-03-06T10:00:00+01:00"), {**NINE_TO_FIVE, "mon": (("12:00", "17:00"),)}
    books = [CalendarBook(PARIS, (version(hours),)) for hours in (NINE_TO_FIVE, dict(NINE_TO_FIVE), late)]
    one, same, other = (book.at(start, start) for book in books)
    assert one is same
    assert one is not other
    # Seven hours on Friday, two on Monday: from nine, or from noon.
    assert one.add(start, 9 * HOUR) == ms("2026-03-09T11:00:00+01:00")
    assert other.add(start, 9 * HOUR) == ms("2026-03-09T14:00:00+01:00")


def test_a_book_in_use_is_sent_to_another_process_without_its_frames() -> None:
    book = CalendarBook(PARIS, (version(NINE_TO_FIVE),), (Closure(ms("2026-03-09T00:00:00Z"),
                                                                  ms("2026-03-10T00:00:00Z"), 0),))
    fresh, start = pickle.dumps(book), ms("2026-03-09T12:00:00+01:00")
    due = book.at(start, start).add(start, 9 * HOUR)
    assert pickle.dumps(book) == fresh
    again = pickle.loads(fresh)  # noqa: S301  # our own
    assert again == book
    assert again.at(start, start).add(start, 9 * HOUR) == due
