"""Whether the service can do its work: database, schema and scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from operator_qos.db import UtcDateTime

LEASES = "job_leases"


@dataclass(frozen=True)
class Health:
    """`schema`: current, behind, unknown; `scheduler_seconds` since its lease ended, negative while held."""

    database: bool
    schema: str
    scheduler_seconds: float | None

    @property
    def is_well(self) -> bool:
        """Whether requests can be answered. A scheduler that stands still is told, but pages go on."""
        return self.database and self.schema == "current"


def find_migrations() -> Path | None:
    """The folder of migrations: beside the packages in a checkout, inside the package when installed."""
    package = Path(__file__).parent
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    return None


@lru_cache(maxsize=1)
def _expected_revisions() -> frozenset[str]:
    from alembic.script import ScriptDirectory

    folder = find_migrations()
    return frozenset(ScriptDirectory(str(folder)).get_heads()) if folder is not None else frozenset()


def _schema_state(connection: Connection) -> str:
    from alembic.runtime.migration import MigrationContext

    expected = _expected_revisions()
    if not expected:
        return "unknown"
    found = frozenset(MigrationContext.configure(connection).get_current_heads())
    return "current" if found == expected else "behind"


def _scheduler_seconds(connection: Connection, now: datetime) -> float | None:
    if not inspect(connection).has_table(LEASES):
        return None
    query = text(f"SELECT MAX(expires_at) AS expires_at FROM {LEASES}")  # noqa: S608  # a constant
    until = connection.execute(query.columns(expires_at=UtcDateTime)).scalar_one()
    return None if until is None else round((now - until).total_seconds(), 1)


def check_health(engine: Engine, *, now: datetime) -> Health:
    """Ask the database; never raises for one that does not answer."""
    try:
        with engine.execution_options(read_only=True).connect() as connection:
            connection.execute(text("SELECT 1"))
            return Health(True, _schema_state(connection), _scheduler_seconds(connection, now))
    except (SQLAlchemyError, OSError):
        return Health(False, "unknown", None)
