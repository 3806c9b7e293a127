"""Contesting what counts: asked once, decided by a person, appealed to another, followed by the official numbers."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from operator_qos.audit.models import AuditRow
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event
from operator_qos.exclusions import queries, service
from operator_qos.exclusions.effects import list_effects
from operator_qos.exclusions.models import ExclusionItem, ExclusionRequest
from operator_qos.exclusions.rules import CATALOGUE, MAX_THINGS, find_due, list_heard_causes, read_thing, write_thing
from operator_qos.exclusions.service import Plea, RequestRefused
from operator_qos.ledger.jobs import advance_cells
from operator_qos.notices.models import Notice
from scoring.events import RANKS
from scoring.standards import load_preset
from tests.exclusions.world import (
    AFTER,
    CLAIRE,
    INES,
    JANA,
    LETTER,
    NOW,
    ask,
    decide,
    fill,
    find_card,
    plead,
    score,
    send,
    things_of,
    utc,
)
from tests.pages.seller_world import HALLE, event
from tests.web.fixtures import add_companies

LATER = AFTER + timedelta(days=1)


@pytest.fixture
def world(engine: Engine) -> Engine:
    add_companies(engine)
    fill(engine)
    return engine


def count(engine: Engine, *tables: type) -> list[int]:
    with reading(engine) as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def count_events(engine: Engine, kind: str) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count(Event.seq)).where(Event.type_rank == RANKS[kind])) or 0


def refresh(engine: Engine, *, at: timedelta) -> None:
    """An event later on brings the shop's numbers up to date."""
    moment = NOW + at
    send(engine, event(HALLE, "order.placed", f"N-{moment:%d%H}", moment.isoformat(), lines=[]), now=moment)


def test_what_counts_on_an_order_is_found_with_the_moment_it_began(world: Engine) -> None:
    shop = find_card(world)
    found = {thing.name: thing for thing in things_of(world, shop, "L-0", "L-5", "L-9")}
    assert set(found) == {("ship", "L-0"), ("defect", "case", "L-5"), ("defect", "low_rating", "L-5")}
    assert found["ship", "L-0"].began_at == utc("2026-06-10T16:00:00")
    assert found["defect", "case", "L-5"].began_at == utc("2026-06-13T09:00:00")


def test_a_granted_request_moves_the_official_number_and_leaves_the_raw_one(world: Engine) -> None:
    shop = find_card(world)
    before = score(world, shop)
    assert (before.bad, before.base, before.raw_bad, before.raw_base) == (3, 10, 3, 10)
    request_id = ask(world, shop, plead(("ship", "L-0"), ("ship", "L-1")))
    with reading(world) as session:
        effect, = list_effects(session, queries.get_request(session, request_id).items, now=NOW)
    assert decide(world, request_id) == "granted"
    refresh(world, at=timedelta(hours=1))
    after = score(world, shop)
    assert (after.bad, after.base, after.raw_bad, after.raw_base) == (1, 8, 3, 10)
    assert (effect.bad_after, effect.base_after) == (after.bad, after.base)


def test_an_order_with_two_defects_counts_until_both_are_forgiven(world: Engine) -> None:
    shop = find_card(world)
    assert score(world, shop, "order_defect_rate").bad == 1
    first = ask(world, shop, plead(("defect", "low_rating", "L-5"), cause="content"))
    with reading(world) as session:
        assert [e.metric for e in list_effects(session, queries.get_request(session, first).items, now=NOW)] == [
            "negative_review_rate"]
    decide(world, first)
    refresh(world, at=timedelta(hours=1))
    assert score(world, shop, "order_defect_rate").bad == 1
    second = ask(world, shop, plead(("defect", "case", "L-5"), cause="buyer_fault", token="t-2"), now=AFTER)
    with reading(world) as session:
        assert [(e.metric, e.bad_after) for e in list_effects(
            session, queries.get_request(session, second).items, now=AFTER)] == [("order_defect_rate", 0)]
    decide(world, second, now=AFTER)
    refresh(world, at=timedelta(hours=2))
    assert score(world, shop, "order_defect_rate").bad == 0


LATE = NOW + timedelta(days=40)
REFUSED = {
    "nothing chosen": (plead(), "empty", NOW),
    "an order of another company": (plead(("ship", "F-0")), "unknown", NOW),
    "an order that was in time": (plead(("ship", "L-9")), "unknown", NOW),
    "one good and one foreign": (plead(("ship", "L-0"), ("ship", "F-1")), "unknown", NOW),
    "more than the time to ask": (plead(("ship", "L-0")), "late", LATE),
    "a cause nobody knows": (plead(("ship", "L-0"), cause="bad_mood"), "cause", NOW),
    "a cause that does not cover it": (plead(("ship", "L-0"), cause="spam"), "kind", NOW),
    "a strike without a letter": (plead(("ship", "L-0"), cause="carrier_strike"), "proof", NOW),
    "without a word": (plead(("ship", "L-0"), body="  "), "body", NOW),
    "a book": (plead(("ship", "L-0"), body="x" * 5_001), "long", NOW),
    "very many": (plead(*(("ship", f"O-{n}") for n in range(MAX_THINGS + 1))), "many", NOW),
}


def test_what_cannot_be_asked_is_refused_and_changes_nothing(world: Engine) -> None:
    shop = find_card(world)
    before = count(world, ExclusionRequest, ExclusionItem, AuditRow, Notice)
    for name, (plea, code, moment) in REFUSED.items():
        with pytest.raises(RequestRefused) as refused:
            ask(world, shop, plea, now=moment)
        assert refused.value.code == code, name
    assert count(world, ExclusionRequest, ExclusionItem, AuditRow, Notice) == before


def test_what_was_asked_or_forgiven_before_is_not_asked_again(world: Engine) -> None:
    shop = find_card(world)
    plea = plead(("ship", "L-0"), ("ship", "L-1"), cause="carrier_strike", files=[LETTER])
    request_id = ask(world, shop, plea)
    assert ask(world, shop, plea) == request_id
    with pytest.raises(RequestRefused, match="asked"):
        ask(world, shop, plead(("ship", "L-1"), token="t-2"))
    assert decide(world, request_id, orders=["L-0"]) == "partly"
    for order, code in (("L-0", "excluded"), ("L-1", "asked")):
        with pytest.raises(RequestRefused, match=code):
            ask(world, shop, plead(("ship", order), token=f"again-{order}"), now=LATER)
    assert count_events(world, "obligation.excluded") == 1


def test_a_decision_is_final_but_for_one_appeal_to_somebody_else(world: Engine) -> None:
    shop = find_card(world)
    request_id = ask(world, shop, plead(("ship", "L-0"), ("ship", "L-1")))
    assert decide(world, request_id, orders=[]) == "refused"
    with pytest.raises(RequestRefused, match="decided"):
        decide(world, request_id)
    with unit_of_work(world) as session:
        service.appeal(session, request_id=request_id, body="Look at the log.", actor=CLAIRE, now=LATER)
    with pytest.raises(RequestRefused, match="same_person"):
        decide(world, request_id, now=LATER)
    assert decide(world, request_id, orders=["L-1"], actor=JANA, now=LATER) == "partly"
    with reading(world) as session:
        file = queries.get_request(session, request_id)
        rounds = [(r.number, r.outcome, r.decided_by) for r in file.rounds]
        assert (file.request.state, rounds) == ("partly", [(1, "refused", INES), (2, "partly", JANA)])
    with pytest.raises(RequestRefused, match="appeal"), unit_of_work(world) as session:
        service.appeal(session, request_id=request_id, body="Again.", actor=CLAIRE, now=LATER)
    refresh(world, at=timedelta(days=2))
    assert (score(world, shop).bad, score(world, shop).base) == (2, 9)


def test_an_appeal_comes_within_its_time_and_only_against_a_refusal(world: Engine) -> None:
    shop = find_card(world)
    granted = ask(world, shop, plead(("ship", "L-0")))
    decide(world, granted)
    refused = ask(world, shop, plead(("ship", "L-1"), token="t-2"))
    decide(world, refused, orders=[])
    for request_id, moment in ((granted, LATER), (refused, AFTER + timedelta(days=30, seconds=1))):
        with pytest.raises(RequestRefused, match="appeal"), unit_of_work(world) as session:
            service.appeal(session, request_id=request_id, body="No.", actor=CLAIRE, now=moment)
    with unit_of_work(world) as session:
        service.appeal(session, request_id=refused, body="No.", actor=CLAIRE, now=AFTER + timedelta(days=30))


def test_what_was_forgiven_counts_again_once_that_is_ended(world: Engine) -> None:
    shop = find_card(world)
    request_id = ask(world, shop, plead(("ship", "L-0"), ("ship", "L-1")))
    decide(world, request_id)
    with unit_of_work(world) as session:
        first = queries.get_request(session, request_id).items[0].id
        assert service.end_exclusions(session, request_id=request_id, item_ids=[first], why="The log was forged.",
                                      actor=JANA, now=LATER) == 1
    refresh(world, at=timedelta(days=2))
    assert (score(world, shop).bad, score(world, shop).base) == (2, 9)
    with pytest.raises(RequestRefused, match="not_granted"), unit_of_work(world) as session:
        service.end_exclusions(session, request_id=request_id, item_ids=[first], why="Twice.", actor=JANA, now=LATER)


def test_two_people_who_decide_at_once_decide_once(world: Engine) -> None:
    shop = find_card(world)
    request_id = ask(world, shop, plead(("ship", "L-0")))
    start, told = threading.Barrier(2), []

    def work(actor: str) -> None:
        start.wait()
        try:
            told.append(decide(world, request_id, actor=actor))
        except RequestRefused as refused:
            told.append(refused.code)

    threads = [threading.Thread(target=work, args=(actor,)) for actor in (INES, JANA)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["decided", "granted"]
    assert count_events(world, "obligation.excluded") == 1


def test_both_sides_are_told_and_everything_is_in_the_trail(world: Engine) -> None:
    shop = find_card(world)
    request_id = ask(world, shop, plead(("ship", "L-0")))
    decide(world, request_id, orders=[])
    with unit_of_work(world) as session:
        service.appeal(session, request_id=request_id, body="Look again.", actor=CLAIRE, now=LATER)
    with reading(world) as session:
        told = session.execute(select(Notice.topic, Notice.seller_id).where(
            Notice.topic.startswith("exclusion_")).order_by(Notice.id)).all()
        trail = session.execute(select(AuditRow.action, AuditRow.actor).where(
            AuditRow.subject == f"exclusion-request:{request_id}").order_by(AuditRow.id)).all()
    staff = None
    assert [tuple(row) for row in told] == [
        ("exclusion_asked", staff), ("exclusion_decided", shop.seller_id), ("exclusion_appealed", staff)]
    assert [tuple(row) for row in trail] == [
        ("exclusion.asked", CLAIRE), ("exclusion.decided", INES), ("exclusion.appealed", CLAIRE)]


def test_the_promises_to_decide_are_listed_with_their_clocks(world: Engine) -> None:
    shop = find_card(world)
    request_id = ask(world, shop, plead(("ship", "L-0")))
    due = utc("2026-06-25T07:40:00")  # five working days after Thursday 18 June
    decide(world, request_id, orders=[], now=due + timedelta(hours=1))
    with unit_of_work(world) as session:
        service.appeal(session, request_id=request_id, body="No.", actor=CLAIRE, now=due + timedelta(hours=2))
    with reading(world) as session:
        first, second = queries.list_request_clocks(session, NOW, due + timedelta(days=1))
        assert queries.list_request_clocks(session, NOW + timedelta(seconds=1), due) == []
        assert queries.count_late(session, now=due + timedelta(days=10)) == 1
    assert (first.is_appeal, first.asked_at, first.due_at, first.outcome) == (False, NOW, due, "refused")
    assert first.decided_at is not None and first.decided_at > first.due_at
    assert (second.is_appeal, second.decided_at, second.outcome) == (True, None, None)


@pytest.mark.parametrize(("asked", "due"), [
    ("2026-06-18T07:40:00", "2026-06-25T07:40:00"),  # Thursday
    ("2026-06-19T22:30:00", "2026-06-25T22:30:00"),  # Saturday in Paris: from Monday on
    ("2026-06-20T10:00:00", "2026-06-26T10:00:00"),
    ("2026-03-26T09:00:00", "2026-04-02T08:00:00"),  # the clocks change between: ten o'clock stays ten o'clock
])
def test_a_request_is_due_five_working_days_later(asked: str, due: str) -> None:
    assert find_due(utc(asked), "Europe/Paris") == utc(due)


def test_a_standard_says_which_causes_it_hears() -> None:
    assert list_heard_causes(load_preset("ours")) == CATALOGUE
    strike, = list_heard_causes(load_preset("bol"))
    assert (strike.id, strike.scope) == ("depot_strike", "bad")
    heard = {cause.id: cause.scope for cause in list_heard_causes(load_preset("pccomponentes"))}
    assert heard == dict.fromkeys(("buyer_fault", "carrier_fault", "platform_fault", "mistaken_data"), "both")


UNREADABLE = ("", "[]", "{}", "[", '["ship"]', '["ship", 1]', '["ship", "a", "b"]', '["answer", "a"]')


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_names_no_thing_is_not_read(text: str) -> None:
    assert read_thing(text) is None


def test_a_name_survives_being_written() -> None:
    for name in (("ship", 'O"1'), ("answer", "/a|b", "é"), ("resolve", "C-1"), ("defect", "case", "O-1")):
        assert read_thing(write_thing(name)) == name


def test_a_question_and_a_case_can_be_contested(world: Engine) -> None:
    shop = find_card(world)
    send(world, event(HALLE, "message.sent", "V-1", "2026-06-11T08:00:00Z", author="buyer", to=["seller"], body="Hi",
                      order="L-9"))
    advance_cells(world, now=NOW)
    turn = next(thing for thing in things_of(world, shop, "L-9") if thing.kind == "answer")
    request_id = ask(world, shop, plead(turn.name, cause="spam"))
    assert decide(world, request_id) == "granted"
    again = things_of(world, shop, "L-9", now=LATER)
    assert [thing.answer for thing in again if thing.kind == "answer"] == ["excluded"]
    with unit_of_work(world) as session, pytest.raises(RequestRefused, match="unknown"):
        service.ask(session, shop=find_card(world, ("lonja-es", "bazar")), actor=CLAIRE, now=NOW,
                    plea=Plea([turn.name], "spam", "Mine?", "t-9"))
