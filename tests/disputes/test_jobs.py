"""The timer: each case handed over exactly once, whoever runs it and whatever breaks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.disputes.jobs import escalate_due
from operator_qos.disputes.models import DisputeStep
from operator_qos.events.models import Event
from operator_qos.notices.models import Notice
from scoring.events import RANKS
from tests.disputes.conftest import MONDAY, World

HOUR = timedelta(hours=1)
LAPSED = MONDAY + timedelta(hours=72, seconds=1)


def _escalations(world: World) -> list[str]:
    with reading(world.engine) as session:
        return list(
            session.scalars(
                select(Event.event_id).where(Event.type_rank == RANKS["case.escalated"]).order_by(Event.event_id)
            )
        )


def _count(world: World, model: type) -> int:
    with reading(world.engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def _break_inserts(world: World, table: str) -> None:
    """Let the database refuse every new row of a table."""
    body = "BEGIN SELECT RAISE(ABORT, 'disk trouble'); END"
    with unit_of_work(world.engine) as session:
        if world.engine.dialect.name == "postgresql":
            raising = "BEGIN RAISE EXCEPTION 'disk trouble'; END"
            session.execute(text(f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {raising} $$"))
            body = "FOR EACH ROW EXECUTE FUNCTION refuse()"
        session.execute(text(f"CREATE TRIGGER break_it BEFORE INSERT ON {table} {body}"))


def _mend_inserts(world: World, table: str) -> None:
    on = f" ON {table}" if world.engine.dialect.name == "postgresql" else ""
    with unit_of_work(world.engine) as session:
        session.execute(text(f"DROP TRIGGER break_it{on}"))


@pytest.fixture
def cases(world: World) -> World:
    for number in range(6):
        world.place(f"O-{number}", MONDAY - timedelta(days=5))
        world.open_case(f"D-{number}", f"O-{number}", MONDAY)
    return world


def test_nothing_happens_until_the_time_is_up(cases: World) -> None:
    assert escalate_due(cases.engine, now=MONDAY + timedelta(hours=72)) == 0
    assert escalate_due(cases.engine, now=LAPSED) == 6
    row = cases.dispute("D-0")
    assert (row.state, row.escalated_by, row.escalated_at) == ("assigned", "timer", LAPSED)
    # Thursday 09:00 in Paris; five working days later it is Thursday again.
    assert row.decision_due_at == LAPSED + timedelta(days=7)
    assert _escalations(cases) == [f"escalate:hf:shop-a:D-{number}:0" for number in range(6)]


def test_a_second_run_finds_nothing_to_do(cases: World) -> None:
    assert escalate_due(cases.engine, now=LAPSED, limit=4) == 4
    assert escalate_due(cases.engine, now=LAPSED, limit=4) == 2
    assert escalate_due(cases.engine, now=LAPSED + HOUR) == 0
    assert (_count(cases, DisputeStep), _count(cases, Notice)) == (6, 12)


def test_two_schedulers_at_once_escalate_each_case_once(cases: World, database_url: str) -> None:
    other = create_database_engine(database_url)
    with ThreadPoolExecutor(4) as pool:
        engines = (cases.engine, other, cases.engine, other)
        done = list(pool.map(lambda engine: escalate_due(engine, now=LAPSED), engines))
    other.dispose()
    assert sum(done) == 6
    assert len(_escalations(cases)) == 6
    assert _count(cases, DisputeStep) == 6


_BREAK = {
    "sqlite": ("CREATE TRIGGER break_it BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk trouble'); END",),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION break_it() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'disk trouble'; END $$",
        "CREATE TRIGGER break_it BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION break_it()",
    ),
}
_MEND = {"sqlite": "DROP TRIGGER break_it", "postgresql": "DROP TRIGGER break_it ON {table}"}


@pytest.mark.parametrize("table", ["dispute_steps", "audit_rows", "notices", "events"])
def test_a_run_that_dies_half_way_leaves_the_case_whole_for_the_next(cases: World, table: str) -> None:
    dialect = cases.engine.dialect.name
    with unit_of_work(cases.engine) as session:
        for statement in _BREAK[dialect]:
            session.execute(text(statement.format(table=table)))
    assert escalate_due(cases.engine, now=LAPSED) == 0
    assert (cases.dispute("D-0").state, _escalations(cases)) == ("opened", [])
    with unit_of_work(cases.engine) as session:
        session.execute(text(_MEND[dialect].format(table=table)))
    assert escalate_due(cases.engine, now=LAPSED + HOUR) == 6
    assert len(_escalations(cases)) == 6


def test_a_case_solved_in_time_is_left_alone(cases: World) -> None:
    cases.send(cases.event("case.resolved", "D-0", MONDAY + HOUR, outcome="refunded"))
    cases.send(cases.event("case.ball_passed", "D-1", MONDAY + HOUR, to="buyer"))
    assert escalate_due(cases.engine, now=LAPSED) == 4
    assert (cases.dispute("D-0").state, cases.dispute("D-1").state) == ("settled", "in_discussion")


def test_old_open_cases_do_not_flood_the_mediators(world: World) -> None:
    world.place("O-1", MONDAY - timedelta(days=70))
    world.open_case("D-1", "O-1", LAPSED - timedelta(days=60, seconds=1))
    world.place("O-2", MONDAY - timedelta(days=70))
    world.open_case("D-2", "O-2", LAPSED - timedelta(days=60))
    assert escalate_due(world.engine, now=LAPSED) == 1
    assert (world.dispute("D-1").state, world.dispute("D-2").state) == ("opened", "assigned")


def test_a_reopened_case_goes_to_the_mediators_again_under_a_new_number(cases: World) -> None:
    escalate_due(cases.engine, now=LAPSED)
    cases.send(cases.event("case.closed", "D-0", LAPSED + HOUR, by="operator"))
    cases.send(cases.event("case.reopened", "D-0", LAPSED + 2 * HOUR, reason="nothing came"))
    assert cases.dispute("D-0").state == "in_discussion"
    later = LAPSED + timedelta(days=10)
    before = cases.dispute("D-0").seller_due_at
    assert before is not None
    assert before < later
    assert escalate_due(cases.engine, now=later) == 1
    assert "escalate:hf:shop-a:D-0:1" in _escalations(cases)
    assert cases.dispute("D-0").escalated_at == later
