"""Decisions on their pages: bulk release, two people, taking back, and what the seller sees of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from operator_qos.accounts.actors import Actor
from operator_qos.accounts.service import create_key
from operator_qos.acts.queries import list_acts
from operator_qos.acts.service import Intended, choose_adapter, propose_act
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.service import add_hook
from operator_qos.sellers.queries import find_shop_card
from tests.pages.seller_world import speak_french
from tests.web.fixtures import NOW, PEOPLE, TOKEN

SHOP = "/shops/halle-fr/morvan-fr/acts"
WHY = "three buyers complained"
Login = Callable[[str], FlaskClient]


def submit(client: FlaskClient, page: str, **fields: str) -> TestResponse:
    token = TOKEN.search(client.get(page.removesuffix("/undo")).text)
    assert token
    return client.post(page, data={"csrf_token": token[1], **fields})


def words(client: FlaskClient, page: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", " ", client.get(page).text)).split())


def act_ids(engine: Engine) -> list[int]:
    with reading(engine) as session:
        return [act.id for act in list_acts(session)]


def propose(engine: Engine, kind: str, actor: str = "somebody@else.example") -> int:
    with unit_of_work(engine) as session:
        card = find_shop_card(session, "halle-fr", "morvan-fr")
        assert card
        return propose_act(session, Intended(kind, WHY, days=5, cap=20), shop_id=card.id, actor=actor, now=NOW)


def test_an_operator_decides_by_hand_and_the_seller_reads_why_and_how_to_contest(login_as: Login) -> None:
    operator, seller = login_as("admin"), login_as("seller_owner")
    answer = submit(operator, f"/operator{SHOP}", kind="order_cap", why=WHY, days="5", cap="20")
    assert answer.status_code == 303
    seen = words(seller, f"/seller{SHOP}")
    for part in ("Limit on new orders (20 at most)", "Statement of reasons", "Contest it", "by a person"):
        assert part in seen, part
    assert WHY not in seen  # the reason stands in the statement


def test_what_is_held_shows_to_the_operator_and_not_to_the_seller(world: Engine, login_as: Login) -> None:
    act_id = propose(world, "suspension")
    operator, seller = login_as("admin"), login_as("seller_owner")
    assert "Suspension" in words(operator, "/operator/decisions")
    assert "1 decision waits for you" in words(operator, "/operator/today")
    assert "Suspension" not in words(seller, f"/seller{SHOP}")
    assert submit(operator, "/operator/decisions", act=str(act_id), why=WHY, do="release").status_code == 303
    assert "Suspension" in words(seller, f"/seller{SHOP}")


def test_mistakes_are_said_in_the_readers_words(world: Engine, login_as: Login) -> None:
    operator = login_as("admin")
    act_id = propose(world, "suspension", actor=PEOPLE["admin"][0])
    for fields, said in (
        ({"why": WHY}, "Tick what you decide on"),
        ({"why": WHY, "act": "²"}, "Tick what you decide on"),
        ({"why": WHY, "act": "9" * 30}, "Tick what you decide on"),
        ({"act": str(act_id), "why": "no"}, "Say why, in ten letters"),
        ({"act": str(act_id), "why": WHY}, "You have approved this already"),
        ({"act": "999", "why": WHY}, "Somebody has decided this meanwhile"),
    ):
        answer = submit(operator, "/operator/decisions", do="release", **fields)
        assert (answer.status_code, said in unescape(answer.text)) == (400, True), said


def test_an_act_is_taken_back_from_the_shops_page_only(world: Engine, login_as: Login) -> None:
    act_id, operator = propose(world, "order_cap"), login_as("admin")
    other = "/operator/shops/lonja-es/bazar/acts"
    assert submit(operator, f"{other}/undo", act=str(act_id), why=WHY).status_code == 400
    assert submit(operator, f"/operator{SHOP}/undo", act=str(act_id), why=WHY).status_code == 303
    assert "Taken back" in words(operator, f"/operator{SHOP}")
    assert "a decision was taken back" in words(login_as("seller_owner"), "/seller/notices")


@pytest.mark.parametrize("path", ["/operator/decisions", f"/operator{SHOP}"])
def test_sellers_and_strangers_find_no_such_page(login_as: Login, client: FlaskClient, path: str) -> None:
    assert login_as("seller_owner").get(path).status_code == 404
    assert client.get(path).status_code == 302


def test_pages_speak_french(world: Engine, login_as: Login) -> None:
    propose(world, "suspension")
    speak_french(world)
    operator, seller = login_as("admin"), login_as("seller_owner")
    for client, path, said in ((operator, "/operator/decisions", "En attente de vous"),
                               (operator, f"/operator{SHOP}", "Décider vous-même"),
                               (seller, f"/seller{SHOP}", "Ce qui vaut pour")):
        assert said in words(client, path)


def test_a_marketplaces_program_confirms_and_tells_its_totals(app: Flask, world: Engine) -> None:
    with unit_of_work(world) as session:
        staff = Actor(1, "admin@x.example", "A", "admin", "en", None)
        keys = {scope: create_key(session, name=scope, scope=scope, actor=staff, now=NOW, marketplace_id="halle-fr")
                for scope in ("acts", "ingest")}
        foreign = create_key(session, name="f", scope="acts", actor=staff, now=NOW, marketplace_id="lonja-es")
        choose_adapter(session, marketplace_id="halle-fr", adapter="webhook", actor="a", now=NOW)
        add_hook(session, marketplace_id="halle-fr", url="https://m.example/h", topics=("act",), actor="a", now=NOW)
    act_id, client = propose(world, "order_cap"), app.test_client()

    def call(path: str, key: str, **body: object) -> TestResponse:
        return client.post(f"/api/v1/{path}", json=body, headers={"Authorization": f"Bearer {key}"})

    waiting = client.get("/api/v1/acts", headers={"Authorization": f"Bearer {keys['acts']}"}).get_json()["acts"]
    assert [(act["id"], act["kind"], act["shop"], act["state"]) for act in waiting] == [
        (act_id, "order_cap", "morvan-fr", "asked")]
    assert call(f"acts/{act_id}/confirm", foreign, state="in_force").status_code == 404
    assert call(f"acts/{act_id}/confirm", keys["acts"], state="perhaps").status_code == 422
    assert call(f"acts/{act_id}/confirm", keys["acts"], state="in_force").get_json() == {
        "id": act_id, "state": "in_force"}
    assert call(f"acts/{act_id}/confirm", keys["acts"], state="in_force").status_code == 409
    total = {"source": "/erp", "type": "order.placed", "on": "2026-06-17", "count": 12}
    assert call("source-totals", keys["ingest"], totals=[total]).get_json() == {"kept": 1}
    assert call("source-totals", keys["ingest"], marketplace="lonja-es", totals=[total]).status_code == 422
    for wrong in ({"type": "odd"}, {"source": "a\0b"}, {"count": -1}, {"on": "soon"}):
        assert call("source-totals", keys["ingest"], totals=[{**total, **wrong}]).status_code == 422
    assert call(f"acts/{10**30}/confirm", keys["acts"], state="in_force").status_code == 404
    assert call(f"acts/{act_id}/confirm", keys["acts"], state="failed", error="a\0b").status_code == 422


def test_nothing_held_can_be_contested_or_seen_by_its_number(world: Engine, login_as: Login) -> None:
    act_id, seller = propose(world, "suspension"), login_as("seller_owner")
    assert seller.get(f"/seller/appeals/new?act={act_id}").status_code == 404
    assert seller.get(f"/seller/appeals/new?act={10**30}").status_code == 404
    assert seller.get("/seller/appeals/new?act=²").status_code == 404


def test_the_inbox_names_what_else_waits(world: Engine, login_as: Login) -> None:
    seller, operator = login_as("seller_owner"), login_as("admin")
    assert "Also waiting for you" not in words(operator, "/operator/decisions")
    act_id = propose(world, "order_cap")
    answer = submit(seller, f"/seller/appeals/new?act={act_id}", act=str(act_id), grounds="other",
                    text="Nothing of this is true.")
    assert answer.status_code == 303
    assert "Appeals : 1" in words(operator, "/operator/decisions").replace("Appeals:", "Appeals :")
