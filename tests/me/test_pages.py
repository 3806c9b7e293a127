"""The page of a seller's own tools: everything is made, shown once, tried and ended there, by its own people alone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select
from standardwebhooks.webhooks import Webhook

from operator_qos.clock import utc_now
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.jobs import call_hooks
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.reach import Reach, UnreachableError, find_public_number, is_public
from operator_qos.hooks.rules import SELLER_TOPICS
from operator_qos.settings import Settings
from tests.disputes.test_api import Receiver, receiver
from tests.me.tools import Tool, follow
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, OTHER_SELLER, Clock, post, sign_in

__all__ = ["receiver"]
TOOLS = "/seller/tools"
KEY = re.compile(r"qos_[\w-]{43}")


@pytest.fixture
def site_settings(site_settings: Settings) -> Settings:
    """The receiver of the tests is on this machine."""
    return Settings(**{**vars(site_settings), "trusted_hook_hosts": "127.0.0.1"})


def test_a_key_is_made_shown_once_replaced_and_ended(app: Flask, world: Engine, clock: Clock) -> None:
    sw.fill(world)
    owner = sign_in(app, "seller_owner")
    assert post(owner, f"{TOOLS}/keys", {"label": "Zendesk", "scope": "seller_read"}).status_code == 303
    page = owner.get(TOOLS).text
    (key,) = KEY.findall(page)
    assert KEY.findall(owner.get(TOOLS).text) == []
    assert len(Tool(app.test_client(), key).read()["obligations"]) == 8
    again = post(owner, f"{TOOLS}/keys", {"label": "Zendesk", "scope": "seller_read"})
    assert (again.status_code, "Take another name" in again.text) == (422, True)
    assert post(owner, f"{TOOLS}/keys", {"label": "x", "scope": "ingest"}).status_code == 422
    (key_id,) = re.findall(rf"{TOOLS}/keys/(\d+)/end", page)
    assert post(owner, f"{TOOLS}/keys/{key_id}/replace").status_code == 303
    (new,) = KEY.findall(owner.get(TOOLS).text)
    assert [Tool(app.test_client(), one).call().status_code for one in (key, new)] == [200, 200]
    clock.now = NOW + timedelta(days=8)
    assert [Tool(app.test_client(), one).call().status_code for one in (key, new)] == [401, 200]
    assert post(owner, f"{TOOLS}/keys/{key_id}/end").status_code == 303
    assert Tool(app.test_client(), new).call().status_code == 401
    assert post(owner, f"{TOOLS}/keys/{key_id}/end").status_code == 404


def test_an_address_is_told_tried_and_stopped(app: Flask, world: Engine, receiver: Receiver) -> None:
    sw.fill(world)
    owner = sign_in(app, "seller_owner")
    added = post(owner, f"{TOOLS}/hooks", {"url": receiver.url, "topic": "obligation"})
    assert added.status_code == 303
    (secret,) = re.findall(r"whsec_[\w+/=]+", owner.get(TOOLS).text)
    with reading(world) as session:
        hook_id = session.scalars(select(Hook.id)).one()
    assert post(owner, f"{TOOLS}/hooks/{hook_id}/try").status_code == 303
    sw.send(world, sw.event(sw.HALLE, "order.shipped", "O-1", "2026-06-18T07:45:00Z", carrier="Colis Nord"),
            now=NOW + timedelta(minutes=10))
    assert follow(world, NOW + timedelta(minutes=10)) == 2  # one falls due soon, one is met
    now = utc_now()
    assert call_hooks(world, now=now, trusted_hosts=["127.0.0.1"]) == {"sent": 3}
    bodies = [Webhook(secret).verify(body, headers) for headers, body in receiver.seen]
    assert bodies[0]["type"] == "test.asked"
    assert {body["type"] for body in bodies[1:]} >= {"obligation.due_soon", "obligation.met"}
    assert all("Tient-il" not in body for _, body in receiver.seen)
    page = owner.get(TOOLS).text
    assert "obligation.met" in page
    assert post(owner, f"{TOOLS}/hooks/{hook_id}/stop").status_code == 303
    assert post(owner, f"{TOOLS}/hooks/{hook_id}/try").status_code == 404


def test_what_was_given_up_is_told_again(app: Flask, world: Engine, clock: Clock) -> None:
    owner = sign_in(app, "seller_owner")
    post(owner, f"{TOOLS}/hooks", {"url": "https://hooks.invalid/"})
    with unit_of_work(world) as session:
        hook_id = session.scalars(select(Hook.id)).one()
    post(owner, f"{TOOLS}/hooks/{hook_id}/try")
    with unit_of_work(world) as session:
        call = session.scalars(select(HookCall)).one()
        call_id, call.state = call.id, "dead"
    assert post(sign_in(app, email=OTHER_SELLER[0]), f"{TOOLS}/calls/{call_id}/again").status_code == 404
    assert post(owner, f"{TOOLS}/calls/{call_id}/again").status_code == 303


def test_another_company_meets_the_page_of_a_missing_thing(app: Flask, world: Engine) -> None:
    owner, other = sign_in(app, "seller_owner"), sign_in(app, email=OTHER_SELLER[0])
    post(owner, f"{TOOLS}/keys", {"label": "Zendesk", "scope": "seller_read"})
    post(owner, f"{TOOLS}/hooks", {"url": "https://hooks.invalid/"})
    page = other.get(TOOLS).text
    assert "Zendesk" not in page
    assert "hooks.invalid" not in page
    with reading(world) as session:
        hook_id = session.scalars(select(Hook.id)).one()
    paths = ("keys/1/end", "keys/1/replace", f"hooks/{hook_id}/stop", f"hooks/{hook_id}/try", "keys/99999999999/end")
    for path in paths:
        answer = post(other, f"{TOOLS}/{path}")
        missing = post(other, f"{TOOLS}/{path.replace('/1/', '/77/').replace(f'/{hook_id}/', '/77/')}")
        assert (answer.status_code, answer.data) == (404, missing.data)


@pytest.mark.parametrize("url", ["http://example.org/", "ftp://example.org/", "https://", "javascript:1", "https://[::1"])
def test_an_address_that_cannot_be_called_is_refused(app: Flask, url: str) -> None:
    answer = post(sign_in(app, "seller_owner"), f"{TOOLS}/hooks", {"url": url})
    assert answer.status_code == 422
    assert "cannot be called" in answer.text
    foreign = post(sign_in(app, "seller_owner"), f"{TOOLS}/hooks", {"url": "https://example.org/", "topic": "act"})
    assert foreign.status_code == 422
    assert "act" not in SELLER_TOPICS


@pytest.mark.parametrize(("number", "public"), [
    ("127.0.0.1", False), ("10.1.2.3", False), ("169.254.169.254", False), ("192.168.0.1", False), ("::1", False),
    ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:10.0.0.1", False),
    ("64:ff9b::7f00:1", False), ("0.0.0.1", False),
    ("2002:7f00:1::", False), ("224.0.0.1", False), ("100.64.0.1", False), ("nonsense", False), ("8.8.8.8", True),
    ("2606:4700::1111", True), ("64:ff9b::808:808", True)])
def test_only_numbers_of_the_open_internet_are_public(number: str, public: bool) -> None:
    assert is_public(number) is public


def test_a_call_of_a_seller_does_not_lead_into_our_network(receiver: Receiver) -> None:
    port = int(receiver.url.split(":")[2].partition("/")[0])
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(UnreachableError):
            find_public_number(host, port)
        with pytest.raises(UnreachableError):
            Reach(True).connect("https", host, port)
    with pytest.raises(UnreachableError):
        Reach(True, ["127.0.0.1"]).connect("http", "localhost", port)
    assert Reach(True, ["127.0.0.1"]).connect("http", "127.0.0.1", port).host == "127.0.0.1"
    assert receiver.seen == []
