"""When a feed is too poor, or a batch too large, to act on: lights per source, and caps. Pure.

A source is *regular* for a type of event when the days before show it on nearly every one: then a day without any, or
with far fewer than its weekday had, is noticed. Small or odd sources are never accused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

SEEN_DAYS = 28  # what is usual
JUDGED_DAYS = 7  # what is looked at
DAY_MS = 86_400_000


@dataclass(frozen=True)
class FeedTerms:
    """From when on a feed counts as late, incomplete or adrift.

    Regular: at least ``min_per_day`` events on the mean weekday. Late: nothing for ``late_hours`` [h]. Incomplete: a
    day with less than ``least_share`` of its weekday's mean and more than ``spreads`` standard deviations of a Poisson
    count below it. Adrift: our count and the source's own differ by more than ``drift_share`` and ``drift_count``.
    """

    min_per_day: float = 20.0
    late_hours: float = 24.0
    least_share: float = 0.25
    spreads: float = 5.0
    drift_share: float = 0.02
    drift_count: int = 5


@dataclass(frozen=True)
class Feed:
    """What a source sent of one type: events per local day, its last moment [epoch ms], its own totals per day."""

    source: str
    type: str
    counts: Mapping[date, int]
    last_ms: int
    told: Mapping[date, int]


@dataclass(frozen=True)
class Compared:
    """A platform's published figures of a day held against ours: how many, and how many differ for no known cause.

    ``by_shop`` counts the latter by shop's id; shops without any are left out.
    """

    source: str
    on: date
    compared: int
    unexplained: int
    by_shop: Mapping[int, int]


@dataclass(frozen=True)
class Light:
    """What is wrong with a feed. ``kind``: late, incomplete, drift, figures or shop_figures.

    ``found`` events where ``expected`` were; of figures, ``found`` without a known cause among ``expected``, which are
    those of the shop alone where the kind says so (``expected`` is not counted then, and 0).
    """

    kind: str
    source: str
    type: str
    on: date | None
    found: int
    expected: int
    since_ms: int | None = None


@dataclass(frozen=True)
class Caps:
    """Most adverse acts of a category in one run: ``count``, or ``share`` of the shops judged where that is more."""

    count: int = 5
    share: float = 0.1

    def allows(self, acts: int, shops: int) -> bool:
        """Whether so many may go ahead by themselves."""
        return acts <= max(self.count, int(self.share * shops))


FEED_TERMS, CAPS = FeedTerms(), Caps()
FIGURES = "published figures"  # what a light of figures is about, in place of a type of event
FIGURE_LIGHTS = frozenset({"figures", "shop_figures"})
MOST_UNEXPLAINED = 0.02  # of the figures compared: more, and every shop of the source is in doubt


def list_lights(feeds: Iterable[Feed], *, today: date, now_ms: int, terms: FeedTerms = FEED_TERMS) -> list[Light]:
    """What is wrong with the feeds as of ``now_ms`` [epoch ms], whose local day ``today`` is not judged itself.

    Judges the ``JUDGED_DAYS`` days before today by the ``SEEN_DAYS`` before those. None for feeds that are too small
    or too young to know what is usual. Ordered by source, type and day.
    """
    found = [light for feed in feeds for light in _judge(feed, today, now_ms, terms)]
    return sorted(found, key=lambda light: (light.source, light.type, light.on or date.min, light.kind))


def is_adrift(compared: int, unexplained: int) -> bool:
    """Whether so many of the figures compared differ for no known cause that their source is in doubt as a whole."""
    return unexplained > max(0, int(MOST_UNEXPLAINED * compared))


def list_figure_lights(found: Iterable[Compared], *, today: date) -> list[Light]:
    """The sources whose figures of the last ``JUDGED_DAYS`` days are adrift as a whole, by source.

    What was compared longer ago says nothing of what is judged now.
    """
    return [Light("figures", day.source, FIGURES, day.on, day.unexplained, day.compared)
            for day in _list_recent(found, today) if is_adrift(day.compared, day.unexplained)]


def list_shop_figure_lights(found: Iterable[Compared], shop_id: int, *, today: date) -> list[Light]:
    """The sources that have figures of one shop which differ from ours for no known cause, be it a single one."""
    return [Light("shop_figures", day.source, FIGURES, day.on, day.by_shop[shop_id], 0)
            for day in _list_recent(found, today) if day.by_shop.get(shop_id)]


def _list_recent(found: Iterable[Compared], today: date) -> list[Compared]:
    first = today - timedelta(days=JUDGED_DAYS)
    return sorted((day for day in found if first <= day.on <= today), key=lambda day: day.source)


def _judge(feed: Feed, today: date, now_ms: int, terms: FeedTerms) -> Iterable[Light]:
    yield from _list_drifts(feed, today, terms)
    usual = _find_usual(feed.counts, today - timedelta(days=JUDGED_DAYS))
    if usual is None or sum(usual) / 7 < terms.min_per_day:
        return
    silent_ms = now_ms - feed.last_ms
    if silent_ms > terms.late_hours * 3_600_000 and _is_expected(usual, today, silent_ms):
        yield Light("late", feed.source, feed.type, None, 0, round(sum(usual) / 7), feed.last_ms)
    for days in range(JUDGED_DAYS, 0, -1):
        on = today - timedelta(days=days)
        mean, count = usual[on.weekday()], feed.counts.get(on, 0)
        if count < terms.least_share * mean and mean - count > terms.spreads * sqrt(mean):
            yield Light("incomplete", feed.source, feed.type, on, count, round(mean))


def _find_usual(counts: Mapping[date, int], end: date) -> Sequence[float] | None:
    """Events per weekday, Monday first, over the days before ``end``; None unless most of them had some."""
    days = [end - timedelta(days=back) for back in range(1, SEEN_DAYS + 1)]
    if sum(counts.get(day, 0) > 0 for day in days) < SEEN_DAYS // 2:
        return None
    weeks = SEEN_DAYS / 7
    return [sum(counts.get(day, 0) for day in days if day.weekday() == weekday) / weeks for weekday in range(7)]


def _is_expected(usual: Sequence[float], today: date, silent_ms: int) -> bool:
    """Whether the days of the silence usually have events: a source may rest at weekends."""
    days = range(int(silent_ms // DAY_MS) + 1)
    return all(usual[(today - timedelta(days=back)).weekday()] >= 1 for back in days)


def _list_drifts(feed: Feed, today: date, terms: FeedTerms) -> Iterable[Light]:
    first = today - timedelta(days=JUDGED_DAYS)
    for on, told in sorted(feed.told.items()):
        ours = feed.counts.get(on, 0)
        apart = abs(ours - told)
        if first <= on < today and apart > terms.drift_count and apart > terms.drift_share * told:
            yield Light("drift", feed.source, feed.type, on, ours, told)
