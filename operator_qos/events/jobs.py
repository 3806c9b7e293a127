"""What the scheduler does with the log: message texts and original documents go when their time is over."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from sqlalchemy import CursorResult, Engine, delete, select

from operator_qos.clock import to_ms
from operator_qos.db import unit_of_work
from operator_qos.events.models import EventBody

PIECE = 5_000
MOST_PIECES = 200


def drop_expired_bodies(engine: Engine, *, now: datetime, piece: int = PIECE, pieces: int = MOST_PIECES) -> int:
    """Delete what is past its time, oldest first; answers how many. Commits after each piece, so that nobody waits."""
    dropped = 0
    for _ in range(pieces):
        expired = select(EventBody.seq).where(EventBody.expires_ms <= to_ms(now)).order_by(EventBody.expires_ms)
        with unit_of_work(engine) as session:
            done = session.execute(delete(EventBody).where(EventBody.seq.in_(expired.limit(piece))),
                                   execution_options={"synchronize_session": False})
            count = cast("CursorResult[object]", done).rowcount
        dropped += count
        if count < piece:
            break
    return dropped
