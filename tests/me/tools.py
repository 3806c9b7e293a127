"""A seller's program: a key of one company, and what it asks with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from operator_qos.accounts.seller_keys import create_seller_key
from operator_qos.db import reading, unit_of_work
from operator_qos.me.service import record_changes
from operator_qos.sellers.company_queries import find_seller_id
from tests.web.fixtures import NOW

OBLIGATIONS, REQUESTS = "/api/v1/me/obligations", "/api/v1/me/exclusion-requests"


def get_seller(engine: Engine, code: str) -> int:
    """The number of a company."""
    with reading(engine) as session:
        found = find_seller_id(session, code)
    assert found is not None
    return found


@dataclass(frozen=True)
class Tool:
    """A program with its key."""

    client: FlaskClient
    key: str

    def call(self, path: str = OBLIGATIONS, method: str = "GET", **sent: Any) -> TestResponse:
        """One call; what is sent besides `headers` and `query_string` is the body."""
        headers = {"Authorization": f"Bearer {self.key}", **sent.pop("headers", {})}
        query = sent.pop("query_string", None)
        return self.client.open(path, method=method, headers=headers, query_string=query, json=sent or None)

    def read(self, **query: Any) -> dict[str, Any]:
        """The list of obligations, or what changed."""
        answer = self.call(query_string=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json)


def make_tool(app: Flask, engine: Engine, seller: str = "morvan", scope: str = "seller_answer") -> Tool:
    """A new key of a company, whose programs follow its promises from now on."""
    seller_id = get_seller(engine, seller)
    with unit_of_work(engine) as session:
        key = create_seller_key(session, seller_id=seller_id, label=f"tool {scope}", scope=scope, actor="test", now=NOW)
        record_changes(session, seller_id=seller_id, now=NOW)
    return Tool(app.test_client(), key)


def follow(engine: Engine, now: datetime, seller: str = "morvan") -> int:
    """Tell the company's programs what changed."""
    with unit_of_work(engine) as session:
        return record_changes(session, seller_id=get_seller(engine, seller), now=now)
