"""What every writer of events needs to know about the shop it writes for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from operator_qos.demo.days import LocalDays, WorkClock
from operator_qos.demo.dice import Dice
from operator_qos.demo.plan import DemoPlan, Marketplace, Shop
from operator_qos.demo.stories import Schedule, schedule_of
from scoring.events import RANKS

# An event before it gets its envelope: instant, rank of the type, id, type, subject, shop number, data.
# Rows sort in the order of events; ids are unique, so no two rows compare by their data.
Row = tuple[int, int, str, str, str, int, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class World:
    """One shop in its place and time, and the log its events are written to."""

    plan: DemoPlan
    number: int
    shop: Shop
    place: Marketplace
    days: LocalDays
    clock: WorkClock
    schedule: Schedule
    seed: int
    rows: list[Row] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The CloudEvents source of all events of the marketplace."""
        return f"/demo/{self.place.id}"

    @property
    def cutoff(self) -> int:
        """Last epoch second the shop reports."""
        return self.plan.cutoff_of(self.shop)

    def dice(self, purpose: int) -> Dice:
        """Start the shop's own stream of chance for one purpose."""
        return Dice(self.seed, self.number, purpose)


class Writer:
    """Writes a shop's events and forgets what has not happened yet."""

    def __init__(self, world: World, purpose: int) -> None:
        """Write for one shop, with a stream of chance of its own."""
        self.world = world
        self.dice = world.dice(purpose)
        self._cutoff = world.cutoff
        self._rows = world.rows
        self._number = world.number

    def emit(self, at: int, kind: str, subject: str, *, key: str, data: Mapping[str, Any]) -> None:
        """Write one event, unless it lies after the shop's last report."""
        if at <= self._cutoff:
            self._rows.append((at, RANKS[kind], key, kind, subject, self._number, data))


def build_worlds(plan: DemoPlan, seed: int) -> list[World]:
    """Resolve the calendars of all shops."""
    first, last = plan.start - timedelta(days=31), plan.until + timedelta(days=92)
    days = {place.id: LocalDays(place.timezone, place.country, first, last) for place in plan.marketplaces}
    return [
        World(
            plan,
            number,
            shop,
            plan.get_marketplace(shop.marketplace),
            days[shop.marketplace],
            WorkClock(shop.hours, days[shop.marketplace]),
            schedule_of(plan, shop),
            seed,
        )
        for number, shop in enumerate(plan.shops)
    ]
