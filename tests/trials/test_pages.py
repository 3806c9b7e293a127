"""Pages and commands of standards on trial: started, read, ended by operators; nobody else sees them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine

from operator_qos.cli import main
from operator_qos.db import unit_of_work
from operator_qos.evaluation.bench import open_bench
from operator_qos.evaluation.queries import get_marketplace
from operator_qos.standards import service as standards
from operator_qos.standards.rules import renumber
from operator_qos.trials import service
from operator_qos.trials.phantoms import record_phantoms
from scoring.standards import read_preset
from tests.evaluation.world import CREATED, build_marketplace, late_orders, settled, store
from tests.web.fixtures import NOW, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
TODAY = NOW.date()
FIRST = TODAY - timedelta(days=40)
FORM = {"version": "ours:2", "marketplace": "halle-fr", "from": str(FIRST), "until": ""}


def publish(engine: Engine) -> None:
    """A second version of ours, announced for next year."""
    text = renumber(read_preset("ours"), version=2, effective_from=date(2027, 1, 1)).replace("<= 4 %", "<= 1 %")
    with unit_of_work(engine) as session:
        standards.save_draft(session, text=text, actor="t", now=CREATED)
        standards.publish(session, standard_id="ours", version=2, why="x", actor="t", now=CREATED, legal_ground=None)


def test_a_trial_is_started_read_and_ended_by_operators(app: Flask, world: Engine) -> None:
    publish(world)
    admin = sign_in(app, "admin")
    assert "Nothing is on trial." in admin.get("/operator/trials").text
    refused = post(admin, "/operator/trials", {**FORM, "from": "soon"})
    assert (refused.status_code, "give dates, like 2026-07-01" in refused.text) == (400, True)
    started = post(admin, "/operator/trials", FORM)
    assert (started.status_code, started.location) == (303, "/operator/trials/1")
    again = post(admin, "/operator/trials", FORM)
    assert (again.status_code, "on trial in halle-fr already" in again.text) == (400, True)
    assert "No day was judged by it yet" in admin.get("/operator/trials/1").text
    # Shop 1 breaches the stricter limit from the first day on, and two fortnights later stands below it.
    store(world, [row for day in range(30) for row in late_orders(1, FIRST + timedelta(days=day), base=20, bad=1)])
    with unit_of_work(world) as session:
        bench = open_bench(session, get_marketplace(session, "halle-fr"))
        assert record_phantoms(session, bench, [TODAY - timedelta(days=2)], now=NOW) > 0
    page = admin.get("/operator/trials/1").text
    assert "1 shop would stand in another level." in page
    assert "Not rated yet" in page and "Below standard" in page and "Late shipments breached since" in page
    post(admin, "/language", {"language": "fr"})
    french = admin.get("/operator/trials/1").text
    post(admin, "/language", {"language": "en"})
    assert "1 boutique serait à un autre niveau." in french and "Sous le standard" in french
    assert post(admin, "/operator/trials/1/end", {}).status_code == 303
    over = post(admin, "/operator/trials", FORM)
    assert over.status_code == 303
    assert "Ended" in admin.get("/operator/trials").text
    for path in ("/operator/trials/9", "/operator/trials/9/end"):
        assert (admin.get(path) if path.endswith("9") else post(admin, path, {})).status_code == 404
    twice = post(admin, "/operator/trials/1/end", {})
    assert twice.status_code in {303, 400} and "ended already" in twice.text


def test_sellers_and_mediators_see_nothing_of_it(app: Flask, world: Engine) -> None:
    publish(world)
    with unit_of_work(world) as session:
        service.start_trial(session, service.Terms("halle-fr", "ours", 2, FIRST), actor="t", now=NOW)
    for role in ("seller_owner", "seller_staff", "mediator"):
        person = sign_in(app, role)
        assert {person.get(path).status_code for path in ("/operator/trials", "/operator/trials/1")} <= {403, 404}


@pytest.fixture
def run(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OPERATOR_QOS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_commands_start_list_show_and_end_a_trial_and_a_run_tells_what_it_would_have_changed(
    engine: Engine, run: Any
) -> None:
    build_marketplace(engine)
    publish(engine)
    first = date(2026, 3, 1)
    store(engine, [row for day in range(30) for row in late_orders(1, first + timedelta(days=day), base=20, bad=1)])
    said = run("trial", "start", "ours:2", "--marketplace", "fr", "--from", first, "--json")
    assert json.loads(said.stdout)["state"] == "on trial"
    assert run("trial", "start", "ours", "--marketplace", "fr", "--from", first).exit_code == 1
    assert "no marketplace 'es'" in run("trial", "start", "ours:2", "--marketplace", "es", "--from", first).output
    last = first + timedelta(days=29)
    with unit_of_work(engine) as session:
        record_phantoms(session, open_bench(session, get_marketplace(session, "fr")), [last], now=settled(last))
    (row,) = json.loads(run("trial", "list", "--json").stdout)["trials"]
    assert (row["standard"], row["version"], row["judged"], row["until"]) == ("ours", 2, str(last), None)
    shown = json.loads(run("trial", "show", 1, "--json").stdout)
    assert [(shop["code"], shop["real"], shop["phantom"]) for shop in shown["shops"]] == [("s1", None, "below")]
    assert {change["kind"] for change in shown["changes"]} >= {"warning_given", "level_changed"}
    assert "1 would stand in another level" in run("trial", "show", 1).output
    assert run("trial", "end", 1).exit_code == 0
    assert "ended already" in run("trial", "end", 1).output
    assert "ended" in run("trial", "list").output
    on = shown["changes"][0]["on_date"]
    document = json.loads(run("evaluate", "--as-of", on, "--json").stdout)
    assert document["dry_run"] is False
    assert {change["on_date"] for change in document["phantoms"]} == {on}
