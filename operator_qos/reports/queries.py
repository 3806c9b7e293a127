"""The tables that can be exported, read as they stand, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.queries import counted_ms
from operator_qos.reports import orders
from operator_qos.reports.rules import FilterError, Filters, Wanted
from operator_qos.sellers.models import Seller, Shop
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.sheets import Cell, Sheet
from operator_qos.standing.day_queries import STATES, Choice, find_state, list_owed
from operator_qos.standing.models import ShopStanding
from scoring.metrics import METRICS, METRICS_BY_CODE
from scoring.verdicts import VERDICTS

CODES = {metric.id: code for code, metric in METRICS_BY_CODE.items()}
_PLACE = {"marketplace": str, "shop": str, "shop_name": str, "seller": str}
TYPES: dict[str, dict[str, type]] = {
    "metrics": {
        **_PLACE, "metric": str, "as_of": str, "window_start": str, "bad": int, "base": int, "value": float,
        "lower": float, "upper": float, "raw_bad": int, "raw_base": int, "raw_value": float, "buyers": int,
        "verdict": str},
    "standings": {
        **_PLACE, "level": str, "badges": str, "warning": int, "since_on": str, "decided_on": str, "standard": str,
        "standard_version": int},
    "obligations": {
        **_PLACE, "kind": str, "state": str, "order": str, "case": str, "conversation": str, "since": str,
        "due_at": str, "waiting_for": str},
    "orders": orders.TYPES,
}
KEYS = {"metrics": (int, int), "standings": (int,)}  # of a row, by which its table is read in order


@dataclass(frozen=True)
class Paged:
    """A page of a table, and behind which row the next one begins; None for the last."""

    sheet: Sheet
    after: tuple[int, ...] | None


def check_wanted(wanted: Wanted) -> None:
    """Raises FilterError for a table, column, metric, state, tab or verdict there is not, or orders of no metric."""
    if wanted.sheet not in TYPES:
        raise FilterError("sheet", f"{wanted.sheet!r} is none of {', '.join(TYPES)}")
    unknown = [name for name in wanted.columns if name not in TYPES[wanted.sheet]]
    if unknown:
        raise FilterError("columns", f"{unknown[0]!r} is none of {', '.join(TYPES[wanted.sheet])}")
    if wanted.filters.metric and wanted.filters.metric not in METRICS:
        raise FilterError("metric", f"{wanted.filters.metric!r} is no metric; see the catalogue")
    if wanted.sheet == "orders" and not wanted.filters.metric:
        raise FilterError("metric", "name the metric whose orders are wanted")
    if wanted.filters.show and wanted.filters.show not in orders.SHOWS:
        raise FilterError("show", f"{wanted.filters.show!r} is none of {', '.join(orders.SHOWS)}")
    if wanted.filters.state and wanted.filters.state not in STATES:
        raise FilterError("state", f"{wanted.filters.state!r} is none of {', '.join(STATES)}")
    if wanted.filters.verdict and wanted.filters.verdict not in VERDICTS:
        raise FilterError("verdict", f"{wanted.filters.verdict!r} is none of {', '.join(VERDICTS)}")


def read_sheet(session: Session, wanted: Wanted, *, now: datetime) -> Sheet:
    """The whole table, narrowed, with the columns asked for; orders are read as it is written. Raises FilterError."""
    check_wanted(wanted)
    if wanted.sheet == "obligations":
        sheet = Sheet("obligations", TYPES["obligations"], list(_list_obligations(session, wanted.filters, now)))
    elif wanted.sheet == "orders":
        sheet = Sheet("orders", TYPES["orders"], _iterate_orders(session, wanted.filters))
    else:
        sheet = read_page(session, wanted, after=None, limit=None).sheet
    return sheet.pick(wanted.columns)


def read_page(session: Session, wanted: Wanted, *, after: tuple[int, ...] | None, limit: int | None) -> Paged:
    """Some rows of metrics or standings, by shop. Raises FilterError."""
    check_wanted(wanted)
    query, keys = _SELECTS[wanted.sheet](wanted.filters)
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*(literal(part) for part in after)))
    found = session.execute(query.order_by(*keys).limit(None if limit is None else limit + 1)).all()
    shown = found if limit is None else found[:limit]
    last = tuple(shown[-1][: len(keys)]) if len(shown) < len(found) else None
    rows = [_ROWS[wanted.sheet](*row[len(keys):]) for row in shown]
    return Paged(Sheet(wanted.sheet, TYPES[wanted.sheet], rows), last)


def _shop_filters(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.shop_ids is not None:
        found.append(Shop.id.in_(filters.shop_ids))
    found += [Shop.marketplace_id == filters.marketplace] if filters.marketplace else []
    return found + ([Shop.code == filters.shop] if filters.shop else [])


_SHOP = (Shop.marketplace_id, Shop.code, Shop.name, Seller.name)


def _select_metrics(filters: Filters) -> tuple[Select[*tuple[Any, ...]], Sequence[Any]]:
    keys = (Scorecard.shop_id, Scorecard.metric_code)
    query: Select[*tuple[Any, ...]] = select(*keys, *_SHOP, Shop.cells_ms, Scorecard).join(
        Shop, Shop.id == Scorecard.shop_id).join(Seller, Seller.id == Shop.seller_id).where(*_shop_filters(filters))
    query = query.where(Scorecard.metric_code == CODES[filters.metric]) if filters.metric else query
    return query.where(Scorecard.verdict == filters.verdict) if filters.verdict else query, keys


def _to_metric(*columns: Any) -> tuple[Cell, ...]:
    *shop, cells_ms, row = columns
    return (*shop, METRICS_BY_CODE[row.metric_code].id, from_ms(counted_ms(row, cells_ms)).isoformat(),
            from_ms(row.window_start_ms).isoformat(), row.bad, row.base, row.value, row.lower, row.upper, row.raw_bad,
            row.raw_base, row.raw_value, row.buyers, row.verdict)


def _select_standings(filters: Filters) -> tuple[Select[*tuple[Any, ...]], Sequence[Any]]:
    keys = (ShopStanding.shop_id,)
    query: Select[*tuple[Any, ...]] = select(*keys, *_SHOP, ShopStanding).join(
        Shop, Shop.id == ShopStanding.shop_id).join(Seller, Seller.id == Shop.seller_id).where(*_shop_filters(filters))
    return query.where(ShopStanding.level == filters.level) if filters.level else query, keys


def _to_standing(marketplace: str, shop: str, name: str, seller: str, row: ShopStanding) -> tuple[Cell, ...]:
    return (marketplace, shop, name, seller, row.level, " ".join(row.badges), row.warning, row.since_on.isoformat(),
            row.decided_on.isoformat(), row.standard_id, row.standard_version)


_SELECTS = {"metrics": _select_metrics, "standings": _select_standings}
_ROWS: dict[str, Any] = {"metrics": _to_metric, "standings": _to_standing}


def _iterate_orders(session: Session, filters: Filters) -> Iterator[tuple[Cell, ...]]:
    numbers = orders.select_numbers().where(
        Scorecard.metric_code == CODES[filters.metric], *_shop_filters(filters))
    return orders.iterate_orders(session, numbers, metric=filters.metric, show=filters.show)


def _list_obligations(session: Session, filters: Filters, now: datetime) -> Iterator[tuple[Cell, ...]]:
    """Every open promise of these shops by due time."""
    cards = {card.id: card for card in list_shop_cards(
        session, shop_ids=None if filters.shop_ids is None else list(filters.shop_ids),
        marketplace_id=filters.marketplace or None) if filters.shop in {"", card.code}}
    choice = Choice(sorted(cards), filters.state or None)
    for row in list_owed(session, choice, now_ms=to_ms(now), limit=None):
        card, case = cards[row.shop_id], row.ref if row.kind == "resolve" else None
        due = None if row.waiting_for is not None else from_ms(row.due_ms).isoformat()
        yield (card.marketplace_id, card.code, card.name, card.seller, row.kind, find_state(row), row.order_ref, case,
               row.conversation, from_ms(row.since_ms).isoformat(), due, row.waiting_for)
