"""The same build on Spark, in a cluster of two worker processes, gives the same rows."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_qos.lake.engines import DuckEngine
from operator_qos.lake.spark import SparkEngine, open_spark
from operator_qos.lake.tables import SCHEMAS
from tests.lake.world import PARTS, build, fresh_database, histories, list_lake_rows, quiet, write_parquet

pytestmark = pytest.mark.slow
AS_OF = "2026-07-01T00:00:00Z"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Spark cluster of two workers with one core and one GiB each, on this machine alone."""
    kept = dict(os.environ)
    os.environ |= {
        "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost", "PYSPARK_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT), "SPARK_WORKER_DIR": str(tmp_path_factory.mktemp("workers"))}
    session = open_spark("local-cluster[2,1,1024]")
    yield "local-cluster[2,1,1024]"
    session.stop()
    os.environ.clear()
    os.environ.update(kept)


def test_spark_gives_the_rows_of_duckdb(cluster: str, tmp_path: Path) -> None:
    documents = histories(12)
    source, database = write_parquet(tmp_path / "in", [*documents, *documents[::5]]), fresh_database(tmp_path / "a.db")
    here = DuckEngine(tmp_path / "duck" / "_work", parts=PARTS, on_progress=quiet, processes=1)
    expected = build(database, here, source, tmp_path / "duck", as_of=AS_OF)
    here.close()
    there = SparkEngine(tmp_path / "spark" / "_work", parts=PARTS, on_progress=quiet, master=cluster)
    built = build(database, there, source, tmp_path / "spark", as_of=AS_OF)
    workers = there.count_workers()
    there.close()
    assert built == expected
    assert workers == 2
    differing = [table for table in SCHEMAS
                 if list_lake_rows(tmp_path / "spark", table) != list_lake_rows(tmp_path / "duck", table)]
    assert differing == []
