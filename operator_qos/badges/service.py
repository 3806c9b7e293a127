"""Showing a badge to the world, and taking it back. Nothing here commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.badges.models import PublicBadge
from operator_qos.badges.queries import find_state
from operator_qos.sellers.queries import ShopCard


class BadgeError(ValueError):
    """What was asked of a public badge cannot be done; `code` says what, the text in words."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def switch_badge(session: Session, card: ShopCard, *, is_on: bool, actor: str, now: datetime) -> None:
    """Show the badges of a shop to the world, or no more. Raises BadgeError where there is none to show."""
    state = find_state(session, card)
    if is_on and (state is None or not state.badges):
        raise BadgeError("none", f"{card.name} has no badge in force; it can be shown once one is awarded")
    row = session.get(PublicBadge, card.id) or PublicBadge(shop_id=card.id, revoked_why="")
    row.is_on, row.switched_at, row.switched_by = is_on, now, actor
    session.add(row)
    session.flush()
    append_audit(session, actor=actor, now=now, action="badge.switched_on" if is_on else "badge.switched_off",
                 subject=_subject(card))


def revoke_badge(session: Session, card: ShopCard, *, why: str, actor: str, now: datetime) -> None:
    """Take the public badge back at once; the badge itself stays as it is decided. Raises BadgeError."""
    row = _get_shown(session, card)
    if row.revoked_at is not None:
        raise BadgeError("revoked", f"the public badge of {card.name} was revoked already")
    if not why.strip():
        raise BadgeError("why", "say why: the reason stands in the report and the seller reads it")
    row.revoked_at, row.revoked_why = now, why.strip()[:500]
    append_audit(session, actor=actor, now=now, action="badge.revoke", subject=_subject(card), why=why.strip()[:2000])


def restore_badge(session: Session, card: ShopCard, *, why: str, actor: str, now: datetime) -> None:
    """Give a public badge back that was revoked. Raises BadgeError."""
    row = _get_shown(session, card)
    if row.revoked_at is None:
        raise BadgeError("not_revoked", f"the public badge of {card.name} is not revoked")
    if not why.strip():
        raise BadgeError("why", "say why: the reason stands in the report")
    row.revoked_at, row.revoked_why = None, ""
    append_audit(session, actor=actor, now=now, action="badge.restore", subject=_subject(card), why=why.strip()[:2000])


def _get_shown(session: Session, card: ShopCard) -> PublicBadge:
    row = session.get(PublicBadge, card.id)
    if row is None:
        raise BadgeError("unknown", f"{card.name} never showed a badge")
    return row


def _subject(card: ShopCard) -> str:
    return f"shop:{card.marketplace_id}/{card.code}"
