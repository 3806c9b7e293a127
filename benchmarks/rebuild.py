"""P1: a log of plain orders in Parquet -> when each counted how -> every metric for every seller.

`python -m benchmarks.rebuild [ORDERS] [SHOPS] [DATABASE]`; the log is made up, the same for the same numbers. Beside it
the same numbers by one hand-written statement of DuckDB and by a plain pandas script, which know how an order counts at
one T only; ours has the spans for all of them. The results have to be equal. With DATABASE, a filled SQLite one, its
dossiers are derived one by one and as a load derives them, in events per second of processor time; nothing is written.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select

import operator_qos.models  # noqa: F401  # every table known, as in the application
from benchmarks.common import report
from benchmarks.plain_log import AT, DAY, METRICS, NEVER, TYPES, Counts, count_by_pandas, count_by_sql, write_log
from operator_qos.db import create_database_engine, reading
from operator_qos.events.log import list_dossier_events
from operator_qos.events.models import Event
from operator_qos.ledger.derive import derive_rows
from operator_qos.ledger.plain_orders import find_plain
from operator_qos.ledger.service import build_frames
from operator_qos.ledger.workers import PIECE, derive_each
from scoring.aftercare import CRITICAL_RATING, REPLY_MS
from scoring.metrics import GROUP_CODES
from scoring.metrics import METRICS as CATALOGUE
from scoring.plain_orders import DEFECTS, PlainOrders, PlainSpans, span_plain_orders
from scoring.terms import Terms

ORDERS, SHOPS, CHUNK = 2_000_000, 5_000, 32_768
Found = TypeVar("Found")
Ints = NDArray[np.int64]


def _time(work: Callable[[], Found]) -> tuple[float, float, Found]:
    """Seconds by the wall and of the processor, all threads, and what came out."""
    wall, used = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - wall, time.process_time() - used, found


def count_by_columns(path: Path) -> tuple[Counts, int]:
    """Every metric for every shop as the product counts; and how many spans there are."""
    log = Log(path)
    told, shop = read_told(log), log.shop
    shops = int(shop.max()) + 1

    def count(chunk: slice) -> tuple[Ints, int]:
        spans = span_plain_orders(to_orders({name: column[chunk] for name, column in told.items()}))
        return sum_spans(spans, shop[chunk], shops), len(spans.order)

    chunks = [slice(start, start + CHUNK) for start in range(0, log.known, CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(count, chunks))
    sums = np.sum([found for found, _ in done], axis=0)
    here = np.unique(shop)
    return {metric: np.stack([here, *sums[place][:, here]]) for place, metric in enumerate(METRICS)}, sum(
        spans for _, spans in done)


class Log:
    """The events of a file, with the order each belongs to by number."""

    def __init__(self, path: Path) -> None:
        self.table = pq.read_table(path, read_dictionary=["type", "whose", "reason"])
        self._order, ids = pd.factorize(self.table["order_id"].to_numpy())
        self.known, self.shop = len(ids), np.empty(len(ids), np.int64)
        self.shop[self._order] = self.table["shop"].to_numpy()  # each event of an order names the same
        self._words: dict[str, tuple[Ints, list[str]]] = {}
        codes, kinds = _codes(self.table["type"])
        self._places = {kind: np.flatnonzero(codes == kinds.index(kind)) for kind in TYPES}

    def find_moments(self, kind: str) -> Ints:
        """When it happened to each order [epoch ms]."""
        return self._spread(kind, self.table["at_ms"].to_numpy()[self._places[kind]], NEVER)

    def find_told(self, kind: str, column: str) -> Ints:
        """What an event of each order says, 0 where there is none."""
        return self._spread(kind, self.table[column].take(self._places[kind]).to_numpy(), 0)

    def is_said(self, kind: str, column: str, value: str) -> NDArray[np.bool_]:
        """Whether an event of each order says that word."""
        if column not in self._words:
            self._words[column] = _codes(self.table[column])
        words, names = self._words[column]
        place, found = self._places[kind], np.zeros(self.known, np.bool_)
        found[self._order[place]] = words[place] == names.index(value)
        return found

    def _spread(self, kind: str, values: NDArray[Any], otherwise: int) -> Ints:
        found = np.full(self.known, otherwise)
        found[self._order[self._places[kind]]] = values
        return found


def read_told(log: Log) -> dict[str, NDArray[Any]]:
    """What the events of each order say, one row each, from one row per event."""
    found: dict[str, NDArray[Any]] = {kind: log.find_moments(kind) for kind in TYPES}
    found |= {name: log.find_told(kind, name) for kind, name in (
        ("placed", "ship_by"), ("placed", "deliver_by"), ("reviewed", "rating"), ("shipped", "trackable"))}
    said = (("cancelled", "whose", ("seller", "buyer", "automatic")), ("refused", "whose", ("automatic",)),
            ("cancelled", "reason", ("buyer_request", "seller_timeout", "out_of_stock")))
    return found | {f"{kind} {word}": log.is_said(kind, name, word) for kind, name, words in said for word in words}


def to_orders(told: Mapping[str, NDArray[Any]]) -> PlainOrders:
    """Orders of which that is told."""
    sent = ("shipped", "delivered")
    shipped, arrived = (np.where(told[kind] < told["cancelled"], told[kind], NEVER) for kind in sent)
    rating, deliver_due, asked = told["rating"], told["deliver_by"], told["cancelled buyer_request"]
    by_timer = told["cancelled automatic"] & told["cancelled seller_timeout"]
    counted = sum(1 << bit for bit, kind in enumerate(DEFECTS) if kind in Terms().defect_kinds)
    yes, never = np.ones(len(shipped), dtype=np.bool_), np.full(len(shipped), NEVER)
    return PlainOrders(
        ordered_at=told["placed"], accepted_at=told["accepted"], refused_at=told["refused"], paid_at=never,
        invoiced_at=never, cancelled_at=told["cancelled"], shipped_at=shipped, scanned_at=told["scanned"],
        known_at=told["delivered"], arrived_at=arrived, reviewed_at=told["reviewed"], replied_at=never,
        reply_due=np.where((rating > 0) & (rating <= CRITICAL_RATING), told["reviewed"] + REPLY_MS, NEVER),
        accept_due=never, ship_due=told["ship_by"], ship_limit=told["ship_by"] + 14 * DAY, deliver_due=deliver_due,
        settled_from=deliver_due + 14 * DAY, invoice_due=never, gap_days=arrived // DAY - deliver_due // DAY,
        rating=rating, counted=np.full(len(shipped), counted), is_own=yes, is_trackable=told["trackable"] > 0,
        is_refused_by_timer=told["refused automatic"],
        is_cancelled_by_seller=(told["cancelled seller"] | by_timer) & ~asked,
        is_out_of_stock=told["cancelled out_of_stock"], is_given_up=told["cancelled buyer"] | asked, has_buyer=yes)


def _codes(column: object) -> tuple[Ints, list[str]]:
    """The place of each word among the different ones; -1 for none."""
    whole = column.combine_chunks()  # type: ignore[attr-defined]
    return whole.indices.fill_null(-1).to_numpy(zero_copy_only=False), whole.dictionary.to_pylist()


def sum_spans(spans: PlainSpans, shop: Ints, shops: int) -> Ints:
    """(metrics, base | bad | total, shops) of what holds at T."""
    held = np.flatnonzero((spans.from_ms < AT) & (spans.until_ms >= AT))
    group, sums = spans.group[held], np.zeros((len(METRICS), 3, shops), dtype=np.int64)
    for code in np.unique(group).tolist():
        mine = held[group == code]
        whose, base, bad, amount = shop[spans.order[mine]], spans.base[mine], spans.bad[mine], spans.amount[mine]
        for place, name in enumerate(METRICS):
            metric = CATALOGUE[name]
            if GROUP_CODES[metric.group] == code:
                counts = np.flatnonzero(base & metric.flag)
                sums[place, 0] = np.bincount(whose[counts], minlength=shops)
                sums[place, 1] = np.bincount(whose[counts[bad[counts] & metric.flag > 0]], minlength=shops)
                if metric.kind != "share":
                    sums[place, 2] = np.bincount(whose[counts], weights=amount[counts], minlength=shops)
    return sums


def compare(orders: int, shops: int) -> None:
    """Ours, DuckDB and pandas on the same file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        events = write_log(path, orders, shops)
        bare, bare_used, expected = min((_time(lambda: count_by_sql(path)) for _ in range(2)), key=lambda one: one[0])
        ours, ours_used, (found, spans) = min((_time(lambda: count_by_columns(path)) for _ in range(2)),
                                              key=lambda one: one[0])
        plain, plain_used, scripted = _time(lambda: count_by_pandas(path))
    equal = all(np.array_equal(found[metric], expected[metric]) and np.array_equal(found[metric], scripted[metric])
                for metric in METRICS)
    report("P1 rebuild", orders=orders, events=events, shops=shops, metrics=len(METRICS), spans=spans, equal=equal,
           seconds=round(ours, 2), duckdb_seconds=round(bare, 2), pandas_seconds=round(plain, 2),
           processor_seconds={"ours": round(ours_used, 2), "duckdb": round(bare_used, 2),
                              "pandas": round(plain_used, 2)},
           times_duckdb=round(ours / bare, 2), faster_than_pandas=round(plain / ours, 1))


def derive_log(database: str, dossiers: int = 20_000) -> None:
    """Dossiers of a real log: folded one by one, and as a load derives them."""
    with reading(create_database_engine(f"sqlite:///{database}")) as session:
        query = select(Event.dossier_id).where(Event.dossier_id.is_not(None)).distinct().limit(dossiers)
        ids = [dossier for dossier in session.scalars(query) if dossier is not None]
        _, read_used, told = _time(lambda: dict(list_dossier_events(session, ids)))
        frames = build_frames(session, sorted({shop for shop, _ in told.values()}))
    events = sum(len(found) for _, found in told.values())
    _, folded, _ = _time(lambda: [derive_rows(found, frames[shop]) for shop, found in told.values()])
    _, derived, _ = _time(lambda: [derive_each(dict(piece), frames) for piece in _pieces(list(told.items()))])
    plain = sum(find_plain(found) is not None for _, found in told.values())
    report("deriving a log", dossiers=len(told), events=events, plain=round(plain / len(told), 3),
           events_per_processor_second={"reading": round(events / read_used), "folding each": round(events / folded),
                                        "as a load does": round(events / derived)})


def _pieces(items: Sequence[Found]) -> list[list[Found]]:
    left = iter(items)
    return list(iter(lambda: list(islice(left, PIECE)), []))


def main(arguments: Sequence[str]) -> None:
    """Run as the module says."""
    orders, shops = (int(text) for text in [*arguments[:2], *(str(one) for one in (ORDERS, SHOPS)[len(arguments):])])
    compare(orders, shops)
    if len(arguments) > 2:
        derive_log(arguments[2])


if __name__ == "__main__":
    main(sys.argv[1:])
