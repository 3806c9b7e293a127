"""Sealing what was appended, and telling administrators the latest hash, so that it stands outside the database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from operator_qos.audit.queries import count_unsealed, find_last_seal, find_recent_id
from operator_qos.audit.service import seal_rows
from operator_qos.db import reading, unit_of_work
from operator_qos.notices.service import announce

# Few enough that SQLite's other writers hardly wait.
PART = 1_000
ANCHOR_TOPIC = "audit_anchor"


def run_sealer(engine: Engine, *, now: datetime, everything: bool = False) -> int:
    """Chain every committed row that is not chained yet; returns how many. Commits part by part.

    Looks at the latest rows, so that it costs the same however long the trail is; with `everything` at all of them,
    for what was committed very late.
    """
    with reading(engine) as session:
        after_id = 0 if everything else find_recent_id(session)
        if not count_unsealed(session, after_id=after_id):
            return 0
    total = 0
    while True:
        with unit_of_work(engine) as session:
            sealed = seal_rows(session, now=now, limit=PART, after_id=after_id)
            last = find_last_seal(session)
        total += sealed
        if sealed < PART or last is None:
            return total
        after_id = last.row_id


def tell_anchor(engine: Engine, *, now: datetime) -> bool:
    """Mail the end of the chain to administrators, once a week; False when it was told or there is none. Commits."""
    with unit_of_work(engine) as session:
        last = find_last_seal(session)
        if last is None:
            return False
        year, week, _day = now.isocalendar()
        return announce(
            session, key=f"{ANCHOR_TOPIC}:{year}-{week:02}", seller_id=None, shop_id=None, topic=ANCHOR_TOPIC, now=now,
            data={"position": last.position, "hash": last.hash, "at": last.sealed_at.isoformat()},
            link="/operator/audit")
