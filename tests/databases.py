"""Throwaway databases: a SQLite file, or a PostgreSQL cluster of our own that lives as long as the test run.

Every test gets a database of its own, copied from a template that holds all tables, so that none sees the
rows of another. `wipe(engine)` empties one between the examples of a property.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, Connection, Dialect, Engine, event
from sqlalchemy.util import LRUCache

import operator_qos.models  # noqa: F401  # registers every table
from operator_qos.db import Base, create_database_engine

HOW_TO_GET_POSTGRESQL = (
    "PostgreSQL is not on this machine: install it (Debian: apt-get install postgresql) "
    "or put the folder of its initdb on PATH"
)
START_SECONDS = 60
TEMPLATE = "qos_template"
MEMORY = Path("/dev/shm")  # noqa: S108  # in it only folders that mkdtemp made
ROOM_BYTES = 4 * 1024**3
_COMPILED: dict[str, tuple[Dialect, LRUCache[Any, Any]]] = {}
# Nothing here outlives the run, so nothing has to reach the disk.
SERVER_OPTIONS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "max_connections=100",
    "shared_buffers=64MB",
    "autovacuum=off",
    "timezone=UTC",
    "lc_messages=C",
)


@dataclass(frozen=True)
class Cluster:
    """A running PostgreSQL server."""

    port: int
    password: str

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        made = URL.create("postgresql+psycopg", "postgres", self.password, "127.0.0.1", self.port, database)
        return made.render_as_string(hide_password=False)

    def execute(self, statement: str, name: str) -> None:
        """Run a statement about a whole database, whose name stands for {}."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's programs: the one on PATH, else the newest that Debian installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = [initdb.parent for initdb in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(installed, key=lambda folder: float(folder.parent.name), default=None)


def find_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: PostgreSQL refuses root; None: the one who runs the tests."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def start_program(command: list[str], folder: Path, output: Path) -> subprocess.Popen[bytes]:
    """Start one of PostgreSQL's programs as a user it accepts, its output in a file, never in our pipes."""
    user = find_user()
    with output.open("ab") as stream:
        return subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )


def _create_cluster(programs: Path, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password)
    user = find_user()
    if user:
        for path in (folder, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
    log = folder.with_suffix(".initdb.log")
    command = [
        str(programs / "initdb"),
        "-D",
        str(folder / "data"),
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        f"--pwfile={secret}",
        "-E",
        "UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]
    if start_program(command, folder, log).wait(START_SECONDS) != 0:
        raise RuntimeError(f"initdb failed: {log.read_text()}")
    log.unlink()


def find_free_port() -> int:
    """A port of this machine nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_ready(cluster: Cluster) -> bool:
    """Whether it takes a connection."""
    try:
        psycopg.connect(
            host="127.0.0.1",
            port=cluster.port,
            user="postgres",
            password=cluster.password,
            dbname="postgres",
            connect_timeout=2,
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _await_server(server: subprocess.Popen[bytes], cluster: Cluster) -> bool:
    """Whether it answers; False when it ended instead, as it does when somebody took the port first."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if is_ready(cluster):
            return True
        time.sleep(0.05)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGQUIT)  # at once: nobody needs what it holds
    server.wait(START_SECONDS)


@contextmanager
def _serving(programs: Path, folder: Path, password: str) -> Iterator[Cluster]:
    log = folder.with_suffix(".server.log")
    options = [part for option in SERVER_OPTIONS for part in ("-c", option)]
    for _attempt in range(5):
        cluster = Cluster(find_free_port(), password)
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
        server = start_program([*command, "-p", str(cluster.port), *options], folder, log)
        try:
            if _await_server(server, cluster):
                yield cluster
                return
        finally:
            _stop(server)
    raise RuntimeError(f"PostgreSQL does not start: {log.read_text()[-2000:]}")


@contextmanager
def restartable_cluster(programs: Path) -> Iterator[tuple[Cluster, Callable[[], None]]]:
    """A cluster that keeps what it commits, and what crashes it and starts it again at the same port."""
    folder = Path(tempfile.mkdtemp(prefix="qos-pg-"))
    password, log = secrets.token_hex(16), folder.with_suffix(".server.log")
    cluster, servers = Cluster(find_free_port(), password), list[subprocess.Popen[bytes]]()
    options = [part for option in SERVER_OPTIONS if "=off" not in option for part in ("-c", option)]
    command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), "-p", str(cluster.port)]

    def start() -> None:
        if servers:
            _stop(servers[-1])
        servers.append(start_program([*command, *options], folder, log))
        if not _await_server(servers[-1], cluster):
            raise RuntimeError(f"PostgreSQL does not start: {log.read_text()[-2000:]}")

    try:
        _create_cluster(programs, folder, password)
        start()
        yield cluster, start
    finally:
        for server in servers:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)
        log.unlink(missing_ok=True)


def _find_place() -> Path | None:
    """Memory, where it is a file system with room; else the usual folder of temporary files."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM_BYTES else None


@contextmanager
def running_cluster(programs: Path) -> Iterator[Cluster]:
    """A cluster in a folder of its own, with the template of all tables; both are gone afterwards."""
    # Short on purpose: a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="qos-pg-", dir=_find_place()))
    password = secrets.token_hex(16)
    try:
        _create_cluster(programs, folder, password)
        with _serving(programs, folder, password) as cluster:
            cluster.execute("CREATE DATABASE {}", TEMPLATE)
            fill(cluster.url(TEMPLATE))
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".server.log").unlink(missing_ok=True)


def fill(url: str) -> None:
    """Create every table."""
    engine = create_database_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()


@contextmanager
def postgresql_database(cluster: Cluster, *, empty: bool = False) -> Iterator[str]:
    """The URL of a new database with all tables, or with none."""
    name = f"qos_{secrets.token_hex(6)}"
    # Files are copied as they are: written block by block through the log it takes four times as long.
    template = "" if empty else f" TEMPLATE {TEMPLATE} STRATEGY FILE_COPY"
    cluster.execute(f"CREATE DATABASE {{}}{template}", name)
    try:
        yield cluster.url(name)
    finally:
        cluster.execute("DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    """An engine on a database, closed afterwards; nothing waits for the disk, and no statement is compiled twice."""
    engine = create_database_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _forgo_the_disk)
    _share_compiled(engine)
    try:
        yield engine
    finally:
        engine.dispose()


def _forgo_the_disk(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _share_compiled(engine: Engine) -> None:
    """Let all engines of a kind share what was compiled for the first one: each keeps its own otherwise."""
    if engine.dialect.name not in _COMPILED:
        with engine.connect():  # a dialect knows its server from the first connection on
            _COMPILED[engine.dialect.name] = (engine.dialect, LRUCache(10_000))
    engine.dialect, engine._compiled_cache = _COMPILED[engine.dialect.name]


def wipe(engine: Engine) -> None:
    """Delete every row, what the database keeps included, for the next example of a property on the same database."""
    with engine.begin() as connection:
        kept = _lift_triggers(connection)
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
        for trigger in kept:
            connection.exec_driver_sql(trigger)


def _lift_triggers(connection: Connection) -> list[str]:
    """Take off what keeps rows from being deleted; answers what puts it back."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        return []
    found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    return [said for _, said in found]
