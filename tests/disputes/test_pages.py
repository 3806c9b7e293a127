"""The pages of disputes, for each role and in both languages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from operator_qos.db import reading, unit_of_work
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.events.models import Event
from operator_qos.events.service import ingest_events
from operator_qos.ledger.models import Scorecard
from scoring.metrics import METRICS
from tests.web.fixtures import (
    NOW,
    OTHER_SELLER,
    Clock,
    app,
    clock,
    engine,
    post,
    read_token,
    sign_in,
    site_settings,
    world,
)

__all__ = ["app", "clock", "engine", "site_settings", "world"]

HOUR = timedelta(hours=1)


def _event(name: str, subject: str, at: datetime, shop: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "source": "/test",
        "id": f"{name}:{subject}:{at.isoformat()}",
        "type": f"qos.{name}",
        "time": at.isoformat(),
        "subject": subject,
        "marketplace": "halle-fr",
        "shop": shop,
        "data": data,
    }


def _tell(engine: Engine, *events: dict[str, Any]) -> None:
    with unit_of_work(engine) as session:
        receipts = ingest_events(session, events, now=NOW, origin="test")
    assert {receipt.status for receipt in receipts} == {"accepted"}


def _open_case(engine: Engine, case: str, hours_ago: int) -> int:
    at, shop, order = NOW - hours_ago * HOUR, "morvan-fr", f"O-{case}"
    line = {"line": "1", "sku": "pot", "amount_minor": 19690}
    said = {"author": "buyer", "to": ["seller"], "order": order, "case": case, "body": "Rien reçu <b>!</b>"}
    _tell(
        engine,
        _event(
            "order.placed", order, at - 120 * HOUR, shop, {"currency": "EUR", "buyer": "léa", "lines": [line]}
        ),
        _event("order.shipped", order, at - 100 * HOUR, shop, {"carrier": "colisnord", "trackable": True}),
        _event(
            "case.opened",
            case,
            at,
            shop,
            {"order": order, "kind": "claim", "reason": "not_received", "amount_minor": 19690},
        ),
        _event("message.sent", case, at + HOUR / 60, shop, said),
    )
    with reading(engine) as session:
        return session.scalar(select(Dispute.id).where(Dispute.case_ref == case)) or 0


@pytest.fixture
def own(app: Flask, engine: Engine) -> int:
    """A case the seller still works on."""
    return _open_case(engine, "D-1", 20)


@pytest.fixture
def escalated(app: Flask, engine: Engine) -> int:
    """A case that waits for a mediator."""
    found = _open_case(engine, "D-2", 60)
    _tell(engine, _event("case.escalated", "D-2", NOW - 50 * HOUR, "morvan-fr", {"by": "buyer"}))
    return found


def _state(engine: Engine, dispute_id: int) -> tuple[str, int, int]:
    with reading(engine) as session:
        state = session.scalar(select(Dispute.state).where(Dispute.id == dispute_id)) or ""
        return (
            state,
            session.scalar(select(func.count(Event.seq))) or 0,
            session.scalar(select(func.count(DisputeStep.id))) or 0,
        )


def _in_french(client: FlaskClient) -> FlaskClient:
    post(client, "/language", {"language": "fr", "next": "/"})
    return client


def test_the_queue_lists_what_waits_and_links_to_it(app: Flask, escalated: int, own: int) -> None:
    page = sign_in(app, "mediator").get("/mediator/queue").text
    assert "1 case waits for a decision." in page
    assert f'href="/mediator/cases/{escalated}"' in page
    assert "D-1" not in page
    assert "€196.90" in page


def test_an_empty_queue_says_what_comes_next(app: Flask, own: int) -> None:
    page = sign_in(app, "mediator").get("/mediator/queue").text
    assert "No case waits for you." in page
    assert "The next case comes on" in page


def test_the_case_page_draws_the_story_and_lists_the_same(app: Flask, escalated: int) -> None:
    page = sign_in(app, "mediator").get(f"/mediator/cases/{escalated}").text
    assert "Case D-2: not received" in page
    assert 'role="img" aria-label="Timeline from' in page
    for lane in ("Seller", "Buyer", "Carrier", "Mediator"):
        assert f">{lane}</text>" in page
    assert "Buyer writes (1)" in page
    assert "Rien reçu &lt;b&gt;!&lt;/b&gt;" in page
    assert "The seller used 10\u00a0h of the 72 opening hours allowed." in page
    assert "colisnord" in page
    assert "has 1 defective orders of 1" in page
    assert "0 of 1." in page


def test_opening_a_page_changes_nothing(app: Flask, engine: Engine, escalated: int, own: int) -> None:
    before = _state(engine, escalated), _state(engine, own)
    for role, paths in {
        "mediator": ("/mediator/queue", f"/mediator/cases/{escalated}", "/mediator/figures"),
        "seller_staff": ("/seller/disputes", f"/seller/disputes/{own}", f"/seller/disputes/{escalated}"),
        "analyst": ("/operator/disputes", f"/operator/disputes/{own}"),
    }.items():
        client = sign_in(app, role)
        assert [client.get(path).status_code for path in paths] == [200] * len(paths)
    assert (_state(engine, escalated), _state(engine, own)) == before


def test_foreign_and_missing_disputes_answer_alike(
    app: Flask, engine: Engine, own: int, escalated: int
) -> None:
    stranger = sign_in(app, email=OTHER_SELLER[0])
    mediator = sign_in(app, "mediator")
    before = _state(engine, own)
    for client, foreign, missing in (
        (stranger, f"/seller/disputes/{own}", "/seller/disputes/99999"),
        (mediator, f"/mediator/cases/{own}", "/mediator/cases/99999"),
    ):
        answers = client.get(foreign), client.get(missing)
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].text == answers[1].text
    for action in ("answer", "escalate", "give_evidence", "offer", "appeal", "nothing"):
        form = {"text": "x", "token": "0" * 16}
        assert post(stranger, f"/seller/disputes/{own}/act/{action}", form).status_code == 404
    for action in ("take", "conflict", "act/ask_evidence", "act/write", "decision"):
        assert post(mediator, f"/mediator/cases/{own}/{action}").status_code == 404
    assert _state(engine, own) == before


def test_the_seller_answers_in_the_app_once(app: Flask, engine: Engine, own: int) -> None:
    client, path = sign_in(app, "seller_owner"), f"/seller/disputes/{own}"
    assert "Solve it by" in client.get(path).text
    form = {"text": "Nous avons ouvert une enquête.", "awaits_buyer": "y", "token": "ab" * 8}
    events = _state(engine, own)[1]
    for _ in range(2):
        assert post(client, f"{path}/act/answer", form, page=path).status_code == 303
    assert _state(engine, own) == ("in_discussion", events + 1, 1)
    page = client.get(path).text
    assert "Nous avons ouvert une enquête." in page
    assert "This was done before; nothing was changed." in page


def test_an_empty_answer_is_refused_beside_its_field(app: Flask, engine: Engine, own: int) -> None:
    client, path = sign_in(app, "seller_owner"), f"/seller/disputes/{own}"
    before = _state(engine, own)
    answer = post(client, f"{path}/act/answer", {"text": " ", "token": "ab" * 8}, page=path)
    assert answer.status_code == 400
    assert "Write a message first." in answer.text
    assert client.post(f"{path}/act/answer", data={"text": "no token"}).status_code == 400
    assert _state(engine, own) == before


def test_a_party_asks_for_a_mediator(app: Flask, engine: Engine, own: int) -> None:
    client, path = sign_in(app, "seller_owner"), f"/seller/disputes/{own}"
    assert post(client, f"{path}/act/escalate", page=path).headers["Location"] == path
    assert _state(engine, own)[0] == "assigned"
    page = client.get(path).text
    assert "The mediator decides by" in page
    assert "Ask for a mediator" not in page


def test_a_decision_closes_the_case_and_the_record_follows(
    app: Flask,
    engine: Engine,
    escalated: int,
    clock: Clock,
) -> None:
    # Events count to the second, figures by what came before now.
    clock.now = NOW + timedelta(milliseconds=400)
    client, path = sign_in(app, "mediator"), f"/mediator/cases/{escalated}"
    post(client, f"{path}/take", page=path)
    form = {
        "fault": "carrier",
        "remedy": "refund",
        "amount": "196,90",
        "counts": "yes",
        "clauses": ["delivery"],
        "grounds": "Never handed over.",
    }
    data = {"csrf_token": read_token(client, path), **form}
    assert client.post(f"{path}/decision", data=data).status_code == 303
    page = client.get(path).text
    assert "Fault: carrier." in page
    assert "Does not count on the seller’s record." in page
    assert "Never handed over. (§1)" in page
    assert "Sign the decision" not in page
    code = METRICS["order_defect_rate"].code
    with reading(engine) as session:
        bad = session.scalar(select(Scorecard.bad).where(Scorecard.metric_code == code))
        row = session.execute(select(Dispute.state, Dispute.fault, Dispute.refund_minor)).one()
    assert tuple(row) == ("decided", "carrier", 19690)
    assert bad == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"amount": "lots"}, "This is no amount."),
        ({"amount": "196.91"}, "At most the amount asked for can be refunded."),
        ({"remedy": "replacement", "amount": "0", "fault": ""}, "Say who is at fault."),
        ({"grounds": ""}, "Give your reasons"),
    ],
)
def test_a_wrong_decision_keeps_what_was_typed(
    app: Flask,
    engine: Engine,
    escalated: int,
    wrong: dict[str, str],
    said: str,
) -> None:
    client, path = sign_in(app, "mediator"), f"/mediator/cases/{escalated}"
    before = _state(engine, escalated)
    form = {
        "fault": "carrier",
        "remedy": "refund",
        "amount": "5",
        "counts": "yes",
        "grounds": "As typed.",
        **wrong,
    }
    answer = post(client, f"{path}/decision", form, page=path)
    assert answer.status_code == 400
    assert said in answer.text
    assert ("As typed." in answer.text) == ("grounds" not in wrong)
    assert _state(engine, escalated) == before


def test_proof_is_asked_and_given(app: Flask, engine: Engine, escalated: int) -> None:
    mediator, seller = sign_in(app, "mediator"), sign_in(app, "seller_owner")
    path, own_path = f"/mediator/cases/{escalated}", f"/seller/disputes/{escalated}"
    past = post(mediator, f"{path}/act/ask_evidence", {"due_on": "2026-06-17"}, page=path)
    assert (past.status_code, "This day is over." in past.text) == (400, True)
    post(mediator, f"{path}/act/ask_evidence", {"due_on": "2026-06-20"}, page=path)
    assert "The mediator asks you for proof." in seller.get(own_path).text
    post(seller, f"{own_path}/act/give_evidence", {"text": "The letter.", "token": "cd" * 8}, page=own_path)
    assert "The letter." in mediator.get(path).text
    assert "The mediator asks you for proof." not in seller.get(own_path).text


def test_the_operator_hands_a_case_over(app: Flask, engine: Engine, own: int) -> None:
    client, path = sign_in(app, "analyst"), f"/operator/disputes/{own}"
    assert "D-1" in client.get("/operator/disputes").text
    post(client, f"{path}/act/escalate", page=path)
    assert _state(engine, own)[0] == "assigned"


def test_every_page_speaks_french(app: Flask, own: int, escalated: int) -> None:
    mediator = _in_french(sign_in(app, "mediator"))
    assert "1 dossier attend une décision." in mediator.get("/mediator/queue").text
    page = mediator.get(f"/mediator/cases/{escalated}").text
    assert "Dossier D-2\u00a0: non reçu" in page
    assert "Signer la décision" in page
    assert "196,90\u00a0€" in page
    seller = _in_french(sign_in(app, "seller_owner"))
    assert "À régler avant" in seller.get(f"/seller/disputes/{own}").text
    assert "Ouverts, par échéance" in seller.get("/seller/disputes").text
