"""Plain orders as a log in Parquet, and what hand-written scripts make of it: DuckDB in one statement, pandas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scoring.spans import FOREVER_MS

NEVER = FOREVER_MS
DAY, HOUR = 86_400_000, 3_600_000
START, DAYS = 1_735_689_600_000, 400  # 2025-01-01T00:00Z
AT = START + 380 * DAY  # T: the youngest orders are still under way
TYPES = ("placed", "accepted", "refused", "cancelled", "shipped", "scanned", "delivered", "reviewed")
Ints = NDArray[np.int64]
Counts = Mapping[str, NDArray[np.int64]]  # metric -> (shops, base | bad | total)


def write_log(path: Path, orders: int, shops: int) -> int:
    """Write the events of so many orders up to T, in order of time; the same for the same numbers."""
    dice = np.random.default_rng(11)
    ids = dice.integers(0, 2**62, orders)
    shop = (dice.pareto(1.2, orders) * shops / 40).astype(np.int64) % shops
    placed = START + dice.integers(0, DAYS * 86_400, orders) * 1_000
    fate = dice.random(orders)
    refused, cancelled = fate < 0.01, (fate > 0.01) & (fate < 0.03)
    shipped = placed + (dice.gamma(2, 30, orders) * 3_600).astype(np.int64) * 1_000
    scanned = shipped + dice.integers(0, 72 * 3_600, orders) * 1_000
    delivered = scanned + dice.integers(0, 6 * 86_400, orders) * 1_000
    ship_by, sends = placed + dice.integers(1, 8, orders) * DAY, ~refused & ~cancelled & (dice.random(orders) > 0.005)
    text = {"whose": dice.choice(["seller", "buyer", "automatic"], orders),
            "reason": dice.choice(["buyer_request", "out_of_stock", "seller_timeout"], orders)}
    happened = {
        "placed": (np.ones(orders, bool), placed),
        "accepted": (~refused, placed + dice.integers(1, 86_400, orders) * 1_000),
        "refused": (refused, placed + HOUR),
        "cancelled": (cancelled, placed + dice.integers(1, 20 * 24, orders) * HOUR),
        "shipped": (sends, shipped), "scanned": (sends & (dice.random(orders) > 0.03), scanned),
        "delivered": (sends & (dice.random(orders) > 0.02), delivered),
        "reviewed": (sends & (dice.random(orders) < 0.1), delivered + 5 * DAY)}
    parts = []
    for kind, (has, at_ms) in happened.items():
        here = np.flatnonzero(has & (at_ms < AT) & (placed < AT))
        parts.append(pd.DataFrame({
            "order_id": ids[here], "shop": shop[here], "type": kind, "at_ms": at_ms[here],
            "ship_by": ship_by[here] if kind == "placed" else None,
            "deliver_by": ship_by[here] + 4 * DAY if kind == "placed" else None,
            "whose": text["whose"][here] if kind in {"refused", "cancelled"} else None,
            "reason": text["reason"][here] if kind == "cancelled" else None,
            "trackable": (ids[here] % 10 > 0) if kind == "shipped" else None,
            "rating": ids[here] % 5 + 1 if kind == "reviewed" else None}))
    log = pd.concat(parts).sort_values("at_ms", kind="stable")
    log = log.astype({"ship_by": "Int64", "deliver_by": "Int64", "rating": "Int64", "trackable": "boolean"})
    schema = pa.Schema.from_pandas(log, preserve_index=False)
    table = pa.Table.from_pandas(log, schema, preserve_index=False)
    pq.write_table(table, path, use_dictionary=["type", "whose", "reason"])
    return len(log)


# What each metric counts: (base, bad, amount) over the moments of an order, as a script would say it.
SHIP = f"(ship_by < {AT} AND refused > ship_by AND cancelled > ship_by)"
DELIVER = (f"(deliver_by < {AT} AND refused > deliver_by AND cancelled > deliver_by AND NOT (shipped < {NEVER} AND NOT "
           f"trackable AND scanned = {NEVER} AND arrived_raw = {NEVER}))")
TRACKED = f"(trackable AND shipped + {2 * DAY} < {AT})"
NOT_SHIPPED = (f"(ship_by + {14 * DAY} < {AT} AND shipped > ship_by + {14 * DAY} AND refused > ship_by + {14 * DAY} "
               f"AND cancelled > ship_by + {14 * DAY})")
BY_SELLER = (f"(cancelled < {NEVER} AND reason <> 'buyer_request' AND (whose = 'seller' OR (whose = 'automatic' AND "
             "reason = 'seller_timeout')))")
LOW = "(rating BETWEEN 1 AND 2)"
ANSWERED = f"(refused < {NEVER} OR accepted < {NEVER})"
SETTLED = (f"(deliver_by + {14 * DAY} < {AT} AND NOT (cancelled < {NEVER} AND (whose = 'buyer' OR "
           "reason = 'buyer_request')))")
METRICS: Mapping[str, tuple[str, str, str]] = {
    "order_defect_rate": ("true", f"{LOW} OR {BY_SELLER} OR {NOT_SHIPPED}", "0"),
    "cancellation_rate": ("true", f"{BY_SELLER} AND shipped >= cancelled", "0"),
    "out_of_stock_rate": ("true", f"{BY_SELLER} AND shipped >= cancelled AND reason = 'out_of_stock'", "0"),
    "acceptance_rate": (ANSWERED, f"refused < {NEVER}", "0"),
    "auto_refusal_rate": (ANSWERED, f"refused < {NEVER} AND whose = 'automatic'", "0"),
    "acceptance_time": (f"refused = {NEVER} AND accepted < {NEVER}", "false", "(accepted - placed) // 1000"),
    "perfect_order_rate": (
        SETTLED, f"{LOW} OR {BY_SELLER} OR {NOT_SHIPPED} OR ({DELIVER} AND arrived > deliver_by) OR ({SHIP} AND "
        f"shipped > ship_by) OR ({TRACKED} AND scanned = {NEVER})", "0"),
    "late_shipment_rate": (SHIP, "shipped > ship_by", "0"),
    "on_time_delivery_rate": (DELIVER, "arrived > deliver_by", "0"),
    "promise_gap": (f"arrived < {NEVER}", "false", f"arrived // {DAY} - deliver_by // {DAY}"),
    "valid_tracking_rate": (TRACKED, f"scanned = {NEVER}", "0"),
    "return_rate": (f"shipped < {NEVER}", "false", "0"),
    "negative_review_rate": ("rating > 0", LOW, "0"),
    "review_reply_rate": (f"rating BETWEEN 1 AND 3 AND reviewed + {7 * DAY} < {AT}", "true", "0"),
    "average_rating": ("rating > 0", "false", "rating"),
}


def count_by_sql(path: Path) -> Counts:
    """Orders, then every metric for every shop, in one statement of DuckDB on all cores."""
    firsts = ", ".join(f"coalesce(min(at_ms) FILTER (type = '{kind}'), {NEVER}) AS {kind}" for kind in TYPES)
    sums = ", ".join(
        f"count(*) FILTER ({base}), count(*) FILTER (({base}) AND ({bad})), "
        f"coalesce(sum({amount}) FILTER ({base}), 0)::BIGINT" for base, bad, amount in METRICS.values())
    rows = duckdb.connect().execute(f"""
        WITH firsts AS (SELECT any_value(shop) AS shop, {firsts}, any_value(ship_by) AS ship_by,
                any_value(deliver_by) AS deliver_by, coalesce(any_value(whose), '') AS whose,
                coalesce(any_value(reason), '') AS reason, coalesce(any_value(trackable), false) AS trackable,
                coalesce(any_value(rating), 0) AS rating
            FROM read_parquet('{path}') GROUP BY order_id),
        orders AS (SELECT * EXCLUDE (shipped, delivered), delivered AS arrived_raw,
                CASE WHEN shipped < cancelled THEN shipped ELSE {NEVER} END AS shipped,
                CASE WHEN delivered < cancelled THEN delivered ELSE {NEVER} END AS arrived FROM firsts)
        SELECT shop, {sums} FROM orders GROUP BY shop ORDER BY shop""").fetchnumpy()
    columns = list(rows.values())
    shops = columns[0].astype(np.int64)
    return {metric: np.stack([shops, *(column.astype(np.int64) for column in columns[3 * place + 1 : 3 * place + 4])])
            for place, metric in enumerate(METRICS)}


def count_by_pandas(path: Path) -> Counts:
    """The same by a plain script of group-bys."""
    log = pd.read_parquet(path)
    by_order = log.groupby("order_id")
    orders = by_order[["shop", "ship_by", "deliver_by", "whose", "reason", "trackable", "rating"]].first()
    for kind in TYPES:
        orders[kind] = log[log.type == kind].groupby("order_id").at_ms.min()
    orders[list(TYPES)] = orders[list(TYPES)].fillna(NEVER).astype("int64")
    orders = orders.fillna({"whose": "", "reason": "", "trackable": False, "rating": 0}).astype(
        {"ship_by": "int64", "deliver_by": "int64", "trackable": "bool", "rating": "int64"})
    orders["arrived_raw"] = orders.delivered
    orders["arrived"] = orders.delivered.where(orders.delivered < orders.cancelled, NEVER)
    orders["shipped"] = orders.shipped.where(orders.shipped < orders.cancelled, NEVER)
    return {metric: _sum_frame(orders, *said) for metric, said in METRICS.items()}


def _sum_frame(orders: pd.DataFrame, base: str, bad: str, amount: str) -> Ints:
    counted = _ask(orders, base)
    frame = pd.DataFrame({"shop": orders.shop, "base": counted, "bad": counted & _ask(orders, bad),
                          "total": np.where(counted, np.asarray(orders.eval(amount)), 0)})
    sums = frame.groupby("shop")[["base", "bad", "total"]].sum()
    return np.stack([sums.index.to_numpy(np.int64), *(sums[name].to_numpy(np.int64) for name in sums)])


def _ask(orders: pd.DataFrame, said: str) -> NDArray[np.bool_]:
    """A condition of SQL over the columns of orders."""
    for sql, python in ((" <> ", " != "), (" = ", " == "), ("AND", "and"), ("NOT", "not"), ("OR", "or")):
        said = said.replace(sql, python)
    said = re.sub(r"rating BETWEEN 1 and (\d)", r"(1 <= rating <= \1)", said)
    said = said.replace("true", "True").replace("false", "False")
    return np.broadcast_to(np.asarray(orders.eval(said), dtype=bool), len(orders))
