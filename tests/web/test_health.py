"""What a watchdog is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, text

from operator_qos import health
from operator_qos.db import unit_of_work
from operator_qos.models import JobLease
from tests.web.fixtures import NOW


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> frozenset[str]:
    """A checkout whose newest migration is r2."""
    expected = frozenset({"r2"})
    monkeypatch.setattr(health, "_expected_revisions", lambda: expected)
    return expected


def stamp(engine: Engine, revision: str) -> None:
    with unit_of_work(engine) as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
        session.execute(text("DELETE FROM alembic_version"))
        session.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})


def test_a_migrated_database_is_well(probe_app: Flask, world: Engine, heads: frozenset[str]) -> None:
    stamp(world, "r2")
    answer = probe_app.test_client().get("/healthz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "database": "reachable",
        "schema": "current",
        "scheduler_lease_expired_seconds": None,
    }


@pytest.mark.parametrize("revision", ["r1", None])
def test_an_older_schema_is_not_well(
    probe_app: Flask, world: Engine, heads: frozenset[str], revision: str | None
) -> None:
    if revision:
        stamp(world, revision)
    answer = probe_app.test_client().get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["schema"] == "behind"


def test_the_age_of_the_schedulers_lease_is_told(world: Engine, heads: frozenset[str]) -> None:
    with unit_of_work(world) as session:
        session.add(JobLease(name="scheduler", holder="a", expires_at=NOW + timedelta(seconds=30)))
    assert health.check_health(world, now=NOW).scheduler_seconds == -30
    assert health.check_health(world, now=NOW + timedelta(seconds=90)).scheduler_seconds == 60


def test_a_database_that_does_not_answer_is_not_well(tmp_path: Path) -> None:
    found = health.check_health(create_engine(f"sqlite:///{tmp_path}/missing/x.db"), now=NOW)
    assert found == health.Health(False, "unknown", None)
    assert not found.is_well
