"""`operator-qos standards` and `backtest` on a real database: texts, documents, exit codes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from operator_qos.cli import main
from operator_qos.standards.rules import renumber
from scoring.standards import list_presets, load_preset, parse_standard, read_preset
from tests.evaluation.world import build_marketplace, late_orders, store

OURS = read_preset("ours")
SOON = datetime.now(UTC).date() + timedelta(days=20)


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPERATOR_QOS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def next_version(tmp_path: Path) -> Path:
    path = tmp_path / "next.yaml"
    path.write_text(renumber(OURS, version=2, effective_from=SOON).replace("<= 4 %", "<= 1 %"), "utf-8")
    return path


def test_a_well_written_standard_is_valid_and_a_mistake_names_file_line_and_path(run: Any, next_version: Path) -> None:
    assert run("standards", "validate", next_version).exit_code == 0
    next_version.write_text(OURS.replace("<= 1 %", "").replace('"<= 4 %"', '"under 4 %"'), "utf-8")
    line = next(number for number, text in enumerate(OURS.splitlines(), 1) if "<= 4 %" in text)
    said = run("standards", "validate", next_version)
    assert said.exit_code == 1
    assert f"{next_version}:{line}: rules[1].kept_when: 'under 4 %' is no comparison" in said.output
    document = json.loads(run("standards", "validate", next_version, "--json").stdout)
    assert (document["valid"], document["mistakes"][0]["line"], document["mistakes"][0]["path"]) == (
        False, line, "rules[1].kept_when")


# What only a telephone system, a chat or the marketplace's own scoring could tell.
UNTOLD = {
    "amazon": ["policy_violation"], "bol": ["call_answered_rate", "policy_violation"], "lazada": ["chat_response_rate"],
}


def test_presets_are_valid_and_say_what_nothing_is_counted_for(run: Any, tmp_path: Path) -> None:
    for name in list_presets():
        path = tmp_path / f"{name}.yaml"
        path.write_text(read_preset(name), "utf-8")
        document = json.loads(run("standards", "validate", path, "--json").stdout)
        assert document["valid"] and document["not_measured"] == UNTOLD.get(name, [])


def test_a_file_that_is_no_text_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"id: \xff")
    said = run("standards", "validate", tmp_path / "x.yaml")
    assert (said.exit_code, "not UTF-8 at byte 4" in said.output) == (1, True)
    assert run("standards", "validate", tmp_path / "none.yaml").exit_code == 2


def test_a_standard_is_shown_as_text_that_reads_back_and_as_data(run: Any) -> None:
    assert parse_standard(run("standards", "show", "bol").stdout) == load_preset("bol")
    assert parse_standard(json.loads(run("standards", "show", "ours:1", "--json").stdout)) == load_preset("ours")
    unknown = run("standards", "show", "ours:9")
    assert (unknown.exit_code, "there are: ours 1" in unknown.output) == (1, True)
    assert "neither a YAML file, a preset, or a kept version" in run("standards", "show", "nothing").output


def test_a_difference_is_told_in_both_languages(run: Any, next_version: Path) -> None:
    assert "changes from <= 4 % to <= 1 %" in run("standards", "diff", "ours", next_version).stdout
    assert "passe de <= 4 % à <= 1 %" in run("standards", "diff", "ours", next_version, "--language", "fr").stdout
    (change,) = json.loads(run("standards", "diff", "ours", next_version, "--json").stdout)["changes"]
    assert (change["path"], change["before"], change["after"]) == (
        "rules.late_shipment_rate.kept_when", "<= 4 %", "<= 1 %")
    assert run("standards", "diff", "ours", "ours:1").stdout == "Nothing changes.\n"


def test_publishing_announces_the_version_and_the_list_shows_it(run: Any, next_version: Path) -> None:
    done = json.loads(run("standards", "publish", next_version, "--why", "Parcels are late", "--json").stdout)
    assert (done["id"], done["version"], done["state"], done["effective_from"]) == ("ours", 2, "published", str(SOON))
    listed = json.loads(run("standards", "list", "--json").stdout)
    assert [(row["version"], row["state"]) for row in listed["versions"]] == [(1, "effective"), (2, "published")]
    again = run("standards", "publish", next_version, "--why", "x", "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout)["error"].endswith("never changes; write version 3")


def test_too_short_a_notice_is_refused_and_leaves_nothing(run: Any, next_version: Path) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    next_version.write_text(renumber(OURS, version=2, effective_from=tomorrow), "utf-8")
    said = run("standards", "publish", next_version, "--why", "x")
    assert (said.exit_code, "less than 15 days after publication" in said.output) == (1, True)
    assert len(json.loads(run("standards", "list", "--json").stdout)["versions"]) == 1
    assert run("standards", "publish", next_version, "--why", "x", "--legal-ground", "legal_duty").exit_code == 0
    assert run("standards", "publish", next_version, "--why", "x", "--legal-ground", "fun").exit_code == 2


def test_a_backtest_says_who_would_fall_and_why(engine: Engine, run: Any, next_version: Path) -> None:
    build_marketplace(engine, shops=2)
    for back in range(70):
        day = SOON.replace(year=2025, month=6, day=20) - timedelta(days=back)
        store(engine, [*late_orders(1, day, base=10, bad=0), *late_orders(2, day, base=10, bad=int(back % 3 == 0))])
    asked = ("backtest", next_version, "--from", "2025-06-01", "--to", "2025-06-20")
    found = json.loads(run(*asked, "--json").stdout)
    assert (found["shops"], len(found["days"]), found["last_day"]["down"]) == (2, 20, 1)
    (move,) = [move for move in found["moves"] if move["to"] == "2025-06-20"]
    assert (move["shop"], move["after"], move["direction"]) == ("s2", "below", "down")
    assert "s2" in run(*asked).stdout
    assert run(*asked, "--marketplace", "es").exit_code == 1
    assert run("backtest", next_version, "--from", "2025-06-20", "--to", "2025-06-01").exit_code == 2
    assert run("backtest", "ours", "--from", "2025-06-01", "--to", "never").exit_code == 2


def test_a_backtest_refuses_what_history_cannot_tell(engine: Engine, run: Any) -> None:
    build_marketplace(engine)
    said = run("backtest", "bol", "--from", "2025-06-01", "--to", "2025-06-20", "--json")
    assert said.exit_code == 1
    assert json.loads(said.stdout)["error"].startswith("bol: figures[1].metric: ")
