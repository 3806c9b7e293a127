"""Folding dossiers where their events are: batches sorted by dossier in, a Parquet file per kind of row out."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from operator_qos.events.log import typed_from_row
from operator_qos.lake.tables import EVENT, FACTS, SCHEMAS, SUMMARY
from operator_qos.ledger.workers import Piece, derive_guarded
from scoring.dossier import Frame
from scoring.events import TypedEvent

PIECE = 500  # dossiers derived at once
GROUP_ROWS = 50_000  # rows of a row group: what is kept before it is written, and what a query must read at least
_COLUMNS = tuple(EVENT.names)


class LogRow(NamedTuple):
    """A row of the sorted log, its columns in the order of EVENT, as the log's own reader takes it."""

    shop_id: int
    dossier_id: int | None
    type_rank: int
    at_ms: int
    other_ms: int | None
    source: str
    event_id: str
    subject: str
    data: Any


def list_log_rows(batch: pa.RecordBatch | pa.Table) -> Iterator[LogRow]:
    """The rows of a batch of sorted events."""
    columns = [batch.column(name).to_pylist() for name in _COLUMNS]
    for row in zip(*columns, strict=True):
        yield LogRow._make((*row[:-1], orjson.loads(row[-1])))


class PartFiles:
    """One Parquet file per table for one part of the build; each is there as a whole or not at all."""

    def __init__(self, output: Path, part: int) -> None:
        self._output, self._name = output, f"part-{part:05d}.parquet"
        self._stack, self._writers, self._kept = ExitStack(), dict[str, Any](), dict[str, list[Sequence[Any]]]()
        self._batches: dict[str, list[pa.RecordBatch]] = {}
        self.rows = 0

    def add(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows in the order of the table's columns."""
        kept = self._kept.setdefault(table, [])
        kept += rows
        self.rows += len(rows)
        if len(kept) >= GROUP_ROWS:
            self._flush(table)

    def add_batch(self, table: str, batch: pa.RecordBatch) -> None:
        """Add rows that are Arrow already."""
        kept = self._batches.setdefault(table, [])
        kept.append(batch)
        if sum(one.num_rows for one in kept) >= GROUP_ROWS:
            self._write(table, pa.Table.from_batches(kept))
            kept.clear()

    def close(self) -> None:
        """Write what is left, and let the files be seen."""
        for table, batches in self._batches.items():
            if batches:
                self._write(table, pa.Table.from_batches(batches))
        for table in self._kept:
            self._flush(table)
        self._stack.close()
        for table in self._writers:
            (self._output / table / self._name).with_suffix(".unfinished").rename(self._output / table / self._name)

    def _flush(self, table: str) -> None:
        rows, schema = self._kept[table], SCHEMAS[table]
        if rows:
            columns = zip(*rows, strict=True)
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
            self._write(table, pa.Table.from_arrays(arrays, schema=schema))
            self._kept[table] = []

    def _write(self, table: str, rows: pa.Table) -> None:
        if table not in self._writers:
            folder = self._output / table
            folder.mkdir(parents=True, exist_ok=True)
            path = (folder / self._name).with_suffix(".unfinished")
            self._writers[table] = self._stack.enter_context(
                pq.ParquetWriter(path, SCHEMAS[table], compression="zstd"))
        self._writers[table].write_table(rows, row_group_size=GROUP_ROWS)


def keep_frames(path: Path, frames: Mapping[int, Frame]) -> None:
    """Write what dossiers are judged in where every process of the build can read it."""
    path.write_bytes(pickle.dumps(dict(frames), protocol=pickle.HIGHEST_PROTOCOL))


@lru_cache(maxsize=2)
def _read_frames(path: Path) -> Mapping[int, Frame]:
    found: dict[int, Frame] = pickle.loads(path.read_bytes())  # noqa: S301  # written by this very build
    return found


@dataclass
class _Told:
    events: int = 0
    dossiers: int = 0
    flaws: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Folder:
    """Folds a part of the log into the tables of facts, in files of its own; gives one line that sums it up."""

    frames: Path
    output: Path

    def __call__(self, batches: Iterator[pa.RecordBatch], part: int) -> Iterator[pa.RecordBatch]:
        """The summary of the part."""
        files, told = PartFiles(self.output, part), _Told()
        rows = (row for batch in self._kept(batches, files) for row in list_log_rows(batch))
        for dossiers in _pieces(_dossiers(rows), PIECE):
            self._fold(dossiers, files, told)
        files.close()
        flaws = orjson.dumps({str(dossier): why for dossier, why in told.flaws.items()}).decode()
        yield pa.RecordBatch.from_pylist(
            [{"part": part, "events": told.events, "dossiers": told.dossiers, "rows": files.rows, "flaws": flaws}],
            schema=SUMMARY)

    def _kept(self, batches: Iterable[pa.RecordBatch], files: PartFiles) -> Iterator[pa.RecordBatch]:
        """The batches, each kept among the output as well: what a row came from is read there."""
        for batch in batches:
            named = pa.RecordBatch.from_arrays([batch.column(name) for name in _COLUMNS], schema=EVENT)
            files.add_batch("events", named)
            yield named

    def _fold(self, dossiers: Mapping[int, tuple[int, list[TypedEvent]]], files: PartFiles, told: _Told) -> None:
        piece: Piece = derive_guarded(dossiers, _read_frames(self.frames))
        for name, rows in piece.rows.items():
            files.add(FACTS[name], rows)
        told.events += sum(len(events) for _, events in dossiers.values())
        told.dossiers += len(dossiers)
        told.flaws |= piece.flaws


def _dossiers(rows: Iterable[LogRow]) -> Iterator[tuple[int, tuple[int, list[TypedEvent]]]]:
    """The events of each dossier, rows being sorted by it; an event that came twice is one."""
    for (shop_id, dossier), found in groupby(rows, key=lambda row: (row.shop_id, row.dossier_id)):
        if dossier is not None:
            once = {(row.source, row.event_id): row for row in found}
            yield dossier, (shop_id, [typed_from_row(row) for row in once.values()])


def _pieces(
    dossiers: Iterator[tuple[int, tuple[int, list[TypedEvent]]]], size: int
) -> Iterator[dict[int, tuple[int, list[TypedEvent]]]]:
    piece: dict[int, tuple[int, list[TypedEvent]]] = {}
    for dossier, found in dossiers:
        piece[dossier] = found
        if len(piece) >= size:
            yield piece
            piece = {}
    if piece:
        yield piece
