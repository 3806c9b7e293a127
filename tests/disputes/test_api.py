"""Programs act through the API: the same rules, the same refusals, each step told to webhooks once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from operator_qos.accounts import service as accounts
from operator_qos.accounts.actors import Actor as Person
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.disputes.contract import write_openapi
from operator_qos.disputes.desk import DOINGS
from operator_qos.disputes.jobs import run_timers
from operator_qos.disputes.models import DisputeStep
from operator_qos.events.models import Event
from operator_qos.hooks.jobs import call_hooks
from operator_qos.hooks.models import HookCall
from operator_qos.hooks.rules import SECRET_PREFIX, sign
from operator_qos.hooks.service import HookError, add_hook
from tests.disputes.test_pages import _event as event_of
from tests.disputes.test_pages import _tell
from tests.web.fixtures import NOW, Clock, app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CLAIM = {"marketplace": "halle-fr", "shop": "morvan-fr", "case": "A-1", "order": "O-1", "reason": "not_received",
         "amount_minor": 19690}


@dataclass
class Program:
    """A program with a key."""

    app: Flask
    key: str
    forms: int = 0

    def call(self, method: str, path: str, **body: Any) -> TestResponse:
        return self.app.test_client().open(
            f"/api/v1{path}", method=method, json=body or None, headers={"Authorization": f"Bearer {self.key}"})

    def act(self, dispute: int, action: str, who: str, **body: Any) -> TestResponse:
        self.forms += 1
        sent = {"as": who, "token": f"form-{self.forms}", **body}
        return self.call("POST", f"/disputes/{dispute}/actions/{action}", **sent)


def _make_key(engine: Engine, scope: str = "disputes", marketplace: str | None = "halle-fr") -> str:
    with unit_of_work(engine) as session:
        person = Person(1, "Inès", "ines@operator.example", "admin", None, "en")
        return str(accounts.create_key(
            session, name=f"{scope} {marketplace}", scope=scope, marketplace_id=marketplace, actor=person, now=NOW))


@pytest.fixture
def program(app: Flask, engine: Engine) -> Program:
    line = {"line": "1", "sku": "pot", "amount_minor": 19690}
    _tell(engine, event_of("order.placed", "O-1", NOW - 6 * DAY, "morvan-fr", {
        "currency": "EUR", "buyer": "léa", "lines": [line]}))
    return Program(app, _make_key(engine))


@pytest.fixture
def opened(program: Program, clock: Clock) -> int:
    answer = program.call("POST", "/disputes", **CLAIM)
    assert answer.status_code == 200, answer.text
    clock.now += HOUR
    return int(answer.json["dispute"]["id"])


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_dispute_goes_from_opening_to_a_decision_on_appeal(program: Program, opened: int, clock: Clock) -> None:
    again = program.call("POST", "/disputes", **CLAIM)
    assert (again.json["new"], again.json["dispute"]["id"]) == (False, opened)
    shown = program.call("GET", f"/disputes/{opened}").json
    assert (shown["state"], shown["case"], shown["holder"]) == ("opened", "A-1", "seller")
    said = program.act(opened, "answer", "seller", text="Which one?", awaits_buyer=True)
    assert said.json["dispute"]["state"] == "in_discussion"
    clock.now += HOUR
    offer = program.act(opened, "offer", "buyer", text="Half?", remedy="partial_refund", amount_minor=9000)
    number = offer.json["dispute"]["offers"][0]["id"]
    own = program.act(opened, "accept_offer", "buyer", offer=number)
    assert (own.status_code, own.json["code"]) == (422, "own")
    clock.now += HOUR
    assert program.act(opened, "escalate", "buyer").json["dispute"]["state"] == "assigned"
    illegal = program.act(opened, "offer", "seller", text="x", remedy="apology")
    assert (illegal.status_code, illegal.json["state"]) == (409, "assigned")
    ruling = {"fault": "seller", "remedy": "refund", "refund_minor": 19690, "counts": True, "grounds": "Not sent."}
    unknown = program.act(opened, "decide", "mediator", mediator="nobody@example.org", ruling=ruling)
    assert (unknown.status_code, unknown.json["field"]) == (422, "mediator")
    decided = program.act(opened, "decide", "mediator", mediator="rosa@mediators.example", ruling=ruling)
    assert decided.json["dispute"]["state"] == "decided", decided.json
    assert program.call("GET", f"/disputes/{opened}/decision?language=fr").data.startswith(b"%PDF")
    clock.now += HOUR
    appealed = program.act(opened, "appeal", "seller", text="It was sent.").json["dispute"]
    assert (appealed["state"], appealed["fault"]) == ("under_appeal", "seller")


@pytest.mark.parametrize("database", ["sqlite"])
def test_each_side_reads_its_own(program: Program, opened: int, clock: Clock) -> None:
    file = {"name": "proof.txt", "content_base64": base64.b64encode(b"signed for").decode()}
    program.act(opened, "note", "seller", text="Our own note.", files=[file])
    clock.now += HOUR
    program.act(opened, "write", "seller", text="Call 06 12 34 56 78", to=["buyer"])
    texts = {side: [m["text"] for m in program.call("GET", f"/disputes/{opened}/messages?as={side}").json["messages"]]
             for side in ("buyer", "seller", "staff")}
    assert texts == {"buyer": ["Call […]"], "seller": ["Our own note.", "Call 06 12 34 56 78"],
                     "staff": ["Call 06 12 34 56 78"]}
    found = {side: program.call("GET", f"/disputes/{opened}/files/1?as={side}").status_code
             for side in ("buyer", "seller", "staff")}
    assert found == {"buyer": 404, "seller": 200, "staff": 404}


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_key_reaches_its_own_marketplace_only(app: Flask, engine: Engine, program: Program, opened: int) -> None:
    other = Program(app, _make_key(engine, marketplace="lonja-es"))
    missing = other.call("GET", "/disputes/999999")
    for answer in (other.call("GET", f"/disputes/{opened}"), other.act(opened, "escalate", "buyer"),
                   other.call("POST", f"/disputes/{opened}/links", language="fr")):
        assert (answer.status_code, answer.data) == (404, missing.data)
    assert other.call("POST", "/disputes", **CLAIM).status_code == 404
    assert other.call("GET", "/disputes").json == {"disputes": [], "next_after": None}
    assert len(program.call("GET", "/disputes?state=opened").json["disputes"]) == 1
    wrong = Program(app, _make_key(engine, scope="ingest"))
    assert wrong.call("GET", "/disputes").status_code == 403


@pytest.mark.parametrize("database", ["sqlite"])
@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("answer", {"as": "seller"}, 422), ("answer", {}, 400), ("answer", {"as": "king"}, 422),
        ("answer", {"as": "seller", "text": "x", "more": 1}, 422), ("dance", {"as": "seller"}, 404),
        ("note", {"as": "seller", "text": "x", "files": [{"name": "a", "content_base64": "%%%"}]}, 422),
        ("note", {"as": "seller", "text": "x", "files": [{"name": "a.exe", "content_base64": "TVqQAAMA"}]}, 422),
        ("decide", {"as": "mediator", "mediator": "rosa@mediators.example"}, 422), ("take", {"as": "buyer"}, 409),
        ("ask_evidence", {"as": "operator"}, 409), ("offer", {"as": "seller", "remedy": "gift", "text": "x"}, 422),
        ("accept_offer", {"as": "buyer", "offer": 5}, 422),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    program: Program, engine: Engine, opened: int, action: str, body: dict[str, Any], status: int
) -> None:
    with reading(engine) as session:
        before = [session.scalar(select(func.count(model.seq if model is Event else model.id)))
                  for model in (Event, DisputeStep)]
    answer = program.call("POST", f"/disputes/{opened}/actions/{action}", **body)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    with reading(engine) as session:
        after = [session.scalar(select(func.count(model.seq if model is Event else model.id)))
                 for model in (Event, DisputeStep)]
    assert after == before


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_document_names_every_way_and_every_status(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi/disputes.json").json
    assert document == json.loads(json.dumps(write_openapi()))
    ways = {(str(rule.rule).replace("<int:", "{").replace("<", "{").replace(">", "}"), method.lower())
            for rule in app.url_map.iter_rules() if rule.endpoint.startswith("disputes_api.")
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    written = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert ways - {("/api/v1/openapi/disputes.json", "get")} == written
    acting = document["paths"]["/api/v1/disputes/{dispute_id}/actions/{action}"]["post"]
    assert acting["parameters"][1]["schema"]["enum"] == sorted(DOINGS)
    refs = set(_list_refs(document))
    assert {ref.rpartition("/")[2] for ref in refs} <= set(document["components"]["schemas"])


def _list_refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for item in value.values():
            yield from _list_refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_refs(item)


@dataclass
class Receiver:
    """An address that counts what it is told; `failing`: how many calls it refuses first."""

    failing: int = 0
    seen: list[tuple[dict[str, str], str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found, lock = Receiver(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            with lock:
                refuse, found.failing = found.failing > 0, max(0, found.failing - 1)
                if not refuse:
                    found.seen.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(503 if refuse else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/hooks?x=1"
    yield found
    server.shutdown()
    server.server_close()


def test_every_step_is_told_once_whoever_calls(
    app: Flask, engine: Engine, program: Program, receiver: Receiver, database_url: str
) -> None:
    with unit_of_work(engine) as session:
        secret = add_hook(session, marketplace_id="halle-fr", url=receiver.url, actor="test", now=NOW).secret
    dispute = program.call("POST", "/disputes", **CLAIM).json["dispute"]["id"]
    program.act(dispute, "answer", "seller", text="A word.")
    run_timers(engine, now=NOW + 4 * DAY)
    other = create_database_engine(database_url)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda e: call_hooks(e, now=NOW + 4 * DAY), (engine, other, engine, other)))
    other.dispose()
    with reading(engine) as session:
        steps = session.scalar(select(func.count(DisputeStep.id))) or 0
    assert sum(counts.get("sent", 0) for counts in done) == len(receiver.seen) == steps == 3
    told = [json.loads(body) for _, body in receiver.seen]
    assert sorted(t["type"] for t in told) == ["dispute.answer", "dispute.escalate", "dispute.open"]
    assert "A word." not in "".join(body for _, body in receiver.seen)
    headers, body = receiver.seen[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    assert headers["webhook-signature"] == "v1," + base64.b64encode(
        hmac.new(key, signed, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_receiver_that_fails_is_told_again_later(engine: Engine, program: Program, receiver: Receiver) -> None:
    with unit_of_work(engine) as session:
        add_hook(session, marketplace_id="halle-fr", url=receiver.url, actor="test", now=NOW)
    receiver.failing = 1
    program.call("POST", "/disputes", **CLAIM)
    assert call_hooks(engine, now=NOW) == {"waiting": 1}
    assert call_hooks(engine, now=NOW + timedelta(seconds=59)) == {}
    assert call_hooks(engine, now=NOW + timedelta(minutes=1)) == {"sent": 1}
    assert len(receiver.seen) == 1


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_receiver_that_is_gone_is_given_up_after_six_attempts(engine: Engine, program: Program) -> None:
    with unit_of_work(engine) as session:
        add_hook(session, marketplace_id="halle-fr", url="http://127.0.0.1:9/none", actor="test", now=NOW)
    program.call("POST", "/disputes", **CLAIM)
    found = [dict(call_hooks(engine, now=NOW + number * DAY)) for number in range(7)]
    assert found == [{"waiting": 1}] * 5 + [{"dead": 1}, {}]
    with reading(engine) as session:
        assert "refused" in session.scalars(select(HookCall.error)).one().lower()


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org", "https://", "https://x/" + "y" * 500])
@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_no_address_is_refused(world: Engine, url: str) -> None:
    with unit_of_work(world) as session, pytest.raises(HookError):
        add_hook(session, marketplace_id="halle-fr", url=url, actor="test", now=NOW)


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of the Standard Webhooks specification.
    found = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
                 at=datetime.fromtimestamp(1614265330, UTC), body='{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
