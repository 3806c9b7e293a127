"""Serving a fake server: for a person until they stop it, for a test inside the running program."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

App = Callable[..., Iterable[bytes]]
_OPTIONS: dict[str, Any] = {"threads": 4, "ident": None, "clear_untrusted_proxy_headers": True}


def serve(app: App, *, host: str, port: int) -> None:
    """Serve until stopped."""
    _hush()
    create_server(app, host=host, port=port, **_OPTIONS).run()


@contextmanager
def serve_beside(app: App) -> Iterator[str]:
    """Serve on a free port of this machine while the block runs; gives the address."""
    _hush()
    sockets: dict[int, Any] = {}
    stopped = Event()
    server: Any = create_server(app, map=sockets, host="127.0.0.1", port=0, **_OPTIONS)

    def run() -> None:
        while not stopped.is_set():
            wasyncore.loop(timeout=0.1, map=sockets, count=1)

    thread = Thread(target=run, name="lab", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        stopped.set()
        thread.join(timeout=5)
        server.task_dispatcher.shutdown(timeout=2)
        wasyncore.close_all(sockets)


def _hush() -> None:
    # Waitress warns of answers that break off; here they do so on purpose.
    logging.getLogger("waitress").setLevel(logging.ERROR)
