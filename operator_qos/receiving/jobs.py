"""Forgetting which webhooks came, once no sender repeats them any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete

from operator_qos.db import unit_of_work
from operator_qos.receiving.models import ReceivedHook

KEPT = timedelta(days=30)


def forget_received(engine: Engine, *, now: datetime) -> int:
    """Forget the webhooks of more than a month ago; commits. A later repetition would change nothing either way:
    its events have the ids they had."""
    with unit_of_work(engine) as session:
        gone = session.execute(
            delete(ReceivedHook).where(ReceivedHook.received_at < now - KEPT).returning(ReceivedHook.message_id)).all()
    return len(gone)
