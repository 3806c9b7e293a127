"""Shops of a lake: opened where the database does not know them, filled in by what their events say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.events.models import Event
from operator_qos.lake.engines import open_input
from operator_qos.sellers.models import Shop
from operator_qos.sellers.queries import load_directory
from operator_qos.sellers.service import fill_in_shop, note_heard, open_shop
from scoring.events import TypedEvent, order_key

_LONGEST_NAME = 200


def find_places(source: Path) -> set[tuple[str, str]]:
    """The (marketplace, shop) that events of the input name, as far as they can be names."""
    found: set[tuple[str, str]] = set()
    for batch in open_input(source).to_batches(columns=["marketplace", "shop"]):
        once = pa.Table.from_batches([batch]).group_by(["marketplace", "shop"]).aggregate([])
        found |= {(row["marketplace"], row["shop"]) for row in once.to_pylist()}
    return {place for place in found if all(_is_name(name) for name in place)}


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name.strip()) <= len(name) <= _LONGEST_NAME and name.isprintable()


def open_shops(session: Session, places: set[tuple[str, str]], *, now_ms: int) -> None:
    """Open the shops that are not known, on marketplaces that are. Does not commit."""
    directory = load_directory(session, places)
    for marketplace, code in sorted(places - directory.shops.keys()):
        if marketplace in directory.buyer_keys:
            open_shop(session, TypedEvent("", "", "shop.opened", now_ms, marketplace, code, code, {}))


def settle_shops(
    session: Session, heard: Sequence[Mapping[str, Any]], calendars: Mapping[int, Sequence[TypedEvent]]
) -> list[int]:
    """Fill in the shops of a build from their first openings, and when each was heard of. Does not commit.

    Returns them. Those whose events are in the log stay as it says they are.
    """
    shops = sorted(row["shop_id"] for row in heard)
    kept = list_logged(session, shops)
    own = [row for row in heard if row["shop_id"] not in kept]
    if own:
        note_heard(session, [(row["shop_id"], row["first_ms"], row["last_ms"]) for row in own])
    for row in own:
        openings = [e for e in calendars.get(row["shop_id"], ()) if e.type == "shop.opened"]
        if openings:
            first = min(openings, key=order_key)
            fill_in_shop(session, row["shop_id"], (first.data, first.at_ms))
    return shops


def list_logged(session: Session, shop_ids: Sequence[int]) -> set[int]:
    """The shops whose events are in the database's own log."""
    has_events = select(Event.seq).where(Event.shop_id == Shop.id).exists()
    return {shop for part in chunks(list(shop_ids)) for shop in session.scalars(
        select(Shop.id).where(Shop.id.in_(part), has_events))}
