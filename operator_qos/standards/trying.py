"""A standard tried on the history of the marketplaces: rows loaded once, every day judged from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.evaluation import queries as outcomes
from operator_qos.ledger.models import OrderFact
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.backtest import Days, DayTable, list_days, require_countable
from operator_qos.standards.comparison import Backtest, TriedShop, compare, join
from operator_qos.standards.queries import get_shipped
from scoring.standards import Standard, StandardError
from scoring.windows import DAY_MS

SALES_DAYS = 90


@dataclass(frozen=True)
class _Place:
    """A marketplace with its days and shops."""

    days: Days
    shops: Sequence[TriedShop]
    opened_ms: Any


def run_backtest(  # what, against what, when, where
    session: Session, standard: Standard, against: Standard, *, first: date, last: date,
    marketplace_id: str | None = None,
) -> Backtest:
    """What a standard would have changed on every date from the first through the last. Writes nothing.

    Both begin without warnings on the first date. Raises StandardError for what cannot be counted from history, or
    when there is no marketplace, and UnknownMarketplaceError.
    """
    official = get_shipped().standard
    for one in (standard, against):
        require_countable(one, official)
    if last < first:
        raise StandardError("", f"{last} lies before {first}")
    chosen = ([outcomes.get_marketplace(session, marketplace_id)] if marketplace_id
              else outcomes.list_marketplaces(session))
    found = [_try_one(session, place, (standard, against), first, last) for place in chosen]
    if not found:
        raise StandardError("", "there is no marketplace yet; add one with `operator-qos marketplace add`")
    return join(found)


def _try_one(
    session: Session, marketplace: outcomes.MarketplaceRow, pair: tuple[Standard, Standard], first: date, last: date
) -> Backtest:
    days = list_days(first, last, marketplace.zone)
    place = _load_place(session, marketplace.id, days)
    ids = [shop.id for shop in place.shops]
    rows = outcomes.load_outcomes(
        session, ids, standard=_join_standards(*pair), first_ms=int(days.ends_ms[0]), last_ms=int(days.ends_ms[-1]))
    trial, current = (DayTable(rows, ids, one).try_standard(days, place.opened_ms) for one in pair)
    return compare(trial, current, place.shops)


def _join_standards(one: Standard, other: Standard) -> Standard:
    """A standard that needs every row one of the two needs."""
    longer = max(one, other, key=lambda standard: standard.get_level("top").orders_window_days or 0)
    return replace(longer, rules=(*one.rules, *other.rules))


def _load_place(session: Session, marketplace_id: str, days: Days) -> _Place:
    columns = (Shop.id, Shop.marketplace_id, Shop.code, Shop.name, Shop.country, Marketplace.country,
               Marketplace.currency, Shop.opened_ms)
    asked = select(*columns).join(Marketplace).where(Shop.marketplace_id == marketplace_id).order_by(Shop.id)
    rows = session.execute(asked).all()
    end_ms = int(days.ends_ms[-1])
    sales = _load_sales(session, marketplace_id, end_ms - SALES_DAYS * DAY_MS, end_ms)
    shops = [_to_shop(row, sales.get(row[0], [])) for row in rows]
    return _Place(days, shops, np.array([row[7] for row in rows], np.int64))


def _to_shop(row: Any, sales: Sequence[tuple[str, int, int]]) -> TriedShop:
    main = max(sales, key=lambda line: (line[1], line[0]), default=("", 0, 0))[0]
    orders, amount = sum(line[1] for line in sales), sum(line[2] for line in sales)
    return TriedShop(row[0], row[1], row[2], row[3], row[4] or row[5], main, orders, amount, row[6])


def _load_sales(
    session: Session, marketplace_id: str, start_ms: int, end_ms: int
) -> dict[int, list[tuple[str, int, int]]]:
    """Per shop its categories with orders and sales in the marketplace's money [minor units]."""
    asked = (
        select(OrderFact.shop_id, OrderFact.category, func.count(), func.sum(OrderFact.amount_minor))
        .join(Shop, Shop.id == OrderFact.shop_id)
        .where(Shop.marketplace_id == marketplace_id, OrderFact.ordered_ms >= start_ms, OrderFact.ordered_ms < end_ms)
        .group_by(OrderFact.shop_id, OrderFact.category)
    )
    found: dict[int, list[tuple[str, int, int]]] = {}
    for shop_id, category, orders, amount in session.execute(asked):
        found.setdefault(shop_id, []).append((category or "", int(orders), int(amount or 0)))
    return found
