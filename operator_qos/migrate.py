"""Bring a database's schema up or down while it is in use.

On SQLite each call is one transaction: all of it or nothing. On PostgreSQL each migration is one, and none waits for a
lock longer than a few seconds: who waits for a table makes all who come later wait behind. A migration that gets no
lock is taken back and tried again; what was done before stays, and the next call goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from operator_qos.db import create_database_engine, find_pooler
from operator_qos.health import find_migrations
from operator_qos.models import Base

# Any fixed number will do: processes that migrate one PostgreSQL database at once queue up behind it.
_LOCK = 7_150_001
_HOLDERS = text(
    "SELECT pid, COALESCE(NULLIF(application_name, ''), 'unnamed') AS program, state, "
    "EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::int AS seconds FROM pg_stat_activity "
    "WHERE datname = current_database() AND xact_start < clock_timestamp() - interval '1 second' "
    "AND pid <> pg_backend_pid() AND application_name <> :own ORDER BY xact_start LIMIT 3")
_OWN_NAME = "operator-qos migrate"
_TURN_SECONDS = 0.2


class MigrationError(RuntimeError):
    """The schema cannot be brought where it should be; the text says why and what to do."""


def _say_nothing(_said: str) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True)
class Patience:
    """How long a migration waits for a lock [s], how often it is tried, and what is done between two tries."""

    lock_seconds: int = 5
    attempts: int = 10
    pause: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = _say_nothing


USUAL = Patience()


def _build_config(connection: Connection | None = None) -> Config:
    folder = find_migrations()
    if folder is None:
        raise MigrationError("the migrations are missing: install the package again or run from a checkout")
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _set_foreign_keys(connection: Connection, state: str) -> None:
    # SQLite ignores this inside a transaction, hence past SQLAlchemy, which would begin one.
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA foreign_keys={state}")
    cursor.close()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise MigrationError(
            f"after the migration a row of {broken[0]} points at a missing row of {broken[2]}: "
            "nothing was changed; restore the missing rows first"
        )


@contextmanager
def _taking_turns(engine: Engine) -> Iterator[Connection]:
    """A connection for migrations, while one of our own keeps others from migrating.

    Neither who has the turn nor who waits for it is in a transaction: an index built beside writers waits for every
    transaction there is, so it would wait for them, and they for it.
    """
    with engine.connect() as turn, engine.connect() as connection:
        turn.execution_options(isolation_level="AUTOCOMMIT")
        if refused := find_pooler(turn):
            raise MigrationError(refused)
        try:
            for statement in ("idle_session_timeout = 0", f"application_name = '{_OWN_NAME}'"):
                turn.execute(text(f"SET {statement}"))
            while not turn.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
                time.sleep(_TURN_SECONDS)
            yield connection
        finally:
            turn.invalidate()  # with its session the lock ends, and nobody gets its settings


@contextmanager
def _bounding(connection: Connection, lock_seconds: int) -> Iterator[None]:
    """Let no transaction of a connection wait longer for a lock; its own work may take its time."""

    def bound(begun: Connection) -> None:
        for statement in (f"lock_timeout = {lock_seconds * 1000}", "statement_timeout = 0",
                          "idle_in_transaction_session_timeout = 0"):
            begun.exec_driver_sql(f"SET LOCAL {statement}")

    event.listen(connection, "begin", bound)
    try:
        yield
    finally:
        event.remove(connection, "begin", bound)


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that is all or nothing."""
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            with connection.begin():
                yield connection
            return
        # A table that is rebuilt would take the rows that point at it along.
        _set_foreign_keys(connection, "OFF")
        try:
            with connection.begin():
                yield connection
                _check_foreign_keys(connection)
        finally:
            _set_foreign_keys(connection, "ON")


def _run(engine: Engine, step: Callable[[Config, str], None], revision: str, patience: Patience) -> None:
    if engine.dialect.name == "sqlite":
        with _migrating(engine) as connection:
            step(_build_config(connection), revision)
        return
    with _taking_turns(engine) as connection, _bounding(connection, patience.lock_seconds):
        for attempt in range(1, patience.attempts + 1):
            try:
                step(_build_config(connection), revision)
                connection.rollback()
                return
            except OperationalError as error:
                connection.rollback()
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                _wait_or_give_up(connection, patience, attempt)


def _wait_or_give_up(connection: Connection, patience: Patience, attempt: int) -> None:
    holders = "; ".join(f"process {row.pid} ({row.program}, {row.state}) since {row.seconds} s"
                        for row in connection.execute(_HOLDERS, {"own": _OWN_NAME})) or "nobody any more"
    at = read_revision(connection)
    connection.rollback()
    said = f"a table was in use for {patience.lock_seconds} s after revision {at}; transactions held open by: {holders}"
    if attempt == patience.attempts:
        raise MigrationError(f"{said}. Tried {attempt} times; the database works on as it is. Let that work end, or "
                             "end it with SELECT pg_terminate_backend(pid), then run again: operator-qos migrate")
    seconds = min(2 ** (attempt - 1), 30)
    patience.tell(f"{said}. Everybody else goes first; try {attempt + 1} of {patience.attempts} in {seconds} s")
    patience.pause(seconds)


def upgrade(engine: Engine, revision: str = "head", *, patience: Patience = USUAL) -> None:
    """Bring the schema up to a revision. Commits; safe from several processes. Raises MigrationError."""
    found = find_revision(engine)
    if found is not None and found not in list_revisions():
        raise MigrationError(
            f"the database is at revision {found}, which this version does not know: "
            "it was migrated by a newer version; install that one"
        )
    _run(engine, command.upgrade, revision, patience)


def downgrade(engine: Engine, revision: str = "base", *, patience: Patience = USUAL) -> None:
    """Take the schema back to a revision; what only newer revisions hold is lost. Commits. Raises MigrationError."""
    _run(engine, command.downgrade, revision, patience)


def find_revision(engine: Engine) -> str | None:
    """The revision a database is at; None before the first upgrade."""
    with engine.execution_options(read_only=True).connect() as connection:
        return read_revision(connection)


def read_revision(connection: Connection) -> str | None:
    """The revision that a connection sees; None before the first upgrade."""
    return MigrationContext.configure(connection).get_current_revision()


def list_revisions() -> frozenset[str]:
    """Every revision that this version knows. Raises MigrationError when there is none."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_build_config()).walk_revisions())


def get_head() -> str:
    """The newest revision this version brings. Raises MigrationError when there is none."""
    head = ScriptDirectory.from_config(_build_config()).get_current_head()
    if head is None:
        raise MigrationError("the migrations are missing: install the package again or run from a checkout")
    return head


def is_current(engine: Engine) -> bool:
    """Whether the schema is the one this version works with."""
    return find_revision(engine) == get_head()


def list_differences(engine: Engine) -> list[object]:
    """What a migrated database lacks of the models, or has beyond them; empty when they agree."""
    with engine.execution_options(read_only=True).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def draft_revision(engine: Engine, message: str, *, revision_id: str | None = None) -> None:
    """Write a migration for what the models have and the database lacks, to be read and tidied by hand."""
    with _migrating(engine) as connection:
        command.revision(_build_config(connection), message, autogenerate=True, rev_id=revision_id)


def draft_next_revision(message: str) -> None:
    """Write a migration from what the last one left to what the models say now. Touches no database."""
    with TemporaryDirectory() as folder:
        engine = create_database_engine(f"sqlite:///{folder}/draft.db")
        upgrade(engine)
        draft_revision(engine, message)
        engine.dispose()
