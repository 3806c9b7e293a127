"""Addresses at which calendar programs read a person's deadlines. Nothing here commits."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import Actor
from operator_qos.accounts.queries import find_sign_in, hash_key
from operator_qos.audit.service import append_audit
from operator_qos.me.models import CalendarFeed, ObligationChange
from operator_qos.me.queries import ChangeRow
from operator_qos.me.rules import CANCELLED, MET

# How long what ended is told as cancelled: longer than any calendar program waits between two readings.
TELLS_ENDED = timedelta(days=14)


@dataclass(frozen=True)
class FeedRow:
    """A calendar address in use; the address itself is known to its owner alone."""

    id: int
    created_at: datetime


def list_calendars(session: Session, user_id: int) -> list[FeedRow]:
    """A person's calendar addresses in use."""
    mine = (CalendarFeed.user_id == user_id, CalendarFeed.revoked_at.is_(None))
    rows = session.execute(select(CalendarFeed.id, CalendarFeed.created_at).where(*mine).order_by(CalendarFeed.id))
    return [FeedRow(*row) for row in rows]


def make_calendar(session: Session, *, actor: Actor, now: datetime) -> str:
    """A new calendar address of a person; answers its token, the only time it can be read. Earlier ones end."""
    revoke_calendars(session, actor=actor, now=now)
    token = secrets.token_urlsafe(24)
    session.add(CalendarFeed(user_id=actor.user_id, token_hash=hash_key(token), created_at=now))
    session.flush()
    append_audit(session, actor=actor.email, now=now, action="calendar.made", subject=f"user:{actor.email}")
    return token


def revoke_calendars(session: Session, *, actor: Actor, now: datetime) -> int:
    """Take back a person's calendar addresses; returns how many."""
    gone = session.execute(
        update(CalendarFeed).where(CalendarFeed.user_id == actor.user_id, CalendarFeed.revoked_at.is_(None))
        .values(revoked_at=now).returning(CalendarFeed.id)).all()
    if gone:
        append_audit(session, actor=actor.email, now=now, action="calendar.ended", subject=f"user:{actor.email}")
    return len(gone)


def find_calendar_owner(session: Session, token: str) -> Actor | None:
    """The active person of a seller whose calendar address it is."""
    mine = (CalendarFeed.token_hash == hash_key(token), CalendarFeed.revoked_at.is_(None))
    user_id = session.scalar(select(CalendarFeed.user_id).where(*mine))
    found = find_sign_in(session, user_id) if user_id is not None else None
    return found.actor if found is not None and found.actor.is_seller else None


def list_last_changes(session: Session, seller_id: int, *, now: datetime) -> dict[str, ChangeRow]:
    """What was last said of each promise lately, by its name for programs."""
    columns = [getattr(ObligationChange, name) for name in ChangeRow.__dataclass_fields__]
    lately = (ObligationChange.seller_id == seller_id, ObligationChange.told_at > now - TELLS_ENDED)
    last = select(func.max(ObligationChange.number)).where(*lately).group_by(
        ObligationChange.shop_id, ObligationChange.data["id"].as_string())
    rows = session.execute(select(*columns).where(ObligationChange.seller_id == seller_id,
                                                  ObligationChange.number.in_(last)))
    return {row.data["id"]: ChangeRow(*row) for row in rows}


def has_ended(change: ChangeRow) -> bool:
    """Whether nothing is owed any more."""
    return change.change in {MET, CANCELLED}
