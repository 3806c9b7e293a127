"""Programs that send anything: no crash, and no answer that the contract does not announce."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from operator_qos.accounts.seller_keys import SELLER_SCOPES, create_seller_key
from operator_qos.contract.document import write_openapi
from operator_qos.db import unit_of_work
from scoring.event_types import MODELS
from tests.api.fuzzing import JUNK, from_schema, list_surprises, objects, to_root
from tests.api.sending import BATCH, Sender, event, make_key
from tests.disputes.test_pages import _open_case
from tests.web.fixtures import NOW, app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
DOCUMENT = write_openapi()
ROOT = to_root(DOCUMENT)
OPERATIONS = [(path, method, operation) for path, methods in DOCUMENT["paths"].items()
              for method, operation in methods.items()]
DISPUTES = [found for found in OPERATIONS if found[0].startswith("/api/v1/disputes")]
ACTING = [found for found in OPERATIONS if "{action}" in found[0]]
OFTEN = (OPERATIONS, DISPUTES, ACTING, ACTING)
KNOWN: dict[str, list[Any]] = {
    "marketplace": ["halle-fr"], "shop": ["morvan-fr"], "order": ["O-F-1", "O-F-2"], "case": ["F-1", "new"],
    "mediator": ["rosa@mediators.example"], "fault": ["seller", "carrier"], "text": ["A word."], "offer": [1],
    "remedy": ["refund", "partial_refund", "none", "apology"], "to": [["seller"], ["staff"]], "token": ["a", "b"],
    "amount_minor": [100, 19690], "refund_minor": [0, 19690], "dispute_id": [1, 2], "file_id": [1], "link_id": [1],
    "grounds": ["Because."], "content_base64": ["aGVsbG8=", "JVBERi0="], "name": ["a.txt"]}
FUZZ = settings(deadline=None, database=None, derandomize=True,
                suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
                                       HealthCheck.data_too_large])
odd_bodies = st.binary(max_size=60) | JUNK.map(lambda value: json.dumps(value).encode())


def _schema_of(parameter: dict[str, Any]) -> dict[str, Any]:
    schema = dict(parameter["schema"])
    return schema if "enum" in schema else {"type": "string", **schema}


def _draw_parameters(data: st.DataObject, operation: dict[str, Any], path: str) -> tuple[str, dict[str, Any]]:
    query = {}
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        value = data.draw(from_schema(_schema_of(parameter), ROOT, KNOWN, name), label=name)
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(str(value), safe="") or "0")
        elif parameter["in"] == "header":
            continue  # signatures have tests of their own
        elif data.draw(st.booleans(), label=f"with {name}"):
            query[name] = data.draw(st.just(str(value)) | st.text(max_size=6), label=f"{name} as sent")
    return path, query


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_api_answers_as_announced(app: Flask, engine: Engine) -> None:
    for case in ("F-1", "F-2"):
        _open_case(engine, case, 20)
    client = app.test_client()
    scopes = {operation["x-scope"] for _, _, operation in OPERATIONS if "x-scope" in operation}
    keys = {scope: make_key(engine, f"fuzz {scope}", scope, "halle-fr") for scope in scopes - set(SELLER_SCOPES)}
    with unit_of_work(engine) as session:
        for scope in SELLER_SCOPES:
            keys[scope] = create_seller_key(session, seller_id=1, label=scope, scope=scope, actor="t", now=NOW)
    seen: set[tuple[str, int]] = set()

    @given(st.data())
    @settings(FUZZ, max_examples=200)
    def ask(data: st.DataObject) -> None:
        # Whoever only reads finds little: what acts is asked more often.
        path, method, operation = data.draw(st.sampled_from(data.draw(st.sampled_from(OFTEN))))
        path, query = _draw_parameters(data, operation, path)
        sent: dict[str, Any] = {}
        scope = operation.get("x-scope")
        heads = {"Authorization": f"Bearer {keys[scope]}"} if scope else {}
        if "requestBody" in operation:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            heads |= {"Content-Type": "application/json"}
            body = data.draw(from_schema(schema, ROOT, KNOWN), label="body")
            odd = data.draw(st.integers(0, 9), label="odd") == 0
            content = data.draw(odd_bodies) if odd else json.dumps(body).encode()
            sent = {"data": content}
        answer = client.open(path, method=method.upper(), query_string=query, headers=heads, **sent)
        seen.add((operation["operationId"], answer.status_code))
        assert answer.status_code < 500, answer.text
        assert list_surprises(answer, operation, ROOT) == []

    ask()
    # A fuzzer that is always turned away tests nothing.
    assert {name for name, status in seen if status == 200} >= {"list_disputes", "show_dispute", "act"}
    assert {status for _, status in seen} >= {200, 404, 409, 422}


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_intake_of_events_answers_every_event_and_never_crashes(sender: Sender) -> None:
    names = sorted(MODELS)
    roots = {name: MODELS[name].model_json_schema() for name in names}
    known = {"order": ["order-1"], "case": ["case-1"], "line": ["1"], "currency": ["EUR"]}
    seen: set[str] = set()

    @st.composite
    def events(draw: st.DrawFn) -> dict[str, Any]:
        name = draw(st.sampled_from(names))
        data = draw(objects(roots[name], {"$defs": roots[name].get("$defs", {})}, known))
        made = event(draw(st.integers(1, 5)), f"qos.{name}", data=data)
        if draw(st.integers(0, 5)) == 0:
            made[draw(st.sampled_from([*made, "odd"]))] = draw(JUNK)
        return made

    @given(st.lists(events(), max_size=4) | st.lists(JUNK, max_size=3))
    @settings(FUZZ, max_examples=80)
    def send(batch: list[Any]) -> None:
        answer = sender.post(json.dumps(batch).encode())
        assert answer.status_code in {200, 400, 413, 422}, answer.text
        if answer.status_code == 200:
            told = answer.get_json()
            assert len(told["events"]) == len(batch)
            assert {row["status"] for row in told["events"]} <= {"accepted", "duplicate", "conflict", "quarantined"}
            seen.update(row["status"] for row in told["events"])

    @given(odd_bodies, st.sampled_from(["application/json", BATCH, "text/plain", "x", ""]))
    @settings(FUZZ, max_examples=40)
    def send_anything(body: bytes, kind: str) -> None:
        assert sender.post(body, kind).status_code in {200, 400, 413, 415, 422}

    send()
    send_anything()
    assert seen >= {"accepted", "quarantined"}
