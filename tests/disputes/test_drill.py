"""Timers killed at random moments, two at a time, a day late: each thing is done once, and told once per step."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from operator_qos.db import reading, unit_of_work
from operator_qos.disputes.jobs import run_timers
from operator_qos.disputes.models import Dispute, DisputeStep
from operator_qos.events.models import Event
from operator_qos.hooks.jobs import call_hooks
from operator_qos.hooks.service import add_hook
from operator_qos.notices.models import Notice, OutboxMail
from scoring.events import RANKS
from tests.disputes.conftest import MONDAY, World
from tests.disputes.test_api import Receiver, receiver
from tests.schedulers import Pair

__all__ = ["receiver"]
CASES = 60
LATE = MONDAY + timedelta(days=4)
JOBS = ("operator_qos.disputes.jobs.run_timers",)


@pytest.mark.slow
def test_killed_timers_do_each_thing_once(world: World, database_url: str, receiver: Receiver) -> None:
    for number in range(CASES):
        world.place(f"O-{number}", MONDAY - timedelta(days=5))
        world.open_case(f"D-{number}", f"O-{number}", MONDAY)
    with unit_of_work(world.engine) as session:
        add_hook(session, marketplace_id="hf", url=receiver.url, actor="test", now=MONDAY)
    dice, pair = random.Random(7), Pair(database_url, LATE, JOBS, seconds=(0.1, 0.8))
    for _ in range(5):
        pair.work_until_killed(dice)
    with reading(world.engine) as session:
        assert session.scalar(select(func.count(DisputeStep.id)))
    run_timers(world.engine, now=LATE)
    with reading(world.engine) as session:
        escalated = session.scalars(select(Event.subject).where(Event.type_rank == RANKS["case.escalated"])).all()
        kinds = Counter(session.scalars(select(DisputeStep.kind)))
        notices = session.scalar(select(func.count(Notice.id)))
        mails = session.scalar(select(func.count(OutboxMail.id)))
        states = set(session.scalars(select(Dispute.state)))
    assert sorted(escalated) == sorted(f"D-{number}" for number in range(CASES))
    assert kinds == {"escalate": CASES}
    # A notice to the seller and one to the staff; the seller's one person and the two mediators get a mail.
    assert (notices, mails, states) == (2 * CASES, 3 * CASES, {"assigned"})
    while call_hooks(world.engine, now=LATE):
        pass
    told = Counter(json.loads(body)["data"]["step"] for _, body in receiver.seen)
    assert len(told) == CASES
    assert set(told.values()) == {1}
