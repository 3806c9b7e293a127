"""The daily search for faults that sellers share."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.exclusions.incidents.queries import list_places
from operator_qos.exclusions.incidents.service import search_faults

log = structlog.get_logger(__name__)


def find_shared_faults(engine: Engine, *, now: datetime) -> int:
    """Search every marketplace for shared faults; returns how many proposals were opened or brought up to date.

    Commits per marketplace; one that fails is logged and tried again by the next run.
    """
    with reading(engine) as session:
        places = list_places(session)
    touched = 0
    for place in places:
        try:
            with unit_of_work(engine) as session:
                touched += len(search_faults(session, place, now=now))
        except Exception:  # whatever is wrong with one marketplace must not keep the others waiting
            log.exception("fault_search_failed", marketplace=place.id)
    return touched
