"""The same counts by hand-written SQL on warm DuckDB, for evaluations to be measured against; needs extra `bench`."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.metrics import GROUP_CODES, METRICS
from scoring.standards import Standard
from scoring.windows import window_start_ms

COUNTED = """
    SELECT shop_id, count(*) FILTER (official_base & {flag} > 0) AS base,
           count(*) FILTER (official_bad & official_base & {flag} > 0) AS bad,
           count(DISTINCT CASE WHEN official_bad & official_base & {flag} > 0 THEN buyer END) AS buyers
    FROM rows WHERE group_code = {group} AND anchor_ms >= {start} AND anchor_ms < {end}
      AND from_ms < {end} AND until_ms >= {end} GROUP BY shop_id
"""
Counted = Mapping[str, NDArray[np.int64]]


class WarmRows:
    """Outcome rows in DuckDB's own memory."""

    def __init__(self, rows: pd.DataFrame, standard: Standard) -> None:
        self.standard = standard
        self._database = duckdb.connect()
        # Sorted as one would keep them: DuckDB then skips the blocks a window does not touch.
        kept = rows.drop(columns=["unit", "order_ref", "dossier_id"]).astype({"buyer": "str"})
        self._database.register("given", kept)
        self._database.execute("CREATE TABLE rows AS SELECT * FROM given ORDER BY group_code, anchor_ms")
        self._database.unregister("given")

    def count(self, end_ms: int, zone: str) -> dict[str, Counted]:
        """Base, bad and buyers of each rule by shop, for the T at `end_ms` [epoch ms]."""
        found = {}
        for rule in self.standard.rules:
            metric = METRICS[rule.metric]
            asked = COUNTED.format(flag=metric.flag, group=GROUP_CODES[metric.group], end=end_ms,
                                   start=window_start_ms(end_ms, zone, days=rule.window_days))
            found[rule.metric] = self._database.execute(asked).fetchnumpy()
        return found
