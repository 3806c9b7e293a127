"""Opening a dispute from an order's page, looking at a PDF without leaving it, and like cases by category."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from flask import Flask
from fpdf import FPDF
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from operator_qos.accounts.models import User
from operator_qos.db import reading, unit_of_work
from operator_qos.disputes import service
from operator_qos.disputes.acting import Actor
from operator_qos.disputes.case_page import ENOUGH, find_precedent
from operator_qos.disputes.models import Dispute, DisputeMessage
from operator_qos.disputes.policies import read_preset_text
from operator_qos.disputes.publishing import publish_policy
from operator_qos.disputes.queries import Similar, list_similar
from operator_qos.disputes.reports import find_own_clock
from operator_qos.files import FileStore
from operator_qos.ledger.models import Scorecard
from operator_qos.settings import Settings
from scoring.metrics import METRICS
from tests.disputes.test_pages import HOUR, _in_french, _open_case, _tell
from tests.disputes.test_pages import _event as event_of
from tests.web.fixtures import (
    NOW,
    OTHER_SELLER,
    TOKEN,
    Clock,
    app,
    clock,
    engine,
    post,
    sign_in,
    site_settings,
    world,
)

__all__ = ["app", "clock", "engine", "site_settings", "world"]
DAY = timedelta(days=1)
AT_SELLER, AT_OPERATOR = (f"/{side}/disputes/open/halle-fr/morvan-fr/O-5" for side in ("seller", "operator"))
FORM = {"reason": "wrong_item", "text": "An empty box came back.", "amount": "120,50", "token": "ab" * 8}


def _pdf() -> bytes:
    made = FPDF()
    made.add_page()
    made.set_font("helvetica", size=30)
    made.text(20, 40, "Delivery note")
    return bytes(made.output())


@pytest.fixture
def order(app: Flask, engine: Engine) -> str:
    line = {"line": "1", "sku": "pot", "amount_minor": 19690, "category": "kitchen"}
    placed = {"currency": "EUR", "buyer": "léa", "lines": [line]}
    _tell(engine, event_of("order.placed", "O-5", NOW - 20 * DAY, "morvan-fr", placed),
          event_of("order.shipped", "O-5", NOW - 19 * DAY, "morvan-fr", {"carrier": "colisnord", "trackable": True}),
          event_of("order.delivered", "O-5", NOW - 17 * DAY, "morvan-fr", {}))
    return "O-5"


def _one(engine: Engine) -> Dispute:
    with reading(engine) as session:
        row = session.scalars(select(Dispute)).one()
        session.expunge(row)
        return row


def _count_bad(engine: Engine) -> int:
    with reading(engine) as session:
        code = METRICS["order_defect_rate"].code
        return session.scalar(select(func.sum(Scorecard.bad)).where(Scorecard.metric_code == code)) or 0


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_seller_opens_one_from_the_order_and_it_does_not_count(app: Flask, engine: Engine, order: str) -> None:
    client, page = sign_in(app, "seller_owner"), "/seller/shops/halle-fr/morvan-fr/orders/O-5"
    assert f'href="{AT_SELLER}"' in client.get(page).text
    before = _count_bad(engine)
    sent = {**FORM, "files": (io.BytesIO(_pdf()), "note.pdf")}
    answer = post(client, AT_SELLER, sent, page=AT_SELLER)
    row = _one(engine)
    assert (answer.status_code, answer.location) == (303, f"/seller/disputes/{row.id}")
    assert (row.kind, row.reason, row.amount_minor, row.order_ref) == ("return", "wrong_item", 12050, "O-5")
    assert (row.category, _count_bad(engine)) == ("kitchen", before)
    with reading(engine) as session:
        said = session.scalars(select(DisputeMessage)).one()
        assert (said.side, said.recipients) == ("seller", ["buyer", "staff"])
    shown = client.get(f"/seller/disputes/{row.id}").text
    assert "An empty box came back." in shown
    assert f'href="{page}"' in shown  # and back to the order
    order_page = client.get(page).text
    assert f'href="/seller/disputes/{row.id}"' in order_page
    assert AT_SELLER not in order_page  # one at a time
    again = post(client, AT_SELLER, FORM, page=f"/seller/disputes/{row.id}")
    assert again.location == answer.location
    assert client.get(AT_SELLER).location == answer.location
    assert _one(engine).id == row.id


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_operator_opens_one_for_a_buyer_and_the_seller_is_told(app: Flask, engine: Engine, order: str) -> None:
    client = _in_french(sign_in(app, "analyst"))
    assert "Ouvrir un litige" in client.get("/operator/shops/halle-fr/morvan-fr/orders/O-5").text
    answer = post(client, AT_OPERATOR, {**FORM, "kind": "claim"}, page=AT_OPERATOR)
    row = _one(engine)
    assert (answer.status_code, row.kind, row.state, row.holder) == (303, "claim", "opened", "seller")
    told = sign_in(app, "seller_staff").get("/seller/notices").text
    assert row.case_ref in told


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_is_wrong_is_said_and_what_was_typed_stays(app: Flask, engine: Engine, order: str) -> None:
    client = sign_in(app, "seller_owner")
    wrong = (({"text": "  "}, "Write a message first."), ({"amount": "much"}, "This is no amount."),
             ({"amount": "200"}, "At most the order’s amount"), ({"reason": "bored"}, "not on the list"))
    for changed, says in wrong:
        answer = post(client, AT_SELLER, {**FORM, **changed}, page=AT_SELLER)
        assert answer.status_code == 400
        assert says in answer.text
        assert (changed.get("text") or FORM["text"]) in answer.text
    with reading(engine) as session:
        assert session.scalar(select(func.count(Dispute.id))) == 0


@pytest.mark.parametrize("database", ["sqlite"])
def test_outside_the_policys_time_the_day_is_named(app: Flask, engine: Engine, order: str, clock: Clock) -> None:
    text = read_preset_text("amazon").replace("since: deliver_due", "since: delivered")
    with unit_of_work(engine) as session:
        publish_policy(session, marketplace_id="halle-fr", zone="Europe/Paris", text=text, now=NOW, is_first=True,
                       actor=Actor("operator", "ines@operator.example"))
    clock.now = NOW + 200 * DAY
    client = sign_in(app, "seller_owner")
    answer = post(client, AT_SELLER, FORM, page=AT_SELLER)
    assert answer.status_code == 400
    assert re.search(r"could be opened until Sun\s30\sAugust\s2026", answer.text)  # delivered on 1 June, and 90 days


@pytest.mark.parametrize("database", ["sqlite"])
def test_nobody_opens_one_about_anothers_order(app: Flask, engine: Engine, order: str) -> None:
    stranger = sign_in(app, email=OTHER_SELLER[0])
    missing = stranger.get("/seller/disputes/open/halle-fr/morvan-fr/none")
    for answer in (stranger.get(AT_SELLER), post(stranger, AT_SELLER, FORM, page="/account"),
                   sign_in(app, "mediator").get(AT_OPERATOR)):
        assert (answer.status_code, len(answer.data)) == (404, len(answer.data))
    assert stranger.get(AT_SELLER).data == missing.data
    with reading(engine) as session:
        assert session.scalar(select(func.count(Dispute.id))) == 0


# A PDF looked at on the page


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_pdf_is_shown_by_the_browser_and_allowed_nothing(
    app: Flask, engine: Engine, site_settings: Settings
) -> None:
    dispute_id = _open_case(engine, "D-3", 20)
    files = FileStore(site_settings.data_dir / "attachments").keep_all([("note.pdf", _pdf())])
    with unit_of_work(engine) as session:
        service.answer_buyer(session, dispute_id=dispute_id, text="See.", awaits_buyer=False, token="t", now=NOW,
                             actor=Actor("seller", "claire@morvan.example"), files=files)
    client, page = sign_in(app, "seller_owner"), f"/seller/disputes/{dispute_id}"
    plain = client.get(page)
    assert "<object" not in plain.text
    assert "object-src" not in plain.headers["Content-Security-Policy"]
    assert 'href="?look=1#m2"' in plain.text
    looked = client.get(f"{page}?look=1")
    assert f'data="{page}/files/1?preview=1#' in looked.text
    assert "object-src 'self'" in looked.headers["Content-Security-Policy"]
    shown = client.get(f"{page}/files/1?preview=1")
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'self'"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert (shown.mimetype, shown.data) == ("application/pdf", _pdf_of(client.get(f"{page}/files/1").data))
    assert client.get(f"{page}/files/1").headers["Content-Disposition"].startswith("attachment")
    assert TOKEN.search(looked.text)


def _pdf_of(content: bytes) -> bytes:
    assert content.startswith(b"%PDF-")
    return content


# Like cases


def _decide(engine: Engine, case: str, category: str, amount: int, days_ago: int) -> int:
    at, ref = NOW - days_ago * DAY, f"O-{case}"
    line = {"line": "1", "sku": "pot", "amount_minor": amount, "category": category}
    said = {"fault": "seller", "remedy": "refund", "counts": True, "amount_minor": amount, "grounds": "x"}
    opened = {"order": ref, "kind": "claim", "reason": "damaged", "amount_minor": amount}
    _tell(engine, event_of("order.placed", ref, at - 9 * DAY, "morvan-fr", {
              "currency": "EUR", "buyer": f"b{case}", "lines": [line]}),
          event_of("case.opened", case, at - DAY, "morvan-fr", opened),
          event_of("case.escalated", case, at - 5 * HOUR, "morvan-fr", {"by": "buyer"}),
          event_of("case.decided", case, at, "morvan-fr", said))
    with reading(engine) as session:
        return session.scalar(select(Dispute.id).where(Dispute.case_ref == case)) or 0


def test_like_cases_come_by_category_then_amount_then_day(app: Flask, engine: Engine) -> None:
    mine = _decide(engine, "M", "kitchen", 10_000, 1)
    for case, category, amount, days in (("a", "garden", 9_000, 2), ("b", "kitchen", 90_000, 3),
                                         ("c", "kitchen", 5_000, 4), ("d", "garden", 50_000, 5),
                                         ("e", "kitchen", 20_000, 6), ("f", "kitchen", 20_001, 30)):
        _decide(engine, case, category, amount, days)
    with reading(engine) as session:
        dispute = session.get_one(Dispute, mine)
        found = list_similar(session, dispute, since=NOW - 400 * DAY)
        assert [s.dispute.case_ref for s in found] == ["c", "e", "b", "f", "a", "d"]
        assert [(s.same_category, s.near_amount) for s in found[1:4:2]] == [(True, True), (True, False)]
        few = list_similar(session, dispute, since=NOW - 400 * DAY, limit=3)
        assert [s.dispute.case_ref for s in few] == ["c", "e", "b"]
        assert [s.dispute.case_ref for s in list_similar(session, dispute, since=NOW - 10 * DAY)][-1] == "d"


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_decision_is_known_after_a_closing_that_states_the_fault(app: Flask, engine: Engine) -> None:
    found = _decide(engine, "Z", "kitchen", 9_000, 3)
    _tell(engine, event_of("case.closed", "Z", NOW - 2 * DAY, "morvan-fr", {"by": "operator", "fault": "carrier"}))
    with reading(engine) as session:
        row = session.get_one(Dispute, found)
        assert (row.state, row.fault, row.decided_at) == ("closed", "carrier", NOW - 3 * DAY)


@pytest.mark.parametrize("database", ["sqlite"])
def test_lists_are_searched_and_filtered(app: Flask, engine: Engine) -> None:
    for case in ("L-1", "L-2"):
        _open_case(engine, case, 20)
    lists = {"/operator/disputes": sign_in(app, "analyst"), "/seller/disputes": sign_in(app, "seller_owner")}
    for path, client in lists.items():
        for query, shown in (("", {"L-1", "L-2"}), ("?q=L-1", {"L-1"}), ("?q=O-L-2", {"L-2"}), ("?q=none", set())):
            page = client.get(path + query).text
            assert {case for case in ("L-1", "L-2") if f">{case}</a>" in page} == shown, (path, query)
    mine = lists["/seller/disputes"]
    assert ">L-1</a>" in mine.get("/seller/disputes?turn=mine&shop=halle-fr/morvan-fr").text
    assert ">L-1</a>" not in mine.get("/seller/disputes?shop=lonja-es/morvan-es").text
    assert ">L-1</a>" in mine.get("/seller/disputes?shop=lonja-es/bazar").text  # not one's own: filters nothing


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_mediator_sees_their_own_clocks(app: Flask, engine: Engine) -> None:
    dispute_id = _open_case(engine, "M-1", 60)
    _tell(engine, event_of("case.escalated", "M-1", NOW - 50 * HOUR, "morvan-fr", {"by": "buyer"}))
    with unit_of_work(engine) as session:
        rosa = session.scalars(select(User.id).where(User.role == "mediator")).one()
        actor = Actor("mediator", "rosa@mediators.example", rosa)
        service.take_case(session, dispute_id=dispute_id, actor=actor, now=NOW - 40 * HOUR)
        ruling = service.Ruling("carrier", "none", 0, counts=False, grounds="Lost on the way.")
        service.decide(session, dispute_id=dispute_id, ruling=ruling, actor=actor, now=NOW - 20 * HOUR)
        clock = find_own_clock(session, mediator_id=rosa, since=NOW - 90 * DAY, until=NOW)
    assert clock is not None
    seconds = (clock.assignment_seconds, clock.first_act_seconds, clock.decision_seconds)
    assert seconds == (10 * 3600, 30 * 3600, 30 * 3600)
    assert (clock.decided, clock.open, clock.in_time.part) == (1, 0, 1)
    page = sign_in(app, "mediator").get("/mediator/figures").text
    assert "Yours" in page
    assert "1 of 1" in page


ends = st.tuples(st.sampled_from(("seller", "carrier")), st.booleans(), st.booleans())


@given(st.lists(ends, max_size=30))
def test_what_is_usual_comes_from_the_nearest_group_that_is_large_enough(
    given_ends: list[tuple[str, bool, bool]],
) -> None:
    similar = [Similar(Dispute(fault=fault, remedy="refund", counts=True), None, category, amount)
               for fault, category, amount in given_ends]
    found = find_precedent(similar)
    if not similar:
        assert found is None
        return
    assert found is not None
    groups = [("both", [e for e in given_ends if e[1] and e[2]]), ("category", [e for e in given_ends if e[1]]),
              ("amount", [e for e in given_ends if e[2]]), ("all", given_ends)]
    name, group = next((name, group) for name, group in groups if len(group) >= ENOUGH or name == "all")
    counted = {fault: sum(e[0] == fault for e in group) for fault in ("seller", "carrier")}
    assert (found.among, found.total, found.count) == (name, len(group), max(counted.values()))
    assert counted[found.fault] == found.count
