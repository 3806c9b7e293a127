"""Which dossier an event belongs to.

A dossier's id is the smallest hash of the things it speaks of, so it is the same whatever came first; two dossiers
that turn out to be one merge into the smaller id.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from operator_qos.db import bulk_insert, chunks, fetch_among
from operator_qos.events.log import Arrival, Identity
from operator_qos.events.models import Entity, Event, NamedEvent
from scoring.events import TypedEvent

Thing = tuple[str, ...]  # its kind, then its name


def hash_thing(shop_id: int, thing: Thing) -> int:
    """The number under which a thing of a shop is known."""
    text = "\x1f".join((thing[0], str(shop_id), *thing[1:]))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") >> 1


def list_things(event: TypedEvent) -> list[Thing]:
    """The things an event speaks of; a case and the conversation with its id are one thing."""
    found: list[Thing] = [("order", event.order)] if event.order else []
    found += [("talk", name) for name in (event.case, event.conversation) if name]
    if event.names is not None:
        found.append(("event", *event.names))
    elif not found and not event.type.startswith("shop."):
        found.append((event.type.partition(".")[0], event.subject))
    return found


def list_entities(event: TypedEvent, shop_id: int) -> list[int]:
    """Numbers of the things an event speaks of."""
    return [hash_thing(shop_id, thing) for thing in list_things(event)]


class _Union:
    """Union-find whose representative is the smallest member."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def find(self, item: int) -> int:
        root = item
        while self._parent.get(root, root) != root:
            root = self._parent[root]
        self._parent[item] = root
        return root

    def join(self, items: Iterable[int]) -> None:
        roots = sorted({self.find(item) for item in items})
        for root in roots:
            self._parent[root] = roots[0]


def _find_known(session: Session, hashes: Iterable[int]) -> dict[int, int]:
    known: dict[int, int] = {}
    for part in chunks(sorted(hashes), 50_000):
        known.update(fetch_among(session, Entity, ("id", "dossier_id"), where="id", ids=part))
    return known


def _find_named(session: Session, arrivals: Sequence[Arrival]) -> dict[Identity, tuple[int, int | None]]:
    """Shop and dossier of the logged events that arrivals name."""
    named = sorted({a.typed.names for a in arrivals if a.typed.names is not None})
    found: dict[Identity, tuple[int, int | None]] = {}
    for part in chunks(named, 5_000):
        query = select(Event.source, Event.event_id, Event.shop_id, Event.dossier_id).where(
            tuple_(Event.source, Event.event_id).in_(part))
        found |= {(row.source, row.event_id): (row.shop_id, row.dossier_id) for row in session.execute(query)}
    return found


def _list_spoken_of(session: Session, arrivals: Sequence[Arrival]) -> set[tuple[int, str, str]]:
    """(shop, source, id) of the events that others name, those named by these arrivals included and remembered."""
    shops = {a.shop_id for a in arrivals}
    found = set(fetch_among(session, NamedEvent, ("shop_id", "source", "event_id"), where="shop_id", ids=shops))
    fresh = {(a.shop_id, *a.typed.names) for a in arrivals if a.typed.names is not None} - found
    bulk_insert(session, NamedEvent, ("shop_id", "source", "event_id"), sorted(fresh))
    return found | fresh


class Assignment:
    """The dossier of each arrival (None: about the shop itself), and what merging did to older ones.

    `existing` are the dossiers that now hold earlier events, `merged` those that gave way to another, `shops` tells
    whose each of them is.
    """

    def __init__(self, session: Session, arrivals: Sequence[Arrival]) -> None:
        self._session, self._union = session, _Union()
        self._named = _find_named(session, arrivals)
        named = _list_spoken_of(session, arrivals)
        own = {a.identity: hash_thing(a.shop_id, ("event", *a.identity)) for a in arrivals
               if (a.shop_id, *a.identity) in named}
        entities = {a.identity: list_entities(a.typed, a.shop_id) for a in arrivals}
        things = {entity for found in entities.values() for entity in found}
        self._known = _find_known(session, things | set(own.values()))
        self._shop_level: set[int] = set()
        self.shops: dict[int, int] = {}
        for arrival in arrivals:
            self._join(arrival, entities[arrival.identity], own.get(arrival.identity))
        self._aside = {self._union.find(item) for item in self._shop_level}
        self.of = {a.identity: self._dossier_of(a, entities[a.identity]) for a in arrivals}
        self._store(things)

    def _join(self, arrival: Arrival, things: Sequence[int], own: int | None) -> None:
        linked = [*things, *(self._known[e] for e in things if e in self._known)]
        if own is not None:
            linked += [own, *([self._known[own]] if own in self._known else [])]
            if arrival.typed.type.startswith("shop."):
                self._shop_level.add(own)
        shop_id, dossier = self._named.get(arrival.typed.names or ("", ""), (0, None))
        if shop_id == arrival.shop_id and dossier is not None:
            linked.append(dossier)
        elif shop_id == arrival.shop_id:
            self._shop_level.update(things)
        self._union.join(linked)
        self.shops.update(dict.fromkeys(linked, arrival.shop_id))

    def _dossier_of(self, arrival: Arrival, things: Sequence[int]) -> int | None:
        if arrival.typed.type.startswith("shop.") or not things:
            return None
        root = self._union.find(things[0])
        return None if root in self._aside else root

    def _store(self, things: set[int]) -> None:
        """Remember new things; move the events of dossiers that merged. Does not commit."""
        fresh = sorted(things - set(self._known))
        bulk_insert(self._session, Entity, ("id", "dossier_id"), [(e, self._union.find(e)) for e in fresh])
        named = {dossier for _, dossier in self._named.values() if dossier is not None}
        before = set(self._known.values()) | named
        self.existing = {self._union.find(d) for d in before}
        self.merged = {d for d in before if self._union.find(d) != d or d in self._aside}
        for old in sorted(self.merged):
            new = self._union.find(old)
            self._session.execute(update(Entity).where(Entity.dossier_id == old).values(dossier_id=new))
            self._session.execute(update(Event).where(Event.dossier_id == old).values(
                dossier_id=None if new in self._aside else new))
