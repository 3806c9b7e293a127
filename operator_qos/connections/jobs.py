"""Reading every connection on time, carrying out wishes, and the nightly comparison of figures."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine

from operator_qos.clock import to_ms, utc_now
from operator_qos.connections import queries, service
from operator_qos.connections.asking import queue_by_standing
from operator_qos.connections.queries import Card, StoredMemory, UnknownConnectionError
from operator_qos.connections.rules import STALE_DAYS, Compared, compare_figures, is_to_compare
from operator_qos.connections.sealing import SealError
from operator_qos.connections.service import Claim, ConnectionRefused
from operator_qos.connectors.contract import (
    ActingConnector,
    Connector,
    Pause,
    ShopWish,
    SourceError,
    WishAnswer,
    find_connect,
)
from operator_qos.connectors.mirakl import Mirakl
from operator_qos.connectors.mirakl.writing import Figures
from operator_qos.db import chunks, reading, unit_of_work
from operator_qos.events.service import Counts, Intake
from operator_qos.settings import Settings, read_secret
from scoring.windows import day_end_ms

LONGEST_PERIOD = timedelta(days=420)  # the year and what was placed before it
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Synced:
    """How a reading ended: what became of the events, and what went wrong, with what to do."""

    name: str
    counts: Counts
    error: str = ""
    what_to_do: str = ""


@dataclass(frozen=True)
class Tools:
    """What a job works with besides the database; a test waits by the lab's clock.

    `clock` says until when a connection is held while it is read: `now` stands still meanwhile.
    """

    settings: Settings
    pause: Pause = time.sleep
    clock: Callable[[], datetime] = utc_now


def sync_connections(engine: Engine, settings: Settings, *, now: datetime) -> list[Synced]:
    """Read every connection that is due, one after the other; commits batch by batch."""
    with reading(engine) as session:
        due = [queries.get_connection(session, found) for found in queries.list_due(session, now=now)]
    done = [sync_connection(engine, card, tools=Tools(settings), now=now) for card in due]
    return [synced for synced in done if synced is not None]


def sync_connection(
    engine: Engine, card: Card, *, tools: Tools, now: datetime, due_only: bool = True
) -> Synced | None:
    """Read one connection to its end; None when another worker holds it. What goes wrong is written down."""
    with unit_of_work(engine) as session:
        claim = service.claim_connection(session, card, now=now, due_only=due_only)
    if claim is None:
        return None
    counts, error = Counts(), None
    try:
        connector = _connect(engine, card, tools)
        for batch in connector.pull(StoredMemory(engine, card.id), now=now):
            until = max(now, tools.clock()) + service.CLAIM
            intake = Intake(now, card.origin, open_shops=True, marketplace=card.marketplace_id,
                            retention_days=tools.settings.body_retention_days)
            counts = _add(counts, service.store_batch(engine, claim, batch, intake=intake, until=until))
    except SourceError as found_error:
        error = (found_error.what, found_error.what_to_do)
    except SealError as found_error:
        error = (str(found_error), "")
    except ConnectionRefused as found_error:
        return Synced(card.name, counts, str(found_error))
    except Exception as found_error:  # the state must say so, and the next reading must still happen
        log.exception("connection_failed", connection=card.name)
        error = (f"{type(found_error).__name__}: {found_error}", "This is an error of ours: report it with the log.")
    return _finish(engine, claim, counts, error, started_at=now, now=max(now, tools.clock()))


def _finish(
    engine: Engine, claim: Claim, counts: Counts, error: tuple[str, str] | None, *, started_at: datetime, now: datetime
) -> Synced:
    with unit_of_work(engine) as session:
        service.finish_run(session, claim, started_at=started_at, counts=counts, error=error, now=now)
        service.prune(session, connection_id=claim.card.id, now=now)
    if error:
        log.warning("connection_not_read", connection=claim.card.name, error=error[0])
    return Synced(claim.card.name, counts, *(error or ()))


def _add(left: Counts, right: Counts) -> Counts:
    return Counts(left.accepted + right.accepted, left.duplicate + right.duplicate, left.conflict + right.conflict,
                  left.quarantined + right.quarantined)


def _connect(engine: Engine, card: Card, tools: Tools) -> Connector:
    """The connector of a connection. Raises SealError and SourceRefused."""
    with reading(engine) as session:
        access = service.make_access(session, card, secret=read_secret(tools.settings))
    if card.kind == "mirakl":
        return Mirakl(access, pause=tools.pause, reasons=card.reasons)
    connect = find_connect(card.kind)
    assert connect is not None  # noqa: S101  # only kinds of CONNECTORS are added
    return connect(access, pause=tools.pause)


def check_connection(engine: Engine, card: Card, *, tools: Tools) -> str:
    """Ask the platform whether it lets us in; what it says. Raises SourceError and SealError."""
    connector = _connect(engine, card, tools)
    return connector.check() if isinstance(connector, Mirakl) else "nothing to check"


def carry_out_wishes(engine: Engine, settings: Settings, *, now: datetime) -> Mapping[str, int]:
    """Ask platforms for what is wished, by itself too, and look whether it stands; commits wish by wish."""
    queue_by_standing(engine, now=now)
    return _carry_out(engine, Tools(settings), now=now)


def _carry_out(engine: Engine, tools: Tools, *, now: datetime) -> Mapping[str, int]:
    with reading(engine) as session:
        due = queries.list_due_wishes(session, now=now)
    return Counter(state for state in (_carry_one(engine, wish_id, tools, now=now) for wish_id in due) if state)


def _carry_one(engine: Engine, wish_id: int, tools: Tools, *, now: datetime) -> str:
    with unit_of_work(engine) as session:
        row = service.claim_wish(session, wish_id, now=now)
        if row is None:
            return ""
        card, state = queries.get_connection(session, row.connection_id), row.state
        wish = ShopWish(row.shop, row.wanted, until_at=row.until_at)  # type: ignore[arg-type]  # only such are queued
    answer = _speak(engine, card, wish, tools, is_asked=state == "asked", now=now)
    with unit_of_work(engine) as session:
        return service.settle_wish(session, wish_id, state=answer.state, error=answer.error, now=now)


def _speak(
    engine: Engine, card: Card, wish: ShopWish, tools: Tools, *, is_asked: bool, now: datetime
) -> WishAnswer:
    try:
        connector = _connect(engine, card, tools)
        if not isinstance(connector, ActingConnector):
            return WishAnswer("failed", f"A connection of the kind {card.kind} only reads.")
        return connector.read_back(wish, now=now) if is_asked else connector.ask(wish, now=now)
    except SourceError as error:
        return WishAnswer("asked" if is_asked else "waiting", str(error))  # type: ignore[arg-type]  # tried again
    except SealError as error:
        return WishAnswer("failed", str(error))


def compare_connections(engine: Engine, settings: Settings, *, now: datetime) -> int:
    """Compare the figures of every connection whose day is not compared yet; how many were. Commits each."""
    with reading(engine) as session:
        cards = [card for card in queries.list_connections(session) if not card.is_paused and card.read_at]
        zones = {card.id: queries.get_place(session, card.marketplace_id).timezone for card in cards}
    due = [card for card in cards if is_to_compare(card.compared_on, now.astimezone(ZoneInfo(zones[card.id])))]
    return sum(_try_comparing(engine, card, Tools(settings), now=now) for card in due)


def _try_comparing(engine: Engine, card: Card, tools: Tools, *, now: datetime) -> bool:
    try:
        compare_connection(engine, card, tools=tools, now=now)
    except (SourceError, SealError) as error:
        log.warning("figures_not_compared", connection=card.name, error=str(error))
        return False
    return True


def compare_connection(engine: Engine, card: Card, *, tools: Tools, now: datetime) -> Mapping[str, Compared]:
    """Hold the platform's figures of every shop against ours and keep the differences; commits. Raises SourceError."""
    connector = _connect(engine, card, tools)
    if not isinstance(connector, Mirakl):
        return {}
    with reading(engine) as session:
        shops = queries.list_shop_codes(session, card.marketplace_id)
        zone = queries.get_place(session, card.marketplace_id).timezone
    today = now.astimezone(ZoneInfo(zone)).date()
    midnights = [day_end_ms(today - timedelta(days=number + 1), zone) for number in range(STALE_DAYS + 1)]
    compared: dict[str, Compared] = {}
    for part in chunks(shops, 100):
        theirs = connector.read_statistics([code for _, code in part])
        compared |= _compare_shops(engine, card, part, theirs, midnights=midnights, now=now)
    with unit_of_work(engine) as session:
        service.keep_figures(session, connection_id=card.id, on=today, compared=compared)
    return compared


def _compare_shops(
    engine: Engine, card: Card, shops: Iterable[tuple[int, str]], theirs: Mapping[str, Figures], *,
    midnights: list[int], now: datetime,
) -> dict[str, Compared]:
    found: dict[str, Compared] = {}
    with reading(engine) as session:
        for shop_id, code in shops:
            if code in theirs:
                since_ms = to_ms(now - LONGEST_PERIOD)
                said = queries.list_said(session, shop_id, source=card.source, since_ms=since_ms)
                found[code] = compare_figures(
                    said, theirs[code], midnights_ms=midnights, now_ms=to_ms(now), since_ms=to_ms(card.added_at),
                    set_aside=queries.count_set_aside(session, card.marketplace_id, code))
    return found


def find_named(engine: Engine, name: str) -> Card:
    """The connection of that name. Raises UnknownConnectionError."""
    with reading(engine) as session:
        return queries.get_connection_named(session, name)


__all__ = ["Synced", "Tools", "UnknownConnectionError", "carry_out_wishes", "check_connection", "compare_connection",
           "compare_connections", "find_named", "sync_connection", "sync_connections"]
