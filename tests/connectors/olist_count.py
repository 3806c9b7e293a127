"""The six order metrics of every shop counted straight from the Olist files.

Written apart from the importer and from the scoring on purpose: an error has to be made twice to pass. Only
the rules are shared: T is the end of the day `as_of` in UTC, the window [T − N days, T), K = T.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

DAY = pd.Timedelta(days=1)
Counts = dict[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True)
class OlistTables:
    """`orders`: one row per seller order with its moments; `reviews`: one row per answer and seller order."""

    orders: pd.DataFrame
    reviews: pd.DataFrame


def count_olist(directory: Path | str, as_of: date, window_days: int) -> Counts:
    """{(shop, metric): (bad, base)}, without base 0; the bad of average_rating is the sum of stars."""
    return count_tables(load_tables(Path(directory)), as_of, window_days)


def load_tables(directory: Path) -> OlistTables:
    """Reads the files once; count_tables can then be asked for many dates."""
    orders, items, reviews = (
        _read(directory, f"olist_{name}_dataset.csv") for name in ("orders", "order_items", "order_reviews")
    )
    items["shipping_limit_date"] = pd.to_datetime(items["shipping_limit_date"])
    promised = items.groupby(["order_id", "seller_id"], as_index=False)["shipping_limit_date"].max()
    parts = promised.merge(_with_moments(orders), on="order_id")
    reviews["answered"] = pd.to_datetime(reviews["review_answer_timestamp"])
    reviews["stars"] = reviews["review_score"].astype(int)
    reviews["review_id"] = reviews["review_id"].fillna("")
    answers = reviews[["order_id", "review_id", "answered", "stars"]].drop_duplicates()
    return OlistTables(parts, answers.merge(parts[["order_id", "seller_id", "placed"]], on="order_id"))


def _read(directory: Path, name: str) -> pd.DataFrame:
    plain = directory / name
    return pd.read_csv(plain if plain.exists() else directory / f"{name}.gz", dtype=str)


def _with_moments(orders: pd.DataFrame) -> pd.DataFrame:
    made = pd.DataFrame({"order_id": orders["order_id"], "status": orders["order_status"]})
    made["placed"] = pd.to_datetime(orders["order_purchase_timestamp"])
    approved = pd.to_datetime(orders["order_approved_at"])
    made["shipped"] = pd.to_datetime(orders["order_delivered_carrier_date"])
    made["arrived"] = pd.to_datetime(orders["order_delivered_customer_date"])
    made["deliver_day"] = pd.to_datetime(orders["order_estimated_delivery_date"]).dt.normalize()
    last = pd.concat([made["placed"], approved, made["shipped"]], axis=1).max(axis=1)
    made["cancelled"] = last.where(made["status"].isin(["canceled", "unavailable"]))
    return made


def count_tables(tables: OlistTables, as_of: date, window_days: int) -> Counts:
    """As count_olist, on tables read before."""
    until = pd.Timestamp(as_of) + DAY
    since = until - window_days * DAY
    orders = tables.orders[tables.orders["placed"] < until].copy()
    reviews = tables.reviews[(tables.reviews["placed"] < until) & (tables.reviews["answered"] < until)]
    standing = reviews.sort_values(["answered", "review_id"]).groupby(["order_id", "seller_id"]).tail(1)
    for column in ("shipped", "arrived", "cancelled"):
        orders[column] = orders[column].where(orders[column] < until)
    counts: Counts = {}
    _count_placed(counts, orders, standing, since=since, until=until)
    _count_late_shipments(counts, orders, since=since, until=until)
    _count_late_deliveries(counts, orders, since=since, until=until)
    _count_reviews(counts, standing, since=since)
    return counts


def _count_placed(
    counts: Counts, orders: pd.DataFrame, standing: pd.DataFrame, *, since: pd.Timestamp, until: pd.Timestamp
) -> None:
    placed = orders[orders["placed"] >= since].merge(
        standing[["order_id", "seller_id", "stars"]], on=["order_id", "seller_id"], how="left"
    )
    by_seller = (placed["status"] == "unavailable") & placed["cancelled"].notna()
    # A comparison with a moment that never came is False: not shipped by then, not cancelled by then.
    last_day = placed["shipping_limit_date"] + 14 * DAY
    kept = (placed["shipped"] <= last_day) | (placed["cancelled"] <= last_day)
    defect = (placed["stars"] <= 2) | by_seller | ((last_day < until) & ~kept)
    before_shipping = placed["shipped"].isna() | (placed["cancelled"] <= placed["shipped"])
    _add(counts, "order_defect_rate", placed, defect)
    _add(counts, "cancellation_rate", placed, by_seller & before_shipping)


def _count_late_shipments(
    counts: Counts, orders: pd.DataFrame, *, since: pd.Timestamp, until: pd.Timestamp
) -> None:
    due = orders["shipping_limit_date"]
    judged = orders[(due >= since) & (due < until) & ~(orders["cancelled"] <= due)]
    _add(counts, "late_shipment_rate", judged, ~(judged["shipped"] <= judged["shipping_limit_date"]))


def _count_late_deliveries(
    counts: Counts, orders: pd.DataFrame, *, since: pd.Timestamp, until: pd.Timestamp
) -> None:
    day = orders["deliver_day"]
    judged = orders[(day >= since) & (day < until) & ~(orders["cancelled"] < day + DAY)]
    _add(counts, "on_time_delivery_rate", judged, ~(judged["arrived"] < judged["deliver_day"] + DAY))


def _count_reviews(counts: Counts, standing: pd.DataFrame, *, since: pd.Timestamp) -> None:
    recent = standing[standing["answered"] >= since]
    _add(counts, "negative_review_rate", recent, recent["stars"] <= 2)
    _add(counts, "average_rating", recent, recent["stars"])


def _add(counts: Counts, metric: str, rows: pd.DataFrame, bad: pd.Series) -> None:
    sums = bad.astype(int).groupby(rows["seller_id"]).agg(["sum", "size"])
    for shop, total, base in sums.itertuples():
        counts[str(shop), metric] = (int(total), int(base))
