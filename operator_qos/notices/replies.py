"""Signed addresses that answers to mails come back to: `reply+12-k3…@domain` names one row and nobody can guess it.

The part after the plus is lower case and short: some mail servers change case, and none takes more than 64 signs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from operator_qos.notices.models import ReplyAddress

LASTS = timedelta(days=60)
# A mail gets a new address when the old one would end sooner than people may take to answer.
LEAST_LEFT = timedelta(days=30)
_TOKEN = re.compile(r"\+(\d{1,18})-([a-z2-7]{26})@", re.IGNORECASE)


@dataclass(frozen=True)
class ReplyPlan:
    """What an answer to a mail does: `action` of the side `side`, read by `recipients`; `about` names the thing."""

    about: str
    side: str
    action: str
    recipients: tuple[str, ...]

    @property
    def purpose(self) -> str:
        """Mails with the same purpose share an address."""
        return f"{self.action}>{','.join(self.recipients)}"


def find_reply(session: Session, plan: ReplyPlan, *, user_id: int, now: datetime) -> ReplyAddress:
    """The person's address for this purpose, made where there is none that lasts long enough. Does not commit."""
    known = session.scalars(select(ReplyAddress).where(
        ReplyAddress.about == plan.about, ReplyAddress.user_id == user_id, ReplyAddress.purpose == plan.purpose,
        ReplyAddress.revoked_at.is_(None), ReplyAddress.expires_at > now + LEAST_LEFT,
    ).order_by(ReplyAddress.id.desc())).first()
    return known or _add(session, plan, now=now, user_id=user_id, purpose=plan.purpose)


def make_guest_reply(
    session: Session, plan: ReplyPlan, *, sender: str, purpose: str, secret: str, now: datetime
) -> ReplyAddress:
    """An address for somebody without an account; of theirs only a keyed digest is kept. Does not commit."""
    return _add(session, plan, now=now, purpose=purpose, sender_digest=digest_sender(sender, secret=secret))


def _add(
    session: Session, plan: ReplyPlan, *, now: datetime, purpose: str, user_id: int | None = None,
    sender_digest: str | None = None,
) -> ReplyAddress:
    row = ReplyAddress(
        about=plan.about, side=plan.side, user_id=user_id, sender_digest=sender_digest, purpose=purpose,
        action=plan.action, recipients=list(plan.recipients), created_at=now, expires_at=now + LASTS)
    session.add(row)
    session.flush()
    return row


def revoke_replies(session: Session, *, about: str, purpose: str, now: datetime) -> None:
    """Take back every address for a purpose. Does not commit."""
    session.execute(update(ReplyAddress).where(
        ReplyAddress.about == about, ReplyAddress.purpose == purpose, ReplyAddress.revoked_at.is_(None),
    ).values(revoked_at=now))


def digest_sender(sender: str, *, secret: str) -> str:
    """A keyed digest of a mail address, so that it can be recognised and not read."""
    return hmac.new(secret.encode(), b"reply-sender|" + sender.strip().lower().encode(), hashlib.sha256).hexdigest()


def sign_reply(row: ReplyAddress, *, secret: str) -> str:
    """The part of the address after the plus: the row's number and a signature over what it names."""
    return f"{row.id}-{_sign(row, secret)}"


def _sign(row: ReplyAddress, secret: str) -> str:
    named = (row.id, row.about, row.side, row.user_id, row.sender_digest, row.purpose, int(row.expires_at.timestamp()))
    text = "|".join(str(part) for part in named)
    digest = hmac.new(secret.encode(), f"reply-address|{text}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def to_address(reply_address: str, token: str) -> str:
    """The whole address: the installation's own with the token after a plus."""
    name, _, domain = reply_address.rpartition("@")
    return f"{name}+{token}@{domain}"


def find_token(addresses: Iterable[str]) -> str:
    """The first token in these addresses, empty where none has one."""
    found = (_TOKEN.search(address) for address in addresses)
    return next((f"{match[1]}-{match[2].lower()}" for match in found if match), "")


def read_token(session: Session, token: str, *, secret: str) -> ReplyAddress | None:
    """The row a token names, None where its signature is not ours; expired and revoked ones are told too."""
    number, _, signature = token.partition("-")
    row = session.get(ReplyAddress, int(number)) if number.isdigit() else None
    if row is None or not hmac.compare_digest(_sign(row, secret), signature):
        return None
    return row


def is_valid(row: ReplyAddress, *, now: datetime) -> bool:
    """Whether answers to it are still taken."""
    return row.revoked_at is None and row.expires_at > now
