"""What is done with connections: added, paused, claimed, batches stored, wishes kept. Commits where it says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.connections.models import (
    Connection,
    ConnectionCursor,
    ConnectionRun,
    ConnectionThing,
    ConnectionWish,
    FigureCount,
    FigureDifference,
)
from operator_qos.connections.queries import OPEN_WISHES, Card, WishRow, find_connection_of, find_wish, get_place
from operator_qos.connections.rules import Compared, wait_after
from operator_qos.connections.sealing import open_key, seal_key
from operator_qos.connectors.contract import CONNECTORS, Access, Batch, Unreadable
from operator_qos.db import Base, unit_of_work
from operator_qos.events.log import insert_quarantined
from operator_qos.events.quarantine import ingest_guarded
from operator_qos.events.service import DATABASE_ERRORS, Counts, Intake, is_transient, take_in
from operator_qos.hooks.rules import is_address
from operator_qos.sellers.queries import list_marketplaces
from operator_qos.settings import PREFIX
from scoring.events import Problem

CLAIM = timedelta(minutes=30)  # renewed with every batch; a worker that died leaves its connection after this
FORGOTTEN_AFTER = timedelta(days=200)  # what has not changed for so long changes no more
RUNS_KEPT = 200
READ_BACK_AFTER = timedelta(minutes=1)
MOST_ATTEMPTS = 12


class ConnectionRefused(ValueError):
    """A connection that cannot be made or read; the text says why and what to do. `field` is the one that is wrong."""

    @property
    def field(self) -> str:
        """The name before the colon, for pages to say it in the reader's words."""
        return str(self).partition(":")[0]


@dataclass(frozen=True)
class NewConnection:
    """A connection to be: its key by an environment variable's name, or itself, to be sealed."""

    name: str
    kind: str
    marketplace_id: str
    address: str
    key: str = field(default="", repr=False)
    key_variable: str = ""
    client_id: str = ""
    token_address: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    interval_seconds: int = 900


@dataclass(frozen=True)
class Claim:
    """A connection that this worker alone may read."""

    card: Card
    number: int


def add_connection(session: Session, new: NewConnection, *, secret: str, actor: str, now: datetime) -> int:
    """Add a connection, to be read at once; its id. Does not commit. Raises ConnectionRefused."""
    _require_sound(session, new)
    row = Connection(
        name=new.name, kind=new.kind, marketplace_id=new.marketplace_id, address=new.address.rstrip("/"),
        token_address=new.token_address, client_id=new.client_id, key_variable=new.key_variable,
        sealed_key="" if new.key_variable else seal_key(new.key, secret), reasons=dict(new.reasons),
        interval_seconds=new.interval_seconds, next_at=now, added_at=now)
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="connection.added", subject=f"connection:{new.name}",
                 after={"kind": new.kind, "marketplace": new.marketplace_id, "address": new.address})
    return row.id


def _require_sound(session: Session, new: NewConnection) -> None:
    if not new.name.strip() or len(new.name) > 60 or not new.name.replace("-", "").replace("_", "").isalnum():
        raise ConnectionRefused("name: write letters, digits, - and _, at most 60")
    if session.scalar(select(Connection.id).where(Connection.name == new.name)) is not None:
        raise ConnectionRefused(f"name: there is a connection {new.name!r} already; choose another name")
    if new.kind not in CONNECTORS:
        raise ConnectionRefused(f"kind: {new.kind!r} is none of {', '.join(CONNECTORS)}")
    if new.marketplace_id not in {place.id for place in list_marketplaces(session)}:
        raise ConnectionRefused(
            f"marketplace: there is no {new.marketplace_id!r}; add it with: operator-qos marketplace add")
    for name, address in (("address", new.address), ("token_address", new.token_address or "https://x")):
        if not (is_address(address) and address.isascii() and address.isprintable()):
            raise ConnectionRefused(f"{name}: {address!r} is no address; write it like https://instance.mirakl.net")
    is_named = bool(new.key_variable)
    if bool(new.key) == is_named or len(new.key_variable) > 100 or new.key_variable.startswith(PREFIX):
        raise ConnectionRefused("key: give the key itself, or the name of the environment variable that holds it, "
                                "which is none of this installation's own settings")
    if bool(new.client_id) != bool(new.token_address) or len(new.client_id) > 200:
        raise ConnectionRefused("client_id: give the client's id and the token's address together, or neither")
    if not 60 <= new.interval_seconds <= 86_400:
        raise ConnectionRefused("interval_seconds: read it every 60 to 86400 seconds")


def pause_connection(session: Session, *, connection_id: int, paused: bool, actor: str, now: datetime) -> None:
    """Stop reading and writing a platform, or go on at once. Does not commit."""
    row = session.get_one(Connection, connection_id)
    row.is_paused, row.failures = paused, 0
    row.next_at = row.next_at if paused else now
    append_audit(session, actor=actor, now=now, action="connection.paused" if paused else "connection.resumed",
                 subject=f"connection:{row.name}")


def read_soon(session: Session, *, connection_id: int, actor: str, now: datetime) -> None:
    """Have a connection read by the next run of the scheduler. Does not commit."""
    row = session.get_one(Connection, connection_id)
    row.next_at, row.failures = now, 0
    append_audit(session, actor=actor, now=now, action="connection.read_asked", subject=f"connection:{row.name}")


def make_access(session: Session, card: Card, *, secret: str) -> Access:
    """Where the platform is and how to be let in. Raises SealError."""
    place, row = get_place(session, card.marketplace_id), session.get_one(Connection, card.id)
    key = open_key(row.sealed_key, row.key_variable, secret)
    return Access(
        card.address, card.source, card.marketplace_id, place.timezone, place.currency, place.country,
        api_key="" if card.token_address else key, token_address=card.token_address, client_id=card.client_id,
        client_secret=key if card.token_address else "")


def claim_connection(session: Session, card: Card, *, now: datetime, due_only: bool = True) -> Claim | None:
    """Take a connection for this worker by conditional update; None while another holds it. Does not commit."""
    free = (Connection.id == card.id, Connection.claimed_until.is_(None) | (Connection.claimed_until <= now))
    due = (Connection.is_paused.is_(False), Connection.next_at <= now) if due_only else ()
    number = session.scalar(
        update(Connection).where(*free, *due).values(claims=Connection.claims + 1, claimed_until=now + CLAIM)
        .returning(Connection.claims))
    return Claim(card, number) if number is not None else None


def store_batch(engine: Engine, claim: Claim, batch: Batch, *, intake: Intake, until: datetime) -> Counts:
    """Store a batch whole: events, what is remembered and the cursor in one transaction; commits.

    A batch with an event that cannot be worked out is stored event by event first, that one set aside; their ids keep
    a repetition harmless. The claim holds `until` then. Raises ConnectionRefused when another worker has taken over.
    """
    for attempt in range(4):
        try:
            with unit_of_work(engine) as session:
                _renew_claim(session, claim, until)
                receipts = take_in(session, batch.events, intake=intake)
                return Counts(quarantined=_keep_rest(session, claim.card, batch, intake.now)).plus(receipts)
        except ConnectionRefused:
            raise
        except Exception as error:
            if not isinstance(error, DATABASE_ERRORS) or not is_transient(error):
                break  # the event's fault
            if attempt == 3:
                raise
    counts = Counts().plus(ingest_guarded(engine, batch.events, intake=intake))
    with unit_of_work(engine) as session:
        _renew_claim(session, claim, until)
        kept = _keep_rest(session, claim.card, batch, intake.now)
    return replace(counts, quarantined=counts.quarantined + kept)


def _renew_claim(session: Session, claim: Claim, until: datetime) -> None:
    mine = (Connection.id == claim.card.id, Connection.claims == claim.number)
    if session.scalar(update(Connection).where(*mine).values(claimed_until=until).returning(Connection.id)) is None:
        raise ConnectionRefused(f"{claim.card.name}: another worker reads it now")


def _keep_rest(session: Session, card: Card, batch: Batch, now: datetime) -> int:
    """Remember things and cursor, set aside what could not be read; returns how much that is."""
    kept = sum(_set_aside(session, card, found, shop=str((batch.seen.get(found.key) or {}).get("shop", "")), now=now)
               for found in batch.unreadable)
    forgotten = [key for key, seen in batch.seen.items() if seen is None]
    if forgotten:
        session.execute(delete(ConnectionThing).where(
            ConnectionThing.connection_id == card.id, ConnectionThing.stream == batch.stream,
            ConnectionThing.key.in_(forgotten)))
    rows = [{"connection_id": card.id, "stream": batch.stream, "key": key, "seen": dict(seen), "touched_at": now}
            for key, seen in batch.seen.items() if seen is not None]
    _upsert(session, ConnectionThing, rows, ("connection_id", "stream", "key"))
    if batch.cursor is not None:
        _upsert(session, ConnectionCursor, [
            {"connection_id": card.id, "stream": batch.stream, "cursor": batch.cursor, "moved_at": now}],
            ("connection_id", "stream"))
    return kept


def _set_aside(session: Session, card: Card, found: Unreadable, *, shop: str, now: datetime) -> bool:
    raw = json.dumps({"connection": card.name, **asdict(found)}, ensure_ascii=False, sort_keys=True)
    return insert_quarantined(
        session, raw, Problem(f"{found.stream}.{found.field}", found.reason), origin=card.origin, now=now,
        marketplace=card.marketplace_id, shop=shop)


def _upsert(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> None:
    if not rows:
        return
    build = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    put = build(model)
    changed = {name: put.excluded[name] for name in rows[0] if name not in keys}
    session.execute(put.on_conflict_do_update(index_elements=list(keys), set_=changed), list(rows))


def finish_run(
    session: Session, claim: Claim, *, started_at: datetime, counts: Counts, error: tuple[str, str] | None,
    now: datetime,
) -> None:
    """Write down how a reading ended and when the next one is due; gives the connection back. Does not commit."""
    row = session.get_one(Connection, claim.card.id, populate_existing=True)
    session.add(ConnectionRun(
        connection_id=row.id, started_at=started_at, ended_at=now, accepted=counts.accepted,
        repeated=counts.duplicate, set_aside=counts.quarantined + counts.conflict, error=(error or ("",))[0][:500]))
    if row.claims != claim.number:
        return
    row.claimed_until = None
    row.failures = row.failures + 1 if error else 0
    row.error, row.what_to_do = (error[0][:500], error[1][:500]) if error else ("", "")
    row.read_at = row.read_at if error else started_at
    row.next_at = started_at + wait_after(row.failures, timedelta(seconds=row.interval_seconds))


def prune(session: Session, *, connection_id: int, now: datetime) -> None:
    """Forget things that have not changed for long, and old runs. Does not commit."""
    session.execute(delete(ConnectionThing).where(
        ConnectionThing.connection_id == connection_id, ConnectionThing.touched_at < now - FORGOTTEN_AFTER,
        ConnectionThing.stream.not_in(("shops", "hours"))))
    runs = select(ConnectionRun.id).where(ConnectionRun.connection_id == connection_id)
    last = session.scalar(runs.order_by(ConnectionRun.id.desc()).offset(RUNS_KEPT).limit(1))
    if last is not None:
        session.execute(delete(ConnectionRun).where(
            ConnectionRun.connection_id == connection_id, ConnectionRun.id <= last))


def queue_wish(
    session: Session, *, marketplace_id: str, shop: str, wanted: str, key: str, now: datetime
) -> WishRow | None:
    """Wish for how a shop shall stand on the marketplace's platform; None where it has no connection.

    With the same key it is the same wish; one that failed is asked again. Does not commit.
    """
    card = find_connection_of(session, marketplace_id)
    return queue_wish_at(session, card.id, shop=shop, wanted=wanted, key=key, now=now) if card is not None else None


def queue_wish_at(
    session: Session, connection_id: int, *, shop: str, wanted: str, key: str, now: datetime,
    until_at: datetime | None = None,
) -> WishRow | None:
    """Wish for how a shop shall stand on the platform of a connection, as `queue_wish` does. Does not commit."""
    found = session.scalar(select(ConnectionWish).where(
        ConnectionWish.connection_id == connection_id, ConnectionWish.key == key))
    if found is None:
        session.add(ConnectionWish(
            connection_id=connection_id, key=key, shop=shop, wanted=wanted, until_at=until_at, state="waiting",
            made_at=now, next_at=now))
    elif found.state == "failed":
        found.state, found.next_at, found.attempts, found.error, found.settled_at = "waiting", now, 0, "", None
    session.flush()
    return find_wish(session, connection_id, key)


def find_wish_of(session: Session, *, marketplace_id: str, key: str) -> WishRow | None:
    """How far the wish of a key got."""
    query = select(ConnectionWish.connection_id).join(Connection, Connection.id == ConnectionWish.connection_id).where(
        Connection.marketplace_id == marketplace_id, ConnectionWish.key == key).limit(1)
    connection_id = session.scalar(query)
    return find_wish(session, connection_id, key) if connection_id is not None else None


def claim_wish(session: Session, wish_id: int, *, now: datetime) -> ConnectionWish | None:
    """Take a due wish by conditional update; None when another worker has it. Does not commit."""
    due = (ConnectionWish.id == wish_id, ConnectionWish.state.in_(OPEN_WISHES), ConnectionWish.next_at <= now)
    attempted = {"attempts": ConnectionWish.attempts + 1, "next_at": now + CLAIM}
    taken = session.scalar(update(ConnectionWish).where(*due).values(**attempted).returning(ConnectionWish.id))
    return session.get_one(ConnectionWish, wish_id) if taken is not None else None


def settle_wish(session: Session, wish_id: int, *, state: str, error: str, now: datetime) -> str:
    """Write down what the platform said; what it still does not show is looked at again. Does not commit."""
    row = session.get_one(ConnectionWish, wish_id)
    if state in {"waiting", "asked"} and row.attempts >= MOST_ATTEMPTS:
        state, error = "failed", error or f"The platform was asked and has not shown it after {row.attempts} looks."
    row.state, row.error = state, error[:500]
    row.settled_at = now if state in {"in_force", "failed"} else None
    row.next_at = now + READ_BACK_AFTER * 2 ** min(row.attempts, 8)
    append_audit(session, actor="connections", now=now, action="platform.asked", subject=f"wish:{row.key}",
                 after={"shop": row.shop, "wanted": row.wanted, "state": state, "error": error[:500]})
    return state


def keep_figures(session: Session, *, connection_id: int, on: date, compared: Mapping[str, Compared]) -> FigureCount:
    """Keep what comparing gave for a day, shop by shop, in place of what was kept for it. Does not commit."""
    session.execute(delete(FigureDifference).where(
        FigureDifference.connection_id == connection_id, FigureDifference.on_date == on))
    for shop, found in compared.items():
        session.add_all(FigureDifference(
            connection_id=connection_id, on_date=on, shop=shop, figure=row.figure, period=row.period, theirs=row.theirs,
            ours=row.ours.value, bad=row.ours.bad, base=row.ours.base, cause=row.cause, count=row.count)
            for row in found.differences)
    count = FigureCount(
        connection_id=connection_id, on_date=on, compared=sum(found.compared for found in compared.values()),
        equal=sum(found.equal for found in compared.values()),
        unexplained=sum(row.cause == "unexplained" for found in compared.values() for row in found.differences))
    session.merge(count)
    session.get_one(Connection, connection_id).compared_on = on
    return count
