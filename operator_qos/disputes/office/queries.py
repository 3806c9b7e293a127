"""Reading what the office keeps: policies by marketplace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.disputes.models import Dispute
from operator_qos.disputes.policies import Policy
from operator_qos.disputes.policy_book import Version, read_policy_book
from operator_qos.sellers.models import Marketplace, Shop


@dataclass(frozen=True)
class PolicyPlace:
    """A marketplace with its policy in force and the versions it published, the latest first day last."""

    id: str
    name: str
    zone: str
    in_force: Policy
    versions: Sequence[Version]
    has_disputes: bool


def list_policy_places(session: Session, *, now: datetime) -> list[PolicyPlace]:
    """Every marketplace with its policy."""
    book = read_policy_book(session)
    known = select(Shop.marketplace_id).join(Dispute, Dispute.shop_id == Shop.id).distinct()
    busy = set(session.scalars(known))
    query = select(Marketplace.id, Marketplace.name, Marketplace.timezone).order_by(Marketplace.name)
    return [
        PolicyPlace(key, name, zone, book.at(key, now, zone), book.versions.get(key, ()), key in busy)
        for key, name, zone in session.execute(query)
    ]
