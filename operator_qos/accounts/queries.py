"""Looking up people and keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import Actor, Machine, Quota
from operator_qos.accounts.models import ApiKey, KeyUse, User


@dataclass(frozen=True)
class UserRow:
    """A person for lists and commands."""

    id: int
    email: str
    name: str
    role: str
    language: str
    seller_id: int | None
    active: bool
    created_at: datetime


@dataclass(frozen=True)
class SignIn:
    """What a session is checked against."""

    actor: Actor
    session_epoch: int


@dataclass(frozen=True)
class KeyRow:
    """A key for lists; the key itself is known to its holder alone."""

    id: int
    name: str
    scope: str
    marketplace_id: str | None
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    sources: tuple[str, ...]
    events_a_minute: int | None
    calls_a_minute: int | None
    previous_until_at: datetime | None
    seller_id: int | None
    used_at: datetime | None


def normalise_email(text: str) -> str:
    """The form in which addresses are stored and compared."""
    return text.strip().lower()


def hash_key(key: str) -> str:
    """The stored form of an API key. Keys carry 256 random bits, so a plain digest is enough."""
    return hashlib.sha256(key.encode()).hexdigest()


def to_actor(user: User) -> Actor:
    """The person as services know it."""
    return Actor(user.id, user.name, user.email, user.role, user.seller_id, user.language)


def find_sign_in(session: Session, user_id: int) -> SignIn | None:
    """The active user with that id."""
    user = session.get(User, user_id)
    return SignIn(to_actor(user), user.session_epoch) if user is not None and user.active else None


def find_user(session: Session, email: str) -> User | None:
    """The user with that address, active or not."""
    return session.scalar(select(User).where(User.email == normalise_email(email)))


def list_users(session: Session) -> list[UserRow]:
    """Everybody, by role and address."""
    query = select(
        User.id, User.email, User.name, User.role, User.language, User.seller_id, User.active, User.created_at
    ).order_by(User.role, User.email)
    return [UserRow(*row) for row in session.execute(query)]


def list_active_users(
    session: Session, *, roles: frozenset[str], seller_id: int | None = None
) -> list[Actor]:
    """Active people in any of the roles, of one company when `seller_id` is given; by id."""
    query = select(User).where(User.active, User.role.in_(roles)).order_by(User.id)
    if seller_id is not None:
        query = query.where(User.seller_id == seller_id)
    return [to_actor(user) for user in session.scalars(query)]


def list_keys(session: Session) -> list[KeyRow]:
    """Every key, revoked ones included, by name."""
    columns = [getattr(ApiKey, name) for name in KeyRow.__dataclass_fields__ if name != "used_at"]
    query = select(*columns, KeyUse.used_at).outerjoin(KeyUse, KeyUse.key_id == ApiKey.id).order_by(ApiKey.name)
    return [KeyRow(**{**row._mapping, "sources": tuple(row.sources or ())}) for row in session.execute(query)]


def find_machine(session: Session, key: str, *, now: datetime) -> Machine | None:
    """The holder of a key that is neither revoked nor over; after an exchange both keys hold for a while."""
    digest = hash_key(key)
    is_it = (ApiKey.key_hash == digest) | ((ApiKey.previous_hash == digest) & (ApiKey.previous_until_at > now))
    in_time = ApiKey.expires_at.is_(None) | (ApiKey.expires_at > now)
    found = session.execute(
        select(ApiKey, KeyUse.used_at).outerjoin(KeyUse, KeyUse.key_id == ApiKey.id)
        .where(is_it, in_time, ApiKey.revoked_at.is_(None))).one_or_none()
    if found is None:
        return None
    row: ApiKey = found.ApiKey
    quota = Quota(row.events_a_minute, row.calls_a_minute)
    return Machine(row.id, row.name, row.scope, row.marketplace_id, tuple(row.sources or ()), quota, found.used_at,
                   row.seller_id)
