"""`operator-qos evaluate` on a real database file."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from operator_qos.evaluation.cli import evaluate_command
from tests.evaluation.world import build_marketplace, late_orders, store

DAY = date(2025, 3, 31)


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPERATOR_QOS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return lambda *arguments: CliRunner().invoke(evaluate_command, list(arguments))


def test_one_date_is_judged_once_and_the_document_says_what_changed(engine: Engine, run: Any) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    document = json.loads(run("--as-of", "2025-03-31", "--json").output)
    assert (document["as_of"], document["shops"], document["dry_run"], document["reason"]) == (
        "2025-03-31",
        1,
        False,
        "",
    )
    assert document["verdicts"] == {"kept": 2, "watch": 0, "breached": 1, "not_enough_data": 3, "exempt": 0}
    (change,) = document["changes"]
    assert (change["shop"], change["kind"], change["after"], change["on_date"]) == (
        "s1",
        "warning_given",
        "1",
        "2025-03-31",
    )
    again = json.loads(run("--as-of", "2025-03-31", "--json").output)
    assert (again["dry_run"], again["changes"], again["verdicts"]) == (True, [], document["verdicts"])
    assert "judged already" in again["reason"]


def test_without_a_date_every_due_date_is_judged(engine: Engine, run: Any) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    document = json.loads(run("--json").output)
    assert document["dates"][0]["date"] == "2025-06-29"
    assert len(document["dates"]) > 300 and not document["dry_run"]
    assert json.loads(run("--json").output)["reason"] == "no date is due"


def test_people_get_a_line_per_date_and_a_summary(engine: Engine, run: Any) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    lines = run("--as-of", "2025-03-31", "--marketplace", "fr").output.splitlines()
    assert lines[0] == "2025-03-31 fr: 1 shops"
    assert lines[1] == "s1: warning_given late_shipment_rate 0 → 1"
    assert "1 breached" in lines[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as-of", "31/03/2025"), "'31/03/2025' is no date; write it like"),
        (("--marketplace", "xx"), "there are: fr"),
    ],
)
def test_what_cannot_be_understood_is_named(
    engine: Engine, run: Any, arguments: tuple[str, ...], said: str
) -> None:
    build_marketplace(engine)
    result = run(*arguments)
    assert result.exit_code != 0 and said in result.output
