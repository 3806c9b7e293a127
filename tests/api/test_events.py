from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select
from sqlalchemy.event import listen, remove

from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.service import revoke_key
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import EventBody
from operator_qos.events.quarantine import ingest_guarded
from operator_qos.events.service import Intake
from operator_qos.ledger.models import Obligation, OrderFact
from scoring.dues import NEVER_MS
from tests.api.sending import (
    BATCH,
    PATH,
    Sender,
    event,
    list_logged,
    list_quarantined,
    make_key,
    opening,
    statuses,
)
from tests.web.fixtures import NOW, Clock

DAY_MS = 86_400_000
HOURS = {"mon": [["09:00", "09:01"]]}


def test_a_batch_is_answered_event_by_event_in_its_order(sender: Sender) -> None:
    assert sender.send(event(1))["accepted"] == 1
    answer = sender.send(
        event(2), event(1), event(1, subject="other"), event(3, "qos.order.lost"), event(2), event(4)
    )
    assert statuses(answer) == ["accepted", "duplicate", "conflict", "quarantined", "duplicate", "accepted"]
    assert {name: answer[name] for name in ("accepted", "duplicate", "conflict", "quarantined")} == {
        "accepted": 2, "duplicate": 2, "conflict": 1, "quarantined": 1,
    }  # fmt: skip
    assert [found["id"] for found in answer["events"]] == ["e2", "e1", "e1", "e3", "e2", "e4"]
    conflict, strange = answer["events"][2:4]
    assert (conflict["source"], conflict["field"]) == ("/shops/morvan", "id")
    assert "came before with other content" in conflict["reason"]
    assert (strange["field"], strange["reason"]) == (
        "type", "'qos.order.lost' is unknown; the types are listed in the event contract",
    )  # fmt: skip


def test_what_was_answered_is_stored_with_its_facts_and_for_how_long(sender: Sender, engine: Engine) -> None:
    sender.send(event(1), event(2, "qos.order.shipped", subject="order-1"))
    assert list_logged(engine) == ["halle-fr:morvan", "e1", "e2"]
    with reading(engine) as session:
        fact = session.scalars(select(OrderFact).where(OrderFact.order_ref == "order-1")).one()
        assert fact.shipped_ms == fact.ordered_ms
        kept_ms = session.scalar(select(func.max(EventBody.expires_ms)))
    assert kept_ms == int(NOW.timestamp()) * 1000 + 540 * DAY_MS


def test_one_structured_event_is_taken_and_a_quarantined_one_answers_200_too(sender: Sender) -> None:
    for media_type in ("application/cloudevents+json; charset=UTF-8", "application/json"):
        answer = sender.post(json.dumps(event(7, time="yesterday")).encode(), media_type)
        assert answer.status_code == 200
        (receipt,) = answer.get_json()["events"]
        assert (receipt["status"], receipt["field"]) == ("quarantined", "time")
        assert "'yesterday' is no instant" in receipt["reason"]
    answer = sender.post(json.dumps(event(7)).encode(), "application/cloudevents+json")
    assert statuses(answer.get_json()) == ["accepted"]


def test_an_event_in_binary_mode_has_its_attributes_in_headers(sender: Sender, engine: Engine) -> None:
    attributes = {f"ce_{name}": value for name, value in event(9, subject="caf%C3%A9").items()}
    body = json.dumps({"ship_by": "2026-06-20"}).encode()
    assert statuses(sender.post(body, "application/json", **attributes).get_json()) == ["accepted"]
    empty = {**attributes, "ce_id": "e10", "ce_type": "qos.order.accepted"}
    assert statuses(sender.post(b"", "application/json", **empty).get_json()) == ["accepted"]
    with reading(engine) as session:
        fact = session.scalars(select(OrderFact)).one()
        session.expunge_all()
    assert (fact.order_ref, fact.accepted_ms == fact.ordered_ms) == ("café", True)


def test_gzip_is_taken_in_one_piece_or_several(sender: Sender) -> None:
    text = json.dumps([event(1), event(2)]).encode()
    packed = gzip.compress(text[:50]) + gzip.compress(text[50:])
    assert sender.post(packed, BATCH, Content_Encoding="gzip").get_json()["accepted"] == 2
    assert sender.post(gzip.compress(text), BATCH, Content_Encoding="GZIP").get_json()["duplicate"] == 2


def test_an_empty_batch_is_no_error(sender: Sender) -> None:
    assert sender.send() == {"accepted": 0, "duplicate": 0, "conflict": 0, "quarantined": 0, "events": []}


def test_an_event_of_a_shop_not_yet_open_is_taken_in_by_itself_once_it_opens(
    sender: Sender, engine: Engine
) -> None:
    early = [event(n, shop="late") for n in (1, 2, 3)]
    answer = sender.send(*early, event(4))
    assert statuses(answer) == ["quarantined", "quarantined", "quarantined", "accepted"]
    assert answer["events"][0]["field"] == "shop"
    assert statuses(sender.open_shop("late")) == ["accepted"]
    assert list_logged(engine)[-3:] == ["e1", "e2", "e3"]
    assert {row.replayed_at for row in list_quarantined(engine)} == {NOW}
    assert statuses(sender.send(*early)) == ["duplicate"] * 3


def test_a_shop_name_that_is_too_long_stays_in_quarantine(sender: Sender, engine: Engine) -> None:
    assert sender.send(event(1, shop="s" * 201))["quarantined"] == 1
    assert sender.open_shop("s" * 200)["accepted"] == 1
    (row,) = list_quarantined(engine)
    assert (row.field, row.replayed_at) == ("shop", None)


def test_waiting_events_that_fail_again_say_why_whatever_batch_opens_the_shop(
    sender: Sender, engine: Engine
) -> None:
    late = event(2, "qos.event.retracted", shop="late", data={"source": "/shops/morvan", "id": "e1"})
    sender.send(event(1), event(3, shop="late"), late)
    intake = Intake(NOW, "openings.jsonl", rows=[7])
    (receipt,) = ingest_guarded(engine, [opening("late")], intake=intake)
    assert receipt.status == "accepted"
    assert list_logged(engine)[-1] == "e3"
    row = list_quarantined(engine)[-1]
    assert (row.field, row.reason) == (
        "data.id", "names an event of another shop; a retraction stays within its shop",
    )  # fmt: skip


def test_a_key_of_one_marketplace_writes_there_alone(app: Flask, sender: Sender, engine: Engine) -> None:
    bound = Sender(app.test_client(), make_key(engine, "halle", marketplace="halle-fr"))
    foreign = {"marketplace": "lonja-es", "shop": "bazar"}
    answer = bound.send(event(1), event(2, **foreign), opening("new", "lonja-es"))
    assert statuses(answer) == ["accepted", "quarantined", "quarantined"]
    assert answer["events"][1]["field"] == "marketplace"
    assert "may not write to that marketplace" in answer["events"][1]["reason"]
    assert statuses(sender.send(event(2, **foreign))) == ["accepted"]


def test_the_key_is_the_origin_of_what_is_quarantined(sender: Sender, engine: Engine) -> None:
    sender.send(event(1), event(2, marketplace="nowhere"))
    (row,) = list_quarantined(engine)
    assert (row.origin, row.row, row.field, row.marketplace) == ("key feed", 2, "marketplace", "nowhere")
    assert json.loads(row.raw) == event(2, marketplace="nowhere")
    assert row.received_at == NOW


def test_only_a_key_that_may_send_is_let_in(app: Flask, sender: Sender, engine: Engine) -> None:
    body = json.dumps([event(1)]).encode()
    reader = Sender(app.test_client(), make_key(engine, "reports", "read"))
    assert reader.post(body).status_code == 403
    assert Sender(app.test_client(), "qos_wrong").post(body).status_code == 401
    assert app.test_client().post(PATH, data=body, content_type=BATCH).status_code == 401
    with unit_of_work(engine) as session:
        revoke_key(session, name="feed", actor=COMMAND_LINE, now=NOW)
    refused = sender.post(body)
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert list_logged(engine) == ["halle-fr:morvan"]


def test_more_than_ten_thousand_events_are_refused_whole_and_the_limit_is_told(
    sender: Sender, engine: Engine
) -> None:
    answer = sender.post(json.dumps([event(n) for n in range(10_001)]).encode(), BATCH)
    assert (answer.status_code, answer.mimetype) == (413, "application/problem+json")
    told = answer.get_json(force=True)
    assert (told["title"], told["max_events"]) == ("Too many events", 10_000)
    assert "10,001 events; the limit is 10,000" in told["detail"]
    assert list_logged(engine) == ["halle-fr:morvan"]
    answer = sender.send(*(event(n) for n in range(2_100)), event(2_100, time="yesterday"))
    assert (answer["accepted"], answer["quarantined"]) == (2_100, 1)
    assert list_quarantined(engine)[0].row == 2_101


def test_a_time_is_judged_by_the_clock_of_the_site(sender: Sender, clock: Clock) -> None:
    tomorrow = event(1, time="2026-06-19T07:40:01Z")
    assert statuses(sender.send(tomorrow)) == ["quarantined"]
    clock.now = NOW.replace(second=1)
    assert statuses(sender.send(tomorrow)) == ["accepted"]


@pytest.mark.parametrize("first", ["calendar", "message"])
def test_a_promise_on_a_clock_that_never_opens_again_is_never_due(
    sender: Sender, engine: Engine, first: str
) -> None:
    # One minute on Mondays, and none of the Mondays of ten years: a working day of 24 hours never ends.
    mondays = [f"{y}-{m:02}-{d:02}" for y in range(2026, 2037) for m in range(1, 13) for d in range(1, 29)]
    asked = event(1, "qos.case.opened", subject="case-1")
    closed = event(2, "qos.shop.calendar_set", subject="morvan", data={"hours": HOURS, "holidays": mondays})
    pair = [closed, asked] if first == "calendar" else [asked, closed]
    assert statuses(sender.send(event(8), *pair, event(9))) == ["accepted"] * 4
    with reading(engine) as session:
        due_ms = session.scalars(select(Obligation.due_ms).where(Obligation.kind == "resolve")).one()
    assert due_ms == NEVER_MS


@pytest.fixture
def stuck_on_case_1(engine: Engine) -> Iterator[None]:
    """The working out of case-1 breaks, as a defect in it would break."""
    def refuse(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        if "case_facts" in statement and "case-1" in repr(parameters):
            raise ArithmeticError("case-1 has no working time")

    listen(engine, "before_cursor_execute", refuse)
    yield
    remove(engine, "before_cursor_execute", refuse)


@pytest.mark.usefixtures("stuck_on_case_1")
def test_an_event_that_cannot_be_worked_out_is_kept_and_the_others_go_on(sender: Sender, engine: Engine) -> None:
    case = event(1, "qos.case.opened", subject="case-1")
    answer = sender.send(event(8), case, event(2), event(9))
    assert statuses(answer) == ["accepted", "quarantined", "accepted", "accepted"]
    stuck = answer["events"][1]
    assert stuck["id"] == case["id"]
    assert "case-1 has no working time" in stuck["reason"]
    (row,) = list_quarantined(engine)
    assert (row.row, json.loads(row.raw)) == (2, case)


def test_a_busy_or_missing_database_is_no_reason_to_blame_an_event(app: Flask, sender: Sender) -> None:
    app.testing = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    with unit_of_work(app.extensions["operator_qos"].engine) as session:
        session.connection().exec_driver_sql("DROP TABLE event_bodies")
    answer = sender.post(json.dumps([event(1), event(2)]).encode(), BATCH)
    assert answer.status_code == 500
    assert "safe to send it again" in answer.get_json(force=True)["detail"]
    assert list_logged(app.extensions["operator_qos"].engine) == ["halle-fr:morvan"]


def test_the_longest_names_and_words_of_the_contract_fit_everywhere(sender: Sender, engine: Engine) -> None:
    shop, order, case, talk = ("é" * 199 + letter for letter in "sock")
    word, source = "ê" * 80, "/" + "s" * 199
    names = {"shop": shop, "source": source}
    lines = [{"line": "l" * 200, "sku": "k" * 200, "category": word, "quantity": 10**6, "amount_minor": 10**12}]
    placed = {"lines": lines, "currency": "EUR", "channel": word, "country": word, "buyer": "b" * 200}
    decided = {"fault": "seller", "remedy": word, "amount_minor": 10**12, "grounds": "g" * 20_000}
    life = [
        ("shop.opened", shop, {"name": "n" * 200, "country": word}),
        ("order.placed", order, {**placed, "ship_by": "2099-12-31", "deliver_by": "2000-01-01"}),
        ("order.shipped", order, {"carrier": word, "tracking": "t" * 200, "trackable": True}),
        ("tracking.scanned", "t" * 200, {"order": order, "milestone": "exception"}),
        ("order.delivered", order, {}),
        ("order.refunded", order, {"amount_minor": 10**12, "reason": word, "fault": "seller"}),
        ("return.requested", "r" * 200, {"order": order, "reason": word}),
        ("message.sent", talk, {"author": "buyer", "order": order, "case": case, "channel": word}),
        ("case.opened", case, {"order": order, "kind": "incident", "reason": word, "remedy": word}),
        ("case.resolved", case, {"outcome": word, "remedy": word}),
        ("case.reopened", case, {"reason": "x" * 20_000}),
        ("case.escalated", case, {"by": "buyer"}),
        ("case.decided", case, decided),
        ("review.posted", "v" * 200, {"order": order, "rating": 1}),
        ("obligation.excluded", order, {"defect": {"kind": "low_rating", "order": order}, "cause": word, "by": word}),
    ]
    events = [
        event(number, f"qos.{kind}", subject=subject, data=data, time=f"2026-06-17T10:00:{number:02}Z", **names)
        | {"id": f"{number:0200}"}
        for number, (kind, subject, data) in enumerate(life)
    ]
    answer = sender.send(*events)
    assert [found["reason"] for found in answer["events"]] == [""] * len(life)
    turn = {"obligation": {"kind": "answer", "source": source, "id": f"{7:0200}"}, "proof": "p" * 20_000}
    forgiven = event(99, "qos.obligation.excluded", subject=talk, data=turn, id="f" * 200) | names
    taken_back = event(98, "qos.event.retracted", subject=talk, data={"source": source, "id": "f" * 200}) | names
    answer = sender.send(forgiven, taken_back)
    assert [found["reason"] for found in answer["events"]] == ["", ""]
