"""Following the promises of companies whose programs want to know."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.me.queries import list_followed_sellers
from operator_qos.me.service import forget_changes, record_changes


def follow_promises(engine: Engine, *, now: datetime) -> int:
    """Tell every company's programs what changed about its promises; commits company by company."""
    with reading(engine) as session:
        sellers = list_followed_sellers(session)
    told = 0
    for seller_id in sellers:
        with unit_of_work(engine) as session:
            told += record_changes(session, seller_id=seller_id, now=now)
    with unit_of_work(engine) as session:
        forget_changes(session, now=now)
    return told
