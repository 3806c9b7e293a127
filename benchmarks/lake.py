"""P9: the same facts and numbers from Parquet on DuckDB, and on Spark with one executor and with two.

`python -m benchmarks.lake [COPIES] [SCALE]` writes the demo's events at that scale, copied so many times under shops
of their own, and builds them on each; every table has to be equal, row by row. An executor is a process of its own
with one core, in a cluster on this machine, which the driver shares. Starting the cluster is timed by itself, and so is
a small build on it, after which everything is loaded that a build needs. Needs the extra `bench` and Java.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from benchmarks.common import report
from operator_qos.db import create_database_engine, unit_of_work
from operator_qos.demo.load import list_past_events
from operator_qos.demo.plan import demo_plan
from operator_qos.lake.building import Plan, build_lake, clear_work
from operator_qos.lake.engines import DuckEngine
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


class Steps:
    """How long each step of a build took [s]."""

    def __init__(self) -> None:
        self._last, self.seconds = time.perf_counter(), dict[str, float]()

    def __call__(self, step: str, done: int, of: int) -> None:
        """Told by the engine after each part of a step."""
        if done == of:
            now = time.perf_counter()
            self.seconds[step], self._last = round(now - self._last, 2), now


def build(database: Engine, engine: LakeEngine, plan: Plan) -> float:
    """How long it took [s]."""
    began = time.perf_counter()
    build_lake(database, engine, plan)
    seconds = time.perf_counter() - began
    engine.close()
    clear_work(plan)
    return seconds


def build_on_spark(database: Engine, first: Plan, plan: Plan, executors: int) -> tuple[float, Json]:
    """How long the second build took [s], with what is worth knowing besides."""
    began = time.perf_counter()
    session = open_spark(f"local-cluster[{executors},1,2048]")
    session.range(0, 1_000, 1, executors * 4).mapInArrow(_pass_on, "id long").count()
    started = time.perf_counter() - began
    warming = build(database, SparkEngine(first.work, parts=PARTS, on_progress=Steps()), first)
    steps = Steps()
    seconds = build(database, SparkEngine(plan.work, parts=PARTS, on_progress=steps), plan)
    session.stop()
    return seconds, {"start_up_seconds": round(started, 1), "small_build_seconds": round(warming, 1),
                     "steps": steps.seconds}


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


def measure(base: Path, copies: int, scale: float) -> None:
    """Build three times and print each."""
    events, _ = write_input(base / "in", copies, scale), write_input(base / "few", 1, FEW)
    database = open_database(base / "qos.db")
    plan, steps = _plan(base, "in", "duckdb"), Steps()
    here = build(database, DuckEngine(plan.work, parts=PARTS, on_progress=steps), plan)
    report("P9 lake", engine="duckdb", processes=os.cpu_count(), events=events, seconds=round(here, 1),
           events_per_second=round(events / here), steps=steps.seconds)
    took: dict[int, float] = {}
    for executors in (1, 2):
        plans = _plan(base, "few", f"few-{executors}"), _plan(base, "in", str(executors))
        took[executors], told = build_on_spark(database, *plans, executors)
        differing = list_differing(base / "duckdb", base / str(executors))
        report("P9 lake", engine="spark", executors=executors, events=events, seconds=round(took[executors], 1),
               equal=not differing, differing=differing, **told)
    report("P9 one executor to two", events=events, times=round(took[1] / took[2], 2))


def main(arguments: Iterable[str]) -> None:
    """Run as the module says."""
    given = list(arguments)
    copies, scale = int(given[0]) if given else COPIES, float(given[1]) if given[1:] else SCALE
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                   "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    with tempfile.TemporaryDirectory() as name:
        os.environ["SPARK_WORKER_DIR"] = str(Path(name) / "workers")
        measure(Path(name), copies, scale)


if __name__ == "__main__":
    main(sys.argv[1:])
