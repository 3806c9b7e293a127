"""Geometry of the small charts, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_qos.charts import (
    Numbers,
    draw_spark,
    draw_squares,
    draw_whisker,
    limit_scale,
    list_ticks,
)

SHARES = st.one_of(st.none(), st.floats(0, 1))


@pytest.mark.parametrize(
    ("limit", "higher", "low", "high", "place"),
    [(0.02, False, 0.0, 0.06, 33.33), (0.90, True, 0.70, 1.0, 66.67), (0.5, False, 0.0, 1.0, 50.0)],
)
def test_the_axis_holds_three_times_what_is_allowed(
    limit: float, higher: bool, low: float, high: float, place: float
) -> None:
    scale = limit_scale(limit, higher_is_better=higher)
    assert (scale.low, scale.high) == pytest.approx((low, high))
    assert scale.place(limit) == pytest.approx(place, abs=0.01)
    assert [tick.value for tick in list_ticks(limit, higher_is_better=higher)] == pytest.approx([low, high])


def test_the_zone_lies_beyond_the_limit_on_the_side_that_is_worse() -> None:
    numbers = Numbers(value=0.03, raw=0.04, lower=0.01, upper=0.09)
    low = draw_whisker(numbers, limit=0.02, higher_is_better=False, verdict="watch")
    assert (low.zone_from, low.zone_width) == (33.33, 66.67)
    assert (low.value, low.raw, low.lower, low.upper) == (50.0, 66.67, 16.67, 100.0)
    assert (low.more_low, low.more_high) == (False, True)
    high = draw_whisker(Numbers(0.95, 0.95, 0.6, 1.0), limit=0.9, higher_is_better=True, verdict="kept")
    assert (high.zone_from, high.zone_width) == (0.0, 66.67)
    assert high.raw is None  # it would hide under the official dot
    assert (high.lower, high.more_low) == (0.0, True)


@given(SHARES, SHARES, SHARES, SHARES, st.floats(0.001, 0.999), st.booleans())
def test_nothing_is_drawn_outside_the_axis(
    value: float | None,
    raw: float | None,
    lower: float | None,
    upper: float | None,
    limit: float,
    higher: bool,
) -> None:
    drawn = draw_whisker(
        Numbers(value, raw, lower, upper), limit=limit, higher_is_better=higher, verdict=None
    )
    places = [drawn.limit, drawn.zone_from, drawn.value, drawn.raw, drawn.lower, drawn.upper]
    assert all(place is None or 0 <= place <= 100 for place in places)


def test_a_week_without_orders_breaks_the_line() -> None:
    spark = draw_spark([0.0, 0.06, None, 0.02], limit=0.02)
    assert spark.lines == ("2.0,24.0 28.7,2.0", "82.0,16.7")
    assert (spark.end_x, spark.end_y, spark.limit_y, spark.last) == (82.0, 16.7, 16.7, 0.02)


def test_twelve_empty_weeks_draw_nothing_but_the_limit() -> None:
    spark = draw_spark([None] * 12, limit=0.02)
    assert (spark.lines, spark.end_x, spark.last) == ((), None, None)
    assert spark.limit_y == 16.7


def test_squares_show_the_used_ones_first_and_give_way_when_there_are_too_many() -> None:
    assert draw_squares(used=1, allowed=2).drawn == ((1, True), (14, False))
    assert draw_squares(used=1, allowed=21).drawn == ()
    assert draw_squares(used=0, allowed=0).drawn == ()
