"""Bring a database's schema up or down. Each call is one transaction: all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from operator_qos.db import create_database_engine
from operator_qos.health import find_migrations
from operator_qos.models import Base

# Any fixed number will do: processes that migrate one PostgreSQL database at once queue up behind it.
_LOCK = 7_150_001


class MigrationError(RuntimeError):
    """The schema cannot be brought where it should be; the text says why and what to do."""


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
def _migrating(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        if connection.dialect.name != "sqlite":
            with connection.begin():
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
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


def _run(engine: Engine, step: Callable[[Config, str], None], revision: str) -> None:
    with _migrating(engine) as connection:
        step(_build_config(connection), revision)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to a revision. Commits; safe from several processes. Raises MigrationError."""
    found = find_revision(engine)
    known = {script.revision for script in ScriptDirectory.from_config(_build_config()).walk_revisions()}
    if found is not None and found not in known:
        raise MigrationError(
            f"the database is at revision {found}, which this version does not know: "
            "it was migrated by a newer version; install that one"
        )
    _run(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take the schema back to a revision; what only newer revisions hold is lost. Commits."""
    _run(engine, command.downgrade, revision)


def find_revision(engine: Engine) -> str | None:
    """The revision a database is at; None before the first upgrade."""
    with engine.execution_options(read_only=True).connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


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
