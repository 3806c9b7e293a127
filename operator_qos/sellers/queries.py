"""Looking up marketplaces, sellers and shops."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import among, among_texts
from operator_qos.lake.membership import list_lake_shops
from operator_qos.sellers.models import Marketplace, Seller, Shop


@dataclass(frozen=True)
class Directory:
    """What ingest needs of every marketplace and of the shops it is told of; `shops` grows as shops open.

    `in_lake` are those whose events are in the lake.
    """

    buyer_keys: dict[str, str]
    shops: dict[tuple[str, str], int]
    in_lake: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ShopCard:
    """A shop with its marketplace and company, for pages."""

    id: int
    code: str
    name: str
    marketplace_id: str
    marketplace: str
    timezone: str
    currency: str
    seller_id: int
    seller: str
    language: str
    last_event_ms: int


def load_directory(session: Session, names: Iterable[tuple[str, str]]) -> Directory:
    """Every marketplace, and of the shops named (marketplace, shop) those that are there."""
    keys = {row.id: row.buyer_key for row in session.execute(select(Marketplace.id, Marketplace.buyer_key))}
    codes: dict[str, set[str]] = {}
    for marketplace, code in names:
        if marketplace in keys:
            codes.setdefault(marketplace, set()).add(code)
    shops: dict[tuple[str, str], int] = {}
    for marketplace, wanted in codes.items():
        query = select(Shop.code, Shop.id).where(
            Shop.marketplace_id == marketplace, among_texts(session, Shop.code, wanted))
        shops |= {(marketplace, code): shop_id for code, shop_id in session.connection().execute(query).fetchall()}
    return Directory(keys, shops, list_lake_shops(session, shops.values()))


def list_shop_cards(
    session: Session, *, shop_ids: Sequence[int] | None = None, seller_id: int | None = None,
    marketplace_id: str | None = None,
) -> list[ShopCard]:
    """Shops with their marketplace and company, by name."""
    query = (
        select(Shop.id, Shop.code, Shop.name, Shop.marketplace_id, Marketplace.name, Marketplace.timezone,
               Marketplace.currency, Shop.seller_id, Seller.name, Seller.language, Shop.last_event_ms)
        .join(Marketplace, Marketplace.id == Shop.marketplace_id).join(Seller, Seller.id == Shop.seller_id)
        .order_by(Shop.name, Shop.id)
    )
    if shop_ids is not None:
        query = query.where(among(session, Shop.id, shop_ids))
    if seller_id is not None:
        query = query.where(Shop.seller_id == seller_id)
    if marketplace_id is not None:
        query = query.where(Shop.marketplace_id == marketplace_id)
    return [ShopCard(*row) for row in session.execute(query)]


def find_shop_card(session: Session, marketplace_id: str, code: str) -> ShopCard | None:
    """One shop by its name on a marketplace."""
    shop_id = session.scalar(select(Shop.id).where(Shop.marketplace_id == marketplace_id, Shop.code == code))
    return list_shop_cards(session, shop_ids=[shop_id])[0] if shop_id is not None else None


def list_marketplaces(session: Session) -> list[Marketplace]:
    """Every marketplace, by id."""
    return list(session.scalars(select(Marketplace).order_by(Marketplace.id)))
