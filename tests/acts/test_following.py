"""From official changes to acts: what goes ahead with its statement, what waits, and what the pages then show."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update
from sqlalchemy.exc import IntegrityError

from operator_qos.acts.models import Act
from operator_qos.db import reading, unit_of_work
from operator_qos.models import Notice, StandingChange, Statement
from operator_qos.standing.queries import get_standing
from tests.acts.world import DAY, acts_of, begin, go_late, judge, send_feed
from tests.evaluation.world import build_marketplace


def show(engine: Engine, shop_id: int = 1) -> tuple[str, int]:
    """Level and warning in force."""
    with reading(engine) as session:
        row = get_standing(session, shop_id)
    return row.level, row.warning


def test_a_warning_is_an_act_in_force_with_its_statement(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    judge(engine, DAY)
    (act,) = acts_of(engine)
    assert (act.kind, act.subject, act.before, act.after) == ("warning", "warning:late_shipment_rate", "0", "1")
    assert (act.state, act.is_adverse, act.automated, act.decided_by) == ("in_force", True, True, "system")
    with reading(engine) as session:
        (statement_id,) = session.scalars(select(Statement.id))
        (change,) = session.execute(select(StandingChange.id, StandingChange.state)).all()
    assert (act.statement_id, act.change_id, change.state) == (statement_id, change.id, "in_force")
    assert show(engine) == ("in_standard", 1)


def test_the_database_refuses_a_restriction_without_its_statement(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    judge(engine, DAY)
    with pytest.raises(IntegrityError, match="stated"), unit_of_work(engine) as session:
        session.execute(update(Act).values(statement_id=None))
    with pytest.raises(IntegrityError, match="two_people"), unit_of_work(engine) as session:
        session.execute(update(Act).values(needs_two=True, approved_by="a@x", second_by="a@x"))


def test_while_the_feed_is_late_the_warning_is_held_and_nobody_is_told(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    send_feed(engine, until=DAY - timedelta(days=1))
    judge(engine, DAY)
    (act,) = acts_of(engine)
    assert act.state == "held"
    assert {(hold["guard"], hold["kind"], hold["source"]) for hold in act.holds} == {
        ("feed", "late", "/erp"), ("feed", "incomplete", "/erp")}
    assert show(engine) == ("in_standard", 0)
    with reading(engine) as session:
        assert session.scalars(select(StandingChange.state)).all() == ["held"]
        assert session.scalars(select(Notice)).all() == []
        assert session.scalars(select(Statement)).all() == []
        assert get_standing(session, 1).as_decided().warning == 1


def test_a_feed_that_goes_on_holds_nothing(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    send_feed(engine, until=DAY + timedelta(days=1))
    judge(engine, DAY)
    assert [act.state for act in acts_of(engine)] == ["in_force"]


def test_what_was_held_and_has_gone_again_is_dropped_and_never_told(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    send_feed(engine, until=DAY - timedelta(days=1))
    judge(engine, DAY)
    judge(engine, DAY + timedelta(days=60))  # the window emptied, the level fell and rose, the warning ended
    assert [act.state for act in acts_of(engine)] == ["dropped"]
    assert show(engine) == ("in_standard", 0)
    with reading(engine) as session:
        assert set(session.scalars(select(StandingChange.state))) == {"dropped"}
        assert session.scalars(select(Notice)).all() == []


def test_more_than_the_cap_waits_as_one_batch(engine: Engine) -> None:
    build_marketplace(engine, shops=6)
    begin(engine, shops=6)
    for shop_id in range(1, 7):
        go_late(engine, shop_id=shop_id)
    judge(engine, DAY)
    found = [act for shop_id in range(1, 7) for act in acts_of(engine, shop_id)]
    assert {act.state for act in found} == {"held"}
    assert found[0].holds == [{"guard": "cap", "category": "warning", "acts": 6, "shops": 6}]


def test_five_are_within_the_cap(engine: Engine) -> None:
    build_marketplace(engine, shops=6)
    begin(engine, shops=6)
    for shop_id in range(1, 6):
        go_late(engine, shop_id=shop_id)
    judge(engine, DAY)
    assert {act.state for shop_id in range(1, 7) for act in acts_of(engine, shop_id)} == {"in_force"}


def test_history_taken_over_stands_and_is_stated_whatever_the_feed(engine: Engine) -> None:
    build_marketplace(engine)
    go_late(engine, DAY - timedelta(days=91))
    go_late(engine)
    send_feed(engine, until=DAY - timedelta(days=5))
    judge(engine, DAY)
    assert ("warning:late_shipment_rate", "in_force") in [(act.subject, act.state) for act in acts_of(engine)]


def test_the_end_of_a_warning_ends_its_act(engine: Engine) -> None:
    build_marketplace(engine)
    begin(engine)
    go_late(engine)
    judge(engine, DAY)
    judge(engine, DAY + timedelta(days=60))
    warnings = [act for act in acts_of(engine) if act.kind == "warning"]
    assert (warnings[0].after, warnings[0].state) == ("1", "ended")
    assert (warnings[-1].after, warnings[-1].state, warnings[-1].is_adverse) == ("0", "in_force", False)
