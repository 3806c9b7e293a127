"""When a feed is late, incomplete or adrift, and how much may go ahead by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.guards import (
    CAPS,
    FIGURES,
    Caps,
    Compared,
    Feed,
    Light,
    is_adrift,
    list_figure_lights,
    list_lights,
    list_shop_figure_lights,
)

TODAY = date(2026, 5, 20)  # a Wednesday
NOW_MS = int(datetime.combine(TODAY, time(6), UTC).timestamp() * 1000)
HOUR_MS = 3_600_000


def days(count: int, each: int = 40, **other: int) -> dict[date, int]:
    """So many events on each of the days before today; others by how many days back they lie, like d3=0."""
    found = {TODAY - timedelta(days=back): each for back in range(1, count + 1)}
    return found | {TODAY - timedelta(days=int(name[1:])): number for name, number in other.items()}


def feed(counts: Mapping[date, int], *, hours_ago: float = 1, told: Mapping[date, int] | None = None) -> Feed:
    return Feed("erp", "order.shipped", counts, NOW_MS - int(hours_ago * HOUR_MS), told or {})


def lights(*feeds: Feed) -> list[tuple[str, date | None, int, int]]:
    return [(light.kind, light.on, light.found, light.expected)
            for light in list_lights(feeds, today=TODAY, now_ms=NOW_MS)]


def test_a_feed_that_goes_on_as_ever_shows_no_light() -> None:
    assert lights(feed(days(35))) == []


def test_a_day_without_events_is_seen_and_so_is_one_with_far_too_few() -> None:
    assert lights(feed(days(35, d3=0))) == [("incomplete", TODAY - timedelta(days=3), 0, 40)]
    assert lights(feed(days(35, d2=8))) == [("incomplete", TODAY - timedelta(days=2), 8, 40)]
    assert lights(feed(days(35, d2=9))) == []  # that much chance can do


def test_silence_is_late_after_a_day() -> None:
    assert lights(feed(days(35), hours_ago=24)) == []
    assert lights(feed(days(35), hours_ago=24.1)) == [("late", None, 0, 40)]


def test_a_source_that_rests_at_weekends_is_not_late_on_a_monday() -> None:
    working = {day: count for day, count in days(35).items() if day.weekday() < 5}
    monday = TODAY - timedelta(days=2)
    at_ms = int(datetime.combine(monday, time(7), UTC).timestamp() * 1000)
    seen = {day: count for day, count in working.items() if day < monday}
    quiet = Feed("erp", "order.shipped", seen, at_ms - 60 * HOUR_MS, {})
    assert list_lights([quiet], today=monday, now_ms=at_ms) == []
    assert lights(feed(working)) == []


def test_small_young_and_irregular_sources_are_never_accused() -> None:
    assert lights(feed(days(35, each=19, d3=0), hours_ago=90)) == []
    assert lights(feed(days(20, d3=0), hours_ago=90)) == []  # thirteen days are no custom
    assert lights(feed({}, hours_ago=900)) == []


def test_the_sources_own_figures_are_held_against_ours() -> None:
    yesterday = TODAY - timedelta(days=1)
    assert lights(feed(days(35), told={yesterday: 46})) == [("drift", yesterday, 40, 46)]
    assert lights(feed(days(35), told={yesterday: 45})) == []  # five of them are nothing
    assert lights(feed(days(35, each=4000), told={yesterday: 4080})) == []  # nor are two per cent
    assert lights(feed(days(35), told={TODAY - timedelta(days=8): 90, TODAY: 90})) == []


@given(st.lists(st.integers(20, 60), min_size=35, max_size=35))
def test_ordinary_ups_and_downs_hold_nobody(counts: list[int]) -> None:
    varied = {TODAY - timedelta(days=back + 1): count for back, count in enumerate(counts)}
    assert lights(feed(varied)) == []


@pytest.mark.parametrize(("acts", "shops", "allowed"), [
    (5, 3, True), (6, 3, False), (6, 59, False), (6, 60, True), (100, 1000, True), (101, 1000, False)])
def test_a_run_may_do_so_much_by_itself(acts: int, shops: int, allowed: bool) -> None:
    assert CAPS.allows(acts, shops) is allowed


def test_more_than_two_in_a_hundred_figures_unexplained_put_a_source_in_doubt() -> None:
    assert [is_adrift(100, unexplained) for unexplained in (0, 2, 3)] == [False, False, True]
    assert is_adrift(10, 1)
    assert not is_adrift(0, 0)


def test_figures_nobody_explains_are_a_light_of_their_source_or_of_the_shop_for_a_week() -> None:
    def compared(source: str, days_ago: int, unexplained: int, **by_shop: int) -> Compared:
        on = TODAY - timedelta(days=days_ago)
        return Compared(source, on, 100, unexplained, {int(name[1:]): count for name, count in by_shop.items()})

    found = [compared("/b", 0, 3, s1=3), compared("/a", 7, 2, s1=1, s2=1), compared("/old", 8, 99, s1=99)]
    assert list_figure_lights(found, today=TODAY) == [Light("figures", "/b", FIGURES, TODAY, 3, 100)]
    week_ago = TODAY - timedelta(days=7)
    assert [(light.source, light.on, light.found) for light in list_shop_figure_lights(found, 1, today=TODAY)] == [
        ("/a", week_ago, 1), ("/b", TODAY, 3)]
    assert list_shop_figure_lights(found, 2, today=TODAY) == [Light("shop_figures", "/a", FIGURES, week_ago, 1, 0)]
    assert list_shop_figure_lights(found, 3, today=TODAY) == []
    assert list_figure_lights(found[:1], today=TODAY - timedelta(days=1)) == []  # not yet compared then


def test_caps_are_chosen() -> None:
    assert Caps(count=0, share=0).allows(0, 100)
    assert not Caps(count=0, share=0).allows(1, 100)
