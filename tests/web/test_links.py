"""Every address of ours that is written as text, for notices, mails and statements, leads to a page there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

from tests.architecture.sources import read_sources
from tests.web.fixtures import app

__all__ = ["app"]

WRITTEN = re.compile(r"/(seller|operator|mediator|account|disputes|badges|standards)(/|$)")


def fill_in(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    is_place = isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name) and part.value.id == "place"
    return "1/1" if is_place else "1"


def list_addresses() -> Iterator[tuple[str, str]]:
    """(file and line, path) of each outside of pages; what is filled in stands as 1."""
    for source in read_sources("operator_qos"):
        if source.name.endswith(("views.py", "api.py", "navigation.py")):
            continue  # there they are rules and beginnings of addresses
        parts = {id(part) for node in source.walk() if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in source.walk():
            if isinstance(node, ast.JoinedStr):
                text = "".join(map(fill_in, node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
                text = node.value
            else:
                continue
            if WRITTEN.match(text) and not set(text) & set("<> \n"):
                yield f"{source.name}:{node.lineno}", text.partition("?")[0].partition("#")[0]


@pytest.mark.parametrize("database", ["sqlite"])
def test_no_address_that_we_write_is_dead(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    dead = []
    for place, path in list_addresses():
        try:
            adapter.match(path, method="GET")
        except MethodNotAllowed:
            continue  # where a form is sent
        except (NotFound, RequestRedirect):
            dead.append(f"{place} {path}")
    assert not dead, "\n".join(dead)
