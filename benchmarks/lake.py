"""P9: the same facts and numbers from Parquet on DuckDB, and on Spark with one executor and with two.

`python -m benchmarks.lake [COPIES] [SCALE] [--loose]` writes the demo's events at that scale, copied so many times
under shops of their own, and builds them on each; every table has to be equal, row by row. An executor is a process of
its own in a cluster on this machine, held to one core together with its Python (Linux; `--loose`: not held, so that
one executor gets what a second would leave of the other core); the driver runs wherever there is room. Starting the
cluster is timed by itself, and so is a small build on it, after which everything is loaded that a build needs.
`mapped_seconds` are those of the steps in which our functions run over the rows: reading, folding and counting; the
rest are statements, and what the driver does alone. Needs the extra `bench` and Java.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from benchmarks.common import report
from benchmarks.processes import count_executors, hold_executors, measure_processors
from operator_qos.db import create_database_engine, unit_of_work
from operator_qos.demo.load import list_past_events
from operator_qos.demo.plan import demo_plan
from operator_qos.lake.building import Plan, build_lake, clear_work
from operator_qos.lake.engines import DuckEngine, Mapper, Spread
from operator_qos.lake.engines import Engine as LakeEngine
from operator_qos.lake.spark import SparkEngine, open_spark
from operator_qos.lake.tables import SCHEMAS
from operator_qos.migrate import upgrade
from operator_qos.sellers.service import add_marketplace

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
COPIES, SCALE, FEW = 4, 0.25, 0.01
PARTS, FILE_ROWS = 16, 20_000
COLUMNS = ("id", "source", "type", "time", "subject", "marketplace", "shop", "data")
Json = dict[str, Any]


def write_input(folder: Path, copies: int, scale: float) -> int:
    """The demo's events and their copies as Parquet files, in order of time; how many."""
    folder.mkdir()
    rows: list[Json] = []
    files = 0
    for event in list_past_events(NOW, scale=scale):
        rows += [name_apart(event, copy) for copy in range(copies)]
        if len(rows) >= FILE_ROWS:
            _write(folder / f"events-{files:05d}.parquet", rows)
            rows, files = [], files + 1
    _write(folder / f"events-{files:05d}.parquet", rows)
    return sum(pq.ParquetFile(path).metadata.num_rows for path in folder.iterdir())


def name_apart(event: Any, copy: int) -> Any:
    """The same event under a shop of its own, and the source that makes its id unique."""
    if not isinstance(event, dict):
        return event
    changed = {name: name_apart(value, copy) for name, value in event.items()}
    if isinstance(event.get("source"), str):
        changed["source"] = f"{event['source']}/{copy}"
    if "specversion" in event:
        changed["shop"] = f"{event['shop']}-{copy}"
        if event["subject"] == event["shop"]:
            changed["subject"] = changed["shop"]
    return changed


def _write(path: Path, events: Sequence[Json]) -> None:
    rows = [{**{name: event.get(name) for name in COLUMNS}, "data": json.dumps(event.get("data") or {})}
            for event in events]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in COLUMNS])), path)


def open_database(path: Path) -> Engine:
    """A database with the demo's marketplaces."""
    engine = create_database_engine(f"sqlite:///{path}")
    upgrade(engine)
    with unit_of_work(engine) as session:
        for place in demo_plan(NOW.date()).marketplaces:
            add_marketplace(session, marketplace_id=place.id, timezone=place.timezone)
    return engine


class Timed:
    """An engine, with how long each thing took that was asked of it [s]."""

    def __init__(self, engine: LakeEngine) -> None:
        self._engine, self.name = engine, engine.name
        self.steps, self.mapped = dict[str, float](), 0.0

    def read_input(self, path: Path, columns: tuple[str, ...], mapper: Mapper, schema: pa.Schema) -> None:
        """As the engine does."""
        with self._clocked("log", is_mapped=True):
            self._engine.read_input(path, columns, mapper, schema)

    def create(self, table: str, statement: str) -> None:
        """As the engine does."""
        with self._clocked(table):
            self._engine.create(table, statement)

    def view(self, table: str, statement: str) -> None:
        """As the engine does."""
        with self._clocked("views"):
            self._engine.view(table, statement)

    def open(self, table: str, folder: Path) -> None:
        """As the engine does."""
        with self._clocked("views"):
            self._engine.open(table, folder)

    def fetch(self, statement: str) -> pa.Table:
        """As the engine does."""
        with self._clocked("fetched"):
            return self._engine.fetch(statement)

    def spread(self, spread: Spread, mapper: Mapper) -> None:
        """As the engine does."""
        with self._clocked(spread.into, is_mapped=True):
            self._engine.spread(spread, mapper)

    def close(self) -> None:
        """As the engine does."""
        self._engine.close()

    @contextmanager
    def _clocked(self, step: str, *, is_mapped: bool = False) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds = time.perf_counter() - began
        self.steps[step] = self.steps.get(step, 0.0) + seconds
        self.mapped += seconds if is_mapped else 0.0

    def tell(self, seconds: float) -> Json:
        """The steps, rounded; `driver_alone` is what lies between them."""
        alone = {"driver_alone": seconds - sum(self.steps.values())}
        return {"seconds": round(seconds, 1), "mapped_seconds": round(self.mapped, 1),
                "steps": {step: round(took, 2) for step, took in (self.steps | alone).items()}}


def build(database: Engine, engine: LakeEngine, plan: Plan) -> float:
    """How long it took [s]."""
    began = time.perf_counter()
    build_lake(database, engine, plan)
    seconds = time.perf_counter() - began
    engine.close()
    clear_work(plan)
    return seconds


@dataclass(frozen=True)
class Cluster:
    """How many executors, and whether each is held to a core of its own."""

    executors: int
    is_held: bool


@dataclass(frozen=True)
class Run:
    """How long a build took [s], in all and where our functions ran, with what is worth knowing besides."""

    seconds: float
    mapped_seconds: float
    told: Json


def build_on_spark(database: Engine, plans: tuple[Plan, Plan], cluster: Cluster) -> Run:
    """The second of these builds on a fresh cluster."""
    (first, plan), began = plans, time.perf_counter()
    session = open_spark(f"local-cluster[{cluster.executors},1,2048]")
    session.range(0, 1_000, 1, cluster.executors * 4).mapInArrow(_pass_on, "id long").count()
    while count_executors() < cluster.executors:
        time.sleep(0.1)
    if cluster.is_held:
        hold_executors()
    started = time.perf_counter() - began
    warming = build(database, _open_engine(first), first)
    engine, before = Timed(_open_engine(plan)), measure_processors()
    seconds = build(database, engine, plan)
    used = {part: round(now - before[part], 1) for part, now in measure_processors().items()}
    session.stop()
    return Run(seconds, engine.mapped, {
        "start_up_seconds": round(started, 1), "small_build_seconds": round(warming, 1), "processor_seconds": used,
        "executor_share": round(used["executors"] / (cluster.executors * seconds), 2), **engine.tell(seconds)})


def _open_engine(plan: Plan) -> LakeEngine:
    return SparkEngine(plan.work, parts=PARTS, on_progress=_tell_nobody)


def _tell_nobody(_step: str, _part: int, _of: int) -> None:
    """Each call of the engine is timed instead."""


def _pass_on(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


def list_differing(one: Path, other: Path) -> list[str]:
    """The tables that do not hold the same rows the same number of times."""
    return [table for table in SCHEMAS
            if _count_alone(one / table, other / table) or _count_alone(other / table, one / table)]


def _count_alone(folder: Path, other: Path) -> int:
    """How many rows of one table the other has not."""
    sides = (f"SELECT {', '.join(SCHEMAS[folder.name].names)} FROM read_parquet('{each}/*.parquet')"
             for each in (folder, other))
    (count,) = duckdb.execute(f"SELECT count(*) FROM ({' EXCEPT ALL '.join(sides)})").fetchall()[0]
    return int(count)


def _plan(base: Path, source: str, into: str) -> Plan:
    return Plan(base / source, base / into, NOW.isoformat(), NOW, PARTS)


def measure(base: Path, size: tuple[int, float], *, is_held: bool) -> None:
    """Build three times and print each."""
    events, _ = write_input(base / "in", *size), write_input(base / "few", 1, FEW)
    database, plan = open_database(base / "qos.db"), _plan(base, "in", "duckdb")
    here = Timed(DuckEngine(plan.work, parts=PARTS, on_progress=_tell_nobody))
    seconds = build(database, here, plan)
    report("P9 lake", engine="duckdb", processes=os.cpu_count(), events=events,
           events_per_second=round(events / seconds), **here.tell(seconds))
    runs = {executors: _measure_spark(base, database, Cluster(executors, is_held), events=events)
            for executors in (1, 2)}
    report("P9 one executor to two", events=events, is_held=is_held,
           times=round(runs[1].seconds / runs[2].seconds, 2),
           mapped_times=round(runs[1].mapped_seconds / runs[2].mapped_seconds, 2))


def _measure_spark(base: Path, database: Engine, cluster: Cluster, *, events: int) -> Run:
    plans = [_plan(base, source, f"{source}-{cluster.executors}") for source in ("few", "in")]
    run = build_on_spark(database, (plans[0], plans[1]), cluster)
    differing = list_differing(base / "duckdb", base / f"in-{cluster.executors}")
    report("P9 lake", engine="spark", executors=cluster.executors, is_held=cluster.is_held, events=events,
           equal=not differing, differing=differing, **run.told)
    return run


def main(arguments: Iterable[str]) -> None:
    """Run as the module says."""
    words = list(arguments)
    given = [word for word in words if word != "--loose"]
    copies, scale = int(given[0]) if given else COPIES, float(given[1]) if given[1:] else SCALE
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                   "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    with tempfile.TemporaryDirectory() as name:
        os.environ["SPARK_WORKER_DIR"] = str(Path(name) / "workers")
        measure(Path(name), (copies, scale), is_held="--loose" not in words)


if __name__ == "__main__":
    main(sys.argv[1:])
