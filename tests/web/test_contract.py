"""The document of the API names every path of the site's API, and the page shows every operation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from operator_qos.contract.document import write_openapi
from operator_qos.openapi import Part, write_document, write_operation
from tests.web.fixtures import app, clock, engine, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def _list_ways(app: Flask) -> set[tuple[str, str]]:
    return {(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower()) for rule in app.url_map.iter_rules()
            if rule.rule.startswith("/api/v1/") for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}


def test_every_path_under_the_api_is_in_the_document(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    assert document == json.loads(json.dumps(write_openapi()))
    assert _list_ways(app) == {(path, method) for path, ways in document["paths"].items() for method in ways}


def test_the_document_holds_together(app: Flask) -> None:
    document = write_openapi()
    names = [operation["operationId"] for ways in document["paths"].values() for operation in ways.values()]
    assert len(names) == len(set(names))
    assert {ref.rpartition("/")[2] for ref in _list_refs(document)} <= set(document["components"]["schemas"])
    for path, ways in document["paths"].items():
        for operation in ways.values():
            told = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path)), path


def test_an_operation_says_which_key_it_asks_for(app: Flask) -> None:
    rules = app.extensions["operator_qos.permissions"]
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"} if rule.rule.startswith("/api/v1/") else ():
            operation = write_openapi()["paths"][path][method.lower()]
            assert operation.get("x-scope", "") == rules[rule.endpoint].scope, path


def test_two_parts_may_not_describe_one_thing_differently(app: Flask) -> None:
    one = Part({"/x": {"get": write_operation("x", "X", answer="text/plain")}})
    with pytest.raises(ValueError, match="/x is described twice: get"):
        write_document("t", [one, one], webhooks={})
    named = [Part({}, schemas={"A": {"type": kind}}) for kind in ("string", "integer")]
    with pytest.raises(ValueError, match="called A"):
        write_document("t", named, webhooks={})


def test_the_page_shows_every_operation_to_anybody(app: Flask) -> None:
    page = app.test_client().get("/docs/api").text
    for path, ways in write_openapi()["paths"].items():
        for method, operation in ways.items():
            assert f"{method.upper()} {path}" in page
            assert f'id="{operation["operationId"]}"' in page
    assert "qos.order.placed" in page
    assert "<script src=\"http" not in page


def _list_refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        for item in value.values():
            yield from _list_refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _list_refs(item)
