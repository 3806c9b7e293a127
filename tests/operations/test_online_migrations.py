"""A migration waits for nobody longer than it may, and nobody waits for it; one process at a time migrates."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Engine, text

from operator_qos import migrate, online
from operator_qos.migrate import MigrationError, Patience
from tests.databases import opened

pytestmark = pytest.mark.postgresql
ONLY_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
INDEX_STATE = text("SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = to_regclass('ix_wide_number')")


@pytest.fixture
def second(empty_url: str) -> Iterator[Engine]:
    """Another process's way to the same database."""
    with opened(empty_url) as made:
        yield made


@ONLY_POSTGRESQL
def test_a_locked_table_is_waited_for_in_short_tries_and_the_holder_is_named(
    empty_engine: Engine, second: Engine,
) -> None:
    """0024 changes followed_obligations, which somebody reads in a transaction left open."""
    migrate.upgrade(empty_engine, "0023")
    said: list[str] = []
    paused: list[float] = []
    with second.connect() as reader:
        reader.execute(text("SET application_name = 'long report'"))
        reader.execute(text("SELECT COUNT(*) FROM followed_obligations"))
        reader.execute(text("SELECT pg_sleep(1.1)"))
        with pytest.raises(MigrationError, match=r"Tried 3 times.*pg_terminate_backend.*operator-qos migrate"):
            migrate.upgrade(empty_engine, "0024", patience=Patience(1, 3, paused.append, said.append))
        # Nobody waits behind a migration that gave up.
        with second.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = 500"))
            other.execute(text("LOCK TABLE followed_obligations IN ROW EXCLUSIVE MODE"))
        assert migrate.find_revision(empty_engine) == "0023"
        assert paused == [1, 2]
        assert all("long report, idle in transaction" in line and "after revision 0023" in line for line in said)

        def let_go(_seconds: float) -> None:
            reader.rollback()

        migrate.upgrade(empty_engine, "0024", patience=Patience(1, 3, let_go))
    assert migrate.find_revision(empty_engine) == "0024"


@ONLY_POSTGRESQL
def test_who_migrates_second_waits_for_the_first(empty_engine: Engine, second: Engine) -> None:
    migrate.upgrade(empty_engine, "0001")
    done = threading.Event()

    def bring_up() -> None:
        migrate.upgrade(second, "0002")
        done.set()

    worker = threading.Thread(target=bring_up)
    with migrate._taking_turns(empty_engine):
        worker.start()
        assert not done.wait(1)
        assert migrate.find_revision(empty_engine) == "0001"
    worker.join()
    assert migrate.find_revision(empty_engine) == "0002"


@ONLY_POSTGRESQL
def test_an_index_is_built_beside_writers_and_a_half_built_one_is_replaced(
    empty_engine: Engine, second: Engine,
) -> None:
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE wide (number INTEGER)"))
        connection.execute(text("INSERT INTO wide VALUES (1), (1)"))
    with second.connect() as writer, empty_engine.connect() as connection:
        writer.execute(text("INSERT INTO wide VALUES (2)"))  # a plain CREATE INDEX would wait for this to end
        writer.commit()
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with pytest.raises(Exception, match="could not create unique index"), Operations.context(context), \
                context.begin_transaction(_per_migration=True):
            online.create_index_online("ix_wide_number", "wide", ["number"], unique=True)
    with empty_engine.connect() as connection:
        assert connection.execute(INDEX_STATE).one() == (False, True)
    with second.connect() as writer, empty_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            online.create_index_online("ix_wide_number", "wide", ["number"])
        assert writer.execute(INDEX_STATE).one() == (True, False)
        writer.rollback()
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            online.drop_index_online("ix_wide_number", "wide")
        assert writer.execute(INDEX_STATE).first() is None


@ONLY_POSTGRESQL
def test_neither_who_has_the_turn_nor_who_waits_for_it_holds_up_an_index(empty_engine: Engine, second: Engine) -> None:
    def take_turn() -> None:
        with migrate._taking_turns(second):
            pass

    def give_up() -> None:
        with second.connect() as connection:
            connection.execute(text("SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                                    "WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid()"))

    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE wide (number INTEGER)"))
    waiting, watch = threading.Thread(target=take_turn), threading.Timer(15, give_up)
    with migrate._taking_turns(empty_engine) as connection:
        waiting.start()
        watch.start()
        context = MigrationContext.configure(connection, opts={"transaction_per_migration": True})
        with Operations.context(context), context.begin_transaction(_per_migration=True):
            online.create_index_online("ix_wide_number", "wide", ["number"])
        connection.rollback()
        assert waiting.is_alive()
    watch.cancel()
    waiting.join()
    with empty_engine.connect() as connection:
        assert connection.execute(INDEX_STATE).one() == (True, False)
