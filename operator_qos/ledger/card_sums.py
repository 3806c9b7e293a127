"""What scorecards are made of: sums of day cells over windows and weeks, medians, buyers behind what was bad."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Executable, Integer, String, and_, bindparam, case, cast, func, or_, select
from sqlalchemy.orm import Session

from operator_qos.db import bind_numbers, bind_pairs, chunks, listed_pairs, one_of
from operator_qos.ledger.card_numbers import WEEKS, lay_out_weeks
from operator_qos.ledger.models import MetricDay, OutcomeRow
from scoring.metrics import GROUP_CODES, METRICS_BY_CODE, SELLER_METRICS, Metric
from scoring.plain import list_plain_rules
from scoring.standards import MetricRule, Standard
from scoring.windows import local_ordinal, window_start_ms

Pair = tuple[int, int]  # shop, metric code
SHOWN_DAYS = 30  # metrics no rule of the standard judges are shown over that many days
TIME_CODES = frozenset(metric.code for metric in METRICS_BY_CODE.values() if metric.kind == "time")
FAST_CODES = frozenset(metric.code for metric in SELLER_METRICS.values() if not metric.is_slow)
# Sums per week of that many shops or pairs are added up within the memory a database gives to one statement.
SHOPS_AT_ONCE, PAIRS_AT_ONCE = 100, 2_000
COUNTED = tuple(metric.code for metric in METRICS_BY_CODE.values() if metric.kind == "share")


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
class Batch:
    """Shops under one standard, each with the zone of its marketplace, as of one moment [epoch ms].

    `codes`: the metrics to write of each shop; None: all of each.
    """

    standard: Standard
    now_ms: int
    zones: Mapping[int, str]
    codes: Mapping[int, Set[int]] | None = None

    @property
    def shown(self) -> list[Shown]:
        """What their scorecards show."""
        return list_shown(self.standard)

    def list_shops(self, code: int) -> list[int]:
        """The shops whose metric is to be written."""
        return [shop for shop in self.zones if self.codes is None or code in self.codes[shop]]

    def list_pairs(self) -> list[Pair]:
        """The (shop, metric) to write."""
        codes = dict.fromkeys(self.zones, FAST_CODES) if self.codes is None else self.codes
        return [(shop, code) for shop in self.zones for code in codes[shop]]

    def only(self, pairs: Iterable[Pair]) -> Batch:
        """The same with these metrics alone."""
        codes: dict[int, set[int]] = {}
        for shop, code in pairs:
            codes.setdefault(shop, set()).add(code)
        return replace(self, zones={shop: self.zones[shop] for shop in codes}, codes=codes)

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


class Sums(NamedTuple):
    """One metric of a shop over its window, officially and raw, and its weeks as a card keeps them.

    What is bad are units of a share; of what measures something it is the sum of the amounts.
    """

    bad: int
    base: int
    raw_bad: int
    raw_base: int
    weeks: str


NOTHING = Sums(0, 0, 0, 0, "")
_DAY = bindparam("day", type_=Integer)
_IS_COUNTED = MetricDay.metric_code.in_(COUNTED)
_SUMMED = {
    "bad": case((_IS_COUNTED, MetricDay.official_bad), else_=MetricDay.official_total),
    "base": MetricDay.official_base,
    "raw_bad": case((_IS_COUNTED, MetricDay.bad), else_=MetricDay.total),
    "raw_base": MetricDay.base,
}


@lru_cache(maxsize=64)
def _window_query(days: tuple[tuple[int, int], ...], dialect: str, *, by_pair: bool) -> Executable:
    """Sums up to a day, each metric over its own days and by week. Built once: building costs more than asking."""
    window = case(dict(days), value=MetricDay.metric_code)
    longest = max(7 * WEEKS, *(count for _, count in days))
    week = ((_DAY - MetricDay.day) // 7).label("week")
    weekly = select(
        MetricDay.shop_id, MetricDay.metric_code, week, func.sum(_SUMMED["bad"]).label("amount"),
        func.sum(_SUMMED["base"]).label("weekly"),
        *(func.sum(case((MetricDay.day > _DAY - window, column), else_=0)).label(name)
          for name, column in _SUMMED.items()),
    ).where(
        # The bound that is the same for every metric is found in the index: older days are never fetched.
        MetricDay.day > _DAY - longest, MetricDay.day <= _DAY, MetricDay.metric_code.in_([code for code, _ in days]),
    ).group_by(MetricDay.shop_id, MetricDay.metric_code, week)
    if by_pair:
        wanted = listed_pairs(dialect)
        weekly = weekly.join_from(wanted, MetricDay, and_(
            MetricDay.shop_id == wanted.c.first, MetricDay.metric_code == wanted.c.second))
    else:
        weekly = weekly.where(one_of(dialect, MetricDay.shop_id, "shops"))
    each = weekly.subquery()
    line = cast(each.c.week, String) + ":" + cast(each.c.amount, String) + "/" + cast(each.c.weekly, String)
    told = case((and_(each.c.week < WEEKS, each.c.weekly > 0), line))
    return select(
        each.c.shop_id, each.c.metric_code,
        *(cast(func.sum(each.c[name]), BigInteger) for name in _SUMMED),  # PostgreSQL's sums are of any size
        func.aggregate_strings(told, ","),
    ).group_by(each.c.shop_id, each.c.metric_code)


def sum_windows(session: Session, batch: Batch, *, slow: bool = False) -> dict[Pair, Sums]:
    """(shop, metric) -> sums over the metric's own window, of the slow metrics or the others; some have none."""
    days = tuple((shown.metric.code, shown.days) for shown in batch.shown if shown.metric.is_slow is slow)
    dialect, connection = session.get_bind().dialect.name, session.connection()
    query = _window_query(days, dialect, by_pair=batch.codes is not None)
    found: dict[Pair, Sums] = {}
    for day, group in batch.by_day().items():
        for asks in _list_asks(batch, group, dialect):
            for shop, code, *sums, told in connection.execute(query, {**asks, "day": day}):
                found[shop, code] = Sums._make((*sums, lay_out_weeks(told)))
    return found


def _list_asks(batch: Batch, group: Sequence[int], dialect: str) -> Iterator[dict[str, object]]:
    if batch.codes is None:
        for part in chunks(group, SHOPS_AT_ONCE):
            yield {"shops": bind_numbers(dialect, part)}
        return
    pairs = [(shop, code) for shop in group for code in batch.codes[shop]]
    for some in chunks(pairs, PAIRS_AT_ONCE):
        yield bind_pairs(dialect, some)


_NOW, _FLAG = bindparam("now", type_=BigInteger), bindparam("flag", type_=Integer)
_STANDS = (
    OutcomeRow.group_code == bindparam("group"), OutcomeRow.anchor_ms >= bindparam("start"),
    OutcomeRow.anchor_ms < _NOW, OutcomeRow.from_ms < _NOW, OutcomeRow.until_ms >= _NOW,
)
_WHO = func.coalesce(OutcomeRow.buyer, OutcomeRow.order_ref, OutcomeRow.unit)


@lru_cache(maxsize=4)
def _buyers_query(dialect: str) -> Executable:
    return select(OutcomeRow.shop_id, func.count(_WHO.distinct())).where(
        one_of(dialect, OutcomeRow.shop_id, "shops"), *_STANDS, OutcomeRow.official_bad.op("&")(_FLAG) != 0,
    ).group_by(OutcomeRow.shop_id)


@lru_cache(maxsize=4)
def _medians_query(dialect: str) -> Executable:
    numbered = select(
        OutcomeRow.shop_id, OutcomeRow.amount,
        func.row_number().over(
            partition_by=OutcomeRow.shop_id, order_by=(OutcomeRow.amount, OutcomeRow.row_id)).label("place"),
        func.count().over(partition_by=OutcomeRow.shop_id).label("of"),
    ).where(one_of(dialect, OutcomeRow.shop_id, "shops"), *_STANDS,
            OutcomeRow.official_base.op("&")(_FLAG) != 0).subquery()
    # Nearest rank: the lower middle of an even number.
    return select(numbered.c.shop_id, numbered.c.amount).where(
        or_(numbered.c.place * 2 == numbered.c.of, numbered.c.place * 2 == numbered.c.of + 1))


def count_buyers(
    session: Session, batch: Batch, windows: Mapping[Pair, Sums]
) -> dict[Pair, int]:
    """(shop, metric) -> distinct buyers behind the officially bad units of judged metrics, where there are any.

    A unit whose buyer nobody told us counts as a buyer of its own.
    """
    judged = [shown for shown in batch.shown if shown.rule is not None and not shown.metric.is_slow]
    query = _buyers_query(session.get_bind().dialect.name)
    return {key: int(count) for key, count in _ask_each(session, batch, (query, judged), windows, "bad")}


def list_medians(
    session: Session, batch: Batch, windows: Mapping[Pair, Sums]
) -> dict[Pair, float]:
    """(shop, metric) -> the median of a time [s], where there is one."""
    times = [shown for shown in batch.shown if shown.metric.kind == "time" and not shown.metric.is_slow]
    query = _medians_query(session.get_bind().dialect.name)
    return {key: float(amount) for key, amount in _ask_each(session, batch, (query, times), windows, "base")}


def _ask_each(  # of whom, what, where at all
    session: Session, batch: Batch, asked: tuple[Executable, Sequence[Shown]],
    windows: Mapping[Pair, Sums], field: str,
) -> Iterator[tuple[tuple[int, int], Any]]:
    """The answers of a statement per metric, for the shops whose sum of that name is not 0."""
    query, shown_metrics = asked
    place, connection = Sums._fields.index(field), session.connection()
    for shown in shown_metrics:
        code, metric = shown.metric.code, shown.metric
        shops = [shop for shop in batch.list_shops(code) if windows.get((shop, code), NOTHING)[place]]
        for zone in sorted({batch.zones[shop] for shop in shops}):
            start = window_start_ms(batch.now_ms, zone, days=shown.days)
            for part in chunks([shop for shop in shops if batch.zones[shop] == zone], 5_000):
                asks = {"shops": bind_numbers(connection.dialect.name, part), "group": GROUP_CODES[metric.group],
                        "start": start, "now": batch.now_ms, "flag": metric.flag}
                yield from (((shop, code), answer) for shop, answer in connection.execute(query, asks))
