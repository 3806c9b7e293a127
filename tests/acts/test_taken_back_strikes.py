"""A strike that people take back, or never let hold, brings no step later."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, select

from operator_qos.acts.service import undo_acts
from operator_qos.db import reading, unit_of_work
from operator_qos.models import StandingChange
from tests.acts.world import acts_of
from tests.evaluation.test_binding import run, weekly_world
from tests.evaluation.world import settled

FIRST, BETWEEN, SECOND = date(2026, 3, 16), date(2026, 3, 23), date(2026, 3, 30)


def told(engine: Engine) -> list[tuple[int, str, str | None, str | None]]:
    with reading(engine) as session:
        found = session.scalars(select(StandingChange).where(
            StandingChange.shop_id == 2, StandingChange.kind.startswith("st")).order_by(StandingChange.id))
        return [(row.on_date.day, row.kind, row.before, row.after) for row in found]


def test_a_strike_taken_back_does_not_count_towards_the_next_step(engine: Engine) -> None:
    weekly_world(engine)
    run(engine, FIRST)
    (act,) = [act for act in acts_of(engine, 2) if act.kind == "strikes"]
    with unit_of_work(engine) as session:
        undo_acts(session, act_ids=[act.id], why="the carrier was on strike", actor="anne", now=settled(FIRST))
    run(engine, BETWEEN)
    run(engine, SECOND)
    assert told(engine) == [(16, "strikes_given", "0", "1"), (30, "strikes_given", "0", "1")]


def test_without_that_the_second_strike_reaches_the_step(engine: Engine) -> None:
    weekly_world(engine)
    for monday in (FIRST, BETWEEN, SECOND):
        run(engine, monday)
    assert told(engine) == [(16, "strikes_given", "0", "1"), (30, "strikes_given", "1", "2"),
                            (30, "step_reached", None, "1")]
