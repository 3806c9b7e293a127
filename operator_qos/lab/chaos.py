"""What can go wrong between a platform and whoever reads it, each by a switch, drawn from the seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from operator_qos.lab.dice import draw

SKEW_SECONDS = 300
MOST_IN_A_ROW = 2  # a call that failed twice is answered: whoever tries three times gets through
_MISHAPS = ("rate_limited", "errors", "broken", "expired")


@dataclass(frozen=True, slots=True)
class Chaos:
    """Shares in [0, 1]: of calls for what befalls a call, of things for what befalls a thing.

    `rate_limited` answers 429 (every other time without Retry-After), `errors` 500, `broken` breaks off in the middle,
    `slow` waits `slow_seconds` first, `expired` takes all tokens back, `shifted` moves things between pages while they
    are read, `repeated` shows a thing twice, the second time as it was before, `shuffled` mixes a page, `unknown` puts
    in values that nobody has announced, `skewed` dates changes by servers' clocks that differ, `stale` works no
    statistics out.
    """

    rate_limited: float = 0.0
    errors: float = 0.0
    broken: float = 0.0
    slow: float = 0.0
    expired: float = 0.0
    shifted: float = 0.0
    repeated: float = 0.0
    shuffled: float = 0.0
    unknown: float = 0.0
    skewed: float = 0.0
    stale: float = 0.0
    slow_seconds: float = 3.0

    def with_values(self, values: Mapping[str, Any]) -> Chaos:
        """Changed switches; raises ValueError naming the one that is unknown or no share."""
        for name, value in values.items():
            if name not in DEFAULTS:
                raise ValueError(f"{name}: no such switch; there are {', '.join(DEFAULTS)}")
            most = 600 if name == "slow_seconds" else 1
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise ValueError(f"{name}: {value!r} is no number from 0 to {most}")
        return replace(self, **values)


DEFAULTS: Mapping[str, float] = {
    "rate_limited": 0.1, "errors": 0.1, "broken": 0.05, "slow": 0.05, "expired": 0.05, "shifted": 0.5,
    "repeated": 0.1, "shuffled": 1.0, "unknown": 0.1, "skewed": 1.0, "stale": 1.0, "slow_seconds": 3.0}
SWITCHES = tuple(item.name for item in fields(Chaos) if item.name not in {"slow_seconds", "stale"})


def switch_on(names: Iterable[str], *, slow_seconds: float = 3.0) -> Chaos:
    """The switches of these names at their usual shares; `all` is every one but stale. Raises ValueError."""
    wanted = [name for given in names for name in (SWITCHES if given == "all" else (given,))]
    unknown = [name for name in wanted if name not in DEFAULTS or name == "slow_seconds"]
    if unknown:
        raise ValueError(f"{unknown[0]}: no such switch; there are all, {', '.join(SWITCHES)}, stale")
    return Chaos(**{name: DEFAULTS[name] for name in wanted}, slow_seconds=slow_seconds)


class Misfortune:
    """What befalls the next call, drawn from the seed and the number of the call."""

    def __init__(self, seed: int) -> None:
        """Nothing has happened yet."""
        self._seed = seed
        self._number = 0
        self._row = 0

    def next_mishap(self, chaos: Chaos) -> str:
        """One of rate_limited, errors, broken, expired; empty when the call may go on."""
        self._number += 1
        for name in _MISHAPS:
            if self._row < MOST_IN_A_ROW and draw(self._seed, name, self._number) < getattr(chaos, name):
                self._row += 1
                return name
        self._row = 0
        return ""

    def is_slow(self, chaos: Chaos) -> bool:
        """Whether the call that is being answered waits first."""
        return chaos.slow > 0 and draw(self._seed, "slow", self._number) < chaos.slow

    def shifts(self, chaos: Chaos) -> bool:
        """Whether the listing has moved since its last page."""
        return chaos.shifted > 0 and draw(self._seed, "shift", self._number) < chaos.shifted
