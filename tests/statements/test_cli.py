"""`operator-qos statements verify` and `operator-qos export statements`, for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, update

from operator_qos.cli import main
from operator_qos.db import unit_of_work
from operator_qos.statements.models import Statement
from operator_qos.statements.transparency import FIELDS
from tests.statements.world import NOW, act, build_run, issue

Run = Callable[..., Result]


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("OPERATOR_QOS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    build_run(engine)
    return lambda *arguments: CliRunner().invoke(main, list(arguments))


def test_fingerprints_are_computed_again_and_a_changed_one_is_named(engine: Engine, run: Run) -> None:
    issue(engine)
    issue(engine, act(act_id=12))
    assert json.loads(run("statements", "verify", "--json").stdout) == {"statements": 2, "broken": []}
    with unit_of_work(engine) as session:
        session.execute(update(Statement).where(Statement.id == 2).values(content_hash="0" * 64))
        number = session.get_one(Statement, 2).public_id
    answer = run("statements", "verify", "--json")
    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {"error": f"1 of 2 statements are not what was issued: {number}"}


def test_the_export_holds_restrictions_with_what_the_database_asks_and_no_person(engine: Engine, run: Run) -> None:
    issue(engine)  # a warning restricts nothing
    later = NOW + timedelta(days=14)
    issue(engine, act("level", act_id=12), act("ranking", act_id=13), act(
        "suspension", act_id=14, automated=False, decided_by="ines@operator.example", why="Anne said so.",
        until_at=later), act("fee", act_id=15, until_at=later))
    text = run("export", "statements").stdout
    (entry,) = json.loads(text)["statements"]
    expected: dict[str, Any] = {
        "decision_visibility": ["DECISION_VISIBILITY_CONTENT_DEMOTED"],
        "decision_monetary": "DECISION_MONETARY_OTHER", "decision_monetary_other": "Fee charged",
        "decision_provision": "DECISION_PROVISION_TOTAL_SUSPENSION", "decision_account": "DECISION_ACCOUNT_SUSPENDED",
        "end_date_monetary_restriction": "2026-06-15", "end_date_service_restriction": "2026-06-15",
        "end_date_account_restriction": "2026-06-15", "decision_ground": "DECISION_GROUND_INCOMPATIBLE_CONTENT",
        "incompatible_content_ground": "Service standard ours, version 1", "application_date": "2026-06-01",
        "decision_facts": "late_shipment_rate: 7 of 98 counted against the shop, between 2026-05-01 and 2026-05-31.",
        "automated_detection": "Yes", "automated_decision": "AUTOMATED_DECISION_PARTIALLY",
        "source_type": "SOURCE_VOLUNTARY", "category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
    }
    assert {name: entry[name] for name in expected} == expected
    assert len(entry["territorial_scope"]) == 27  # the marketplace's country is not known: the whole Union
    assert "end_date_visibility_restriction" not in entry
    for private in ("Anne", "ines@", "Shop 1", "Company", "A-1", "s1"):
        assert private not in text


def test_the_export_keeps_to_the_days_asked_for_and_has_a_row_per_statement(engine: Engine, run: Run) -> None:
    issue(engine, act("ranking", act_id=12))
    issue(engine, act("ranking", act_id=13), now=NOW + timedelta(days=2))
    rows = list(csv.reader(io.StringIO(run("export", "statements", "--format", "csv").stdout)))
    assert rows[0] == list(FIELDS)
    assert [row[FIELDS.index("application_date")] for row in rows[1:]] == ["2026-06-01", "2026-06-03"]
    asked = json.loads(run("export", "statements", "--since", "2026-06-02", "--until", "2026-06-04").stdout)
    assert [entry["application_date"] for entry in asked["statements"]] == ["2026-06-03"]
    assert json.loads(run("export", "statements", "--until", "2026-06-01").stdout) == {"statements": []}


def test_the_exports_there_are_say_what_they_write(run: Run) -> None:
    told = run("export", "--help").stdout
    assert "metrics" in told
    assert "statements" in told
