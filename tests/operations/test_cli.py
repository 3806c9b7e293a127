"""The command line as others script it: one JSON document on stdout, clear refusals, exit codes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, select

from operator_qos.cli import COMMANDS, main
from operator_qos.cli_support import Context
from operator_qos.db import create_database_engine, reading
from operator_qos.sellers.models import Shop
from operator_qos.settings import Settings
from operator_qos.standing.models import ShopStanding, StandingChange

NOW = datetime(2026, 4, 20, 12, tzinfo=UTC)
GOLDEN = Path(__file__).parents[1] / "golden"
Run = Callable[..., Result]


@pytest.fixture
def run(empty_url: str, tmp_path: Path) -> Run:
    """Runs a command on an empty database of this test."""
    engine = create_database_engine(empty_url)

    def call(*words: str, now: datetime = NOW) -> Result:
        context = Context(Settings(data_dir=tmp_path, database_url=empty_url), engine, lambda: now)
        return CliRunner().invoke(main, list(words), obj=context, catch_exceptions=False)

    return call


def document(result: Result) -> Any:
    """The one JSON document of a command that went well."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def golden_lines(path: Path, name: str) -> str:
    """A golden file's events as JSON lines."""
    events = json.loads((GOLDEN / f"{name}.json").read_text())["events"]
    path.write_text("\n".join(json.dumps(event) for event in events))
    return str(path)


def prepare(run: Run, tmp_path: Path, name: str) -> None:
    """A migrated database with one marketplace and a golden history."""
    document(run("migrate", "--json"))
    document(run("marketplace", "add", "fr", "--timezone", "Europe/Paris", "--json"))
    done = document(run("import", "events", golden_lines(tmp_path / "events.jsonl", name), "--json"))
    assert done["quarantined"] == 0


def test_every_command_has_help() -> None:
    """And the list of commands imports none of them."""
    assert all(name in CliRunner().invoke(main, ["--help"]).output for name in COMMANDS)
    for name in COMMANDS:
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


def test_a_database_never_migrated_is_refused_with_what_to_do(run: Run, tmp_path: Path) -> None:
    """Exit code 1, and the reason as a document too."""
    result = run("export", "metrics", "--json")
    assert result.exit_code == 1
    assert "operator-qos migrate" in json.loads(result.stdout)["error"]


def test_a_file_that_cannot_be_written_is_refused_with_what_to_do(run: Run, tmp_path: Path) -> None:
    run("migrate")
    for words in (("standings", "--format", "xlsx"), ("metrics", "--format", "json")):
        result = run("export", *words, "--output", str(tmp_path / "no" / "such.file"))
        assert result.exit_code == 1
        assert "name a file in a folder that you may write to" in result.stderr


def test_events_go_in_and_metrics_come_out(run: Run, tmp_path: Path) -> None:
    """CSV and JSON, official and raw, at T and K."""
    prepare(run, tmp_path, "exclusion-decided-later")
    common = ("export", "metrics", "--as-of", "2026-03-15", "--window", "60")
    rows = document(run(*common, "--known-at", "2026-03-31", "--format", "json"))
    late = next(row for row in rows if row["metric"] == "late_shipment_rate")
    assert (late["bad"], late["base"], late["official"], late["marketplace"], late["shop"]) == (1, 1, True, "fr", "S1")
    raw = document(run(*common, "--raw", "--json"))
    assert {row["official"] for row in raw} == {False}
    table = list(csv.DictReader(io.StringIO(run(*common).stdout)))
    found = next(row for row in table if row["metric"] == "late_shipment_rate")
    assert (found["bad"], found["base"], found["value"], found["official"]) == ("2", "2", "1.0", "true")
    assert (found["window_start"], found["window_end"]) == ("2026-01-14T23:00:00Z", "2026-03-15T23:00:00Z")


def test_a_scorecard_lists_its_rows_and_their_events(run: Run, tmp_path: Path) -> None:
    """Bad, base and excluded."""
    prepare(run, tmp_path, "exclusion-decided-later")
    card = document(run("scorecard", "S1", "--as-of", "2026-03-31", "--window", "60", "--json"))
    assert {row["metric"] for row in card["official"]} >= {"late_shipment_rate", "order_defect_rate"}
    rows = document(run("scorecard", "fr/S1", "--as-of", "2026-03-31", "--window", "60", "--rows", "late_shipment_rate",
                        "--json"))["rows"]
    assert {row["unit"]: row["status"] for row in rows} == {"O1": "excluded", "O2": "bad"}
    assert any(line.startswith("order.shipped ") for line in rows[0]["events"])
    assert "late_shipment_rate" in run("scorecard", "S1", "--as-of", "2026-03-31").stdout
    assert run("scorecard", "S9").exit_code == 1
    assert run("scorecard", "S1", "--as-of", "yesterday").exit_code == 2


def test_importing_again_finds_duplicates_and_bad_rows_are_told(run: Run, tmp_path: Path) -> None:
    """A bad row names file, row, field and reason; the good ones went in."""
    prepare(run, tmp_path, "late-arriving-event-counts-by-its-time")
    again = document(run("import", "events", str(tmp_path / "events.jsonl"), "--json"))
    assert again["accepted"] == 0
    assert again["duplicate"] == again["rows"] > 0
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"specversion": "1.0"}\nnot json\n')
    told = document(run("import", "events", str(bad), "--json"))
    assert told["quarantined"] == 2
    assert "bad.jsonl row 2" in "\n".join(told["examples"])
    assert run("import", "events", str(tmp_path / "missing.jsonl")).exit_code == 1


def test_rebuild_evaluate_and_doctor_answer(run: Run, tmp_path: Path) -> None:
    """A rebuild says where it starts; a date not due is a dry run; the doctor names what is missing."""
    prepare(run, tmp_path, "cancellations-and-their-causes")
    before = run("export", "metrics", "--as-of", "2026-03-31").stdout
    report = document(run("rebuild", "--json"))
    assert report["shops"] == 1
    assert report["since"].startswith("2026-0")
    assert run("export", "metrics", "--as-of", "2026-03-31").stdout == before
    judged = document(run("evaluate", "--as-of", "2026-04-20", "--json"))
    assert judged["dry_run"] is True
    examined = run("doctor", "--json")
    assert examined.exit_code == 1
    checks = {check["name"]: check for check in json.loads(examined.stdout)["checks"]}
    assert checks["version"]["ok"]
    assert "operator-qos serve" in checks["scheduler"]["says"]


def test_a_key_is_shown_once_and_a_wrong_zone_is_refused(run: Run) -> None:
    """As scripts expect it."""
    document(run("migrate", "--json"))
    assert len(document(run("key", "create", "feed", "--scope", "ingest", "--json"))["key"]) > 20
    refused = run("marketplace", "add", "x", "--timezone", "Mars/Base", "--json")
    assert refused.exit_code == 1
    assert "Europe/Paris" in json.loads(refused.stdout)["error"]
    document(run("marketplace", "add", "x", "--timezone", "UTC", "--json"))
    assert run("marketplace", "add", "x", "--timezone", "Europe/Paris").exit_code == 1
    assert [place["id"] for place in document(run("marketplace", "list", "--json"))] == ["x"]


def standings(engine: Engine) -> dict[str, Any]:
    """Level, badges and every change by shop."""
    with reading(engine) as session:
        codes = {shop.id: shop.code for shop in session.scalars(select(Shop))}
        found: dict[str, Any] = {
            codes[s.shop_id]: [s.level, sorted(s.badges), s.warning] for s in session.scalars(select(ShopStanding))}
        changes = sorted((codes[c.shop_id], str(c.on_date), c.kind, str(c.metric), str(c.before), str(c.after))
                         for c in session.scalars(select(StandingChange)))
    return {"standings": found, "changes": changes}


@pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True)
def test_the_demo_loads_once_and_its_events_give_the_same_standings_elsewhere(
    run: Run, empty_url: str, tmp_path: Path,
) -> None:
    """Written to a file, imported into an empty database of the other kind and judged there."""
    now = datetime(2026, 6, 18, 9, tzinfo=UTC)
    loaded = document(run("demo", "--no-serve", "--scale", "0.02", "--json", now=now))
    assert loaded["loaded"] is True
    assert loaded["shops"] == 60
    assert document(run("demo", "--no-serve", "--scale", "0.02", "--json", now=now))["loaded"] is False
    file = tmp_path / "demo.jsonl.gz"
    written = document(run("demo", "--events", str(file), "--scale", "0.02", "--json", now=now))
    assert written["events"] == loaded["events"]
    other = create_database_engine(f"sqlite:///{tmp_path / 'other.db'}")
    here = Context(Settings(data_dir=tmp_path), other, lambda: now)
    for words in (["migrate"], *(["marketplace", "add", name, "--timezone", zone] for name, zone in (
            ("halle-fr", "Europe/Paris"), ("lonja-es", "Europe/Madrid"), ("kontor-de", "Europe/Berlin"))),
            ["import", "events", str(file)], ["evaluate"]):
        result = CliRunner().invoke(main, words, obj=here, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    there = standings(create_database_engine(empty_url))
    assert standings(other) == there and there["changes"]
