"""Saved views and notes as pages see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.accounts.models import User
from operator_qos.notebook.models import SavedView, ShopNote


@dataclass(frozen=True)
class ViewRow:
    """A view under a name; `query` is its address after the question mark."""

    id: int
    name: str
    query: str


@dataclass(frozen=True)
class NoteRow:
    """A note on a shop with who wrote it: a name, or the address of somebody who is no longer known."""

    id: int
    text: str
    written_by: str
    written_at: datetime


def list_views(session: Session, user_id: int) -> list[ViewRow]:
    """A person's views, by name."""
    query = select(SavedView.id, SavedView.name, SavedView.query).where(SavedView.user_id == user_id)
    return [ViewRow(*row) for row in session.execute(query.order_by(SavedView.name, SavedView.id))]


def list_notes(session: Session, shop_id: int) -> list[NoteRow]:
    """The notes on a shop that were not removed, latest first."""
    rows = session.execute(
        select(ShopNote.id, ShopNote.text, ShopNote.written_by, ShopNote.written_at, User.name)
        .outerjoin(User, User.email == ShopNote.written_by)
        .where(ShopNote.shop_id == shop_id, ShopNote.removed_at.is_(None))
        .order_by(ShopNote.written_at.desc(), ShopNote.id.desc()))
    return [NoteRow(row.id, row.text, row.name or row.written_by, row.written_at) for row in rows]
