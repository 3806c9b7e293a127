"""Several web processes behind one address, by gunicorn; each makes its application and its connections itself."""

from __future__ import annotations

import os
import shutil
from typing import Any

from gunicorn.app.base import BaseApplication
from sqlalchemy import Engine

from operator_qos.settings import Settings

THREADS = 8
# Where prometheus_client adds the seconds of all processes up; it must stand before that library is imported.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


class _Workers(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn without files of its own: everything is set here."""

    def __init__(self, settings: Settings, options: dict[str, Any], *, scheduler: bool) -> None:
        self._settings, self._options, self._scheduler = settings, options, scheduler
        self._jobs: Any = None
        super().__init__()

    def load_config(self) -> None:
        """Take the options, and the moments at which a worker begins and ends."""
        for name, value in self._options.items():
            self.cfg.set(name, value)
        self.cfg.set("post_worker_init", self._begin)
        self.cfg.set("worker_exit", self._end)
        self.cfg.set("child_exit", _forget_figures)

    def load(self) -> Any:
        """The application, made in the worker: an engine of the parent would share its connections."""
        from operator_qos import create_app

        return create_app(self._settings)

    def _begin(self, _worker: Any) -> None:
        from operator_qos.db import get_engine
        from operator_qos.operations.cycles import collect_seldom
        from operator_qos.scheduler import start_scheduler_thread

        collect_seldom()
        if self._scheduler:  # in every worker: one leads, and another takes over when that one ends
            self._jobs = start_scheduler_thread(self._settings, get_engine(self._settings.url, self._settings.pool))

    def _end(self, _arbiter: Any, _worker: Any) -> None:
        if self._jobs is not None:
            self._jobs.stop()


def _forget_figures(_arbiter: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # the library leaves it out


def run_workers(settings: Settings, engine: Engine, *, host: str, port: int, scheduler: bool, workers: int) -> None:
    """Serve by several processes until interrupted; one that dies is replaced. Raises SystemExit at the end."""
    from operator_qos.db import get_engine

    engine.dispose()
    get_engine.cache_clear()  # what is made before a fork is used by nobody after it
    folder = settings.data_dir / "figures"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[SHARED] = str(folder)
    _Workers(settings, {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "workers": workers, "threads": THREADS,
        "worker_class": "gthread", "timeout": 120, "graceful_timeout": 30, "preload_app": False,
        "forwarded_allow_ips": "", "control_socket_disable": True, "proc_name": "operator-qos",
    }, scheduler=scheduler).run()
