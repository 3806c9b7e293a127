"""Outcome rows in columns: which of them count for each shop, at one T or on a run of dates at once. Pure.

Rows are taken as they come: what needs an order or a name is looked up for the bad ones alone, which are few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.metrics import GROUP_CODES, METRICS
from scoring.windows import QUARTER_MS

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]
COLUMNS = (
    "shop_id",
    "group_code",
    "unit",
    "anchor_ms",
    "from_ms",
    "until_ms",
    "base",
    "bad",
    "official_base",
    "official_bad",
    "order_ref",
    "buyer",
    "dossier_id",
)
_PIECE = 1 << 15  # rows looked at in one go: what is worked out of them stays in the processor's cache


class ShopPlaces:
    """Where the ids of shops stand in the list of those that are evaluated."""

    def __init__(self, wanted: Counts) -> None:
        self._low = int(wanted.min()) if len(wanted) else 0
        self._table = np.full(int(wanted.max(initial=self._low - 1)) - self._low + 1, -1)
        self._table[wanted - self._low] = np.arange(len(wanted))
        self._follows = bool((self._table == np.arange(len(self._table))).all())

    def find(self, shop_ids: Counts) -> Counts:
        """The position of each of those evaluated."""
        place: Counts = shop_ids - self._low
        return place if self._follows else self._table[place]

    def check(self, shop_ids: Counts) -> None:
        """Raise ValueError for one that is not evaluated."""
        if not len(shop_ids):
            return
        inside = self._low <= shop_ids.min() and shop_ids.max() < self._low + len(self._table)
        if not inside or (not self._follows and self.find(shop_ids).min() < 0):
            raise ValueError("the rows hold a shop that is not evaluated; ask for rows of the evaluated shops only")


class OutcomeRows:
    """The rows of many shops, which are known by their position in the list of shops."""

    def __init__(self, rows: pd.DataFrame, shop_ids: Sequence[int]) -> None:
        """`rows` has the columns of COLUMNS, in any order. Raises ValueError for a row of another shop."""
        self._rows = rows
        self.size = len(shop_ids)
        self._shop_ids = self.read("shop_id")
        self._places = ShopPlaces(np.array(shop_ids, np.int64))
        self._places.check(self._shop_ids)

    def read(self, name: str) -> Counts:
        """A column of whole numbers."""
        return self._rows[name].to_numpy(np.int64)

    def find_shops(self, place: Counts | slice) -> Counts:
        """The position of the shop of some rows."""
        return self._places.find(self._shop_ids[place])

    def list_pieces(self) -> list[slice]:
        """All rows in pieces that are quick to look at."""
        return [slice(start, start + _PIECE) for start in range(0, len(self._rows), _PIECE)]

    def find_all(self, metric: str) -> MetricRows:
        """The rows of a metric's group, whenever they hold."""
        return MetricRows(self, metric, np.flatnonzero(self.read("group_code") == GROUP_CODES[METRICS[metric].group]))

    def find_buyers(self, place: Counts) -> Counts:
        """A number per distinct buyer of officially bad rows."""
        return self._buyers[np.searchsorted(self._bad, place)]

    def group_units(self, place: Counts) -> dict[int, tuple[str, ...]]:
        """The units of officially bad rows by shop, oldest anchor first, then by name."""
        found: dict[int, list[str]] = defaultdict(list)
        at = np.searchsorted(self._bad, place)
        at = at[np.argsort(self._rank[at])]
        for shop, unit in zip(self.find_shops(self._bad[at]).tolist(), self._units[at].tolist(), strict=True):
            found[shop].append(unit)
        return {shop: tuple(units) for shop, units in found.items()}

    @cached_property
    def uneven(self) -> Counts:
        """The rows that are bad in any way, or whose base was forgiven: few. Of the others the base says all."""
        names = ("base", "official_base", "bad", "official_bad")
        base, official_base, bad, official_bad = (self.read(name) for name in names)
        found = [np.flatnonzero((base[piece] ^ official_base[piece]) | bad[piece] | official_bad[piece]) + piece.start
                 for piece in self.list_pieces()]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    @cached_property
    def _bad(self) -> Counts:
        """The rows that are officially bad in any way."""
        bad: Counts = self.uneven[self.read("official_bad")[self.uneven] != 0]
        return bad

    @cached_property
    def _buyers(self) -> Counts:
        return _buyer_codes(self._rows, self._bad)

    @cached_property
    def _units(self) -> NDArray[np.object_]:
        return self._rows["unit"].take(self._bad).to_numpy(object)

    @cached_property
    def _rank(self) -> Counts:
        """The place of each bad row by anchor, then unit."""
        order = np.argsort(self._units, kind="stable")
        order = order[np.argsort(self.read("anchor_ms")[self._bad[order]], kind="stable")]
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return rank


class MetricRows:
    """Some rows as one metric sees them: `place` in the whole, arrays of one length."""

    def __init__(self, rows: OutcomeRows, metric: str, place: Counts) -> None:
        self.rows, self.place = rows, place
        self.shop = rows.find_shops(place)
        self._flag = METRICS[metric].flag
        self.in_base, self.raw_in_base = self._read_flags("official_base"), self._read_flags("base")

    @cached_property
    def bad(self) -> Counts:
        """Which of them are officially bad and in the base, by position."""
        return np.flatnonzero(self.in_base & self._read_flags("official_bad"))

    @cached_property
    def raw_bad(self) -> Counts:
        """Which of them are bad and in the base before anything is forgiven, by position."""
        return np.flatnonzero(self.raw_in_base & self._read_flags("bad"))

    @cached_property
    def is_whole(self) -> bool:
        """Whether nothing left the base."""
        return np.array_equal(self.in_base, self.raw_in_base)

    def count_base(self) -> Counts:
        """How many of them are officially in the base, per shop."""
        shop = self.shop if self.in_base.all() else self.shop[self.in_base]
        return np.bincount(shop, minlength=self.rows.size)

    def read(self, name: str) -> Counts:
        """A column of whole numbers."""
        return self.rows.read(name)[self.place]

    def _read_flags(self, name: str) -> Flags:
        return np.asarray((self.read(name) & self._flag) > 0)


class Counted(NamedTuple):
    """Counts of one metric, per shop or per date and shop."""

    bad: Counts
    base: Counts
    raw_bad: Counts
    raw_base: Counts
    buyers: Counts


def count_rows(found: MetricRows) -> Counted:
    """How many of the rows are bad and in the base, for each shop, and how many buyers are behind the bad."""
    size, wrong = found.rows.size, found.shop[found.bad]
    base = found.count_base()
    return Counted(
        np.bincount(wrong, minlength=size),
        base,
        np.bincount(found.shop[found.raw_bad], minlength=size),
        base if found.is_whole else np.bincount(found.shop[found.raw_in_base], minlength=size),
        _count_distinct(wrong, found.rows.find_buyers(found.place[found.bad]), size),
    )


@dataclass(frozen=True)
class DatedRows:
    """The rows of a metric with the dates on which each counts: from `first` on, no longer at `last`."""

    found: MetricRows
    first: Counts
    last: Counts
    dates: int

    def count(self, which: Counts | Flags) -> Counts:
        """How many of some rows count on each date, of shape (dates, shops)."""
        size = self.dates, self.found.rows.size
        return count_daily(self.found.shop[which], self.first[which], self.last[which], size)

    def count_buyers(self) -> Counts:
        """Distinct buyers behind the bad rows on each date."""
        bad = self.found.bad[self.first[self.found.bad] < self.last[self.found.bad]]
        runs = _join_runs(self.found.shop[bad], self.found.rows.find_buyers(self.found.place[bad]),
                          self.first[bad], self.last[bad])
        return count_daily(*runs, (self.dates, self.found.rows.size))

    def count_everything(self) -> Counted:
        """Every count on each date."""
        base, raw_bad = self.count(self.found.in_base), self.count(self.found.raw_bad)
        return Counted(self.count(self.found.bad), base, raw_bad, self.count_raw_base(base), self.count_buyers())

    def count_raw_base(self, base: Counts) -> Counts:
        """The base on each date before anything is forgiven, given the official one: seldom another."""
        return base if self.found.is_whole else self.count(self.found.raw_in_base)

    def find_bad(self, date: int) -> Counts:
        """The bad rows that count on one of the dates, by their place in the whole."""
        bad = self.found.bad
        return self.found.place[bad[(self.first[bad] <= date) & (date < self.last[bad])]]


def date_rows(found: MetricRows, starts_ms: Counts, ends_ms: Counts) -> DatedRows:
    """The dates on which each row counts, for windows [start, T) that only move forward, from date to date.

    A row counts where it is anchored in the window and holds at T: from < T <= until. Both arrays ascend [epoch ms].
    """
    anchor_ms, until_ms = found.read("anchor_ms"), found.read("until_ms")
    first = count_before(ends_ms, np.maximum(anchor_ms, found.read("from_ms")))
    last = count_before(starts_ms, anchor_ms)
    ended = np.flatnonzero(until_ms < ends_ms[-1])  # most rows hold for ever
    last[ended] = np.minimum(last[ended], count_before(ends_ms, until_ms[ended]))
    return DatedRows(found, first, np.maximum(first, last, out=last), len(ends_ms))


def count_before(marks_ms: Counts, at_ms: Counts) -> Counts:
    """How many of the ascending marks lie at or before each instant [epoch ms].

    Local midnights lie on quarters of an hour, which a table counts; any other marks are searched.
    """
    start_ms = int(marks_ms[0])
    if np.any((marks_ms - start_ms) % QUARTER_MS):
        return np.searchsorted(marks_ms, at_ms, side="right")
    quarters = int(marks_ms[-1] - start_ms) // QUARTER_MS
    before = np.searchsorted(marks_ms, start_ms + np.arange(-1, quarters + 1) * QUARTER_MS, side="right")
    found: Counts = before[np.clip((at_ms - start_ms) // QUARTER_MS, -1, quarters) + 1]
    return found


def count_daily(shop: Counts, first: Counts, last: Counts, size: tuple[int, int]) -> Counts:
    """How many rows of each shop count on each date: each is added on its first one and taken off after its last."""
    dates, shops = size
    cells = (dates + 1) * shops
    steps = np.bincount(first * shops + shop, minlength=cells)
    steps -= np.bincount(last * shops + shop, minlength=cells)
    counted = steps.reshape(dates + 1, shops)[:dates]
    return np.cumsum(counted, axis=0, out=counted)


def _join_runs(shop: Counts, buyer: Counts, first: Counts, last: Counts) -> tuple[Counts, Counts, Counts]:
    """Shop, first and last of the runs of dates on which a buyer is there: rows of one are joined where they meet."""
    pair = shop * (int(buyer.max(initial=0)) + 1) + buyer
    order = np.lexsort((first, pair))
    shop, first, last, pair = shop[order], first[order], last[order], pair[order]
    starts_pair = np.ones(len(pair), np.bool_)
    starts_pair[1:] = pair[1:] != pair[:-1]
    # Ends grow from buyer to buyer by more than there are dates, so that one running maximum serves them all.
    lift = np.cumsum(starts_pair) * (int(last.max(initial=0)) + 1)
    reach = np.maximum.accumulate(last + lift) - lift
    is_new = starts_pair.copy()
    is_new[1:] |= first[1:] > reach[:-1]
    runs = np.flatnonzero(is_new)
    return shop[runs], first[runs], reach[np.append(runs, len(pair))[1:] - 1]


def _buyer_codes(rows: pd.DataFrame, place: Counts) -> Counts:
    """A number per distinct buyer of some rows; an unknown one is told apart by the order, else by the dossier.

    Questions without an order share a dossier only with their own conversation.
    """
    codes, free, taken = np.zeros(len(place), np.int64), np.arange(len(place)), 0
    for name in ("buyer", "order_ref", "dossier_id"):
        if not len(free):
            break
        column = rows[name].take(place[free])
        found, names = pd.factorize(column)
        known = (found >= 0) & (column != "").to_numpy(np.bool_)
        codes[free[known]] = found[known] + taken
        free, taken = free[~known], taken + len(names)
    return codes


def _count_distinct(shop: Counts, buyer: Counts, size: int) -> Counts:
    codes = int(buyer.max(initial=0)) + 1
    pairs: Counts = np.unique(shop * codes + buyer)
    return np.bincount(pairs // codes, minlength=size)
