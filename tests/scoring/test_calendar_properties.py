"""Working time against a slow oracle that paints minutes, on random clocks around awkward changes of the hour."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scoring.calendars import (
    WEEKDAYS,
    CalendarVersion,
    Closure,
    NeverOpens,
    WorkingCalendar,
)
from tests.scoring.test_calendars import DAY, HOUR, MINUTE, NINE_TO_FIVE, PARIS, ms, version

# Each window of three weeks holds an awkward change: the hour before midnight, after midnight, half an hour,
# a whole day that never was.
WINDOWS = [
    (PARIS, "2026-03-19"),
    (PARIS, "2026-10-15"),
    ("America/Sao_Paulo", "2018-10-25"),
    ("America/Sao_Paulo", "2018-02-08"),
    ("America/St_Johns", "2010-10-28"),
    ("Atlantic/Azores", "2026-10-15"),
    ("Australia/Lord_Howe", "2026-03-26"),
    ("Pacific/Apia", "2011-12-20"),
    ("Asia/Kolkata", "2025-12-20"),
]
WINDOW_DAYS = 21


@lru_cache
def list_walls(zone: str, first: str) -> tuple[int, list[datetime]]:
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    minutes = (start + timedelta(minutes=n) for n in range(WINDOW_DAYS * 1440))
    walls = [minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for minute in minutes]
    return round(start.timestamp() * 1000), walls


@lru_cache
def wall_array(zone: str, first: str):
    return np.array(list_walls(zone, first)[1], "datetime64[m]")


def paint(counting, walls, opens: datetime, closes: datetime) -> None:
    """Count the minutes from the first that shows the opening or later to before the last that shows the closing,
    or where none does, to the last that shows less; a closing at midnight ends at the first minute that shows it
    or later."""
    near = (np.datetime64(opens, "m") - walls[0]).astype(int) - 2 * 1440  # no clock is changed by more
    base = max(0, int(near))
    seen = walls[base : base + 6 * 1440]
    begins = np.flatnonzero(seen >= np.datetime64(opens))
    shown = np.flatnonzero(seen == np.datetime64(closes))
    if closes.time() == datetime.min.time():
        ends = int(np.flatnonzero(seen >= np.datetime64(closes))[0])
    else:
        ends = int(shown[-1] if len(shown) else np.flatnonzero(seen < np.datetime64(closes))[-1] + 1)
    counting[base + int(begins[0]) : base + ends] = True


def oracle(zone, first, versions, closures):
    """Which minutes of the window count, painted frame by frame; the outer two days are not trusted."""
    start_ms, _ = list_walls(zone, first)
    walls = wall_array(zone, first)
    counting = np.zeros(len(walls), bool)
    day = date.fromisoformat(first) + timedelta(days=1)
    for current in (day + timedelta(days=n) for n in range(WINDOW_DAYS - 3)):
        midnight = datetime(current.year, current.month, current.day)  # noqa: DTZ001 - a wall time
        held = [v for v in versions if v.effective_from <= current]
        if not held:
            paint(counting, walls, midnight, midnight + timedelta(days=1))
            continue
        chosen = max(held, key=lambda v: (v.effective_from, v.set_at_ms))
        if current in chosen.holidays:
            continue
        for opens, closes in chosen.list_frames(WEEKDAYS[current.weekday()]):
            paint(counting, walls, midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes))
    for closure in closures:
        lower, upper = (max(0, (at - start_ms) // MINUTE) for at in (closure.from_ms, closure.until_ms))
        counting[lower:upper] = False
    return start_ms, counting


walls_of_day = st.one_of(
    st.sampled_from(["00:00", "00:01", "01:00", "02:00", "02:30", "03:00", "23:30"]),
    st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59)),
)
frame_lists = st.lists(st.tuples(walls_of_day, st.one_of(walls_of_day, st.just("24:00"))), max_size=3)


@st.composite
def clocks(draw):
    zone, first = draw(st.sampled_from(WINDOWS))
    days = st.integers(0, WINDOW_DAYS).map(lambda n: date.fromisoformat(first) + timedelta(days=n))
    versions = tuple(
        CalendarVersion(
            {day: tuple(frames) for day, frames in hours.items()}, holidays, effective_from, set_at_ms
        )
        for set_at_ms, (hours, holidays, effective_from) in enumerate(
            draw(
                st.lists(
                    st.tuples(
                        st.dictionaries(st.sampled_from(WEEKDAYS), frame_lists),
                        st.frozensets(days, max_size=3),
                        st.one_of(days, st.just(date(2001, 1, 1))),
                    ),
                    max_size=3,
                )
            )
        )
    )
    start_ms, _ = list_walls(zone, first)
    minutes = st.integers(0, WINDOW_DAYS * 1440 - 1).map(lambda n: start_ms + n * MINUTE)
    closures = tuple(draw(st.lists(st.builds(Closure, minutes, minutes, st.just(0)), max_size=3)))
    return zone, first, versions, closures


inner_minutes = st.integers(3 * 1440, (WINDOW_DAYS - 3) * 1440)


@settings(max_examples=80, deadline=None)
@given(clocks(), st.lists(st.tuples(inner_minutes, inner_minutes), min_size=1, max_size=8))
def test_elapsed_time_equals_the_counted_minutes(parts, pairs):
    zone, first, versions, closures = parts
    start_ms, counting = oracle(zone, first, versions, closures)
    calendar = WorkingCalendar(zone, versions, closures)
    expected = [int(counting[a:b].sum()) * MINUTE for a, b in pairs]
    starts = [start_ms + a * MINUTE for a, _ in pairs]
    ends = [start_ms + b * MINUTE for _, b in pairs]
    assert [calendar.elapsed_ms(a, b) for a, b in zip(starts, ends, strict=True)] == expected
    assert calendar.elapsed_ms_many(starts, ends).tolist() == expected


@settings(max_examples=80, deadline=None)
@given(clocks(), inner_minutes, st.integers(1, 3 * 1440))
def test_add_is_the_first_instant_and_the_last_instant_is_the_last(parts, start_minute, limit):
    zone, first, versions, closures = parts
    start_ms, counting = oracle(zone, first, versions, closures)
    worked = np.cumsum(counting[start_minute : (WINDOW_DAYS - 3) * 1440]).tolist()
    calendar = WorkingCalendar(zone, versions, closures)
    start = start_ms + start_minute * MINUTE
    if worked and worked[-1] >= limit:
        due = start + (bisect_left(worked, limit) + 1) * MINUTE
        assert calendar.add(start, limit * MINUTE) == due
        assert calendar.add_many([start, start], limit * MINUTE).tolist() == [due, due]
    if worked and worked[-1] > limit:
        assert calendar.last_instant_within(start, limit * MINUTE) == start + MINUTE * bisect_left(
            worked, limit + 1
        )


@settings(max_examples=80, deadline=None)
@given(clocks(), inner_minutes, st.integers(0, 40 * HOUR), st.integers(0, 59_999))
@example((PARIS, "2026-03-19", (version(NINE_TO_FIVE),), ()), 3 * 1440, 8 * HOUR, 0)
def test_add_and_elapsed_are_inverse_to_the_millisecond(parts, start_minute, limit, odd_ms):
    zone, first, versions, closures = parts
    calendar = WorkingCalendar(zone, versions, closures)
    start = list_walls(zone, first)[0] + start_minute * MINUTE + odd_ms
    try:
        due, last = calendar.add(start, limit), calendar.last_instant_within(start, limit)
    except NeverOpens:
        assert not any(any(v.hours.values()) for v in calendar.versions[-1:])
        return
    assert start <= due <= last
    assert calendar.elapsed_ms(start, due) == calendar.elapsed_ms(start, last) == limit
    assert calendar.elapsed_ms(start, last + 1) == limit + 1
    assert due == start or calendar.elapsed_ms(start, due - 1) == limit - 1


@settings(max_examples=60, deadline=None)
@given(clocks(), inner_minutes, inner_minutes)
def test_the_trace_covers_the_time_and_counts_what_elapsed(parts, one, other):
    zone, first, versions, closures = parts
    origin = list_walls(zone, first)[0]
    start, end = (origin + minute * MINUTE for minute in sorted((one, other)))
    calendar = WorkingCalendar(zone, versions, closures)
    trace = calendar.trace(start, end)
    assert sum(p.to_ms - p.from_ms for p in trace) == end - start
    assert sum(p.to_ms - p.from_ms for p in trace if p.counting) == calendar.elapsed_ms(start, end)
    assert all(a.to_ms == b.from_ms and a[2:] != b[2:] for a, b in pairwise(trace))


@settings(max_examples=40, deadline=None)
@given(clocks(), st.lists(st.tuples(st.integers(2003, 2030), st.integers(0, 300)), min_size=2, max_size=5))
def test_answers_do_not_depend_on_the_order_of_questions(parts, questions):
    zone, _, versions, closures = parts
    calendar = WorkingCalendar(zone, versions, closures)
    for year, days in questions:
        start = ms(f"{year}-01-01T00:00Z")
        fresh = WorkingCalendar(zone, versions, closures)
        assert calendar.elapsed_ms(start, start + days * DAY) == fresh.elapsed_ms(start, start + days * DAY)
