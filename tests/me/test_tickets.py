"""Promises as tickets: what a help desk takes, and the same promises as the list of obligations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from tests.me.tools import Tool, make_tool
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW

TICKETS = "/api/v1/me/tickets"
# What each help desk takes, by its documentation.
ZENDESK = {"external_id", "type", "subject", "comment", "status", "priority", "due_at", "tags"}
FRESHDESK = {"subject", "description", "status", "priority", "due_by", "fr_due_by", "tags"}


@pytest.fixture
def tool(app: Flask, world: Engine) -> Tool:
    sw.fill(world)
    return make_tool(app, world)


def read(tool: Tool, shape: str, **query: Any) -> dict[str, Any]:
    answer = tool.call(TICKETS, query_string={"shape": shape, **query})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def test_every_open_promise_is_a_task_of_zendesk(tool: Tool) -> None:
    owed, found = tool.read(), read(tool, "zendesk")
    assert found["since"] == owed["since"]
    for row, view in zip(owed["obligations"], found["tickets"], strict=True):
        ticket = view["ticket"]
        assert set(ticket) == ZENDESK
        assert (view["obligation"], ticket["external_id"], ticket["due_at"]) == (row["id"], row["id"], row["due_at"])
        assert (ticket["status"] == "open", ticket["priority"] == "urgent") == (row["state"] == "mine", row["late"])
        assert ticket["comment"] == {"public": False, "body": "\n".join(
            row[name] for name in ("todo", "about", "text", "cost", "link") if row[name])}


def test_every_open_promise_is_a_ticket_of_freshdesk(tool: Tool) -> None:
    owed, found = tool.read(), read(tool, "freshdesk")
    late = 0
    for row, view in zip(owed["obligations"], found["tickets"], strict=True):
        ticket = view["ticket"]
        assert set(ticket) == FRESHDESK
        assert ticket["status"] == (2 if row["state"] == "mine" else 3)
        assert ticket["due_by"] == ticket["fr_due_by"] == (None if row["late"] else row["due_at"])
        assert (ticket["priority"] == 4) is row["late"]
        late += row["late"]
    assert 0 < late < len(found["tickets"])
    (answer,) = (view["ticket"] for view in found["tickets"] if "Answer the buyer" in view["ticket"]["subject"])
    assert answer["subject"] == "Answer the buyer · halle-fr morvan-fr O-2"
    assert "&lt;b&gt;au four&lt;/b&gt;" in answer["description"]
    assert answer["tags"] == ["operator-qos", "answer"]


def test_what_falls_due_within_hours_is_of_high_priority(tool: Tool) -> None:
    soon = {view["obligation"] for view in read(tool, "zendesk")["tickets"] if view["ticket"]["priority"] == "high"}
    near = (NOW + timedelta(hours=4)).timestamp()
    due = {row["id"] for row in tool.read()["obligations"]
           if row["due_at"] and not row["late"] and datetime.fromisoformat(row["due_at"]).timestamp() <= near}
    assert soon == due


def test_pages_of_tickets_add_up_to_the_whole(tool: Tool) -> None:
    whole = [view["obligation"] for view in read(tool, "zendesk")["tickets"]]
    found, cursor = [], ""
    while cursor is not None:
        page = read(tool, "zendesk", limit=2, cursor=cursor)
        found, cursor = [*found, *(view["obligation"] for view in page["tickets"])], page["next_cursor"]
    assert found == whole
    assert len(whole) > 2


@pytest.mark.parametrize("query", [{}, {"shape": "jira"}, {"shape": "zendesk", "limit": 101}])
def test_an_unknown_shape_and_too_large_a_page_are_refused(tool: Tool, query: dict[str, Any]) -> None:
    answer = tool.call(TICKETS, query_string=query)
    assert (answer.status_code, answer.json["field"]) == (422, "limit" if "limit" in query else "shape")


def test_another_company_sees_none_of_them(app: Flask, world: Engine, tool: Tool) -> None:
    mine = {view["obligation"] for view in read(tool, "zendesk")["tickets"]}
    other = {view["obligation"] for view in read(make_tool(app, world, "norte"), "zendesk")["tickets"]}
    assert mine.isdisjoint(other)
