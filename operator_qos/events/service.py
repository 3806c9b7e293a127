"""Taking events in: check, dedupe, append, derive. One transaction, safe for any number of writers."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from sqlalchemy import Engine, select, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.db import lock_shops, unit_of_work
from operator_qos.events.dossiers import Assignment
from operator_qos.events.envelope import check_envelope, unpack_data
from operator_qos.events.flaws import find_flaw, may_be_flawed, storable
from operator_qos.events.log import (
    Arrival,
    Identity,
    canonical,
    find_content_hashes,
    hash_text,
    insert_events,
    insert_identities,
    insert_quarantined,
    without_buyer,
)
from operator_qos.events.models import Event, Quarantined
from operator_qos.ledger.cells import join_changed, touch
from operator_qos.ledger.pending import mark_pending
from operator_qos.ledger.scorecards import update_scorecards
from operator_qos.ledger.service import Touched, advance_shops, derive_dossiers, list_clock_dossiers
from operator_qos.sellers.queries import Directory, load_directory
from operator_qos.sellers.service import open_shop, update_shops
from operator_qos.sources.service import Told, count_arrivals
from scoring.events import EventRefused, Problem, TypedEvent, order_key, read_event

DAY_MS = 86_400_000
MAX_BODY = 1_000_000
# Bulk writing speaks to the drivers themselves, whose errors then come unwrapped.
DATABASE_ERRORS = (DBAPIError, psycopg.Error, sqlite3.Error)
Status = Literal["accepted", "duplicate", "conflict", "quarantined"]


class Receipt(NamedTuple):
    """What became of one event; `field` and `reason` say why it was not accepted."""

    source: str
    id: str
    status: Status
    field: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Intake:
    """How a batch is taken in: where it comes from, whether unknown shops are opened, how long bodies are kept.

    `rows` are row numbers in the file, for messages; `live` brings facts, cells and scorecards up to date at once,
    which a bulk load does once at its end. `sources`: the beginnings of `source` that are taken, none for all.
    `checks_envelope`: every rule of CloudEvents holds, for senders who say that they speak it.
    """

    now: datetime
    origin: str
    open_shops: bool = False
    marketplace: str | None = None
    rows: Sequence[int] = ()
    retention_days: int = 540
    live: bool = True
    sources: tuple[str, ...] = ()
    checks_envelope: bool = False

    @property
    def now_ms(self) -> int:
        """Now [epoch ms]."""
        return to_ms(self.now)


def ingest_events(
    session: Session, documents: Sequence[object], *, now: datetime, origin: str, open_shops: bool = False,
) -> list[Receipt]:
    """Take CloudEvents in and bring everything that follows from them up to date. Does not commit."""
    return take_in(session, documents, intake=Intake(now, origin, open_shops))


def take_in(session: Session, documents: Sequence[object], *, intake: Intake) -> list[Receipt]:
    """Take a batch in; a receipt per document, in their order. Does not commit."""
    receipts: list[Receipt | None] = [None] * len(documents)
    directory = load_directory(session, _list_shop_names(documents))
    arrivals: list[Arrival] = []
    for place, document in enumerate(documents):
        try:
            arrivals.append(_read(session, place, document, directory, intake))
        except EventRefused as refused:
            receipts[place] = _quarantine(session, place, document, refused.problem, intake)
    lock_shops(session, (arrival.shop_id for arrival in arrivals))
    kept = _refuse_misnamed(session, arrivals, receipts, intake)
    fresh = _append(session, kept, receipts, intake)
    if fresh:
        _follow(session, fresh, intake)
    opened = [a for a in fresh if a.typed.type == "shop.opened"]
    if opened:
        _take_in_waiting(session, opened, intake)
    answered = [receipt for receipt in receipts if receipt is not None]
    count_arrivals(session, _tell(documents, answered, fresh, intake), now_ms=intake.now_ms)
    return answered


def _list_shop_names(documents: Sequence[object]) -> set[tuple[str, str]]:
    """The shops that documents name, as far as they can be stored at all."""
    told = {(marketplace, shop) for document in documents if isinstance(document, Mapping)
            and isinstance(marketplace := document.get("marketplace"), str)
            and isinstance(shop := document.get("shop"), str)}
    found = {(storable(marketplace)[:200], storable(shop)[:200]) for marketplace, shop in told}
    return {(marketplace, shop) for marketplace, shop in found if marketplace and shop}


def _tell(
    documents: Sequence[object], receipts: Sequence[Receipt], fresh: Sequence[Arrival], intake: Intake
) -> Iterator[Told]:
    taken = {arrival.place: arrival.typed for arrival in fresh}
    for place, receipt in enumerate(receipts):
        typed = taken.get(place)
        if typed is not None:
            yield Told(typed.marketplace, typed.source, receipt.status, typed.type, typed.at_ms, intake.live)
        else:
            yield Told(_text(documents[place], "marketplace"), receipt.source, receipt.status)


def _text(document: object, field: str) -> str:
    value = document.get(field) if isinstance(document, Mapping) else None
    return storable(value)[:200] if isinstance(value, str) else ""


def _quarantine(session: Session, place: int, document: object, problem: Problem, intake: Intake) -> Receipt:
    insert_quarantined(
        session, canonical(document)[:MAX_BODY], problem, origin=intake.origin, now=intake.now,
        row=intake.rows[place] if intake.rows else place + 1, marketplace=_text(document, "marketplace"),
        shop=_text(document, "shop"))
    field, reason = storable(problem.field)[:200], storable(problem.reason)[:1000]
    return Receipt(_text(document, "source"), _text(document, "id"), "quarantined", field, reason)


def _require_place(typed: TypedEvent, directory: Directory, intake: Intake) -> str:
    """The buyer key of the event's marketplace. Raises EventRefused."""
    key = directory.buyer_keys.get(typed.marketplace)
    if key is None:
        raise EventRefused(Problem(
            "marketplace", f"{typed.marketplace!r} is unknown here; add it with: operator-qos marketplace add"))
    if intake.marketplace is not None and typed.marketplace != intake.marketplace:
        raise EventRefused(Problem("marketplace", "this key may not write to that marketplace; use its own key"))
    return key


def _require_shop(session: Session, typed: TypedEvent, directory: Directory, intake: Intake) -> int:
    shop_id = directory.shops.get((typed.marketplace, typed.shop))
    if shop_id in directory.in_lake:
        raise EventRefused(Problem(
            "shop", f"the events of {typed.shop!r} are in the lake; write this one there, the next build counts it"))
    if shop_id is not None:
        return shop_id
    if typed.type != "shop.opened" and not intake.open_shops:
        raise EventRefused(Problem(
            "shop", f"{typed.shop!r} is not open on {typed.marketplace!r} yet; it is taken in by itself once a "
            "qos.shop.opened event comes"))
    shop_id = open_shop(session, typed)
    directory.shops[(typed.marketplace, typed.shop)] = shop_id
    return shop_id


def _require_zone(typed: TypedEvent) -> None:
    zone = typed.data.get("timezone")
    if typed.type != "shop.opened" or zone is None:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EventRefused(Problem("data.timezone", f"{zone!r} is no time zone; write one like Europe/Paris")) from None


def type_document(document: object, *, now_ms: int, checks_envelope: bool = False) -> tuple[TypedEvent, str]:
    """A document as a typed event, and its canonical text. Raises EventRefused."""
    if not isinstance(document, Mapping):
        raise EventRefused(Problem("", "is no JSON object; send a CloudEvent in structured mode"))
    body = canonical(document)
    if len(body) > MAX_BODY:
        raise EventRefused(Problem("data", f"the event is {len(body)} characters long; at most {MAX_BODY} are allowed"))
    flaw = find_flaw(document) if may_be_flawed(body) else None
    if flaw is not None:
        raise EventRefused(flaw)
    if checks_envelope:
        check_envelope(document)
    typed = read_event(unpack_data(document) if "data_base64" in document else document, now_ms=now_ms)
    _require_zone(typed)
    return typed, body


def _read(session: Session, place: int, document: object, directory: Directory, intake: Intake) -> Arrival:
    typed, body = type_document(document, now_ms=intake.now_ms, checks_envelope=intake.checks_envelope)
    if intake.sources and not typed.source.startswith(intake.sources):
        raise EventRefused(Problem("source", "this key may not send events of that source; use the source's own key"))
    key = _require_place(typed, directory, intake)
    shop_id = _require_shop(session, typed, directory, intake)
    return Arrival(place, without_buyer(typed, key), shop_id, body, hash_text(body), (typed.source, typed.id))


def _refuse_misnamed(
    session: Session, arrivals: Sequence[Arrival], receipts: list[Receipt | None], intake: Intake,
) -> list[Arrival]:
    """Refuse retractions that name a later event or one of another shop, as far as that event is known."""
    naming = [a for a in arrivals if a.typed.type == "event.retracted"]
    if not naming:
        return list(arrivals)
    known = _find_named(session, [a.typed.names for a in naming if a.typed.names])
    known |= {a.identity: (a.shop_id, a.typed.at_ms, order_key(a.typed)) for a in arrivals if a.identity not in known}
    kept: list[Arrival] = []
    for arrival in arrivals:
        problem = _misnaming(arrival, known) if arrival.typed.type == "event.retracted" else None
        if problem is None:
            kept.append(arrival)
        else:
            receipts[arrival.place] = _quarantine(session, arrival.place, json.loads(arrival.body), problem, intake)
    return kept


def _find_named(session: Session, names: Sequence[Identity]) -> dict[Identity, tuple[int, int, Any]]:
    query = select(Event.source, Event.event_id, Event.shop_id, Event.at_ms).where(
        tuple_(Event.source, Event.event_id).in_(sorted(set(names))))
    return {(row.source, row.event_id): (row.shop_id, row.at_ms, None) for row in session.execute(query)}


def _misnaming(arrival: Arrival, known: Mapping[Identity, tuple[int, int, Any]]) -> Problem | None:
    named = known.get(arrival.typed.names or ("", ""))
    if named is None:
        return None
    if named[0] != arrival.shop_id:
        return Problem("data.id", "names an event of another shop; a retraction stays within its shop")
    later = named[2] > order_key(arrival.typed) if named[2] is not None else named[1] > arrival.typed.at_ms
    return Problem("data.id", "names a later event; only an earlier one can be retracted") if later else None


def _append(
    session: Session, arrivals: Sequence[Arrival], receipts: list[Receipt | None], intake: Intake,
) -> list[Arrival]:
    """Append what is new to the log; say of the rest whether it is the same again. Returns the new ones."""
    first: dict[Identity, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.identity, arrival)
    taken = insert_identities(session, list(first.values()))
    stored = find_content_hashes(session, first.keys() - taken.keys()) if len(taken) < len(first) else {}
    fresh: list[Arrival] = []
    for arrival in arrivals:
        if arrival.identity in taken and first[arrival.identity] is arrival:
            fresh.append(arrival)
            receipts[arrival.place] = Receipt(*arrival.identity, "accepted")
            continue
        standing = stored.get(arrival.identity, first[arrival.identity].content_hash)
        receipts[arrival.place] = _repeated(session, arrival, standing, intake)
    assignment = Assignment(session, fresh) if fresh else None
    if assignment is not None:
        insert_events(
            session, [(taken[a.identity], assignment.of[a.identity], a) for a in fresh], now_ms=intake.now_ms,
            expires_ms=intake.now_ms + intake.retention_days * DAY_MS)
        session.info["assignment"] = assignment
    return fresh


def _repeated(session: Session, arrival: Arrival, standing: str, intake: Intake) -> Receipt:
    if standing == arrival.content_hash:
        return Receipt(*arrival.identity, "duplicate")
    problem = Problem("id", "this source and id came before with other content; the first stands. Send it under a new "
                      "id, or retract the first")
    _quarantine(session, arrival.place, json.loads(arrival.body), problem, intake)
    return Receipt(*arrival.identity, "conflict", problem.field, problem.reason)


def _follow(session: Session, fresh: Sequence[Arrival], intake: Intake) -> None:
    """Derive what the new events touched: facts, promises, outcomes, cells, scorecards, disputes.

    A bulk load only notes what it touched: most dossiers go on in a later batch, and are derived once, at its end.
    """
    assignment: Assignment = session.info.pop("assignment")
    dossiers = {d for d in assignment.of.values() if d is not None}
    clocks = update_shops(session, fresh)
    clocks |= {a.shop_id for a in fresh if assignment.of[a.identity] is None and a.typed.type != "shop.opened"}
    moved = list_clock_dossiers(session, clocks) if clocks else {}
    if not intake.live:
        mark_pending(session, {d: assignment.shops[d] for d in dossiers | assignment.merged} | moved)
        return
    dossiers |= moved.keys()
    touched = Touched(frozenset(dossiers), _list_fresh(fresh, assignment), frozenset(assignment.merged))
    followed = derive_dossiers(session, touched)
    changed = join_changed(touch(a.shop_id for a in fresh), followed.changed)
    _follow_disputes(session, followed.cases, fresh, intake)
    changed = join_changed(changed, advance_shops(session, changed.shops, now_ms=intake.now_ms))
    update_scorecards(session, changed, now_ms=intake.now_ms)


def _list_fresh(fresh: Sequence[Arrival], assignment: Assignment) -> dict[int, tuple[int, list[TypedEvent]]]:
    """The dossiers that begin with this batch, with their events."""
    found: dict[int, tuple[int, list[TypedEvent]]] = {}
    for arrival in fresh:
        dossier = assignment.of[arrival.identity]
        if dossier is not None and dossier not in assignment.existing:
            found.setdefault(dossier, (arrival.shop_id, []))[1].append(arrival.typed)
    return found


def _follow_disputes(
    session: Session, cases: Collection[tuple[int, str]], fresh: Sequence[Arrival], intake: Intake,
) -> None:
    """Bring the disputes of the touched cases (shop, case) up to date."""
    # Disputes decide through this module; the import waits until both are loaded.
    from operator_qos.disputes.sync import sync_cases

    retracted_in = {a.shop_id for a in fresh if a.typed.type == "event.retracted"}
    if cases or retracted_in:
        sync_cases(session, cases=cases, now=intake.now, retracted_in=retracted_in)


def _take_in_waiting(session: Session, opened: Sequence[Arrival], intake: Intake) -> None:
    """Take in what waited in quarantine for a shop that now is open."""
    for arrival in opened:
        rows = session.scalars(select(Quarantined).where(
            Quarantined.marketplace == arrival.typed.marketplace, Quarantined.shop == arrival.typed.shop,
            Quarantined.field == "shop", Quarantined.mapping_id.is_(None), Quarantined.replayed_at.is_(None))).all()
        if rows:
            documents = [json.loads(row.raw) for row in rows]
            receipts = take_in(session, documents, intake=replace(intake, rows=(), sources=(), checks_envelope=False))
            for row, receipt in zip(rows, receipts, strict=True):
                if receipt.field != "shop":  # else it is the shop's name itself that cannot be read
                    row.replayed_at = from_ms(intake.now_ms)


@dataclass(frozen=True)
class Counts:
    """How a batch or a file ended, by status."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    quarantined: int = 0

    def plus(self, receipts: Sequence[Receipt]) -> Counts:
        """These counts and those of more receipts."""
        found = {name: getattr(self, name) for name in ("accepted", "duplicate", "conflict", "quarantined")}
        for receipt in receipts:
            found[receipt.status] += 1
        return Counts(**found)


def ingest_batch(engine: Engine, documents: Sequence[object], *, intake: Intake) -> list[Receipt]:
    """Take a batch in, in a transaction of its own; commits. Tries again when another writer was in the way."""
    for attempt in range(4):
        try:
            with unit_of_work(engine) as session:
                return take_in(session, documents, intake=intake)
        except DATABASE_ERRORS as error:
            if attempt == 3 or not is_transient(error):
                raise
    raise AssertionError("unreachable")


def is_transient(error: Exception) -> bool:
    """A deadlock, a serialization failure, or two writers adding the same thing at once."""
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None)
    return state in {"40001", "40P01", "23505", "55P03"} or "database is locked" in str(cause)
