"""Copies of a PostgreSQL database by its own programs, of one snapshot with the hashes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo
from sqlalchemy import Connection, Engine, text

from operator_qos.db import find_pooler
from operator_qos.operations.backups.hashing import list_tables
from operator_qos.operations.backups.manifest import PIECE_BYTES, BackupError, Progress

INSTALL = "install PostgreSQL's client programs of version {} or newer (Debian: apt-get install postgresql-client)"
LOCK_WAIT_MS = 30_000
LOOK_SECONDS = 0.1
STOP = "; stop operator-qos serve and operator-qos scheduler, then try again"
HEAD_BYTES = 4_096
FUNCTIONS = text(
    "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = current_schema() AND p.prokind = 'f' AND NOT EXISTS "
    "(SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')")


@dataclass(frozen=True)
class Running:
    """A program at work, and the file that takes what it complains of."""

    name: str
    process: subprocess.Popen[bytes]
    complaints: IO[bytes]


def read_server_version(connection: Connection) -> str:
    """The server's version, like 15.6."""
    return str(connection.execute(text("SHOW server_version")).scalar_one()).split()[0]


def to_major(version: str) -> int:
    """15 of 15.6; 0 for what is no version."""
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def find_program(name: str, major: int) -> str:
    """A client program at least as new as a version. Raises BackupError with what to install."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: to_major(path.parent.name))
    found = [path for path in (shutil.which(name), *(str(folder / name) for folder in folders)) if path]
    versions = {path: _read_program_version(path) for path in found if Path(path).is_file()}
    fitting = [(to_major(version), path) for path, version in versions.items() if to_major(version) >= major]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    has = f"only {name} {', '.join(sorted(set(versions.values())))} is here" if versions else f"{name} is not here"
    raise BackupError(f"{has}, PostgreSQL {major} needs it: {INSTALL.format(major)}")


def _read_program_version(path: str) -> str:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603  # a program we found
    return said.split()[2] if len(said.split()) > 2 else ""


def _list_access(engine: Engine) -> tuple[str, Mapping[str, str]]:
    """How a program reaches the database, and its environment: a command line is read by everybody on a machine."""
    _, given = engine.dialect.create_connect_args(engine.url)
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    password = given.pop("password", None)
    environment = {**os.environ, "PGOPTIONS": f"-c lock_timeout={LOCK_WAIT_MS} -c statement_timeout=0",
                   "PGAPPNAME": "operator-qos backup"}
    if password:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo("", **{name: value for name, value in given.items() if name in known}), environment


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees the database as it is now, whoever writes meanwhile."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection


def _refuse_pooler(connection: Connection) -> None:
    if refused := find_pooler(connection):
        raise BackupError(refused)


def dump(engine: Engine, connection: Connection, target: Path, progress: Progress) -> None:
    """Write the snapshot of a connection into a file of pg_dump. Raises BackupError."""
    _refuse_pooler(connection)
    program = find_program("pg_dump", to_major(read_server_version(connection)))
    name = str(connection.execute(text("SELECT pg_export_snapshot()")).scalar_one())
    where, environment = _list_access(engine)
    command = [program, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={name}", f"--file={target}",
               f"--dbname={where}"]
    with progress("Writing bytes", None) as tell:
        _run(command, environment, lambda: tell(target.stat().st_size if target.exists() else 0))


def check_dump(path: Path, major: int) -> None:
    """Read a dump to its end without restoring it. Raises BackupError."""
    _run([find_program("pg_restore", major), "--file=/dev/null", str(path)], os.environ)


def restore(engine: Engine, source: Path, progress: Progress) -> None:
    """Put the dump in place of every table there is, in one transaction. Raises BackupError; then nothing changed."""
    with engine.connect() as connection:
        _refuse_pooler(connection)
        major = to_major(read_server_version(connection))
        clearing = _list_clearing(connection)
    where, environment = _list_access(engine)
    read = [find_program("pg_restore", major), "--no-owner", "--no-privileges", "--file=-", str(source)]
    write = [find_program("psql", major), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null",
             "--file=-", f"--dbname={where}"]
    engine.dispose()
    with progress("Restoring bytes", None) as tell:
        _pass_on(_start(read, environment), _start(write, environment, stdin=subprocess.PIPE), clearing, tell)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))  # a dump holds no statistics; without them every plan is a guess


def _list_clearing(connection: Connection) -> list[str]:
    quoted = connection.dialect.identifier_preparer.quote
    tables = [quoted(name) for name in list_tables(connection)]
    clearing = [f"DROP TABLE {', '.join(tables)} CASCADE"] if tables else []
    return ["BEGIN", "SET LOCAL client_min_messages = warning", *clearing,
            *(f"DROP FUNCTION {function} CASCADE" for function in connection.scalars(FUNCTIONS))]


def _start(command: list[str], environment: Mapping[str, str], *, stdin: int = subprocess.DEVNULL) -> Running:
    # What it complains of goes into a file: a full pipe would stop it.
    complaints = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the program
    output = subprocess.PIPE if "--file=-" in command and stdin == subprocess.DEVNULL else subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603  # a program we found, no shell
        command, stdin=stdin, stdout=output, stderr=complaints, env=dict(environment))
    return Running(Path(command[0]).name, process, complaints)


def _run(command: list[str], environment: Mapping[str, str], look: Callable[[], None] = lambda: None) -> None:
    """Run a program to its end. Raises BackupError."""
    with _ending(_start(command, environment)) as running:
        while running.process.poll() is None:
            look()
            time.sleep(LOOK_SECONDS)
    _refuse_failure(running)


@contextmanager
def _ending(*started: Running) -> Iterator[Running]:
    """The first of some programs; none of them outlives the block, whatever happens."""
    try:
        yield started[0]
    finally:
        for running in started:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait()


def _pass_on(reader: Running, writer: Running, clearing: list[str], tell: Callable[[int], None]) -> None:
    """Feed what one program writes to another, and the word to keep it only once the first ended well."""
    source, target = reader.process.stdout, writer.process.stdin
    assert source is not None and target is not None  # noqa: S101  # both are pipes
    with _ending(writer, reader):
        try:
            target.write("".join(f"{statement};\n" for statement in clearing).encode())
            # Programs of version 17 set what older servers do not know, before anything else.
            target.write(source.read(HEAD_BYTES).replace(b"SET transaction_timeout = 0;\n", b""))
            done = 0
            while piece := source.read(PIECE_BYTES):
                target.write(piece)
                tell(done := done + len(piece))
            if reader.process.wait() == 0:
                target.write(b"\nCOMMIT;\n")
                target.close()
                writer.process.wait()
        except BrokenPipeError:
            writer.process.wait()  # it ended first and says why
    _refuse_failure(*((writer, reader) if reader.process.returncode == 0 or writer.process.returncode > 0
                      else (reader, writer)))


def _refuse_failure(*ended: Running) -> None:
    for running in ended:
        if running.process.returncode != 0:
            running.complaints.seek(0)
            said = running.complaints.read().decode("utf-8", "replace").strip()[-600:]
            hint = STOP if "lock timeout" in said else ""
            raise BackupError(f"{running.name} failed: {said or running.process.returncode}{hint}")
