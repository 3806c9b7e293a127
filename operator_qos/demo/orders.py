"""Seller orders: when they are placed, what was promised, and what became of them."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS
from operator_qos.demo.dice import Dice
from operator_qos.demo.stories import STRIKE_CARRIER, Rates, daily_weights, unlucky_orders
from operator_qos.demo.world import World

_HOUR_WEIGHTS = (2, 1, 1, 1, 1, 1, 2, 4, 6, 7, 8, 8, 8, 7, 6, 6, 6, 7, 8, 9, 11, 11, 8, 4)
_HOUR_SHARES = tuple(total / sum(_HOUR_WEIGHTS) for total in accumulate(_HOUR_WEIGHTS))
_OPENING, _CLOSING = int(9.5 * HOUR_SECONDS), int(17.5 * HOUR_SECONDS)
_EVENING = 18 * HOUR_SECONDS
_DELIVERY_DAYS = 3
REFUSED, MOVED, NEVER, SELLER_CANCEL = "refused", "moved", "never", "cancel_seller"


class Fate(NamedTuple):
    """What became of an order; `ended_by` names who cancelled it, or `refused_` and who refused it."""

    ended_at: int | None = None
    ended_by: str = ""
    ended_reason: str = ""
    shipped_at: int | None = None
    delivered_at: int | None = None
    trackable: bool = True
    moved_at: int | None = None
    strike_hit: bool = False
    outage_hit: bool = False


class Order(NamedTuple):
    """A seller order with its promises and its fate. Instants in epoch seconds."""

    id: str
    position: int
    placed_at: int
    buyer: str
    business: bool
    operator_ships: bool
    carrier: str
    ship_by_at: int
    deliver_by: str
    moved_ship_by_at: int
    moved_deliver_by: str
    deliver_by_at: int
    rates: Rates
    unlucky: bool
    fate: Fate


class Due(NamedTuple):
    """Positions among the working days: of the promise to ship, then to deliver."""

    ship: int
    deliver: int


def placed_times(world: World, scale: float) -> list[int]:
    """Draw the instants at which a shop's orders are placed, in order.

    The number of orders in any stretch of days is the expected one, give or take one or two:
    a story told on 300 orders stays so whatever the date.
    """
    rng = np.random.default_rng([world.seed, world.number, 0])
    expected = np.cumsum(np.asarray(daily_weights(world.plan, world.shop))) * scale
    count = int(expected[-1] + rng.random())
    marks = np.minimum(np.arange(count) + rng.random(count), expected[-1] * (1 - 1e-12))
    day_numbers = np.searchsorted(expected, marks, side="right") + world.days.number(world.plan.start)
    hours = np.searchsorted(np.asarray(_HOUR_SHARES), rng.random(count), side="right")
    seconds = hours * HOUR_SECONDS + (rng.random(count) * HOUR_SECONDS).astype(np.int64)
    midnights = np.asarray(world.days.midnights)[day_numbers]
    at = np.sort(midnights + seconds)
    return [int(x) for x in at[(at >= world.plan.first_at) & (at <= world.cutoff)]]


def draft_orders(world: World, numbers: Sequence[int], placed_at: Sequence[int]) -> list[Order]:
    """Decide everything about a shop's orders; `numbers` are theirs among the marketplace's orders."""
    dice = world.dice(1)
    unlucky = unlucky_orders(world.plan, world.shop, placed_at)
    forced = {0: REFUSED, 1: MOVED, 2: NEVER, 3: SELLER_CANCEL} if world.number == 0 else {}
    buyers = _buyer_pool(world)
    drafts = []
    for position, (number, at) in enumerate(zip(numbers, placed_at, strict=True)):
        wish = forced.get(position, "")
        buyer = dice.between(0, buyers)
        drafts.append(_draft(world, dice, (position, number, at, buyer), (wish, position in unlucky)))
    return drafts


def _buyer_pool(world: World) -> int:
    shops = [shop for shop in world.plan.shops if shop.marketplace == world.place.id]
    return int(sum(shop.daily_orders for shop in shops) * 300)


def _draft(world: World, dice: Dice, key: tuple[int, int, int, int], luck: tuple[str, bool]) -> Order:
    position, number, at, buyer = key
    wish, unlucky = luck
    rates = world.schedule.at(at)
    days = world.days
    ship = days.next_working[days.day_of(at)] + world.shop.handling_days - 1
    due = Due(ship, ship + _DELIVERY_DAYS)
    operator_ships = world.shop.id == "le-loza-real" and dice.chance(0.1)
    carrier = _carrier(world, dice)
    fate, kept_due = _fate(world, dice, (at, due, carrier, rates), (wish, unlucky))
    deliver_day = days.working[kept_due.deliver]
    return Order(
        id=f"{world.place.prefix}-{number}",
        position=position,
        placed_at=at,
        buyer=f"b-{world.place.prefix.lower()}-{buyer:05}",
        business=dice.chance(0.04),
        operator_ships=operator_ships,
        carrier=carrier,
        ship_by_at=days.working_at(due.ship, _EVENING),
        deliver_by=days.working_date(due.deliver),
        moved_ship_by_at=days.working_at(kept_due.ship, _EVENING),
        moved_deliver_by=days.working_date(kept_due.deliver),
        deliver_by_at=days.midnights[deliver_day + 1] - 1,
        rates=rates,
        unlucky=unlucky,
        fate=fate,
    )


def _carrier(world: World, dice: Dice) -> str:
    carriers = world.place.carriers
    if STRIKE_CARRIER in carriers:
        share = 0.93 if world.shop.story == "carrier_strike" else 0.1
        return STRIKE_CARRIER if dice.chance(share) else carriers[world.number % 2]
    return carriers[world.number % 2] if dice.chance(0.85) else carriers[1 - world.number % 2]


_Promise = tuple[int, Due, str, Rates]


def _fate(world: World, dice: Dice, promise: _Promise, luck: tuple[str, bool]) -> tuple[Fate, Due]:
    """Choose how an order ends, and the promise it is judged by."""
    at, due, _, rates = promise
    wish, unlucky = luck
    ended = None if unlucky or wish in {MOVED, NEVER} else _early_end(world, dice, (at, due, rates), wish)
    if ended:
        return ended, due
    if wish == NEVER or (not unlucky and dice.chance(0.01 * rates.late_ship)):
        return Fate(), due
    if wish == MOVED or (not unlucky and dice.chance(0.004)):
        moved_at = at + int((world.days.working_at(due.ship, _EVENING) - at) * (0.3 + 0.6 * dice.roll()))
        later = Due(due.ship + 2, due.deliver + 2)
        return _journey(world, dice, (at, later, promise[2], rates), unlucky=False, moved_at=moved_at), later
    return _journey(world, dice, promise, unlucky=unlucky, moved_at=None), due


def _early_end(world: World, dice: Dice, promise: tuple[int, Due, Rates], wish: str) -> Fate | None:
    at, due, rates = promise
    ship_by = world.days.working_at(due.ship, _EVENING)
    roll = dice.roll()
    if wish == REFUSED or (world.shop.accepts and roll > 0.994):
        automatic = not wish and roll > 0.999
        reason = "seller_timeout" if automatic else "out_of_stock"
        return Fate(at + 3 * HOUR_SECONDS, "refused_automatic" if automatic else "refused_seller", reason)
    sooner = at + int((ship_by - at) * (0.05 + 0.85 * dice.roll()))
    for probability, end in (
        (1.0 if wish == SELLER_CANCEL else rates.seller_cancel * 0.9, (sooner, "seller", "out_of_stock")),
        (rates.seller_cancel * 0.1, (ship_by + 5 * DAY_SECONDS, "automatic", "seller_timeout")),
        (0.0045, (at + dice.between(600, 5 * HOUR_SECONDS), "buyer", "buyer_request")),
        (0.001, (at + dice.between(60, HOUR_SECONDS), "operator", "payment_failed")),
    ):
        if roll < probability:
            return Fate(*end)
        roll -= probability
    return None


def _journey(world: World, dice: Dice, promise: _Promise, *, unlucky: bool, moved_at: int | None) -> Fate:
    at, due, _, rates = promise
    late = unlucky or dice.quota(rates.late_ship)
    position, second = _dispatch(world, dice, (at, due), late=late)
    position, second, held = _held_by_outage(world, dice, position, second)
    arrival, struck = _arrival(world, dice, promise, position)
    shipped_at = world.days.working_at(position, second)
    delivered_at = world.days.working_at(arrival, dice.between(9 * HOUR_SECONDS, 19 * HOUR_SECONDS))
    return Fate(
        shipped_at=shipped_at,
        delivered_at=delivered_at,
        trackable=struck or not dice.chance(0.04),
        moved_at=moved_at,
        strike_hit=struck,
        outage_hit=held and not late and position > due.ship,
    )


def _dispatch(world: World, dice: Dice, promise: tuple[int, Due], *, late: bool) -> tuple[int, int]:
    """Choose the working day and the second of the day on which the parcel is confirmed as sent."""
    at, due = promise
    second = dice.between(_OPENING, _CLOSING)
    if late:
        return due.ship + dice.pick((1, 1, 1, 1, 2, 2, 3)), second
    if dice.chance(0.45) and world.days.working_at(due.ship - 1, 14 * HOUR_SECONDS) - at > HOUR_SECONDS:
        return due.ship - 1, dice.between(14 * HOUR_SECONDS, _CLOSING)
    return due.ship, second


def _held_by_outage(world: World, dice: Dice, position: int, second: int) -> tuple[int, int, bool]:
    # The platform took no confirmation that day; the sellers confirm when it works again.
    days = world.days
    if world.place.id != "kontor-de" or days.working[position] != days.number(world.plan.outage_on):
        return position, second, False
    return position + 1, dice.between(10 * HOUR_SECONDS, 16 * HOUR_SECONDS), True


def _arrival(world: World, dice: Dice, promise: _Promise, position: int) -> tuple[int, bool]:
    """Choose the working day of arrival; true when the carrier's strike made it late."""
    _, due, carrier, rates = promise
    if dice.chance(rates.late_delivery):
        arrival = max(due.deliver, position) + dice.pick((1, 1, 2, 2, 3, 4))
    else:
        arrival = position + 1 + dice.chance(0.45)
    if carrier != STRIKE_CARRIER or arrival > due.deliver:
        return arrival, False
    first, last = (world.days.number(d) for d in (world.plan.strike_from, world.plan.strike_until))
    if world.days.working[position] > last or world.days.working[arrival] < first:
        return arrival, False
    arrival = bisect_right(world.days.working, last) + dice.between(0, 5)
    return max(arrival, position + 1), arrival > due.deliver
