"""Parquet, a few thousand rows at a time."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from operator_qos.connectors.formats.json_lines import flatten
from operator_qos.connectors.formats.records import Layout, RecordFile, Records, checked, damage_told
from operator_qos.connectors.rows import SourceLayoutError

_BATCH_ROWS = 4_096
_BUFFER_BYTES = 1024 * 1024


def open_parquet(path: Path, content: IO[bytes], packing: str) -> RecordFile:
    """A Parquet file that is open already. Raises SourceLayoutError."""
    try:
        file = _open(content)
        columns = tuple(_leaf_names(file))
    except Exception as error:  # pyarrow's errors are of many kinds
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SourceLayoutError(str(path), f"The file is no whole Parquet ({why}).", "Write it again.") from error
    return RecordFile(Layout("parquet", packing, columns), lambda: damage_told(_read(content)))


def _open(content: IO[bytes]) -> Any:
    import pyarrow.parquet as pq  # a third of a second to load

    content.seek(0)
    return pq.ParquetFile(content, buffer_size=_BUFFER_BYTES, pre_buffer=False)


def _leaf_names(file: Any) -> list[str]:
    return list(dict.fromkeys(
        name for field in file.schema_arrow for name in _names(field, "")))


def _names(field: Any, prefix: str) -> list[str]:
    import pyarrow as pa

    if not pa.types.is_struct(field.type):
        return [f"{prefix}{field.name}"]
    return [name for part in field.type for name in _names(part, f"{prefix}{field.name}.")]


def _read(content: IO[bytes]) -> Records:
    row = 0
    for batch in _open(content).iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
        for values in batch.to_pylist():
            row += 1
            yield checked(row, flatten(values))
