"""Ten thousand deadlines due at once, two schedulers killed again and again, the database crashed once: each act once.

QOS_DRILL_DEADLINES takes another number of deadlines.
"""

from __future__ import annotations

import os
import threading

import pytest

from tests.acts.test_drill import announce, check_each_once
from tests.databases import HOW_TO_GET_POSTGRESQL, fill, find_postgresql, opened, restartable_cluster
from tests.disputes.test_api import Receiver, receiver

__all__ = ["receiver"]
pytestmark = [pytest.mark.slow, pytest.mark.postgresql]
DEADLINES = int(os.environ.get("QOS_DRILL_DEADLINES", "10000"))


def test_due_acts_are_begun_once_whatever_is_killed(receiver: Receiver) -> None:
    programs = find_postgresql()
    if programs is None:
        pytest.skip(HOW_TO_GET_POSTGRESQL)
    with restartable_cluster(programs) as (cluster, restart):
        cluster.execute("CREATE DATABASE {}", "drill")
        url = cluster.url("drill")
        fill(url)
        crash = threading.Timer(1.5, restart)

        def crash_once(number: int) -> None:
            """While the second pair of schedulers is at work."""
            if number == 0:
                crash.start()
            elif number == 1:
                crash.join()

        with opened(url) as engine:
            ids = announce(engine, receiver, shops=DEADLINES)
            check_each_once(engine, url, receiver, ids=ids, rounds=8, between=crash_once)
        assert crash.finished.is_set()
