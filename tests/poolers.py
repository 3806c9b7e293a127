"""PgBouncer in front of the test run's PostgreSQL: each transaction may meet another session."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from tests.databases import Cluster, find_free_port, find_user, is_ready, start_program

HOW_TO_GET_PGBOUNCER = "PgBouncer is not on this machine: install it (Debian: apt-get install pgbouncer)"
# Few sessions, taken in turn: hardly two transactions of a client meet the same one.
CONFIG = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 5
server_round_robin = 1
max_client_conn = 100
"""


def find_pgbouncer() -> str | None:
    """The program; Debian puts it where only root looks."""
    return shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


def through(pooler: Cluster, url: str) -> str:
    """The URL of the same database by way of the pooler."""
    return make_url(url).set(port=pooler.port).render_as_string(hide_password=False)


def _write_config(folder: Path, cluster: Cluster, port: int) -> Path:
    config, users = folder / "pgbouncer.ini", folder / "users"
    config.write_text(CONFIG.format(server_port=cluster.port, port=port, folder=folder))
    users.write_text(f'"postgres" "{cluster.password}"\n')
    if user := find_user():
        for path in (folder, config, users):
            shutil.chown(path, user.pw_uid, user.pw_gid)
    return config


def _await_pooler(process: subprocess.Popen[bytes], pooler: Cluster, log: Path) -> None:
    for _attempt in range(400):
        if is_ready(pooler):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"PgBouncer does not start: {log.read_text()[-2000:]}")


@contextmanager
def running_pooler(program: str, cluster: Cluster) -> Iterator[Cluster]:
    """PgBouncer between transactions, in front of every database of a cluster; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="qos-pool-"))
    pooler, log = Cluster(find_free_port(), cluster.password), folder / "log"
    process = start_program([program, str(_write_config(folder, cluster, pooler.port))], folder, log)
    try:
        _await_pooler(process, pooler, log)
        yield pooler
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
