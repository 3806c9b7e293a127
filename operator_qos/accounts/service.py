"""Signing in, people and keys. Nothing here commits."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import NO_QUOTA, ROLES, SELLER_ROLES, Actor, Quota
from operator_qos.accounts.models import ApiKey, PasswordLink, User
from operator_qos.accounts.queries import find_user, hash_key, normalise_email, to_actor
from operator_qos.audit.service import append_audit
from operator_qos.i18n import LANGUAGES
from operator_qos.sellers.company_queries import find_marketplace_name, find_seller_id

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 200
KEY_SCOPES = ("ingest", "read", "disputes", "acts")
KEY_PREFIX = "qos_"
LONGEST_KEY_NAME, MOST_A_MINUTE = 100, 10_000_000
ROTATION = timedelta(days=7)  # how long the key before goes on

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_hasher = PasswordHasher()
# Checked when the address is unknown or has no password yet, so that the answer takes as long as for a known one.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


class AccountError(ValueError):
    """What was asked cannot be done; `field` says where, `code` what, the text both in words."""

    def __init__(self, field: str, code: str, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.code = code


@dataclass(frozen=True)
class NewUser:
    """What is known of a person to be added; `seller` is the code of the company of a seller's people."""

    email: str
    password: str
    name: str
    role: str
    language: str = "en"
    seller: str | None = None


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, the epoch their session belongs to, and whether the stored hash is of an older kind."""

    actor: Actor
    session_epoch: int
    has_old_hash: bool


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def check_password(session: Session, *, email: str, password: str) -> User | None:
    """The active user with that address and password; as slow when there is none."""
    user = find_user(session, email)
    stored = user.password_hash if user is not None else ""
    matches = _matches(stored or _NOBODY, password[:LONGEST_PASSWORD])
    return user if user is not None and stored and user.active and matches else None


def sign_in(session: Session, *, email: str, password: str) -> SignedIn | None:
    """The person of an address and password, None when they do not fit; only reads."""
    user = check_password(session, email=email, password=password)
    if user is None:
        return None
    return SignedIn(to_actor(user), user.session_epoch, _hasher.check_needs_rehash(user.password_hash))


def renew_hash(session: Session, *, email: str, password: str) -> None:
    """Store the hash of a password that was just checked with today's parameters."""
    user = _get_user(session, email)
    user.password_hash = _hasher.hash(password)


def validate_password(password: str, *, email: str) -> None:
    """Raises AccountError for a password that is too short, too long or the address itself."""
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(
            "password", "too_short", f"the password needs at least {SHORTEST_PASSWORD} characters"
        )
    if len(password) > LONGEST_PASSWORD:
        raise AccountError(
            "password", "too_long", f"the password may have {LONGEST_PASSWORD} characters at most"
        )
    if password.lower() == normalise_email(email):
        raise AccountError("password", "is_email", "the password must not be the e-mail address")


def _validate_person(new: NewUser) -> None:
    if not _EMAIL.fullmatch(normalise_email(new.email)) or len(new.email) > 254:
        raise AccountError(
            "email", "no_email", f"{new.email!r} is no e-mail address; write one like ines@shop.example"
        )
    if not new.name.strip():
        raise AccountError("name", "empty", "the name is empty; write how the person is called")
    if new.role not in ROLES:
        raise AccountError("role", "unknown", f"{new.role!r} is no role; choose one of {', '.join(ROLES)}")
    if new.language not in LANGUAGES:
        raise AccountError(
            "language", "unknown", f"{new.language!r} is no language; choose {' or '.join(LANGUAGES)}"
        )


def _find_company(session: Session, new: NewUser) -> int | None:
    if (new.role in SELLER_ROLES) != bool(new.seller):
        raise AccountError(
            "seller", "mismatch", "seller_owner and seller_staff need a seller, other roles have none"
        )
    if not new.seller:
        return None
    seller_id = find_seller_id(session, new.seller)
    if seller_id is None:
        raise AccountError("seller", "unknown", f"there is no seller with the code {new.seller!r}")
    return seller_id


def add_user(session: Session, new: NewUser, *, actor: Actor, now: datetime) -> User:
    """Add a person. Raises AccountError for a value that cannot be used or an address already taken."""
    _validate_person(new)
    validate_password(new.password, email=new.email)
    made = _hasher.hash(new.password)
    return _insert_user(session, new, password_hash=made, action="user.added", actor=actor, now=now)


def add_invited(session: Session, new: NewUser, *, actor: Actor, now: datetime) -> User:
    """Add a person who sets a password later and cannot sign in before. Raises AccountError as `add_user` does."""
    _validate_person(new)
    return _insert_user(session, new, password_hash="", action="user.invited", actor=actor, now=now)


def _insert_user(
    session: Session, new: NewUser, *, password_hash: str, action: str, actor: Actor, now: datetime
) -> User:
    email = normalise_email(new.email)
    if find_user(session, email) is not None:
        raise AccountError("email", "taken", f"{email} has an account already")
    user = User(
        email=email,
        password_hash=password_hash,
        name=new.name.strip()[:200],
        role=new.role,
        language=new.language,
        seller_id=_find_company(session, new),
        active=True,
        session_epoch=0,
        created_at=now,
    )
    session.add(user)
    session.flush()
    after = {"email": email, "role": new.role, "seller": new.seller}
    append_audit(session, actor=actor.email, now=now, action=action, subject=f"user:{email}", after=after)
    return user


def _get_user(session: Session, email: str) -> User:
    user = find_user(session, email)
    if user is None:
        raise AccountError("email", "unknown", f"nobody has an account with {email!r}")
    return user


def _end_access(session: Session, user: User) -> None:
    """End every session of a person and the link by which a password could be set."""
    user.session_epoch += 1
    session.execute(delete(PasswordLink).where(PasswordLink.user_id == user.id))


def set_password(session: Session, *, email: str, password: str, actor: Actor, now: datetime) -> int:
    """Set a password and end every session of its owner; answers the new epoch. Raises AccountError."""
    user = _get_user(session, email)
    validate_password(password, email=user.email)
    action = "user.password_changed" if user.password_hash else "user.joined"
    user.password_hash = _hasher.hash(password)
    _end_access(session, user)
    append_audit(session, actor=actor.email, now=now, action=action, subject=f"user:{user.email}")
    return user.session_epoch


def change_password(session: Session, *, current: str, new: str, actor: Actor, now: datetime) -> int:
    """Change one's own password; answers the epoch of the session that goes on. Raises AccountError."""
    if check_password(session, email=actor.email, password=current) is None:
        raise AccountError("current", "wrong", "the current password is not right")
    return set_password(session, email=actor.email, password=new, actor=actor, now=now)


def change_profile(session: Session, *, name: str, language: str, actor: Actor, now: datetime) -> None:
    """Change one's own name and language. Raises AccountError."""
    user = _get_user(session, actor.email)
    _validate_person(NewUser(user.email, "", name, user.role, language))
    before = {"name": user.name, "language": user.language}
    user.name, user.language = name.strip()[:200], language
    append_audit(
        session,
        actor=actor.email,
        now=now,
        action="user.profile_changed",
        subject=f"user:{user.email}",
        before=before,
        after={"name": user.name, "language": language},
    )


def deactivate_user(session: Session, *, email: str, actor: Actor, now: datetime) -> None:
    """Close an account and end its sessions; what the person did stays. Raises AccountError."""
    user = _get_user(session, email)
    user.active = False
    _end_access(session, user)
    append_audit(session, actor=actor.email, now=now, action="user.deactivated", subject=f"user:{user.email}")


@dataclass(frozen=True)
class KeyTerms:
    """What a key may do: its scope, on which marketplace (None: every), for which sources, how much, until when."""

    scope: str
    marketplace_id: str | None = None
    sources: tuple[str, ...] = ()
    quota: Quota = NO_QUOTA
    expires_at: datetime | None = None


def _make_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _validate_terms(session: Session, terms: KeyTerms, now: datetime) -> None:
    if terms.scope not in KEY_SCOPES:
        raise AccountError("scope", "unknown", f"{terms.scope!r} is no scope; choose {' or '.join(KEY_SCOPES)}")
    if terms.marketplace_id is not None and find_marketplace_name(session, terms.marketplace_id) is None:
        raise AccountError("marketplace", "unknown", f"there is no marketplace {terms.marketplace_id!r}")
    for field, value in asdict(terms.quota).items():
        if value is not None and not 1 <= value <= MOST_A_MINUTE:
            raise AccountError(field, "range", f"a quota lies between 1 and {MOST_A_MINUTE:,}; leave it out for none")
    if any(not source or len(source) > 200 for source in terms.sources) or len(terms.sources) > 50:
        raise AccountError("sources", "range", "name up to 50 sources, each by its beginning of 1 to 200 characters")
    if terms.expires_at is not None and terms.expires_at <= now:
        raise AccountError("expires_at", "past", "this key would be over already; choose a later day")


def create_key(  # what the key may do may be said part by part
    session: Session, *, name: str, actor: Actor, now: datetime, terms: KeyTerms | None = None, scope: str = "",
    marketplace_id: str | None = None,
) -> str:
    """Create an API key and answer it, the only time it can be read. Raises AccountError."""
    terms, name = terms or KeyTerms(scope, marketplace_id), name.strip()
    _validate_terms(session, terms, now)
    if not 1 <= len(name) <= LONGEST_KEY_NAME:
        raise AccountError("name", "empty", f"name the key after its program, in 1 to {LONGEST_KEY_NAME} characters")
    if session.scalar(select(ApiKey.id).where(ApiKey.name == name)) is not None:
        raise AccountError(
            "name", "taken", f"a key named {name!r} exists already; revoked names are not used again"
        )
    key = _make_key()
    session.add(ApiKey(
        name=name, key_hash=hash_key(key), scope=terms.scope, marketplace_id=terms.marketplace_id, created_at=now,
        expires_at=terms.expires_at, sources=list(terms.sources) or None,
        events_a_minute=terms.quota.events_a_minute, calls_a_minute=terms.quota.calls_a_minute))
    session.flush()
    after = {"scope": terms.scope, "marketplace": terms.marketplace_id, "sources": list(terms.sources),
             **asdict(terms.quota), "expires_at": terms.expires_at.isoformat() if terms.expires_at else None}
    append_audit(
        session, actor=actor.email, now=now, action="key.created", subject=f"key:{name}", after=after
    )
    return key


def _get_key(session: Session, name: str) -> ApiKey:
    key = session.scalar(select(ApiKey).where(ApiKey.name == name))
    if key is None:
        raise AccountError("name", "unknown", f"there is no key named {name!r}")
    return key


def rotate_key(
    session: Session, *, name: str, actor: Actor, now: datetime, keep: timedelta = ROTATION
) -> str:
    """Exchange a key and answer the new one; the old one goes on for `keep`. Raises AccountError."""
    found = _get_key(session, name)
    if found.revoked_at is not None:
        raise AccountError("name", "revoked", f"the key {name!r} was revoked; create another")
    if found.seller_id is not None:
        raise AccountError("name", "foreign", f"the key {name!r} is a seller's own; the seller replaces it")
    key = _make_key()
    found.previous_hash, found.previous_until_at, found.key_hash = found.key_hash, now + keep, hash_key(key)
    session.flush()
    append_audit(session, actor=actor.email, now=now, action="key.rotated", subject=f"key:{name}",
                 after={"previous_until": (now + keep).isoformat()})
    return key


def revoke_key(session: Session, *, name: str, actor: Actor, now: datetime) -> None:
    """End a key for good, and the one before it; nothing when it ended before. Raises AccountError."""
    key = _get_key(session, name)
    if key.revoked_at is None:
        key.revoked_at = now
        append_audit(session, actor=actor.email, now=now, action="key.revoked", subject=f"key:{name}")
