"""Every way through the diagram, with real timers: each step once, at the moment the policy promised."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.disputes import service, settlement
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.jobs import run_timers
from operator_qos.disputes.models import Dispute, DisputeOffer, DisputePolicy, DisputeStep
from operator_qos.disputes.policies import read_preset_text, read_yaml
from operator_qos.disputes.queries import list_queue
from operator_qos.disputes.rules import IllegalAction
from operator_qos.disputes.service import Ruling
from operator_qos.disputes.settlement import Proposal
from operator_qos.notices.models import Notice
from tests.disputes.conftest import MONDAY, World

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
BUYER = Actor("buyer", "buyer")
AGAINST_SELLER = Ruling("seller", "refund", 19690, counts=True, grounds="Never handed over (delivery).")
FOR_SELLER = Ruling("buyer", "none", 0, counts=False, grounds="Handed over at the address, signed for.")
HALF = Proposal("partial_refund", 9000, "Half of it back?")


def use_policy(world: World, preset: str) -> None:
    """Let a shipped policy be in force from the beginning."""
    with unit_of_work(world.engine) as session:
        document = {**read_yaml(read_preset_text(preset)), "effective_from": "2000-01-01"}
        session.add(DisputePolicy(
            marketplace_id="hf", policy_id=preset, version=1, published_at=MONDAY - 300 * DAY, published_by="test",
            effective_from=datetime(2000, 1, 1).date(), document=document,  # noqa: DTZ001  # a day
        ))


def act(world: World, doing: Callable[..., Any], who: str | Actor, at: datetime, **more: Any) -> Any:
    actor = who if isinstance(who, Actor) else world.actor(who)
    with unit_of_work(world.engine) as session:
        return doing(session, dispute_id=world.dispute("D-1").id, actor=actor, now=at, **more)


def states(world: World, *moments: datetime) -> list[str]:
    """The state after the timer ran at each moment."""
    found = []
    for moment in moments:
        run_timers(world.engine, now=moment)
        found.append(world.dispute("D-1").state)
    return found


def steps(world: World) -> list[str]:
    with reading(world.engine) as session:
        return list(session.scalars(select(DisputeStep.kind).order_by(DisputeStep.id)))


def open_offer(world: World) -> DisputeOffer:
    with reading(world.engine) as session:
        row = session.scalars(select(DisputeOffer).order_by(DisputeOffer.id.desc())).first()
        assert row is not None
        session.expunge(row)
        return row


@pytest.fixture
def case(world: World) -> World:
    world.place("O-1", MONDAY - 5 * DAY)
    world.open_case("D-1", "O-1", MONDAY)
    return world


@pytest.fixture
def mediated(case: World) -> World:
    act(case, service.escalate, "claire", MONDAY + HOUR)
    return case


@pytest.mark.parametrize("database", ["sqlite"])
class TestSilence:
    """What happens when nobody does anything."""

    def test_ours_reminds_a_day_before_and_then_escalates(self, case: World) -> None:
        assert states(case, MONDAY + 48 * HOUR, MONDAY + 48 * HOUR + SECOND) == ["opened", "opened"]
        assert steps(case) == ["remind"]
        assert states(case, MONDAY + 72 * HOUR, MONDAY + 72 * HOUR + SECOND) == ["opened", "assigned"]
        assert steps(case) == ["remind", "escalate"]

    def test_amazon_marks_the_seller_overdue_after_48_hours_and_waits_for_the_buyer(self, world: World) -> None:
        use_policy(world, "amazon")
        world.place("O-1", MONDAY - 5 * DAY)
        world.open_case("D-1", "O-1", MONDAY)
        with pytest.raises(DisputeInputError, match="may answer until"):
            act(world, service.escalate, BUYER, MONDAY + 47 * HOUR)
        assert states(world, MONDAY + 48 * HOUR, MONDAY + 48 * HOUR + SECOND) == ["opened", "seller_overdue"]
        assert steps(world) == ["remind", "mark_overdue"]
        assert act(world, service.escalate, BUYER, MONDAY + 49 * HOUR)
        assert world.dispute("D-1").decision_due_at == MONDAY + 49 * HOUR + 7 * DAY

    def test_an_answer_ends_being_overdue(self, world: World) -> None:
        use_policy(world, "amazon")
        world.place("O-1", MONDAY - 5 * DAY)
        world.open_case("D-1", "O-1", MONDAY)
        world.send(world.event("message.sent", "D-1", MONDAY + SECOND, order="O-1", case="D-1", author="buyer",
                               to=["seller"], body="Where?"))
        states(world, MONDAY + 50 * HOUR)
        act(world, service.answer_buyer, "claire", MONDAY + 51 * HOUR, text="Sorry.", awaits_buyer=False, token="t")
        row = world.dispute("D-1")
        assert (row.state, row.overdue_at, row.response_due_at) == ("in_discussion", None, None)

    def test_paypal_closes_for_good_after_twenty_days_and_can_be_reopened(self, world: World) -> None:
        use_policy(world, "paypal")
        world.place("O-1", MONDAY - 8 * DAY)
        world.open_case("D-1", "O-1", MONDAY)
        assert states(world, MONDAY + 20 * DAY, MONDAY + 20 * DAY + SECOND) == ["opened", "auto_closed"]
        assert steps(world) == ["remind", "mark_overdue", "auto_close"]
        assert act(world, service.reopen, BUYER, MONDAY + 21 * DAY, text="I was ill.")
        assert world.dispute("D-1").state == "in_discussion"

    def test_a_silent_buyer_closes_the_case_for_the_seller(self, case: World) -> None:
        act(case, service.answer_buyer, "claire", MONDAY + HOUR, text="Which one?", awaits_buyer=True, token="t")
        assert states(case, MONDAY + HOUR + 10 * DAY, MONDAY + HOUR + 10 * DAY + SECOND) == [
            "in_discussion", "auto_closed"]
        assert case.dispute("D-1").closed_by == "automatic"

    def test_mirakl_steps_in_after_four_days_whoever_is_silent(self, world: World) -> None:
        use_policy(world, "mirakl")
        world.place("O-1", MONDAY - 8 * DAY)
        world.open_case("D-1", "O-1", MONDAY)
        act(world, service.answer_buyer, "claire", MONDAY + HOUR, text="Which?", awaits_buyer=True, token="t")
        assert states(world, MONDAY + 4 * DAY, MONDAY + 4 * DAY + SECOND) == ["in_discussion", "assigned"]

    def test_no_evidence_loses_for_the_seller(self, mediated: World) -> None:
        act(mediated, service.ask_evidence, "rosa", MONDAY + 2 * HOUR)
        row = mediated.dispute("D-1")
        assert (row.state, row.evidence_due_at) == ("evidence_asked", MONDAY + 50 * HOUR)
        assert states(mediated, MONDAY + 50 * HOUR, MONDAY + 50 * HOUR + SECOND) == ["evidence_asked", "decided"]
        row = mediated.dispute("D-1")
        assert (row.fault, row.remedy, row.refund_minor, row.counts) == ("seller", "refund", 19690, True)
        assert row.decided_by is None

    def test_no_evidence_of_the_buyer_refuses_the_claim(self, mediated: World) -> None:
        act(mediated, service.ask_evidence, "rosa", MONDAY + 2 * HOUR, whom="buyer")
        assert states(mediated, MONDAY + 51 * HOUR) == ["decided"]
        row = mediated.dispute("D-1")
        assert (row.fault, row.remedy, row.counts) == ("buyer", "none", False)

    def test_a_decision_closes_when_the_time_to_appeal_is_over(self, mediated: World) -> None:
        act(mediated, service.decide, "rosa", MONDAY + 2 * HOUR, ruling=AGAINST_SELLER)
        until = mediated.dispute("D-1").appeal_until_at
        assert until is not None
        assert states(mediated, until, until + SECOND) == ["decided", "closed"]
        with pytest.raises(IllegalAction):
            act(mediated, service.appeal, "claire", until + DAY, text="No!", token="t")


@pytest.mark.parametrize("database", ["sqlite"])
class TestSettlements:
    """Offers, and what becomes of them."""

    def test_nobody_accepts_their_own_offer(self, case: World) -> None:
        act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=HALF, token="t")
        assert (case.dispute("D-1").state, case.dispute("D-1").holder) == ("in_discussion", "buyer")
        with pytest.raises(DisputeInputError, match="your own"):
            act(case, settlement.accept_offer, "claire", MONDAY + 2 * HOUR, offer_id=open_offer(case).id)

    def test_a_counter_offer_replaces_the_offer_and_can_be_accepted(self, case: World) -> None:
        act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=HALF, token="t")
        first = open_offer(case).id
        more = Proposal("partial_refund", 15000, "Rather 150.")
        act(case, settlement.make_offer, BUYER, MONDAY + 2 * HOUR, proposal=more, token="u")
        assert case.dispute("D-1").holder == "seller"
        with pytest.raises(DisputeInputError, match="no longer open"):
            act(case, settlement.accept_offer, BUYER, MONDAY + 3 * HOUR, offer_id=first)
        assert act(case, settlement.accept_offer, "claire", MONDAY + 3 * HOUR, offer_id=open_offer(case).id)
        row = case.dispute("D-1")
        # Five working days of a shop that never said when it opens: Monday to Monday.
        assert (row.state, row.perform_due_at) == ("settled", MONDAY + 3 * HOUR + 7 * DAY)

    @pytest.mark.parametrize(
        ("proposal", "field"),
        [
            (Proposal("gift", 0, "x"), "remedy"), (Proposal("partial_refund", 0, "x"), "amount"),
            (Proposal("partial_refund", 19691, "x"), "amount"), (Proposal("replacement", 5, "x"), "amount"),
            (Proposal("apology", 0, " "), "text"),
        ],
    )
    def test_an_offer_that_makes_no_sense_names_its_field(self, case: World, proposal: Proposal, field: str) -> None:
        with pytest.raises(DisputeInputError) as refused:
            act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=proposal, token="t")
        assert refused.value.field == field

    def test_an_offer_expires_once_and_can_no_longer_be_accepted(self, case: World) -> None:
        act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=HALF, token="t")
        run_timers(case.engine, now=MONDAY + HOUR + 5 * DAY)
        assert open_offer(case).state == "open"
        late = MONDAY + HOUR + 5 * DAY + SECOND
        assert run_timers(case.engine, now=late)["expire_offer"] == 1
        assert "expire_offer" not in run_timers(case.engine, now=late)
        with pytest.raises(DisputeInputError, match="no longer open"):
            act(case, settlement.accept_offer, BUYER, late + HOUR, offer_id=open_offer(case).id)

    def test_an_offer_declined_gives_the_case_back(self, case: World) -> None:
        act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=HALF, token="t")
        act(case, settlement.decline_offer, BUYER, MONDAY + 2 * HOUR, offer_id=open_offer(case).id, text="No.")
        assert (case.dispute("D-1").holder, open_offer(case).state) == ("seller", "declined")

    def _settle(self, case: World) -> datetime:
        act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=HALF, token="t")
        act(case, settlement.accept_offer, BUYER, MONDAY + 2 * HOUR, offer_id=open_offer(case).id)
        due = case.dispute("D-1").perform_due_at
        assert due is not None
        return due

    def test_what_was_paid_in_time_ends_the_case(self, case: World) -> None:
        due = self._settle(case)
        with pytest.raises(DisputeInputError, match="no refund"):
            act(case, settlement.confirm_performance, "claire", MONDAY + 3 * HOUR)
        case.send(case.event("order.refunded", "O-1", MONDAY + 4 * HOUR, amount_minor=9000, fault="seller"))
        assert states(case, due, due + SECOND) == ["settled", "closed"]
        assert steps(case)[-1] == "confirm_performance"

    def test_a_broken_settlement_is_first_in_the_queue(self, case: World) -> None:
        case.place("O-2", MONDAY - 5 * DAY)
        case.open_case("D-2", "O-2", MONDAY, amount_minor=10**6)
        due = self._settle(case)
        assert states(case, due, due + SECOND) == ["settled", "assigned"]
        assert steps(case).count("break_settlement") == 1
        assert case.dispute("D-1").broken_at == due + SECOND
        act(case, service.assign_case, "ines", due + HOUR, mediator_id=case.users["rosa"])
        with unit_of_work(case.engine) as session:
            other = session.scalars(select(Dispute).where(Dispute.case_ref == "D-2")).one()
            service.assign_case(session, dispute_id=other.id, mediator_id=case.users["rosa"],
                                actor=case.actor("ines"), now=due + HOUR)
        with reading(case.engine) as session:
            rows = [row.dispute.case_ref for row in list_queue(session, case.users["rosa"])]
        assert rows == ["D-1", "D-2"]  # though D-2 is due earlier and about more money

    def test_the_buyer_may_not_call_it_broken_before_its_time(self, case: World) -> None:
        due = self._settle(case)
        with pytest.raises(DisputeInputError, match="may carry it out until"):
            act(case, settlement.report_broken, BUYER, due, text="Nothing came.")
        assert act(case, settlement.report_broken, BUYER, due + SECOND, text="Nothing came.")
        assert case.dispute("D-1").state == "assigned"

    def test_going_to_a_mediator_ends_what_was_offered(self, case: World) -> None:
        act(case, settlement.make_offer, "claire", MONDAY + HOUR, proposal=HALF, token="t")
        act(case, service.escalate, "ines", MONDAY + 2 * HOUR)
        assert open_offer(case).state == "ended"


@pytest.mark.parametrize("database", ["sqlite"])
class TestAppeals:
    """Another mediator, money and record apart, once."""

    def test_an_appeal_goes_to_another_mediator_and_is_final(self, mediated: World) -> None:
        act(mediated, service.decide, "rosa", MONDAY + 2 * HOUR, ruling=AGAINST_SELLER)
        assert act(mediated, service.appeal, "claire", MONDAY + 3 * HOUR, text="It was signed for.", token="t")
        row = mediated.dispute("D-1")
        assert (row.state, row.mediator_id) == ("under_appeal", mediated.users["keller"])
        assert row.decision_due_at == MONDAY + 3 * HOUR + 7 * DAY
        with pytest.raises(IllegalAction, match="not in charge"):
            act(mediated, service.decide, "rosa", MONDAY + 4 * HOUR, ruling=FOR_SELLER)
        act(mediated, service.decide, "keller", MONDAY + 5 * HOUR, ruling=FOR_SELLER)
        row = mediated.dispute("D-1")
        assert (row.state, row.outcome, row.fault, row.refund_minor) == ("final", "reversed_both", "buyer", 0)
        with pytest.raises(IllegalAction):
            act(mediated, service.appeal, BUYER, MONDAY + 6 * HOUR, text="Again.", token="u")

    @pytest.mark.parametrize(
        ("second", "outcome"),
        [
            (AGAINST_SELLER, "upheld"),
            (Ruling("seller", "partial_refund", 5000, True, "Half."), "reversed_money"),
            (Ruling("carrier", "refund", 19690, False, "Lost."), "reversed_metric"),
        ],
    )
    def test_what_the_appeal_changed_is_said(self, mediated: World, second: Ruling, outcome: str) -> None:
        act(mediated, service.decide, "rosa", MONDAY + 2 * HOUR, ruling=AGAINST_SELLER)
        act(mediated, service.appeal, "claire", MONDAY + 3 * HOUR, text="Why?", token="t")
        act(mediated, service.decide, "keller", MONDAY + 5 * HOUR, ruling=second)
        assert mediated.dispute("D-1").outcome == outcome

    def test_a_policy_without_appeals_closes_at_once(self, world: World) -> None:
        use_policy(world, "etsy")
        world.place("O-1", MONDAY - 5 * DAY)
        world.open_case("D-1", "O-1", MONDAY)
        act(world, service.escalate, "claire", MONDAY + HOUR)
        act(world, service.decide, "rosa", MONDAY + 2 * HOUR, ruling=AGAINST_SELLER)
        assert world.dispute("D-1").state == "closed"

    def test_the_buyer_withdraws_from_mediation(self, mediated: World) -> None:
        assert act(mediated, service.withdraw, BUYER, MONDAY + 2 * HOUR)
        assert mediated.dispute("D-1").state == "withdrawn"


def _counts(world: World) -> tuple[int, int]:
    with reading(world.engine) as session:
        return (session.scalar(select(func.count(DisputeStep.id))) or 0,
                session.scalar(select(func.count(Notice.id))) or 0)


def test_two_schedulers_do_each_thing_of_many_cases_once(world: World, database_url: str) -> None:
    """One case waits for each kind of timer; four workers run at once, a day late."""
    for number in range(1, 7):
        world.place(f"O-{number}", MONDAY - 5 * DAY)
        world.open_case(f"D-{number}", f"O-{number}", MONDAY)
    act(world, service.escalate, "claire", MONDAY + HOUR)
    act(world, service.ask_evidence, "rosa", MONDAY + 2 * HOUR)
    with unit_of_work(world.engine) as session:
        ids = {row.case_ref: row.id for row in session.scalars(select(Dispute))}
        settlement.make_offer(session, dispute_id=ids["D-2"], proposal=HALF, token="t", actor=world.actor("claire"),
                              now=MONDAY + HOUR)
    other = create_database_engine(database_url)
    late = MONDAY + 8 * DAY
    with ThreadPoolExecutor(4) as pool:
        engines = (world.engine, other, world.engine, other)
        done = list(pool.map(lambda engine: run_timers(engine, now=late), engines))
    other.dispose()
    totals = {name: sum(counts.get(name, 0) for counts in done) for name in
              ("decide_by_default", "expire_offer", "escalate", "remind")}
    assert totals == {"decide_by_default": 1, "expire_offer": 1, "escalate": 4, "remind": 0}
    before = _counts(world)
    assert run_timers(world.engine, now=late) == {}
    assert _counts(world) == before
