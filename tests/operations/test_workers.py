"""Several web processes on one database: they count together and end in order."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from operator_qos.accounts.attempts import AttemptStorage
from operator_qos.clock import utc_now
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.operations.doctor import list_settings
from operator_qos.settings import Pool, Settings, read_settings
from operator_qos.web import Site, _begin_reading

ONLY_POSTGRESQL = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(address: str, fields: dict[str, str] | None = None, jar: CookieJar | None = None) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar if jar is not None else CookieJar()))
    data = urllib.parse.urlencode(fields).encode() if fields is not None else None
    try:
        with opener.open(address, data, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_for(found: Callable[[], Any], seconds: float = 240) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if value := found():
                return value
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("waited in vain")


@contextmanager
def serving(url: str, folder: Path, *words: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = find_port()
    environment = {**os.environ, "OPERATOR_QOS_DATABASE_URL": url, "OPERATOR_QOS_DATA_DIR": str(folder),
                   "OPERATOR_QOS_LOGIN_ATTEMPTS": "3 per 15 minutes", "OPERATOR_QOS_POOL_SIZE": "2"}
    command = [sys.executable, "-m", "operator_qos.cli", "serve", "--workers", "2", "--port", str(port), *words]
    server = subprocess.Popen(command, env=environment, stderr=(folder / "log").open("wb"))
    try:
        wait_for(lambda: fetch(f"http://127.0.0.1:{port}/healthz"))
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.kill()
        server.wait()


def read_figure(address: str, name: str, label: str) -> float:
    lines = [line for line in fetch(f"{address}/metrics")[1].splitlines() if line.startswith(name) and label in line]
    return sum(float(line.split()[-1]) for line in lines)


def list_served(folder: Path) -> set[str]:
    """Process numbers of the workers that answered anything."""
    return {found[1] for path in (folder / "figures").glob("*.db") if (found := re.search(r"(\d+)\.db$", path.name))}


def sign_in_wrongly(address: str) -> int:
    jar = CookieJar()
    found = TOKEN.search(fetch(f"{address}/login", jar=jar)[1])
    assert found
    return fetch(f"{address}/login", {"csrf_token": found[1], "email": "a@b.example", "password": "w"}, jar)[0]


@ONLY_POSTGRESQL
def test_two_workers_count_as_one_and_end_in_order(database_url: str, tmp_path: Path) -> None:
    with serving(database_url, tmp_path, "--no-scheduler") as (address, server), ThreadPoolExecutor(8) as visitors:
        asked = 1
        while len(list_served(tmp_path)) < 2:
            assert asked < 2_000
            list(visitors.map(fetch, [f"{address}/healthz"] * 16))
            asked += 16
        # One figure over both, whichever is asked; nobody's seconds are lost or counted twice.
        counted = {read_figure(address, "operator_qos_http_seconds_count", 'endpoint="show_health"') for _ in range(6)}
        assert counted == {asked}
        assert [sign_in_wrongly(address) for _ in range(5)] == [422, 422, 422, 429, 429]
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.fixture
def storage(engine: Engine) -> AttemptStorage:
    return AttemptStorage(find_engine=lambda: engine)


def test_many_at_once_take_no_more_than_the_limit(storage: AttemptStorage, engine: Engine) -> None:
    def take(_number: int) -> bool:
        return storage.acquire_entry("10.0.0.7", 5, 900)

    with ThreadPoolExecutor(8) as together:
        assert sum(together.map(take, range(16))) == 5
    start, count = storage.get_moving_window("10.0.0.7", 5, 900)
    assert count == storage.get("10.0.0.7") == 5
    assert time.time() - 60 < start <= time.time() < storage.get_expiry("10.0.0.7") <= start + 960
    assert storage.acquire_entry("10.0.0.8", 1, 900)
    with reading(engine) as session:
        assert "10.0.0" not in str(session.execute(text("SELECT * FROM failed_attempts")).all())
    storage.clear("10.0.0.7")
    assert storage.get("10.0.0.7") == 0
    assert storage.incr("10.0.0.8", 900) == 2
    assert storage.reset() == 2
    assert storage.check()


def test_what_counts_no_more_is_forgotten(storage: AttemptStorage, engine: Engine) -> None:
    assert storage.acquire_entry("a", 1, 900)
    assert not storage.acquire_entry("a", 1, 900)
    with unit_of_work(engine) as session:
        session.execute(text("UPDATE failed_attempts SET at_ms = at_ms - 900000, expires_ms = expires_ms - 900000"))
    assert storage.get_moving_window("a", 1, 900)[1] == 0
    assert storage.acquire_entry("b", 1, 900)
    with reading(engine) as session:
        assert session.execute(text("SELECT COUNT(*) FROM failed_attempts")).scalar_one() == 1


@ONLY_POSTGRESQL
def test_a_pool_is_as_large_as_set_and_prepares_nothing_where_that_is_set(database_url: str) -> None:
    """PgBouncer gives each transaction another server process, which knows nothing that was prepared."""
    prepared: list[int] = []
    for prepares in (True, False):
        engine = create_database_engine(database_url, Pool(3, 4, 5, prepares))
        with engine.connect() as connection:
            for number in range(10):
                connection.execute(text("SELECT :number + 1"), {"number": number})
            prepared.append(connection.execute(text(
                "SELECT COUNT(*) FROM pg_prepared_statements WHERE statement LIKE '%+ 1'")).scalar_one())
        assert (engine.pool.size(), engine.pool._max_overflow, engine.pool._timeout) == (3, 4, 5)  # type: ignore[attr-defined]
        engine.dispose()
    assert prepared == [1, 0]


def test_the_settings_of_the_pool_are_read_and_listed() -> None:
    given = {"OPERATOR_QOS_POOL_SIZE": "7", "OPERATOR_QOS_POOL_OVERFLOW": "0", "OPERATOR_QOS_POOL_TIMEOUT_SECONDS": "9",
             "OPERATOR_QOS_PREPARED_STATEMENTS": "0"}
    settings = read_settings(given)
    assert settings.pool == Pool(7, 0, 9, False)
    listed = {row.variable: row.value for row in list_settings(settings)}
    assert (listed["OPERATOR_QOS_POOL_SIZE"], listed["OPERATOR_QOS_PAGE_TIMEOUT_SECONDS"]) == ("7", "60")


def test_the_way_past_a_pooler_is_listed_without_its_password() -> None:
    url = "postgresql+psycopg://qos:hidden-word@database:5432/qos"
    settings = read_settings({"OPERATOR_QOS_DIRECT_DATABASE_URL": url})
    assert (settings.direct_url, settings.url) == (url, "sqlite:///var/operator-qos.db")
    assert read_settings({"OPERATOR_QOS_DATABASE_URL": url}).direct_url == url
    assert "hidden-word" not in str(list_settings(settings))


@ONLY_POSTGRESQL
def test_a_query_of_a_page_ends_after_its_time(engine: Engine) -> None:
    session = _begin_reading(Site(Settings(page_timeout_seconds=1), engine, utc_now))
    with pytest.raises(OperationalError, match="statement timeout"):
        session.execute(text("SELECT pg_sleep(30)"))
    session.rollback()
    assert session.execute(text("SHOW statement_timeout")).scalar_one() == "0"  # of that transaction alone
    session.close()
    with reading(engine) as job:
        assert job.execute(text("SHOW statement_timeout")).scalar_one() == "0"
