"""The ball timeline: positions worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from operator_qos.disputes.rules import Turn
from operator_qos.disputes.timeline import Moment, Said, Story, draw

DAY = 86_400_000
START = 1_772_323_200_000  # Sunday 1 March 2026, 00:00 UTC


def _at(days: float) -> int:
    return START + int(days * DAY)


# From day 1 to day 39: 38 days, a fortieth of it (0.95 day) is left free on either side, 39.9 days in all.
STORY = Story(
    turns=(Turn("seller", _at(1), _at(11)), Turn("buyer", _at(11), _at(12)), Turn("mediator", _at(12), None)),
    said=(Said(1, "buyer", _at(1)), Said(2, "seller", _at(11))),
    moments=(
        Moment("order", _at(1), "square", "placed"),
        Moment("order", _at(2), "square", "problem"),
        Moment("parcel", _at(3), "dot"),
    ),
    promised_ms=None,
    due_ms=_at(39),
    now_ms=_at(20),
    ended=False,
)


def test_positions_are_shares_of_the_whole_time() -> None:
    drawing = draw(STORY, zone="UTC")
    seller, buyer, mediator, future = drawing.bands
    assert (seller.x, seller.width) == (2.38, 25.06)  # 0.95 and 10 days of 39.9
    assert (buyer.x, buyer.width) == (27.44, 2.51)
    assert (mediator.x, mediator.width) == (29.95, 20.05)
    assert (drawing.now, future.x, future.width, future.is_future) == (50.0, 50.0, 47.62, True)
    assert drawing.due is not None
    assert drawing.due.x == 97.62


def test_lanes_are_those_used_and_words_stand_on_long_bands_only() -> None:
    drawing = draw(STORY, zone="UTC")
    assert [(lane.party, lane.y) for lane in drawing.lanes] == [
        ("seller", 122),
        ("buyer", 156),
        ("mediator", 190),
    ]
    assert [band.seconds for band in drawing.bands] == [10 * 86_400, None, 8 * 86_400, None]
    assert [(dot.number, dot.y) for dot in drawing.dots] == [(1, 156), (2, 122)]
    assert [(line.y1, line.y2) for line in drawing.passes] == [(122, 156), (156, 190)]


def test_a_label_without_room_is_left_to_the_list() -> None:
    first, second, parcel = draw(STORY, zone="UTC").marks
    # One day is 2.5 %, "placed" needs 5.6 %: no room to the right, nor to the left of 2.4 %.
    assert (first.anchor, second.anchor, parcel.anchor) == ("", "start", "")


def test_mondays_are_those_of_the_zone() -> None:
    mondays = [line.at for line in draw(STORY, zone="Europe/Paris").grid]
    assert [(day.weekday(), day.hour, day.minute) for day in mondays] == [(0, 0, 0)] * len(mondays)
    assert [day.day for day in mondays] == [9, 16, 23, 30, 6]  # the 2nd stands too near the beginning


def test_an_ended_story_has_no_now_and_no_deadline() -> None:
    ended = replace(STORY, turns=(*STORY.turns[:2], Turn("nobody", _at(12), None)), ended=True)
    drawing = draw(ended, zone="UTC")
    assert (drawing.now, drawing.due, len(drawing.bands)) == (None, None, 2)
    assert drawing.end < datetime(2026, 3, 15, tzinfo=UTC)


@given(st.lists(st.floats(0, 60), min_size=2, max_size=12), st.floats(0, 80))
def test_everything_stays_inside_the_drawing(days: list[float], now: float) -> None:
    cuts = sorted(days)
    holders = ("seller", "buyer", "carrier", "operator", "mediator")
    turns = [Turn(holders[place % 5], _at(a), _at(b)) for place, (a, b) in enumerate(pairwise(cuts))]
    said = [Said(place + 1, "seller", _at(day)) for place, day in enumerate(cuts)]
    drawing = draw(Story(turns, said, (), _at(5), _at(90), _at(now), False), zone="Europe/Madrid")
    places = [dot.x for dot in drawing.dots] + [band.x for band in drawing.bands]
    assert all(0 <= place <= 100 for place in places)
    assert all(band.x + band.width <= 100.3 for band in drawing.bands)
    assert [dot.x for dot in drawing.dots] == sorted(dot.x for dot in drawing.dots)
