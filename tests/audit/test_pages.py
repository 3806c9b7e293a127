"""The operator searches the trail and reads what people decided beside the rules."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import Engine

from operator_qos.audit.jobs import run_sealer
from operator_qos.audit.service import append_audit
from operator_qos.db import unit_of_work
from tests.web.fixtures import NOW, app, clock, engine, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]


def fill(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        for number in range(60):
            append_audit(session, actor="ines@operator.example", now=NOW - timedelta(days=number), action="act.release",
                         subject=f"act:{number}", after={"state": "asked"}, why="The feed <b>came</b> back.")
        append_audit(session, actor="system", now=NOW, action="evaluation.run", subject="halle-fr:2026-06-17")


def test_the_trail_is_paged_searched_and_shows_the_end_of_the_chain(app: Flask, engine: Engine) -> None:
    analyst = sign_in(app, "analyst")
    assert "Nothing is sealed yet" in analyst.get("/operator/audit").text
    fill(engine)
    run_sealer(engine, now=NOW)
    page = analyst.get("/operator/audit").text
    assert "1 to 50 of 61" in page
    assert "The feed &lt;b&gt;came" in page
    assert "61:" in page
    assert "act:55" in analyst.get("/operator/audit?page=2").text
    found = analyst.get("/operator/audit?action=evaluation&from=2026-06-18&to=2026-06-18").text
    assert "Official run" in found
    assert "act:0" not in found
    assert "No row matches" in analyst.get("/operator/audit?actor=nobody&from=x").text
    assert sign_in(app, "seller_owner").get("/operator/audit").status_code == 404


def test_the_report_of_overrides_counts_lists_and_downloads(app: Flask, engine: Engine) -> None:
    admin = sign_in(app, "admin")
    assert "nobody decided anything" in admin.get("/operator/reports/overrides").text
    fill(engine)
    page = admin.get("/operator/reports/overrides?from=2026-06-17&to=2026-06-18").text
    assert "people decided 2 times" in page
    assert "evaluation.run" not in page
    csv = admin.get("/operator/reports/overrides.csv?from=2026-06-17&to=2026-06-18").get_data(as_text=True)
    assert csv.count("act.release") == 2
