"""Lists of people for the operator's page and for a company's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import MEDIATOR_ROLES, OPERATOR_ROLES, SELLER_ROLES
from operator_qos.accounts.models import PasswordLink, User
from operator_qos.sellers.models import Seller

SIDES = {"operator": OPERATOR_ROLES, "mediators": MEDIATOR_ROLES, "sellers": SELLER_ROLES}


@dataclass(frozen=True)
class WantedPeople:
    """Which people: of one company, of a side, whose name, address or company holds a text."""

    seller_id: int | None = None
    side: str = ""
    text: str = ""


@dataclass(frozen=True)
class PersonRow:
    """A person in a list; `invited_until` is when the link that works now ends."""

    id: int
    email: str
    name: str
    role: str
    language: str
    active: bool
    has_joined: bool
    created_at: datetime
    company: str | None
    invited_until: datetime | None


def count_people(session: Session, wanted: WantedPeople) -> int:
    """How many are wanted."""
    query = select(func.count(User.id)).outerjoin(Seller, Seller.id == User.seller_id)
    return session.scalar(query.where(*_filters(wanted))) or 0


def list_people(
    session: Session, wanted: WantedPeople, *, now: datetime, limit: int, offset: int = 0
) -> list[PersonRow]:
    """The people wanted: the operator's, mediators, then sellers' by company; who can sign in first, then by name."""
    side = case({role: number for number, roles in enumerate(SIDES.values()) for role in roles}, value=User.role)
    until = case((PasswordLink.expires_at > now, PasswordLink.expires_at))
    query: Select[Any] = (
        select(User.id, User.email, User.name, User.role, User.language, User.active, User.password_hash != "",
               User.created_at, Seller.name, until)
        .outerjoin(Seller, Seller.id == User.seller_id)
        .outerjoin(PasswordLink, PasswordLink.user_id == User.id)
        .where(*_filters(wanted))
        .order_by(side, Seller.name, Seller.id, User.active.desc(), User.name, User.id)
    )
    return [PersonRow(*row) for row in session.execute(query.limit(limit).offset(offset))]


def _filters(wanted: WantedPeople) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if wanted.seller_id is not None:
        filters.append(User.seller_id == wanted.seller_id)
    if wanted.side in SIDES:
        filters.append(User.role.in_(SIDES[wanted.side]))
    if wanted.text:
        names = (User.name, User.email, Seller.name, Seller.code)
        filters.append(or_(*(name.icontains(wanted.text, autoescape=True) for name in names)))
    return filters
