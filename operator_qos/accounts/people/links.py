"""Mailed links by which people set a password: sent, looked up and used once. Nothing here commits."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import Actor
from operator_qos.accounts.models import PasswordLink, User
from operator_qos.accounts.queries import find_user, hash_key, to_actor
from operator_qos.accounts.service import AccountError, set_password, validate_password
from operator_qos.audit.service import append_audit
from operator_qos.notices.mail import BASE_URL, render_join
from operator_qos.notices.service import send_link
from operator_qos.sellers.company_queries import find_company

INVITATION, RESET = "invitation", "reset"
LASTS: Mapping[str, timedelta] = {INVITATION: timedelta(days=7), RESET: timedelta(hours=1)}
# Who asks for a link on the sign-in page is not known to be the person.
ANYBODY = "sign-in page"


@dataclass(frozen=True)
class OpenLink:
    """A link that works now: whose, and what for."""

    actor: Actor
    purpose: str


def mail_link(session: Session, user: User, *, purpose: str, now: datetime, inviter: str = "") -> None:
    """Put a mail with a new link in the outbox; every earlier link of the person ends."""
    token, until = secrets.token_urlsafe(32), now + LASTS[purpose]
    # Of two who send at once the second waits, so that one link is left.
    session.execute(select(User.id).where(User.id == user.id).with_for_update())
    session.execute(delete(PasswordLink).where(PasswordLink.user_id == user.id))
    session.add(PasswordLink(user_id=user.id, purpose=purpose, token_hash=hash_key(token), sent_at=now,
                             expires_at=until))
    company = find_company(session, user.seller_id)
    text = render_join({
        "invited": purpose == INVITATION, "inviter": inviter, "name": user.name, "email": user.email, "role": user.role,
        "company": company.name if company else "", "url": f"{BASE_URL}/join/{token}", "until": until,
    }, language=user.language)
    send_link(session, key=str(user.id), recipient=user.email, text=text, now=now)
    session.flush()


def find_link(session: Session, token: str, *, now: datetime) -> OpenLink | None:
    """The link of a token; None alike for one unknown, used, expired, replaced or of a closed account."""
    found = session.execute(
        select(User, PasswordLink.purpose).join(PasswordLink, PasswordLink.user_id == User.id)
        .where(PasswordLink.token_hash == hash_key(token), PasswordLink.expires_at > now, User.active)).one_or_none()
    return None if found is None else OpenLink(to_actor(found.User), found.purpose)


def use_link(session: Session, *, token: str, password: str, now: datetime) -> None:
    """Set the password of a link's owner; the link and every session end. Raises AccountError."""
    link = find_link(session, token, now=now)
    if link is None:
        raise _make_over()
    validate_password(password, email=link.actor.email)
    # Deleted first: of two who send the form at once, one sets the password.
    taken = session.scalar(delete(PasswordLink).where(PasswordLink.token_hash == hash_key(token))
                           .returning(PasswordLink.user_id))
    if taken is None:
        raise _make_over()
    set_password(session, email=link.actor.email, password=password, actor=link.actor, now=now)


def _make_over() -> AccountError:
    return AccountError("token", "over", "this link no longer works; ask for another on the sign-in page")


def ask_reset(session: Session, *, email: str, now: datetime) -> bool:
    """Mail a link to the active account of an address; False: there is none, and nothing is sent."""
    user = find_user(session, email)
    if user is None or not user.active:
        return False
    mail_link(session, user, purpose=RESET, now=now)
    append_audit(session, actor=ANYBODY, now=now, action="user.reset_asked", subject=f"user:{user.email}")
    return True
