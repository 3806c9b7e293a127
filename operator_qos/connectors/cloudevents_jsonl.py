"""CloudEvents as JSON lines: one event, or a batch of events in an array, on each line."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from operator_qos.connectors.files import (
    BROKEN_FILE_ERRORS,
    LINE_LIMIT_BYTES,
    Line,
    check_is_file,
    read_lines,
)
from operator_qos.connectors.rows import BadRow, EventRow

STANDARD_INPUT = "-"
_CUT_RAW_BYTES = 2_000


class LineFault(Exception):
    """The line is no event; `field` says which part of it is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def read_jsonl(paths: Sequence[Path | str]) -> Iterator[EventRow | BadRow]:
    """The events of all files in order, plain, gzip or zstd, "-" being standard input.

    A line that cannot be read is a BadRow and the next one is read; so is the place where a file breaks off.
    Raises SourceLayoutError at once, before the first row, when a file is missing.
    """
    for path in paths:
        if str(path) != STANDARD_INPUT:
            check_is_file(Path(path))
    return _rows_of_all(paths)


def _rows_of_all(paths: Sequence[Path | str]) -> Iterator[EventRow | BadRow]:
    for path in paths:
        yield from _rows_of(path)


def _rows_of(path: Path | str) -> Iterator[EventRow | BadRow]:
    number = 0
    try:
        for line in read_lines(path):
            number = line.number
            if line.content.strip():
                yield from _rows_of_line(str(path), line)
    except BROKEN_FILE_ERRORS as error:
        reason = f"The file is damaged or breaks off here ({error}). Fetch it again and import it whole."
        yield BadRow(str(path), number + 1, "file", reason, "")


def _rows_of_line(file: str, line: Line) -> Iterator[EventRow | BadRow]:
    try:
        parsed = parse_line(line)
    except LineFault as fault:
        yield BadRow(file, line.number, fault.field, fault.reason, raw_of(line))
        return
    if isinstance(parsed, dict):
        yield EventRow(file, line.number, parsed)
    elif isinstance(parsed, list):
        yield from _rows_of_batch(file, line, parsed)
    else:
        yield BadRow(file, line.number, "line", _not_an_event("The line", parsed), raw_of(line))


def _rows_of_batch(file: str, line: Line, batch: list[object]) -> Iterator[EventRow | BadRow]:
    for position, item in enumerate(batch):
        if isinstance(item, dict):
            yield EventRow(file, line.number, item)
        else:
            reason = _not_an_event("This element of the batch", item)
            yield BadRow(file, line.number, f"[{position}]", reason, json.dumps(item))


def _not_an_event(what: str, parsed: object) -> str:
    kinds = {str: "a text", bool: "true or false", list: "an array", type(None): "null"}
    kind = kinds.get(type(parsed), "a number")
    return f"{what} is {kind}, not an event. Write one JSON object per event."


def parse_line(line: Line) -> object:
    """What the line says, as strict JSON. Raises LineFault."""
    if line.cut:
        limit = f"{LINE_LIMIT_BYTES:,} bytes"
        raise LineFault("line", f"The line is longer than {limit}. Split the batch or shorten the event.")
    try:
        return _checked_text(_DECODER.decode(line.content.decode()))
    except UnicodeDecodeError as error:
        where = f"byte {error.start + 1} of the line"
        raise LineFault("line", f"The line is not UTF-8 ({where}). Save the file as UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"{error.msg}, column {error.colno}"
        raise LineFault("line", f"The line is not JSON ({where}). Write one event per line.") from error
    except RecursionError as error:
        raise LineFault("line", "The line is nested too deeply. Flatten the event.") from error
    except ValueError as error:
        raise LineFault("line", "A number has too many digits. Shorten it.") from error


def _checked_text(parsed: object) -> object:
    # JSON can spell half a surrogate pair, which no UTF-8 text and no database can hold.
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        reason = "The line holds half of a character (a lone \\ud800 to \\udfff). Repair the text."
        raise LineFault("line", reason) from error
    return parsed


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise LineFault(twice, f"The key “{twice}” is given twice in one object. Keep one of them.")
    return made


def _no_constant(name: str) -> NoReturn:
    raise LineFault("line", f"{name} is not JSON. Leave the field out when its value is not known.")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise LineFault("line", f"The number {text[:20]} is too large. Write a number that can exist.")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_number)


def raw_of(line: Line) -> str:
    """The line as quarantine keeps it."""
    content = line.content[:_CUT_RAW_BYTES] if line.cut else line.content
    return content.decode("utf-8", "backslashreplace")
