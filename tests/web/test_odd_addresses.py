"""What nobody types and scanners do: a page that does not exist, never one that breaks; on both databases."""

from __future__ import annotations

import re

from flask import Flask

from tests.web.fixtures import PEOPLE, app, read_token, sign_in
from tests.web.test_every_route import list_routes

__all__ = ["app"]

ODD = ("9" * 30, "%00", "%ff")


def test_no_page_breaks_on_what_no_address_holds(app: Flask) -> None:
    clients = {role: sign_in(app, role) for role in PEOPLE}
    asked = 0
    for route, method, rule in list_routes(app):
        if method != "GET" or rule.scope or not route.arguments:
            continue
        client = clients[next(iter(sorted(rule.roles)), "admin")]
        for odd in ODD:
            path = re.sub("<[^>]+>", odd, route.rule)
            assert client.get(path).status_code < 500, path
            asked += 1
    assert asked > 60
    # A form with a NUL is turned away, a query with one leads nowhere.
    assert clients["admin"].get("/operator/sellers?q=a%00b").status_code == 404
    form = {"csrf_token": read_token(clients["admin"], "/account"), "email": "a\0b@example.org"}
    assert clients["admin"].post("/login", data=form).status_code == 400
