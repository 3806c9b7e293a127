"""Inviting people, their roles, closing and reopening accounts. Nothing here commits.

Who acts for a company reaches the people of that company alone: others are as unknown as somebody who does not exist.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import SELLER_ROLES, Actor
from operator_qos.accounts.models import User
from operator_qos.accounts.people.links import INVITATION, mail_link
from operator_qos.accounts.people.queries import SIDES
from operator_qos.accounts.service import AccountError, NewUser, add_invited, deactivate_user
from operator_qos.audit.service import append_audit
from operator_qos.sellers.company_queries import find_company

LARGEST_ID = 2**31 - 1


def invite_person(session: Session, new: NewUser, *, actor: Actor, now: datetime) -> User:
    """Add a person and mail the link for a password; an owner adds to their own company. Raises AccountError."""
    if actor.is_seller:
        company = find_company(session, actor.seller_id)
        if new.role not in SELLER_ROLES or company is None:
            raise AccountError("role", "unknown", f"{new.role!r} is no role of a company's people")
        new = replace(new, seller=company.code)
    user = add_invited(session, replace(new, name=" ".join(new.name.split())), actor=actor, now=now)
    _mail_invitation(session, user, actor=actor, now=now)
    return user


def _mail_invitation(session: Session, user: User, *, actor: Actor, now: datetime) -> None:
    mail_link(session, user, purpose=INVITATION, now=now, inviter=actor.name if actor.user_id else "")


def invite_again(session: Session, *, user_id: int, actor: Actor, now: datetime) -> str:
    """Mail a new invitation to somebody who has set no password yet; answers the address. Raises AccountError."""
    user = _get_person(session, user_id, actor)
    if user.password_hash or not user.active:
        raise AccountError("person", "joined", f"{user.email} is closed, or has a password already")
    _mail_invitation(session, user, actor=actor, now=now)
    _note(session, "user.invitation_sent", user, actor=actor, now=now)
    return user.email


def change_role(session: Session, *, user_id: int, role: str, actor: Actor, now: datetime) -> str:
    """Give a person another role of the same side; answers the address. Raises AccountError."""
    user = _get_person(session, user_id, actor)
    if not any(role in side and user.role in side for side in SIDES.values()):
        raise AccountError("role", "unknown", f"{role!r} is no role of the side of {user.email}")
    if role == user.role:
        return user.email
    _check_remains(session, user, actor)
    before, user.role = user.role, role
    append_audit(session, actor=actor.email, now=now, action="user.role_changed", subject=f"user:{user.email}",
                 before={"role": before}, after={"role": role})
    return user.email


def close_account(session: Session, *, user_id: int, actor: Actor, now: datetime) -> str:
    """Close an account, its sessions and its link; answers the address. Raises AccountError."""
    user = _get_person(session, user_id, actor)
    _check_remains(session, user, actor)
    if user.active:
        deactivate_user(session, email=user.email, actor=actor, now=now)
    return user.email


def reopen_account(session: Session, *, user_id: int, actor: Actor, now: datetime) -> str:
    """Open a closed account, with the password it had; answers the address. Raises AccountError."""
    user = _get_person(session, user_id, actor)
    if not user.active:
        user.active = True
        _note(session, "user.reopened", user, actor=actor, now=now)
    return user.email


def _note(session: Session, action: str, user: User, *, actor: Actor, now: datetime) -> None:
    append_audit(session, actor=actor.email, now=now, action=action, subject=f"user:{user.email}")


def _get_person(session: Session, user_id: int, actor: Actor) -> User:
    user = session.get(User, min(user_id, LARGEST_ID))
    if user is None or (not actor.is_operator and (actor.seller_id is None or user.seller_id != actor.seller_id)):
        raise AccountError("person", "unknown", f"there is no person {user_id}")
    return user


def _check_remains(session: Session, user: User, actor: Actor) -> None:
    """Raises AccountError where somebody would shut themselves out, or nobody would be left to run a side."""
    if user.id == actor.user_id:
        raise AccountError("person", "self", "nobody closes or changes their own account; another administrator does")
    # The operator may close the last owner of a company: it can also invite another.
    if user.role == "admin" or (actor.is_seller and user.role == "seller_owner"):
        _check_last(session, user)


def _check_last(session: Session, user: User) -> None:
    alike = select(User).where(User.role == user.role, User.seller_id.is_not_distinct_from(user.seller_id))
    # All are locked, in one order: two who close each other wait for one another, and the second is refused.
    locked = session.scalars(alike.order_by(User.id).with_for_update().execution_options(populate_existing=True)).all()
    session.refresh(user)
    is_one = user.active and bool(user.password_hash)
    if is_one and not any(one.active and one.password_hash for one in locked if one.id != user.id):
        raise AccountError("person", "last", f"{user.email} is the last who can do this work; invite another first")
