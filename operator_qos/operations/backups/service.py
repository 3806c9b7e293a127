"""Making a backup, looking whether it is whole, and putting it back; proved equal by the hashes of its tables."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection, Engine

from operator_qos import migrate
from operator_qos.operations.backups import postgresql, sqlite
from operator_qos.operations.backups.hashing import has_rows, hash_tables, list_tables
from operator_qos.operations.backups.manifest import (
    FILES,
    BackupError,
    Manifest,
    Progress,
    TableHash,
    check_file,
    hash_file,
    list_deviations,
    read_manifest,
    write_manifest,
)


def make_backup(engine: Engine, folder: Path, *, now: datetime, progress: Progress) -> Manifest:
    """Write a backup into a new folder, whole or not at all; the database may be in use. Raises BackupError."""
    if folder.exists():
        raise BackupError(f"{folder} is there already; name a folder that is not")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        # Buyers' and sellers' data: nobody else reads it.
        unfinished.mkdir(parents=True, mode=0o700)
        manifest = _write(engine, unfinished, now=now, progress=progress)
        write_manifest(unfinished, manifest)
        unfinished.rename(folder)
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def _write(engine: Engine, folder: Path, *, now: datetime, progress: Progress) -> Manifest:
    kind = engine.dialect.name
    file = folder / FILES[kind]
    file.touch(mode=0o600)
    with _dumped(engine, file, progress) as connection:
        revision = migrate.read_revision(connection)
        if revision is None:
            raise BackupError("the database was never migrated and holds nothing; run: operator-qos migrate")
        server, tables = _read_server(connection), _hash(connection, progress)
    return Manifest(version("operator-qos"), revision, kind, server, now.isoformat(), file.stat().st_size,
                    hash_file(file), tables)


@contextmanager
def _dumped(engine: Engine, file: Path, progress: Progress) -> Iterator[Connection]:
    """A connection that sees exactly what was written into the file."""
    if engine.dialect.name == "sqlite":
        sqlite.dump(engine, file, progress)
        with sqlite.reading_copy(file) as connection:
            yield connection
    else:
        with postgresql.snapshot(engine) as connection:
            postgresql.dump(engine, connection, file, progress)
            yield connection


def _read_server(connection: Connection) -> str:
    return sqlite3.sqlite_version if connection.dialect.name == "sqlite" else postgresql.read_server_version(connection)


def _hash(connection: Connection, progress: Progress) -> tuple[TableHash, ...]:
    with progress("Hashing tables", len(list_tables(connection))) as tell:
        return hash_tables(connection, tell)


def check_backup(folder: Path, *, progress: Progress) -> Manifest:
    """Look whether a backup is whole without restoring it. Raises BackupError.

    The file is what was written and can be read to its end; SQLite's copy is hashed table by table as well.
    """
    manifest = read_manifest(folder)
    file = check_file(folder, manifest)
    if manifest.database == "sqlite":
        with sqlite.reading_copy(file) as connection:
            _refuse_deviations(manifest, _hash(connection, progress), str(file))
    else:
        postgresql.check_dump(file, postgresql.to_major(manifest.server_version))
    return manifest


def restore_backup(engine: Engine, folder: Path, *, replace: bool, progress: Progress) -> Manifest:
    """Put a backup in place of an empty database, or of any with `replace`. Raises BackupError."""
    manifest = read_manifest(folder)
    _refuse_other(engine, manifest)
    file = check_file(folder, manifest)
    if not replace and _is_filled(engine):
        where = engine.url.render_as_string(hide_password=True)
        raise BackupError(f"{where} holds data, and restoring deletes it; say --replace if that is wanted")
    (sqlite.restore if manifest.database == "sqlite" else postgresql.restore)(engine, file, progress)
    _refuse_deviations(manifest, hash_database(engine, progress=progress), "the restored database")
    return manifest


def hash_database(engine: Engine, *, progress: Progress) -> tuple[TableHash, ...]:
    """Count and hash every table of a database as it is at one moment."""
    if engine.dialect.name == "postgresql":
        with postgresql.snapshot(engine) as connection:
            return _hash(connection, progress)
    with engine.execution_options(read_only=True).connect() as connection:
        return _hash(connection, progress)


def _refuse_other(engine: Engine, manifest: Manifest) -> None:
    """Refuse what this installation cannot hold: another kind of database, an older server, a newer product."""
    kind = engine.dialect.name
    if manifest.database != kind:
        raise BackupError(f"the backup is of {manifest.database} and the database is {kind}; restore it into "
                          f"{manifest.database} by OPERATOR_QOS_DATABASE_URL")
    if manifest.revision not in migrate.list_revisions():
        raise BackupError(f"the backup is at revision {manifest.revision}, of version {manifest.version}; this version "
                          f"{version('operator-qos')} does not know it; install that one or a newer one")
    if kind == "postgresql":
        with engine.connect() as connection:
            server = postgresql.read_server_version(connection)
        if postgresql.to_major(server) < postgresql.to_major(manifest.server_version):
            raise BackupError(f"the backup is of PostgreSQL {manifest.server_version} and the server is {server}; "
                              "restore it into a server at least as new")


def _is_filled(engine: Engine) -> bool:
    with engine.execution_options(read_only=True).connect() as connection:
        return has_rows(connection)


def _refuse_deviations(manifest: Manifest, found: tuple[TableHash, ...], where: str) -> None:
    if deviating := list_deviations(manifest, found):
        raise BackupError(f"{where} is not what was backed up, the tables {', '.join(deviating[:10])} differ; take or "
                          "restore another backup")
