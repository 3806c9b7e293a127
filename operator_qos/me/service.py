"""Telling sellers' programs of every change of their promises, each once and in order. Nothing here commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.hooks.queries import list_sellers_listening
from operator_qos.hooks.rules import write_body
from operator_qos.hooks.service import forget_calls, queue_calls
from operator_qos.me.models import FollowedObligation, ObligationChange, ObligationFeed
from operator_qos.me.queries import Ended, Key, list_ended, list_followed
from operator_qos.me.rules import CANCELLED, DUE_SOON, KEPT, MET, MOVED, OPENED, is_soon, name_obligation
from operator_qos.sellers.queries import ShopCard, list_shop_cards
from operator_qos.standing.day_queries import MINE, WAITING, Choice, Owed, find_state, list_owed


@dataclass(frozen=True)
class Told:
    """One change to be told: of which shop's promise, what, since when, and its description."""

    shop_id: int
    change: str
    at: datetime
    data: Mapping[str, Any]


def describe(owed: Owed, card: ShopCard) -> dict[str, Any]:
    """A promise as programs know it; no text and no name of a person."""
    state = find_state(owed)
    return {
        "id": name_obligation(card.marketplace_id, card.code, owed.kind, owed.ref), "marketplace": card.marketplace_id,
        "shop": card.code, "kind": owed.kind, "state": state, "order": owed.order_ref,
        "case": owed.ref if owed.kind == "resolve" else None, "conversation": owed.conversation,
        "since": from_ms(owed.since_ms).isoformat(),
        # The clock of what waits for the buyer stands still: it has no due time until it runs on.
        "due_at": None if state == WAITING and owed.waiting_for is not None else from_ms(owed.due_ms).isoformat(),
        "waiting_for": owed.waiting_for or (owed.owes if owed.owes != "seller" else None),
        "forgiven": owed.excluded == "both",
    }


def record_changes(session: Session, *, seller_id: int, now: datetime) -> int:
    """Compare a company's open promises with what its programs know and tell the difference; returns how many.

    The first time everything is taken as known. Two workers at a time are taken one after the other.
    """
    feed, is_new = _lock_feed(session, seller_id)
    cards = {card.id: card for card in list_shop_cards(session, seller_id=seller_id)}
    owed = list_owed(session, Choice(sorted(cards), None), now_ms=to_ms(now), limit=None)
    known = list_followed(session, seller_id)
    told: list[Told] = []
    seen: set[Key] = set()
    for row in owed:
        key = (row.shop_id, row.kind, row.ref)
        if key not in seen:
            seen.add(key)
            told += _compare(session, feed.seller_id, row, known.get(key), card=cards[row.shop_id], now=now)
    told += _end(session, {key: row for key, row in known.items() if key not in seen}, now=now)
    session.flush()
    if is_new:  # nothing is told yet, so that what falls due is said with the next comparison
        session.execute(update(FollowedObligation).where(FollowedObligation.seller_id == seller_id)
                        .values(soon_for_ms=None))
    return 0 if is_new else _tell(session, feed, told, now=now)


def _lock_feed(session: Session, seller_id: int) -> tuple[ObligationFeed, bool]:
    """The company's feed, kept from other workers until the transaction ends, and whether it was made just now."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(7302, seller_id)))
    feed = session.get(ObligationFeed, seller_id, populate_existing=True)
    if feed is not None:
        return feed, False
    feed = ObligationFeed(seller_id=seller_id, last_number=0, oldest_number=1)
    session.add(feed)
    session.flush()
    return feed, True


def _compare(
    session: Session, seller_id: int, owed: Owed, known: FollowedObligation | None, *, card: ShopCard, now: datetime
) -> list[Told]:
    """What is new about an open promise; what programs know follows it."""
    data, changes = describe(owed, card), []
    if known is None:
        known = FollowedObligation(seller_id=seller_id, shop_id=owed.shop_id, kind=owed.kind, ref=owed.ref,
                                   soon_for_ms=None)
        session.add(known)
        changes.append(Told(owed.shop_id, OPENED, from_ms(owed.since_ms), data))
    elif data != known.data:
        changes.append(Told(owed.shop_id, MOVED, now, data))
    if data["state"] == MINE and is_soon(owed.due_ms, now_ms=to_ms(now), told_for_ms=known.soon_for_ms):
        known.soon_for_ms = owed.due_ms
        changes.append(Told(owed.shop_id, DUE_SOON, now, data))
    if changes:
        known.dossier_id, known.data = owed.dossier_id, data
    return changes


def _end(session: Session, gone: Mapping[Key, FollowedObligation], *, now: datetime) -> list[Told]:
    """What became of promises that are no longer open; programs know them no more."""
    ends = list_ended(session, gone) if gone else {}
    told = [_to_end(row, ends.get(key), now=now) for key, row in sorted(gone.items())]
    for row in gone.values():
        session.delete(row)
    return told


def _to_end(row: FollowedObligation, end: Ended | None, *, now: datetime) -> Told:
    if end is None or end.settled_ms is None:
        at = from_ms(end.void_ms) if end is not None and end.void_ms is not None else now
        return Told(row.shop_id, CANCELLED, at, {**row.data, "due_at": None, "was_due_at": row.data["due_at"]})
    ended = {"late": end.settled_ms > end.due_ms, "was_due_at": row.data["due_at"]}
    return Told(row.shop_id, MET, from_ms(end.settled_ms), {**row.data, **ended})


def _tell(session: Session, feed: ObligationFeed, told: list[Told], *, now: datetime) -> int:
    hooks = list_sellers_listening(session, feed.seller_id, "obligation") if told else []
    for change in told:
        feed.last_number += 1
        session.add(ObligationChange(seller_id=feed.seller_id, number=feed.last_number, shop_id=change.shop_id,
                                     change=change.change, at=change.at, told_at=now, data=dict(change.data)))
        topic = f"obligation.{change.change}"
        body = write_body(topic, {**change.data, "number": feed.last_number}, at=change.at)
        queue_calls(session, hooks, topic=topic, key=f"obligation:{feed.seller_id}:{feed.last_number}", body=body,
                    now=now)
    session.flush()
    return len(told)


def forget_changes(session: Session, *, now: datetime) -> int:
    """Drop changes that nobody can ask for any more, and the calls that told them; returns how many changes."""
    forget_calls(session, group="obligation", before=now - KEPT)
    gone = session.execute(delete(ObligationChange).where(ObligationChange.told_at < now - KEPT).returning(
        ObligationChange.seller_id, ObligationChange.number)).all()
    for seller_id in {row.seller_id for row in gone}:
        feed = session.get_one(ObligationFeed, seller_id)
        feed.oldest_number = max(feed.oldest_number, 1 + max(row.number for row in gone if row.seller_id == seller_id))
    return len(gone)
