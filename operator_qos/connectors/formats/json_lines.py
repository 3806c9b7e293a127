"""JSON lines: an object a line is a row; fields of objects within are named with dots, lists stay lists."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from operator_qos.connectors.cloudevents_jsonl import LineFault, parse_line, raw_of
from operator_qos.connectors.files import BROKEN_FILE_ERRORS, Line, read_lines
from operator_qos.connectors.formats.records import BadRecord, Layout, Record, RecordFile, Records, checked
from operator_qos.connectors.rows import SourceLayoutError

_MAX_DEPTH = 20
_LOOKED_AT = 100


def open_json_lines(path: Path, packing: str) -> RecordFile:
    """A file of JSON lines; its columns are those of the first rows. Raises SourceLayoutError."""
    names: dict[str, None] = {}
    try:
        for record in islice(_read(path), _LOOKED_AT):
            names |= dict.fromkeys(record.values or ())
    except BROKEN_FILE_ERRORS as error:
        raise SourceLayoutError(str(path), f"The file is damaged ({error}).", "Fetch it again.") from error
    if not names:
        raise SourceLayoutError(str(path), "No line of the file is a JSON object.", "Write one object per line.")
    return RecordFile(Layout("jsonl", packing, tuple(names), "utf-8"), lambda: _read(path))


def flatten(item: Mapping[str, object], prefix: str = "", depth: int = 0) -> dict[str, object]:
    """The fields of an object and of the objects in it, named a.b.c."""
    found: dict[str, object] = {}
    for name, value in item.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping) and depth < _MAX_DEPTH:
            found |= flatten(value, f"{path}.", depth + 1)
        else:
            found[path] = value
    return found


def _read(path: Path) -> Records:
    for line in read_lines(path):
        if line.content.strip():
            yield from _of_line(line)


def _of_line(line: Line) -> Iterator[Record | BadRecord]:
    try:
        parsed = parse_line(line)
    except LineFault as fault:
        yield BadRecord(line.number, fault.field, fault.reason, None, raw_of(line))
        return
    for item in parsed if isinstance(parsed, list) else [parsed]:
        if isinstance(item, dict):
            yield checked(line.number, flatten(item))
        else:
            reason = "The line is no JSON object. Write one object per line."
            yield BadRecord(line.number, "line", reason, None, json.dumps(item)[:2_000])
