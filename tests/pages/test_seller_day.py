"""The seller's day: it is the table of obligations, by due time, and acting on it changes the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from operator_qos.audit.models import AuditRow
from operator_qos.clock import to_ms
from operator_qos.db import reading
from operator_qos.events.models import Event
from operator_qos.ledger.models import Obligation
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW, OTHER_SELLER, Clock, post, read_token, sign_in

TALK = "/seller/conversations/halle-fr/morvan-fr/V-2"
ROWS = [
    "Ship the order, O-1",
    "Answer the buyer, O-2",
    "Accept or refuse the order, O-2",
    "Ship the order, O-2",
    "Solve the problem, C-9, O-9",
    "Ship the order, O-9",
]


@pytest.fixture
def seller(world: Engine, app: Flask, login_as: Callable[[str], FlaskClient]) -> FlaskClient:
    sw.fill(world)
    return login_as("seller_owner")


def answer(client: FlaskClient, *, text: str = "Oui.", do: str = "answer") -> int:
    return post(client, TALK, {"text": text, "token": "0123456789abcdef", "do": do}).status_code


@dataclass(frozen=True)
class Ended:
    """How the question of V-2 ended, if it did."""

    settled_ms: int | None
    void_ms: int | None
    void_reason: str | None


def find_turn(engine: Engine) -> Ended:
    columns = (Obligation.settled_ms, Obligation.void_ms, Obligation.void_reason)
    query = select(*columns).where(Obligation.kind == "answer", Obligation.conversation == "V-2")
    with reading(engine) as session:
        return Ended(*session.execute(query).one())


def test_the_rows_are_the_open_obligations_of_all_shops_by_due_time(seller: FlaskClient, world: Engine) -> None:
    page = seller.get("/seller/day").text
    assert sw.list_shown(page) == ROWS == sw.list_expected(world)
    assert "F-1" not in page


def test_the_lead_counts_what_is_late_and_what_is_due_when(seller: FlaskClient) -> None:
    page = seller.get("/seller/day").text
    assert "<b>6 things to do</b>: 1 late, 3 today, 1 within a week, 1 later." in page


def test_parcels_under_way_stand_apart_with_those_past_their_promise(seller: FlaskClient) -> None:
    page = seller.get("/seller/day").text
    assert "2 promises about parcels wait for the carrier, 1 of them past the promised time" in page
    under_way = seller.get("/seller/day?kind=under_way").text
    assert sw.list_shown(under_way) == ["Parcel to be delivered, O-3", "Parcel to be delivered, O-1"]


def test_a_row_says_when_it_is_due_what_it_costs_and_in_the_buyers_own_words(seller: FlaskClient) -> None:
    page = " ".join(seller.get("/seller/day").text.split())
    assert "15 h 40 late" in page  # ship O-1, due on 17 June at 16:00 UTC
    assert "Counts as a late shipment already." in page
    assert "12:00<small>in 2 h 20</small>" in page  # answer V-2, due at 10:00 UTC, noon in Paris
    assert "“Tient-il 260 °C &lt;b&gt;au four&lt;/b&gt; ?”" in page
    assert "Late shipments: 18 more needed before this is judged" in page


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("kind=ship", [ROWS[0], ROWS[3], ROWS[5]]),
        ("kind=answer", [ROWS[1]]),
        ("shop=lonja-es/morvan-es", ROWS[4:]),
        ("kind=ship&shop=lonja-es/morvan-es", [ROWS[5]]),
        ("kind=nonsense", ROWS),
    ],
)
def test_filters_by_kind_and_by_shop(seller: FlaskClient, query: str, rows: list[str]) -> None:
    assert sw.list_shown(seller.get(f"/seller/day?{query}").text) == rows


def test_a_list_longer_than_a_page_goes_on_over_the_page(world: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    orders = [f"P-{number:02}" for number in range(53)]
    sw.send(
        world,
        *(
            sw.place(sw.HALLE, order, "2026-06-17T08:00:00Z", ship_by=f"2026-06-19T12:{place:02}:00Z")
            for place, order in enumerate(orders)
        ),
    )
    seller = login_as("seller_staff")
    first, second = (sw.list_shown(seller.get(f"/seller/day?page={page}").text) for page in (1, 2))
    assert [len(first), len(second)] == [50, 3]
    assert first + second == [f"Ship the order, {order}" for order in orders] == sw.list_expected(world)


def test_an_empty_day_names_the_next_deadline(world: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    seller = login_as("seller_owner")
    assert "New orders and questions appear here as they come in." in seller.get("/seller/day").text
    sw.send(
        world,
        sw.place(sw.HALLE, "O-1", "2026-06-16T08:00:00Z", deliver_by="2026-06-20", ship_by="2026-06-17T16:00:00Z"),
        sw.event(sw.HALLE, "order.shipped", "O-1", "2026-06-17T09:00:00Z"),
    )
    page = " ".join(seller.get("/seller/day").text.split())
    assert "Nothing to do here now." in page
    assert "Next deadline: <b>20 June, 23:59</b>" in page


def test_opening_a_conversation_settles_nothing(seller: FlaskClient) -> None:
    page = seller.get(TALK).text
    assert "Tient-il 260 °C &lt;b&gt;au four&lt;/b&gt; ?" in page
    assert "Yours to answer" in page
    assert ROWS[1] in sw.list_shown(seller.get("/seller/day").text)


def test_answering_takes_the_turn_off_the_list_and_settles_the_obligation(seller: FlaskClient, world: Engine) -> None:
    assert answer(seller) == 303
    assert find_turn(world).settled_ms == to_ms(NOW)
    rows = sw.list_shown(seller.get("/seller/day").text)
    assert rows == [ROWS[0], *ROWS[2:]] == sw.list_expected(world)
    assert "Nothing waits for your answer" in seller.get(TALK).text
    with reading(world) as session:
        audit = session.scalars(select(AuditRow).where(AuditRow.action == "message.sent")).one()
        assert (audit.actor, audit.subject) == ("claire@morvan.example", "halle-fr/morvan-fr/V-2")


def test_the_same_form_sent_twice_sends_one_message(seller: FlaskClient, world: Engine, clock: Clock) -> None:
    assert answer(seller) == 303
    clock.now = sw.later(seconds=30)
    answer(seller, text="Oui.")
    with reading(world) as session:
        query = select(Event.data).where(Event.source == "/operator-qos/conversations")
        sent = [data["author"] for data in session.scalars(query)]
    assert sent == ["seller"]


def test_an_answer_without_text_is_refused_and_nothing_is_written(seller: FlaskClient, world: Engine) -> None:
    page = post(seller, TALK, {"text": "  ", "token": "0123456789abcdef", "do": "answer"})
    assert page.status_code == 400
    assert "Write an answer first." in page.text
    assert find_turn(world).settled_ms is None


def test_no_reply_needed_ends_the_turn_once(seller: FlaskClient, world: Engine) -> None:
    assert answer(seller, text="", do="waive") == 303
    assert find_turn(world) == Ended(None, to_ms(NOW), "waived")
    assert ROWS[1] not in sw.list_shown(seller.get("/seller/day").text)
    answer(seller, text="", do="waive")
    assert "Nothing was changed." in seller.get("/seller/day").text


def test_a_case_waiting_for_the_buyer_leaves_the_list_with_its_clock_stopped(
    seller: FlaskClient, world: Engine
) -> None:
    said = {"author": "seller", "to": ["buyer"], "case": "C-9", "order": "O-9", "awaits_buyer": True}
    sw.send(world, sw.event(sw.LONJA, "message.sent", "C-9", "2026-06-18T07:00:00Z", body="Foto?", **said))
    page = seller.get("/seller/day").text
    mine, _, others = page.partition('id="g-wait"')
    assert ROWS[4] not in sw.list_shown(mine)
    assert sw.list_shown(others) == [ROWS[4]]
    assert "Waiting for the buyer" in others
    assert "For 1 more it is somebody else’s turn, and your clock stands still." in mine


def test_a_foreign_shop_and_a_missing_one_answer_alike(seller: FlaskClient) -> None:
    pairs = [
        ("/seller/day?shop=lonja-es/bazar", "/seller/day?shop=lonja-es/none"),
        ("/seller/conversations/lonja-es/bazar/FV-1", "/seller/conversations/lonja-es/none/FV-1"),
        ("/seller/conversations/halle-fr/morvan-fr/none", "/seller/conversations/halle-fr/morvan-fr/FV-1"),
    ]
    for foreign, missing in pairs:
        first, second = seller.get(foreign), seller.get(missing)
        assert (first.status_code, second.status_code) == (404, 404)
        assert sw.without_secrets(first.text) == sw.without_secrets(second.text)


def test_nobody_answers_for_another_company(seller: FlaskClient, app: Flask, world: Engine) -> None:
    other = sign_in(app, email=OTHER_SELLER[0])
    sent = {
        "text": "¡Hola!",
        "token": "0123456789abcdef",
        "do": "answer",
        "csrf_token": read_token(other, "/account"),
    }
    assert other.post(TALK, data=sent).status_code == 404
    assert find_turn(world).settled_ms is None
    assert sw.list_shown(other.get("/seller/day").text) == ["Answer the buyer, F-1", "Ship the order, F-1"]


def test_the_day_speaks_french(seller: FlaskClient, world: Engine) -> None:
    sw.speak_french(world)
    page = seller.get("/seller/day").text
    assert "<b>6 choses à faire</b>\u00a0: 1 en retard, 3 aujourd’hui, 1 d’ici une semaine, 1 plus tard." in page
    assert sw.list_shown(page)[0] == "Expédier la commande, O-1"
    assert "« Tient-il" in page.replace("\u00a0", " ")


def test_orders_of_a_shop_due_at_one_moment_are_one_errand(
    world: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    due, placed = "2026-06-19T16:00:00Z", "2026-06-17T08:00:00Z"
    together = [sw.place(sw.HALLE, f"T-{n}", placed, ship_by=due) for n in (1, 2, 3)]
    sw.send(world, *together, sw.place(sw.LONJA, "T-4", placed, ship_by=due))
    page = login_as("seller_owner").get("/seller/day").text
    html = " ".join(page.split())
    assert "<b>Ship 3 orders</b>" in html
    assert all(f'/seller/shops/halle-fr/morvan-fr/orders/T-{n}">T-{n}</a>' in html for n in (1, 2, 3))
    # Another shop's order is another errand, and each is counted as the thing to do it is.
    assert sw.list_shown(page) == ["Ship the order, T-4"]
    assert "<b>4 things to do</b>" in html
