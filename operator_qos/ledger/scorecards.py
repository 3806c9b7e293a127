"""Scorecards: the current numbers of shops under the official standard, from their day cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, BindParameter, Executable, Integer, bindparam, case, delete, func, or_, select
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms
from operator_qos.db import bulk_insert, chunks
from operator_qos.ledger.models import MetricDay, OutcomeRow, Scorecard
from operator_qos.ledger.slow_metrics import Slow, measure_slowly
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import list_bound
from scoring.intervals import clopper_pearson
from scoring.metrics import GROUP_CODES, METRICS, SELLER_METRICS, SLOW_CODES, Metric
from scoring.plain import list_plain_rules
from scoring.standards import Evidence, MetricRule, Standard
from scoring.verdicts import judge_evidence, to_verdicts
from scoring.windows import local_ordinal, window_start_ms

SHOWN_DAYS = 30  # metrics no rule of the standard judges are shown over that many days
WEEKS = 12
COLUMNS = ("shop_id", "metric_code", "as_of_ms", "window_start_ms", "bad", "base", "value", "lower", "upper",
           "raw_bad", "raw_base", "raw_value", "buyers", "verdict", "trend")


@dataclass(frozen=True)
class Shown:
    """A metric on the scorecard: its window, and the rule that judges it, if any."""

    metric: Metric
    days: int
    rule: MetricRule | None


@lru_cache(maxsize=64)
def list_shown(standard: Standard) -> list[Shown]:
    """What a scorecard shows: metrics of plain rules over their own windows, the others over 30 days."""
    rules = {rule.metric: rule for rule in list_plain_rules(standard)}
    return [
        Shown(metric, rules[name].window_days if name in rules else SHOWN_DAYS, rules.get(name))
        for name, metric in SELLER_METRICS.items()
    ]


@dataclass(frozen=True)
class _Batch:
    """Shops under one standard, each with the zone of its marketplace, as of one moment [epoch ms]."""

    standard: Standard
    zones: Mapping[int, str]
    now_ms: int

    @property
    def shown(self) -> list[Shown]:
        """What their scorecards show."""
        return list_shown(self.standard)

    def by_zone(self) -> dict[str, list[int]]:
        """The shops of each zone."""
        found: dict[str, list[int]] = {}
        for shop, zone in self.zones.items():
            found.setdefault(zone, []).append(shop)
        return found

    def by_day(self) -> dict[int, list[int]]:
        """The shops whose last local day is the same."""
        found: dict[int, list[int]] = {}
        for zone, shops in self.by_zone().items():
            found.setdefault(local_ordinal(self.now_ms - 1, zone), []).extend(shops)
        return found


def rate(metric: Metric, bad: float, base: int) -> float | None:
    """The value of a metric: bad ÷ base, or 1 − bad ÷ base where higher is better; None without a base."""
    if base == 0:
        return None
    share = bad / base
    return 1 - share if metric.higher_is_better and metric.kind in {"share", "repeat"} else share


@lru_cache(maxsize=64)
def _window_query(days: tuple[tuple[int, int], ...]) -> Executable:
    """Sums of some shops up to a day, each metric over its own days. Built once: building costs more than asking."""
    window = case(dict(days), value=MetricDay.metric_code)
    return select(
        MetricDay.shop_id, MetricDay.metric_code, func.sum(MetricDay.official_bad), func.sum(MetricDay.official_base),
        func.sum(MetricDay.bad), func.sum(MetricDay.base), func.sum(MetricDay.official_total),
        func.sum(MetricDay.total),
    ).where(MetricDay.shop_id.in_(_SHOPS), MetricDay.day > _DAY - window, MetricDay.day <= _DAY).group_by(
        MetricDay.shop_id, MetricDay.metric_code)


_SHOPS: BindParameter[int] = bindparam("shops", expanding=True, type_=Integer)
_DAY = bindparam("day", type_=Integer)
_WEEK = ((_DAY - MetricDay.day) // 7).label("week")
_WEEKS = select(
    MetricDay.shop_id, MetricDay.metric_code, _WEEK, func.sum(MetricDay.official_bad),
    func.sum(MetricDay.official_base), func.sum(MetricDay.official_total),
).where(MetricDay.shop_id.in_(_SHOPS), MetricDay.day > _DAY - 7 * WEEKS, MetricDay.day <= _DAY).group_by(
    MetricDay.shop_id, MetricDay.metric_code, _WEEK)


def _sum_windows(session: Session, batch: _Batch) -> dict[tuple[int, int], Any]:
    """(shop, metric) -> sums over the metric's own window, in one statement per day group."""
    query = _window_query(tuple((shown.metric.code, shown.days) for shown in batch.shown))
    found: dict[tuple[int, int], Any] = {}
    for day, group in batch.by_day().items():
        for part in chunks(group, 5_000):
            rows = session.execute(query, {"shops": part, "day": day})
            found |= {(row[0], row[1]): tuple(int(v) for v in row[2:]) for row in rows}
    return found


def _sum_weeks(session: Session, batch: _Batch) -> dict[tuple[int, int], str]:
    """(shop, metric) -> the last 12 weekly values, oldest first, comma-separated; empty weeks are empty."""
    found: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}
    for day, group in batch.by_day().items():
        for part in chunks(group, 5_000):
            for shop, code, age, bad, base, total in session.execute(_WEEKS, {"shops": part, "day": day}):
                amount = total if METRICS_BY_KIND[code] != "share" else bad
                found.setdefault((shop, code), {})[int(age)] = (int(amount), int(base))
    return {key: _trend_text(key[1], weeks) for key, weeks in found.items()}


METRICS_BY_KIND = {metric.code: metric.kind for metric in METRICS.values()}
_BY_CODE = {metric.code: metric for metric in METRICS.values()}


def _trend_text(code: int, weeks: Mapping[int, tuple[int, int]]) -> str:
    values, metric = [""] * WEEKS, _BY_CODE[code]
    for age, (bad, base) in weeks.items():  # most shops are small, and most of their weeks empty
        value = rate(metric, bad, base)
        values[WEEKS - 1 - age] = "" if value is None else f"{value:.5g}"
    return ",".join(values)


_NOW, _FLAG = bindparam("now", type_=BigInteger), bindparam("flag", type_=Integer)
_COUNTED = (
    OutcomeRow.shop_id.in_(_SHOPS), OutcomeRow.group_code == bindparam("group"),
    OutcomeRow.anchor_ms >= bindparam("start"), OutcomeRow.anchor_ms < _NOW, OutcomeRow.from_ms < _NOW,
    OutcomeRow.until_ms >= _NOW,
)
_WHO = func.coalesce(OutcomeRow.buyer, OutcomeRow.order_ref, OutcomeRow.unit)
_BUYERS: Executable = select(OutcomeRow.shop_id, func.count(_WHO.distinct())).where(
    *_COUNTED, OutcomeRow.official_bad.op("&")(_FLAG) != 0).group_by(OutcomeRow.shop_id)
_NUMBERED = select(
    OutcomeRow.shop_id, OutcomeRow.amount,
    func.row_number().over(
        partition_by=OutcomeRow.shop_id, order_by=(OutcomeRow.amount, OutcomeRow.row_id)).label("place"),
    func.count().over(partition_by=OutcomeRow.shop_id).label("of"),
).where(*_COUNTED, OutcomeRow.official_base.op("&")(_FLAG) != 0).subquery()
# Nearest rank: the lower middle of an even number.
_MEDIANS: Executable = select(_NUMBERED.c.shop_id, _NUMBERED.c.amount).where(
    or_(_NUMBERED.c.place * 2 == _NUMBERED.c.of, _NUMBERED.c.place * 2 == _NUMBERED.c.of + 1))


def _count_buyers(
    session: Session, batch: _Batch, windows: Mapping[tuple[int, int], Any]
) -> dict[tuple[int, int], int]:
    """(shop, metric) -> distinct buyers behind the officially bad units of judged metrics, where there are any.

    A unit whose buyer nobody told us counts as a buyer of its own.
    """
    judged = [shown for shown in batch.shown if shown.rule is not None]
    return {key: int(count) for key, count in _ask_each(session, batch, (_BUYERS, judged), windows, place=0)}


def _list_medians(
    session: Session, batch: _Batch, windows: Mapping[tuple[int, int], Any]
) -> dict[tuple[int, int], float]:
    """(shop, metric) -> the median of a time [s], where there is one."""
    times = [shown for shown in batch.shown if shown.metric.kind == "time" and not shown.metric.is_slow]
    return {key: float(amount) for key, amount in _ask_each(session, batch, (_MEDIANS, times), windows, place=1)}


def _ask_each(
    session: Session, batch: _Batch, asked: tuple[Executable, Sequence[Shown]],
    windows: Mapping[tuple[int, int], Any], *, place: int,
) -> Iterator[tuple[tuple[int, int], Any]]:
    """The answers of a statement per metric, for the shops whose sum at that place is not 0."""
    query, shown_metrics = asked
    for shown in shown_metrics:
        code, metric = shown.metric.code, shown.metric
        for zone, group in batch.by_zone().items():
            start = window_start_ms(batch.now_ms, zone, days=shown.days)
            for part in chunks([shop for shop in group if windows.get((shop, code), (0, 0))[place]], 5_000):
                asks = {"shops": part, "group": GROUP_CODES[metric.group], "start": start, "now": batch.now_ms,
                        "flag": metric.flag}
                yield from (((shop, code), answer) for shop, answer in session.execute(query, asks))


def refresh_scorecards(session: Session, shop_ids: Sequence[int], *, now_ms: int, slow: bool = False) -> None:
    """Write the scorecards of shops as of now, whose day cells are up to date. Does not commit.

    The metrics that look at every unit of a large window keep their older moment unless `slow`.
    """
    if not shop_ids:
        return
    batches = _list_batches(session, shop_ids, now_ms)
    rows = [row for batch in batches for row in _list_rows(session, batch, slow=slow)]
    kept = () if slow else (Scorecard.metric_code.not_in(SLOW_CODES),)
    for part in chunks(list(shop_ids)):
        session.execute(delete(Scorecard).where(Scorecard.shop_id.in_(part), *kept))
    bulk_insert(session, Scorecard, COLUMNS, rows)


def _list_batches(session: Session, shop_ids: Sequence[int], now_ms: int) -> list[_Batch]:
    """The shops of each standard."""
    query = select(Shop.id, Marketplace.timezone).join(Marketplace, Marketplace.id == Shop.marketplace_id)
    zones = {shop: zone for part in chunks(list(shop_ids)) for shop, zone in
             session.execute(query.where(Shop.id.in_(part)))}
    groups: dict[int, tuple[Standard, dict[int, str]]] = {}
    for shop, standard in list_bound(session, list(zones), now=from_ms(now_ms)).items():
        groups.setdefault(id(standard), (standard, {}))[1][shop] = zones[shop]
    return [_Batch(standard, shops, now_ms) for standard, shops in groups.values()]


@dataclass(frozen=True)
class _Sums:
    """What a batch comes to: by shop and metric code."""

    windows: Mapping[tuple[int, int], Any]
    trends: Mapping[tuple[int, int], str]
    medians: Mapping[tuple[int, int], float]
    buyers: Mapping[tuple[int, int], int]


def _list_rows(session: Session, batch: _Batch, *, slow: bool) -> list[tuple[Any, ...]]:
    windows = _sum_windows(session, batch)
    sums = _Sums(windows, _sum_weeks(session, batch), _list_medians(session, batch, windows),
                 _count_buyers(session, batch, windows))
    rows = [row for shown in batch.shown if not shown.metric.is_slow for row in _rows_of(batch, shown, sums)]
    for shown in (s for s in batch.shown if s.metric.is_slow and slow):
        found = measure_slowly(session, shown.metric, batch.zones, days=shown.days, now_ms=batch.now_ms)
        rows += _slow_rows(batch, shown, found, sums.trends)
    return rows


def _slow_rows(
    batch: _Batch, shown: Shown, found: Mapping[int, Slow], trends: Mapping[tuple[int, int], str]
) -> list[tuple[Any, ...]]:
    """Rows of a metric without day cells of its own: what it shows has no verdict."""
    code, is_summed = shown.metric.code, shown.metric.kind in {"time", "percentile"}
    starts = {zone: window_start_ms(batch.now_ms, zone, days=shown.days) for zone in batch.by_zone()}
    return [
        (shop, code, batch.now_ms, starts[batch.zones[shop]], slow.bad, slow.base, slow.value, slow.lower, slow.upper,
         slow.raw_bad, slow.raw_base, slow.raw_value, 0, None, trends.get((shop, code), "") if is_summed else "")
        for shop, slow in sorted(found.items())
    ]


def _rows_of(batch: _Batch, shown: Shown, sums: _Sums) -> list[tuple[Any, ...]]:
    metric, code = shown.metric, shown.metric.code
    ids = [shop for shop in batch.zones if shown.rule is not None or (shop, code) in sums.windows]
    table = [sums.windows.get((shop, code), (0,) * 6) for shop in ids]
    bad = np.array([row[0] for row in table], dtype=np.int64)
    base = np.array([row[1] for row in table], dtype=np.int64)
    counts = [sums.buyers.get((shop, code), 0) for shop in ids]
    verdicts = _judge(shown.rule, batch.standard.evidence, (bad, base, counts))
    lower, upper = _bounds(metric, bad, base)
    starts = {zone: window_start_ms(batch.now_ms, zone, days=shown.days) for zone in batch.by_zone()}
    rows: list[tuple[Any, ...]] = []
    for place, shop in enumerate(ids):
        row, start = table[place], starts[batch.zones[shop]]
        official, raw = (row[0], row[2]) if metric.kind == "share" else (row[4], row[5])
        value = sums.medians.get((shop, code)) if metric.kind == "time" else rate(metric, official, row[1])
        rows.append((
            shop, code, batch.now_ms, start, official, row[1], value, lower[place], upper[place], raw, row[3],
            rate(metric, raw, row[3]), counts[place], verdicts[place], sums.trends.get((shop, code), "")))
    return rows


def _judge(
    rule: MetricRule | None, evidence: Evidence, counted: tuple[Any, Any, Sequence[int]]
) -> Sequence[str | None]:
    """The verdict words of one rule over many shops' bad, base and buyers; None where no rule judges."""
    bad, base, buyers = counted
    if rule is None or not len(buyers):
        return [None] * len(buyers)
    codes = judge_evidence(bad, base, buyers, limits=rule.limit, higher_is_better=rule.higher_is_better,
                           evidence=evidence)
    return [verdict.value for verdict in to_verdicts(codes)]


def _bounds(metric: Metric, bad: Any, base: Any) -> tuple[list[float | None], list[float | None]]:
    """The likely range of shares (Clopper-Pearson 95 %), None where there is none."""
    if metric.kind != "share" or not len(bad):
        return [None] * len(bad), [None] * len(bad)
    low, high = clopper_pearson(bad, base)
    if metric.higher_is_better:
        low, high = 1 - high, 1 - low
    known = np.asarray(base) > 0
    return ([float(v) if k else None for v, k in zip(low, known, strict=True)],
            [float(v) if k else None for v, k in zip(high, known, strict=True)])
