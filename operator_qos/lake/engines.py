"""What a build asks of an engine: read Parquet, run a statement, run a function over many batches at once.

The statements are the same for both engines, and so are the functions: only where they run differs. Every step leaves
a folder of Parquet files in the work folder, so that nothing has to fit into memory.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

BATCH_ROWS = 10_000
Mapper = Callable[[Iterator[pa.RecordBatch], int], Iterator[pa.RecordBatch]]
Progress = Callable[[str, int, int], None]  # the step, how many parts are done, of how many


class LakeError(RuntimeError):
    """A build that cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class Spread:
    """A function run over the rows of a table: all with the same `key` in one part, each part in that `order`."""

    source: str
    into: str
    schema: pa.Schema
    key: str
    order: str


class Engine(Protocol):
    """Where a build runs."""

    name: str

    def read_input(self, path: Path, columns: tuple[str, ...], mapper: Mapper, schema: pa.Schema) -> None:
        """Run the mapper over the rows of a folder of Parquet; the table `log` holds what it gives."""

    def create(self, table: str, statement: str) -> None:
        """Keep the rows of a statement as a table."""

    def view(self, table: str, statement: str) -> None:
        """Name a statement as a table, to be worked out wherever it is used."""

    def open(self, table: str, folder: Path) -> None:
        """Name a folder of Parquet files as a table."""

    def fetch(self, statement: str) -> pa.Table:
        """The rows of a statement, few enough to be held."""

    def spread(self, spread: Spread, mapper: Mapper) -> None:
        """Run the mapper over every part of a table; the table `spread.into` holds what it gives."""

    def close(self) -> None:
        """Give back what the engine holds."""


def open_input(path: Path) -> ds.Dataset:
    """A file or folder of Parquet, partitioned by names in folders or not. Raises LakeError."""
    if not path.exists():
        raise LakeError(f"{path} is not there; name a Parquet file or a folder of them")
    try:
        found = ds.dataset(path, format="parquet", partitioning=ds.partitioning(flavor="hive"))
    except (pa.ArrowInvalid, OSError) as error:
        raise LakeError(f"{path} cannot be read as Parquet: {error}") from error
    if not found.files:
        raise LakeError(f"{path} holds no Parquet file")
    return found


def check_columns(path: Path, required: tuple[str, ...], optional: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of the input that are read. Raises LakeError naming those that are missing."""
    names = set(open_input(path).schema.names)
    missing = [name for name in required if name not in names]
    if missing:
        raise LakeError(f"{path} has no column {', '.join(missing)}; docs/lake.md lists the columns of events")
    return (*required, *(name for name in optional if name in names))


def read_table(folder: Path, *columns: str) -> pa.Table:
    """Some columns of a table of the work folder, few enough rows to be held: no engine is needed for those."""
    return ds.dataset(folder, format="parquet").to_table(columns=list(columns))


def count_rows(folder: Path, where: pc.Expression | None = None) -> int:
    """How many rows a table of the work folder holds."""
    return int(ds.dataset(folder, format="parquet").count_rows(filter=where))


def list_input_fragments(path: Path) -> list[ds.Fragment]:
    """The row groups of every file, in an order that is always the same."""
    found = sorted(open_input(path).get_fragments(), key=lambda fragment: fragment.path)
    return [piece for fragment in found for piece in fragment.split_by_row_group()]


class DuckEngine:
    """DuckDB for statements, one process per core for functions."""

    name = "duckdb"

    def __init__(self, work: Path, *, parts: int, on_progress: Progress, processes: int | None = None) -> None:
        self._work, self._parts, self._told = work, parts, on_progress
        self._processes = processes or os.cpu_count() or 1
        work.mkdir(parents=True, exist_ok=True)
        self._connection = connect_duckdb(work)
        self._pool: ProcessPoolExecutor | None = None

    def read_input(self, path: Path, columns: tuple[str, ...], mapper: Mapper, schema: pa.Schema) -> None:
        """As the protocol says; a part is a row group."""
        count = len(list_input_fragments(path))
        target = self._fresh("log")
        self._run_all("reading", [
            (_read_part, (path, columns, part, mapper, target, schema)) for part in range(count)])
        self.open("log", target)

    def create(self, table: str, statement: str) -> None:
        """As the protocol says."""
        target = self._fresh(table)
        self._connection.execute(f"COPY ({statement}) TO {quoted(target / 'part-0.parquet')} (FORMAT parquet)")
        self.open(table, target)
        self._told(table, 1, 1)

    def view(self, table: str, statement: str) -> None:
        """As the protocol says."""
        self._connection.execute(f"CREATE VIEW {table} AS {statement}")

    def open(self, table: str, folder: Path) -> None:
        """As the protocol says."""
        self._connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({quoted(folder / '*.parquet')})")  # noqa: S608  # names are ours

    def fetch(self, statement: str) -> pa.Table:
        """As the protocol says."""
        return self._connection.sql(statement).to_arrow_table()

    def spread(self, spread: Spread, mapper: Mapper) -> None:
        """As the protocol says."""
        apart, target = self._fresh(f"{spread.source}_apart"), self._fresh(spread.into)
        self._connection.execute(
            f"COPY (SELECT *, ({spread.key}) % {self._parts} AS lake_part FROM {spread.source}) TO {quoted(apart)} "  # noqa: S608  # names are ours
            "(FORMAT parquet, PARTITION_BY (lake_part))")
        found = sorted(int(folder.name.partition("=")[2]) for folder in apart.iterdir())
        self._run_all(spread.into, [
            (_spread_part, (apart / f"lake_part={part}", spread, part, mapper, target)) for part in found])
        if not found:
            pq.write_table(spread.schema.empty_table(), target / "part-0.parquet")
        self.open(spread.into, target)

    def close(self) -> None:
        """As the protocol says."""
        self._connection.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _fresh(self, table: str) -> Path:
        folder = self._work / table
        folder.mkdir()
        return folder

    def _run_all(self, step: str, tasks: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
        for done, future in enumerate(self._submit(tasks), start=1):
            future.result()
            self._told(step, done, len(tasks))

    def _submit(self, tasks: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> Iterator[Future[None]]:
        if self._processes == 1 or len(tasks) == 1:
            for function, arguments in tasks:
                future: Future[None] = Future()
                future.set_result(function(*arguments))
                yield future
            return
        if self._pool is None:
            # Processes that start afresh make many objects and no cycles; looking for cycles would be lost time.
            self._pool = ProcessPoolExecutor(
                self._processes, mp_context=get_context("spawn"), initializer=gc.disable)
        yield from as_completed([self._pool.submit(function, *arguments) for function, arguments in tasks])


def quoted(path: Path) -> str:
    """A path as a statement names it."""
    return "'" + str(path).replace("'", "''") + "'"


def connect_duckdb(scratch: Path | None = None) -> Any:
    """A DuckDB of this process, which puts aside in `scratch` what does not fit. Raises LakeError without DuckDB."""
    try:
        import duckdb
    except ImportError:
        raise LakeError("DuckDB is not installed; run: pip install 'operator-qos[lake]'") from None
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    if scratch is not None:
        connection.execute(f"SET temp_directory = {quoted(scratch / 'spill')}")
    return connection


@lru_cache(maxsize=2)
def _list_fragments_once(path: Path) -> tuple[ds.Fragment, ...]:
    return tuple(list_input_fragments(path))


def _read_part(
    path: Path, columns: tuple[str, ...], part: int, mapper: Mapper, target: Path, schema: pa.Schema
) -> None:
    fragment, whole = _list_fragments_once(path)[part], open_input(path).schema
    batches = fragment.to_batches(schema=whole, columns=list(columns), batch_size=BATCH_ROWS)
    write_parts(mapper(batches, part), target / f"part-{part:05d}.parquet", schema)


def _spread_part(folder: Path, spread: Spread, part: int, mapper: Mapper, target: Path) -> None:
    connection = connect_duckdb(target)
    connection.execute("SET threads = 1")  # the other cores have parts of their own
    reader = connection.sql(
        f"SELECT * FROM read_parquet({quoted(folder / '*.parquet')}, hive_partitioning = false) ORDER BY {spread.order}"  # noqa: S608  # names are ours
    ).to_arrow_reader(BATCH_ROWS)
    write_parts(mapper(iter(reader), part), target / f"part-{part:05d}.parquet", spread.schema)
    connection.close()


def write_parts(batches: Iterator[pa.RecordBatch], target: Path, schema: pa.Schema) -> None:
    """Write batches as one Parquet file, there as a whole or not at all."""
    unfinished = target.with_suffix(".unfinished")
    with pq.ParquetWriter(unfinished, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
    unfinished.rename(target)
