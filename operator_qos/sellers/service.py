"""Adding marketplaces, opening shops."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.db import among
from operator_qos.events.log import Arrival, hash_text
from operator_qos.events.models import Event
from operator_qos.ledger.pending import mark_pending
from operator_qos.ledger.service import list_all_dossiers
from operator_qos.sellers.models import Marketplace, Seller, Shop, ShopTraits
from operator_qos.standing.queries import find_last_run_on
from scoring.events import RANKS, TypedEvent
from scoring.standards.names import SHOP_TEXTS

# The marketplace is where a shop stands, everything else can be said of it.
TRAITS = SHOP_TEXTS - {"marketplace"}


class MarketplaceError(ValueError):
    """A marketplace that cannot be added; the text says why."""


def add_marketplace(  # one argument per column, by keyword
    session: Session, *, marketplace_id: str, timezone: str, name: str = "", currency: str = "EUR", country: str = "",
    language: str = "en",
) -> Marketplace:
    """Add a marketplace, or return it unchanged. Raises MarketplaceError for a wrong zone or another zone than before.

    Does not commit.
    """
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MarketplaceError(f"{timezone!r} is no time zone; write one like Europe/Paris") from None
    found = session.get(Marketplace, marketplace_id)
    if found is not None:
        if found.timezone != timezone:
            raise MarketplaceError(
                f"marketplace {marketplace_id!r} exists in zone {found.timezone}; its zone cannot change, since every "
                "day cell follows it")
        return found
    added = Marketplace(
        id=marketplace_id, name=name or marketplace_id, timezone=timezone, currency=currency, country=country,
        language=language, buyer_key=secrets.token_hex(32))
    session.add(added)
    session.flush()
    return added


def find_or_add_seller(session: Session, code: str, *, name: str = "", country: str = "") -> Seller:
    """The company with that code, added if need be. Does not commit."""
    found = session.scalar(select(Seller).where(Seller.code == code))
    if found is None:
        found = Seller(code=code, name=name or code, country=country[:2])
        session.add(found)
        session.flush()
    return found


def _own_code(marketplace_id: str, shop: str) -> str:
    """The code of the company of a shop that names none; always fits the column, never shared by two shops."""
    code = f"{marketplace_id}/{shop}"
    return code if len(code) <= 200 else f"{code[:167]}#{hash_text(code)}"


def open_shop(session: Session, typed: TypedEvent) -> int:
    """Open the shop an event speaks of; `update_shops` fills in what its first opening says. Does not commit."""
    data = typed.data if typed.type == "shop.opened" else {}
    seller = find_or_add_seller(session, data.get("seller") or _own_code(typed.marketplace, typed.shop))
    shop = Shop(
        marketplace_id=typed.marketplace, code=typed.shop, seller_id=seller.id, name=typed.shop, country="",
        timezone="", opened_ms=typed.at_ms, cells_ms=0, last_event_ms=0)
    session.add(shop)
    session.flush()
    return shop.id


def update_shops(session: Session, fresh: Sequence[Arrival]) -> set[int]:
    """Fill in shops from the first of their openings, and when each was last heard of. Does not commit.

    Returns the shops whose clock now runs in another zone.
    """
    latest: dict[int, int] = {}
    for arrival in fresh:
        latest[arrival.shop_id] = max(latest.get(arrival.shop_id, 0), arrival.typed.at_ms)
    _note_last_heard(session, latest)
    opened = sorted({a.shop_id for a in fresh if a.typed.type == "shop.opened"})
    firsts = _list_openings(session, opened)
    return {shop_id for shop_id, first in firsts.items() if fill_in_shop(session, shop_id, first)}


_HEARD_OF = update(Shop).where(Shop.id == bindparam("shop"), Shop.last_event_ms < bindparam("at")).values(
    last_event_ms=bindparam("at"))
# Two lists in one statement are written many times faster than a statement per shop.
_HEARD_OF_MANY = text(
    "UPDATE shops SET last_event_ms = heard.at FROM unnest(CAST(:shops AS integer[]), CAST(:moments AS bigint[])) "
    "AS heard(shop, at) WHERE shops.id = heard.shop AND shops.last_event_ms < heard.at")


def _note_last_heard(session: Session, latest: Mapping[int, int]) -> None:
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        shops, moments = (f"{{{','.join(map(str, column))}}}" for column in (latest.keys(), latest.values()))
        connection.execute(_HEARD_OF_MANY, {"shops": shops, "moments": moments})
    else:
        connection.execute(_HEARD_OF, [{"shop": shop, "at": at_ms} for shop, at_ms in latest.items()])


_FROM_TO = update(Shop).where(Shop.id == bindparam("shop")).values(
    opened_ms=bindparam("first"), last_event_ms=bindparam("last"))


def note_heard(session: Session, heard: Sequence[tuple[int, int, int]]) -> None:
    """When shops whose log is elsewhere were heard of: (shop, first, last) [epoch ms]. Does not commit."""
    rows = [{"shop": shop, "first": first, "last": last} for shop, first, last in heard]
    session.connection().execute(_FROM_TO, rows)


def _list_openings(session: Session, shop_ids: Sequence[int]) -> dict[int, tuple[Mapping[str, Any], int]]:
    """What the first opening of each shop says, and when it was [epoch ms]."""
    query = select(Event.shop_id, Event.data, Event.at_ms).where(
        among(session, Event.shop_id, shop_ids), Event.type_rank == RANKS["shop.opened"],
    ).order_by(Event.at_ms, Event.source, Event.event_id)
    found: dict[int, tuple[Mapping[str, Any], int]] = {}
    for shop_id, data, at_ms in session.execute(query) if shop_ids else ():
        found.setdefault(shop_id, (data, at_ms))
    return found


def fill_in_shop(session: Session, shop_id: int, first: tuple[Mapping[str, Any], int]) -> bool:
    """Fill in one shop by its first opening (what it says, when) [epoch ms]; whether its zone changed.

    Does not commit.
    """
    shop, (data, opened_ms) = session.get_one(Shop, shop_id), first
    name, country = data.get("name", shop.code), data.get("country", "")[:2]
    if "seller" in data:
        seller = find_or_add_seller(session, data["seller"], name=name, country=country)
        shop.seller_id = seller.id
    if shop.country != country:
        shop.cards_ms = shop.slow_ms = None  # another standard may bind it
    shop.name, shop.country = name, country
    before, shop.timezone, shop.opened_ms = shop.timezone, data.get("timezone", ""), opened_ms
    session.flush()
    return before != shop.timezone


def count_shops(session: Session) -> int:
    """How many shops there are."""
    return session.scalar(select(func.count()).select_from(Shop)) or 0


def read_traits(pairs: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE texts as traits. Raises MarketplaceError for another form, or a name no standard may ask for."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not value or name not in TRAITS:
            raise MarketplaceError(f"{pair!r}: write NAME=VALUE, with a name of {', '.join(sorted(TRAITS))}")
        found[name] = value
    return found


def describe_shop(  # whose, what, from when, by whom
    session: Session, *, shop: str, traits: Mapping[str, str], from_on: date | None, actor: str, now: datetime,
    why: str = "",
) -> ShopTraits:
    """Say what a shop is from a local day on, in place of what was said for that day. Does not commit.

    Its promises are derived anew where that day has begun, which needs a reason. Raises MarketplaceError for a shop
    that is not there, a missing reason, or a day that was judged: what it decided stays.
    """
    marketplace, _, code = shop.partition("/")
    place = select(Shop.id, Marketplace.timezone).join(Marketplace).where(
        Shop.marketplace_id == marketplace, Shop.code == code)
    found = session.execute(place).one_or_none()
    if found is None:
        raise MarketplaceError(f"no shop {shop!r}; write it like MARKETPLACE/SHOP")
    today, judged = now.astimezone(ZoneInfo(found.timezone)).date(), find_last_run_on(session, marketplace)
    on = from_on or today + timedelta(days=1)
    if judged is not None and on <= judged:
        raise MarketplaceError(f"{on} was judged; the first day that can change is {judged + timedelta(days=1)}")
    if on <= today:
        if not why.strip():
            raise MarketplaceError(f"{on} has begun: say why it changes from that day on, it stands in the report")
        mark_pending(session, dict.fromkeys(list_all_dossiers(session, found.id), found.id))
    row = session.get(ShopTraits, (found.id, on)) or ShopTraits(shop_id=found.id, from_on=on, traits={})
    before, row.traits = dict(row.traits), dict(traits)
    session.add(row)
    session.execute(update(Shop).where(Shop.id == found.id).values(cards_ms=None, slow_ms=None))
    session.flush()
    append_audit(session, actor=actor, now=now, action="shop.describe", subject=f"{shop}:{on}", before=before,
                 after=dict(traits), why=why)
    return row
