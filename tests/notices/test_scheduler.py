"""The scheduler: one leads, errors end at the job, the process stops when asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.logs import set_up_logs
from operator_qos.notices.models import JobLease
from operator_qos.scheduler import JOBS, Job, Leader, start_scheduler_thread
from operator_qos.settings import Settings

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)


class Clock:
    """A clock that stands until moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def job(work: Any, name: str = "sample") -> Job:
    return Job(name, work, "interval", {"seconds": 1})


def test_of_two_schedulers_one_works_and_the_other_takes_over_when_it_is_silent(engine: Engine) -> None:
    clock, done = Clock(), []
    first, second = (Leader(engine, Settings(), clock=clock) for _ in range(2))
    assert first.run(job(lambda *_: done.append("first")))
    assert not second.run(job(lambda *_: done.append("second")))
    clock.now += timedelta(seconds=90)
    assert second.run(job(lambda *_: done.append("second")))
    assert not first.run(job(lambda *_: done.append("first")))
    second.resign()
    assert first.run(job(lambda *_: done.append("first")))
    assert done == ["first", "second", "first"]


def test_a_failing_job_is_logged_and_the_next_one_runs(engine: Engine, capsys: Any) -> None:
    set_up_logs(form="text")
    leader, done = Leader(engine, Settings(), clock=Clock()), []

    def fail(*_: object) -> None:
        raise RuntimeError("the disk is full")

    assert not leader.run(job(fail, "broken"))
    assert leader.run(job(lambda *_: done.append(1)))
    assert done == [1]
    assert "job_failed" in (output := capsys.readouterr().err) and "broken" in output


def test_a_job_gets_the_engine_the_settings_and_the_moment(engine: Engine) -> None:
    settings, seen = Settings(base_url="https://qos.example"), []
    Leader(engine, settings, clock=Clock()).run(job(lambda *arguments: seen.append(arguments)))
    assert seen == [(engine, settings, NOW)]


def test_every_job_of_the_product_runs_on_an_empty_database(engine: Engine, tmp_path: Path) -> None:
    leader = Leader(engine, Settings(data_dir=tmp_path))
    assert {planned.name: leader.run(planned) for planned in JOBS} == {planned.name: True for planned in JOBS}


def test_a_scheduler_in_a_thread_starts_at_once_and_stops_with_the_lease_given_back(
    engine: Engine, tmp_path: Path
) -> None:
    running = start_scheduler_thread(Settings(data_dir=tmp_path), engine)
    deadline = time.monotonic() + 20
    while not _holders(engine) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.stop()
    assert _holders(engine) == [running.leader.holder]
    assert Leader(engine, Settings()).leads()
    assert not [thread for thread in threading.enumerate() if "APScheduler" in thread.name]


def _holders(engine: Engine) -> list[str]:
    with reading(engine) as session:
        return list(session.scalars(select(JobLease.holder)))


def test_the_process_ends_in_order_when_it_is_terminated(engine: Engine, tmp_path: Path) -> None:
    program = (
        "from operator_qos.scheduler import run_scheduler; from operator_qos.settings import read_settings; "
    )
    environment = {
        **os.environ,
        "OPERATOR_QOS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "OPERATOR_QOS_DATA_DIR": str(tmp_path),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", program + "run_scheduler(read_settings())"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "scheduler_started" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert "scheduler_stopped" in process.communicate(timeout=150)[0]
        assert process.returncode == 0
    finally:
        process.kill()
