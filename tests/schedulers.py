"""Two schedulers at work on one database, both killed at a random moment of their work."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

# A job that meets a database in trouble is tried again, as the scheduler does; anything else ends the process.
RUN = """
import os, sys, threading, time, traceback
from datetime import datetime
from importlib import import_module
from sqlalchemy.exc import DBAPIError
from operator_qos.db import create_database_engine

engine, now = create_database_engine(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
named = [job.rpartition(".") for job in sys.argv[3:]]
jobs = [getattr(import_module(module), name) for module, _, name in named]

def keep(work):
    while True:
        try:
            work(engine, now=now)
        except DBAPIError:
            pass
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        time.sleep(0.05)

print("at work", flush=True)
for work in jobs:
    threading.Thread(target=keep, args=(work,)).start()
"""


def do_nothing() -> None:
    """While they are at work."""


@dataclass(frozen=True)
class Pair:
    """On which database, as of when, the names of the jobs, and from and to how long they work [s]."""

    url: str
    now: datetime
    jobs: tuple[str, ...]
    seconds: tuple[float, float]

    def work_until_killed(self, dice: random.Random, meanwhile: Callable[[], None] = do_nothing) -> None:
        """Start both, wait until they are at work, and kill them."""
        command = [sys.executable, "-c", RUN, self.url, self.now.isoformat(), *self.jobs]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        try:
            for process in running:
                assert process.stdout is not None
                assert process.stdout.readline() == "at work\n"
            meanwhile()
            time.sleep(dice.uniform(*self.seconds))
            assert [process.poll() for process in running] == [None, None]
        finally:
            for process in running:
                process.kill()
                process.communicate()
