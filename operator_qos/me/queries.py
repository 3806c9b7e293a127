"""Reading what programs were told of a company's promises, and what is there now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.accounts.seller_keys import list_seller_ids
from operator_qos.db import chunks
from operator_qos.hooks.queries import list_listening_sellers
from operator_qos.ledger.models import Obligation
from operator_qos.me.models import CalendarFeed, FollowedObligation, ObligationChange, ObligationFeed

Key = tuple[int, str, str]  # shop, kind, name


@dataclass(frozen=True)
class ChangeRow:
    """One change of a promise."""

    number: int
    change: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Bounds:
    """The numbers of a company's changes: the last one, and the first that is still kept."""

    last: int
    oldest: int


@dataclass(frozen=True)
class Ended:
    """How a promise ended [epoch ms]; both None where it is open, or there is none any more."""

    settled_ms: int | None
    void_ms: int | None
    due_ms: int


def list_followed_sellers(session: Session) -> list[int]:
    """The companies with a key, an address or a calendar in use."""
    query = select(User.seller_id).join(CalendarFeed, CalendarFeed.user_id == User.id)
    reading = session.scalars(query.where(CalendarFeed.revoked_at.is_(None), User.active, User.seller_id.is_not(None)))
    mine = {seller_id for seller_id in reading if seller_id is not None}
    return sorted(mine | list_seller_ids(session) | list_listening_sellers(session))


def find_bounds(session: Session, seller_id: int) -> Bounds:
    """Where a company's changes begin and end."""
    row = session.get(ObligationFeed, seller_id)
    return Bounds(0, 1) if row is None else Bounds(row.last_number, row.oldest_number)


def list_changes(session: Session, seller_id: int, *, since: int, limit: int) -> list[ChangeRow]:
    """A company's changes after a number, in order."""
    columns = [getattr(ObligationChange, name) for name in ChangeRow.__dataclass_fields__]
    mine = (ObligationChange.seller_id == seller_id, ObligationChange.number > since)
    rows = session.execute(select(*columns).where(*mine).order_by(ObligationChange.number).limit(limit))
    return [ChangeRow(*row) for row in rows]


def list_followed(session: Session, seller_id: int) -> dict[Key, FollowedObligation]:
    """What a company's programs know of."""
    rows = session.scalars(select(FollowedObligation).where(FollowedObligation.seller_id == seller_id))
    return {(row.shop_id, row.kind, row.ref): row for row in rows}


def list_ended(session: Session, followed: Mapping[Key, FollowedObligation]) -> dict[Key, Ended]:
    """How these promises ended; one that is no longer anywhere is missing."""
    dossiers = sorted({row.dossier_id for row in followed.values()})
    found = {key: ended for part in chunks(dossiers, 5_000)
             for key, ended in _read_ends(session, followed, Obligation.dossier_id.in_(part))}
    # What was found in another dossier since is looked for by name: slower, and rare.
    moved = [key for key in followed if key not in found]
    for part in chunks(sorted({ref for _, _, ref in moved}), 5_000):
        shops = {shop_id for shop_id, _, _ in moved}
        found |= _read_ends(session, followed, Obligation.shop_id.in_(shops) & Obligation.ref.in_(part))
    return found


def _read_ends(
    session: Session, followed: Mapping[Key, FollowedObligation], where: ColumnElement[bool]
) -> list[tuple[Key, Ended]]:
    columns = (Obligation.shop_id, Obligation.kind, Obligation.ref, Obligation.settled_ms, Obligation.void_ms,
               Obligation.due_ms)
    rows = session.execute(select(*columns).where(where)).all()
    return [((shop_id, kind, ref), Ended(settled_ms, void_ms, due_ms))
            for shop_id, kind, ref, settled_ms, void_ms, due_ms in rows if (shop_id, kind, ref) in followed]
