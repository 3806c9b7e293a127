"""The event log as Parquet: what a lake build reads, and any other program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.events.models import Event
from operator_qos.lake.reading import TYPED
from operator_qos.sellers.models import Shop
from scoring.event_types import PREFIX, TYPES
from scoring.events import iso

FILE_ROWS = 1_000_000
BATCH_ROWS = 50_000
COLUMNS = pa.schema([(name, pa.string()) for name in (
    "specversion", "id", "source", "type", "time", "othertime", "subject", "marketplace", "shop", "data", "form")])


def write_events(
    session: Session, folder: Path, *, marketplace: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the log into a folder, oldest first by number; returns how many events."""
    folder.mkdir(parents=True, exist_ok=True)
    written, after = 0, 0
    for number in range(1_000_000):
        with pq.ParquetWriter(folder / f"events-{number:05d}.parquet", COLUMNS, compression="zstd") as writer:
            for rows in _list_batches(session, after, marketplace):
                writer.write_table(_to_table(rows))
                after, written = rows[-1].seq, written + len(rows)
                on_progress(written)
        if written < (number + 1) * FILE_ROWS:
            return written
    return written


def _list_batches(session: Session, after: int, marketplace: str | None) -> Iterator[list[Any]]:
    """The events of one file."""
    columns = (Event.seq, Event.type_rank, Event.at_ms, Event.other_ms, Event.source, Event.event_id, Event.subject,
               Event.data, Shop.marketplace_id, Shop.code)
    query = select(*columns).join(Shop, Shop.id == Event.shop_id).order_by(Event.seq).limit(BATCH_ROWS)
    if marketplace is not None:
        query = query.where(Shop.marketplace_id == marketplace)
    for _ in range(FILE_ROWS // BATCH_ROWS):
        rows = list(session.execute(query.where(Event.seq > after)))
        if not rows:
            return
        yield rows
        after = rows[-1].seq


def _to_table(rows: list[Any]) -> pa.Table:
    return pa.Table.from_pylist([
        {"specversion": "1.0", "id": row.event_id, "source": row.source, "type": PREFIX + TYPES[row.type_rank],
         "time": iso(row.at_ms), "othertime": None if row.other_ms is None else iso(row.other_ms),
         "subject": row.subject, "marketplace": row.marketplace_id, "shop": row.code,
         "data": orjson.dumps(row.data).decode(), "form": TYPED}
        for row in rows], schema=COLUMNS)
