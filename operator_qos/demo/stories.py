"""How well a shop serves, when: the rates behind every planted story."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from operator_qos.demo.days import DAY_SECONDS
from operator_qos.demo.plan import DemoPlan, Shop

STRIKE_CARRIER = "colisnord"
DECLINE_DAYS = 120
RECOVERED_DAYS = 150


@dataclass(frozen=True, slots=True)
class Rates:
    """Probabilities per order (or per turn, case or review, as the name says)."""

    late_ship: float
    late_delivery: float
    conversation: float
    late_answer: float
    never_answered: float  # of the late answers
    case: float
    seller_fault: float  # of the claims that end with a stated fault
    slow_case: float
    seller_cancel: float
    low_rating: float  # of the reviews

    def worsened(self, factor: float) -> "Rates":
        """Multiply the failures that differ from shop to shop."""
        return replace(
            self,
            late_ship=self.late_ship * factor,
            late_delivery=self.late_delivery * factor,
            late_answer=self.late_answer * factor,
            seller_cancel=self.seller_cancel * factor,
            low_rating=self.low_rating * factor,
        )

    def towards(self, other: "Rates", share: float) -> "Rates":
        """Go a share of the way to other rates."""
        mixed = {
            name: getattr(self, name) + share * (getattr(other, name) - getattr(self, name))
            for name in self.__slots__
        }
        return Rates(**mixed)


HEALTHY = Rates(
    late_ship=0.015,
    late_delivery=0.032,
    conversation=0.13,
    late_answer=0.03,
    never_answered=0.3,
    case=0.037,
    seller_fault=0.07,
    slow_case=0.05,
    seller_cancel=0.0022,
    low_rating=0.012,
)
EXCELLENT = Rates(
    late_ship=0.004,
    late_delivery=0.006,
    conversation=0.15,
    late_answer=0.006,
    never_answered=0.0,
    case=0.034,
    seller_fault=0.02,
    slow_case=0.015,
    seller_cancel=0.0006,
    low_rating=0.003,
)
DECLINED = replace(HEALTHY, late_ship=0.14, late_delivery=0.05, conversation=0.16, low_rating=0.05)
FAILING = Rates(
    late_ship=0.13,
    late_delivery=0.09,
    conversation=0.16,
    late_answer=0.24,
    never_answered=0.4,
    case=0.05,
    seller_fault=0.5,
    slow_case=0.35,
    seller_cancel=0.03,
    low_rating=0.14,
)
SILENT = replace(HEALTHY, conversation=0.17, late_answer=0.36, never_answered=0.5)
FLAWLESS = replace(HEALTHY, late_ship=0.0, late_delivery=0.0, seller_cancel=0.0, low_rating=0.0, case=0.0)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Rates that change at given instants; the first hold from the beginning."""

    changes_at: tuple[int, ...]
    rates: tuple[Rates, ...]

    def at(self, moment: int) -> Rates:
        """Give the rates in force at an instant."""
        return self.rates[bisect_right(self.changes_at, moment)]


def schedule_of(plan: DemoPlan, shop: Shop) -> Schedule:
    """Give the rates of a shop over the whole period."""
    own = HEALTHY.worsened(shop.quality)
    if shop.story == "declining":
        return _decline(plan, replace(HEALTHY, late_ship=0.02))
    if shop.story == "recovering":
        return Schedule((plan.last_at - RECOVERED_DAYS * DAY_SECONDS,), (FAILING, own))
    if shop.story == "tiny_noisy":
        return Schedule((plan.last_at - 60 * DAY_SECONDS,), (own, FLAWLESS))
    return Schedule((), ({"excellent": EXCELLENT, "silent": SILENT}.get(shop.story, own),))


def _decline(plan: DemoPlan, before: Rates) -> Schedule:
    weeks = DECLINE_DAYS // 7
    start = plan.last_at - DECLINE_DAYS * DAY_SECONDS
    changes = tuple(start + week * 7 * DAY_SECONDS for week in range(weeks))
    steps = tuple(before.towards(DECLINED, (week + 1) / weeks) for week in range(weeks))
    return Schedule(changes, (before, *steps))


def unlucky_orders(plan: DemoPlan, shop: Shop, placed_at: Sequence[int]) -> frozenset[int]:
    """Choose the one or two orders of a tiny shop that go wrong in the window being judged."""
    if shop.story != "tiny_noisy":
        return frozenset()
    first, last = plan.last_at - 45 * DAY_SECONDS, plan.last_at - 14 * DAY_SECONDS
    recent = [n for n, at in enumerate(placed_at) if first <= at < last]
    return frozenset(recent[:: max(len(recent) // 2, 1)][: 1 + len(shop.name) % 2])


def daily_weights(plan: DemoPlan, shop: Shop) -> list[float]:
    """Give the expected orders of each date from the first to the last of the period."""
    count = (plan.until - plan.start).days + 1
    dates = [plan.start + timedelta(days=n) for n in range(count)]
    growth = [0.76 + 0.24 * n / count for n in range(count)]
    return [shop.daily_orders * g * _season(shop, day) for g, day in zip(growth, dates, strict=True)]


def _season(shop: Shop, day: date) -> float:
    hours = shop.hours
    if hours and hours.shut_from and hours.shut_until and hours.shut_from <= day < hours.shut_until:
        return 0.0
    week = (1.08, 1.0, 0.97, 0.97, 0.98, 0.95, 1.05)[day.weekday()]
    if day.month in {11, 12}:
        return week * (4.0 if shop.story == "seasonal" else 1.15)
    return week
