"""Reading the addresses that are told, and how their calls went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.rules import wants
from operator_qos.sellers.models import Marketplace


@dataclass(frozen=True)
class HookRow:
    """An address with how its calls went; without topics it is told of everything."""

    id: int
    marketplace_id: str | None
    seller_id: int | None
    url: str
    topics: tuple[str, ...]
    is_active: bool
    sent: int
    waiting: int
    dead: int


@dataclass(frozen=True)
class CallRow:
    """One call; `state` is waiting, sent or dead."""

    id: int
    hook_id: int
    topic: str
    key: str
    message_id: str
    state: str
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    error: str
    url: str


def list_hooks(session: Session, *, seller_id: int | None = None) -> list[HookRow]:
    """Every address of the marketplaces, or of one seller, that was ever told anything; those still told first."""
    def count(state: str) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((HookCall.state == state, 1), else_=0)), 0)

    whose = Hook.seller_id.is_(None) if seller_id is None else Hook.seller_id == seller_id
    counts = select(HookCall.hook_id, count("sent").label("sent"), count("waiting").label("waiting"),
                    count("dead").label("dead")).where(HookCall.hook_id.in_(select(Hook.id).where(whose))).group_by(
                        HookCall.hook_id).subquery()
    query = select(Hook, counts.c.sent, counts.c.waiting, counts.c.dead).outerjoin(counts, counts.c.hook_id == Hook.id)
    return [
        HookRow(hook.id, hook.marketplace_id, hook.seller_id, hook.url, tuple(hook.topics), hook.is_active, sent or 0,
                waiting or 0, dead or 0)
        for hook, sent, waiting, dead in session.execute(query.where(whose).order_by(Hook.is_active.desc(), Hook.id))
    ]


def list_listening(session: Session, marketplace_id: str, topic: str) -> list[int]:
    """The addresses of a marketplace that are told of a topic."""
    return _list_wanting(session, Hook.marketplace_id == marketplace_id, topic)


def list_sellers_listening(session: Session, seller_id: int, topic: str) -> list[int]:
    """The addresses of a seller that are told of a topic."""
    return _list_wanting(session, Hook.seller_id == seller_id, topic)


def list_listening_sellers(session: Session) -> set[int]:
    """The sellers with an address that is told something."""
    rows = session.scalars(select(Hook.seller_id).where(Hook.seller_id.is_not(None), Hook.is_active.is_(True)))
    return {seller_id for seller_id in rows if seller_id is not None}


def _list_wanting(session: Session, whose: ColumnElement[bool], topic: str) -> list[int]:
    query = select(Hook.id, Hook.topics).where(whose, Hook.is_active.is_(True))
    return [hook_id for hook_id, topics in session.execute(query.order_by(Hook.id)) if wants(topics, topic)]


def _calls() -> Select[Any]:
    columns = [getattr(HookCall, name) for name in CallRow.__dataclass_fields__ if name != "url"]
    return select(*columns, Hook.url).join(Hook, Hook.id == HookCall.hook_id)


def find_hook_call(session: Session, call_id: int) -> CallRow | None:
    """One call, None where there is none of that number."""
    row = session.execute(_calls().where(HookCall.id == call_id)).one_or_none()
    return None if row is None else CallRow(*row)


def list_calls(session: Session, *, state: str, limit: int = 100) -> list[CallRow]:
    """Calls of marketplaces in a state, newest first; `dead` ones need somebody's attention."""
    wanted = _calls().where(HookCall.state == state, Hook.seller_id.is_(None))
    return [CallRow(*row) for row in session.execute(wanted.order_by(HookCall.id.desc()).limit(limit))]


def list_sellers_calls(session: Session, seller_id: int, *, limit: int = 50) -> list[CallRow]:
    """The last calls to a seller's addresses, newest first."""
    wanted = _calls().where(Hook.seller_id == seller_id)
    return [CallRow(*row) for row in session.execute(wanted.order_by(HookCall.id.desc()).limit(limit))]


def list_due_call_ids(session: Session, *, now: datetime, limit: int) -> list[int]:
    """Waiting calls whose next attempt is due: of every address its first, then its second, and so on.

    So an address with much to be told, or one that takes nothing, keeps no other waiting.
    """
    place = func.row_number().over(partition_by=HookCall.hook_id, order_by=HookCall.id)
    due = select(HookCall.id).where(HookCall.state == "waiting", HookCall.next_attempt_at <= now)
    return list(session.scalars(due.order_by(place, HookCall.id).limit(limit)))


def list_marketplace_names(session: Session) -> dict[str, str]:
    """Every marketplace an address may listen to, by name."""
    rows = session.execute(select(Marketplace.id, Marketplace.name).order_by(Marketplace.name))
    return {row.id: row.name for row in rows}
