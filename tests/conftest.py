"""`engine` on SQLite and on PostgreSQL for every test, and runs in which nothing may be skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine

from tests.databases import (
    HOW_TO_GET_POSTGRESQL,
    Cluster,
    fill,
    find_postgresql,
    opened,
    postgresql_database,
    running_cluster,
)

FORBID_SKIPS = "OPERATOR_QOS_FORBID_SKIPS"
BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))


# A busy machine is no reason to fail. Where a run decides about landing it draws the same examples each time.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", parent=settings.get_profile("here"), derandomize=True)
settings.load_profile("gate" if os.environ.get(FORBID_SKIPS) == "1" else "here")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure is reported as skipped, too; it did run.
    if os.environ.get(FORBID_SKIPS) != "1" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"{FORBID_SKIPS}=1 and this was skipped: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test fails where skips are forbidden."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """So does a skipped module."""
    report = yield
    _refuse_skip(report)
    return report


# Tests of what is shown: the statements below are tried on both kinds by tests of their own. A first test of each file
# runs on PostgreSQL too, so that no page is made of what only SQLite forgives.
SHOWN = ("tests/pages/", "tests/acts/test_pages", "tests/web/", "tests/calendars/test_pages",
         "tests/standards_app/test_pages", "tests/standards_app/test_form", "tests/standards_app/test_telling",
         "tests/trials/test_pages", "tests/disputes/test_pages", "tests/disputes/test_office",
         "tests/statements/test_pages", "tests/accounts/", "tests/notices/test_seller", "tests/notices/test_pages",
         "tests/audit/test_pages", "tests/badges/", "tests/recourse/test_pages",
         "tests/me/test_pages", "tests/me/test_calendar", "tests/reports/test_pages",
         "tests/connections/test_pages", "tests/imports/test_pages", "tests/imports/test_words")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the PostgreSQL runs of tests of what is shown, but for the first of each file."""
    seen: set[str] = set()
    left_out: list[pytest.Item] = []
    for item in items:
        file = item.nodeid.partition("::")[0]
        if item.get_closest_marker("postgresql") is not None and file.startswith(SHOWN):
            if file in seen:
                left_out.append(item)
            seen.add(file)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of this run; skips where there is none."""
    programs = find_postgresql()
    if programs is None:
        pytest.skip(HOW_TO_GET_POSTGRESQL)
    with running_cluster(programs) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that holds all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "qos.db"
    fill(f"sqlite:///{path}")
    return path


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database a test runs on; each test runs once on every kind."""
    return str(request.param)


@pytest.fixture
def empty_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without any table."""
    with ExitStack() as stack:
        if database == "sqlite":
            yield f"sqlite:///{tmp_path / 'empty.db'}"
        else:
            cluster = request.getfixturevalue("postgresql_cluster")
            yield stack.enter_context(postgresql_database(cluster, empty=True))


@pytest.fixture
def database_url(database: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with all tables and no rows, for what opens its own."""
    with ExitStack() as stack:
        if database == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "operator-qos.db")
            yield f"sqlite:///{tmp_path / 'operator-qos.db'}"
        else:
            yield stack.enter_context(postgresql_database(request.getfixturevalue("postgresql_cluster")))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with all tables and no rows."""
    with opened(database_url) as made:
        yield made


@pytest.fixture
def empty_engine(empty_url: str) -> Iterator[Engine]:
    """A database without any table."""
    with opened(empty_url) as made:
        yield made
