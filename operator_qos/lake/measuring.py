"""The numbers of shops from their outcomes in the lake, by the code that counts them in the ledger."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.lake.folding import PartFiles
from operator_qos.lake.scratch import Places, fill, scratch_session
from operator_qos.lake.tables import MEASURED, SCHEMAS, UNITS
from operator_qos.ledger.jobs import start_cells
from operator_qos.ledger.models import MetricDay, OutcomeRow, Scorecard
from operator_qos.ledger.values import Moments, list_metric_values

AT_ONCE = 200  # shops counted together


def keep_places(path: Path, places: Places) -> None:
    """Write what outcomes are counted in where every process of the build can read it."""
    path.write_bytes(pickle.dumps(places, protocol=pickle.HIGHEST_PROTOCOL))


@lru_cache(maxsize=2)
def _read_places(path: Path) -> Places:
    found: Places = pickle.loads(path.read_bytes())  # noqa: S301  # written by this very build
    return found


@dataclass(frozen=True)
class Measurer:
    """Counts the shops of a part: day cells, scorecards, metric values; gives the shops it counted."""

    places: Path
    output: Path
    as_of_ms: Mapping[int, int]  # by shop
    moments: Moments

    def __call__(self, batches: Iterator[pa.RecordBatch], part: int) -> Iterator[pa.RecordBatch]:
        """The shops of the part, whose rows come sorted by shop."""
        files, shops = PartFiles(self.output, part), list[int]()
        for found in self._by_shops(batches):
            self._measure(found, files)
            shops += found
        files.close()
        yield pa.RecordBatch.from_pydict({"shop_id": shops}, schema=MEASURED)

    def _by_shops(self, batches: Iterator[pa.RecordBatch]) -> Iterator[dict[int, list[tuple[Any, ...]]]]:
        """The outcomes of some shops at a time."""
        rows = (row for batch in batches for row in zip(
            *(batch.column(name).to_pylist() for name in UNITS), strict=True))
        kept: dict[int, list[tuple[Any, ...]]] = {}
        for shop_id, found in groupby(rows, key=lambda row: row[0]):
            kept[shop_id] = list(found)
            if len(kept) >= AT_ONCE:
                yield kept
                kept = {}
        if kept:
            yield kept

    def measure_idle(self, shop_ids: Sequence[int], part: int) -> None:
        """The rows of shops of which nothing counts, as one more part."""
        files = PartFiles(self.output, part)
        for some in chunks(list(shop_ids), AT_ONCE):
            self._measure({shop: [] for shop in some}, files)
        files.close()

    def _measure(self, found: Mapping[int, list[tuple[Any, ...]]], files: PartFiles) -> None:
        with scratch_session(_read_places(self.places).only(list(found))) as session:
            for rows in found.values():
                fill(session, OutcomeRow, UNITS, rows)
            for at_ms in sorted({self.as_of_ms[shop] for shop in found}):
                start_cells(session, [shop for shop in found if self.as_of_ms[shop] == at_ms], now_ms=at_ms)
            files.add("metric_days", _rows_of(session, MetricDay, "metric_days"))
            files.add("scorecards", _rows_of(session, Scorecard, "scorecards"))
            for official in (True, False):
                values = list_metric_values(session, self.moments, official=official)
                files.add("metrics", [astuple(value) for value in values])


def _rows_of(session: Session, model: type[Any], table: str) -> list[tuple[Any, ...]]:
    columns = [getattr(model, name) for name in SCHEMAS[table].names]
    return [tuple(row) for row in session.execute(select(*columns).order_by(*columns[:3]))]
