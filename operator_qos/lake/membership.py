"""Which shops live in the lake: their events are not in the log, and nothing of the ledger counts them anew."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from operator_qos.db import among
from operator_qos.lake.models import LakeBuild, LakeShop
from operator_qos.sellers.models import Shop


def in_ledger() -> ColumnElement[bool]:
    """Whether a shop's numbers follow from the log of the database."""
    return Shop.id.not_in(select(LakeShop.shop_id))


def list_lake_shops(session: Session, shop_ids: Iterable[int]) -> frozenset[int]:
    """Those of these shops that live in the lake."""
    return frozenset(session.scalars(select(LakeShop.shop_id).where(among(session, LakeShop.shop_id, shop_ids))))


def find_lake_build(session: Session, shop_id: int) -> LakeBuild | None:
    """The build that a shop's numbers come from; None for a shop of the log."""
    return session.scalar(select(LakeBuild).join(LakeShop).where(LakeShop.shop_id == shop_id))
