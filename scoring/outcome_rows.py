"""Outcome rows of a ledger as the unit rows that standards measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from scoring.answers import Texts
from scoring.measures import text_column
from scoring.metrics import FLAGS, GROUP_CODES, METRICS, Group
from scoring.standards import Standard
from scoring.standards.names import ROW_FLAGS, ROW_NUMBERS, ROW_TEXTS

UNITS: Mapping[Group, str] = {
    "placed": "order", "ship": "order", "deliver": "order", "shipped": "order", "review": "review", "turn": "message",
    "case": "case", "resolved": "case", "return": "return", "arrived": "order", "survey": "review",
    "mediation": "case", "perfect": "order",
}
# Which of the language's anchors a group's own moment is.
ANCHORS: Mapping[Group, str] = {
    "placed": "ordered", "ship": "ship_by", "deliver": "deliver_by", "shipped": "shipped", "review": "reviewed",
    "turn": "received", "case": "opened", "return": "received", "perfect": "ordered",
}
FIRST_TURNS = frozenset({"first_response_time"})
# An order counts in place of what it is made of: outcomes are kept by order.
PARTS_OF_ORDERS = frozenset({"line", "item", "parcel"})
MOMENTS = ("ordered_ms", "paid_ms", "ship_by_ms", "deliver_by_ms", "answer_by_ms", "shipped_ms", "reviewed_ms",
           "opened_ms", "received_ms")
PASSED_ON = ("from_ms", "until_ms", "order_ref", *sorted(ROW_NUMBERS | ROW_TEXTS | ROW_FLAGS - {"bad"}), *MOMENTS)


class Source(NamedTuple):
    """Which outcomes are the rows of a metric: in its base by one flag, bad by any of some."""

    group: Group
    base: int
    bad: int


def _same_as(name: str) -> Source:
    metric = METRICS[name]
    return Source(metric.group, metric.flag, metric.flag)


# What marketplaces call by other names, or make of several of ours.
OTHER_NAMES: Mapping[str, Source] = {
    "placed": Source("placed", FLAGS["order_defect_rate"], 0),
    "rating": Source("review", FLAGS["average_rating"], 0),
    "transaction_defect_rate": Source(
        "placed", FLAGS["order_defect_rate"], FLAGS["cancellation_rate"] | FLAGS["cases_lost_rate"]),
    "unresolved_case_rate": Source("placed", FLAGS["order_defect_rate"], FLAGS["cases_lost_rate"]),
    "incident_rate": _same_as("case_rate"),
    "approval_rate": _same_as("acceptance_rate"),
    "approval_delay": _same_as("acceptance_time"),
}
SOURCES: Mapping[str, Source] = {
    **{name: _same_as(name) for name, metric in METRICS.items() if metric.kind != "repeat"}, **OTHER_NAMES}


def list_stand_ins(standard: Standard) -> list[tuple[str, str]]:
    """(metric, unit) of the figures that count lines, items or parcels, for whom an order has to stand."""
    figures = (*standard.figures, *standard.rules)
    return sorted({(f.metric, f.unit) for f in figures if f.metric and f.unit in PARTS_OF_ORDERS})


def to_unit_rows(
    outcomes: pd.DataFrame, metrics: Iterable[str], *, stand_ins: Iterable[tuple[str, str]] = (),
) -> pd.DataFrame:
    """One row per outcome and metric that ever has it in base; see ``scoring.measures`` for the columns.

    ``outcomes`` has ``shop_id``, ``group_code``, ``unit``, ``anchor_ms``, the masks ``base``, ``bad``,
    ``official_base`` and ``official_bad`` (see ``scoring.outcomes``), ``order_ref``, ``buyer``, ``dossier_id``, and may
    have those of ``PASSED_ON``. What was forgiven comes as ``excluded``; the group's own moment as its anchor, too.
    ``stand_ins`` gives the rows of metrics a second time, each order as one line, item or parcel
    (``list_stand_ins``). Raises KeyError for a metric of which no outcomes are kept.
    """
    parts = [_select(outcomes, metric, None) for metric in dict.fromkeys(metrics)]
    parts += [_select(outcomes, metric, unit) for metric, unit in dict.fromkeys(stand_ins)
              if metric in SOURCES and UNITS[SOURCES[metric].group] == "order"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _select(outcomes: pd.DataFrame, name: str, unit: str | None) -> pd.DataFrame:
    source = SOURCES[name]
    masks = {key: outcomes[key].to_numpy(np.int64) for key in ("base", "bad", "official_base", "official_bad")}
    ever = (masks["base"] | masks["official_base"]) & source.base > 0
    here = (outcomes["group_code"].to_numpy(np.int64) == GROUP_CODES[source.group]) & ever
    rows = outcomes[here]
    flags = {key: mask[here] & (source.bad if key.endswith("bad") else source.base) > 0 for key, mask in masks.items()}
    own = "first_message" if name in FIRST_TURNS else UNITS[source.group]
    given = {key: rows[key].to_numpy() for key in PASSED_ON if key in rows}
    if source.group in ANCHORS:
        given[f"{ANCHORS[source.group]}_ms"] = rows["anchor_ms"].to_numpy(np.int64)
    return pd.DataFrame({
        "shop": rows["shop_id"].to_numpy(), "metric": name, "unit": unit or own,
        "unit_ref": rows["unit"].to_numpy(object),
        "anchor_ms": rows["anchor_ms"].to_numpy(np.int64),
        "base": flags["base"].astype(np.int64),
        "bad": (flags["bad"] & flags["base"]).astype(np.int64), "excluded": _excluded(flags), "buyer": _buyers(rows),
        **given,
    })


def _excluded(flags: dict[str, np.ndarray]) -> Texts:
    no_base = flags["base"] & ~flags["official_base"]
    no_bad = flags["bad"] & ~flags["official_bad"]
    return np.select([no_base, no_bad], ["both", "bad"], "").astype(object)


def _buyers(rows: pd.DataFrame) -> Texts:
    """The buyer; one who is not known is told apart by the order, else by the dossier."""
    buyers, orders = text_column(rows, "buyer"), text_column(rows, "order_ref")
    dossiers = rows["dossier_id"].astype(str).to_numpy(object)
    return np.where(buyers != "", "b:" + buyers, np.where(orders != "", "o:" + orders, "d:" + dossiers))
