"""What the scheduler does with notes: their text goes when their time is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import CursorResult, Engine, update

from operator_qos.db import unit_of_work
from operator_qos.notebook.models import ShopNote


def empty_old_notes(engine: Engine, *, days: int, now: datetime) -> int:
    """Take away what notes said that are so many days old, as if somebody had removed them; commits.

    With 0 days they stay for ever.
    """
    if days == 0:
        return 0
    old = update(ShopNote).where(ShopNote.removed_at.is_(None), ShopNote.written_at <= now - timedelta(days=days))
    with unit_of_work(engine) as session:
        done = session.execute(old.values(text="", removed_at=now), execution_options={"synchronize_session": False})
        return cast("CursorResult[object]", done).rowcount
