"""P9: the same facts and numbers from Parquet on DuckDB and on Spark with one executor and with two.

`python -m benchmarks.lake [SCALE]` writes the demo's events at that scale and builds them three times; every table must
be equal, row by row.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from sqlalchemy import Engine

from benchmarks.common import report
from operator_qos.db import create_database_engine, unit_of_work
from operator_qos.demo.load import list_past_events
from operator_qos.demo.plan import demo_plan
from operator_qos.lake.building import Built, Plan, build_lake, clear_work
from operator_qos.lake.engines import DuckEngine
from operator_qos.lake.engines import Engine as LakeEngine
from operator_qos.lake.spark import SparkEngine, open_spark
from operator_qos.lake.tables import SCHEMAS
from operator_qos.migrate import upgrade
from operator_qos.sellers.service import add_marketplace

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
SCALE = 0.05
PARTS = 8
FILE_ROWS = 50_000
COLUMNS = ("id", "source", "type", "time", "subject", "marketplace", "shop", "data")
KEYS = ("shop_id", "dossier_id")


def write_input(folder: Path, scale: float) -> int:
    """The demo's events as Parquet files; returns how many."""
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    written = 0
    for event in list_past_events(NOW, scale=scale):
        rows.append({name: event.get(name) for name in COLUMNS[:-1]} | {"data": json.dumps(event.get("data") or {})})
        if len(rows) == FILE_ROWS:
            written += _write(folder, rows, written)
            rows = []
    return written + _write(folder, rows, written)


def _write(folder: Path, rows: Sequence[dict[str, Any]], number: int) -> int:
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), folder / f"events-{number:09d}.parquet")
    return len(rows)


def open_database(path: Path) -> Engine:
    """A database with the demo's marketplaces."""
    engine = create_database_engine(f"sqlite:///{path}")
    upgrade(engine)
    with unit_of_work(engine) as session:
        for place in demo_plan(NOW.date()).marketplaces:
            add_marketplace(session, marketplace_id=place.id, timezone=place.timezone)
    return engine


def build(database: Engine, engine: LakeEngine, plan: Plan) -> tuple[Built, float]:
    """What was built, and how long it took [s]."""
    began = time.perf_counter()
    built = build_lake(database, engine, plan)
    seconds = time.perf_counter() - began
    engine.close()
    clear_work(plan)
    return built, seconds


def is_equal(one: Path, other: Path) -> bool:
    """Whether two builds hold the same rows, table by table."""
    return all(_sorted_rows(one / table) == _sorted_rows(other / table) for table in SCHEMAS if table != "events")


def _sorted_rows(folder: Path) -> list[str]:
    table = ds.dataset(folder, format="parquet").to_table()
    columns = [column.to_pylist() for column in table.select(sorted(table.column_names)).columns]
    return sorted(map(repr, zip(*columns, strict=True)))


def quiet(_step: str, _done: int, _of: int) -> None:
    """Progress nobody watches."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    scale = float(arguments[0]) if arguments else SCALE
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYTHONPATH": os.pathsep.join(sys.path),
                   "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost"}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        os.environ["SPARK_WORKER_DIR"] = str(base / "workers")
        events = write_input(base / "in", scale)
        database = open_database(base / "qos.db")
        plans = {what: Plan(base / "in", base / what, NOW.isoformat(), NOW, PARTS) for what in ("duckdb", "one", "two")}
        here = DuckEngine(plans["duckdb"].work, parts=PARTS, on_progress=quiet)
        _, seconds = build(database, here, plans["duckdb"])
        report("P9", work="lake build, DuckDB, a process per core", events=events, seconds=round(seconds, 1),
               events_per_second=round(events / seconds))
        took: dict[str, float] = {}
        for what, executors in (("one", 1), ("two", 2)):
            session = open_spark(f"local-cluster[{executors},1,2048]")
            session.range(1000).repartition(executors).mapInArrow(_pass_on, "id long").count()  # workers are warm
            there = SparkEngine(plans[what].work, parts=PARTS, on_progress=quiet)
            _, took[what] = build(database, there, plans[what])
            session.stop()
            report("P9", work=f"lake build, Spark, {executors} executor(s)", events=events,
                   seconds=round(took[what], 1), equal=is_equal(base / "duckdb", base / what))
        report("P9", work="two executors against one", times=round(took["one"] / took["two"], 2))


def _pass_on(batches: Any) -> Any:
    yield from batches


if __name__ == "__main__":
    main(sys.argv[1:])
