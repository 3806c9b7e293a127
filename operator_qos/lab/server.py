"""Serving a fake server: for a person until they stop it, for a test inside the running program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from waitress.server import create_server

App = Callable[..., Iterable[bytes]]


def serve(app: App, *, host: str, port: int) -> None:
    """Serve until stopped."""
    _make(app, host, port).run()


@contextmanager
def serve_beside(app: App) -> Iterator[str]:
    """Serve on a free port of this machine while the block runs; gives the address."""
    server = _make(app, "127.0.0.1", 0)
    thread = Thread(target=server.run, name="lab", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown(timeout=2)
        server.close()
        thread.join(timeout=5)


def _make(app: App, host: str, port: int) -> Any:
    return create_server(app, host=host, port=port, threads=4, ident=None, clear_untrusted_proxy_headers=True)
