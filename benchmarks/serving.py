"""Real servers for benchmarks: `operator-qos serve` in processes of their own, on a database that is filled."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.service import create_key
from operator_qos.db import unit_of_work

START_SECONDS = 300  # on a busy machine the imports alone take more than one minute


def make_key(engine: Engine, *, now: datetime, marketplace_id: str = "halle-fr") -> str:
    """A key that may send events of a marketplace; commits."""
    with unit_of_work(engine) as session:
        return create_key(session, name=f"bench {uuid.uuid4().hex[:12]}", actor=COMMAND_LINE, now=now, scope="ingest",
                          marketplace_id=marketplace_id)


def find_free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(engine: Engine, *, workers: int, scheduler: bool = False) -> Iterator[int]:
    """A server of so many processes without jobs, on the port it gives; with `scheduler` another runs the jobs."""
    with ExitStack() as stack:
        folder, port = Path(stack.enter_context(tempfile.TemporaryDirectory())), find_free_port()
        environment = {**os.environ, "OPERATOR_QOS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
                       "OPERATOR_QOS_DATA_DIR": str(folder), "OPERATOR_QOS_SECRET_KEY": "bench" * 8,
                       "OPERATOR_QOS_LOGIN_ATTEMPTS": "100000 per minute"}
        stack.enter_context(_running(environment, folder, [
            "serve", "--no-scheduler", "--port", str(port), *(["--workers", str(workers)] if workers > 1 else [])]))
        if scheduler:
            stack.enter_context(_running(environment, folder, ["scheduler"]))
        _await(port)
        yield port


@contextmanager
def _running(environment: dict[str, str], folder: Path, command: list[str]) -> Iterator[None]:
    with (folder / f"{'-'.join(command)}.log").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "operator_qos.cli", *command], env=environment,
                                   stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def _await(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=10).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"no server answers on port {port}")
