"""Day cells: sums per shop, metric and local day, kept by adding and subtracting what changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, delete, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.db import among, bulk_insert, chunks
from operator_qos.ledger.models import MetricDay, OutcomeRow
from operator_qos.sellers.models import Marketplace, Shop
from scoring.metrics import CATALOGUE, GROUP_CODES, Metric
from scoring.spans import FOREVER_MS
from scoring.windows import DAY_MS, QUARTER_MS, local_ordinal, offset_ms

IntArray = NDArray[np.int64]
Key = tuple[int, int, int]  # shop, metric code, day
_EPOCH_DAY = date(1970, 1, 1).toordinal()
BY_GROUP: Mapping[int, tuple[Metric, ...]] = {
    code: tuple(metric for metric in CATALOGUE if metric.group == group and metric.kind != "repeat")
    for group, code in GROUP_CODES.items()
}
SUMS = ("bad", "base", "official_bad", "official_base", "total", "square", "official_total", "official_square")


class Contribution(NamedTuple):
    """What a unit's outcome adds: the columns of an outcome row that count."""

    shop_id: int
    group_code: int
    anchor_ms: int
    base: int
    bad: int
    official_base: int
    official_bad: int
    amount: int


CONTRIBUTION = tuple(getattr(OutcomeRow, name) for name in Contribution._fields)


class Unit(NamedTuple):
    """What else of an outcome a number may depend on: medians on each amount, breaches on who was let down."""

    unit: str
    order_ref: str | None
    buyer: str | None
    settled_ms: int | None


UNIT = tuple(getattr(OutcomeRow, name) for name in Unit._fields)
_REPEAT = {GROUP_CODES[metric.group]: metric for metric in CATALOGUE if metric.kind == "repeat"}
Changed = dict[int, set[int]]  # by shop the codes of the metrics whose numbers may be others


def join_changed(*parts: Mapping[int, Iterable[int]]) -> Changed:
    """What changed in any of these."""
    found: Changed = {}
    for part in parts:
        for shop, codes in part.items():
            found.setdefault(shop, set()).update(codes)
    return found


class Deltas:
    """Changes of cells, added up before they are written."""

    def __init__(self, zones: Mapping[int, str]) -> None:
        self._zones = zones
        self._sums: dict[Key, list[int]] = defaultdict(lambda: [0] * len(SUMS))
        # What sums do not show, as a sum of hashes: 0 again where what came in is what went out.
        self._units: dict[tuple[int, int], int] = defaultdict(int)

    def add(self, row: Contribution, unit: Unit, sign: int) -> None:
        """Count one outcome in (sign 1) or out (sign -1)."""
        self._count(row, sign)
        bare, whole = sign * hash((unit, row.anchor_ms)), sign * hash((unit, row))
        for metric in BY_GROUP[row.group_code]:
            if row.base & metric.flag and (metric.kind != "share" or row.official_bad & metric.flag):
                self._units[(row.shop_id, metric.code)] += bare if metric.kind == "share" else whole
        repeat = _REPEAT.get(row.group_code)
        if repeat is not None and row.base & repeat.flag:
            self._units[(row.shop_id, repeat.code)] += bare

    def list_changed(self) -> Changed:
        """By shop the metrics whose numbers may be others than before; a shop with none that counts is left out."""
        found: Changed = {}
        for (shop, code, _), sums in self._sums.items():
            if any(sums):
                found.setdefault(shop, set()).add(code)
        for (shop, code), mark in self._units.items():
            if mark:
                found.setdefault(shop, set()).add(code)
        return found

    def _count(self, row: Contribution, sign: int) -> None:
        day = local_ordinal(row.anchor_ms, self._zones[row.shop_id])
        for metric in BY_GROUP[row.group_code]:
            if not row.base & metric.flag:
                continue
            measured = row.amount if metric.kind != "share" else 0
            official = 1 if row.official_base & metric.flag else 0
            sums = self._sums[(row.shop_id, metric.code, day)]
            for place, value in enumerate((
                1 if row.bad & metric.flag else 0, 1, 1 if row.official_bad & metric.flag else 0, official,
                measured, measured * measured, measured * official, measured * measured * official,
            )):
                sums[place] += sign * value

    def write(self, session: Session) -> None:
        """Add the changes to the stored cells. Does not commit."""
        rows = [
            dict(zip(("shop_id", "metric_code", "day", *SUMS), (*key, *sums), strict=True))
            for key, sums in sorted(self._sums.items()) if any(sums)
        ]
        build = postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert
        statement = build(MetricDay)
        grow = {name: getattr(MetricDay, name) + getattr(statement.excluded, name) for name in SUMS}
        upsert = statement.on_conflict_do_update(index_elements=["shop_id", "metric_code", "day"], set_=grow)
        for part in chunks(rows, 5_000):
            session.connection().execute(upsert, list(part))


def list_zones(session: Session, shop_ids: Sequence[int]) -> dict[int, str]:
    """The marketplace's zone of each shop."""
    query = select(Shop.id, Marketplace.timezone).join(Marketplace, Marketplace.id == Shop.marketplace_id)
    return {shop: zone for part in chunks(list(shop_ids)) for shop, zone in session.execute(
        query.where(Shop.id.in_(part)))}


def list_standing(
    session: Session, dossiers: Iterable[int], cells_ms: Mapping[int, int],
) -> list[tuple[Contribution, Unit]]:
    """What dossiers add to the cells of their shops now."""
    found: list[tuple[Contribution, Unit]] = []
    for part in chunks(list(dossiers)):
        query = select(*CONTRIBUTION, *UNIT, OutcomeRow.from_ms, OutcomeRow.until_ms).where(
            among(session, OutcomeRow.dossier_id, part))
        for row in session.execute(query):
            if row.from_ms < cells_ms[row.shop_id] <= row.until_ms:
                found.append(_split(row[:-2]))
    return found


def _split(row: Sequence[Any]) -> tuple[Contribution, Unit]:
    width = len(CONTRIBUTION)
    return Contribution(*row[:width]), Unit(*row[width:])


def advance(session: Session, shops: Mapping[int, int], *, now_ms: int) -> Changed:
    """Move the cells of shops (id -> their instant) on to `now_ms`: what time alone changes. Does not commit.

    Returns which of their metrics it changed.
    """
    late = sorted(shop for shop, since in shops.items() if since < now_ms)
    if not late:
        return {}
    deltas = Deltas(list_zones(session, late))
    for part in chunks(late, 5_000):
        _advance_group(session, part, now_ms, deltas)
        session.execute(update(Shop).where(among(session, Shop.id, part)).values(cells_ms=now_ms))
    deltas.write(session)
    return deltas.list_changed()


def _advance_group(session: Session, shops: Sequence[int], now_ms: int, deltas: Deltas) -> None:
    """Count in what began to count since the instant of each shop, and out what ended."""
    for sign, when in ((1, begins_to_count(now_ms)), (-1, ends_to_count(now_ms))):
        query = select(*CONTRIBUTION, *UNIT).join(Shop, Shop.id == OutcomeRow.shop_id).where(
            among(session, Shop.id, shops), Shop.cells_ms < now_ms, when)
        for row in session.execute(query):
            deltas.add(*_split(row), sign)


def begins_to_count(now_ms: int) -> ColumnElement[bool]:
    """Whether an outcome begins to count between its shop's instant and now, and still does."""
    return and_(OutcomeRow.from_ms >= Shop.cells_ms, OutcomeRow.from_ms < now_ms, OutcomeRow.until_ms >= now_ms)


def ends_to_count(now_ms: int) -> ColumnElement[bool]:
    """Whether an outcome ends to count between its shop's instant and now, and did before."""
    # Written out, the last one tells a database that its index of those that end will do.
    return and_(OutcomeRow.until_ms >= Shop.cells_ms, OutcomeRow.until_ms < now_ms,
                OutcomeRow.from_ms < Shop.cells_ms, OutcomeRow.until_ms < literal_column(str(FOREVER_MS)))


def recount(
    session: Session, shop_ids: Sequence[int], *, rows_at_once: int = 50_000
) -> dict[Key, tuple[int, ...]]:
    """The cells of shops counted anew from their outcomes, as of each shop's own instant."""
    zones = list_zones(session, shop_ids)
    counted: dict[Key, tuple[int, ...]] = {}
    for part in chunks(sorted(zones), 50):
        query = select(*CONTRIBUTION).join(Shop, Shop.id == OutcomeRow.shop_id).where(
            OutcomeRow.shop_id.in_(part), OutcomeRow.from_ms < Shop.cells_ms, OutcomeRow.until_ms >= Shop.cells_ms)
        # A part in memory at a time: fifty shops may have millions of outcomes.
        found = session.connection().execute(query, execution_options={"yield_per": rows_at_once})
        for rows in found.partitions():
            columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
            for key, sums in sum_cells(np.stack(columns, axis=1), zones).items():
                before = counted.get(key)
                counted[key] = sums if before is None else tuple(map(add, before, sums))
    return counted


def sum_cells(rows: IntArray, zones: Mapping[int, str]) -> dict[Key, tuple[int, ...]]:
    """The cells of many contributions (one row each, in the order of `Contribution`); `Deltas` on whole columns."""
    cells: dict[Key, tuple[int, ...]] = {}
    days = _local_ordinals(rows[:, 0], rows[:, 2], zones)
    for code, metrics in BY_GROUP.items():
        here = rows[:, 1] == code
        for metric in metrics:
            counts = here & (rows[:, 3] & metric.flag > 0)
            if counts.any():
                cells |= _sum_metric(metric, rows[counts], days[counts])
    return cells


def _sum_metric(metric: Metric, rows: IntArray, days: IntArray) -> dict[Key, tuple[int, ...]]:
    shops, _, _, _, bad, official_base, official_bad, amount = rows.T
    one = np.ones(len(rows), dtype=np.int64)
    measured = amount if metric.kind != "share" else one * 0
    official = (official_base & metric.flag > 0) * one
    columns = (bad & metric.flag > 0, one, official_bad & metric.flag > 0, official, measured, measured * measured,
               measured * official, measured * measured * official)
    order = np.lexsort((days, shops))
    sorted_shops, sorted_days = shops[order], days[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(sorted_shops) != 0) | (np.diff(sorted_days) != 0)])
    sums = np.stack([np.add.reduceat(column[order].astype(np.int64), starts) for column in columns], axis=1)
    keys = zip(sorted_shops[starts].tolist(), sorted_days[starts].tolist(), strict=True)
    return {(shop, metric.code, day): tuple(found) for (shop, day), found in zip(keys, sums.tolist(), strict=True)}


def _local_ordinals(shops: IntArray, anchors_ms: IntArray, zones: Mapping[int, str]) -> IntArray:
    """`local_ordinal` of each row: the offset is looked up once per zone and quarter of an hour."""
    names = sorted(set(zones.values()))
    places = {shop: names.index(zone) for shop, zone in zones.items()}
    found, shop_of = np.unique(shops, return_inverse=True)
    zone_of = np.array([places[shop] for shop in found.tolist()], dtype=np.int64)[shop_of]
    pairs, pair_of = np.unique(anchors_ms // QUARTER_MS * len(names) + zone_of, return_inverse=True)
    offsets = [offset_ms(pair // len(names), names[pair % len(names)]) for pair in pairs.tolist()]
    shifted: IntArray = (anchors_ms + np.array(offsets, dtype=np.int64)[pair_of]) // DAY_MS + _EPOCH_DAY
    return shifted


def list_cells(session: Session, shop_ids: Sequence[int]) -> dict[Key, tuple[int, ...]]:
    """The stored cells of shops, empty ones left out."""
    columns = [getattr(MetricDay, name) for name in SUMS]
    found: dict[Key, tuple[int, ...]] = {}
    for part in chunks(list(shop_ids)):
        query = select(MetricDay.shop_id, MetricDay.metric_code, MetricDay.day, *columns).where(
            MetricDay.shop_id.in_(part))
        found |= {tuple(row[:3]): tuple(row[3:]) for row in session.execute(query) if any(row[3:])}
    return found


def replace_cells(session: Session, shop_ids: Sequence[int]) -> None:
    """Count the cells of shops anew and store them in place of the old ones. Does not commit."""
    counted = recount(session, shop_ids)
    for part in chunks(list(shop_ids)):
        session.execute(delete(MetricDay).where(MetricDay.shop_id.in_(part)))
    bulk_insert(session, MetricDay, ("shop_id", "metric_code", "day", *SUMS),
                [(*key, *sums) for key, sums in sorted(counted.items())])
