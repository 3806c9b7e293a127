"""Addresses of sellers' own programs. Nothing here commits."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.rules import SELLER_TOPICS, TEST_TOPIC, is_address, write_body
from operator_qos.hooks.service import HookError, make_secret, queue_calls, requeue_call, stop_hook

MAX_HOOKS = 10


def add_seller_hook(
    session: Session, *, seller_id: int, url: str, topics: Collection[str], allows_plain: bool, actor: str,
    now: datetime,
) -> Hook:
    """Tell a seller's address what happens in its shops; its secret is made here. Raises HookError.

    `allows_plain`: whether http will do, which is for hosts the operator trusts. Where the name of a host leads is
    looked at when it is called (hooks.reach).
    """
    unknown = sorted(set(topics) - set(SELLER_TOPICS))
    if unknown:
        raise HookError(f"{unknown[0]!r} is nothing you can be told of; choose among {', '.join(SELLER_TOPICS)}")
    if not is_address(url) or not (url.startswith("https://") or allows_plain):
        raise HookError(f"{url!r} is no address to call; write it like https://example.org/hooks")
    if len(_list_active_ids(session, seller_id)) >= MAX_HOOKS:
        raise HookError(f"there are {MAX_HOOKS} addresses already; stop one first")
    row = Hook(seller_id=seller_id, url=url, secret=make_secret(), topics=sorted(topics), is_active=True)
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="hook.added", subject=f"hook:{row.id}",
                 after={"seller": seller_id, "url": url, "topics": row.topics})
    return row


def _list_active_ids(session: Session, seller_id: int) -> list[int]:
    return list(session.scalars(select(Hook.id).where(Hook.seller_id == seller_id, Hook.is_active.is_(True))))


def stop_seller_hook(session: Session, *, seller_id: int, hook_id: int, actor: str, now: datetime) -> bool:
    """Tell a seller's address nothing more; False for a foreign one, a missing one and one already stopped."""
    mine = hook_id in _list_active_ids(session, seller_id)
    return mine and stop_hook(session, hook_id=hook_id, actor=actor, now=now)


def try_seller_hook(session: Session, *, seller_id: int, hook_id: int, now: datetime) -> bool:
    """Put a call in the queue that says nothing but that it is a test; False for a foreign or stopped address."""
    if hook_id not in _list_active_ids(session, seller_id):
        return False
    body = write_body(TEST_TOPIC, {"hook": hook_id}, at=now)
    queue_calls(session, [hook_id], topic=TEST_TOPIC, key=f"test:{now.isoformat()}", body=body, now=now)
    return True


def requeue_seller_call(session: Session, *, seller_id: int, call_id: int, actor: str, now: datetime) -> bool:
    """Give a call that was given up another round; False for a foreign one and one that is not dead."""
    mine = session.scalar(select(HookCall.id).join(Hook, Hook.id == HookCall.hook_id).where(
        HookCall.id == call_id, Hook.seller_id == seller_id))
    return mine is not None and requeue_call(session, call_id=call_id, actor=actor, now=now)
