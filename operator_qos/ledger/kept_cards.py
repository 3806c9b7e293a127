"""The numbers of scorecards that are there already: read, moved by what changed in day cells, and written back.

While the last day of a card's windows stays the same, what counts in a window is what counted before, more or less by
what became other in the cells of its days. Nothing is added up anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np
from sqlalchemy import Executable, and_, select, text
from sqlalchemy.orm import Session

from operator_qos.db import bind_pairs, chunks, listed_pairs, write_array
from operator_qos.ledger.card_lines import Added, IntArray, Lines
from operator_qos.ledger.card_numbers import WEEKS, move_week
from operator_qos.ledger.card_sums import COUNTED, Batch, Pair
from operator_qos.ledger.cells import SUMS
from operator_qos.ledger.models import Scorecard
from scoring.metrics import METRICS_BY_CODE

_CODES = max(METRICS_BY_CODE) + 1


@dataclass(frozen=True, eq=False)
class Kept:
    """Numbers as their cards have them, by shop and metric, and how many buyers are behind what is bad."""

    added: Added
    buyers: IntArray

    def list_pairs(self) -> list[Pair]:
        """Whose they are."""
        shops, codes = self.added.pairs.T.tolist()
        return list(zip(shops, codes, strict=True))

    def find_rows(self, pairs: IntArray) -> IntArray:
        """Where each of these pairs stands; -1 where it does not."""
        mine, asked = (shops * _CODES + codes for shops, codes in (self.added.pairs.T, pairs.T))
        rows = np.minimum(np.searchsorted(mine, asked), max(len(mine) - 1, 0))
        return np.where(mine[rows] == asked, rows, -1) if len(mine) else np.full(len(asked), -1)


@lru_cache(maxsize=4)
def _kept_query(dialect: str) -> Executable:
    wanted = listed_pairs(dialect)
    return select(
        Scorecard.shop_id, Scorecard.metric_code, Scorecard.bad, Scorecard.base, Scorecard.raw_bad, Scorecard.raw_base,
        Scorecard.buyers, Scorecard.weeks,
    ).join_from(wanted, Scorecard, and_(
        Scorecard.shop_id == wanted.c.first, Scorecard.metric_code == wanted.c.second),
    ).where(Scorecard.weeks.is_not(None))


def list_kept(session: Session, batch: Batch) -> Kept:
    """What of the metrics to be written cards say, where they say all that is needed to move it."""
    connection, rows = session.connection(), list[Sequence[Any]]()
    dialect = connection.dialect.name
    for part in chunks(batch.list_pairs(), 5_000):
        rows += connection.execute(_kept_query(dialect), bind_pairs(dialect, part)).fetchall()
    *columns, weeks = zip(*sorted(rows, key=itemgetter(0, 1)), strict=True) if rows else [()] * 8
    numbers = np.array(columns, dtype=np.int64)
    return Kept(Added(numbers[:2].T, numbers[2:6].T, weeks), numbers[6])


def _find_places(*names: str) -> list[int]:
    """Where those sums stand in a cell that changed."""
    return [3 + SUMS.index(name) for name in names]


_OF_COUNTS = _find_places("official_bad", "official_base", "bad", "base")
_OF_AMOUNTS = _find_places("official_total", "official_base", "total", "base")


def move_sums(batch: Batch, kept: Kept, cells: IntArray) -> Added:
    """The sums of cards now, for by how much cells (a row each: shop, metric, day, sums) are others than before."""
    last = {shop: day for day, shops in batch.by_day().items() for shop in shops}
    days = {shown.metric.code: shown.days for shown in batch.shown}
    rows = kept.find_rows(cells[:, :2])
    cells, rows = cells[rows >= 0], rows[rows >= 0]
    ago = np.array([last[shop] for shop in cells[:, 0].tolist()], dtype=np.int64) - cells[:, 2]
    window = np.array([days[code] for code in cells[:, 1].tolist()], dtype=np.int64)
    more = np.where(np.isin(cells[:, 1], COUNTED)[:, None], cells[:, _OF_COUNTS], cells[:, _OF_AMOUNTS])
    sums, counts = kept.added.sums.copy(), (ago >= 0) & (ago < window)  # a later day counts once its own has come
    np.add.at(sums, rows[counts], more[counts])
    shows = (ago >= 0) & (ago < 7 * WEEKS)
    return Added(kept.added.pairs, sums, _move_weeks(kept.added.weeks, rows[shows], ago[shows] // 7, more[shows]))


def _move_weeks(weeks: Sequence[str], rows: IntArray, weeks_ago: IntArray, more: IntArray) -> list[str]:
    moved = list(weeks)
    for row, ago, (amount, base) in zip(rows.tolist(), weeks_ago.tolist(), more[:, :2].tolist(), strict=True):
        moved[row] = move_week(moved[row], ago, amount=amount, base=base)
    return moved


# What a card that is kept says anew; its windows begin as they did.
_SAID = {"as_of_ms": "bigint", "bad": "bigint", "base": "integer", "value": "float8", "lower": "float8",
         "upper": "float8", "raw_bad": "bigint", "raw_base": "integer", "raw_value": "float8", "buyers": "integer",
         "verdict": "text", "weeks": "text"}
_TYPES = {**_SAID, "shop_id": "integer", "metric_code": "smallint"}
_LISTS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _TYPES.items())
_UPDATE_MANY = text(
    f"UPDATE scorecards SET {', '.join(f'{name} = said.{name}' for name in _SAID)} "  # noqa: S608  # names are ours
    f"FROM unnest({_LISTS}) AS said ({', '.join(_TYPES)}) "
    "WHERE scorecards.shop_id = said.shop_id AND scorecards.metric_code = said.metric_code")
_UPDATE = (f"UPDATE scorecards SET {', '.join(f'{name} = ?' for name in _SAID)} "  # noqa: S608  # names are ours
           "WHERE shop_id = ? AND metric_code = ?")


def rewrite_lines(session: Session, lines: Lines) -> None:
    """Write rows of cards in place of those that are there. Does not commit."""
    connection, columns = session.connection(), [getattr(lines, name) for name in _TYPES]
    if connection.dialect.name == "postgresql":
        connection.execute(_UPDATE_MANY, dict(zip(_TYPES, map(write_array, columns), strict=True)))
        return
    places = [Lines._fields.index(name) for name in _TYPES]
    rows = [tuple(row[place] for place in places) for row in lines.list_rows()]
    if rows:
        connection.exec_driver_sql(_UPDATE, rows)


def delete_pairs(session: Session, pairs: Sequence[Pair]) -> None:
    """Take metrics off cards. Does not commit."""
    connection = session.connection()
    if pairs and connection.dialect.name == "postgresql":
        shops, codes = map(write_array, zip(*pairs, strict=True))
        connection.execute(_DELETE, {"shops": shops, "codes": codes})
    elif pairs:
        connection.exec_driver_sql("DELETE FROM scorecards WHERE shop_id = ? AND metric_code = ?", list(pairs))


_DELETE = text("DELETE FROM scorecards USING unnest(CAST(:shops AS integer[]), CAST(:codes AS smallint[])) "
               "AS gone (shop, code) WHERE shop_id = gone.shop AND metric_code = gone.code")
