"""Looking up companies and marketplaces by the names people give them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.sellers.models import Marketplace, Seller


def find_seller_id(session: Session, code: str) -> int | None:
    """The company with that code."""
    return session.scalar(select(Seller.id).where(Seller.code == code))


@dataclass(frozen=True)
class Company:
    """A company as people call it."""

    code: str
    name: str


def find_company(session: Session, seller_id: int | None) -> Company | None:
    """The company with that number."""
    row = session.execute(select(Seller.code, Seller.name).where(Seller.id == seller_id)).one_or_none()
    return None if row is None else Company(*row)


def find_marketplace_name(session: Session, marketplace_id: str) -> str | None:
    """The name of a marketplace."""
    return session.scalar(select(Marketplace.name).where(Marketplace.id == marketplace_id))
