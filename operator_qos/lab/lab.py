"""A running lab: the world, the moment it stands at, what goes wrong, and what was written to it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock

from operator_qos.lab.chaos import SKEW_SECONDS, Chaos, Misfortune
from operator_qos.lab.dice import draw
from operator_qos.lab.gate import Gate
from operator_qos.lab.plan import LabPlan
from operator_qos.lab.telling import build_world
from operator_qos.lab.truth import Changes, Step, World

ORDER_CHANGES = frozenset({
    "order.placed", "order.accepted", "order.refused", "order.paid", "order.cancelled", "order.shipped",
    "order.delivered", "order.refunded", "order.closed", "tracking.scanned", "case.opened", "case.resolved",
    "case.reopened", "case.withdrawn", "case.closed"})
PARCEL_CHANGES = frozenset({"order.shipped", "order.delivered", "tracking.scanned"})
RETURN_CHANGES = frozenset({"return.requested", "return.received", "return.refused", "return.refunded"})
THREAD_CHANGES = frozenset({"message.sent", "conversation.no_reply_needed"})
SHOP_CHANGES = frozenset({"shop.opened", "shop.calendar_set", "shop.closed_for"})


class LabClock:
    """The marketplace's time [epoch s]: stands where it was put, or runs `speed` seconds in each second."""

    def __init__(self, at: int, speed: float = 0.0) -> None:
        """Start at a moment."""
        self._at, self._speed, self._since = at, speed, time.monotonic()

    def now(self) -> int:
        """The moment the marketplace lives."""
        return self._at + int((time.monotonic() - self._since) * self._speed)

    def set(self, at: int) -> None:
        """Go to a moment."""
        self._at, self._since = at, time.monotonic()


@dataclass(frozen=True, slots=True)
class Write:
    """A change that a caller made to a shop, and when [epoch s]."""

    at: int
    shop: str
    field: str
    value: object


@dataclass
class Lab:
    """Everything one fake server holds; `lock` is held while a call is answered."""

    plan: LabPlan
    world: World
    gate: Gate
    clock: LabClock
    chaos: Chaos = field(default_factory=Chaos)
    writes: list[Write] = field(default_factory=list)
    rotations: dict[str, int] = field(default_factory=dict)
    exports: list[dict[str, str]] = field(default_factory=list)
    surprises: set[str] = field(default_factory=set)  # the things that were shown with values nobody announced
    lock: RLock = field(default_factory=RLock)
    changes: Mapping[str, Changes] = field(init=False)
    misfortune: Misfortune = field(init=False)
    reviews: Mapping[str, Sequence[tuple[str, tuple[Step, ...]]]] = field(init=False)  # of each shop: order, steps

    def __post_init__(self) -> None:
        """Work out once when what changes."""
        world = self.world
        self.misfortune = Misfortune(self.plan.seed)
        self.changes = {
            "orders": Changes(world.orders.values(), ORDER_CHANGES),
            "shipments": Changes(world.parcels.values(), PARCEL_CHANGES),
            "returns": Changes(world.returns.values(), RETURN_CHANGES),
            "threads": Changes(world.threads.values(), THREAD_CHANGES),
            "shops": Changes(world.shops.values(), SHOP_CHANGES)}
        self.reviews = _reviews(world)

    def reset(self, *, at: int, chaos: Chaos) -> None:
        """Begin again: as if nobody had ever called or written."""
        self.clock.set(at)
        self.chaos, self.misfortune = chaos, Misfortune(self.plan.seed)
        self.gate.forget()
        for kept in (self.writes, self.rotations, self.exports, self.surprises):
            kept.clear()

    def skew_seconds(self, key: str) -> int:
        """How far the server that keeps a thing dates its changes off; the same for all changes of the thing."""
        if not self.chaos.skewed:
            return 0
        return int((2 * draw(self.plan.seed, "skew", key) - 1) * SKEW_SECONDS * self.chaos.skewed)

    def find_changed(self, kind: str, key: str, at: int) -> int | None:
        """When a thing changed last before a moment, as its server dates it; None while it is not there."""
        last = self.changes[kind].find_last(key, at)
        return None if last is None else last + self.skew_seconds(key)

    def list_changed(self, kind: str, *, since: int | None, now: int) -> list[str]:
        """The things that changed since a moment, all that are there without one; by the date of their change."""
        first = 0 if since is None else since - SKEW_SECONDS
        rows = ((self.find_changed(kind, key, now), key) for key in self.changes[kind].list_between(first, now))
        return [key for changed, key in sorted((at, key) for at, key in rows if at is not None)
                if since is None or changed >= since]

    def is_lost(self, order: str) -> bool:
        """Whether an order was never placed because its shop was suspended by a write."""
        thing = self.world.orders[order]
        state = "OPEN"
        for write in self.writes:
            if write.shop == thing.shop and write.field == "state" and write.at <= thing.steps[0].at:
                state = str(write.value)
        return state != "OPEN"


def _reviews(world: World) -> Mapping[str, Sequence[tuple[str, tuple[Step, ...]]]]:
    found: dict[str, list[tuple[str, tuple[Step, ...]]]] = defaultdict(list)
    for order in world.orders.values():
        steps = tuple(step for step in order.steps if step.kind.startswith("review."))
        if steps:
            found[order.shop].append((order.id, steps))
    return found


def open_lab(plan: LabPlan, *, calls_per_minute: Mapping[str, int], speed: float = 0.0) -> Lab:
    """A lab at the end of its first day, without chaos."""
    world = build_world(plan)
    gate = Gate("lab-key", "lab", "lab-secret", calls_per_minute)
    return Lab(plan, world, gate, LabClock(world.first_at + 86_400, speed))
