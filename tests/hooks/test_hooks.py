"""Every topic goes the same way: told once to who listens, signed, tried again, given up, told again by a person."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from operator_qos import migrate
from operator_qos.audit.models import AuditRow
from operator_qos.clock import utc_now
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks import jobs
from operator_qos.hooks.jobs import call_hooks
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.queries import find_hook_call, list_calls, list_hooks
from operator_qos.hooks.service import HookError, add_hook, queue_hook, requeue_call, stop_hook
from tests.disputes.test_api import Receiver, receiver
from tests.web.fixtures import NOW, add_companies, app, clock, engine, post, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "receiver", "site_settings", "world"]
DEAD_END = "http://127.0.0.1:9/none"


def listen(engine: Engine, url: str, *topics: str, place: str = "halle-fr") -> Hook:
    with unit_of_work(engine) as session:
        return add_hook(session, marketplace_id=place, url=url, topics=topics, actor="ines", now=NOW)


def tell(engine: Engine, topic: str = "act.asked", key: str = "act:1", now: datetime = NOW) -> list[int]:
    with unit_of_work(engine) as session:
        return queue_hook(session, marketplace_id="halle-fr", topic=topic, key=key, data={"act": 1}, now=now)


def test_who_listens_is_told_once_and_can_check_the_signature(engine: Engine, receiver: Receiver) -> None:
    add_companies(engine)
    secret = listen(engine, receiver.url, "act").secret
    listen(engine, receiver.url, "dispute")
    listen(engine, receiver.url, place="lonja-es")
    now = utc_now()  # who checks a signature refuses an old one
    (call,) = tell(engine, now=now)
    assert tell(engine, now=now) == [call]
    assert call_hooks(engine, now=now) == {"sent": 1}
    assert call_hooks(engine, now=now + timedelta(days=1)) == {}
    ((headers, body),) = receiver.seen
    assert Webhook(secret).verify(body, headers) == {"type": "act.asked", "timestamp": now.isoformat(),
                                                     "data": {"act": 1}}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace("1", "2"), headers)
    with reading(engine) as session:
        found = find_hook_call(session, call)
        assert found is not None
        assert (found.state, found.sent_at, found.attempts, found.url) == ("sent", now, 1, receiver.url)
        assert find_hook_call(session, call + 1) is None
        assert [(row.sent, row.waiting) for row in list_hooks(session)] == [(1, 0), (0, 0), (0, 0)]


def test_an_address_without_a_choice_is_told_of_everything(engine: Engine) -> None:
    add_companies(engine)
    listen(engine, DEAD_END)
    calls = [tell(engine, topic, topic) for topic in ("act.asked", "standing.changed", "statement.issued", "dispute.x")]
    assert [len(found) for found in calls] == [1, 1, 1, 1]
    long = [tell(engine, key="k" * 300), tell(engine, key="k" * 299 + "x"), tell(engine, key="k" * 300)]
    assert long[0] == long[2] != long[1]


def test_what_was_given_up_is_told_again_by_a_person(engine: Engine, receiver: Receiver) -> None:
    add_companies(engine)
    hook = listen(engine, DEAD_END)
    (call,) = tell(engine)
    counts = [dict(call_hooks(engine, now=NOW + number * timedelta(days=1))) for number in range(6)]
    assert counts == [{"waiting": 1}] * 5 + [{"dead": 1}]
    with unit_of_work(engine) as session:
        assert [row.id for row in list_calls(session, state="dead")] == [call]
        session.get_one(Hook, hook.id).url = receiver.url
        assert requeue_call(session, call_id=call, actor="ines", now=NOW)
        assert not requeue_call(session, call_id=call, actor="ines", now=NOW)
    assert call_hooks(engine, now=NOW) == {"sent": 1}
    with reading(engine) as session:
        audited = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
    assert audited == ["hook.added", "hook.requeued"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_address_that_takes_nothing_keeps_no_other_waiting(engine: Engine, receiver: Receiver) -> None:
    add_companies(engine)
    listen(engine, DEAD_END, "act")
    for number in range(4):
        tell(engine, key=f"act:{number}")
    listen(engine, receiver.url, "standing")
    (call,) = tell(engine, "standing.changed", "standing:1")
    assert call_hooks(engine, now=NOW, limit=3) == {"waiting": 1, "sent": 1}
    with reading(engine) as session:
        found = find_hook_call(session, call)
    assert found is not None
    assert found.state == "sent"


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_slow_address_is_called_once_a_round(
    engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_companies(engine)
    listen(engine, receiver.url)
    for number in range(2):
        tell(engine, key=f"act:{number}")
    monkeypatch.setattr(jobs, "SLOW_SECONDS", 0.0)
    assert [call_hooks(engine, now=NOW) for _round in range(3)] == [{"sent": 1}, {"sent": 1}, {}]


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_answer_without_end_is_cut_off(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, each well within the time limit of the socket."""
    monkeypatch.setattr(jobs, "LONGEST_SECONDS", 0.3)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        def drip() -> None:
            with server.accept()[0] as line, suppress(OSError):
                while not over.wait(0.05):
                    line.sendall(b"H")

        dripping = threading.Thread(target=drip)
        dripping.start()
        add_companies(engine)
        listen(engine, f"http://127.0.0.1:{server.getsockname()[1]}/")
        tell(engine)
        started = time.monotonic()
        assert call_hooks(engine, now=NOW) == {"waiting": 1}
        assert time.monotonic() - started < 5
        over.set()
        dripping.join()


def test_an_address_that_was_stopped_is_told_nothing_more(engine: Engine, receiver: Receiver) -> None:
    add_companies(engine)
    hook = listen(engine, receiver.url)
    (call,) = tell(engine)
    with unit_of_work(engine) as session:
        assert stop_hook(session, hook_id=hook.id, actor="ines", now=NOW)
        assert not stop_hook(session, hook_id=hook.id, actor="ines", now=NOW)
    assert tell(engine, key="act:2") == []
    assert call_hooks(engine, now=NOW) == {}
    with unit_of_work(engine) as session:
        assert not requeue_call(session, call_id=call, actor="ines", now=NOW)
    assert receiver.seen == []


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_cannot_be_told_is_refused(engine: Engine) -> None:
    add_companies(engine)
    for url, topics, place in ((DEAD_END, ["weather"], "halle-fr"), ("ftp://x", [], "halle-fr"),
                               ("http://[::1", [], "halle-fr"), (DEAD_END, [], "nowhere")):
        with unit_of_work(engine) as session, pytest.raises(HookError):
            add_hook(session, marketplace_id=place, url=url, topics=topics, actor="ines", now=NOW)


def test_the_page_adds_stops_and_tells_again(app: Flask, engine: Engine) -> None:
    admin = sign_in(app, "admin")
    added = post(admin, "/operator/hooks", {"url": DEAD_END, "marketplace": "halle-fr", "topic": "act"})
    assert added.status_code == 303
    (call,) = tell(engine)
    with unit_of_work(engine) as session:
        row = session.get_one(HookCall, call)
        row.state, row.error = "dead", "answered 500"
    page = admin.get("/operator/hooks").text
    assert "whsec_" in page
    assert "answered 500" in page
    assert "whsec_" not in admin.get("/operator/hooks").text
    assert post(admin, f"/operator/hooks/calls/{call}/again").status_code == 303
    with reading(engine) as session:
        assert session.get_one(HookCall, call).state == "waiting"
        hook_id = session.scalars(select(Hook.id)).one()
    assert post(admin, f"/operator/hooks/{hook_id}/stop").status_code == 303
    assert "stopped" in admin.get("/operator/hooks").text
    assert admin.get("/operator/disputes/hooks").location == "/operator/hooks"
    assert sign_in(app, "analyst").get("/operator/hooks").status_code == 404


OLD_CALLS = """
INSERT INTO marketplaces (id, name, timezone, currency, country, language, buyer_key) VALUES
  ('m', 'M', 'Europe/Paris', 'EUR', 'FR', 'fr', '00');
INSERT INTO sellers (id, code, name, country, language) VALUES (1, 's', 'S', 'FR', 'fr');
INSERT INTO shops (id, marketplace_id, code, seller_id, name, country, timezone, opened_ms, cells_ms, last_event_ms)
  VALUES (1, 'm', 'a', 1, 'A', 'FR', '', 0, 0, 0);
INSERT INTO disputes (id, shop_id, case_ref, kind, currency, state, opened_at, reason, holder)
  VALUES (1, 1, 'C-1', 'claim', 'EUR', 'opened', '2026-06-01 00:00:00', 'late', 'seller');
INSERT INTO dispute_steps (id, dispute_id, at, actor, kind, data) VALUES
  (5, 1, '2026-06-01 00:00:00', 'x', 'open', '{}'), (6, 1, '2026-06-01 00:00:00', 'x', 'answer', '{}');
INSERT INTO dispute_hooks (id, marketplace_id, url, secret, is_active) VALUES
  (3, 'm', 'https://e.example', 'whsec_AAAA', true);
INSERT INTO dispute_hook_calls (id, step_id, hook_id, state, attempts, next_attempt_at, body, error) VALUES
  (7, 5, 3, 'sent', 1, '2026-06-01 00:00:00', '{}', ''), (8, 6, 3, 'waiting', 2, '2026-06-01 00:00:00', '{}', 'late')
"""


def test_addresses_and_calls_of_disputes_are_carried_over_and_back(empty_engine: Engine) -> None:
    migrate.upgrade(empty_engine, "0010")
    with empty_engine.begin() as connection:
        for statement in OLD_CALLS.split(";\n"):
            connection.execute(text(statement))
    migrate.upgrade(empty_engine)
    with unit_of_work(empty_engine) as session:
        found = {row.id: row for row in session.scalars(select(HookCall))}
        assert [(row.topic, row.key, row.message_id, row.state) for row in found.values()] == [
            ("dispute.open", "dispute-step:5", "dispute-call-7", "sent"),
            ("dispute.answer", "dispute-step:6", "dispute-call-8", "waiting")]
        assert session.scalars(select(Hook)).one().topics == ["dispute"]
        moment = datetime(2026, 6, 1, tzinfo=UTC)
        told = {"marketplace_id": "m", "data": {}, "now": moment}
        assert queue_hook(session, topic="dispute.answer", key="dispute-step:6", **told) == [8]
        added = queue_hook(session, topic="dispute.offer", key="dispute-step:9", **told)
        assert added[0] > 8
        assert json.loads(session.get_one(HookCall, added[0]).body)["type"] == "dispute.offer"
        session.delete(session.get_one(HookCall, added[0]))
    migrate.downgrade(empty_engine, "0010")
    with empty_engine.connect() as connection:
        kept = connection.execute(text("SELECT id, step_id, state FROM dispute_hook_calls ORDER BY id")).all()
    assert [tuple(row) for row in kept] == [(7, 5, "sent"), (8, 6, "waiting")]
