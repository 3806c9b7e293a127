"""The calendar of the operator against minutes painted one by one, and against itself there and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.calendars import NeverOpens
from scoring.clock_trace import ClockKind
from scoring.opening_hours import WEEKDAYS, read_frames
from scoring.working_calendar import WorkingCalendar
from tests.scoring.test_calendar_properties import WINDOW_DAYS, WINDOWS, frame_lists, list_walls, paint, wall_array

MINUTE = timedelta(minutes=1)
MARGIN = 3 * 1440
minutes = st.integers(MARGIN, WINDOW_DAYS * 1440 - MARGIN)


def keep_apart(days, numbers, cycle=None):
    """The frames that share no minute with one kept before; ``numbers`` says where each day stands on the line."""
    taken: set[int] = set()
    kept = {day: [] for day in days}
    for day, frames in days.items():
        for frame in frames:
            opens, closes = read_frames((frame,), path="")[0]
            line = {(numbers[day] * 1440 + n) % (cycle or 10**9) for n in range(opens, closes)}
            if frame[0] != frame[1] and line.isdisjoint(taken):
                taken |= line
                kept[day].append(frame)
    return kept


weeks = st.dictionaries(st.sampled_from(WEEKDAYS), frame_lists).map(
    lambda week: keep_apart(week, {day: n for n, day in enumerate(WEEKDAYS)}, 7 * 1440))


@st.composite
def shops(draw):
    """A calendar that is accepted, the instant its window begins at, and which minutes of the window count."""
    zone, first = draw(st.sampled_from(WINDOWS))
    start_ms, _ = list_walls(zone, first)
    start = datetime.fromtimestamp(start_ms / 1000, UTC)
    days = st.integers(0, WINDOW_DAYS).map(lambda n: date.fromisoformat(first) + timedelta(days=n))
    ends = draw(st.lists(st.tuples(st.integers(0, WINDOW_DAYS * 1440), st.integers(1, 3000)), max_size=2))
    overrides = draw(st.dictionaries(days, frame_lists, max_size=3))
    parts = {
        "weekly": draw(weeks.filter(lambda week: any(week.values()))),
        "seasons": draw(st.dictionaries(days, weeks, max_size=1)),
        "holidays": draw(st.frozensets(days, max_size=3)),
        "overrides": keep_apart(overrides, {day: day.toordinal() - 730_000 for day in overrides}),
        "closed": [(start + begin * MINUTE, start + (begin + length) * MINUTE) for begin, length in ends],
    }
    return WorkingCalendar(timezone=zone, **parts), start, paint_minutes(zone, first, parts, ends)


def paint_minutes(zone, first, parts, ends):
    walls = wall_array(zone, first)
    counting = np.zeros(len(walls), bool)
    day = date.fromisoformat(first) + timedelta(days=1)
    for current in (day + timedelta(days=n) for n in range(WINDOW_DAYS - 3)):
        held = [since for since in parts["seasons"] if since <= current]
        week = parts["seasons"][max(held)] if held else parts["weekly"]
        frames = [] if current in parts["holidays"] else week.get(WEEKDAYS[current.weekday()], [])
        frames = parts["overrides"].get(current, frames)
        midnight = datetime(current.year, current.month, current.day)  # noqa: DTZ001 - a wall time
        for opens, closes in read_frames(frames, path=""):
            paint(counting, walls, midnight + opens * MINUTE, midnight + closes * MINUTE)
    for begin, length in ends:
        counting[begin : begin + length] = False
    return counting


@settings(max_examples=60, deadline=None)
@given(shops(), st.lists(st.tuples(minutes, minutes), min_size=1, max_size=6))
def test_elapsed_is_the_number_of_minutes_painted_either_way(made, pairs):
    calendar, origin, counting = made
    starts, ends = ([origin + pair[side] * MINUTE for pair in pairs] for side in (0, 1))
    painted = [60.0 * (int(counting[a:b].sum()) - int(counting[b:a].sum())) for a, b in pairs]
    assert calendar.elapsed(starts, ends).tolist() == painted
    assert [calendar.elapsed(*pair) for pair in zip(starts, ends, strict=True)] == painted


@settings(max_examples=60, deadline=None)
@given(shops(), minutes, st.integers(1, 2 * 1440))
def test_steps_end_in_the_first_minute_that_uses_them_up(made, minute, limit):
    calendar, origin, counting = made
    ahead = np.flatnonzero(counting[minute : len(counting) - MARGIN]) + minute
    behind = np.flatnonzero(counting[MARGIN:minute])[::-1] + MARGIN
    start = origin + minute * MINUTE
    if len(ahead) >= limit:
        assert calendar.add(start, 60 * limit) == origin + (int(ahead[limit - 1]) + 1) * MINUTE
    if len(behind) >= limit:
        assert calendar.add(start, -60 * limit) == origin + int(behind[limit - 1]) * MINUTE
    assert calendar.is_open(start) == counting[minute]
    if len(ahead):
        assert calendar.next_open(start) == origin + int(ahead[0]) * MINUTE


@settings(max_examples=60, deadline=None)
@given(shops(), minutes, st.integers(-(10**11), 10**11), st.integers(0, 59_999_999))
def test_there_and_back_is_the_same_working_time_to_the_microsecond(made, minute, step_micros, odd_micros):
    calendar, origin, _ = made
    start = origin + minute * MINUTE + timedelta(microseconds=odd_micros)
    try:
        reached = calendar.add(start, step_micros / 1e6)
    except NeverOpens:
        return
    assert round(calendar.elapsed(start, reached) * 1e6) == step_micros
    if step_micros:
        # The shortest way: one microsecond less far is not far enough.
        nearer = reached - timedelta(microseconds=1 if step_micros > 0 else -1)
        assert abs(round(calendar.elapsed(start, nearer) * 1e6)) == abs(step_micros) - 1
    assert calendar.add([start, start], step_micros / 1e6).tolist() == [reached, reached]


@settings(max_examples=60, deadline=None)
@given(shops(), minutes, st.integers(0, 40))
def test_periods_are_the_counting_stretches_of_the_trace(made, minute, count):
    calendar, origin, counting = made
    start, end = origin + minute * MINUTE, origin + (len(counting) - MARGIN) * MINUTE
    periods = [(max(a, start), min(b, end)) for a, b in calendar.periods(start, count) if a < end]
    counted = [s for s in calendar.trace(start, end) if s.kind == ClockKind.COUNTING]
    assert all(any(s.start <= a and b <= s.end for s in counted) for a, b in periods)
    assert all(a < b for a, b in periods)
    assert all(one[1] <= other[0] for one, other in pairwise(periods))
    if len(periods) < count:
        assert sum((b - a).total_seconds() for a, b in periods) == calendar.elapsed(start, end)
