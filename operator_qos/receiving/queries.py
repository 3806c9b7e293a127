"""Reading who may send webhooks, and which came already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.receiving.models import ReceivedHook, Receiver


@dataclass(frozen=True)
class ReceiverRow:
    """An address of ours; its secrets are asked for apart."""

    id: int
    name: str
    kind: str
    marketplace_id: str
    shop: str
    created_at: datetime
    previous_until_at: datetime | None
    stopped_at: datetime | None
    last_at: datetime | None


_COLUMNS = tuple(getattr(Receiver, name) for name in ReceiverRow.__dataclass_fields__)


def list_receivers(session: Session) -> list[ReceiverRow]:
    """Every address, those in use first, by name."""
    rows = session.execute(select(*_COLUMNS).order_by(Receiver.stopped_at.is_not(None), Receiver.name))
    return [ReceiverRow(*row) for row in rows]


def find_receiver(session: Session, name: str) -> ReceiverRow | None:
    """The address in use of that name."""
    row = session.execute(select(*_COLUMNS).where(Receiver.name == name, Receiver.stopped_at.is_(None))).one_or_none()
    return None if row is None else ReceiverRow(*row)


def list_secrets(session: Session, receiver_id: int, *, now: datetime) -> list[str]:
    """The secrets calls may be signed with now: after an exchange both for a while."""
    row = session.get_one(Receiver, receiver_id)
    goes_on = row.previous_until_at is not None and row.previous_until_at > now
    return [row.secret, row.previous_secret] if goes_on and row.previous_secret else [row.secret]


def is_received(session: Session, receiver_id: int, message_id: str) -> bool:
    """Whether a webhook of that id came before."""
    return session.get(ReceivedHook, (receiver_id, message_id)) is not None
