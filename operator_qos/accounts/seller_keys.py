"""The keys of sellers' own programs: made, replaced and ended by the seller. Nothing here commits."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.accounts.models import ApiKey, KeyUse
from operator_qos.accounts.queries import hash_key
from operator_qos.accounts.service import KEY_PREFIX, ROTATION, AccountError
from operator_qos.audit.service import append_audit

SELLER_SCOPES = ("seller_read", "seller_answer")
MAX_KEYS, LONGEST_LABEL = 20, 100


@dataclass(frozen=True)
class SellerKey:
    """A seller's key for lists; `label` is how its people call it."""

    id: int
    label: str
    scope: str
    created_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None = None


def _prefix(seller_id: int) -> str:
    return f"seller {seller_id}: "


def _to_key(row: ApiKey, seller_id: int, used_at: datetime | None) -> SellerKey:
    label = row.name.removeprefix(_prefix(seller_id))
    return SellerKey(row.id, label, row.scope, row.created_at, row.revoked_at, used_at)


def list_seller_keys(session: Session, seller_id: int) -> list[SellerKey]:
    """A company's keys, those in use first, the latest first."""
    query = select(ApiKey, KeyUse.used_at).outerjoin(KeyUse, KeyUse.key_id == ApiKey.id)
    rows = session.execute(query.where(ApiKey.seller_id == seller_id).order_by(
        ApiKey.revoked_at.is_not(None), ApiKey.id.desc()))
    return [_to_key(row, seller_id, used_at) for row, used_at in rows]


def list_seller_ids(session: Session) -> set[int]:
    """The companies with a key in use."""
    rows = session.scalars(select(ApiKey.seller_id).where(ApiKey.seller_id.is_not(None), ApiKey.revoked_at.is_(None)))
    return {seller_id for seller_id in rows if seller_id is not None}


def create_seller_key(
    session: Session, *, seller_id: int, label: str, scope: str, actor: str, now: datetime
) -> str:
    """Make a key for a company's own programs and answer it, the only time it can be read. Raises AccountError."""
    kept = " ".join(label.split())
    if scope not in SELLER_SCOPES:
        raise AccountError("scope", "unknown", f"{scope!r} is no scope; choose {' or '.join(SELLER_SCOPES)}")
    if not 0 < len(kept) <= LONGEST_LABEL:
        raise AccountError("label", "length", f"give the key a name of 1 to {LONGEST_LABEL} characters")
    known = list_seller_keys(session, seller_id)
    if kept in {key.label for key in known}:
        raise AccountError("label", "taken", f"a key named {kept!r} exists or existed; take another name")
    if sum(key.revoked_at is None for key in known) >= MAX_KEYS:
        raise AccountError("label", "many", f"there are {MAX_KEYS} keys already; end one first")
    return _add(session, seller_id, kept, scope, actor=actor, now=now)


def _add(session: Session, seller_id: int, label: str, scope: str, *, actor: str, now: datetime) -> str:
    key, name = KEY_PREFIX + secrets.token_urlsafe(32), _prefix(seller_id) + label
    session.add(ApiKey(name=name, key_hash=hash_key(key), scope=scope, seller_id=seller_id, created_at=now))
    session.flush()
    append_audit(session, actor=actor, now=now, action="key.created", subject=f"key:{name}",
                 after={"scope": scope, "seller": seller_id})
    return key


def _get_key(session: Session, seller_id: int, key_id: int) -> ApiKey:
    row = session.scalar(select(ApiKey).where(
        ApiKey.id == key_id, ApiKey.seller_id == seller_id, ApiKey.revoked_at.is_(None)))
    if row is None:
        raise AccountError("key", "unknown", f"there is no key {key_id} in use")
    return row


def replace_seller_key(session: Session, *, seller_id: int, key_id: int, actor: str, now: datetime) -> str:
    """Give a key a new secret, answered only now; the old one goes on for a week. Raises AccountError for no key."""
    row = _get_key(session, seller_id, key_id)
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    row.previous_hash, row.previous_until_at, row.key_hash = row.key_hash, now + ROTATION, hash_key(key)
    append_audit(session, actor=actor, now=now, action="key.replaced", subject=f"key:{row.name}")
    return key


def revoke_seller_key(session: Session, *, seller_id: int, key_id: int, actor: str, now: datetime) -> None:
    """End a key for good. Raises AccountError for a foreign one, a missing one and one that ended."""
    row = _get_key(session, seller_id, key_id)
    row.revoked_at = now
    append_audit(session, actor=actor, now=now, action="key.revoked", subject=f"key:{row.name}")
