"""The pages of connections: adding one, what is wrong with it, what it was asked for, how its figures compare."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine

from operator_qos.connections import queries
from operator_qos.db import reading
from operator_qos.lab.lab import open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE, create_mirakl
from operator_qos.lab.server import serve_beside
from tests.connections.world import PLAN, add_failing
from tests.web.fixtures import NOW, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
FORM = {"name": "mirakl-fr", "kind": "mirakl", "marketplace": "halle-fr", "address": "http://127.0.0.1:9",
        "key": "very secret", "key_variable": "", "client_id": "", "token_address": ""}


def test_a_platform_is_connected_tried_paused_and_resumed(app: Flask, engine: Engine) -> None:
    admin = sign_in(app, "admin")
    lab = open_lab(PLAN, calls_per_minute=CALLS_PER_MINUTE)
    with serve_beside(create_mirakl(lab)) as address:
        added = post(admin, "/operator/connections", {**FORM, "address": address, "key": "lab-key"})
        assert added.status_code == 303
        page = added.headers["Location"]
        post(admin, page, {"do": "test"})
        assert "The platform answers: 3 shops." in admin.get(page).text
    assert "lab-key" not in admin.get(page).text
    for do, says in (("pause", "Paused: nothing"), ("resume", "It is read again."), ("read", "within a minute")):
        assert post(admin, page, {"do": do}).status_code == 303
        assert says in admin.get(page).text
    post(admin, page, {"do": "test"})  # the lab is gone
    assert "The platform cannot be read" in admin.get(page).text


@pytest.mark.parametrize(("change", "says"), [
    ({"address": "x"}, "Write the address like"), ({"key": ""}, "Give the key, or the name"),
    ({"name": ""}, "Give it a name of its own"), ({"client_id": "c"}, "id and the address of its tokens together")])
def test_what_is_wrong_with_a_connection_is_said_and_nothing_written_is_lost(
    app: Flask, change: dict[str, str], says: str
) -> None:
    answer = post(sign_in(app, "admin"), "/operator/connections", {**FORM, **change})
    assert answer.status_code == 422
    assert says in answer.text
    assert {**FORM, **change}["address"] in answer.text
    assert "very secret" not in answer.text


def test_a_failing_connection_says_why_what_to_do_and_what_was_asked(app: Flask, engine: Engine) -> None:
    added = add_failing(engine, now=NOW)
    analyst = sign_in(app, "analyst")
    everything = analyst.get("/operator/connections").text
    assert "cannot be read" in everything
    assert "Connect a platform" not in everything  # analysts look
    page = analyst.get(f"/operator/connections/{added}").text
    for text in ("OR11: the platform answered 403. Check that the key is right.", "It is tried again by itself",
                 "morvan-fr", "immune", "to be asked", "of 40 figures 37 are equal; 1 differ",
                 'href="/operator/quarantine?origin=connection+mirakl-fr">2</a>'):
        assert text in page
    assert analyst.get("/operator/connections/99").status_code == 404
    assert post(analyst, f"/operator/connections/{added}", {"do": "pause"}).status_code == 404
    assert sign_in(app, "seller_owner").get("/operator/connections").status_code == 404


def test_figures_that_differ_stand_with_both_numbers_and_the_cause(app: Flask, engine: Engine) -> None:
    added = add_failing(engine, now=NOW)
    analyst = sign_in(app, "analyst")
    page = analyst.get(f"/operator/connections/{added}/reconciliation").text
    for text in ("Lines with an incident", "5.0", "2.5", "No known cause gives", "2\u00a0h", "Orders placed", "41",
                 "set aside and wait for a person"):
        assert text in page
    one = analyst.get(f"/operator/connections/{added}/reconciliation?cause=late_events").text
    assert "2\u00a0h" in one
    assert "Lines with an incident" not in one
    assert "Nothing differs by this cause." in analyst.get(f"/operator/connections/{added}/reconciliation?cause=x").text
    assert 'href="/operator/quarantine?marketplace=halle-fr&amp;shop=morvan-fr"' in page
    before = (NOW.date() - timedelta(days=1)).isoformat()
    assert "Every figure is equal." in analyst.get(f"/operator/connections/{added}/reconciliation?on={before}").text
    with reading(engine) as session:
        assert len(queries.list_counts(session, added)) == 2
