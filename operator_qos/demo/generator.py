"""Writes the demo's history as CloudEvents, in the order of events."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from operator_qos.demo.cases import SHOWN_PATHS, Case, plan_cases
from operator_qos.demo.conversations import ConversationWriter
from operator_qos.demo.days import WEEKDAYS, LocalDays, stamp, utc_midnight
from operator_qos.demo.disputes import CaseWriter
from operator_qos.demo.feedback import FeedbackWriter, ShowcaseWriter
from operator_qos.demo.orders import Order, draft_orders, placed_times
from operator_qos.demo.parcels import OrderWriter
from operator_qos.demo.plan import DemoPlan
from operator_qos.demo.world import Row, World, Writer, build_worlds

SEED = 20260618
_FIRST_ORDER, _FIRST_CASE = 100_001, 1_001


@dataclass(frozen=True, slots=True)
class _Drafted:
    """A shop with everything decided and nothing written."""

    world: World
    orders: list[Order]
    cases: list[Case]


def generate_events(plan: DemoPlan, *, seed: int = SEED, scale: float = 1.0) -> Iterator[dict[str, Any]]:
    """Give the events of the whole period as CloudEvents in structured mode, by time.

    The same plan, seed and scale give the same events to the byte. `scale` multiplies the orders.
    """
    worlds = build_worlds(plan, seed)
    drafted = _draft(worlds, scale)
    for draft, numbers in zip(drafted, _case_numbers(drafted), strict=True):
        _write(draft, numbers)
    rows = sorted(chain.from_iterable(world.rows for world in worlds))
    return _envelopes(rows, worlds)


def _draft(worlds: Sequence[World], scale: float) -> list[_Drafted]:
    placed = [placed_times(world, scale) for world in worlds]
    drafted = []
    for world, at, numbers in zip(worlds, placed, _order_numbers(worlds, placed), strict=True):
        orders = draft_orders(world, numbers, at)
        drafted.append(_Drafted(world, orders, plan_cases(world, orders)))
    return drafted


def _order_numbers(worlds: Sequence[World], placed: Sequence[Sequence[int]]) -> list[list[int]]:
    """Number the orders of each marketplace by time, whichever shop they went to."""
    numbers: list[list[int]] = [[0] * len(times) for times in placed]
    for place in dict.fromkeys(world.place.id for world in worlds):
        keys = sorted(
            (at, world.number, n)
            for world, times in zip(worlds, placed, strict=True)
            if world.place.id == place
            for n, at in enumerate(times)
        )
        for number, (_, shop, n) in enumerate(keys, _FIRST_ORDER):
            numbers[shop][n] = number
    return numbers


def _case_numbers(drafted: Sequence[_Drafted]) -> list[list[int]]:
    """Number the cases of all marketplaces by their opening."""
    numbers = [[0] * len(draft.cases) for draft in drafted]
    keys = sorted(
        (case.opened_at, shop, n) for shop, draft in enumerate(drafted) for n, case in enumerate(draft.cases)
    )
    for number, (_, shop, n) in enumerate(keys, _FIRST_CASE):
        numbers[shop][n] = number
    return numbers


def _write(draft: _Drafted, case_numbers: Sequence[int]) -> None:
    world = draft.world
    _open_shop(world)
    per_order = OrderWriter(world, 2), ConversationWriter(world, 3), FeedbackWriter(world, 5)
    for writer in per_order:
        for order in draft.orders:
            writer.write(order)
    cases = CaseWriter(world, 6)
    for case, number in zip(draft.cases, case_numbers, strict=True):
        cases.write(case, number)
    if world.number == 0:
        arrived = [order for order in draft.orders if order.fate.delivered_at is not None]
        ShowcaseWriter(world, 7).write(arrived[len(SHOWN_PATHS) :])


def _open_shop(world: World) -> None:
    """Write the opening, and the hours where the shop has some, before anything else happens."""
    shop, writer = world.shop, Writer(world, 8)
    at = utc_midnight(world.plan.start)
    country = next(seller.country for seller in world.plan.sellers if seller.id == shop.seller_id)
    opened = {
        "seller": shop.seller_id,
        "name": shop.name,
        "country": country,
        "timezone": world.place.timezone,
    }
    writer.emit(at, "shop.opened", shop.id, key=f"{shop.id}-opened", data=opened)
    if shop.hours is None:
        return
    hours = {
        day: [list(span) for span in spans]
        for day, spans in zip(WEEKDAYS, shop.hours.week, strict=True)
        if spans
    }
    calendar = {
        "hours": hours,
        "holidays": [day.isoformat() for day in shop.hours.holidays],
        "effective_from": world.days.dates[0],
    }
    writer.emit(at + 3_600, "shop.calendar_set", shop.id, key=f"{shop.id}-calendar", data=calendar)
    _announce_break(writer, world.days)


def _announce_break(writer: Writer, days: LocalDays) -> None:
    shop = writer.world.shop
    if shop.hours is None or shop.hours.shut_from is None or shop.hours.shut_until is None:
        return
    first, last = days.number(shop.hours.shut_from), days.number(shop.hours.shut_until)
    span = {"from": stamp(days.midnights[first]), "until": stamp(days.midnights[last])}
    at = days.at(first - 21, 10 * 3_600)
    writer.emit(at, "shop.closed_for", shop.id, key=f"{shop.id}-winter-break", data=span)


def _envelopes(rows: Sequence[Row], worlds: Sequence[World]) -> Iterator[dict[str, Any]]:
    for at, _, key, kind, subject, shop, data in rows:
        world = worlds[shop]
        yield {
            "specversion": "1.0",
            "type": f"qos.{kind}",
            "source": world.source,
            "id": key,
            "time": stamp(at),
            "subject": subject,
            "marketplace": world.place.id,
            "shop": world.shop.id,
            "data": data,
        }
