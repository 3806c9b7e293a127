"""What the law asks of the moment of an act, whose law holds, and the fingerprint of a statement. Pure."""

from __future__ import annotations

import calendar
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

TERMINATION_DAYS = 30  # Regulation (EU) 2019/1150, Article 4(2)
APPEAL_MONTHS = 6  # Regulation (EU) 2022/2065, Article 20(1)
# Article 4(4) of Regulation (EU) 2019/1150: without waiting, each with its evidence.
LEGAL_GROUNDS = ("legal_obligation", "imperative_reason", "repeated_infringement")
# The gravest first; a statement is called after the gravest of its acts.
GRAVITY = (
    "termination", "suspension", "payment_hold", "payout_delay", "listing_hidden", "order_cap", "listing_cap",
    "ranking", "feature_lost", "penalty", "fee", "manual_reopening", "level", "badge", "strikes", "step", "warning",
    "plan_required", "quiz", "review", "notice", "reinstatement",
)
JURISDICTIONS = ("eu", "fr", "gb")
EUROPE = frozenset({  # the European Union and the European Economic Area
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})


class StatementError(ValueError):
    """A statement that cannot be issued, or an act that may not take effect then; the text says why and what to do."""


def earliest_effect(
    kind: str, issued_at: datetime, legal_ground: str | None = None, *, evidence: str = ""
) -> datetime:
    """The first moment at which an act may take effect when its statement is issued at `issued_at`.

    A restriction at once; the end of the whole service 30 days later, or at once on one of LEGAL_GROUNDS with its
    evidence in words. Raises StatementError for another ground and for one without evidence.
    """
    if legal_ground is not None:
        require_ground(legal_ground, evidence)
    if kind == "termination" and legal_ground is None:
        return issued_at + timedelta(days=TERMINATION_DAYS)
    return issued_at


def require_ground(legal_ground: str, evidence: str) -> None:
    """Refuse a ground that is none, or that nothing proves. Raises StatementError."""
    if legal_ground not in LEGAL_GROUNDS:
        raise StatementError(f"{legal_ground!r} is no legal ground; give one of {', '.join(LEGAL_GROUNDS)}, or none")
    if not evidence.strip():
        raise StatementError(f"the ground {legal_ground} needs its evidence: say which duty, law or infringements, "
                             "with dates, in the reason")


def find_jurisdiction(country: str, otherwise: str) -> str:
    """The law by which a statement to a shop of a country is made; `otherwise` where none is known for it."""
    code = country.upper()
    if code in {"GB", "UK"}:
        return "gb"
    if code.lower() in JURISDICTIONS:
        return code.lower()
    return "eu" if code in EUROPE else otherwise


def find_gravest(kinds: Iterable[str]) -> str:
    """The gravest of some kinds of acts; one we do not know stands behind all others."""
    return min(kinds, key=lambda kind: (GRAVITY.index(kind) if kind in GRAVITY else len(GRAVITY), kind))


def add_months(day: date, months: int) -> date:
    """The same day some months later, the last of that month where there is no such day."""
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def write_canonical(content: Mapping[str, Any]) -> bytes:
    """The one way a document is written: keys sorted, UTF-8, no spaces."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def hash_content(content: Mapping[str, Any]) -> str:
    """The SHA-256 of the canonical document, in hex."""
    return hashlib.sha256(write_canonical(content)).hexdigest()
