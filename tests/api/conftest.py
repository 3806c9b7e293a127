"""The whole site with two marketplaces and a key that may send events."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import Engine
from waitress import create_server, wasyncore

from tests.api.sending import Sender, make_key
from tests.web.fixtures import app, clock, site_settings, world

__all__ = ["app", "clock", "site_settings", "world"]


@pytest.fixture
def sender(app: Flask, engine: Engine) -> Sender:
    """Sends with a key for every marketplace; the shop "morvan" is open on halle-fr."""
    made = Sender(app.test_client(), make_key(engine, "feed"))
    assert made.open_shop("morvan")["accepted"] == 1
    return made


@pytest.fixture
def address(app: Flask) -> Iterator[tuple[str, int]]:
    """Host and port of a real server on loopback."""
    sockets: dict[int, wasyncore.dispatcher] = {}
    server = create_server(app, map=sockets, host="127.0.0.1", port=0, threads=4)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield "127.0.0.1", server.effective_port
    # Closed within its own loop: numbers of closed sockets are given to new ones at once.
    server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets))
    thread.join(timeout=10)
    server.task_dispatcher.shutdown(timeout=10)
    assert not thread.is_alive()
