"""People and acts: releasing, refusing, two people for the grave ones, taking back; time and the marketplace."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from operator_qos.acts.adapters import Answer
from operator_qos.acts.jobs import carry_out_due
from operator_qos.acts.queries import UnknownActError, list_due_act_ids
from operator_qos.acts.service import (
    ActError,
    Intended,
    Told,
    choose_adapter,
    confirm_act,
    propose_act,
    record_totals,
    refuse_acts,
    release_acts,
    retry_act,
    undo_acts,
)
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.models import HookCall
from operator_qos.hooks.service import add_hook
from operator_qos.models import AuditRow, StandingChange, Statement
from operator_qos.sellers.shop import list_history
from operator_qos.standing.queries import get_standing
from tests.acts.world import DAY, acts_of, begin, go_late, judge, send_feed
from tests.evaluation.world import build_marketplace, settled

NOW = settled(DAY)
WHY = "looked at the orders"
ANNE, BEA = "anne@operator.example", "bea@operator.example"


@pytest.fixture
def held(engine: Engine) -> Engine:
    """A shop with one warning held for its feed."""
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    send_feed(engine, until=DAY - timedelta(days=1))
    judge(engine, DAY)
    return engine


def propose(engine: Engine, kind: str, *, days: int | None = None, ground: str | None = None) -> int:
    with unit_of_work(engine) as session:
        intended = Intended(kind, WHY, days=days, legal_ground=ground)
        return propose_act(session, intended, shop_id=1, actor=ANNE, now=NOW)


def release(engine: Engine, act_id: int, actor: str, *, why: str = WHY) -> list[int]:
    with unit_of_work(engine) as session:
        return release_acts(session, act_ids=[act_id], why=why, actor=actor, now=NOW)


def warning_of(engine: Engine) -> int:
    with reading(engine) as session:
        return get_standing(session, 1).warning


def test_a_released_act_is_stated_in_force_and_shown(held: Engine) -> None:
    (act,) = acts_of(held)
    assert release(held, act.id, ANNE) == [act.id]
    (act,) = acts_of(held)
    assert (act.state, act.approved_by, act.holds, warning_of(held)) == ("in_force", ANNE, [], 1)
    with reading(held) as session:
        assert session.scalars(select(StandingChange.state)).all() == ["in_force"]
        assert session.scalars(select(Statement.id)).all() == [act.statement_id]
        assert session.scalars(select(AuditRow.why).where(AuditRow.action == "act.release")).all() == [WHY]
        assert get_standing(session, 1).decided is None
        (line,) = list_history(session, 1)
        assert line.statement == session.scalars(select(Statement.public_id)).one()


def test_a_refused_act_leaves_the_standing_as_it_was_until_the_rules_say_something_else(held: Engine) -> None:
    (act,) = acts_of(held)
    with unit_of_work(held) as session:
        refuse_acts(session, act_ids=[act.id], why=WHY, actor=ANNE, now=NOW)
    assert ([a.state for a in acts_of(held)], warning_of(held)) == (["refused"], 0)
    judge(held, DAY + timedelta(days=1))
    assert warning_of(held) == 0  # the same breach goes on, and its warning was refused
    with pytest.raises(ActError, match="refused already"):
        release(held, act.id, BEA)


def test_nothing_is_released_without_a_reason_or_twice(held: Engine) -> None:
    (act,) = acts_of(held)
    with pytest.raises(ActError, match="say why"):
        release(held, act.id, ANNE, why="ok")
    release(held, act.id, ANNE)
    with pytest.raises(ActError, match="in_force already"):
        release(held, act.id, BEA)
    with pytest.raises(ActError, match="no act among"):
        release(held, 999, BEA)


def test_two_people_at_once_release_once(held: Engine) -> None:
    (act,) = acts_of(held)
    done: list[object] = []

    def go(actor: str) -> None:
        try:
            done.append(release(held, act.id, actor))
        except ActError as error:
            done.append(error)

    threads = [threading.Thread(target=go, args=(name,)) for name in (ANNE, BEA)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(found).__name__ for found in done) == ["ActError", "list"]
    with reading(held) as session:
        assert len(session.scalars(select(Statement.id)).all()) == 1


def test_suspension_takes_two_different_people(engine: Engine) -> None:
    build_marketplace(engine)
    act_id = propose(engine, "suspension", days=7)
    (act,) = acts_of(engine)
    assert (act.state, act.approved_by, act.statement_id) == ("held", ANNE, None)
    with pytest.raises(ActError, match="second, different person"):
        release(engine, act_id, ANNE)
    release(engine, act_id, BEA)
    (act,) = acts_of(engine)
    assert (act.state, act.second_by) == ("in_force", BEA)
    assert act.statement_id is not None
    assert act.until_at == NOW + timedelta(days=7)


def test_a_termination_takes_effect_thirty_days_after_its_statement(engine: Engine) -> None:
    build_marketplace(engine)
    release(engine, propose(engine, "termination"), BEA)
    (act,) = acts_of(engine)
    assert (act.state, act.effective_at) == ("planned", NOW + timedelta(days=30))
    assert carry_out_due(engine, now=NOW + timedelta(days=29, hours=23)) == 0
    assert carry_out_due(engine, now=NOW + timedelta(days=30)) == 1
    assert [a.state for a in acts_of(engine)] == ["in_force"]


def test_a_legal_ground_lets_a_termination_take_effect_at_once(engine: Engine) -> None:
    build_marketplace(engine)
    release(engine, propose(engine, "termination", ground="legal_obligation"), BEA)
    assert [a.state for a in acts_of(engine)] == ["in_force"]


@pytest.mark.parametrize(("kind", "why", "ground", "days", "said"), [
    ("level", WHY, None, None, "nothing people decide by hand"), ("warning", "no", None, None, "say why"),
    ("termination", WHY, "mood", None, "no legal ground"), ("order_cap", WHY, None, 0, "days from 1 on"),
    ("order_cap", WHY, None, 10**12, "days from 1 on")])
def test_what_cannot_be_decided_by_hand_is_refused(
    engine: Engine, kind: str, why: str, ground: str | None, days: int | None, said: str
) -> None:
    build_marketplace(engine)
    with pytest.raises(ActError, match=said), unit_of_work(engine) as session:
        propose_act(session, Intended(kind, why, days=days, legal_ground=ground), shop_id=1, actor=ANNE, now=NOW)
    assert acts_of(engine) == []


def test_an_act_whose_time_is_over_ends_by_itself_once(engine: Engine) -> None:
    build_marketplace(engine)
    propose(engine, "order_cap", days=7)
    assert carry_out_due(engine, now=NOW + timedelta(days=6)) == 0
    assert [carry_out_due(engine, now=NOW + timedelta(days=7)) for _ in range(2)] == [1, 0]
    assert [a.state for a in acts_of(engine)] == ["ended"]


def test_taking_a_warning_back_restores_the_standing(held: Engine) -> None:
    (act,) = acts_of(held)
    release(held, act.id, ANNE)
    with unit_of_work(held) as session:
        assert undo_acts(session, act_ids=[act.id], why=WHY, actor=BEA, now=NOW) == [act.id]
    assert ([a.state for a in acts_of(held)], warning_of(held)) == (["undone"], 0)
    with pytest.raises(ActError, match="undone already"), unit_of_work(held) as session:
        undo_acts(session, act_ids=[act.id], why=WHY, actor=BEA, now=NOW)


def test_asked_and_in_force_are_different_states_and_so_are_their_ends(engine: Engine) -> None:
    build_marketplace(engine)
    with unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="fr", adapter="webhook", actor=ANNE, now=NOW)
        add_hook(session, marketplace_id="fr", url="https://market.example/hooks", topics=("act",), actor=ANNE, now=NOW)
    act_id = propose(engine, "order_cap", days=7)
    assert [(a.state, a.in_force_at) for a in acts_of(engine)] == [("asked", None)]
    say(engine, act_id, "in_force")
    assert [(a.state, a.in_force_at) for a in acts_of(engine)] == [("in_force", NOW)]
    with unit_of_work(engine) as session:
        undo_acts(session, act_ids=[act_id], why=WHY, actor=BEA, now=NOW)
    assert [a.state for a in acts_of(engine)] == ["ending"]
    say(engine, act_id, "in_force")  # its end is
    assert [a.state for a in acts_of(engine)] == ["undone"]
    with reading(engine) as session:
        bodies = [json.loads(body) for body in session.scalars(select(HookCall.body).order_by(HookCall.id))]
    assert [body["type"] for body in bodies] == ["act.asked", "act.end_asked"]
    assert {(body["data"]["act"], body["data"]["kind"], body["data"]["shop"]) for body in bodies} == {
        (act_id, "order_cap", "s1")}


def say(engine: Engine, act_id: int, state: str, marketplace_id: str | None = "fr") -> str:
    with unit_of_work(engine) as session:
        return confirm_act(session, act_id=act_id, marketplace_id=marketplace_id, answer=Answer(state), actor="key",
                           now=NOW)


def test_only_who_was_asked_confirms(engine: Engine) -> None:
    build_marketplace(engine)
    act_id = propose(engine, "order_cap")
    with pytest.raises(UnknownActError):
        say(engine, act_id, "in_force", "de")
    with pytest.raises(ActError, match="nobody waits"):
        say(engine, act_id, "in_force")


def test_without_an_address_the_act_has_failed_and_says_why(engine: Engine) -> None:
    build_marketplace(engine)
    with unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="fr", adapter="webhook", actor=ANNE, now=NOW)
    propose(engine, "order_cap")
    (act,) = acts_of(engine)
    assert (act.state, act.error) == ("failed", "fr has no address to call; add a webhook")
    with pytest.raises(ActError, match="no way"), unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="fr", adapter="pigeon", actor=ANNE, now=NOW)


def test_the_sources_own_totals_hold_a_sanction_back(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    send_feed(engine, until=DAY + timedelta(days=1))
    with unit_of_work(engine) as session:
        for count in (90, 40):  # the last word counts
            record_totals(session, [Told("/erp", "order.shipped", DAY, count)], marketplace_id="fr", now=NOW)
    judge(engine, DAY)
    (act,) = acts_of(engine)
    assert (act.state, [hold["kind"] for hold in act.holds]) == ("held", ["drift"])
    with pytest.raises(ActError, match="no total"), unit_of_work(engine) as session:
        record_totals(session, [Told("/erp", "order.sent", DAY, 4)], marketplace_id="fr", now=NOW)


def fail(engine: Engine, act_id: int) -> None:
    with unit_of_work(engine) as session:
        refused = Answer("failed", error="no")
        confirm_act(session, act_id=act_id, marketplace_id="fr", answer=refused, actor="key", now=NOW)


def retry(engine: Engine, act_id: int) -> str:
    with unit_of_work(engine) as session:
        return retry_act(session, act_id=act_id, actor=ANNE, now=NOW)


def test_what_failed_is_asked_again_and_an_end_that_failed_is_still_an_end(engine: Engine) -> None:
    build_marketplace(engine)
    with unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="fr", adapter="webhook", actor=ANNE, now=NOW)
        add_hook(session, marketplace_id="fr", url="https://market.example/hooks", topics=("act",), actor=ANNE, now=NOW)
    act_id = propose(engine, "order_cap")
    fail(engine, act_id)
    assert retry(engine, act_id) == "asked"
    with pytest.raises(ActError, match="only one that failed"):
        retry(engine, act_id)
    say(engine, act_id, "in_force")
    with unit_of_work(engine) as session:
        undo_acts(session, act_ids=[act_id], why=WHY, actor=BEA, now=NOW)
    fail(engine, act_id)
    assert [a.state for a in acts_of(engine)] == ["failed"]
    assert retry(engine, act_id) == "ending"
    assert say(engine, act_id, "in_force") == "undone"


def test_only_a_call_that_was_given_up_is_looked_at_again(engine: Engine) -> None:
    build_marketplace(engine)
    with unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="fr", adapter="webhook", actor=ANNE, now=NOW)
        add_hook(session, marketplace_id="fr", url="https://market.example/hooks", topics=("act",), actor=ANNE, now=NOW)
    propose(engine, "order_cap")
    with reading(engine) as session:
        assert list_due_act_ids(session, now=NOW + timedelta(days=9)) == []
    with unit_of_work(engine) as session:
        session.execute(update(HookCall).values(state="dead", error="refused"))
    assert carry_out_due(engine, now=NOW) == 1
    (act,) = acts_of(engine)
    assert (act.state, act.error) == ("failed", "refused")


def test_a_marketplace_that_is_not_there_is_named(engine: Engine) -> None:
    build_marketplace(engine)
    with pytest.raises(ActError, match="there are: fr"), unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="xx", adapter="record", actor=ANNE, now=NOW)
    with pytest.raises(ActError, match="there are: fr"), unit_of_work(engine) as session:
        record_totals(session, [Told("/erp", "order.shipped", DAY, 3)], marketplace_id="xx", now=NOW)
