"""Which numbers a condition lets through: enough of it to find limits that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from scoring.standards.conditions import Compare, Condition, Group

_LOWEST, _HIGHEST = Fraction(-(10**30)), Fraction(10**30)


@dataclass(frozen=True)
class Interval:
    """Numbers from ``low`` to ``high``; ``open`` ends leave the bound itself out."""

    low: Fraction = _LOWEST
    high: Fraction = _HIGHEST
    low_open: bool = False
    high_open: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no number lies in it."""
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    def meet(self, other: Interval) -> Interval:
        """The numbers in both."""
        low, low_open = max((self.low, self.low_open), (other.low, other.low_open))
        high, high_closed = min((self.high, not self.high_open), (other.high, not other.high_open))
        return Interval(low, high, low_open, not high_closed)

    def holds_all_of(self, other: Interval) -> bool:
        """Whether every number of the other lies in it."""
        return self.meet(other) == other


def interval_of(test: Compare) -> Interval:
    """The numbers that keep one comparison."""
    bound = test.bound
    return {
        "<": Interval(high=bound, high_open=True),
        "<=": Interval(high=bound),
        ">": Interval(low=bound, low_open=True),
        ">=": Interval(low=bound),
        "=": Interval(bound, bound),
    }[test.operator]


def list_intervals(condition: Condition | None) -> Mapping[str, Interval] | None:
    """Per name the numbers a plain conjunction of comparisons lets through; None for any other condition."""
    if isinstance(condition, Compare):
        return {condition.key: interval_of(condition)}
    if not isinstance(condition, Group) or condition.kind != "all":
        return None
    found: dict[str, Interval] = {}
    for part in condition.parts:
        inner = list_intervals(part)
        if inner is None:
            return None
        for key, interval in inner.items():
            found[key] = found.get(key, Interval()).meet(interval)
    return found


def find_contradiction(condition: Condition | None) -> str | None:
    """The name of which no number fulfils the condition, None when there is none to be found."""
    parts = condition.parts if isinstance(condition, Group) and condition.kind == "all" else (condition,)
    found: dict[str, Interval] = {}
    for part in parts:
        for key, interval in (list_intervals(part) or {}).items():
            found[key] = found.get(key, Interval()).meet(interval)
    return next((key for key, interval in found.items() if interval.is_empty), None)


def implies(stronger: Condition | None, weaker: Condition | None) -> bool:
    """Whether everything that keeps the first keeps the second, as far as comparisons tell."""
    if stronger == weaker or weaker is None:
        return True
    first, second = list_intervals(stronger), list_intervals(weaker)
    if first is None or second is None:
        return False
    return all(key in first and interval.holds_all_of(first[key]) for key, interval in second.items())
