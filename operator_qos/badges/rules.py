"""What a public badge says, how it is signed, and what a signed one is worth today."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

ALGORITHM = "ES256"
LIFE = timedelta(hours=24)
MAX_TOKEN = 8_000


class Status(StrEnum):
    """What a badge is worth."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    INVALID = "invalid"


@dataclass(frozen=True)
class ShownBadge:
    """One badge with what the standard calls it, by language, and since when the shop holds it."""

    id: str
    names: Mapping[str, str]
    since_on: date | None


@dataclass(frozen=True)
class BadgeState:
    """What is true of a shop's public badge now: without badges it was withdrawn on `ended_on`."""

    marketplace_id: str
    marketplace: str
    shop_code: str
    shop: str
    badges: tuple[ShownBadge, ...]
    from_on: date | None  # the counted period
    decided_on: date
    base: int  # what was counted, of the rule with the most
    standard_id: str
    standard_version: int
    standard_titles: Mapping[str, str]
    ended_on: date | None = None
    revoked_at: datetime | None = None

    @property
    def status(self) -> Status:
        """What a badge shown now is worth."""
        if self.revoked_at is not None:
            return Status.REVOKED
        return Status.VALID if self.badges else Status.WITHDRAWN

    @property
    def ended(self) -> date | None:
        """Since when there is none."""
        return self.revoked_at.date() if self.revoked_at is not None else self.ended_on


def describe(state: BadgeState, *, base_url: str) -> dict[str, Any]:
    """The state as programs read it: no name of a person, no address, no number of any order."""
    ended = state.ended
    document = {
        "status": state.status.value, "marketplace": state.marketplace_id, "marketplace_name": state.marketplace,
        "shop": state.shop_code, "shop_name": state.shop,
        "standard": {"id": state.standard_id, "version": state.standard_version, "title": dict(state.standard_titles),
                     "url": f"{base_url}/standards/{state.standard_id}/{state.standard_version}"},
        "verify": f"{base_url}/badges/verify",
    }
    if state.status is not Status.VALID:
        return {**document, "since": ended.isoformat() if ended else None}
    return {
        **document,
        "badges": [{"id": badge.id, "name": dict(badge.names),
                    "since": badge.since_on.isoformat() if badge.since_on else None} for badge in state.badges],
        "period": {"from": state.from_on.isoformat() if state.from_on else None, "to": state.decided_on.isoformat()},
        "base": state.base,
    }


def sign(document: Mapping[str, Any], keys: KeySet, *, base_url: str, now: datetime) -> str:
    """The state as a JWS in compact form, signed with the newest key, good for LIFE."""
    key = keys.keys[0]
    issued = int(now.timestamp())
    claims = {"iss": base_url, "sub": f"{document['marketplace']}/{document['shop']}", "iat": issued,
              "exp": issued + int(LIFE.total_seconds()), **document}
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}
    text = json.dumps(claims, ensure_ascii=False, sort_keys=True).encode()
    return jws.serialize_compact(header, text, key, algorithms=[ALGORITHM])


@dataclass(frozen=True)
class Claims:
    """What a badge signed by us says."""

    marketplace_id: str
    shop_code: str
    badges: tuple[str, ...]
    expires_at: datetime
    document: Mapping[str, Any]

    def is_expired(self, *, now: datetime) -> bool:
        """Whether its day is over."""
        return now >= self.expires_at


def read_signed(token: str, keys: KeySet) -> Claims | None:
    """What a signed badge says, None unless one of our keys signed exactly that."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        found = jws.deserialize_compact(token.encode(), keys, algorithms=[ALGORITHM])
        claims = json.loads(found.payload)
        return Claims(str(claims["marketplace"]), str(claims["shop"]), tuple(badge["id"] for badge in claims["badges"]),
                      datetime.fromtimestamp(int(claims["exp"]), UTC), claims)
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def judge(claims: Claims, state: BadgeState | None, *, now: datetime) -> Status:
    """What a badge signed by us is worth now, whatever it said when it was signed."""
    if state is None:
        return Status.WITHDRAWN
    if state.status is not Status.VALID:
        return state.status
    if not set(claims.badges) <= {badge.id for badge in state.badges}:
        return Status.WITHDRAWN
    return Status.EXPIRED if claims.is_expired(now=now) else Status.VALID


def make_key(*, now: datetime) -> ECKey:
    """A new key, named after its moment and its own thumbprint."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, private=True)
    return ECKey.import_key({**key.as_dict(private=True), "kid": f"{now:%Y%m%d}-{key.thumbprint()[:12]}"})
