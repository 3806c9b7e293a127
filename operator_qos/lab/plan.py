"""Which marketplace the lab shows: the demo's stories told of as many shops and days as are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from operator_qos.demo.days import Hours, public_holidays
from operator_qos.demo.plan import CATEGORIES, MARKETPLACES, DemoPlan, Seller, Shop

_STORIES = ("steady", "excellent", "silent", "declining", "small", "recovering", "steady", "steady")
_WEEK = ((("09:00", "12:00"), ("14:00", "18:00")),) * 5 + ((), ())
_SATURDAY = (*_WEEK[:5], (("10:00", "13:00"),), ())
FIRST_SHOP = 2001


@dataclass(frozen=True, slots=True)
class LabPlan:
    """How large the marketplace is, which days it lives, and the seed of its chance."""

    shops: int
    days: int
    start: date
    seed: int = 1
    orders_per_day: float = 1.0  # of each shop

    @property
    def until(self) -> date:
        """The last day, lived until six in the morning."""
        return self.start + timedelta(days=self.days)


def demo_of(plan: LabPlan) -> DemoPlan:
    """The plan in the demo's terms: one marketplace, a seller for every shop, one strike near the end."""
    place = MARKETPLACES[0]
    sellers = tuple(Seller(f"company-{n + 1}", f"Company {n + 1}", place.country, place.language)
                    for n in range(plan.shops))
    strike = plan.start + timedelta(days=plan.days * 2 // 3)
    return DemoPlan(
        until=plan.until, start=plan.start, marketplaces=(place,), sellers=sellers,
        shops=tuple(_shop(plan, n) for n in range(plan.shops)), strike_from=strike,
        strike_until=strike + timedelta(days=9), outage_on=plan.until, strike_excluded=frozenset())


def _shop(plan: LabPlan, number: int) -> Shop:
    return Shop(
        id=str(FIRST_SHOP + number), name=f"Lab shop {number + 1}", marketplace=MARKETPLACES[0].id,
        seller_id=f"company-{number + 1}", story=_STORIES[number % len(_STORIES)],
        daily_orders=plan.orders_per_day * (0.6 + 0.2 * (number % 5)), quality=0.8 + 0.1 * (number * 7 % 5),
        hours=_hours(plan, number), handling_days=1 + number % 2, accepts=number % 3 == 2,
        categories=tuple(CATEGORIES[(number * 3 + n) % len(CATEGORIES)] for n in range(1 + number % 3)))


def _hours(plan: LabPlan, number: int) -> Hours | None:
    """Every fourth shop tells no hours; every fifth works on Saturdays; one in six closes for a week midway."""
    if number % 4 == 3:
        return None
    holidays = public_holidays(MARKETPLACES[0].country, plan.start, plan.until + timedelta(days=92))
    midway = plan.start + timedelta(days=plan.days // 2)
    shut = (midway, midway + timedelta(days=7)) if number % 6 == 1 else (None, None)
    return Hours(_SATURDAY if number % 5 == 0 else _WEEK, holidays, *shut)
