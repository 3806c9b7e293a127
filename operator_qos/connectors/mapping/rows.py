"""A table read by a mapping, as rows of events that an import takes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

import orjson

from operator_qos.connectors.files import BROKEN_FILE_ERRORS
from operator_qos.connectors.formats.records import BadRecord, Record, RecordFile, write_values
from operator_qos.connectors.mapping.applying import Applier, RowRefused, type_cell
from operator_qos.connectors.rows import BadRow, EventRow

_BROKEN = "The file is damaged or breaks off here ({error}). Fetch it again and import it whole."
Read = Callable[[Mapping[str, object]], Sequence[dict[str, object]]]
Whose = Callable[[Mapping[str, object]], tuple[int | None, str, str]]  # the mapping that read it, marketplace, shop


@dataclass(frozen=True)
class Seen:
    """A row of a preview: its values, its events or what is wrong with it."""

    row: int
    values: dict[str, object]
    events: tuple[dict[str, object], ...] = ()
    field: str = ""
    reason: str = ""


def map_rows(table: RecordFile, applier: Applier, *, file: str, mapping_id: int | None) -> Iterator[EventRow | BadRow]:
    """The events of every row in file order. A row that is wrong anywhere gives a BadRow and no event."""
    return _rows(table, applier.events, file, lambda values: (
        mapping_id, applier.find_marketplace(values), applier.find_shop(values)))


# A table whose columns are those of events needs no mapping: `data` as JSON, or `data.x` a column each.
def event_rows(table: RecordFile, *, file: str) -> Iterator[EventRow | BadRow]:
    """The events of a table that has a row per event and a column per field."""
    return _rows(table, lambda values: [_event_of(values)], file, lambda _values: (None, "", ""))


def _rows(table: RecordFile, read: Read, file: str, whose: Whose) -> Iterator[EventRow | BadRow]:
    number = 1
    try:
        for record in table.read():
            number = record.row
            yield from _of_record(record, read, file, whose)
    except BROKEN_FILE_ERRORS as error:
        yield BadRow(file, number + 1, "file", _BROKEN.format(error=error), "")


def _of_record(record: Record | BadRecord, read: Read, file: str, whose: Whose) -> Iterator[EventRow | BadRow]:
    values = record.values or {}
    if isinstance(record, BadRecord):
        raw = write_values(values) if record.values is not None else record.raw
        yield BadRow(file, record.row, record.field, record.reason, raw, *whose(values))
        return
    try:
        events = read(values)
    except RowRefused as refused:
        yield BadRow(file, record.row, refused.field, refused.reason, write_values(values), *whose(values))
        return
    for event in events:
        yield EventRow(file, record.row, event)


def preview_rows(table: RecordFile, applier: Applier, *, limit: int) -> list[Seen]:
    """The first rows with what the mapping makes of them; one of BROKEN_FILE_ERRORS ends them early."""
    found: list[Seen] = []
    try:
        for record in islice(table.read(), limit):
            found.append(_seen(record, applier))
    except BROKEN_FILE_ERRORS as error:
        found.append(Seen(0, {}, (), "file", _BROKEN.format(error=error)))
    return found


def _seen(record: Record | BadRecord, applier: Applier) -> Seen:
    if isinstance(record, BadRecord):
        return Seen(record.row, dict(record.values or {}), (), record.field, record.reason)
    try:
        return Seen(record.row, dict(record.values), tuple(applier.events(record.values)))
    except RowRefused as refused:
        return Seen(record.row, dict(record.values), (), refused.field, refused.reason)


def sample_rows(table: RecordFile, *, limit: int) -> list[Record]:
    """The first rows that can be read; fewer where the file breaks off."""
    found: list[Record] = []
    with suppress(*BROKEN_FILE_ERRORS):
        found.extend(record for record in islice(table.read(), limit) if isinstance(record, Record))
    return found


def _event_of(values: Mapping[str, object]) -> dict[str, object]:
    filled = {name: value for name, value in values.items() if value is not None and value != ""}
    event = {name: _plain(value) for name, value in filled.items() if not name.startswith("data.") and name != "data"}
    data = {**_read_data(filled.get("data")), **_typed(str(event.get("type", "")), filled)}
    return {**event, "data": data} if data else event


def _read_data(value: object) -> dict[str, object]:
    if value is None:
        return {}
    try:
        parsed = orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError as error:
        raise RowRefused("data", f"data is not JSON ({error}). Write an object, or a column per field.") from None
    if not isinstance(parsed, dict):
        raise RowRefused("data", "data is no JSON object. Write an object, or a column per field.")
    return parsed


def _typed(kind: str, filled: dict[str, object]) -> dict[str, object]:
    return {name.removeprefix("data."): type_cell(kind, name.removeprefix("data."), value, name)
            for name, value in filled.items() if name.startswith("data.")}


def _plain(value: object) -> object:
    isoformat: Callable[[], str] | None = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else value
