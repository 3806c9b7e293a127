"""Tries as work: claimed once, broken off after a loss, found again as they were, forgotten after a month."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select

from operator_qos.db import reading, unit_of_work
from operator_qos.standards.models import StandardTry
from operator_qos.standards.queries import get_shipped
from operator_qos.standards.tries import service
from operator_qos.standards.tries.jobs import run_tries
from operator_qos.standards.tries.service import BROKEN_OFF, LOST_AFTER, Try, TryRefused
from operator_qos.standards.trying import run_backtest
from scoring.standards import load_preset, parse_standard
from tests.evaluation.world import build_marketplace, store
from tests.standards_app.test_backtest import DATES, STRICTER, make_rows
from tests.web.fixtures import NOW

INES = "ines@operator.example"


@pytest.fixture
def world(engine: Engine) -> Engine:
    """Three shops with months of outcomes."""
    build_marketplace(engine, shops=3)
    store(engine, make_rows(3))
    return engine


def ask(engine: Engine, first: date = DATES[0], last: date = DATES[-1]) -> int:
    kept = replace(get_shipped(), text=STRICTER, standard=parse_standard(STRICTER))
    with unit_of_work(engine) as session:
        return service.ask_try(session, kept, first=first, last=last, actor=INES, now=NOW)


def get(engine: Engine, try_id: int) -> Try:
    with reading(engine) as session:
        return service.get_try(session, try_id)


def test_what_a_job_found_is_what_the_trial_says_and_every_count_is_a_step(world: Engine) -> None:
    try_id = ask(world)
    assert run_tries(world, now=NOW) == 1
    assert run_tries(world, now=NOW) == 0
    done = get(world, try_id)
    assert (done.state, done.error, done.steps_done) == ("done", "", done.steps)
    with reading(world) as session:
        found = service.find_result(session, try_id)
        assert found == run_backtest(session, parse_standard(STRICTER), load_preset("ours"), first=DATES[0],
                                     last=DATES[-1])
        assert found is not None and found.moves, "a result without moves would prove little"


def test_a_try_is_claimed_once_and_one_whose_process_was_lost_is_over(world: Engine) -> None:
    first, second = ask(world), ask(world, last=DATES[3])
    with unit_of_work(world) as one:
        assert [claimed and claimed.id for claimed in (service.claim_try(one, now=NOW) for _ in range(3))] == [
            first, second, None]
    assert get(world, first).state == "running"
    assert run_tries(world, now=NOW + LOST_AFTER + timedelta(seconds=1)) == 0
    assert (get(world, second).state, get(world, second).error) == ("failed", BROKEN_OFF)
    again = ask(world)
    assert again not in {first, second}
    run_tries(world, now=NOW + timedelta(days=31))
    with reading(world) as session:
        assert list(session.scalars(select(StandardTry.id))) == [], "all are older than a month"


def test_what_goes_wrong_is_said_and_the_next_try_still_runs(world: Engine) -> None:
    broken, fine = ask(world, first=DATES[5], last=DATES[2]), ask(world)
    assert run_tries(world, now=NOW) == 2
    assert (get(world, broken).state, "lies before" in get(world, broken).error) == ("failed", True)
    assert get(world, fine).state == "done"


def test_without_a_marketplace_there_is_nothing_to_try(engine: Engine) -> None:
    with pytest.raises(TryRefused, match="there is no marketplace"):
        ask(engine)
