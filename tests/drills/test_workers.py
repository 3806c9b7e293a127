"""Web processes that run the jobs too: one of them leads, and when it is killed pages and jobs go on."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from operator_qos.db import reading
from tests.databases import opened
from tests.operations.test_workers import ONLY_POSTGRESQL, fetch, list_served, serving, wait_for

pytestmark = pytest.mark.slow


def read_one(engine: Engine, statement: str) -> str:
    with reading(engine) as session:
        return str(session.execute(text(statement)).scalar() or "")


@ONLY_POSTGRESQL
def test_one_worker_runs_the_jobs_and_another_takes_over(database_url: str, tmp_path: Path) -> None:
    with (serving(database_url, tmp_path) as (address, server), ThreadPoolExecutor(8) as visitors,
          opened(database_url) as engine):
        leader = "SELECT holder FROM job_leases WHERE name = 'scheduler'"
        runs = "SELECT runs FROM job_runs WHERE name = 'tell_newcomers'"
        assert wait_for(lambda: read_one(engine, runs)) == "1"  # both plan it at once
        holder = read_one(engine, leader)
        os.kill(int(holder.split(":")[1]), signal.SIGKILL)
        taken = wait_for(lambda: {read_one(engine, leader)} - {holder})
        assert taken != {""}

        def ask_often() -> set[str]:
            answers = visitors.map(fetch, [f"{address}/healthz"] * 16)
            assert {status for status, _ in answers} == {503}  # it answers; no migration ran on this database
            return list_served(tmp_path) - {holder.split(":")[1]}

        assert wait_for(lambda: len(ask_often()) > 1)
        server.send_signal(signal.SIGTERM)
        assert server.wait(240) == 0
