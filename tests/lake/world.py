"""Many random histories side by side, in a database and as Parquet, and the rows of a build to compare."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from sqlalchemy import Engine, select

from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.lake.building import Built, Plan, build_lake
from operator_qos.lake.engines import Engine as LakeEngine
from operator_qos.lake.linking import MOST_HELD
from operator_qos.lake.tables import FACTS, SCHEMAS
from operator_qos.ledger import models
from operator_qos.ledger.jobs import start_cells
from operator_qos.ledger.models import MetricDay, Scorecard
from operator_qos.migrate import upgrade
from tests.histories import ZONES, Json, history_of
from tests.pipeline.loading import NOW, add_places

PARTS = 3


def histories(count: int, *, max_events: int = 40) -> list[Json]:
    """Events of that many worlds of one or two shops each, which share marketplaces and nothing else."""
    return [event for seed in range(count) for event in _apart(
        history_of(random.Random(seed).randrange, max_events), f"{seed:03d}")]


def _apart(value: Any, seed: str) -> Any:
    """The same world under names of its own: its shops, and the sources that make ids unique."""
    if isinstance(value, list):
        return [_apart(item, seed) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _apart(item, seed) for name, item in value.items()}
    if isinstance(value.get("source"), str):
        changed["source"] = f"{value['source']}/{seed}"
    if "shop" in value and "specversion" in value:
        changed["shop"] = f"{value['shop']}-{seed}"
        if value["type"] == "qos.shop.opened":
            changed["subject"] = changed["shop"]
    return changed


def write_parquet(folder: Path, documents: Sequence[Json], *, files: int = 2) -> Path:
    """The events as a folder of Parquet files, their data as JSON text."""
    folder.mkdir(parents=True)
    for number in range(files):
        rows = [{**document, "data": json.dumps(document["data"]) if "data" in document else None}
                for document in documents[number::files]]
        names = sorted({name for row in rows for name in row})
        columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
        pq.write_table(pa.table(columns), folder / f"events-{number}.parquet", row_group_size=200)
    return folder


def fresh_database(path: Path) -> Engine:
    """A database with the marketplaces of the histories."""
    engine = create_database_engine(f"sqlite:///{path}")
    upgrade(engine)
    add_places(engine, ZONES)
    return engine


def open_in_order(engine: Engine, documents: Sequence[Json]) -> None:
    """Open every shop in the order in which a build opens them: ids, and hashes with them, are the same then."""
    from operator_qos.lake.shops import open_shops

    with unit_of_work(engine) as session:
        open_shops(session, {(event["marketplace"], event["shop"]) for event in documents}, now_ms=0)


def quiet(_step: str, _done: int, _of: int) -> None:
    """Progress nobody watches."""


def build(
    database: Engine, engine: LakeEngine, source: Path, folder: Path, *, as_of: str, now: datetime = NOW,
    most_held: int = MOST_HELD,
) -> Built:
    """Build into a folder."""
    return build_lake(database, engine, Plan(source, folder, as_of, now, PARTS, most_held))


def list_lake_rows(folder: Path, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table of a build, sorted."""
    found = ds.dataset(folder / table, format="parquet").to_table().select(SCHEMAS[table].names)
    return sort_rows(zip(*(column.to_pylist() for column in found.columns), strict=True) if found.num_columns else ())


def sort_rows(rows: Any) -> list[tuple[Any, ...]]:
    """Rows in an order that only depends on them."""
    return sorted((tuple(row) for row in rows), key=repr)


def list_ledger_rows(engine: Engine) -> Mapping[str, list[tuple[Any, ...]]]:
    """The same tables as the database derived them."""
    of_results = {"metric_days": MetricDay, "scorecards": Scorecard}
    named = {table: getattr(models, name) for name, table in FACTS.items()} | of_results
    with reading(engine) as session:
        return {table: sort_rows(session.execute(select(
            *(getattr(model, column) for column in SCHEMAS[table].names)))) for table, model in named.items()}


def count_as_of(engine: Engine, moments_ms: Mapping[int, int]) -> None:
    """Count the database's cells and scorecards as of these moments."""
    with unit_of_work(engine) as session:
        for at_ms in set(moments_ms.values()):
            start_cells(session, [shop for shop, at in moments_ms.items() if at == at_ms], now_ms=at_ms)
