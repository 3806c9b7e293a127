"""Buyers' links: signed, for one dispute, expiring, revocable; made by staff or the API, opened without an account."""

from __future__ import annotations

from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from operator_qos.disputes.acting import Actor
from operator_qos.disputes.mailing.answers import name_dispute, plan_buyer_reply
from operator_qos.disputes.models import DisputeLink
from operator_qos.i18n import LANGUAGES
from operator_qos.notices.replies import make_guest_reply, revoke_replies, sign_reply, to_address
from operator_qos.settings import Settings, read_secret

LASTS = timedelta(days=60)
SALT = "dispute-link"


def create_link(session: Session, *, dispute_id: int, language: str, actor: Actor, now: datetime) -> DisputeLink:
    """A new link of a dispute, valid for 60 days. Does not commit."""
    row = DisputeLink(
        dispute_id=dispute_id, language=language if language in LANGUAGES else "en", created_at=now,
        created_by=actor.name, expires_at=now + LASTS,
    )
    session.add(row)
    session.flush()
    return row


def revoke(session: Session, *, dispute_id: int, link_id: int, now: datetime) -> bool:
    """Take a link back; False: it is none of this dispute, or was taken back before. Does not commit."""
    row = session.get(DisputeLink, link_id)
    if row is None or row.dispute_id != dispute_id or row.revoked_at is not None:
        return False
    row.revoked_at = now
    revoke_replies(session, about=name_dispute(dispute_id), purpose=_purpose(link_id), now=now)
    return True


def make_reply_address(session: Session, link: DisputeLink, *, email: str, settings: Settings, now: datetime) -> str:
    """Where the buyer's answers by mail come back to while the link opens the dispute; empty where none are taken.

    Of the buyer's own address only a keyed digest is kept. Does not commit.
    """
    if not email or not settings.reply_address:
        return ""
    secret = read_secret(settings)
    reply = make_guest_reply(session, plan_buyer_reply(link.dispute_id), sender=email, purpose=_purpose(link.id),
                             secret=secret, now=now)
    return to_address(settings.reply_address, sign_reply(reply, secret=secret))


def _purpose(link_id: int) -> str:
    return f"link:{link_id}"


def sign_link(link_id: int, *, secret: str) -> str:
    """The part of the address that opens the dispute."""
    return str(_serializer(secret).dumps(link_id))


def find_link(session: Session, token: str, *, secret: str, now: datetime) -> DisputeLink | None:
    """The link, if it was made here, has not expired and was not taken back."""
    try:
        link_id = _serializer(secret).loads(token)
    except BadSignature:
        return None
    row = session.get(DisputeLink, link_id) if isinstance(link_id, int) else None
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    return row


def _serializer(secret: str) -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=SALT)
