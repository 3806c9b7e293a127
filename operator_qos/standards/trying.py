"""A standard tried on the history of the marketplaces: rows loaded once, every day judged from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.evaluation import queries as outcomes
from operator_qos.evaluation.course import CourseShop
from operator_qos.evaluation.general import complete_rows
from operator_qos.ledger.models import OrderFact
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.backtest import Days, DayTable, Trial, is_summable, list_days
from operator_qos.standards.binding import list_bindings
from operator_qos.standards.comparison import Backtest, TriedShop, compare, join
from operator_qos.standards.following import follow_standard, list_official_dates, list_uncountable
from operator_qos.standards.queries import get_shipped
from operator_qos.standards.recounting import plan_recount, recount_rows
from operator_qos.standards.swaps import list_swaps
from scoring.scopes import fits
from scoring.standards import Standard, StandardError
from scoring.windows import DAY_MS

SALES_DAYS = 90
Step = Callable[[int, int], None]


def _say_nothing(_done: int, _steps: int) -> None:
    """Nobody waits for it."""


@dataclass(frozen=True)
class _Place:
    """A marketplace with its days and shops."""

    days: Days
    shops: Sequence[TriedShop]
    opened_ms: Any
    texts: Mapping[int, Mapping[str, str]]


def run_backtest(  # noqa: PLR0913  # what, against what, when, where
    session: Session, standard: Standard, against: Standard, *, first: date, last: date,
    marketplace_id: str | None = None, alone: bool = True, on_step: Step = _say_nothing,
) -> Backtest:
    """What a standard would have changed on every date from the first through the last. Writes nothing.

    Both begin without warnings on the first date. With `alone`, what each changed rule moves by itself is found too:
    as many further trials. `on_step` is told how many of how many trials are done. Raises StandardError for what cannot
    be counted from history, or when there is no marketplace, and UnknownMarketplaceError.
    """
    official = get_shipped().standard
    for one in (standard, against):
        if flaws := list_uncountable(one, official):
            raise flaws[0]
    if last < first:
        raise StandardError("", f"{last} lies before {first}")
    chosen = ([outcomes.get_marketplace(session, marketplace_id)] if marketplace_id
              else outcomes.list_marketplaces(session))
    if not chosen:
        raise StandardError("", "there is no marketplace yet; add one with `operator-qos marketplace add`")
    swaps = list_swaps(standard, against) if alone else []
    steps = (2 + len(swaps)) * len(chosen)
    counted = count(1)
    return join([_try_one(session, place, (standard, against), swaps, (first, last),
                          lambda: on_step(next(counted), steps)) for place in chosen])


def _are_summable(standard: Standard, against: Standard) -> bool:
    """Whether a trial of the two takes moments, not minutes."""
    return all(is_summable(_unscoped(one), get_shipped().standard) for one in (standard, against))


def _try_one(
    session: Session, marketplace: outcomes.MarketplaceRow, pair: tuple[Standard, Standard],
    swaps: Sequence[tuple[str, Standard]], dates: tuple[date, date], on_tried: Callable[[], None],
) -> Backtest:
    place = _load_place(session, marketplace.id, list_days(*dates, marketplace.zone), pair[0])
    ids = [shop.id for shop in place.shops]
    since_ms = outcomes.find_first_order_ms(session, marketplace.id) or 0
    plans = {one: plan_recount(session, one, ids, since_ms=since_ms) for one in (*pair, *(swap for _, swap in swaps))}
    is_wide = not _are_summable(*pair) or any(plan.is_needed for plan in plans.values())
    rows, last_ms = _load_rows(session, place, pair, is_wide=is_wide), int(place.days.ends_ms[-1])

    def try_one(standard: Standard) -> Trial:
        plan = plans[standard]
        own = recount_rows(session, rows, plan, until_ms=last_ms) if plan.is_needed else rows
        found = _try(standard, own, place, is_wide=is_wide)
        on_tried()
        return found

    trial, current = (try_one(one) for one in pair)
    alone = (replace(compare(try_one(one), current, place.shops).say_alone(), rule=name) for name, one in swaps)
    return replace(compare(trial, current, place.shops), alone=tuple(alone))


def _try(standard: Standard, rows: pd.DataFrame, place: _Place, *, is_wide: bool) -> Trial:
    ids = [shop.id for shop in place.shops]
    # With promises of its own rows are told anew, and followed date by date.
    if not is_wide or is_summable(_unscoped(standard), get_shipped().standard):
        return DayTable(rows, ids, standard).try_standard(place.days, place.opened_ms)
    shops = [CourseShop(shop_id, int(opened_ms), place.texts[shop_id])
             for shop_id, opened_ms in zip(ids, place.opened_ms, strict=True)]
    return follow_standard(standard, complete_rows(rows, standard), shops, place.days)


def _load_rows(
    session: Session, place: _Place, pair: tuple[Standard, Standard], *, is_wide: bool
) -> pd.DataFrame:
    """Outcome rows as far back as either standard reaches, from the last official date before the period on."""
    ids, both = [shop.id for shop in place.shops], _join_standards(*pair)
    first_ms, last_ms = int(place.days.ends_ms[0]), int(place.days.ends_ms[-1])
    if not is_wide:
        return outcomes.load_outcomes(session, ids, standard=both, first_ms=first_ms, last_ms=last_ms)
    first_on = min(min(list_official_dates(one, place.days), default=place.days.dates[0]) for one in pair)
    return outcomes.load_wide_outcomes(session, ids, standard=both, first_on=first_on, until_ms=last_ms)


def _unscoped(standard: Standard) -> Standard:
    """Whom it binds is settled before it is tried."""
    return replace(standard, scope=get_shipped().standard.scope)


def _join_standards(one: Standard, other: Standard) -> Standard:
    """A standard that needs every row one of the two needs."""
    longer = max(one, other, key=_count_order_days)
    return replace(longer, rules=(*one.rules, *other.rules), figures=(*one.figures, *other.figures))


def _count_order_days(standard: Standard) -> int:
    return max((level.orders_window_days or 0 for level in standard.levels), default=0)


def _load_place(session: Session, marketplace_id: str, days: Days, standard: Standard) -> _Place:
    """The marketplace with the shops that the standard's scope holds on the last day."""
    columns = (Shop.id, Shop.marketplace_id, Shop.code, Shop.name, Shop.country, Marketplace.country,
               Marketplace.currency, Shop.opened_ms)
    asked = select(*columns).join(Marketplace).where(Shop.marketplace_id == marketplace_id).order_by(Shop.id)
    found = session.execute(asked).all()
    bindings = list_bindings(session, [row[0] for row in found])
    texts = {shop_id: binding.attributes_on(days.dates[-1]) for shop_id, binding in bindings.items()}
    rows = [row for row in found if fits(standard.scope, texts[row[0]])]
    end_ms = int(days.ends_ms[-1])
    sales = _load_sales(session, marketplace_id, end_ms - SALES_DAYS * DAY_MS, end_ms)
    shops = [_to_shop(row, sales.get(row[0], [])) for row in rows]
    return _Place(days, shops, np.array([row[7] for row in rows], np.int64), texts)


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
