"""Snapshots to events by difference: what a thing shows now against what was told of it before. Pure.

A snapshot is read into *claims*: that a line was shipped at a moment, that a refund was given. A claim that is new is
told; one that says something else than before, or is gone, is retracted, and told anew where there is something to
tell. Claims told once (an incident opened, seen by a state that will change again) stay. What is remembered of a thing
is one short entry per claim, so that any snapshot can come again, late or in another order, and tells nothing twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson

from operator_qos.connectors.rows import utc_text

Known = Mapping[str, Sequence[Any]]  # claim's key -> Entry, as JSON holds it


@dataclass(frozen=True, slots=True)
class Claim:
    """That something happened, by its name within the thing.

    `at` None: the platform gives no time; it lies between two looks, and `leans` says which of them is its `time`: the
    earlier for what a seller did, the later for what starts a clock or counts against a seller. `once`: it stays though
    the snapshot shows it no more. `mark`: what of it must change to be told anew; all of `data` unless given.
    """

    key: str
    type: str
    subject: str
    at: datetime | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    leans: Literal["earlier", "later"] = "later"
    once: bool = False
    mark: object = None


@dataclass(frozen=True, slots=True)
class Looked:
    """Between which moments lies what happened since the last look; `earlier` None: there was none."""

    earlier: datetime | None
    later: datetime

    @classmethod
    def between(cls, before: datetime | None, now: datetime) -> Looked:
        """From the last look till now."""
        return cls(min(before, now) if before is not None else None, now)


class Entry(NamedTuple):
    """What is remembered of a claim: how often it was told anew, as what, with which time; "" told: retracted."""

    revision: int
    digest: str
    time: str
    once: bool


@dataclass(frozen=True, slots=True)
class Thing:
    """Whose claims these are: the envelope of every event, and `name` that every id begins with."""

    source: str
    marketplace: str
    shop: str
    name: str

    def event(self, claim: Claim, revision: int, looked: Looked) -> dict[str, Any]:
        """The CloudEvent of a claim."""
        at, other = _times(claim, looked)
        event: dict[str, Any] = {
            "specversion": "1.0", "type": f"qos.{claim.type}", "source": self.source,
            "id": self.id(claim.key, revision), "time": utc_text(at), "subject": claim.subject,
            "marketplace": self.marketplace, "shop": self.shop}
        if other is not None and other != at:
            event["other_time"] = utc_text(other)
        if claim.data:
            event["data"] = dict(claim.data)
        return event

    def id(self, key: str, revision: int) -> str:
        """The same for the same happening, whenever it is seen."""
        return f"{self.name}/{key}" + (f"~{revision}" if revision else "")

    def retraction(self, key: str, entry: Entry, subject: str, looked: Looked) -> dict[str, Any]:
        """The CloudEvent that takes a claim back."""
        named = self.id(key, entry.revision)
        return {
            "specversion": "1.0", "type": "qos.event.retracted", "source": self.source, "id": f"{named}/retracted",
            "time": max(utc_text(looked.later), entry.time), "subject": subject, "marketplace": self.marketplace,
            "shop": self.shop, "data": {"source": self.source, "id": named, "reason": "no longer so on the platform"}}


def _times(claim: Claim, looked: Looked) -> tuple[datetime, datetime | None]:
    if claim.at is not None:
        return claim.at, None
    if looked.earlier is None:
        return looked.later, None
    pair = (looked.earlier, looked.later)
    return pair if claim.leans == "earlier" else (pair[1], pair[0])


def digest(value: object) -> str:
    """A short mark of a value's content."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()


@dataclass(slots=True)
class Difference:
    """Collects the claims of one snapshot of a thing; `finish` says what is new."""

    thing: Thing
    subject: str
    known: Known
    claims: dict[str, Claim] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def tell(self, claim: Claim) -> None:
        """The snapshot shows this."""
        self.claims[claim.key] = claim

    def keep(self, key: str) -> None:
        """Nothing can be said of this claim now: as it was told, it stays."""
        self.kept.add(key)

    def has(self, key: str) -> bool:
        """Whether this claim was told before and stands."""
        return key in self.known and bool(Entry(*self.known[key]).digest)

    def count(self, prefix: str) -> int:
        """How many claims of this beginning were ever told."""
        return sum(key.startswith(prefix) for key in self.known)

    def finish(self, looked: Looked) -> tuple[list[dict[str, Any]], dict[str, Entry]]:
        """The events that the snapshot adds to what is known, and what is known then."""
        events: list[dict[str, Any]] = []
        after = {key: Entry(*entry) for key, entry in self.known.items()}
        for key, entry in list(after.items()):
            if entry.digest and not entry.once and key not in self.claims and key not in self.kept:
                events.append(self.thing.retraction(key, entry, self.subject, looked))
                after[key] = entry._replace(digest="")
        for claim in self.claims.values():
            events += self._add(claim, after, looked)
        return events, after

    def _add(self, claim: Claim, after: dict[str, Entry], looked: Looked) -> list[dict[str, Any]]:
        before = after.get(claim.key)
        if before is not None and before.once:
            return []
        at = utc_text(claim.at) if claim.at is not None else ""
        told = digest([claim.type, at, dict(claim.data) if claim.mark is None else claim.mark])
        if before is not None and before.digest == told:
            return []
        revision = before.revision + 1 if before is not None else 0
        event = self.thing.event(claim, revision, looked)
        after[claim.key] = Entry(revision, told, event["time"], claim.once)
        if before is not None and before.digest:
            return [self.thing.retraction(claim.key, before, self.subject, looked), event]
        return [event]
