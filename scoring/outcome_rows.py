"""Outcome rows of a ledger as the unit rows that standards measure."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from scoring.answers import Texts
from scoring.measures import text_column
from scoring.metrics import GROUP_CODES, METRICS

UNITS = {
    "placed": "order", "ship": "order", "deliver": "order", "shipped": "order", "review": "review", "turn": "message",
    "case": "case", "resolved": "case",
}
FIRST_TURNS = frozenset({"first_response_time"})
PASSED_ON = ("from_ms", "until_ms", "amount", "category", "country", "channel", "fulfilment", "carrier", "value_minor")


def to_unit_rows(outcomes: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """One row per outcome and metric that ever has it in base; see ``scoring.measures`` for the columns.

    ``outcomes`` has ``shop_id``, ``group_code``, ``unit``, ``anchor_ms``, the masks ``base``, ``bad``,
    ``official_base`` and ``official_bad`` (see ``scoring.outcomes``), ``order_ref``, ``buyer``, ``dossier_id``, and may
    have those of ``PASSED_ON``. What was forgiven comes as ``excluded``. Raises KeyError for a metric outside the
    catalogue.
    """
    parts = [_select(outcomes, metric) for metric in dict.fromkeys(metrics)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _select(outcomes: pd.DataFrame, name: str) -> pd.DataFrame:
    metric = METRICS[name]
    masks = {key: outcomes[key].to_numpy(np.int64) for key in ("base", "bad", "official_base", "official_bad")}
    ever = (masks["base"] | masks["official_base"]) & metric.flag > 0
    here = (outcomes["group_code"].to_numpy(np.int64) == GROUP_CODES[metric.group]) & ever
    rows = outcomes[here]
    flags = {key: mask[here] & metric.flag > 0 for key, mask in masks.items()}
    return pd.DataFrame({
        "shop": rows["shop_id"].to_numpy(), "metric": name,
        "unit": "first_message" if name in FIRST_TURNS else UNITS[metric.group],
        "unit_ref": rows["unit"].to_numpy(object),
        "anchor_ms": rows["anchor_ms"].to_numpy(np.int64),
        "base": flags["base"].astype(np.int64),
        "bad": (flags["bad"] & flags["base"]).astype(np.int64), "excluded": _excluded(flags), "buyer": _buyers(rows),
        **{key: rows[key].to_numpy() for key in PASSED_ON if key in rows},
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
