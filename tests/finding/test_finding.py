"""One field for a number or a name: what fits is found, within what the reader may see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import ingest_events
from operator_qos.finding.queries import Found, find_things

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
LogIn = Callable[[str], FlaskClient]


def tell(kind: str, place: tuple[str, str], subject: str, data: dict[str, object], *, at: str) -> dict[str, object]:
    return {"specversion": "1.0", "type": f"qos.{kind}", "source": "/test", "id": f"{kind}-{place[1]}-{subject}",
            "subject": subject, "time": at, "marketplace": place[0], "shop": place[1], "data": data}


PARIS, MADRID, BAZAR = ("halle-fr", "morvan-fr"), ("lonja-es", "morvan-es"), ("lonja-es", "bazar")
ORDER = {"currency": "EUR", "lines": [{"line": "1", "sku": "a", "amount_minor": 1000}]}


@pytest.fixture
def filled(world: Engine) -> Engine:
    events = [tell("order.placed", place, "A-17", ORDER, at=f"2026-06-0{day}T08:00:00Z")
              for day, place in enumerate((PARIS, MADRID, BAZAR), 1)]
    events.append(tell("order.placed", PARIS, "b-1", ORDER, at="2026-06-04T08:00:00Z"))
    events.append(tell("case.opened", BAZAR, "D-9", {
        "order": "A-17", "kind": "claim", "reason": "damaged", "amount_minor": 1000}, at="2026-06-05T08:00:00Z"))
    with unit_of_work(world) as session:
        assert {receipt.status for receipt in ingest_events(session, events, now=NOW, origin="t")} == {"accepted"}
    return world


def find(engine: Engine, text: str, shop_ids: frozenset[int] | None = None) -> Found:
    with reading(engine) as session:
        return find_things(session, text, shop_ids=shop_ids)


def test_a_number_finds_its_orders_in_every_shop_latest_first(filled: Engine) -> None:
    found = find(filled, "  a-17 ")
    assert [(hit.order_ref, hit.shop.code) for hit in found.orders] == [
        ("A-17", "bazar"), ("A-17", "morvan-es"), ("A-17", "morvan-fr")]
    assert [hit.order_ref for hit in find(filled, "B-1").orders] == ["b-1"]


def test_a_part_of_a_number_finds_nothing(filled: Engine) -> None:
    assert find(filled, "A-1") == find(filled, "A%") == find(filled, "") == find(filled, "A\x00") == Found()


def test_a_case_is_found_by_its_own_number_and_by_that_of_its_order(filled: Engine) -> None:
    assert [hit.case_ref for hit in find(filled, "d-9").cases] == ["D-9"]
    assert [hit.order_ref for hit in find(filled, "A-17").cases] == ["A-17"]


def test_a_shop_is_found_by_a_part_of_its_name_those_that_begin_so_first(filled: Engine) -> None:
    assert [card.code for card in find(filled, "MORV").shops] == ["morvan-es", "morvan-fr"]
    assert [card.code for card in find(filled, "a").shops] == []
    assert [card.code for card in find(filled, "van-fr").shops] == ["morvan-fr"]
    assert find(filled, "_o").shops == ()


def test_only_what_the_reader_may_see_is_found(filled: Engine) -> None:
    own = frozenset(hit.shop.id for hit in find(filled, "A-17").orders if hit.shop.code != "bazar")
    assert {hit.shop.code for hit in find(filled, "A-17", own).orders} == {"morvan-es", "morvan-fr"}
    assert find(filled, "D-9", own) == find(filled, "bazar", own) == find(filled, "A-17", frozenset()) == Found()


def test_one_thing_alone_is_shown_at_once(filled: Engine, login_as: LogIn) -> None:
    analyst, owner = login_as("analyst"), login_as("seller_owner")
    assert analyst.get("/operator/find?q=b-1").headers["Location"] == "/operator/shops/halle-fr/morvan-fr/orders/b-1"
    assert owner.get("/seller/find?q=b-1").headers["Location"] == "/seller/shops/halle-fr/morvan-fr/orders/b-1"
    case = analyst.get("/operator/find?q=D-9").headers["Location"]
    assert analyst.get(case).status_code == 200
    assert analyst.get("/operator/find?q=bazar").headers["Location"] == "/operator/sellers/lonja-es/bazar"
    assert analyst.get(owner.get("/seller/find?q=van-fr").headers["Location"]).status_code in {200, 404}


def test_several_are_a_list_and_nothing_says_what_to_do(filled: Engine, login_as: LogIn) -> None:
    analyst = login_as("analyst")
    page = analyst.get("/operator/find?q=A-17").text
    assert page.count(">A-17</a>") == 3 and ">D-9</a>" in page
    assert "set aside" in analyst.get("/operator/find?q=unknown").text
    assert "bazar" not in login_as("seller_owner").get("/seller/find?q=A-17").text.lower()
    assert 'href="/operator/find"' in analyst.get("/operator/sellers").text


def test_what_is_asked_is_shown_as_text(filled: Engine, login_as: LogIn) -> None:
    assert "<script>x" not in login_as("analyst").get("/operator/find?q=<script>x").text
