"""Following the promises of companies whose programs want to know."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.me.queries import list_followed_sellers
from operator_qos.me.service import forget_changes, record_changes

log = structlog.get_logger(__name__)


def follow_promises(engine: Engine, *, now: datetime) -> int:
    """Tell every company's programs what changed about its promises; commits company by company.

    One that fails is logged and tried again by the next run.
    """
    with reading(engine) as session:
        sellers = list_followed_sellers(session)
    told = 0
    for seller_id in sellers:
        try:
            with unit_of_work(engine) as session:
                told += record_changes(session, seller_id=seller_id, now=now)
        except Exception:  # whatever is wrong with one company must not keep the others waiting
            log.exception("promises_not_followed", seller=seller_id)
    with unit_of_work(engine) as session:
        forget_changes(session, now=now)
    return told
