"""Addresses for the webhooks of marketplaces' programs. Nothing here commits."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.receiving.models import ReceivedHook, Receiver
from operator_qos.sellers.company_queries import find_marketplace_name

KINDS = ("medusa",)
ROTATION = timedelta(days=7)  # how long the secret before goes on
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


class ReceiverError(ValueError):
    """What was asked cannot be done; `field` says where, the text what to do."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def _make_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def add_receiver(  # one argument per part of an address
    session: Session, *, name: str, kind: str, marketplace_id: str, shop: str = "", actor: str, now: datetime
) -> str:
    """Make an address for webhooks and answer its secret, the only time it is told. Raises ReceiverError."""
    if not _NAME.fullmatch(name):
        raise ReceiverError("name", f"{name!r} is no name; use up to 60 small letters a to z, digits and hyphens")
    if kind not in KINDS:
        raise ReceiverError("kind", f"{kind!r} is not known; choose {' or '.join(KINDS)}")
    if find_marketplace_name(session, marketplace_id) is None:
        raise ReceiverError("marketplace", f"there is no marketplace {marketplace_id!r}")
    if len(shop) > 200:
        raise ReceiverError("shop", "a shop's id has 200 characters at most")
    if session.scalar(select(Receiver.id).where(Receiver.name == name)) is not None:
        raise ReceiverError("name", f"an address {name!r} exists or existed; choose another name")
    row = Receiver(
        name=name, kind=kind, marketplace_id=marketplace_id, shop=shop, secret=_make_secret(), created_at=now)
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="receiver.added", subject=f"receiver:{name}",
                 after={"kind": kind, "marketplace": marketplace_id, "shop": shop})
    return row.secret


def _get_receiver(session: Session, name: str) -> Receiver:
    row = session.scalar(select(Receiver).where(Receiver.name == name, Receiver.stopped_at.is_(None)))
    if row is None:
        raise ReceiverError("name", f"there is no address {name!r} in use")
    return row


def rotate_secret(session: Session, *, name: str, actor: str, now: datetime, keep: timedelta = ROTATION) -> str:
    """Exchange the secret of an address; answers the new one, the old goes on for `keep`. Raises ReceiverError."""
    row = _get_receiver(session, name)
    row.previous_secret, row.previous_until_at, row.secret = row.secret, now + keep, _make_secret()
    session.flush()
    append_audit(session, actor=actor, now=now, action="receiver.rotated", subject=f"receiver:{name}")
    return row.secret


def stop_receiver(session: Session, *, name: str, actor: str, now: datetime) -> None:
    """Take nothing more from an address. Raises ReceiverError."""
    _get_receiver(session, name).stopped_at = now
    append_audit(session, actor=actor, now=now, action="receiver.stopped", subject=f"receiver:{name}")


def note_received(session: Session, *, receiver_id: int, message_id: str, now: datetime) -> None:
    """Remember that a webhook was taken in."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(ReceivedHook).values(
        receiver_id=receiver_id, message_id=message_id, received_at=now).on_conflict_do_nothing())
    session.execute(update(Receiver).where(Receiver.id == receiver_id).values(last_at=now))
