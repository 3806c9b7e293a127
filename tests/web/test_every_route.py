"""Every route of the whole site against every role: only what the table says, and nothing more is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule as Route
from werkzeug.test import TestResponse

import operator_qos
from operator_qos.permissions import SELLER, Rule
from tests.web.fixtures import PEOPLE, app, read_token, sign_in

__all__ = ["app"]

FOREIGN = {"marketplace": "lonja-es", "shop": "bazar", "code": "bazar"}
MISSING = {"marketplace": "lonja-es", "shop": "nobody", "code": "nobody"}


def list_routes(app: Flask) -> Iterator[tuple[Route, str, Rule]]:
    """Each route with its method and rule."""
    rules = app.extensions["operator_qos.permissions"]
    for route in app.url_map.iter_rules():
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield route, method, rules[route.endpoint]


def fill(app: Flask, route: Route, given: dict[str, str]) -> str:
    """The address of a route with these values, something that does not exist for the others."""
    kinds = {name: type(found).__name__ for name, found in route._converters.items()}
    values = {
        name: given.get(name, 999_999 if kind == "RowNumber" else "nothing")
        for name, kind in kinds.items()
    }
    return app.url_map.bind("localhost").build(route.endpoint, values)


def call(client: FlaskClient, method: str, path: str, token: str = "") -> TestResponse:
    return client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)


def test_every_endpoint_is_in_the_permission_table(app: Flask) -> None:
    endpoints = {route.endpoint for route in app.url_map.iter_rules()}
    assert endpoints == set(app.extensions["operator_qos.permissions"])
    assert len(endpoints) > 8


def test_every_page_module_is_part_of_the_site() -> None:
    root = Path(operator_qos.__file__).parent
    found = {
        ".".join(["operator_qos", *path.relative_to(root).with_suffix("").parts])
        for name in ("*views.py", "*api.py")
        for path in root.glob(f"*/{name}")
        if "\nblueprint = " in path.read_text(encoding="utf-8")
    }
    assert found <= set(operator_qos.BLUEPRINTS), "name them in operator_qos.BLUEPRINTS"


def test_a_stranger_reaches_public_pages_only(app: Flask) -> None:
    client = app.test_client()
    for route, method, rule in list_routes(app):
        if rule.is_public:
            continue
        answer = call(client, method, fill(app, route, {}))
        if rule.scope or route.rule.startswith("/api/"):
            assert (answer.status_code, answer.mimetype) == (401, "application/problem+json"), route.rule
        else:
            assert answer.status_code == 302, route.rule
            assert answer.headers["Location"].startswith("/login"), route.rule


@pytest.mark.parametrize("role", PEOPLE)
def test_a_role_that_is_not_listed_meets_the_page_of_a_missing_address(app: Flask, role: str) -> None:
    client = sign_in(app, role)
    token, missing = read_token(client, "/account"), client.get("/no/such/page")
    refused = 0
    for route, method, rule in list_routes(app):
        if rule.is_public or rule.scope or role in rule.roles:
            continue
        answer = call(client, method, fill(app, route, {}), token)
        assert (answer.status_code, answer.data) == (404, missing.data), f"{method} {route.rule}"
        refused += 1
    assert refused > 0


def test_a_foreign_shop_answers_like_a_missing_one_on_every_page_of_sellers(app: Flask) -> None:
    client = sign_in(app, "seller_owner")
    token, tried = read_token(client, "/account"), 0
    for route, method, rule in list_routes(app):
        if not rule.roles & set(SELLER) or not route.arguments & {"shop", "code"}:
            continue
        foreign = call(client, method, fill(app, route, FOREIGN), token)
        missing = call(client, method, fill(app, route, MISSING), token)
        assert foreign.status_code == 404, f"{method} {route.rule}"
        assert foreign.data == missing.data, f"{method} {route.rule}"
        tried += 1
    assert tried > 0


def test_every_form_of_people_needs_its_token(app: Flask) -> None:
    clients = {role: sign_in(app, role) for role in PEOPLE}
    for route, method, rule in list_routes(app):
        if method == "GET" or rule.scope or rule.is_signed:
            continue
        role = next(iter(sorted(rule.roles)), "admin")
        answer = call(clients[role], method, fill(app, route, {}))
        assert answer.status_code == 400, f"{method} {route.rule}"
