"""What the official run reads: the marketplaces, their shops and the outcome rows of a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, case, select
from sqlalchemy import func as sql
from sqlalchemy.orm import Session

from operator_qos.evaluation.course import earliest_day, list_counted, list_metrics
from operator_qos.evaluation.rules import COLUMNS
from operator_qos.lake.membership import in_ledger
from operator_qos.ledger.models import CaseFact, OrderFact, OutcomeRow, ParcelFact
from operator_qos.sellers.models import Marketplace, Shop
from scoring.metrics import GROUP_CODES, METRICS
from scoring.outcome_rows import SOURCES
from scoring.standards import Standard
from scoring.standards.conditions import list_leaves
from scoring.windows import DAY_MS

_NAMES = frozenset({"unit", "order_ref", "buyer"})
_TEXTS = frozenset({"unit", "order_ref", "buyer", "category", "country", "channel", "fulfilment", "carrier"})
WIDE = {
    **{name: getattr(OutcomeRow, name) for name in (*COLUMNS, "amount")},
    **{name: getattr(OrderFact, name) for name in ("category", "country", "channel", "fulfilment", "carrier")},
    "value_minor": OrderFact.amount_minor, "ordered_ms": OrderFact.ordered_ms, "paid_ms": OrderFact.paid_ms,
    "shipped_ms": OrderFact.shipped_ms, "ship_by_ms": OrderFact.ship_due_ms, "deliver_by_ms": OrderFact.deliver_due_ms,
}
_SAME_CASE = (CaseFact.dossier_id == OutcomeRow.dossier_id) & (CaseFact.case_ref == OutcomeRow.unit)
_SAME_ORDER = (ParcelFact.dossier_id == OutcomeRow.dossier_id) & (ParcelFact.order_ref == OutcomeRow.order_ref)
# What rows say only when a standard asks for it: each is looked up row by row.
ASKED: dict[str, Any] = {
    "business": OrderFact.business,
    "tracked": OrderFact.first_scan_ms.is_not(None),
    "trackable": select(ParcelFact.row_id).where(_SAME_ORDER, ParcelFact.trackable).exists(),
    "cause": sql.coalesce(
        select(CaseFact.reason).where(_SAME_CASE).limit(1).scalar_subquery(), OrderFact.cancel_reason),
    "kind": select(CaseFact.kind).where(_SAME_CASE).limit(1).scalar_subquery(),
    "fault": select(CaseFact.fault).where(_SAME_CASE).limit(1).scalar_subquery(),
}
EPOCH_DATE = date(1970, 1, 1)


class UnknownMarketplaceError(LookupError):
    """No marketplace has that id; the text names those there are."""


@dataclass(frozen=True)
class MarketplaceRow:
    """A marketplace as the run needs it."""

    id: str
    name: str
    zone: str


@dataclass(frozen=True)
class ShopRow:
    """A shop as the run needs it; `opened_ms` [epoch ms]."""

    id: int
    seller_id: int
    code: str
    name: str
    opened_ms: int


def list_marketplaces(session: Session) -> list[MarketplaceRow]:
    """Every marketplace, by id."""
    rows = session.execute(
        select(Marketplace.id, Marketplace.name, Marketplace.timezone).order_by(Marketplace.id)
    )
    return [MarketplaceRow(*row) for row in rows]


def get_marketplace(session: Session, marketplace_id: str) -> MarketplaceRow:
    """One marketplace. Raises UnknownMarketplaceError."""
    known = {row.id: row for row in list_marketplaces(session)}
    if marketplace_id not in known:
        names = ", ".join(known) or "none; add one with `operator-qos marketplace add`"
        raise UnknownMarketplaceError(f"no marketplace {marketplace_id!r}; there are: {names}")
    return known[marketplace_id]


def lock_marketplace(session: Session, marketplace_id: str) -> None:
    """Let one official run at a time pass, until the transaction ends (SQLite has one writer anyway)."""
    session.execute(
        select(Marketplace.id).where(Marketplace.id == marketplace_id).with_for_update(key_share=True)
    )


def list_shops(session: Session, marketplace_id: str, *, only: Sequence[int] | None = None) -> list[ShopRow]:
    """The shops of a marketplace whose events are in the log, by number; of few only those."""
    columns = (Shop.id, Shop.seller_id, Shop.code, Shop.name, Shop.opened_ms)
    query = select(*columns).where(Shop.marketplace_id == marketplace_id, in_ledger()).order_by(Shop.id)
    query = query if only is None else query.where(Shop.id.in_(only))
    return [ShopRow(*row) for row in session.execute(query)]


def find_first_order_ms(session: Session, marketplace_id: str) -> int | None:
    """When the first order was placed [epoch ms]; None before there is one."""
    first = select(sql.min(OrderFact.ordered_ms)).join(Shop, Shop.id == OrderFact.shop_id)
    return session.scalar(first.where(Shop.marketplace_id == marketplace_id))


def load_outcomes(
    session: Session, shop_ids: Sequence[int], *, standard: Standard, first_ms: int, last_ms: int
) -> pd.DataFrame:
    """Outcome rows that any T in [first, last] [epoch ms] may count under a standard; see COLUMNS.

    What names a row is read of the officially bad ones only: of the others nothing but their number is asked.
    """
    groups = {GROUP_CODES[METRICS[rule.metric].group] for rule in standard.rules} | {GROUP_CODES["placed"]}
    # A day more than the longest window: local days of 25 hours reach further back than 24 hours each.
    start_ms = first_ms - (longest_window_days(standard) + 1) * DAY_MS
    wanted = select(*map(_read_column, COLUMNS)).where(
        OutcomeRow.group_code.in_(groups),
        OutcomeRow.anchor_ms >= start_ms,
        OutcomeRow.anchor_ms < last_ms,
        # As sums, so that rows are found by their anchors: by their spans a shop's whole history would be looked at.
        OutcomeRow.from_ms + 0 < last_ms,
        OutcomeRow.until_ms + 0 >= first_ms,
    )
    connection = session.connection()
    rows = [
        row
        for part in _list_parts(shop_ids)
        for row in connection.execute(wanted.where(OutcomeRow.shop_id.in_(part))).fetchall()
    ]
    columns = zip(*rows, strict=True) if rows else [() for _ in COLUMNS]
    return pd.DataFrame(
        {name: pd.Series(values, dtype=_dtype(name)) for name, values in zip(COLUMNS, columns, strict=True)}
    )


def load_wide_outcomes(  # of whom, by which rules, over which time
    session: Session, shop_ids: Sequence[int], *, standard: Standard, first_on: date, until_ms: int
) -> pd.DataFrame:
    """Outcome rows with their amounts and what their orders say, as far back as any window of a standard reaches.

    The columns are those `scoring.outcome_rows.to_unit_rows` takes, with the moments of the order by their anchors.
    """
    groups = sorted({GROUP_CODES[SOURCES[name].group] for name in list_metrics(standard) if name in SOURCES})
    columns = {**WIDE, **{name: ASKED[name] for name in sorted(list_row_names(standard) & ASKED.keys())}}
    first = earliest_day(standard, first_on)
    # A window may begin at a clock time of the day before, and zones lie up to a day apart.
    start_ms = 0 if first is None else (first - EPOCH_DATE).days * DAY_MS - 2 * DAY_MS
    since: ColumnElement[bool] = OutcomeRow.anchor_ms >= start_ms
    if any(figure.anchor != "own" for figure in list_counted(standard)):
        since = since | (OrderFact.ordered_ms >= start_ms)
    wanted = select(*columns.values()).outerjoin(
        OrderFact, (OrderFact.shop_id == OutcomeRow.shop_id) & (OrderFact.order_ref == OutcomeRow.order_ref)
    ).where(OutcomeRow.group_code.in_(groups), OutcomeRow.anchor_ms < until_ms, OutcomeRow.from_ms < until_ms, since)
    rows = [row for part in _list_parts(shop_ids)
            for row in session.connection().execute(wanted.where(OutcomeRow.shop_id.in_(part))).fetchall()]
    values = zip(*rows, strict=True) if rows else [() for _ in columns]
    return pd.DataFrame({name: pd.Series(found, dtype=_wide_dtype(name))
                         for name, found in zip(columns, values, strict=True)})


def list_row_names(standard: Standard) -> set[str]:
    """What its conditions ask of single rows."""
    figures = (*standard.figures, *standard.rules)
    asked = [condition for figure in figures for condition in (figure.count_when, figure.bad_when)]
    asked += [exclusion.where for exclusion in standard.exclusions]
    return {leaf.key for condition in asked for leaf, _ in list_leaves(condition)}


def _wide_dtype(column: str) -> str:
    if column in _TEXTS or column in ASKED:
        return "object"
    return "int64" if column in {*COLUMNS, "amount"} else "Int64"


def longest_window_days(standard: Standard) -> int:
    """The longest window of the standard [local days], the top level's included."""
    orders_days = standard.get_level("top").orders_window_days or 1
    return max(orders_days, *(rule.window_days for rule in standard.rules))


def _read_column(name: str) -> ColumnElement[Any]:
    column: ColumnElement[Any] = getattr(OutcomeRow, name)
    return case((OutcomeRow.official_bad > 0, column)) if name in _NAMES else column


def _list_parts(shop_ids: Sequence[int], size: int = 500) -> list[Sequence[int]]:
    """Parts small enough for the parameters of one statement."""
    return [shop_ids[start : start + size] for start in range(0, len(shop_ids), size)]


def _dtype(column: str) -> str:
    return "object" if column in _NAMES else "int64"
