"""Serving a fake server: for a person until they stop it, for a test inside the running program."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

App = Callable[..., Iterable[bytes]]
_OPTIONS: dict[str, Any] = {"threads": 4, "ident": None, "clear_untrusted_proxy_headers": True}


def serve(app: App, *, host: str, port: int) -> None:
    """Serve until interrupted or terminated."""
    over: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: over.put(received))
    with serve_beside(app, host=host, port=port):
        # A signal that another thread received wakes nobody: the handler runs once this thread looks.
        while over.empty():
            time.sleep(0.2)


@contextmanager
def serve_beside(app: App, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve while the block runs, on a free port of this machine unless told where; gives the address."""
    _hush()
    sockets: dict[int, Any] = {}
    stopped = Event()
    server: Any = create_server(app, map=sockets, host=host, port=port, **_OPTIONS)

    def run() -> None:
        while not stopped.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = Thread(target=run, name="lab", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.effective_port}"
    finally:
        stopped.set()
        thread.join(timeout=5)
        server.task_dispatcher.shutdown(timeout=2)
        wasyncore.close_all(sockets)


def _hush() -> None:
    # Waitress warns of answers that break off; here they do so on purpose.
    logging.getLogger("waitress").setLevel(logging.ERROR)
