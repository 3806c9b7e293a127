"""Sending subscribed reports when they are due."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.reports.saved import list_due
from operator_qos.reports.service import send_report

log = structlog.get_logger(__name__)


def send_due_reports(engine: Engine, *, now: datetime) -> int:
    """Put every due report in the outbox; commits one by one. One that fails is logged and tried again."""
    with reading(engine) as session:
        due = list_due(session, now=now)
    sent = 0
    for subscription_id in due:
        try:
            with unit_of_work(engine) as session:
                sent += send_report(session, subscription_id=subscription_id, now=now)
        except Exception:  # whatever is wrong with one report must not keep the others waiting
            log.exception("report_not_sent", subscription=subscription_id)
    return sent
