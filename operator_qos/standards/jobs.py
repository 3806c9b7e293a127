"""What time brings to standards: shops that come under one that was announced before they opened."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from operator_qos.db import unit_of_work
from operator_qos.standards.telling import tell_newcomers


def tell_newcomers_due(engine: Engine, *, now: datetime) -> int:
    """Tell those who came under an announced standard since; commits. Returns how many notices."""
    with unit_of_work(engine) as session:
        return tell_newcomers(session, now=now)
