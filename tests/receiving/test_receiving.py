"""Webhooks of marketplaces' programs: only signed ones, once each, by either secret; what they say becomes events."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, select
from standardwebhooks.webhooks import Webhook
from werkzeug.test import TestResponse

from operator_qos.cli_support import Context
from operator_qos.db import reading, unit_of_work
from operator_qos.ledger.models import OrderFact
from operator_qos.receiving.cli import receiver_group
from operator_qos.receiving.jobs import KEPT, forget_received
from operator_qos.receiving.queries import is_received
from operator_qos.receiving.service import ReceiverError, add_receiver, rotate_secret, stop_receiver
from operator_qos.settings import Settings
from tests.api.sending import list_logged, list_quarantined
from tests.connectors.test_medusa import ORDER, hook
from tests.web.fixtures import NOW, Clock, app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
MINUTE = timedelta(minutes=1)


@dataclass
class Subscriber:
    """A program that signs what it sends."""

    app: Flask
    secret: str
    at: datetime = NOW

    def send(self, payload: Any, message_id: str = "msg_1", **heads: str) -> TestResponse:
        body = payload if isinstance(payload, str) else json.dumps(payload)
        signed = {"webhook-id": message_id, "webhook-timestamp": str(int(self.at.timestamp())),
                  "webhook-signature": Webhook(self.secret).sign(message_id, self.at, body)}
        named = {name.replace("_", "-"): value for name, value in heads.items()}
        return self.app.test_client().post("/api/v1/hooks/medusa-fr", data=body, headers=signed | named)


@pytest.fixture
def subscriber(app: Flask, world: Engine) -> Subscriber:
    with unit_of_work(world) as session:
        return Subscriber(app, add_receiver(
            session, name="medusa-fr", kind="medusa", marketplace_id="halle-fr", shop="morvan-fr", actor="t", now=NOW))


def test_a_signed_webhook_becomes_events_once(subscriber: Subscriber, world: Engine) -> None:
    first = subscriber.send(hook("order.placed"))
    assert (first.status_code, first.json) == (
        200, {"accepted": 1, "duplicate": 0, "conflict": 0, "quarantined": 0, "repeated": False})
    assert subscriber.send(hook("order.placed")).json["repeated"] is True
    assert subscriber.send(hook("order.placed"), "msg_2").json["duplicate"] == 1
    assert subscriber.send(hook("order.updated"), "msg_3").json["accepted"] == 0
    assert list_logged(world) == [f"order.placed:{ORDER['id']}"]
    with reading(world) as session:
        assert session.scalars(select(OrderFact.order_ref)).all() == [ORDER["id"]]


def test_what_is_unknown_is_set_aside_and_never_a_crash(subscriber: Subscriber, world: Engine) -> None:
    for number, payload in enumerate(([], 5, None, [{}, {}])):
        assert subscriber.send(payload, f"odd_{number}").status_code == 400
    strange: list[Any] = [hook("order.exploded"), hook("order.placed", order={}), [hook("order.exploded")], {"type": 3},
                          {"type": "order.placed"}, {"type": "order.placed", "data": [None, 5]},
                          hook("delivery.created", order={"fulfillments": [None, {"id": {}}]})]
    for number, payload in enumerate(strange):
        answer = subscriber.send(payload, f"strange_{number}")
        assert (answer.status_code, answer.json["accepted"]) == (200, 0), payload
    assert {row.origin for row in list_quarantined(world)} == {"webhook medusa-fr"}
    assert list_logged(world) == []


def test_a_list_of_things_is_taken_as_well(subscriber: Subscriber) -> None:
    many = {"type": "order.placed", "data": [{"order": ORDER | {"id": f"order_{n}"}} for n in range(3)]}
    assert subscriber.send(many).json["accepted"] == 3


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_not_rightly_signed_is_refused_with_its_header_named(subscriber: Subscriber, world: Engine) -> None:
    payload, refused = hook("order.placed"), []
    for heads in ({"webhook_signature": "v1,AAAA"}, {"webhook_signature": ""}, {"webhook_signature": "v1a,é"},
                  {"webhook_id": "msg_other"}, {"webhook_id": ""}, {"webhook_id": "x" * 201},
                  {"webhook_timestamp": "1"}, {"webhook_timestamp": "soon"}, {"webhook_timestamp": "9" * 11},
                  {"webhook_timestamp": str(int(NOW.timestamp()) + 1)}):
        answer = subscriber.send(payload, **heads)
        assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
        refused.append(answer.get_json(force=True)["where"].removeprefix("webhook-"))
    assert refused == ["signature", "signature", "signature", "signature", "id", "id", "timestamp", "timestamp",
                       "timestamp", "signature"]
    for at in (NOW - 5.1 * MINUTE, NOW + 5.1 * MINUTE):
        subscriber.at = at
        assert subscriber.send(payload).status_code == 401
    assert subscriber.app.test_client().post("/api/v1/hooks/nobody", data="{}").status_code == 404
    subscriber.at = NOW
    for body, status in (("{", 400), ("", 400)):
        assert subscriber.send(body).status_code == status
    assert list_logged(world) == []


def test_two_secrets_hold_for_a_while_and_none_after_the_stop(
    subscriber: Subscriber, world: Engine, clock: Clock
) -> None:
    old = subscriber.secret
    with unit_of_work(world) as session:
        new = rotate_secret(session, name="medusa-fr", actor="t", now=NOW)
    for number, secret in enumerate((old, new)):
        subscriber.secret = secret
        assert subscriber.send(hook("order.placed"), f"m{number}").status_code == 200
    clock.now = subscriber.at = NOW + timedelta(days=7)
    assert subscriber.send(hook("order.placed"), "m3").status_code == 200
    subscriber.secret = old
    assert subscriber.send(hook("order.placed"), "m4").status_code == 401
    with unit_of_work(world) as session:
        stop_receiver(session, name="medusa-fr", actor="t", now=NOW)
        with pytest.raises(ReceiverError, match="no address"):
            rotate_secret(session, name="medusa-fr", actor="t", now=NOW)
    subscriber.secret = new
    assert subscriber.send(hook("order.placed"), "m5").status_code == 404


def test_what_came_is_forgotten_after_a_month_and_its_events_stay_duplicates(
    subscriber: Subscriber, world: Engine, clock: Clock
) -> None:
    subscriber.send(hook("order.placed"))
    assert forget_received(world, now=NOW + KEPT) == 0
    assert forget_received(world, now=NOW + KEPT + MINUTE) == 1
    with reading(world) as session:
        assert not is_received(session, 1, "msg_1")
    clock.now = subscriber.at = NOW + KEPT + MINUTE
    assert subscriber.send(hook("order.placed")).json["duplicate"] == 1


@pytest.mark.parametrize("database", ["sqlite"])
def test_addresses_are_kept_from_the_command_line(world: Engine) -> None:
    def run(*arguments: str) -> Any:
        context = Context(given_settings=Settings(), given_engine=world, clock=lambda: NOW)
        return CliRunner().invoke(receiver_group, arguments, obj=context)

    made = json.loads(run("add", "shop", "--kind", "medusa", "--marketplace", "halle-fr", "--json").stdout)
    assert made["secret"].startswith("whsec_")
    assert run("add", "shop", "--kind", "medusa", "--marketplace", "halle-fr").exit_code != 0
    rotated = json.loads(run("rotate", "shop", "--json").stdout)
    assert rotated["secret"] != made["secret"]
    assert made["secret"] not in run("list", "--json").stdout
    assert "shop  medusa  halle-fr" in run("list").stdout
    assert json.loads(run("stop", "shop", "--json").stdout)["stopped"] is True
    assert "(stopped)" in run("list").stdout
