"""PgBouncer between transactions: everything works through it but what needs a session, which says what to do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from click.testing import CliRunner
from sqlalchemy import Engine, text

from operator_qos import create_app, migrate
from operator_qos.cli import main
from operator_qos.cli_support import Context
from operator_qos.db import create_database_engine, unit_of_work
from operator_qos.events.service import Intake, ingest_batch
from operator_qos.ledger import workers
from operator_qos.ledger.rebuild import rebuild
from operator_qos.notices.service import hold_lease
from operator_qos.scheduler import JOBS
from operator_qos.settings import Pool, Settings
from tests.databases import Cluster, opened
from tests.operations.test_workers import ONLY_POSTGRESQL
from tests.pipeline.kills import Document, deal, make_events, read_ledger
from tests.pipeline.loading import NOW, add_places, feed
from tests.poolers import HOW_TO_GET_PGBOUNCER, find_pgbouncer, running_pooler, through

pytestmark = ONLY_POSTGRESQL


@pytest.fixture(scope="module")
def pooler(postgresql_cluster: Cluster) -> Iterator[Cluster]:
    program = find_pgbouncer()
    if program is None:
        pytest.skip(HOW_TO_GET_PGBOUNCER)
    with running_pooler(program, postgresql_cluster) as made:
        yield made


@pytest.fixture
def pooled_url(pooler: Cluster, database_url: str) -> str:
    return through(pooler, database_url)


@pytest.fixture
def pooled(pooled_url: str) -> Iterator[Engine]:
    made = create_database_engine(pooled_url, Pool(prepares=False))
    yield made
    made.dispose()


def test_transactions_of_one_connection_meet_several_sessions(pooled: Engine) -> None:
    """Else the tests below would prove nothing."""
    with ThreadPoolExecutor(4) as together, pooled.connect() as connection:
        def ask(_number: int) -> int:
            with pooled.connect() as other:
                return int(other.execute(text("SELECT pg_backend_pid() FROM pg_sleep(0.02)")).scalar_one())

        assert len(set(together.map(ask, range(16)))) > 1
        met = set()
        for _ in range(6):
            met.add(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
            connection.rollback()
        assert len(met) > 1


def test_writers_helpers_and_jobs_through_a_pooler_do_their_work(
    pooled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "WORTH_IT", 1)
    events = make_events(150)
    add_places(pooled, {"fr": "Europe/Paris"})
    feed(pooled, events[:3])
    hands = deal(events[3:], writers=4, dice=random.Random(5), largest=20)

    def write(batches: list[list[Document]]) -> None:
        for batch in batches:
            ingest_batch(pooled, batch, intake=Intake(NOW, "pooled"))

    with ThreadPoolExecutor(4) as together:
        list(together.map(write, hands))
    written = read_ledger(pooled)
    assert len(written["OrderFact"]) == 50
    rebuild(pooled, now=NOW)
    assert read_ledger(pooled) == written
    for job in JOBS:
        job.work(pooled, Settings(data_dir=tmp_path), NOW)


def test_of_many_schedulers_through_a_pooler_one_leads(pooled: Engine) -> None:
    def stand(holder: int) -> bool:
        with unit_of_work(pooled) as session:
            return hold_lease(session, name="scheduler", holder=f"h{holder}", now=NOW, seconds=90)

    with ThreadPoolExecutor(8) as together:
        assert sum(together.map(stand, range(16))) == 1
    with unit_of_work(pooled) as session:
        assert hold_lease(session, name="scheduler", holder="next", now=NOW + timedelta(seconds=91), seconds=90)


def run(settings: Settings, *words: str) -> str:
    """What a command says on an installation; after "Error" what it refuses."""
    result = CliRunner().invoke(main, list(words), obj=Context(settings), catch_exceptions=False)
    assert (result.exit_code == 0) is ("Error" not in result.output), result.output
    return result.output


def test_what_needs_a_session_says_so_and_goes_past_the_pooler(
    pooler: Cluster, database_url: str, tmp_path: Path,
) -> None:
    with opened(database_url) as engine:
        migrate._run(engine, command.stamp, "head", migrate.USUAL)
    pooled = Settings(data_dir=tmp_path, database_url=through(pooler, database_url), prepared_statements=False)
    direct = replace(pooled, direct_database_url=database_url)
    assert create_app(direct).test_client().get("/healthz").status_code == 200
    assert "Error: a pooler stands in front of PostgreSQL" in run(pooled, "migrate")
    assert "is at version" in run(direct, "migrate")
    folder = str(tmp_path / "made")
    assert "set OPERATOR_QOS_DIRECT_DATABASE_URL" in run(pooled, "backup", folder)
    assert "revision" in run(direct, "backup", folder)
    assert "set OPERATOR_QOS_DIRECT_DATABASE_URL" in run(pooled, "restore", folder, "--replace")
