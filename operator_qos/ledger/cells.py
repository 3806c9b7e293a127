"""Day cells: sums per shop, metric and local day, kept by adding and subtracting what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, delete, literal_column, select, text, update
from sqlalchemy.orm import Session

from operator_qos.db import among, bulk_insert, chunks, write_array
from operator_qos.ledger.models import MetricDay, OutcomeRow
from operator_qos.sellers.models import Marketplace, Shop
from scoring.metrics import CATALOGUE, GROUP_CODES, Metric
from scoring.spans import FOREVER_MS
from scoring.windows import DAY_MS, QUARTER_MS, offset_ms

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
_WIDTH, _ANCHOR = len(Contribution._fields), Contribution._fields.index("anchor_ms")
_REPEAT = {GROUP_CODES[metric.group]: metric for metric in CATALOGUE if metric.kind == "repeat"}
NO_CELLS = np.zeros((0, 3 + len(SUMS)), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Changed:
    """What became other in shops: by shop the metrics whose numbers may be, and by how much which cells are.

    `cells` has a row each: shop, metric code, day, and how much more each of the sums is. `units` are the (shop,
    metric) whose units are others, of shares those let down, perhaps with equal sums.
    """

    codes: Mapping[int, Set[int]]
    cells: IntArray = field(default_factory=lambda: NO_CELLS)
    units: Set[tuple[int, int]] = frozenset()

    @property
    def shops(self) -> list[int]:
        """The shops that were touched, also those with nothing changed."""
        return list(self.codes)

    def only(self, shops: Set[int]) -> Changed:
        """The same of these shops."""
        return Changed({shop: own for shop, own in self.codes.items() if shop in shops},
                       self.cells[np.isin(self.cells[:, 0], list(shops))],
                       {pair for pair in self.units if pair[0] in shops})


def touch(shops: Iterable[int]) -> Changed:
    """Shops that were touched, nothing of which changed by that alone."""
    return Changed(dict.fromkeys(shops, frozenset()))


def join_changed(*parts: Changed) -> Changed:
    """What changed one after the other."""
    codes: dict[int, set[int]] = {}
    for part in parts:
        for shop, own in part.codes.items():
            codes.setdefault(shop, set()).update(own)
    cells = np.concatenate([NO_CELLS, *(part.cells for part in parts)])
    return Changed(codes, cells, frozenset().union(*(part.units for part in parts)))


class Deltas:
    """Changes of cells, added up before they are written."""

    def __init__(self, zones: Mapping[int, str]) -> None:
        self._zones = zones
        self._rows: list[Sequence[Any]] = []
        self._signs: list[int] = []
        self._cells: IntArray | None = None

    def add(self, row: Contribution, unit: Unit, sign: int) -> None:
        """Count one outcome in (sign 1) or out (sign -1)."""
        self.add_all([(*row, *unit)], sign)

    def add_all(self, rows: Sequence[Sequence[Any]], sign: int) -> None:
        """Count outcomes in or out, each in the columns of `Contribution`, then those of `Unit`."""
        self._rows += rows
        self._signs += [sign] * len(rows)
        self._cells = None

    def sum(self) -> IntArray:
        """By how much each cell changes, a row as in `Changed` of each in the order of the table.

        What comes in and goes out alike is left out.
        """
        if self._cells is None:
            signs = np.array(self._signs, dtype=np.int64)
            cells = _sum_rows(self._stack(), self._zones, signs) if self._rows else NO_CELLS
            cells = cells[cells[:, 3:].any(axis=1)]
            self._cells = cells[np.lexsort(cells[:, 2::-1].T)]
        return self._cells

    def list_changed(self) -> Changed:
        """What is other than before; a shop of which nothing is that counts is left out."""
        units = frozenset(_list_other_units(self._stack(), self._mark())) if self._rows else frozenset()
        codes: dict[int, set[int]] = {}
        for shop, code in chain(self.sum()[:, :2].tolist(), units):
            codes.setdefault(shop, set()).add(code)
        return Changed(codes, self.sum(), units)

    def _stack(self) -> IntArray:
        return np.array([row[:_WIDTH] for row in self._rows], dtype=np.int64)

    def _mark(self) -> IntArray:
        """Two hashes of each outcome, of whose it is and when, and of all of it; what goes out takes its own away."""
        marks = [(hash((row[_WIDTH:], row[_ANCHOR])), hash(row)) for row in map(tuple, self._rows)]
        return np.array(marks, dtype=np.int64) * np.array(self._signs, dtype=np.int64)[:, None]

    def write(self, session: Session) -> None:
        """Add the changes to the stored cells. Does not commit."""
        cells, connection = self.sum(), session.connection()
        if connection.dialect.name == "postgresql":
            for start in range(0, len(cells), 5_000):
                columns = (write_array(np.ascontiguousarray(column)) for column in cells[start : start + 5_000].T)
                connection.execute(_GROW_MANY, dict(zip(_CELL, columns, strict=True)))
        elif len(cells):
            connection.execute(_GROW, [dict(zip(_CELL, row, strict=True)) for row in cells.tolist()])


_CELL = ("shop_id", "metric_code", "day", *SUMS)
_GROWTH = ("ON CONFLICT (shop_id, metric_code, day) DO UPDATE SET "
           + ", ".join(f"{name} = metric_days.{name} + excluded.{name}" for name in SUMS))
_VALUES = ", ".join(f":{name}" for name in _CELL)
# A list per column in one statement is written many times faster than a statement per cell.
_LISTS = ", ".join(f"CAST(:{name} AS bigint[])" for name in _CELL)
_INTO = f"INSERT INTO metric_days ({', '.join(_CELL)})"
_GROW = text(f"{_INTO} VALUES ({_VALUES}) {_GROWTH}")
_GROW_MANY = text(f"{_INTO} SELECT * FROM unnest({_LISTS}) {_GROWTH}")  # noqa: S608  # names are ours


def list_zones(session: Session, shop_ids: Sequence[int]) -> dict[int, str]:
    """The marketplace's zone of each shop."""
    query = select(Shop.id, Marketplace.timezone).join(Marketplace, Marketplace.id == Shop.marketplace_id)
    return dict(session.connection().execute(query.where(among(session, Shop.id, shop_ids))).all())


def advance(session: Session, shop_ids: Iterable[int], *, now_ms: int) -> Changed:
    """Move the cells of shops on to `now_ms`: what time alone changes. Does not commit. Returns what it changed."""
    changed = []
    for part in chunks(sorted(shop_ids), 5_000):
        late = select(Shop.id, Marketplace.timezone).join(Marketplace, Marketplace.id == Shop.marketplace_id).where(
            among(session, Shop.id, part), Shop.cells_ms < now_ms)
        zones = dict(session.connection().execute(late).all())
        if zones:
            changed.append(_advance_group(session, zones, now_ms))
    return join_changed(*changed)


def _advance_group(session: Session, zones: Mapping[int, str], now_ms: int) -> Changed:
    """Count in what began to count since the instant of each shop, and out what ended."""
    connection, deltas = session.connection(), Deltas(zones)
    for sign, when in ((1, begins_to_count(now_ms)), (-1, ends_to_count(now_ms))):
        query = select(*CONTRIBUTION, *UNIT).join(Shop, Shop.id == OutcomeRow.shop_id).where(
            among(session, Shop.id, zones), Shop.cells_ms < now_ms, when)
        deltas.add_all([tuple(row) for row in connection.execute(query)], sign)  # an array is made of these faster
    connection.execute(update(Shop).where(among(session, Shop.id, zones)).values(cells_ms=now_ms))
    deltas.write(session)
    return deltas.list_changed()


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


def sum_cells(rows: IntArray, zones: Mapping[int, str], signs: IntArray | None = None) -> dict[Key, tuple[int, ...]]:
    """The cells of many contributions (one row each, in the order of `Contribution`).

    `signs` tells of each whether it comes in (1) or goes out (-1); without them all come in.
    """
    cells = _sum_rows(rows, zones, np.ones(len(rows), dtype=np.int64) if signs is None else signs)
    return {(shop, code, day): tuple(sums) for shop, code, day, *sums in cells.tolist()}


def _sum_rows(rows: IntArray, zones: Mapping[int, str], signs: IntArray) -> IntArray:
    """The same, a row of each cell as in `Changed`."""
    cells = [NO_CELLS]
    days = _local_ordinals(rows[:, 0], rows[:, 2], zones)
    for code, metrics in BY_GROUP.items():
        here = np.flatnonzero(rows[:, 1] == code)
        bases = rows[here, 3]
        for metric in metrics:
            counts = here[bases & metric.flag > 0]
            if len(counts):
                cells.append(_sum_metric(metric, rows[counts], days[counts], signs[counts]))
    return np.concatenate(cells)


def _list_other_units(rows: IntArray, marks: IntArray) -> Iterator[tuple[int, int]]:
    """(shop, metric) of those whose units are others, though perhaps with equal sums: their marks do not add up to 0.

    Shares ask who was let down and when, the others and buyers who come back for every unit.
    """
    order = np.argsort(rows[:, 0], kind="stable")
    shops, groups, bases, bads = (rows[order, column] for column in (0, 1, 3, 6))
    bare, whole = marks[order].T
    for code, metrics in BY_GROUP.items():
        here = np.flatnonzero(groups == code)
        repeat = _REPEAT.get(code)
        asked = [(metric, bads & bases if metric.kind == "share" else bases, bare if metric.kind == "share" else whole)
                 for metric in metrics] + ([(repeat, bases, bare)] if repeat is not None else [])
        for metric, flags, mark in asked if len(here) else ():
            chosen = here[flags[here] & metric.flag > 0]
            starts = np.flatnonzero(np.diff(shops[chosen], prepend=-1))
            sums = np.add.reduceat(mark[chosen], starts) if len(chosen) else starts
            yield from ((shop, metric.code) for shop in shops[chosen][starts][sums != 0].tolist())


def _sum_metric(metric: Metric, rows: IntArray, days: IntArray, one: IntArray) -> IntArray:
    shops, _, _, _, bad, official_base, official_bad, amount = rows.T
    measured = amount * one if metric.kind != "share" else one * 0
    official = (official_base & metric.flag > 0).astype(np.int64)
    columns = ((bad & metric.flag > 0) * one, one, (official_bad & metric.flag > 0) * one, official * one, measured,
               measured * amount, measured * official, measured * amount * official)
    order = np.lexsort((days, shops))
    sorted_shops, sorted_days = shops[order], days[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(sorted_shops) != 0) | (np.diff(sorted_days) != 0)])
    sums = np.stack([np.add.reduceat(column[order], starts) for column in columns], axis=1)
    codes = np.full(len(starts), metric.code)
    return np.column_stack([sorted_shops[starts], codes, sorted_days[starts], sums])


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
