"""Prometheus reads the figures of the database and how fast requests are answered; strangers read nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from operator_qos import create_app
from operator_qos.db import unit_of_work
from operator_qos.logs import set_up_logs
from operator_qos.models import OutboxMail
from operator_qos.operations.views import HERE, PROXIED
from operator_qos.scheduler import Job, Leader
from operator_qos.settings import Settings
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, Clock, app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]


def read(app: Flask, **headers: str) -> Mapping[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels."""
    answer = app.test_client().get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {(sample.name, tuple(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(answer.text) for sample in family.samples}


def test_the_figures_are_those_of_the_database(app: Flask, world: Engine, clock: Clock) -> None:
    sw.fill(world)
    with unit_of_work(world) as session:
        session.add(OutboxMail(key="k", recipient="a@b.example", subject="s", body="b", state="dead", attempts=6,
                               next_attempt_at=NOW, error="gone"))
    leader = Leader(world, Settings(), clock=clock)
    works = {"good": lambda *_: 1, "bad": lambda *_: 1 // 0}
    for name in ("good", "bad", "good"):
        leader.run(Job(name, works[name], "interval", {"minutes": 1}))
    found = read(app)
    assert found["operator_qos_events_stored_total", ()] == 9
    assert {state: found["operator_qos_mails", (state,)] for state in ("waiting", "sent", "dead")} == {
        "waiting": 0, "sent": 0, "dead": 1}
    assert [found[f"operator_qos_job_{what}_total", (name,)] for what in ("runs", "failures")
            for name in ("good", "bad")] == [2, 1, 0, 1]
    assert found["operator_qos_job_last_done_timestamp_seconds", ("good",)] == NOW.timestamp()
    assert found["operator_qos_job_last_done_timestamp_seconds", ("bad",)] == 0
    assert found["operator_qos_scheduler_leading", ()] == 1
    age = found["operator_qos_newest_event_age_seconds", ("halle-fr",)]
    assert age == timedelta(hours=21, minutes=40).total_seconds()  # asked V-2 at ten the day before
    clock.now = NOW + timedelta(hours=1)
    later = read(app)
    assert later["operator_qos_newest_event_age_seconds", ("halle-fr",)] == age + 3600
    assert later["operator_qos_scheduler_leading", ()] == 0
    asked = ("operator_qos_http_seconds_count", ("operations.show_metrics", "GET", "2xx"))
    assert later[asked] == found.get(asked, 0) + 1


@pytest.mark.parametrize("database", ["sqlite"])
def test_methods_that_strangers_make_up_are_one(app: Flask, world: Engine) -> None:
    other = ("operator_qos_http_seconds_count", ("none", "other", "4xx"))
    before = read(app)
    for number in range(3):
        app.test_client().open("/no/such/page", method=f"MADE{number}")
    after = read(app)
    assert after[other] == before.get(other, 0) + 3
    assert not [labels for _, labels in after if any(label.startswith("MADE") for label in labels)]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_job_that_fails_is_logged_without_what_its_variables_held(
    clock: Clock, world: Engine, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    def fail(_engine: Engine, settings: Settings, _now: datetime) -> object:
        raise RuntimeError(f"a job of {settings.mail_from} failed")

    set_up_logs(form=form)
    Leader(world, Settings(smtp_password="s3cret-word"), clock=clock).run(Job("j", fail, "interval", {"minutes": 1}))
    said = capsys.readouterr().err
    assert "RuntimeError" in said
    assert "s3cret-word" not in said


@pytest.mark.parametrize("database", ["sqlite"])
def test_only_this_machine_or_the_token_reads_them(world: Engine, site_settings: Settings, clock: Clock) -> None:
    app = create_app(site_settings, engine=world, clock=clock)
    client = app.test_client()
    missing = client.get("/no/such/page").data
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.7"}).data == missing
    assert {client.get("/metrics", headers={name: "127.0.0.1"}).status_code for name in PROXIED} == {404}
    assert all(client.get("/metrics", environ_base={"REMOTE_ADDR": here}).status_code == 200 for here in HERE)
    closed = create_app(replace(site_settings, metrics_token="s3cret"), engine=world, clock=clock).test_client()
    codes = [closed.get("/metrics", headers={"Authorization": sent}).status_code
             for sent in ("", "Bearer", "Bearer wrong", "Bearer s3crét", "Bearer s3cret")]
    assert codes == [404, 404, 404, 404, 200]
