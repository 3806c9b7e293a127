"""The clock of a promise on its page and as JSON: worked out by hand, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from urllib.parse import unquote, urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from operator_qos.clock import to_ms
from operator_qos.db import reading
from operator_qos.disputes.jobs import escalate_due
from operator_qos.ledger.clocks.traces import WORKING, find_clock, list_promises
from operator_qos.ledger.models import Obligation
from operator_qos.sellers.queries import find_shop_card
from tests.pages.seller_world import FOREIGN, HALLE, ask, event, place, send, speak_french
from tests.web.fixtures import NOW

HOUR = 3600
MONDAY_TO_FRIDAY = ("mon", "tue", "wed", "thu", "fri")


@pytest.fixture
def told(world: Engine) -> Engine:
    """A shop open from 09:00 to 18:00 (Paris), closed on Monday 8 June; a question, a case, an order shipped late.

    V-1 is asked on Thursday 4 June at 16:00 and answered on Wednesday 10 June at 10:00: 2 h on Thursday, 9 h on Friday,
    9 h on Tuesday, 1 h on Wednesday. C-1 is opened on Thursday 4 June at 10:00, passed to the buyer at 12:00, comes
    back on Friday at 12:00 and goes to the mediator on Friday at 15:00.
    """
    hours = {day: [["09:00", "18:00"]] for day in MONDAY_TO_FRIDAY}
    case = {"kind": "claim", "reason": "damaged", "amount_minor": 2390}
    send(
        world,
        event(HALLE, "shop.calendar_set", "morvan-fr", "2026-05-01T08:00:00Z", hours=hours, holidays=["2026-06-08"]),
        place(HALLE, "O-1", "2026-06-01T08:00:00Z", ship_by="2026-06-03T16:00:00Z"),
        event(HALLE, "order.shipped", "O-1", "2026-06-03T18:00:00Z", carrier="Colis Nord"),
        ask(HALLE, "V-1", "2026-06-04T14:00:00Z", "Quand ?", order="O-1"),
        event(HALLE, "message.sent", "V-1", "2026-06-10T08:00:00Z", author="seller", to=["buyer"], channel="web"),
        event(HALLE, "case.opened", "C-1", "2026-06-04T08:00:00Z", order="O-1", **case),
        event(HALLE, "case.ball_passed", "C-1", "2026-06-04T10:00:00Z", to="buyer"),
        event(HALLE, "case.ball_passed", "C-1", "2026-06-05T10:00:00Z", to="seller"),
        event(HALLE, "case.escalated", "C-1", "2026-06-05T13:00:00Z", by="buyer"),
        ask(FOREIGN, "FV-1", "2026-06-17T10:00:00Z", "¿Cuándo llega?"),
    )
    return world


QUESTION = "/test|message.sent:V-1:2026-06-04T14:00:00Z"


def address(audience: str, kind: str, ref: str, *, suffix: str = "", shop: tuple[str, str] = HALLE) -> str:
    return f"/{audience}/shops/{shop[0]}/{shop[1]}/clock{suffix}?{urlencode({'promise': kind, 'of': ref})}"


def read_links(html: str) -> str:
    """A page with its addresses as people would write them."""
    return unquote(unescape(html))


def read(client: FlaskClient, kind: str, ref: str, audience: str = "seller") -> dict[str, object]:
    answer = client.get(address(audience, kind, ref, suffix=".json"))
    assert answer.status_code == 200
    found: dict[str, object] = answer.get_json()
    return found


def test_a_question_counts_in_the_hours_of_the_shop_and_not_on_its_holiday(
    told: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    found = read(login_as("seller_owner"), "answer", QUESTION)
    assert found["seconds"] == {
        "counting": 21 * HOUR, "holiday": 24 * HOUR, "off_hours": (138 - 21 - 24) * HOUR}
    assert (found["limit_seconds"], found["used_up_at"], found["due"]) == (24 * HOUR, None, "2026-06-10T11:00:00Z")
    assert (found["runs_on"], found["timezone"], found["owed_by"]) == ("hours", "Europe/Paris", "seller")


def test_a_case_stands_still_while_the_buyer_or_a_mediator_has_it(
    told: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    found = read(login_as("analyst"), "resolve", "C-1", "operator")
    seconds = found["seconds"]
    assert isinstance(seconds, dict)
    assert (seconds["counting"], seconds["waiting_for_buyer"]) == (5 * HOUR, 24 * HOUR)
    assert seconds["waiting_for_operator"] == (to_ms(NOW) - 1_780_664_400_000) / 1000
    assert found["is_ended"] is False


def test_a_promised_date_runs_day_and_night(told: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    found = read(login_as("seller_staff"), "ship", "O-1")
    assert found["seconds"] == {"counting": 58 * HOUR}
    assert (found["limit_seconds"], found["used_up_at"]) == (56 * HOUR, "2026-06-03T16:00:00Z")
    assert found["runs_on"] == "wall"


def test_what_is_forgiven_counts_for_nothing(told: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    name = {"kind": "answer", "source": "/test", "id": "message.sent:V-1:2026-06-04T14:00:00Z"}
    send(told, event(HALLE, "obligation.excluded", "V-1", "2026-06-11T08:00:00Z", obligation=name, scope="both",
                     cause="platform", by="operator"))
    assert read(login_as("seller_owner"), "answer", QUESTION)["seconds"] == {"excluded": 138 * HOUR}


def test_the_time_is_used_up_when_the_promise_falls_due(told: Engine) -> None:
    """The stored due time and the trace are made by different code; they agree on every promise of the shop."""
    tried = 0
    with reading(told) as session:
        for row in session.scalars(select(Obligation)).all():
            clock = find_clock(session, row.shop_id, kind=row.kind, ref=row.ref, now_ms=to_ms(NOW) + 90 * 86_400_000)
            assert clock is not None
            used_up_at = clock.trace.used_up_at
            if row.settled_ms is None and row.void_ms is None and not row.waiting_for:
                assert used_up_at is not None
                assert to_ms(used_up_at) == row.due_ms
                tried += 1
            elif row.kind in WORKING and row.settled_ms is not None:
                assert (used_up_at is not None) == (row.settled_ms >= row.due_ms)
    assert tried > 0


def test_the_promises_of_an_order_are_listed_by_their_start(told: Engine) -> None:
    with reading(told) as session:
        card = find_shop_card(session, *HALLE)
        assert card is not None
        listed = list_promises(session, card.id, order_ref="O-1")
        asked = list_promises(session, card.id, conversation="V-1")
    assert [one.kind for one in listed] == ["ship", "resolve", "answer"]
    assert [one.ref for one in asked] == [QUESTION]


@pytest.mark.parametrize("role", ["analyst", "seller_owner"])
def test_the_page_draws_it_and_leads_on(told: Engine, login_as: Callable[[str], FlaskClient], role: str) -> None:
    audience = "operator" if role == "analyst" else "seller"
    client = login_as(role)
    html = client.get(address(audience, "answer", QUESTION)).text
    assert "Done in time" in html
    assert "q-clockrow" in html
    assert address(audience, "ship", "O-1") in unescape(html)
    order = read_links(client.get(f"/{audience}/shops/{HALLE[0]}/{HALLE[1]}/orders/O-1").text)
    for kind, ref in (("ship", "O-1"), ("resolve", "C-1"), ("answer", QUESTION)):
        assert unquote(address(audience, kind, ref)) in order


def test_a_conversation_draws_the_clock_of_its_last_question(
    told: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    speak_french(told)
    html = login_as("seller_owner").get(f"/seller/conversations/{HALLE[0]}/{HALLE[1]}/V-1").text
    assert "q-clockrow" in html
    assert "jour férié" in html


def test_a_mediator_sees_the_clocks_of_the_case_and_of_its_order_alone(
    told: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    escalate_due(told, now=NOW)
    client = login_as("mediator")
    case = client.get("/mediator/cases/1")
    assert case.status_code == 200
    own = "/mediator/cases/1/clock?" + urlencode({"promise": "resolve", "of": "C-1"})
    assert unquote(own) in read_links(case.text)
    assert "waiting for the operator" in client.get(own).text
    assert client.get(own.replace("/clock?", "/clock.json?")).get_json()["of"] == "C-1"
    assert client.get("/mediator/cases/1/clock?promise=ship&of=O-1").status_code == 200
    foreign = "/mediator/cases/1/clock?" + urlencode(
        {"promise": "answer", "of": "/test|message.sent:FV-1:2026-06-17T10:00:00Z"})
    assert client.get(foreign).status_code == 404


def test_a_foreign_promise_and_a_missing_one_are_the_same_404(
    told: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    client = login_as("seller_owner")
    foreign = "/test|message.sent:FV-1:2026-06-17T10:00:00Z"
    asked = (address("seller", "answer", foreign, shop=FOREIGN), address("seller", "answer", foreign),
             address("seller", "answer", "nothing"), address("seller", "sing", "O-1"))
    for path in asked:
        assert client.get(path).status_code == 404
