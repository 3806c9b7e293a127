"""Writing the append-only log: identities first, then typed events and their bodies."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select, text, tuple_
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session

from operator_qos.db import bulk_insert, chunks, fetch_among
from operator_qos.events.flaws import spell_out, storable
from operator_qos.events.models import Event, EventBody, EventId, Quarantined
from scoring.events import RANKS, TYPES, Problem, TypedEvent, links_of, names_of

Identity = tuple[str, str]
EVENT_COLUMNS = ("seq", "shop_id", "dossier_id", "type_rank", "at_ms", "other_ms", "source", "event_id", "subject",
                 "data", "received_ms")


class Arrival(NamedTuple):
    """One event on its way into the log: typed, with its shop, its original text and that text's hash."""

    place: int
    typed: TypedEvent
    shop_id: int
    body: str
    content_hash: str
    identity: Identity


def canonical(document: object) -> str:
    """The same text for the same content, whatever the order of keys."""
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # whole numbers beyond 64 bits, half characters, deep nesting: rare, and kept all the same
        return spell_out(document)


def hash_text(text: str) -> str:
    """A short hash by which contents are compared."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@lru_cache(maxsize=200_000)
def hash_buyer(buyer: str, key: str) -> str:
    """The name under which a buyer is known on one marketplace."""
    return hmac.new(bytes.fromhex(key), buyer.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:16]


def without_buyer(typed: TypedEvent, buyer_key: str) -> TypedEvent:
    """The event with the buyer's pseudonym replaced by its HMAC."""
    if "buyer" not in typed.data:
        return typed
    return typed._replace(data={**typed.data, "buyer": hash_buyer(str(typed.data["buyer"]), buyer_key)})


_CLAIM = text(
    "INSERT INTO event_ids (source, event_id, content_hash) SELECT * FROM unnest(string_to_array(:sources, chr(31)), "
    "string_to_array(:ids, chr(31)), string_to_array(:hashes, chr(31))) ON CONFLICT DO NOTHING "
    "RETURNING seq, source, event_id")


def insert_identities(session: Session, arrivals: Sequence[Arrival]) -> dict[Identity, int]:
    """Claim the identities not yet taken; returns their sequence numbers. Does not commit."""
    connection, taken = session.connection(), dict[Identity, int]()
    for part in chunks(sorted(arrivals, key=lambda a: a.identity), 5_000):
        if connection.dialect.name == "postgresql":
            # Three texts are sent many times faster than thousands of values; no name holds a control character.
            columns = {"sources": "\x1f".join([a.typed.source for a in part]),
                       "ids": "\x1f".join([a.typed.id for a in part]),
                       "hashes": "\x1f".join([a.content_hash for a in part])}
            found = connection.execute(_CLAIM, columns).fetchall()
        else:
            statement = sqlite.insert(EventId).on_conflict_do_nothing().returning(
                EventId.seq, EventId.source, EventId.event_id)
            found = connection.execute(statement, [
                {"source": a.typed.source, "event_id": a.typed.id, "content_hash": a.content_hash} for a in part],
            ).fetchall()
        taken |= {(source, event_id): seq for seq, source, event_id in found}
    return taken


def find_content_hashes(session: Session, identities: Iterable[Identity]) -> dict[Identity, str]:
    """Content hashes of the identities already in the log."""
    found: dict[Identity, str] = {}
    for part in chunks(sorted(identities), 5_000):
        query = select(EventId.source, EventId.event_id, EventId.content_hash).where(
            tuple_(EventId.source, EventId.event_id).in_(part))
        found |= {(source, event_id): value for source, event_id, value in session.execute(query)}
    return found


def insert_events(
    session: Session, arrivals: Sequence[tuple[int, int | None, Arrival]], *, now_ms: int, expires_ms: int,
) -> None:
    """Append typed events (seq, dossier, arrival) and their bodies. Does not commit."""
    bulk_insert(session, Event, EVENT_COLUMNS, [
        (seq, a.shop_id, dossier, RANKS[a.typed.type], a.typed.at_ms, a.typed.other_ms, a.typed.source, a.typed.id,
         a.typed.subject, canonical(a.typed.data), now_ms)
        for seq, dossier, a in arrivals
    ])
    bulk_insert(session, EventBody, ("seq", "body", "expires_ms"), [
        (seq, a.body, expires_ms) for seq, _, a in arrivals])


def insert_quarantined(  # noqa: PLR0913  # all by keyword, one per column
    session: Session, raw: str, problem: Problem, *, origin: str, now: datetime, row: int = 0,
    marketplace: str = "", shop: str = "", mapping_id: int | None = None,
) -> bool:
    """Keep what could not be read, once per content; returns whether it is new. Does not commit."""
    raw = storable(raw)
    # Of a file that breaks off nothing is left but its name, by which it is told from others that do.
    digest = hash_text(f"{problem.field}\n{problem.reason}\n{raw or origin}")
    if session.scalar(select(Quarantined.id).where(Quarantined.raw_hash == digest)) is not None:
        return False
    session.add(Quarantined(
        received_at=now, origin=storable(origin)[:300], row=row, field=storable(problem.field)[:200],
        reason=storable(problem.reason)[:1000], marketplace=storable(marketplace)[:200], shop=storable(shop)[:200],
        raw=raw, raw_hash=digest, mapping_id=mapping_id))
    session.flush()
    return True


def typed_from_row(row: Any, marketplace: str = "", shop: str = "") -> TypedEvent:
    """The typed event of one row of the log."""
    name, subject, data = TYPES[row.type_rank], row.subject, row.data
    return TypedEvent(row.source, row.event_id, name, row.at_ms, marketplace, shop, subject, data, row.other_ms,
                      *links_of(name, subject, data), names_of(name, data))


class LoggedEvent(NamedTuple):
    """The columns of the log that make a typed event, in their order."""

    dossier_id: int
    shop_id: int
    type_rank: int
    at_ms: int
    other_ms: int | None
    source: str
    event_id: str
    subject: str
    data: Any


def list_dossier_events(session: Session, dossiers: Sequence[int]) -> Mapping[int, tuple[int, list[TypedEvent]]]:
    """Per dossier its shop and its events, read in a new statement."""
    found: dict[int, tuple[int, list[TypedEvent]]] = {}
    for part in chunks(list(dossiers), 50_000):
        for row in fetch_among(session, Event, LoggedEvent._fields, where="dossier_id", ids=part):
            logged = _read_row(row)
            if logged.dossier_id not in found:
                found[logged.dossier_id] = logged.shop_id, []
            found[logged.dossier_id][1].append(typed_from_row(logged))
    return found


def _read_row(row: tuple[Any, ...]) -> LoggedEvent:
    logged = LoggedEvent._make(row)
    # SQLite's driver gives the text of what PostgreSQL's has read.
    return logged._replace(data=orjson.loads(logged.data)) if isinstance(logged.data, str) else logged


SHOP_RANKS = (RANKS["shop.opened"], RANKS["shop.calendar_set"], RANKS["shop.closed_for"], RANKS["event.retracted"])


def list_shop_events(session: Session, shop_ids: Sequence[int]) -> dict[int, list[TypedEvent]]:
    """Per shop the events about the shop itself (opening, calendars, closures and their retractions)."""
    found: dict[int, list[TypedEvent]] = {shop_id: [] for shop_id in shop_ids}
    for part in chunks(list(shop_ids), 10_000):
        where = "dossier_id IS NULL AND shop_id"
        for row in fetch_among(session, Event, LoggedEvent._fields, where=where, ids=part):
            logged = _read_row(row)
            found[logged.shop_id].append(typed_from_row(logged))
    return found
