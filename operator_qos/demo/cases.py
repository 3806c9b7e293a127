"""Claims, incidents, return disputes and chargebacks: who has one, and how it ends."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS
from operator_qos.demo.dice import Dice
from operator_qos.demo.orders import Order
from operator_qos.demo.stories import STRIKE_CARRIER
from operator_qos.demo.world import World

RESOLVE_LIMIT_SECONDS = 72 * HOUR_SECONDS
SHOWN_PATHS = ("solved", "reopened", "withdrawn", "timed_out", "asked", "lapsed", "slow", "via_carrier")

# Shops whose cases stand open today, so that the seller and the mediators find work waiting.
_BUSY_SHOPS = (
    "hf-atelier-morvan",
    "le-bazar-norte",
    "hf-cuirs-belloc",
    "kd-porzellan-kirsch",
    "le-casa-lumbre",
    "hf-le-jardin-clos",
    "kd-nordlicht-textil",
    "hf-maison-verdier",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case before it has a number: `path` names how it goes, `shown` adds every optional step."""

    order: Order
    kind: str
    reason: str
    opened_at: int
    path: str
    shown: bool = False


def plan_cases(world: World, orders: Sequence[Order]) -> list[Case]:
    """Choose which orders get a case, when and how it goes; nothing that opens after the last report."""
    dice = world.dice(4)
    cases = {case.order.id: case for case in _ordinary(dice, orders)}
    if world.number == 0:
        cases |= {case.order.id: case for case in _shown(orders)}
    if world.shop.id in _BUSY_SHOPS:
        cases |= {case.order.id: case for case in _open_today(world, orders, taken=cases.keys())}
    return [case for case in cases.values() if case.opened_at <= world.cutoff]


def _ordinary(dice: Dice, orders: Sequence[Order]) -> Iterator[Case]:
    for order in orders:
        late = order.fate.delivered_at is not None and order.fate.delivered_at > order.deliver_by_at
        share = 0.0 if order.fate.ended_at is not None else order.rates.case * (3.0 if late else 0.93)
        if dice.chance(share) and not order.unlucky:
            kind = _kind(dice)
            yield Case(
                order, kind, _reason(dice, kind, late), _opening(dice, order, late), _path(dice, order, kind)
            )


def _kind(dice: Dice) -> str:
    roll = dice.roll()
    if roll < 0.34:
        return "claim"
    if roll < 0.43:
        return "incident"
    return "return" if roll < 0.99 else "chargeback"


def _reason(dice: Dice, kind: str, late: bool) -> str:
    if kind == "return":
        return dice.pick(("changed_mind", "changed_mind", "not_as_described", "damaged"))
    if late or kind == "chargeback":
        return "not_received"
    return dice.pick(("damaged", "wrong_item", "not_as_described", "damaged"))


def _opening(dice: Dice, order: Order, late: bool) -> int:
    arrived_at = order.fate.delivered_at
    if arrived_at is None or late:
        return order.deliver_by_at + dice.between(8 * HOUR_SECONDS, 44 * HOUR_SECONDS)
    return arrived_at + dice.between(2 * HOUR_SECONDS, 8 * DAY_SECONDS)


def _path(dice: Dice, order: Order, kind: str) -> str:
    if kind == "chargeback":
        return "charged_back"
    if dice.chance(order.rates.slow_case):
        return "lapsed" if dice.chance(0.5) else "slow"
    roll = dice.roll()
    for share, path in ((0.07, "withdrawn"), (0.03, "timed_out"), (0.07, "asked"), (0.015, "reopened")):
        if roll < share:
            return path
        roll -= share
    struck = order.carrier == STRIKE_CARRIER and order.fate.strike_hit
    return "via_carrier" if dice.chance(0.8 if struck else 0.12) else "solved"


def _shown(orders: Sequence[Order]) -> Iterator[Case]:
    """Give the first delivered orders of the first shop one case of each course."""
    delivered = [order for order in orders if order.fate.delivered_at is not None]
    for path, order in zip(SHOWN_PATHS, delivered, strict=False):
        opened_at = (order.fate.delivered_at or 0) + DAY_SECONDS
        yield Case(order, "claim", "damaged", opened_at, path, shown=True)


def _open_today(world: World, orders: Sequence[Order], *, taken: Collection[str]) -> Iterator[Case]:
    """Open a few cases whose clocks run out in the coming hours, and some that wait for a mediator."""
    worked = world.clock.worked(world.cutoff)
    free = [order for order in orders if order.fate.delivered_at and order.id not in taken]
    for hours_left in (3, 7, 16):
        opened_at = world.clock.moment(worked + hours_left * HOUR_SECONDS - RESOLVE_LIMIT_SECONDS)
        yield from _recent(free, "claim", opened_at, "due_soon")
    for days_ago in (6, 8):
        opened_at = world.cutoff - days_ago * DAY_SECONDS + 7 * HOUR_SECONDS
        yield from _recent(free, "claim", opened_at, "before_mediator")


def _recent(free: list[Order], kind: str, opened_at: int, path: str) -> Iterator[Case]:
    """Take the last order that had arrived a day before, once."""
    for order in reversed(free):
        if order.fate.delivered_at is not None and order.fate.delivered_at < opened_at - DAY_SECONDS:
            free.remove(order)
            yield Case(order, kind, "not_as_described", opened_at, path)
            return
