"""Marketplaces, the companies that sell on them and their shops."""

from __future__ import annotations

from datetime import date

from sqlalchemy import JSON, BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operator_qos.db import Base


class Marketplace(Base):
    __tablename__ = "marketplaces"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    country: Mapped[str] = mapped_column(String(2), default="")
    language: Mapped[str] = mapped_column(String(2), default="en")
    buyer_key: Mapped[str] = mapped_column(String(64))  # hex; buyers are known by an HMAC under it


class Seller(Base):
    __tablename__ = "sellers"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(200), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    country: Mapped[str] = mapped_column(String(2), default="")
    language: Mapped[str] = mapped_column(String(2), default="en")


class Shop(Base):
    __tablename__ = "shops"
    __table_args__ = (UniqueConstraint("marketplace_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    marketplace_id: Mapped[str] = mapped_column(ForeignKey("marketplaces.id"))
    code: Mapped[str] = mapped_column(String(200))
    seller_id: Mapped[int] = mapped_column(ForeignKey("sellers.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    country: Mapped[str] = mapped_column(String(2), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="")
    opened_ms: Mapped[int] = mapped_column(BigInteger)
    # The instant for which this shop's kept day cells hold [epoch ms].
    cells_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    # As of when its scorecard was last written whole, and when the metrics that look at whole windows; None: anew.
    cards_ms: Mapped[int | None] = mapped_column(BigInteger)
    slow_ms: Mapped[int | None] = mapped_column(BigInteger)
    # Open obligations, scorecards and notices of this shop must be looked at again.
    last_event_ms: Mapped[int] = mapped_column(BigInteger, default=0)


class ShopTraits(Base):
    """What the operator says a shop is from a date on, by names a standard may ask for; each row is complete."""

    __tablename__ = "shop_traits"

    shop_id: Mapped[int] = mapped_column(ForeignKey("shops.id"), primary_key=True, autoincrement=False)
    from_on: Mapped[date] = mapped_column(primary_key=True)
    traits: Mapped[dict[str, str]] = mapped_column(JSON)  # category, fulfilment, channel, seller_tier, region …
