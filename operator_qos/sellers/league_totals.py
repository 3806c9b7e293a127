"""The foot of the league table: every shop of the view counted together, as one number a reader may quote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.i18n import gettext, ngettext
from operator_qos.sellers.league_queries import (
    LeagueRow,
    LeagueView,
    MetricTotal,
    add_scores,
    count_open_disputes,
    list_columns,
    list_view_ids,
    sum_scores,
)
from scoring.metrics import METRICS

# Summing every score of a large marketplace takes longer than the page may; then the shops shown are summed.
MOST_SUMMED = 2_000


@dataclass(frozen=True)
class TotalCell:
    """One metric over all these shops; `value` is "–" where nothing is counted."""

    value: str
    counted: str


@dataclass(frozen=True)
class LeagueTotal:
    """The foot: whom it sums, the metric in full twice, the others in brief, the open disputes."""

    title: str
    orders: str
    raw: TotalCell
    official: TotalCell
    brief: dict[str, TotalCell]
    open_disputes: int


def _rate(metric: str, bad: int, base: int) -> float | None:
    if not base:
        return None
    return (base - bad) / base if METRICS[metric].higher_is_better else bad / base


def _cell(metric: str, bad: int, base: int) -> TotalCell:
    value = words.format_metric(metric, _rate(metric, bad, base)) if base else "–"
    return TotalCell(value, words.counted_phrase(metric, bad=bad, base=base))


def _official(totals: dict[str, MetricTotal], metric: str) -> TotalCell:
    total = totals.get(metric, MetricTotal())
    return _cell(metric, total.bad, total.base)


def _title(count: int, *, is_whole: bool) -> str:
    if is_whole:
        return str(ngettext("%(n)s shop in all", "%(n)s shops in all", count, n=words.count(count)))
    return str(gettext("The %(n)s shops shown", n=words.count(count)))


@dataclass(frozen=True)
class _Sums:
    shops: int
    totals: dict[str, MetricTotal]
    open_disputes: int


def _sum_view(session: Session, view: LeagueView, metrics: Sequence[str], now: datetime) -> _Sums:
    shop_ids = list_view_ids(session, view)
    return _Sums(len(shop_ids), sum_scores(session, shop_ids, metrics),
                 count_open_disputes(session, shop_ids, now=now))


def _sum_rows(rows: Sequence[LeagueRow], metrics: Sequence[str]) -> _Sums:
    return _Sums(len(rows), add_scores(rows, metrics), sum(row.open_disputes for row in rows))


def build_total(
    session: Session, view: LeagueView, *, shown: Sequence[LeagueRow], count: int, now: datetime
) -> LeagueTotal:
    """The sum over every shop of the view, over the shown ones where there are too many to sum in time."""
    metrics, is_whole = [view.metric, *list_columns(view)], count <= MOST_SUMMED
    summed = [*metrics, "order_defect_rate"]
    sums = _sum_view(session, view, summed, now) if is_whole else _sum_rows(shown, summed)
    totals = sums.totals
    full = totals.get(view.metric, MetricTotal())
    placed = totals.get("order_defect_rate", MetricTotal())
    return LeagueTotal(
        title=_title(sums.shops, is_whole=is_whole),
        orders=words.orders_phrase(placed.raw_base),
        raw=_cell(view.metric, full.raw_bad, full.raw_base),
        official=_cell(view.metric, full.bad, full.base),
        brief={metric: _official(totals, metric) for metric in metrics[1:]},
        open_disputes=sums.open_disputes,
    )
