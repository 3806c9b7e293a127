"""Ten thousand deadlines due at once, two schedulers killed again and again, the database crashed once: each act once.

QOS_DRILL_DEADLINES takes another number of deadlines.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.acts.test_drill import DUE, JOBS, announce, check_each_once, count_begun
from tests.databases import HOW_TO_GET_POSTGRESQL, fill, find_postgresql, opened, restartable_cluster
from tests.disputes.test_api import Receiver, receiver
from tests.schedulers import Pair, do_nothing

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
        with opened(url) as engine:
            ids = announce(engine, receiver, shops=DEADLINES)

            def crash() -> None:
                """Under the second pair, once it has begun with what the first one left."""
                begun = count_begun(engine)
                while begun == count_begun(engine) < DEADLINES:
                    time.sleep(0.1)
                restart()

            pair = Pair(url, DUE, JOBS, seconds=(0.5, 20.0))
            check_each_once(engine, pair, receiver, ids=ids, between=[do_nothing, crash, *[do_nothing] * 18])
