"""The chain over the trail: how a row is written down, and how one hash follows from the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

# What stands before the first row.
START = "0" * 64
# What people decide beside the rules: none of it is written without its reason.
NEEDS_REASON = frozenset({
    "act.propose", "act.release", "act.approve", "act.refuse", "act.undo", "exclusion.decided", "exclusion.ended",
    "appeal.refuse", "appeal.decide", "standard.retire", "badge.revoke", "badge.restore"})
# The report lists these too: whatever is decided on shared faults and plans (by the beginning of its name), and what
# is dated back, which is what has a reason.
ALSO_OVERRIDES = ("incident.", "plan.")
DATED_BACK = frozenset({"shop.describe", "shop.calendar_set"})
MACHINES = ("system",)


class MissingReasonError(ValueError):
    """Somebody decided beside the rules and did not say why."""


@dataclass(frozen=True)
class TrailRow:
    """One row of the trail as it is chained."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    why: str
    origin: str


def write_canonical(row: TrailRow) -> str:
    """The one JSON text of a row: keys sorted, no spaces, moments in UTC with microseconds."""
    values = {**vars(row), "at": row.at.astimezone(UTC).isoformat(timespec="microseconds")}
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def chain(previous: str, canonical: str) -> str:
    """The hash of a row: SHA-256, in hex, over the hash before and its text."""
    return hashlib.sha256((previous + canonical).encode()).hexdigest()


def check_reason(action: str, *, actor: str, why: str) -> None:
    """Raises MissingReasonError where a person overrides something without a reason."""
    if action in NEEDS_REASON and actor not in MACHINES and not why.strip():
        raise MissingReasonError(f"{action} by {actor} has no reason: say why in a sentence, it stands in the report")
