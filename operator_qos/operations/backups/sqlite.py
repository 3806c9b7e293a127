"""Copies of a SQLite database while it is written, by its own backup interface."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from operator_qos.operations.backups.manifest import BackupError, Progress

PAGES = 4_096
BUSY = (5, 6)  # SQLITE_BUSY, SQLITE_LOCKED
PATIENCE_SECONDS = 60


def find_path(engine: Engine) -> Path:
    """The file of a SQLite database. Raises BackupError for one in memory."""
    name = engine.url.database
    if not name or name == ":memory:":
        raise BackupError("the database lives in memory and has no file; set OPERATOR_QOS_DATABASE_URL")
    return Path(name)


def dump(engine: Engine, target: Path, progress: Progress) -> None:
    """Copy the database as it is at this moment; who writes meanwhile is not kept waiting."""
    with closing(sqlite3.connect(find_path(engine), isolation_level=None)) as source:
        # With a snapshot of our own the copy does not begin anew whenever somebody writes.
        source.execute("BEGIN")
        source.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
        with closing(sqlite3.connect(target)) as copy:
            _copy(source, copy, progress, "Copying pages")
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it


def restore(engine: Engine, source: Path, progress: Progress) -> None:
    """Put the backup's content in place of the database's in one transaction. Raises BackupError when it stays busy."""
    path = find_path(engine)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine.dispose()
    with closing(sqlite3.connect(source)) as backup, closing(sqlite3.connect(path, isolation_level=None)) as target:
        target.execute("PRAGMA journal_mode=WAL")
        target.execute("PRAGMA synchronous=FULL")
        _copy(backup, target, progress, "Restoring pages")


@contextmanager
def reading_copy(path: Path) -> Iterator[Connection]:
    """A connection to a copy that cannot change it. Raises BackupError for what is no SQLite database."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise BackupError(f"{path} cannot be read as a SQLite database: {error.orig}; take another backup") from error


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, progress: Progress, what: str) -> None:
    (total,) = source.execute("PRAGMA page_count").fetchone()
    with progress(what, total) as tell:
        try:
            source.backup(target, pages=PAGES, progress=_follow(tell), sleep=0.1)
        except sqlite3.Error as error:
            raise BackupError(f"SQLite could not copy the database: {error}") from error


def _follow(tell: Callable[[int], None]) -> Callable[[int, int, int], None]:
    """Tells how far a copy is and ends one that has waited too long: by itself it would wait for ever."""
    moved_at = [time.monotonic()]

    def follow(status: int, remaining: int, total: int) -> None:
        if status not in BUSY:
            moved_at[0] = time.monotonic()
        elif time.monotonic() - moved_at[0] > PATIENCE_SECONDS:
            raise BackupError(f"the database was busy for {PATIENCE_SECONDS} seconds; stop operator-qos serve and "
                              "operator-qos scheduler, then try again")
        tell(total - remaining)

    return follow
