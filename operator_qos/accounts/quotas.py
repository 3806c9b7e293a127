"""How much a key may send: spent in the database, so that any number of web processes agree.

A quota is a rate with a minute's worth in hand. What is kept is one moment per key: up to when its quota is spent. A
call moves it ahead by what it costs and is refused while it lies more than a minute ahead, so that the answer can say
to the second when to come again. A call that costs more than a minute is taken once nothing is spent.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, case, select, text, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute

from operator_qos.accounts.actors import Machine
from operator_qos.accounts.models import KeyUse
from operator_qos.clock import to_ms
from operator_qos.db import unit_of_work

MINUTE_MS = 60_000
# Reading calls note their key's use this often at most: they are not to wait for a writer each time.
NOTE_EVERY = timedelta(minutes=10)


def note_use(engine: Engine, machine: Machine, *, now: datetime) -> None:
    """Remember that a key was used, unless that was noted lately; commits."""
    if machine.used_at is None or now - machine.used_at >= NOTE_EVERY:
        _spend(engine, machine, now, events_ms=0, calls_ms=0)


def take_quota(engine: Engine, machine: Machine, *, events: int, now: datetime) -> int:
    """Spend a call of so many events; 0 when it may go on, else the seconds to wait [s]. Commits."""
    quota = machine.quota
    if quota.events_a_minute is None and quota.calls_a_minute is None:
        return 0
    costs = {"events_ms": _cost_ms(events, quota.events_a_minute), "calls_ms": _cost_ms(1, quota.calls_a_minute)}
    if _spend(engine, machine, now, **costs):
        return 0
    with unit_of_work(engine) as session:
        spent = session.execute(
            select(KeyUse.events_ms, KeyUse.calls_ms).where(KeyUse.key_id == machine.key_id)).one()
    waits = [until - to_ms(now) - _most_ahead(cost) + cost
             for until, cost in zip(spent, costs.values(), strict=True) if cost]
    return max(1, ceil(max(waits) / 1000))


def _cost_ms(count: int, a_minute: int | None) -> int:
    return 0 if a_minute is None else ceil(count * MINUTE_MS / a_minute)


def _most_ahead(cost_ms: int) -> int:
    return max(MINUTE_MS, cost_ms)


def _spend(engine: Engine, machine: Machine, now: datetime, *, events_ms: int, calls_ms: int) -> bool:
    """Move what is spent ahead, by one conditional write; False leaves it as it is."""
    now_ms = to_ms(now)
    build = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    statement = build(KeyUse).values(
        key_id=machine.key_id, used_at=now, events_ms=now_ms + events_ms, calls_ms=now_ms + calls_ms)
    with unit_of_work(engine) as session:
        if engine.dialect.name == "postgresql":  # a use forgotten in a crash costs nothing; waiting for the disk does
            session.execute(text("SET LOCAL synchronous_commit = off"))
        return session.execute(statement.on_conflict_do_update(
            index_elements=[KeyUse.key_id],
            set_={"used_at": now, "events_ms": _ahead(KeyUse.events_ms, now_ms) + events_ms,
                  "calls_ms": _ahead(KeyUse.calls_ms, now_ms) + calls_ms},
            where=and_(_may(KeyUse.events_ms, events_ms, now_ms), _may(KeyUse.calls_ms, calls_ms, now_ms)),
        ).returning(KeyUse.key_id)).scalar() is not None


def _may(column: InstrumentedAttribute[int], cost_ms: int, now_ms: int) -> ColumnElement[bool]:
    return _ahead(column, now_ms) + cost_ms <= now_ms + _most_ahead(cost_ms) if cost_ms else true()


def _ahead(column: InstrumentedAttribute[int], now_ms: int) -> ColumnElement[Any]:
    return case((column > now_ms, column), else_=now_ms)
