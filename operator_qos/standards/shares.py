"""Who holds the best level and the badges of a standard, by size and category of shop: a lean to the large shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.ledger.models import OrderFact
from operator_qos.models import ShopStanding
from operator_qos.standards.titles import name_badge, name_level
from scoring.concentration import LARGEST, SMALLEST, GroupShare, PlacedShop, list_quarters, list_shares, sum_shares
from scoring.standards import Standard

DAYS = 90


@dataclass(frozen=True)
class Holding:
    """A level or badge with its name, and who holds it by quarter of size, by main category, and in all."""

    name: str
    sizes: tuple[GroupShare, ...]
    categories: tuple[GroupShare, ...]
    total: GroupShare

    def find_size(self, size: str) -> GroupShare | None:
        """The shops of one quarter."""
        return next((group for group in self.sizes if group.name == size), None)

    @property
    def ends(self) -> tuple[GroupShare, GroupShare] | None:
        """The smallest and the largest quarter of shops; None where one of the two is missing."""
        small, large = self.find_size(SMALLEST), self.find_size(LARGEST)
        return (small, large) if small and large else None


@dataclass(frozen=True)
class _Shop:
    """A shop that the standard judged last, with the orders of the last 90 days and its main category."""

    level: str
    badges: frozenset[str]
    orders: int
    category: str


def list_holdings(session: Session, standard: Standard, *, now: datetime) -> list[Holding]:
    """The best level, then each badge, among the shops that this version judged last; empty when it judged none."""
    shops = _list_shops(session, standard, now=now)
    if not shops:
        return []
    best = [standard.tiers[0].id] if standard.tiers else []
    badges = [badge.id for badge in standard.badges if badge.is_active]
    found: list[Holding] = []
    for one in (*(_hold(name_level(standard, level), shops, [shop.level == level for shop in shops]) for level in best),
                *(_hold(name_badge(standard, badge), shops, [badge in shop.badges for shop in shops])
                  for badge in badges)):
        # A badge that goes with the level, and by its name, is told once.
        found += [] if one in found else [one]
    return found


def _hold(name: str, shops: Sequence[_Shop], holds: Sequence[bool]) -> Holding:
    sizes, categories = (
        list_shares(PlacedShop(shop.orders, group, held)
                    for shop, group, held in zip(shops, groups, holds, strict=True))
        for groups in (list_quarters([shop.orders for shop in shops]), [shop.category for shop in shops]))
    return Holding(name, sizes, categories, sum_shares(sizes))


def _list_shops(session: Session, standard: Standard, *, now: datetime) -> list[_Shop]:
    rows = session.execute(select(ShopStanding.shop_id, ShopStanding.level, ShopStanding.badges).where(
        ShopStanding.standard_id == standard.id, ShopStanding.standard_version == standard.version)).all()
    sold = _count_orders(session, since_ms=to_ms(now - timedelta(days=DAYS)), until_ms=to_ms(now)) if rows else {}
    return [_to_shop(level, badges, sold.get(shop_id, {})) for shop_id, level, badges in rows]


def _to_shop(level: str, badges: Sequence[str], sold: Mapping[str, int]) -> _Shop:
    main = max(sold, key=lambda category: (sold[category], category), default="")
    return _Shop(level, frozenset(badges), sum(sold.values()), main)


def _count_orders(session: Session, *, since_ms: int, until_ms: int) -> dict[int, dict[str, int]]:
    """Per shop the orders placed in each category."""
    rows = session.execute(
        select(OrderFact.shop_id, OrderFact.category, func.count())
        .where(OrderFact.ordered_ms >= since_ms, OrderFact.ordered_ms < until_ms)
        .group_by(OrderFact.shop_id, OrderFact.category))
    found: dict[int, dict[str, int]] = {}
    for shop_id, category, orders in rows:
        found.setdefault(shop_id, {})[category or ""] = int(orders)
    return found
