"""Spark as the engine: the same statements, the same functions over Arrow batches, on as many machines as it has."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from operator_qos.lake.engines import LakeError, Mapper, Progress, Spread, open_input

MISSING = "Spark is not installed; run: pip install 'operator-qos[spark]'"
NO_JAVA = "Spark needs Java 17 or newer; install it (Debian: apt-get install default-jre-headless)"


def open_spark(master: str | None = None) -> Any:
    """A Spark session: the one that runs, else one on `master`, else as the environment configures it.

    Raises LakeError when Spark or Java is not installed.
    """
    try:
        import pyspark
        from pyspark.errors import PySparkRuntimeError
        from pyspark.sql import SparkSession
    except ImportError:
        raise LakeError(MISSING) from None
    os.environ.setdefault("SPARK_HOME", os.path.dirname(pyspark.__file__))  # noqa: PTH120  # what Spark itself reads
    builder = SparkSession.builder.appName("operator-qos lake")
    for name, value in _CONFIG.items():
        builder = builder.config(name, value)
    try:
        return (builder.master(master) if master else builder).getOrCreate()
    except (PySparkRuntimeError, FileNotFoundError) as error:
        raise LakeError(f"{NO_JAVA} ({type(error).__name__})") from error


_SHUFFLE = "spark.sql.shuffle.partitions"
_READ = "spark.sql.files.minPartitionNum"
_CONFIG = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "10000",
    "spark.ui.showConsoleProgress": "false",
}


class SparkEngine:
    """Spark for statements and functions; the work folder must be one that every executor reaches."""

    name = "spark"

    def __init__(self, work: Path, *, parts: int, on_progress: Progress, master: str | None = None) -> None:
        self._work, self._parts, self._told = work.absolute(), parts, on_progress
        self._spark = open_spark(master)
        self._tables: list[str] = []
        self._usual_parts = self._spark.conf.get(_SHUFFLE)
        self._spark.conf.set(_SHUFFLE, str(parts))
        work.mkdir(parents=True, exist_ok=True)

    def read_input(self, path: Path, columns: tuple[str, ...], mapper: Mapper, schema: pa.Schema) -> None:
        """As the protocol says."""
        open_input(path)
        frame = self._spark.read.option("mergeSchema", "true").parquet(str(path.absolute()))
        # Spark would give each core one piece, and the last to end would hold up the others.
        self._spark.conf.set(_READ, str(self._parts))
        self._keep("log", self._map(frame.select(*columns), mapper, schema))
        self._spark.conf.unset(_READ)

    def create(self, table: str, statement: str) -> None:
        """As the protocol says."""
        self._keep(table, self._spark.sql(statement))

    def view(self, table: str, statement: str) -> None:
        """As the protocol says."""
        self._spark.sql(statement).createOrReplaceTempView(table)
        self._tables.append(table)

    def open(self, table: str, folder: Path) -> None:
        """As the protocol says."""
        from pyspark.sql.pandas.types import from_arrow_schema

        # Read here: Spark would run a job to find the columns out.
        self._open(table, folder.absolute(), from_arrow_schema(ds.dataset(folder, format="parquet").schema))

    def fetch(self, statement: str) -> pa.Table:
        """As the protocol says."""
        return self._spark.sql(statement).toArrow()

    def spread(self, spread: Spread, mapper: Mapper) -> None:
        """As the protocol says."""
        from pyspark.sql.functions import expr

        columns = [name.strip() for name in spread.order.split(",")]
        frame = self._spark.table(spread.source).repartition(self._parts, expr(spread.key))
        self._keep(spread.into, self._map(frame.sortWithinPartitions(*columns), mapper, spread.schema))

    def count_workers(self) -> int:
        """How many executors work, the driver not counted."""
        return int(self._spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()) - 1

    def close(self) -> None:
        """As the protocol says; the session stays, others may use it."""
        for table in self._tables:
            self._spark.catalog.dropTempView(table)
        self._spark.conf.set(_SHUFFLE, self._usual_parts)

    def _map(self, frame: Any, mapper: Mapper, schema: pa.Schema) -> Any:
        from pyspark.sql.pandas.types import from_arrow_schema

        return frame.mapInArrow(_Numbered(mapper), from_arrow_schema(schema))

    def _keep(self, table: str, frame: Any) -> None:
        frame.write.parquet(str(self._work / table))
        self._open(table, self._work / table, frame.schema)
        self._told(table, 1, 1)

    def _open(self, table: str, folder: Path, columns: Any) -> None:
        self._spark.read.schema(columns).parquet(str(folder)).createOrReplaceTempView(table)
        self._tables.append(table)


class _Numbered:
    """A mapper that is told the number of its part by Spark."""

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        gc.disable()  # many objects and no cycles; looking for some would be lost time
        try:
            yield from self._mapper(batches, context.partitionId() if context is not None else 0)
        finally:
            gc.enable()
