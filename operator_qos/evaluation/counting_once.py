"""Outcome rows counted at one T, for every rule in one pass: of most rows the base says all, and it is added up. Pure.

The rows are taken in pieces that stay in the processor's cache. The few that are bad or forgiven are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operator_qos.evaluation.counting import Counted, Counts, MetricRows, OutcomeRows, count_rows
from scoring.metrics import GROUP_CODES, GROUPS, METRICS

_NOTHING = 0  # the sort of rows that are not counted here


class Asked(NamedTuple):
    """What a rule counts: its metric's rows anchored since the start of its window [epoch ms]."""

    metric: str
    start_ms: int


class Found(NamedTuple):
    """The counts of each shop, and the officially bad rows by their place in the whole."""

    counted: Counted
    bad: Counts


def count_once(rows: OutcomeRows, asked: Sequence[Asked], as_of_ms: int) -> Iterator[Found]:
    """The rows anchored in each [start, T) that hold at T: from < T <= until."""
    even, uneven = _EvenRows(rows, asked, as_of_ms), rows.uneven
    anchor_ms, group = rows.read("anchor_ms")[uneven], rows.read("group_code")[uneven]
    holds = (anchor_ms < as_of_ms) & (rows.read("from_ms")[uneven] < as_of_ms)
    holds &= rows.read("until_ms")[uneven] >= as_of_ms
    for one in asked:
        mine = holds & (group == GROUP_CODES[METRICS[one.metric].group]) & (anchor_ms >= one.start_ms)
        found = MetricRows(rows, one.metric, uneven[mine])
        bad, base, raw_bad, raw_base, buyers = count_rows(found)
        others = even.count(one)
        yield Found(Counted(bad, base + others, raw_bad, raw_base + others, buyers), found.place[found.bad])


class _EvenRows:
    """How many rows of each shop, of each sort (group and flags of the base), in how many of the windows."""

    def __init__(self, rows: OutcomeRows, asked: Sequence[Asked], as_of_ms: int) -> None:
        self._starts_ms = sorted({one.start_ms for one in asked})
        self._flags = int(np.bitwise_or.reduce([METRICS[one.metric].flag for one in asked]))
        self._bits = self._flags.bit_length()
        self._sorts: list[tuple[int, int]] = [(-1, 0)]
        self._number = np.full(len(GROUPS) << self._bits, -1, np.int32)  # of each sort met so far
        self._counts = np.zeros((1, len(self._starts_ms) + 1, rows.size), np.int64)
        self._columns = [rows.read(name) for name in ("anchor_ms", "from_ms", "until_ms", "group_code", "base")]
        pieces, uneven = rows.list_pieces(), rows.uneven
        borders = np.searchsorted(uneven, [0, *(piece.stop for piece in pieces)]).tolist()
        for piece, (first, last) in zip(pieces, pairwise(borders), strict=True):
            sort = self._find_sorts(piece, as_of_ms)
            sort[uneven[first:last] - piece.start] = _NOTHING
            self._add(sort, self._columns[0][piece], rows.find_shops(piece))

    def count(self, asked: Asked) -> Counts:
        """The base of each shop."""
        group, flag = GROUP_CODES[METRICS[asked.metric].group], METRICS[asked.metric].flag
        sorts = [number for number, (of, flags) in enumerate(self._sorts) if of == group and flags & flag]
        return np.asarray(self._counts[sorts, self._starts_ms.index(asked.start_ms) + 1 :].sum(axis=(0, 1)))

    def _find_sorts(self, piece: slice, as_of_ms: int) -> NDArray[np.int32]:
        """The number of the sort of each row of a piece that holds at T."""
        anchor_ms, from_ms, until_ms, group, base = (column[piece] for column in self._columns)
        code = group << self._bits
        code |= base & self._flags
        sort = self._number.take(code)
        if sort.min() < 0:
            self._number_sorts(np.unique(code[sort < 0]))
            sort = self._number.take(code)
        holds = anchor_ms < as_of_ms
        holds &= from_ms < as_of_ms
        holds &= until_ms >= as_of_ms
        return np.multiply(sort, holds, out=sort)

    def _number_sorts(self, codes: Counts) -> None:
        self._number[codes] = np.arange(len(codes)) + len(self._sorts)
        self._sorts += [(code >> self._bits, code & self._flags) for code in codes.tolist()]
        self._counts = np.concatenate([self._counts, np.zeros((len(codes), *self._counts.shape[1:]), np.int64)])

    def _add(self, sort: NDArray[np.int32], anchor_ms: Counts, shop: Counts) -> None:
        sort *= self._counts.shape[1]
        for start_ms in self._starts_ms:
            sort += anchor_ms >= start_ms
        cell = np.multiply(sort, self._counts.shape[2], dtype=np.int64)
        cell += shop
        np.add.at(self._counts.reshape(-1), cell, 1)
