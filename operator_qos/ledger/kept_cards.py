"""The numbers of scorecards that are there already: read, moved by what changed in day cells, and written back.

While the last day of a card's windows stays the same, what counts in a window is what counted before, more or less by
what became other in the cells of its days. Nothing is added up anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Executable, and_, select, text
from sqlalchemy.orm import Session

from operator_qos.db import bind_pairs, chunks, listed_pairs
from operator_qos.ledger.card_numbers import WEEKS, move_week
from operator_qos.ledger.card_sums import COUNTED, Batch, Pair, Sums
from operator_qos.ledger.cells import SUMS, Cell
from operator_qos.ledger.models import Scorecard

Line = tuple[Any, ...]
COLUMNS = ("shop_id", "metric_code", "as_of_ms", "window_start_ms", "bad", "base", "value", "lower", "upper",
           "raw_bad", "raw_base", "raw_value", "buyers", "verdict", "trend", "weeks")


class Kept(NamedTuple):
    """A number as its card has it: the sums, and how many buyers are behind what is bad."""

    sums: Sums
    buyers: int


@lru_cache(maxsize=4)
def _kept_query(dialect: str) -> Executable:
    wanted = listed_pairs(dialect)
    columns = (getattr(Scorecard, name) for name in Sums._fields)
    return select(Scorecard.shop_id, Scorecard.metric_code, Scorecard.buyers, *columns).join_from(
        wanted, Scorecard, and_(Scorecard.shop_id == wanted.c.first, Scorecard.metric_code == wanted.c.second),
    ).where(Scorecard.weeks.is_not(None))


def list_kept(session: Session, pairs: Sequence[Pair]) -> dict[Pair, Kept]:
    """(shop, metric) -> what its card says, where it says all that is needed to move it."""
    connection = session.connection()
    dialect, found = connection.dialect.name, dict[Pair, Kept]()
    for part in chunks(pairs, 5_000):
        rows = connection.execute(_kept_query(dialect), bind_pairs(dialect, part))
        found |= {(shop, code): Kept(Sums._make(sums), buyers) for shop, code, buyers, *sums in rows}
    return found


def _find_places(*names: str) -> tuple[int, ...]:
    """Where those sums stand in a cell that changed."""
    return tuple(3 + SUMS.index(name) for name in names)


_OF_COUNTS = _find_places("official_bad", "official_base", "bad", "base")
_OF_AMOUNTS = _find_places("official_total", "official_base", "total", "base")
_PLACES = dict.fromkeys(COUNTED, _OF_COUNTS)


def move_sums(batch: Batch, kept: Mapping[Pair, Kept], cells: Iterable[Cell]) -> dict[Pair, Sums]:
    """(shop, metric) -> its sums now, of those of the batch that are kept, for what changed in cells since."""
    days = {shown.metric.code: shown.days for shown in batch.shown}
    last = {shop: day for day, shops in batch.by_day().items() for shop in shops}
    moved = {pair: kept[pair].sums for pair in batch.list_pairs() if pair in kept}
    for cell in cells:
        shop, code, day = cell[:3]
        sums = moved.get((shop, code))
        if sums is not None and day <= last[shop]:  # a later day counts once its own has come
            moved[shop, code] = _move(sums, cell, ago=last[shop] - day, days=days[code])
    return moved


def _move(sums: Sums, cell: Cell, *, ago: int, days: int) -> Sums:
    bad, base, raw_bad, raw_base = (cell[place] for place in _PLACES.get(cell[1], _OF_AMOUNTS))
    weeks = move_week(sums.weeks, ago // 7, amount=bad, base=base) if ago < 7 * WEEKS else sums.weeks
    if ago >= days:
        return sums._replace(weeks=weeks)
    return Sums(sums.bad + bad, sums.base + base, sums.raw_bad + raw_bad, sums.raw_base + raw_base, weeks)


# What a card that is kept says anew; its windows begin as they did.
_SAID = {"as_of_ms": "bigint", "bad": "bigint", "base": "integer", "value": "float8", "lower": "float8",
         "upper": "float8", "raw_bad": "bigint", "raw_base": "integer", "raw_value": "float8", "buyers": "integer",
         "verdict": "text", "weeks": "text"}
_SET = ", ".join(f"{name} = said.{name}" for name in _SAID)
_TYPES = {"shop_id": "integer", "metric_code": "smallint", **_SAID}
_LISTS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _TYPES.items())
_UPDATE_MANY = text(
    f"UPDATE scorecards SET {_SET} FROM unnest({_LISTS}) AS said ({', '.join(_TYPES)}) "  # noqa: S608  # names are ours
    "WHERE scorecards.shop_id = said.shop_id AND scorecards.metric_code = said.metric_code")
_UPDATE = (f"UPDATE scorecards SET {', '.join(f'{name} = ?' for name in _SAID)} "  # noqa: S608  # names are ours
           "WHERE shop_id = ? AND metric_code = ?")
_IN_LINE = {name: COLUMNS.index(name) for name in COLUMNS}


def rewrite_kept(session: Session, lines: Sequence[Line]) -> None:
    """Write rows of cards in place of those that are there. Does not commit."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        order = [_IN_LINE[name] for name in (*_SAID, "shop_id", "metric_code")]
        if lines:
            connection.exec_driver_sql(_UPDATE, [tuple(line[place] for place in order) for line in lines])
        return
    for part in chunks(lines, 5_000):
        columns = list(zip(*part, strict=True))
        connection.execute(_UPDATE_MANY, {name: _write_list(columns[_IN_LINE[name]]) for name in _TYPES})


def _write_list(values: Sequence[object]) -> str:
    """An array as PostgreSQL reads it from text, many times faster than a list is sent; nothing here has a quote."""
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"
