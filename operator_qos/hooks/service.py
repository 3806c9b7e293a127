"""Addresses of programs, and what they are to be told. Nothing here commits."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.queries import list_listening, list_marketplace_names, list_sellers_listening
from operator_qos.hooks.rules import SECRET_PREFIX, TOPICS, is_address, name_message, shorten_key, write_body
from operator_qos.sellers.models import Shop


class HookError(ValueError):
    """An address that cannot be told anything; the text says why."""


def add_hook(
    session: Session, *, marketplace_id: str, url: str, actor: str, now: datetime, topics: Collection[str] = ()
) -> Hook:
    """Tell an address what happens from now on; its secret is made here. Raises HookError."""
    unknown = sorted(set(topics) - set(TOPICS))
    if unknown:
        raise HookError(f"{unknown[0]!r} is nothing an address can be told of; choose among {', '.join(TOPICS)}")
    if not is_address(url):
        raise HookError(f"{url!r} is no address; write it like https://example.org/hooks")
    if marketplace_id not in list_marketplace_names(session):
        raise HookError(f"there is no marketplace {marketplace_id!r}")
    row = Hook(marketplace_id=marketplace_id, url=url, secret=make_secret(), topics=sorted(topics), is_active=True)
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="hook.added", subject=f"hook:{row.id}",
                 after={"marketplace": marketplace_id, "url": url, "topics": row.topics})
    return row


def make_secret() -> str:
    """A new secret to sign calls with."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def stop_hook(session: Session, *, hook_id: int, actor: str, now: datetime) -> bool:
    """Tell an address nothing more; what still waits for it is given up. False: there is none that is told."""
    row = session.get(Hook, hook_id)
    if row is None or not row.is_active:
        return False
    row.is_active = False
    session.execute(update(HookCall).where(HookCall.hook_id == hook_id, HookCall.state == "waiting")
                    .values(state="dead", error="the address was stopped"))
    append_audit(session, actor=actor, now=now, action="hook.stopped", subject=f"hook:{hook_id}",
                 before={"url": row.url})
    return True


def queue_hook(  # noqa: PLR0913  # what is told, to whom, about what
    session: Session, *, marketplace_id: str, topic: str, key: str, data: Mapping[str, Any], now: datetime,
    at: datetime | None = None, shop_id: int | None = None,
) -> list[int]:
    """Tell every address of the marketplace that listens to the topic; returns the calls, by address.

    `key` names what it is about: with the same key an address is told once, and a second call of this answers the
    calls of the first. `at`: when it happened, `now` unless it is given. With `shop_id` the addresses of the shop's
    seller are told too.
    """
    hooks = list_listening(session, marketplace_id, topic)
    if shop_id is not None:
        hooks += list_sellers_listening(session, session.get_one(Shop, shop_id).seller_id, topic)
    return queue_calls(session, hooks, topic=topic, key=key, body=write_body(topic, data, at=at or now), now=now)


def queue_calls(  # what is told, to whom
    session: Session, hooks: Sequence[int], *, topic: str, key: str, body: str, now: datetime
) -> list[int]:
    """Put one call to each of these addresses in the queue, once per key; returns the calls. Does not commit."""
    kept = shorten_key(key)
    if not hooks:
        return []
    rows = [{"hook_id": hook_id, "topic": topic, "key": kept, "message_id": name_message(hook_id, kept),
             "state": "waiting", "attempts": 0, "next_attempt_at": now, "body": body, "error": ""} for hook_id in hooks]
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(HookCall).values(rows).on_conflict_do_nothing())
    query = select(HookCall.id).where(HookCall.hook_id.in_(hooks), HookCall.key == kept)
    return list(session.scalars(query.order_by(HookCall.hook_id)))


def forget_calls(session: Session, *, group: str, before: datetime) -> int:
    """Drop calls of a group of topics that were made or given up before; returns how many."""
    over = HookCall.state.in_(("sent", "dead")) & (HookCall.next_attempt_at < before)
    told = delete(HookCall).where(over, HookCall.topic.startswith(f"{group}."))
    return len(session.execute(told.returning(HookCall.id)).all())


def requeue_call(session: Session, *, call_id: int, actor: str, now: datetime) -> bool:
    """Give a dead call another round of attempts; False when it is not dead or its address is stopped."""
    told = select(Hook.id).where(Hook.is_active.is_(True))
    changed = session.execute(
        update(HookCall).where(HookCall.id == call_id, HookCall.state == "dead", HookCall.hook_id.in_(told))
        .values(state="waiting", attempts=0, next_attempt_at=now, error="").returning(HookCall.id)).scalar()
    if changed is not None:
        append_audit(session, actor=actor, now=now, action="hook.requeued", subject=f"hook_call:{call_id}")
    return changed is not None
