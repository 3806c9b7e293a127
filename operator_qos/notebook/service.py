"""Keeping views and writing notes. Nothing here commits."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from operator_qos.accounts.actors import Actor
from operator_qos.audit.service import append_audit
from operator_qos.notebook.models import SavedView, ShopNote
from operator_qos.sellers.queries import ShopCard

LONGEST_NAME, LONGEST_QUERY, LONGEST_NOTE, MOST_VIEWS = 60, 1000, 4000, 30


class NotebookError(ValueError):
    """What was to be kept cannot be; `code` says what is wrong, the text in words."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def save_view(session: Session, *, name: str, query: str, actor: Actor, now: datetime) -> None:
    """Keep an address under a name, in place of what had it before. Raises NotebookError."""
    kept = " ".join(name.split())
    if not 0 < len(kept) <= LONGEST_NAME:
        raise NotebookError("name", f"give the view a name of 1 to {LONGEST_NAME} characters")
    if len(query) > LONGEST_QUERY:
        raise NotebookError("query", f"the view is longer than {LONGEST_QUERY} characters; choose less")
    mine = SavedView.user_id == actor.user_id
    row = session.scalar(select(SavedView).where(mine, SavedView.name == kept))
    count = session.scalar(select(func.count()).select_from(SavedView).where(mine)) or 0
    if row is None and count >= MOST_VIEWS:
        raise NotebookError("most", f"there are {MOST_VIEWS} views already; take one away first")
    if row is None:
        row = SavedView(user_id=actor.user_id, name=kept)
        session.add(row)
    row.query, row.saved_at = query, now
    session.flush()


def end_view(session: Session, *, view_id: int, actor: Actor) -> bool:
    """Take one's own view away; False where it is not one's own or gone."""
    gone = session.execute(delete(SavedView).where(SavedView.id == view_id, SavedView.user_id == actor.user_id)
                           .returning(SavedView.id))
    return gone.scalar() is not None


def write_note(session: Session, card: ShopCard, *, text: str, actor: Actor, now: datetime) -> None:
    """Note something about a shop for the operator's people. Raises NotebookError."""
    kept = text.strip()
    if not 0 < len(kept) <= LONGEST_NOTE:
        raise NotebookError("text", f"write 1 to {LONGEST_NOTE} characters")
    session.add(ShopNote(shop_id=card.id, text=kept, written_by=actor.email, written_at=now))
    append_audit(session, actor=actor.email, now=now, action="note.written", subject=_subject(card))


def remove_note(session: Session, card: ShopCard, *, note_id: int, actor: Actor, now: datetime) -> bool:
    """Take a note on a shop away, and what it said; False where there is none of that shop."""
    row = session.get(ShopNote, note_id)
    if row is None or row.shop_id != card.id or row.removed_at is not None:
        return False
    row.text, row.removed_at = "", now
    append_audit(session, actor=actor.email, now=now, action="note.removed", subject=_subject(card))
    return True


def _subject(card: ShopCard) -> str:
    return f"shop:{card.marketplace_id}/{card.code}"
