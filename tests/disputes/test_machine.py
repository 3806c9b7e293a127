"""Anybody tries anything at any time: the table decides, each act is one step, nothing is done twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import func, select

from operator_qos.db import Base, create_database_engine, reading, unit_of_work
from operator_qos.disputes import service, settlement
from operator_qos.disputes.acting import Actor, DisputeInputError
from operator_qos.disputes.jobs import run_timers
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.disputes.queries import find_open_offer
from operator_qos.disputes.rules import OPEN_STATES, STATES, TERMINAL, IllegalAction, find_action
from operator_qos.disputes.service import Ruling
from operator_qos.disputes.settlement import Proposal
from operator_qos.disputes.sync import sync_disputes
from operator_qos.events.models import Event
from operator_qos.ledger.models import Obligation
from tests.disputes.conftest import MONDAY, World, add_people
from tests.disputes.test_journeys import use_policy

Doing = tuple[str, Callable[..., Any], dict[str, Any]]
RULINGS = (
    Ruling("seller", "refund", 19690, True, "Not delivered."),
    Ruling("carrier", "partial_refund", 5000, False, "Damaged on the way."),
    Ruling("buyer", "none", 0, False, "Signed for."),
)
DOINGS: tuple[Doing, ...] = (
    ("answer", service.answer_buyer, {"text": "x", "awaits_buyer": True, "token": None}),
    ("answer", service.answer_buyer, {"text": "x", "awaits_buyer": False, "token": None}),
    ("write", service.write_message, {"text": "x", "to": ("seller", "staff"), "token": None}),
    ("note", service.write_note, {"text": "x", "token": None}),
    ("offer", settlement.make_offer, {"proposal": Proposal("partial_refund", 9000, "x"), "token": None}),
    ("accept_offer", settlement.accept_offer, {"offer_id": None}),
    ("decline_offer", settlement.decline_offer, {"offer_id": None, "text": "x"}),
    ("confirm_performance", settlement.confirm_performance, {}),
    ("report_broken", settlement.report_broken, {"text": "x"}),
    ("escalate", service.escalate, {}),
    ("withdraw", service.withdraw, {}),
    ("reopen", service.reopen, {"text": "x"}),
    ("take", service.take_case, {}),
    ("declare_conflict", service.declare_conflict, {}),
    ("ask_evidence", service.ask_evidence, {"whom": "seller"}),
    ("ask_evidence", service.ask_evidence, {"whom": "buyer"}),
    ("give_evidence", service.give_evidence, {"text": "x", "token": None}),
    *(("decide", service.decide, {"ruling": ruling}) for ruling in RULINGS),
    ("appeal", service.appeal, {"text": "x", "token": None}),
)
PEOPLE = ("buyer", "claire", "rosa", "keller", "ines")


class DisputeMachine(RuleBasedStateMachine):
    """One dispute, everybody's hands on it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        engine = create_database_engine(f"sqlite:///{Path(self.folder.name) / 'qos.db'}")
        Base.metadata.create_all(engine)
        self.world = World(engine)
        add_people(self.world)
        self.now, self.forms = MONDAY, 0

    @initialize(preset=st.sampled_from(("ours", "amazon", "etsy", "mirakl")))
    def open(self, preset: str) -> None:
        if preset != "ours":
            use_policy(self.world, preset)
        self.world.place("O-1", MONDAY - timedelta(days=5))
        self.world.open_case("D-1", "O-1", MONDAY)
        self.id = self.dispute().id

    def dispute(self) -> Dispute:
        return self.world.dispute("D-1")

    def count_steps(self) -> int:
        with reading(self.world.engine) as session:
            return session.scalar(select(func.count(DisputeStep.id))) or 0

    def count_events(self) -> int:
        with reading(self.world.engine) as session:
            return session.scalar(select(func.count(Event.seq))) or 0

    def actor(self, who: str) -> Actor:
        return Actor("buyer", "buyer") if who == "buyer" else self.world.actor(who)

    def fill(self, given: dict[str, Any]) -> dict[str, Any]:
        self.forms += 1
        filled = dict(given)
        if "token" in filled:
            filled["token"] = f"form-{self.forms}"
        if "offer_id" in filled:
            with reading(self.world.engine) as session:
                offer = find_open_offer(session, self.id)
                filled["offer_id"] = offer.id if offer else 0
        return filled

    @rule(doing=st.sampled_from(DOINGS), who=st.sampled_from(PEOPLE), minutes=st.integers(1, 4 * 24 * 60))
    def try_something(self, doing: Doing, who: str, minutes: int) -> None:
        name, call, given = doing
        self.now += timedelta(minutes=minutes)
        actor, filled = self.actor(who), self.fill(given)
        before, steps, events = self.dispute(), self.count_steps(), self.count_events()
        legal = find_action(name, before.state, actor.role) is not None
        try:
            with unit_of_work(self.world.engine) as session:
                done = call(session, dispute_id=self.id, actor=actor, now=self.now, **filled)
        except IllegalAction:
            assert not legal or actor.role == "mediator"  # another's case, or a conflict
            assert (self.count_steps(), self.count_events(), self.dispute().state) == (steps, events, before.state)
            return
        except DisputeInputError:
            assert legal
            assert (self.count_steps(), self.count_events(), self.dispute().state) == (steps, events, before.state)
            return
        assert legal
        assert self.count_steps() == steps + (done is not False)
        self._ask_twice(call, actor, filled)

    def _ask_twice(self, call: Callable[..., Any], actor: Actor, filled: dict[str, Any]) -> None:
        """The same form again changes nothing, or is refused."""
        if "token" not in filled:
            return
        steps = self.count_steps()
        try:
            with unit_of_work(self.world.engine) as session:
                again = call(session, dispute_id=self.id, actor=actor, now=self.now, **filled)
            assert again is False
        except (IllegalAction, DisputeInputError):
            pass
        assert self.count_steps() == steps

    @rule(hours=st.integers(1, 24 * 8))
    def let_time_pass(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        run_timers(self.world.engine, now=self.now)
        steps, events = self.count_steps(), self.count_events()
        assert run_timers(self.world.engine, now=self.now) == {}
        assert (self.count_steps(), self.count_events()) == (steps, events)

    @precondition(lambda self: self.dispute().state == "settled")
    @rule()
    def pay(self) -> None:
        self.now += timedelta(minutes=5)
        self.world.send(
            self.world.event("order.refunded", "O-1", self.now, amount_minor=9000, fault="seller"), now=self.now
        )

    @invariant()
    def rows_follow_from_the_log(self) -> None:
        if not hasattr(self, "id"):
            return
        before = self.dispute()
        assert before.state in STATES
        assert before.state not in TERMINAL or before.timer_at is None
        with unit_of_work(self.world.engine) as session:
            sync_disputes(session, shop_id=before.shop_id, case_refs=["D-1"], now=self.now)
        after = self.dispute()
        assert (after.state, after.holder, after.timer_at) == (before.state, before.holder, before.timer_at)

    @invariant()
    def only_one_seller_promise_to_solve_runs(self) -> None:
        with reading(self.world.engine) as session:
            running = session.scalar(select(func.count(Obligation.row_id)).where(
                Obligation.kind == "resolve", Obligation.owes == "seller", Obligation.settled_ms.is_(None),
                Obligation.void_ms.is_(None)))
        assert (running or 0) <= (1 if not hasattr(self, "id") or self.dispute().state in OPEN_STATES else 0)

    @invariant()
    def mediators_have_what_is_theirs(self) -> None:
        if not hasattr(self, "id"):
            return
        row = self.dispute()
        if row.state in {"escalated", "assigned", "evidence_asked", "under_appeal"}:
            assert row.decision_due_at is not None
        if row.state == "under_appeal" and row.mediator_id is not None:
            assert row.mediator_id != (row.first_ruling or {}).get("mediator")

    def teardown(self) -> None:
        self.world.engine.dispose()
        self.folder.cleanup()


DisputeMachine.TestCase.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # each try takes seconds; a failing run is short enough
)
TestDisputes = DisputeMachine.TestCase


def test_the_machine_knows_every_action_of_people() -> None:
    from operator_qos.disputes.rules import ACTIONS

    people = {action.name for action in ACTIONS if action.who != {"timer"}}
    assert people - {doing[0] for doing in DOINGS} == {"assign"}
