"""From rows of Parquet to the typed log: each event checked as at the front door, its things hashed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from operator_qos.events.dossiers import hash_thing, list_entities
from operator_qos.events.log import canonical, hash_text, without_buyer
from operator_qos.events.service import type_document
from operator_qos.lake.tables import LOG
from operator_qos.sellers.queries import Directory
from scoring.event_types import PREFIX, moment_ms
from scoring.events import RANKS, EventRefused, Problem, TypedEvent, links_of, names_of

REQUIRED = ("id", "source", "type", "time", "subject", "marketplace", "shop")
OPTIONAL = ("data", "specversion", "othertime", "other_time", "form")
TYPED = "typed"  # the form of what our own export wrote: checked before, the buyer an HMAC already
_RAW_CHARACTERS = 2_000


@dataclass(frozen=True)
class Reader:
    """Reads batches of events; knows the shops and the keys under which buyers are hashed."""

    directory: Directory
    now_ms: int

    def __call__(self, batches: Iterator[pa.RecordBatch], _part: int) -> Iterator[pa.RecordBatch]:
        """A batch of the typed log for each batch."""
        for batch in batches:
            rows = [self._read(row) for row in batch.to_pylist()]
            yield pa.RecordBatch.from_pylist(rows, schema=LOG)

    def _read(self, row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            is_typed = row.get("form") == TYPED
            event = _trust(row) if is_typed else type_document(_document_of(row), now_ms=self.now_ms)[0]
            return self._line(event, is_typed=is_typed)
        except EventRefused as refused:
            told = {name: str(row[name])[:200] if row.get(name) is not None else None
                    for name in ("source", "marketplace", "shop")}
            raw = orjson.dumps(dict(row), default=str).decode()[:_RAW_CHARACTERS]
            return {**told, "event_id": str(row.get("id"))[:200], "data": raw, "field": refused.problem.field,
                    "reason": refused.problem.reason}

    def _line(self, event: TypedEvent, *, is_typed: bool) -> dict[str, Any]:
        key = self.directory.buyer_keys.get(event.marketplace)
        if key is None:
            reason = f"{event.marketplace!r} is unknown here; add it with: operator-qos marketplace add"
            raise EventRefused(Problem("marketplace", reason))
        shop_id = self.directory.shops.get((event.marketplace, event.shop))
        if shop_id is None:
            raise EventRefused(Problem("shop", f"{event.shop!r} is no name of a shop"))
        known = event if is_typed else without_buyer(event, key)
        data = canonical(known.data)
        things = [*dict.fromkeys(list_entities(known, shop_id)), None, None, None]
        names_source, names_id = known.names or (None, None)
        own = hash_thing(shop_id, ("event", known.source, known.id))
        content = hash_text("\x1f".join((
            str(shop_id), known.type, str(known.at_ms), str(known.other_ms), known.subject, data)))
        return {
            "shop_id": shop_id, "type_rank": RANKS[known.type], "at_ms": known.at_ms, "other_ms": known.other_ms,
            "source": known.source, "event_id": known.id, "subject": known.subject, "data": data, "content": content,
            "is_typed": is_typed, "a": things[0], "b": things[1], "c": things[2], "own": own,
            "named": None if known.names is None else hash_thing(shop_id, ("event", *known.names)),
            "names_source": names_source, "names_id": names_id}


def _instant(value: object) -> object:
    """A moment as text, where the column holds moments; those without a zone are UTC."""
    if not isinstance(value, datetime):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()


def _data_of(row: Mapping[str, Any]) -> Any:
    """The data, of a column of JSON texts or one of structs. Raises EventRefused."""
    given = row.get("data")
    if not isinstance(given, str | bytes):
        return given
    try:
        return orjson.loads(given)
    except ValueError:
        raise EventRefused(Problem("data", "is no JSON; write the fields of the type as one JSON object")) from None


def _document_of(row: Mapping[str, Any]) -> dict[str, Any]:
    document = {name: row[name] for name in (*REQUIRED, *OPTIONAL[1:-1]) if row.get(name) is not None}
    for name in ("time", "othertime", "other_time"):
        if name in document:
            document[name] = _instant(document[name])
    data = _data_of(row)
    return document if data is None else {**document, "data": data}


def _trust(row: Mapping[str, Any]) -> TypedEvent:
    """An event that our export wrote; its type and its data are looked at, no more. Raises EventRefused."""
    name, data = str(row["type"]).removeprefix(PREFIX), _data_of(row) or {}
    if name not in RANKS:
        raise EventRefused(Problem("type", f"{row['type']!r} is unknown; the types are listed in the event contract"))
    other, subject = row.get("othertime"), row["subject"]
    try:
        order, case, conversation = links_of(name, subject, data)
        names = names_of(name, data)
    except (KeyError, TypeError, AttributeError):
        raise EventRefused(Problem("data", "is not as the export writes it; export it anew")) from None
    return TypedEvent(
        source=row["source"], id=row["id"], type=name, at_ms=moment_ms(_instant(row["time"])),
        marketplace=row["marketplace"], shop=row["shop"], subject=subject, data=data,
        other_ms=None if other is None else moment_ms(_instant(other)), order=order, case=case,
        conversation=conversation, names=names)
