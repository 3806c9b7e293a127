"""A million events, three in ten repeated, in any order, by writers killed twenty times: as if nothing had happened.

QOS_DRILL_EVENTS takes another number of events.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.pipeline.test_kills import check_kills

pytestmark = pytest.mark.slow
EVENTS = int(os.environ.get("QOS_DRILL_EVENTS", "1000000"))


def test_a_million_events_by_four_writers_under_twenty_kills(engine: Engine, database_url: str, tmp_path: Path) -> None:
    check_kills(engine, database_url, tmp_path, events=EVENTS, kills=20, writers=4, largest=5_000)
