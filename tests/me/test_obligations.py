"""What sellers' programs are told is what their people see, all of it, in order and of nobody else."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine

from operator_qos.clock import to_ms
from operator_qos.cursors import CursorError, read_cursor, write_cursor
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.models import Hook, HookCall
from operator_qos.hooks.sellers import add_seller_hook
from operator_qos.me.jobs import follow_promises
from operator_qos.me.models import ObligationChange, ObligationFeed
from operator_qos.models import Shop
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.standing.day_queries import STATES, Choice, list_owed
from tests.me.tools import OBLIGATIONS, REQUESTS, Tool, follow, get_seller, make_tool
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, Clock, post, sign_in

VERBS = {**sw.TITLES, "deliver": "Parcel to be delivered"}


def encode(text: str) -> str:
    """What somebody makes up for a cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.fixture
def tool(app: Flask, world: Engine) -> Tool:
    sw.fill(world)
    return make_tool(app, world)


def test_the_list_is_the_page_row_by_row(app: Flask, tool: Tool) -> None:
    page = sw.list_shown(sign_in(app, "seller_owner").get("/seller/day").text)
    under_way = sw.list_shown(sign_in(app, "seller_owner").get("/seller/day?kind=under_way").text)
    for state, shown in (("mine", page), ("under_way", under_way), ("waiting", [])):
        rows = tool.read(state=state)["obligations"]
        named = [f"{row['case']}, {row['order']}" if row["case"] else row["order"] for row in rows]
        assert [f"{row['todo']}, {name}" for row, name in zip(rows, named, strict=True)] == shown
    every = tool.read()
    assert len(every["obligations"]) == len(page) + len(under_way)
    assert [row["due_at"] for row in every["obligations"]] == sorted(row["due_at"] for row in every["obligations"])


def test_a_row_says_what_to_do_where_and_by_when(tool: Tool) -> None:
    (row,) = (row for row in tool.read()["obligations"] if row["kind"] == "answer")
    assert row | {"id": "", "cost": ""} == {
        "id": "", "marketplace": "halle-fr", "shop": "morvan-fr", "kind": "answer", "state": "mine", "order": "O-2",
        "case": None, "conversation": "V-2", "since": "2026-06-17T10:00:00Z", "due_at": "2026-06-18T10:00:00Z",
        "waiting_for": None, "forgiven": False, "late": False, "todo": "Answer the buyer", "about": "",
        "text": "Tient-il 260 °C <b>au four</b> ?", "cost": "",
        "link": "http://127.0.0.1:8000/seller/conversations/halle-fr/morvan-fr/V-2"}
    french = tool.call(headers={"Accept-Language": "fr"}).json["obligations"]
    assert "Répondre" in next(row["todo"] for row in french if row["kind"] == "answer")
    (late,) = (row for row in tool.read(state="mine")["obligations"] if row["late"])
    assert (late["order"], late["kind"]) == ("O-1", "ship")


def test_pages_of_any_size_add_up_to_the_whole(tool: Tool) -> None:
    whole = [row["id"] for row in tool.read()["obligations"]]
    for size in (1, 3, len(whole)):
        found, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            page = tool.read(limit=size, **({"cursor": cursor} if cursor else {}))
            found, cursor, pages = [*found, *(row["id"] for row in page["obligations"])], page["next_cursor"], pages + 1
        assert (found, pages) == (whole, -(-len(whole) // size))


def test_rows_due_at_the_same_moment_are_neither_skipped_nor_repeated(app: Flask, world: Engine) -> None:
    at = "2026-06-17T08:00:00Z"
    for shop in (sw.HALLE, sw.LONJA):
        sw.send(world, *(sw.place(shop, f"É{shop[1]}-{n}", at, ship_by="2026-06-20T08:00:00Z") for n in range(4)))
    tool, found, cursor = make_tool(app, world), [], ""
    while cursor is not None:
        page = tool.read(limit=1, cursor=cursor)
        found, cursor = found + [(row["shop"], row["order"]) for row in page["obligations"]], page["next_cursor"]
    assert sorted(found) == sorted({*found})
    assert len(found) == 8


def test_every_state_is_exactly_one_of_three(tool: Tool, world: Engine) -> None:
    sw.send(world, sw.event(sw.LONJA, "message.sent", "C-9", "2026-06-17T12:00:00Z", author="seller", to=["buyer"],
                            channel="web", body="A photo, please?", case="C-9", order="O-9", awaits_buyer=True))
    with reading(world) as session:
        ids = [card.id for card in list_shop_cards(session)]
        listed = {state: list_owed(session, Choice(ids, state), now_ms=to_ms(NOW), limit=None)
                  for state in (None, *STATES)}
    parts = [row for state in STATES for row in listed[state]]
    assert sorted(map(str, parts)) == sorted(map(str, listed[None]))
    (waiting,) = tool.read(state="waiting")["obligations"]
    assert (waiting["case"], waiting["due_at"], waiting["waiting_for"]) == ("C-9", None, "buyer")


def test_who_has_the_same_already_is_told_so(tool: Tool, clock: Clock) -> None:
    first = tool.call()
    assert tool.call(headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    clock.now = NOW + timedelta(hours=3)  # a promise is late now
    again = tool.call(headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.headers["ETag"] == first.headers["ETag"]) == (200, False)


def test_what_happens_is_told_once_and_in_order(tool: Tool, world: Engine, clock: Clock) -> None:
    start = tool.read()["since"]
    assert tool.read(since=start) == {"changes": [], "since": start, "more": False}
    later = NOW + timedelta(minutes=30)
    sw.send(world, sw.place(sw.HALLE, "O-5", "2026-06-18T08:00:00Z", ship_by="2026-06-25T16:00:00Z"),
            sw.event(sw.HALLE, "order.shipped", "O-1", "2026-06-18T08:00:00Z", carrier="Colis Nord"),
            sw.event(sw.LONJA, "order.cancelled", "O-9", "2026-06-18T08:00:00Z", by="buyer", reason="buyer_request"),
            sw.event(sw.HALLE, "order.promise_moved", "O-2", "2026-06-18T08:00:00Z", kind="ship", agreed_by="buyer",
                     to="2026-06-26T16:00:00Z"), now=later)
    clock.now = later
    count = follow(world, later)
    assert follow(world, later) == 0
    found = tool.read(since=start)
    said = [(row["change"], row["obligation"]["kind"], row["obligation"]["order"]) for row in found["changes"]]
    assert set(said) >= {("opened", "ship", "O-5"), ("met", "ship", "O-1"), ("cancelled", "ship", "O-9"),
                         ("moved", "ship", "O-2"), ("due_soon", "answer", "O-2")}
    assert len(said) == count == len({*said})
    (met,) = (row for row in found["changes"] if row["change"] == "met")
    assert (met["at"], met["obligation"]["late"]) == ("2026-06-18T08:00:00Z", True)
    assert [row["number"] for row in found["changes"]] == list(range(start + 1, start + count + 1))
    one_by_one, since = [], start
    while (page := tool.read(since=since, limit=1))["changes"]:
        one_by_one, since = [*one_by_one, *page["changes"]], page["since"]
    assert one_by_one == found["changes"]


def test_whoever_follows_the_changes_knows_what_is_open(tool: Tool, world: Engine, clock: Clock) -> None:
    """Changes applied to the first list give the list of today, with repeats and retractions between."""
    first = tool.read()
    known, since = {row["id"] for row in first["obligations"]}, first["since"]
    shipped = sw.event(sw.HALLE, "order.shipped", "O-1", "2026-06-18T07:45:00Z", carrier="Colis Nord")
    steps = (
        (shipped, sw.place(sw.HALLE, "O-6", "2026-06-18T07:45:00Z", ship_by="2026-06-19T16:00:00Z")),
        (sw.event(sw.HALLE, "event.retracted", "O-1", "2026-06-18T08:30:00Z", source="/test", id=shipped["id"],
                  reason="wrong order"),),
        (sw.event(sw.HALLE, "order.delivered", "O-3", "2026-06-18T08:50:00Z", known_by="carrier"),
         sw.ask(sw.LONJA, "V-7", "2026-06-18T08:55:00Z", "¿?", order="O-9")),
    )
    for hour, events in enumerate(steps, 1):
        clock.now = NOW + timedelta(hours=hour)
        sw.send(world, *events, now=clock.now)
        follow(world, clock.now)
        page = tool.read(since=since)
        since = page["since"]
        for row in page["changes"]:
            (known.discard if row["change"] in {"met", "cancelled"} else known.add)(row["obligation"]["id"])
        assert known == {row["id"] for row in tool.read()["obligations"]}


def test_changes_too_old_to_be_kept_are_said_to_be_gone(tool: Tool, world: Engine, clock: Clock) -> None:
    with unit_of_work(world) as session:
        add_seller_hook(session, seller_id=get_seller(world, "morvan"), url="https://any.example/", topics=[],
                        allows_plain=False, actor="test", now=NOW)
    clock.now = NOW + timedelta(hours=1)
    assert follow(world, clock.now) > 0
    with unit_of_work(world) as session:
        waiting, *told = session.query(HookCall).all()
        assert told
        for call in told:
            call.state = "sent"
        kept = waiting.id
    clock.now = NOW + timedelta(days=40)
    follow_promises(world, now=clock.now)
    with reading(world) as session:
        assert session.query(HookCall.id).filter(HookCall.next_attempt_at < clock.now).all() == [(kept,)]
    gone = tool.call(query_string={"since": 0})
    assert (gone.status_code, gone.json["since"]) == (410, tool.read()["since"])
    assert tool.call(query_string={"since": gone.json["since"]}).status_code == 200
    assert tool.call(query_string={"since": gone.json["since"] + 1}).status_code == 410


def test_a_seller_hears_of_its_own_shops_alone(app: Flask, tool: Tool, world: Engine) -> None:
    other = make_tool(app, world, "norte")
    assert {row["shop"] for row in other.read()["obligations"]} == {"bazar"}
    assert {row["shop"] for row in tool.read()["obligations"]} == {"morvan-fr", "morvan-es"}
    with unit_of_work(world) as session:
        add_seller_hook(session, seller_id=get_seller(world, "norte"), url="https://norte.example/", topics=[],
                        allows_plain=False, actor="test", now=NOW)
    follow(world, NOW + timedelta(hours=1))
    with reading(world) as session:
        assert session.query(HookCall).count() == 0
    reply = {"text": "Hola", "token": "0123456789"}
    foreign = "/api/v1/me/conversations/lonja-es/bazar/FV-1/replies"
    missing = "/api/v1/me/conversations/lonja-es/nobody/FV-1/replies"
    answers = [tool.call(path, "POST", **reply) for path in (foreign, missing)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data == answers[1].data
    assert other.call(foreign, "POST", **reply).json == {"new": True}
    asked = {"cause": "carrier", "text": "?", "token": "0123456789", "things": [{"kind": "ship", "order": "F-1"}]}
    assert tool.call(REQUESTS, "POST", marketplace="lonja-es", shop="bazar", **asked).status_code == 404


def test_a_shop_that_goes_to_another_company_is_told_of_there_alone(app: Flask, tool: Tool, world: Engine) -> None:
    other = make_tool(app, world, "norte")
    sellers = {name: get_seller(world, name) for name in ("morvan", "norte")}
    starts = {name: one.read()["since"] for name, one in (("morvan", tool), ("norte", other))}
    with unit_of_work(world) as session:
        for seller_id in sellers.values():
            add_seller_hook(session, seller_id=seller_id, url="https://any.example/", topics=[], allows_plain=False,
                            actor="test", now=NOW)
        session.query(Shop).filter_by(code="morvan-fr").update({"seller_id": sellers["norte"]})
    for _again in range(2):
        for seller in ("norte", "morvan"):
            follow(world, NOW, seller)
    lost, found = (one.read(since=starts[name])["changes"] for name, one in (("morvan", tool), ("norte", other)))
    assert {(row["change"], row["obligation"]["shop"]) for row in lost} == {("cancelled", "morvan-fr")}
    opened = [row["obligation"]["id"] for row in found if row["change"] == "opened"]
    assert sorted(opened) == sorted(row["obligation"]["id"] for row in lost)
    assert {row["shop"] for row in tool.read()["obligations"]} == {"morvan-es"}
    with reading(world) as session:
        owners = dict(session.query(Hook.id, Hook.seller_id).all())
        told = [(owners[hook_id], topic) for hook_id, topic in session.query(HookCall.hook_id, HookCall.topic)]
    assert {topic for seller_id, topic in told if seller_id == sellers["morvan"]} == {"obligation.cancelled"}
    assert "obligation.cancelled" not in {topic for seller_id, topic in told if seller_id == sellers["norte"]}


def test_one_company_that_cannot_be_followed_keeps_nobody_waiting(app: Flask, tool: Tool, world: Engine) -> None:
    other, later = make_tool(app, world, "norte"), NOW + timedelta(hours=1)
    with unit_of_work(world) as session:  # a number that was given already: the company's changes cannot be written
        feed = session.get_one(ObligationFeed, get_seller(world, "morvan"))
        session.add(ObligationChange(seller_id=feed.seller_id, number=feed.last_number + 1, shop_id=1, change="met",
                                     at=NOW, told_at=NOW, data={}))
    sw.send(world, sw.place(("lonja-es", "bazar"), "F-9", "2026-06-18T08:00:00Z", ship_by="2026-06-25T16:00:00Z"),
            now=later)
    assert follow_promises(world, now=later) > 0
    assert "F-9" in {row["obligation"]["order"] for row in other.read(since=0)["changes"]}


def test_answering_by_program_settles_the_promise(tool: Tool) -> None:
    path = "/api/v1/me/conversations/halle-fr/morvan-fr/V-2/replies"
    sent = {"text": "Oui, jusqu'à 260 °C.", "token": "0123456789"}
    assert tool.call(path, "POST", **sent).json == {"new": True}
    assert tool.call(path, "POST", **sent).json == {"new": False}
    assert "answer" not in {row["kind"] for row in tool.read()["obligations"]}
    assert tool.call(path, "POST", text=" ", token="9876543210").status_code == 422
    assert tool.call(path, "POST", text="a\x00b", token="9876543210").status_code == 422
    assert tool.call(path.replace("V-2", "V%00"), "POST", **sent).status_code == 404
    assert tool.call("/api/v1/me/exports/a%00").status_code == 404


def test_a_key_opens_what_its_scope_says_and_nothing_else(app: Flask, tool: Tool, world: Engine) -> None:
    reader = make_tool(app, world, scope="seller_read")
    assert reader.call().status_code == 200
    assert reader.call(REQUESTS, "POST").status_code == 403
    for path in ("/api/v1/acts", "/api/v1/disputes"):
        assert tool.call(path).status_code == 403
    assert tool.call("/api/v1/events", "POST").status_code == 403
    assert Tool(app.test_client(), "qos_no").call().status_code == 401


@pytest.mark.parametrize("query", [
    {"limit": "0"}, {"limit": "9" * 30}, {"limit": f"{1:020d}{'9' * 30}"}, {"limit": "½"}, {"state": "late"},
    {"cursor": "x"}, {"cursor": encode('[1,2,"ship","\\u0000"]')}, {"since": "-1"}, {"since": "0" * 5000}])
def test_what_cannot_be_asked_is_named(tool: Tool, query: dict[str, str]) -> None:
    answer = tool.call(query_string=query)
    assert (answer.status_code, answer.json["field"]) == (422, next(iter(query)))


@pytest.mark.parametrize("text", [
    "", "e30", write_cursor((2**70, 1, "ship", "a")), write_cursor((0, 0, "ship", "a"))[:-3], "W10", "\x00", "é",
    write_cursor((1, "ship")), encode('[1,2,"ship","\\ud800"]'), encode("[" * 3000), encode('[true,2,"ship",""]')])
def test_a_cursor_of_nobody_is_refused(text: str) -> None:
    kinds = (int, int, str, str)
    with pytest.raises(CursorError):
        read_cursor(text, kinds)
    assert read_cursor(write_cursor((-1, 2, "ship", "É|“")), kinds) == (-1, 2, "ship", "É|“")


@pytest.mark.parametrize("database", ["sqlite"])
def test_brackets_without_end_are_no_body(tool: Tool) -> None:
    for path in (REQUESTS, "/api/v1/me/conversations/halle-fr/morvan-fr/V-2/replies"):
        answer = tool.client.post(path, data=b"[" * 100_000, headers={"Authorization": f"Bearer {tool.key}"},
                                  content_type="application/json")
        assert answer.status_code == 400


def test_requests_are_made_once_and_listed(tool: Tool, world: Engine, clock: Clock) -> None:
    asked = {"marketplace": "halle-fr", "shop": "morvan-fr", "cause": "platform_fault", "text": "The portal was down.",
             "token": "0123456789", "things": [{"kind": "ship", "order": "O-1"}]}
    first = tool.call(REQUESTS, "POST", **asked)
    assert first.status_code == 200, first.text
    again = tool.call(REQUESTS, "POST", **asked)
    assert (first.json["new"], again.json) == (True, {**first.json, "new": False})
    assert tool.call(REQUESTS).json["requests"] == [first.json["request"]]
    assert first.json["request"]["state"] == "open"
    assert first.json["request"]["due_at"] > NOW.isoformat()
    for wrong, field in (({"things": [{"kind": "ship"}]}, "things.0"), ({"cause": ""}, "cause"),
                         ({"files": [{"name": "a", "content_base64": "%"}]}, "files")):
        answer = tool.call(REQUESTS, "POST", **{**asked, **wrong, "token": "another one"})
        assert (answer.status_code, answer.json["field"]) == (422, field)
    unknown = {**asked, "token": "another one", "things": [{"kind": "ship", "order": "F-1"}]}
    assert tool.call(REQUESTS, "POST", **unknown).json["code"] == "unknown"
    assert tool.call(OBLIGATIONS).status_code == 200


def test_the_page_of_keys_is_not_needed_to_sign_in(app: Flask, tool: Tool) -> None:
    """A key opens no page of people."""
    answer = app.test_client().get("/seller/day", headers={"Authorization": f"Bearer {tool.key}"})
    assert answer.status_code == 302
    assert post(sign_in(app, "seller_owner"), "/logout").status_code == 302
