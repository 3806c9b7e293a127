"""Appeals, plans and the operator's own scorecard as people use them."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, insert

from operator_qos.cli import main
from operator_qos.db import unit_of_work
from operator_qos.models import EvaluationResult, EvaluationRun, ShopStanding, StandingChange
from operator_qos.recourse.jobs import move_recourse
from tests.evaluation.world import end_ms
from tests.web.fixtures import NOW, OTHER_SELLER, Clock, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
ON = date(2026, 6, 16)
BREACH = {"code": "breached", "metric": "late_shipment_rate", "bad": 4, "base": 40, "value": 0.1, "limit": "0.04",
          "since": "2026-06-16", "until": "2026-06-16", "units": ["O-1", "O-2"]}


@pytest.fixture
def warned(world: Engine) -> Engine:
    """The first shop has fallen to below standard and got a warning, on one day, officially."""
    with unit_of_work(world) as session:
        session.execute(insert(EvaluationRun), [
            {"id": 1, "marketplace_id": "halle-fr", "on_date": ON, "as_of_ms": end_ms(ON), "known_at_ms": end_ms(ON),
             "standard_id": "ours", "standard_version": 1, "shops": 1, "ran_at": NOW - timedelta(days=1)}])
        session.execute(insert(EvaluationResult), [
            {"run_id": 1, "shop_id": 1, "metric": "late_shipment_rate", "window_start_ms": 0, "bad": 4, "base": 40,
             "raw_bad": 4, "raw_base": 40, "buyers": 4, "value": 0.1, "verdict": "breached", "units": ["O-1", "O-2"]}])
        session.execute(insert(ShopStanding), [
            {"shop_id": 1, "level": "below", "badges": [], "warning": 1, "since_on": ON, "decided_on": ON,
             "standard_id": "ours", "standard_version": 1, "episodes": [
                 {"metric": "late_shipment_rate", "first_breach_on": str(ON), "last_breach_on": str(ON), "warning": 1,
                  "breached_count": 1}]}])
        base = {"shop_id": 1, "run_id": 1, "on_date": ON, "reasons": [BREACH], "standard_id": "ours",
                "standard_version": 1, "automated": True, "effective_at": NOW - timedelta(days=1),
                "created_at": NOW - timedelta(days=1)}
        session.execute(insert(StandingChange), [
            {**base, "kind": "warning_given", "metric": "late_shipment_rate", "before": "0", "after": "1"},
            {**base, "kind": "level_changed", "metric": None, "before": "in_standard", "after": "below"}])
    return world


def appeal(app: Flask) -> str:
    owner = sign_in(app, "seller_owner")
    sent = post(owner, "/seller/appeals/new", {
        "change": "2", "grounds": "not_our_fault", "text": "The carrier was on strike."})
    assert sent.status_code == 303, sent.text
    return str(sent.location)


def test_a_fall_is_contested_admitted_assigned_decided_and_restored(app: Flask, warned: Engine) -> None:
    owner = sign_in(app, "seller_owner")
    listed = owner.get("/seller/appeals").text
    assert "In standard became Below standard" in listed and "Warning 1: Late shipments" in listed
    form = owner.get("/seller/appeals/new?change=2").text
    assert "You may appeal until 16\u00a0December\u00a02026" in form
    nothing = post(owner, "/seller/appeals/new", {"change": "2", "grounds": "other", "text": " "})
    assert (nothing.status_code, "Write a few words" in nothing.text) == (400, True)
    assert appeal(app) == "/seller/appeals/1"
    again = post(owner, "/seller/appeals/new", {"change": "2", "grounds": "other", "text": "Again"})
    assert (again.status_code, "contested already" in again.text) == (400, True)

    jana = sign_in(app, "analyst")
    assert "beyond our control" in jana.get("/operator/appeals").text
    early = post(jana, "/operator/appeals/1/decide", {"outcome": "upheld", "reasons": "No."})
    assert (early.status_code, "no longer possible" in early.text) == (400, True)
    for action, data in (("admit", {}), ("assign", {"to": "jana@operator.example"})):
        assert post(jana, f"/operator/appeals/1/{action}", data).status_code == 303
    ines = sign_in(app, "admin")
    other = post(ines, "/operator/appeals/1/decide", {"outcome": "upheld", "reasons": "No."})
    assert (other.status_code, "Only the person it is assigned to decides" in other.text) == (400, True)
    ruling = {"outcome": "reversed", "reasons": "The strike is proven.", "change": "2"}
    page = jana.get("/operator/appeals/1").text
    assert "What falls" in page and "Decide and carry out" in page
    assert post(jana, "/operator/appeals/1/decide", ruling).status_code == 303
    told = owner.get("/seller/appeals/1").text
    assert "Decision reversed" in told and "The strike is proven." in told
    assert "jana@" not in told
    twice = post(jana, "/operator/appeals/1/decide", ruling)
    assert twice.status_code == 400


def test_an_appeal_is_seen_by_its_own_company_and_the_operator_only(app: Flask, warned: Engine) -> None:
    appeal(app)
    lucia = sign_in(app, email=OTHER_SELLER[0])
    assert [lucia.get(path).status_code for path in ("/seller/appeals/1", "/seller/appeals/new?change=2")] == [404, 404]
    assert post(lucia, "/seller/appeals/1/withdraw").status_code == 404
    assert sign_in(app, "mediator").get("/operator/appeals/1").status_code == 404
    post(sign_in(app, "seller_owner"), "/seller/appeals/1/withdraw")
    assert "Withdrawn" in sign_in(app, "analyst").get("/operator/appeals/1").text


PLAN = {"rule": "late_shipment_rate", "target": "3,5 %", "cause": "No packer at weekends.",
        "actions": "Two packers from July.", "review_on": "2026-07-30"}


def test_a_plan_is_proposed_agreed_and_ends_by_itself(app: Flask, warned: Engine, clock: Clock) -> None:
    owner, jana = sign_in(app, "seller_owner"), sign_in(app, "analyst")
    new = "/seller/plans/new/halle-fr/morvan-fr"
    assert "Late shipments" in owner.get(new).text
    soon = post(owner, new, {**PLAN, "review_on": "2026-06-20"})
    assert (soon.status_code, "14 to 120 days ahead" in soon.text) == (400, True)
    assert post(owner, new, PLAN).location == "/seller/plans/1"
    assert post(jana, "/operator/plans/1/agree").status_code == 303
    clock.now = NOW + timedelta(days=2)
    assert move_recourse(warned, now=clock.now) == 1
    assert "Running" in owner.get("/seller/plans/1").text
    assert move_recourse(warned, now=NOW + timedelta(days=60)) == 1
    page = owner.get("/seller/plans/1").text
    assert "Target missed" in page and "Two packers from July." in page
    assert move_recourse(warned, now=NOW + timedelta(days=61)) == 0


def test_our_own_promises_are_public_and_complaints_are_reported(
    app: Flask, warned: Engine, database_url: str, clock: Clock
) -> None:
    appeal(app)
    clock.now = NOW + timedelta(days=20)
    card = app.test_client().get("/operator-scorecard").text
    assert "Quarter 2 of 2026" in card and "Decide an appeal: 15 days" in card and "0 of 1" in card
    jana = sign_in(app, "analyst")
    assert "What was contested" in jana.get("/operator/reports/complaints").text
    assert jana.get("/operator/reports/complaints.json").get_json()["kinds"] == {"level": 1}
    assert "grounds,not_our_fault,1" in jana.get("/operator/reports/complaints.csv?year=2026").text
    found = CliRunner().invoke(main, ["export", "complaints", "--year", "2026", "--format", "json"],
                               env={"OPERATOR_QOS_DATABASE_URL": database_url})
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["filed"] == 1
