"""A backup is one moment of a database in use; what is restored is that moment to the last row, or nothing happens."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from operator_qos import migrate
from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.db import unit_of_work
from operator_qos.events.models import EventId
from operator_qos.operations.backups import postgresql
from operator_qos.operations.backups.manifest import (
    MANIFEST,
    BackupError,
    hash_file,
    read_manifest,
    write_manifest,
)
from operator_qos.operations.backups.service import hash_database, make_backup, restore_backup
from operator_qos.progress import show_progress
from operator_qos.settings import Settings
from tests.databases import opened, postgresql_database

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden"
Run = Callable[..., Result]


def quiet(what: str, total: int | None) -> object:
    return show_progress(what, total=total, quiet=True)


def run(engine: Engine, *words: str) -> Result:
    context = Context(Settings(), engine, lambda: NOW)
    return CliRunner().invoke(main, list(words), obj=context, catch_exceptions=False)


def document(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def fill(engine: Engine, folder: Path) -> None:
    """Migrate, and take in a golden history."""
    migrate.upgrade(engine)
    run(engine, "marketplace", "add", "fr", "--timezone", "Europe/Paris")
    events = json.loads((GOLDEN / "exclusion-decided-later.json").read_text())["events"]
    (folder / "e.jsonl").write_text("\n".join(json.dumps(event) for event in events))
    assert document(run(engine, "import", "events", str(folder / "e.jsonl"), "--json"))["quarantined"] == 0


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[ExitStack, dict[str, Engine]]]:
    """The filled database of each kind: made once, for no test here leaves anything in it."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def filled(database: str, shared: tuple[ExitStack, dict[str, Engine]], tmp_path_factory: pytest.TempPathFactory,
           request: pytest.FixtureRequest) -> Engine:
    """A migrated database with a golden history in it."""
    stack, made = shared
    if database not in made:
        folder = tmp_path_factory.mktemp("filled")
        url = f"sqlite:///{folder / 'filled.db'}"
        if database == "postgresql":
            url = stack.enter_context(postgresql_database(request.getfixturevalue("postgresql_cluster"), empty=True))
        made[database] = stack.enter_context(opened(url))
        fill(made[database], folder)
    return made[database]


@pytest.fixture
def other(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A second database of the same kind, without any table."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'other.db'}"
        if database == "postgresql":
            url = stack.enter_context(postgresql_database(request.getfixturevalue("postgresql_cluster"), empty=True))
        yield stack.enter_context(opened(url))


def test_what_is_restored_is_what_was_backed_up_and_data_is_replaced_only_when_that_is_said(
    filled: Engine, other: Engine, tmp_path: Path,
) -> None:
    before = hash_database(filled, progress=quiet)
    folder = tmp_path / "backups" / "monday"
    made = document(run(filled, "backup", str(folder), "--json"))
    assert (made["revision"], made["database"]) == (migrate.get_head(), filled.dialect.name)
    assert made["rows"] == sum(table.rows for table in before)
    assert {table.name: table.rows for table in before}["order_facts"] == 2
    assert folder.stat().st_mode & 0o077 == 0
    assert document(run(filled, "restore", str(folder), "--check", "--json"))["restored"] is False
    assert document(run(other, "restore", str(folder), "--json"))["migrate"] is False
    assert hash_database(other, progress=quiet) == before
    assert migrate.list_differences(other) == []
    # New rows get new numbers: the counters came along.
    with unit_of_work(other) as session:
        session.add(EventId(source="s", event_id="new", content_hash="h"))
        session.execute(text("CREATE TABLE left_behind (id INTEGER PRIMARY KEY)"))
    refused = run(other, "restore", str(folder), "--json")
    assert refused.exit_code == 1
    assert "--replace" in json.loads(refused.stdout)["error"]
    with unit_of_work(other) as session:
        assert session.execute(text("SELECT COUNT(*) FROM left_behind")).scalar_one() == 0
    assert run(other, "restore", str(folder), "--replace").exit_code == 0
    assert hash_database(other, progress=quiet) == before


def test_migrations_go_down_and_up_on_a_filled_database(filled: Engine, other: Engine, tmp_path: Path) -> None:
    """What the newer revisions hold is gone after the first time down; from then on each way leads to equal hashes."""
    make_backup(filled, tmp_path / "b", now=NOW, progress=quiet)
    restore_backup(other, tmp_path / "b", replace=False, progress=quiet)
    migrate.downgrade(other, "0022")
    low = hash_database(other, progress=quiet)
    migrate.upgrade(other)
    high = hash_database(other, progress=quiet)
    assert {table.name: table.rows for table in high}["order_facts"] == 2
    migrate.downgrade(other, "0022")
    assert hash_database(other, progress=quiet) == low
    migrate.upgrade(other)
    assert hash_database(other, progress=quiet) == high


def test_a_backup_taken_while_others_write_is_one_moment(filled: Engine, other: Engine, tmp_path: Path) -> None:
    """Two tables are always written together; in the backup they agree, and the writer never failed."""
    with unit_of_work(filled) as session:
        for name in ("left_page", "right_page"):
            session.execute(text(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, filling VARCHAR(2000))"))
    over, failures, written = threading.Event(), [], [0]

    def write() -> None:
        try:
            while not over.is_set():
                with unit_of_work(filled) as session:
                    for name in ("left_page", "right_page"):
                        session.execute(text(f"INSERT INTO {name} VALUES (:id, :filling)"),
                                        {"id": written[0], "filling": "x" * 2_000})
                written[0] += 1
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    while written[0] < 20 and not failures:
        pass
    try:
        made = make_backup(filled, tmp_path / "b", now=NOW, progress=quiet)
    finally:
        over.set()
        writer.join()
        with unit_of_work(filled) as session:
            session.execute(text("DROP TABLE left_page"))
            session.execute(text("DROP TABLE right_page"))
    assert failures == []
    rows = {table.name: table.rows for table in made.tables}
    assert 20 <= rows["left_page"] == rows["right_page"] < written[0] + 1
    restore_backup(other, tmp_path / "b", replace=False, progress=quiet)


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_no_backup_or_not_whole_is_refused(filled: Engine, other: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "b"
    made = make_backup(filled, folder, now=NOW, progress=quiet)

    def refuse(words: str) -> None:
        with pytest.raises(BackupError, match=words):
            restore_backup(other, folder, replace=True, progress=quiet)

    write_manifest(folder, replace(made, revision="9999", version="9.1"))
    refuse(r"revision 9999.*version 9\.1.*install that one")
    write_manifest(folder, replace(made, database="postgresql"))
    refuse("of postgresql and the database is sqlite")
    write_manifest(folder, replace(made, tables=made.tables[1:]))
    assert "tables" in run(other, "restore", str(folder), "--check").stderr
    for content, words in ((b"{}", "is no backup"), (b"[]", "is no backup"), (b"\x00", "is no backup"),
                           (b'{"product": "operator-qos", "form": 2}', "form 2"),
                           (b'{"product": "operator-qos", "form": 1, "tables": [{"a": 1}]}', "is damaged")):
        (folder / MANIFEST).write_bytes(content)
        refuse(words)
    write_manifest(folder, made)
    file = folder / "database.sqlite"
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"\x01")
    refuse("not what was written")
    file.unlink()
    refuse("is missing")
    with pytest.raises(BackupError, match="is there already"):
        make_backup(filled, folder, now=NOW, progress=quiet)
    assert not (tmp_path / "other.db").exists()


def test_a_database_never_migrated_leaves_no_backup_behind(empty_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="operator-qos migrate"):
        make_backup(empty_engine, tmp_path / "b", now=NOW, progress=quiet)
    assert [path.name for path in tmp_path.iterdir() if path.name != "empty.db" and "empty.db-" not in path.name] == []


@pytest.mark.parametrize("database", ["sqlite"])
def test_one_changed_cell_changes_the_hash_of_its_table_alone(filled: Engine, tmp_path: Path) -> None:
    before = {table.name: table.hash for table in hash_database(filled, progress=quiet)}
    with unit_of_work(filled) as session:
        session.execute(text("UPDATE events SET at_ms = at_ms + 1 WHERE seq = 2"))
    after = {table.name: table.hash for table in hash_database(filled, progress=quiet)}
    with unit_of_work(filled) as session:
        session.execute(text("UPDATE events SET at_ms = at_ms - 1 WHERE seq = 2"))
    assert {name for name in before if before[name] != after[name]} == {"events"}


ONLY_POSTGRESQL = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)


@ONLY_POSTGRESQL
def test_the_password_stands_on_no_command_line(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    password, seen, start = str(filled.url.password), [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, **given: seen.append(command) or start(command, **given))
    make_backup(filled, tmp_path / "b", now=NOW, progress=quiet)
    assert [Path(command[0]).name for command in seen if "--version" not in command] == ["pg_dump"]
    assert password
    assert all(password not in word for command in seen for word in command)


@ONLY_POSTGRESQL
def test_missing_or_old_programs_are_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    with pytest.raises(BackupError, match="PostgreSQL 99 needs it: install"):
        postgresql.find_program("pg_dump", 99)
    with pytest.raises(BackupError, match=r"pg_nothing is not here.*postgresql-client"):
        postgresql.find_program("pg_nothing", 15)


@ONLY_POSTGRESQL
def test_a_restore_that_breaks_off_changes_nothing(filled: Engine, other: Engine, tmp_path: Path) -> None:
    """The file is cut and the manifest says so: what was there is there."""
    folder = tmp_path / "b"
    made = make_backup(filled, folder, now=NOW, progress=quiet)
    with unit_of_work(other) as session:
        session.execute(text("CREATE TABLE kept (id INTEGER PRIMARY KEY)"))
        session.execute(text("INSERT INTO kept VALUES (7)"))
    kept = hash_database(other, progress=quiet)
    assert [(table.name, table.rows) for table in kept] == [("kept", 1)]
    file = folder / "database.dump"
    os.truncate(file, made.size_bytes - 2_000)
    write_manifest(folder, replace(made, size_bytes=made.size_bytes - 2_000, sha256=hash_file(file)))
    with pytest.raises(BackupError, match="pg_restore failed"):
        restore_backup(other, folder, replace=True, progress=quiet)
    assert hash_database(other, progress=quiet) == kept
    write_manifest(folder, replace(made, server_version="99.1"))
    with pytest.raises(BackupError, match=r"PostgreSQL 99\.1 and the server is"):
        restore_backup(other, folder, replace=True, progress=quiet)


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_copy_is_one_file_that_other_programs_open(filled: Engine, tmp_path: Path) -> None:
    make_backup(filled, tmp_path / "b", now=NOW, progress=quiet)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["database.sqlite", MANIFEST]
    with sqlite3.connect(tmp_path / "b" / "database.sqlite") as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT COUNT(*) FROM shops").fetchone() == (1,)
    assert read_manifest(tmp_path / "b").made_at == "2026-04-20T12:00:00+00:00"
