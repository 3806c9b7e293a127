"""Where the platform's figures and ours differ, and why: each known cause is tried until one gives their number. Pure.

A cause is believed only when the figure worked out under it equals theirs; what nothing explains is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import NamedTuple

from operator_qos.connections.figures import DAY_MS, PERIOD_DAYS, Figure, Said, compute_figures, read_orders

# In the order in which they are tried; from history on they rest on what is known, not on a recomputation.
CAUSES = ("late_events", "window", "interval", "acceptance", "stale", "history", "set_aside", "unexplained")
# What a platform shows only while it lasts: of the time before the first reading nobody can know it.
SEEN_WHILE_IT_LASTS = frozenset({"incident_rate"})
STALE_DAYS = 60
TOLERANCE = 1e-4

# How an act of ours is wished for on the platform: when it begins, and when it ends.
WISHES: Mapping[str, tuple[str, str]] = {"suspension": ("suspended", "open")}


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of a shop that differs, both numbers, the cause found and how many things are behind it."""

    figure: str
    period: str
    theirs: float | None
    ours: Figure
    cause: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Compared:
    """What comparing a shop's figures gave."""

    compared: int
    equal: int
    differences: tuple[Difference, ...]


class Trial(NamedTuple):
    """The shop's figures under one assumption, by period; `size` is told when it explains a difference."""

    cause: str
    size: int
    figures: Mapping[str, Mapping[str, Figure]]


def compare_figures(
    said: Sequence[Said], theirs: Mapping[str, Mapping[str, float]], *, midnights_ms: Sequence[int], now_ms: int,
    set_aside: int, since_ms: int = 0,
) -> Compared:
    """Hold a platform's figures of a shop against ours.

    `midnights_ms` [epoch ms] are the marketplace's, the latest first: the figures are of the first one, unless an
    earlier one explains them. `set_aside` is how many events of the shop wait for a person, `since_ms` [epoch ms] when
    the platform was read first.
    """
    ours = _figures(said, midnights_ms[0])
    trials = _Trials(_try_causes(said, midnights_ms, now_ms))
    differences, compared = [], 0
    for name, by_period in theirs.items():
        for period, value in by_period.items():
            figure = ours.get(period, {}).get(name)
            if figure is None:
                continue
            compared += 1
            if equal(value, figure.value):
                continue
            cause, count = _find_cause(trials, name, period, value)
            if not cause:
                begins_ms = midnights_ms[0] - PERIOD_DAYS[period] * DAY_MS
                is_history = name in SEEN_WHILE_IT_LASTS and begins_ms < since_ms
                cause, count = ("history", 0) if is_history else (
                    "set_aside" if set_aside else "unexplained", set_aside)
            differences.append(Difference(name, period, value, figure, cause, count))
    return Compared(compared, compared - len(differences), tuple(differences))


def equal(theirs: float | None, ours: float | None) -> bool:
    """Whether two figures are one, but for rounding."""
    if theirs is None or ours is None:
        return theirs is None and ours is None
    return abs(theirs - ours) <= max(TOLERANCE * abs(theirs), 1e-6 + TOLERANCE * abs(ours))


class _Trials:
    """Trials in turn, each worked out when it is needed first."""

    def __init__(self, source: Iterator[Trial]) -> None:
        self._source = source
        self._made: list[Trial] = []

    def __iter__(self) -> Iterator[Trial]:
        yield from self._made
        for trial in self._source:
            self._made.append(trial)
            yield trial


def _find_cause(trials: Iterable[Trial], name: str, period: str, value: float) -> tuple[str, int]:
    for trial in trials:
        figure = trial.figures.get(period, {}).get(name)
        if figure is not None and equal(value, figure.value):
            return trial.cause, trial.size
    return "", 0


def _try_causes(said: Sequence[Said], midnights_ms: Sequence[int], now_ms: int) -> Iterator[Trial]:
    last = midnights_ms[0]
    late = [event for event in said if event.received_ms > last and event.at_ms <= last]
    yield Trial("late_events", len(late), _figures([event for event in said if event.received_ms <= last], last))
    yield Trial("window", 0, _figures(said, now_ms))
    yield Trial("window", 0, _figures(said, last, extra_days=1))
    yield Trial("window", 0, _figures(said, last, extra_days=-1))
    turned = [replace(event, at_ms=event.other_ms) if event.other_ms is not None else event for event in said]
    yield Trial("interval", sum(event.other_ms is not None for event in said), _figures(turned, last))
    undecided = sum(order.is_undecided for order in read_orders(said, last).values())
    yield Trial("acceptance", undecided, _figures(said, last, presumed=True))
    for days, midnight in enumerate(midnights_ms[1:], 1):
        yield Trial("stale", days, _figures(said, midnight))


def _figures(
    said: Sequence[Said], until_ms: int, extra_days: int = 0, *, presumed: bool = False
) -> dict[str, dict[str, Figure]]:
    """The figures of each period; `presumed`: orders cancelled before they were paid had been accepted."""
    orders = list(read_orders(said, until_ms).values())
    for order in orders:
        order.presumed = presumed and order.is_undecided
    return {period: compute_figures(orders, until_ms - (days + extra_days) * DAY_MS, until_ms)
            for period, days in PERIOD_DAYS.items()}


def wait_after(failures: int, interval: timedelta) -> timedelta:
    """How long to leave a platform alone after so many failures in a row: longer each time, at most six hours."""
    return min(interval * 2 ** min(failures, 10), timedelta(hours=6)) if failures else interval


def is_to_compare(last_on: date | None, local: datetime) -> bool:
    """Whether the day's figures are still to be compared: once a day, from five in the morning on."""
    return last_on != local.date() and local.hour >= 5
