"""Backup and restore, and every migration down and up again, on the demo's database."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from operator_qos import migrate
from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.operations.backups.service import check_backup, hash_database, make_backup, restore_backup
from operator_qos.settings import Settings
from tests.operations.test_backups import other, quiet

__all__ = ["other"]
pytestmark = pytest.mark.slow
NOW = datetime(2026, 6, 18, 9, tzinfo=UTC)
Hashes = dict[str, tuple[int, str]]


def hash_tables(engine: Engine) -> Hashes:
    return {table.name: (table.rows, table.hash) for table in hash_database(engine, progress=quiet)
            if table.name != "alembic_version"}


REVISIONS = sorted(migrate.list_revisions())


def go_down(engine: Engine) -> dict[str, Hashes]:
    """Take one migration after the other back to the first, each down, up and down again; hashes at each revision."""
    found: dict[str, Hashes] = {}
    for newer, revision in pairwise(reversed(REVISIONS)):
        migrate.downgrade(engine, revision)
        found[revision] = hash_tables(engine)
        migrate.upgrade(engine, newer)
        migrate.downgrade(engine, revision)
        assert hash_tables(engine) == found[revision]
    return found


def go_up(engine: Engine) -> dict[str, Hashes]:
    """One migration after the other; the hashes at each revision."""
    found: dict[str, Hashes] = {}
    for revision in REVISIONS:
        migrate.upgrade(engine, revision)
        found[revision] = hash_tables(engine)
    return found


def test_a_filled_database_comes_back_from_a_backup_and_through_every_migration(
    empty_engine: Engine, other: Engine, tmp_path: Path,
) -> None:
    migrate.upgrade(empty_engine)
    context = Context(Settings(data_dir=tmp_path), empty_engine, lambda: NOW)
    loaded = CliRunner().invoke(main, ["demo", "--no-serve", "--scale", "0.02", "--json"], obj=context)
    assert loaded.exit_code == 0, loaded.output
    made = make_backup(empty_engine, tmp_path / "b", now=NOW, progress=quiet)
    assert check_backup(tmp_path / "b", progress=quiet) == made
    restore_backup(other, tmp_path / "b", replace=False, progress=quiet)
    before = hash_tables(other)
    assert before == hash_tables(empty_engine)
    assert sum(rows > 0 for rows, _ in before.values()) >= 30
    oldest = go_down(other)["0001"]
    assert sum(rows > 0 for rows, _ in oldest.values()) >= 20
    up = go_up(other)
    assert up["0001"] == oldest
    # What only newer revisions hold is gone by now; everything else goes up and down and stays as it is.
    down = go_down(other)
    assert {revision for revision in down if down[revision] != up[revision]} == set()
    migrate.upgrade(other)
    assert hash_tables(other) == up[REVISIONS[-1]]
    assert migrate.list_differences(other) == []
    restore_backup(other, tmp_path / "b", replace=True, progress=quiet)
    assert hash_tables(other) == before
