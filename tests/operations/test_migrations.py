"""Migrations bring an empty database where the models are, and back to nothing."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from operator_qos import health, migrate
from operator_qos.db import unit_of_work
from operator_qos.models import Base, Marketplace
from tests.databases import opened

SQLITE_SCHEMA = """
    SELECT type, tbl_name, name, sql FROM sqlite_master
    WHERE name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'
"""
POSTGRESQL_SCHEMA = """
    SELECT 'column', table_name, column_name,
           concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT 'function', '', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def split_parts(kind: str, said: str) -> list[str]:
    """SQLite keeps CREATE TABLE as it was written: columns may stand in another order, a renamed table in quotes."""
    if kind != "table":
        return [" ".join(said.split())]
    lines = [line.strip() for line in said.replace('"', "").splitlines()]
    return [line.removesuffix(",") for line in lines if line not in {"", ")"}]


def read_schema(engine: Engine) -> set[tuple[str, ...]]:
    """Every table, column, index and constraint as the database itself tells it."""
    query = SQLITE_SCHEMA if engine.dialect.name == "sqlite" else POSTGRESQL_SCHEMA
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    return {(kind, table, name, part) for kind, table, name, said in rows for part in split_parts(kind, said)}


def list_tables(engine: Engine) -> list[str]:
    return sorted(set(inspect(engine).get_table_names()) - {"alembic_version"})


def test_upgrading_an_empty_database_leaves_no_difference_to_the_models(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    assert migrate.list_differences(empty_engine) == []
    assert list_tables(empty_engine) == sorted(Base.metadata.tables)


def test_a_migrated_schema_is_the_created_one_to_the_last_index(empty_engine: Engine, engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    migrated, created = read_schema(empty_engine), read_schema(engine)
    assert migrated - created == set()
    assert created - migrated == set()
    assert len(created) > len(Base.metadata.tables)


def test_downgrading_leaves_nothing_and_upgrading_again_everything(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    first = read_schema(empty_engine)
    migrate.downgrade(empty_engine)
    assert list_tables(empty_engine) == []
    assert migrate.find_revision(empty_engine) is None
    migrate.upgrade(empty_engine)
    assert read_schema(empty_engine) == first


def test_a_difference_is_seen(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    with unit_of_work(empty_engine) as session:
        session.execute(text("DROP INDEX ix_outcomes_dossier_id"))
    assert "ix_outcomes_dossier_id" in str(migrate.list_differences(empty_engine))


def test_a_database_knows_whether_it_is_current(empty_engine: Engine) -> None:
    assert not migrate.is_current(empty_engine)
    migrate.upgrade(empty_engine)
    assert migrate.is_current(empty_engine)
    assert migrate.find_revision(empty_engine) == migrate.get_head()


def test_upgrading_twice_keeps_what_is_there(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    with unit_of_work(empty_engine) as session:
        session.add(Marketplace(id="hf", name="Halle", timezone="Europe/Paris", buyer_key="00" * 32))
    migrate.upgrade(empty_engine)
    with unit_of_work(empty_engine) as session:
        assert session.get(Marketplace, "hf") is not None


def test_four_processes_that_migrate_at_once_make_one_schema(empty_url: str) -> None:
    failures: list[BaseException] = []

    def bring_up() -> None:
        try:
            with opened(empty_url) as own:
                migrate.upgrade(own)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=bring_up) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with opened(empty_url) as own:
        assert migrate.is_current(own)


def test_a_database_of_a_newer_version_is_refused_with_what_to_do(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    with unit_of_work(empty_engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrate.MigrationError, match=r"revision 9999.*install that one"):
        migrate.upgrade(empty_engine)


def test_missing_migrations_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "find_migrations", lambda: None)
    with pytest.raises(migrate.MigrationError, match="install the package again"):
        migrate.get_head()


def test_a_draft_holds_what_the_database_lacks(
    empty_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    source = health.find_migrations()
    assert source is not None
    for name in ("env.py", "script.py.mako"):
        (folder / name).write_text((source / name).read_text())
    monkeypatch.setattr(migrate, "find_migrations", lambda: folder)
    migrate.draft_revision(empty_engine, "all of it", revision_id="x1")
    drafted = (folder / "versions" / "x1_all_of_it.py").read_text()
    assert "'order_facts'" in drafted
    assert "UtcDateTime" not in drafted
    assert list_tables(empty_engine) == []


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_migration_that_breaks_a_reference_is_taken_back(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine)
    orphan = text("INSERT INTO notice_reads (notice_id, user_id, read_at) VALUES (1, 1, '2026-01-01')")
    refused = pytest.raises(migrate.MigrationError, match="a row of notice_reads points at a missing row")
    with refused, migrate._migrating(empty_engine) as connection:
        connection.execute(orphan)
    with empty_engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM notice_reads")).scalar_one() == 0
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


def test_a_draft_of_the_next_revision_starts_from_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, head = health.find_migrations(), migrate.get_head()
    assert source is not None
    folder = tmp_path / "migrations"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate, "find_migrations", lambda: folder)
    before = set((folder / "versions").glob("*.py"))
    migrate.draft_next_revision("nothing new")
    (drafted,) = set((folder / "versions").glob("*.py")) - before
    text = drafted.read_text()
    assert f"down_revision = '{head}'" in text
    assert "op.create_table" not in text
    assert "op.create_index" not in text
