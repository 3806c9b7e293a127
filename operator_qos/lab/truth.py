"""What truly happens in the lab's marketplace, thing by thing; what an API shows is read from it, at a moment.

Moments are epoch seconds. A Step is one happening in the words of our own events.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One happening: when, what (an event type without its prefix) and what it says."""

    at: int
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Thing:
    """An order, a return, a thread or a shop and everything that ever happens to it, by time.

    `shown_from`: no API shows it before that. `parent` is the order of a return or a thread.
    """

    id: str
    shop: str
    steps: tuple[Step, ...]
    parent: str = ""
    topic: str = ""
    shown_from: int = 0

    def until(self, at: int) -> tuple[Step, ...]:
        """What has happened by a moment."""
        return tuple(step for step in self.steps if step.at <= at)


class Changes:
    """When each thing of a kind changed: asked for all that changed since, and for a thing's last change."""

    def __init__(self, things: Iterable[Thing], kinds: frozenset[str]) -> None:
        """Only steps of these kinds move a thing's date of change."""
        self._of: dict[str, list[int]] = {}
        rows: list[tuple[int, str]] = []
        for thing in things:
            moments = sorted({max(step.at, thing.shown_from) for step in thing.steps if step.kind in kinds})
            if moments:
                self._of[thing.id] = moments
                rows += [(at, thing.id) for at in moments]
        rows.sort()
        self._at = [at for at, _ in rows]
        self._keys = [key for _, key in rows]

    def list_between(self, first: int, last: int) -> list[str]:
        """The things with a change in [first, last], by their first change in it."""
        rows = self._keys[bisect_left(self._at, first) : bisect_right(self._at, last)]
        return list(dict.fromkeys(rows))

    def find_last(self, key: str, at: int) -> int | None:
        """The last change at or before a moment; None when there is none yet."""
        moments = self._of.get(key, ())
        place = bisect_right(moments, at)
        return moments[place - 1] if place else None


@dataclass(frozen=True)
class World:
    """Everything that truly happens, and when anything changed."""

    timezone: str
    currency: str
    country: str
    orders: Mapping[str, Thing]
    parcels: Mapping[str, Thing]
    returns: Mapping[str, Thing]
    threads: Mapping[str, Thing]
    shops: Mapping[str, Thing]
    first_at: int
    last_at: int
    orders_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def list_orders_of(self, shop: str) -> tuple[str, ...]:
        """A shop's orders by time of placing."""
        return self.orders_of.get(shop, ())


def group_by_shop(orders: Iterable[Thing]) -> Mapping[str, tuple[str, ...]]:
    """The ids of each shop's orders, in the order given."""
    found: dict[str, list[str]] = defaultdict(list)
    for order in orders:
        found[order.shop].append(order.id)
    return {shop: tuple(ids) for shop, ids in found.items()}
