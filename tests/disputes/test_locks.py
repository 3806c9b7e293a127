"""Two writers on one case: the shop is locked before its dispute, by everybody."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from operator_qos.db import create_session, lock_shops, unit_of_work
from operator_qos.disputes.jobs import escalate_due
from operator_qos.disputes.models import Dispute
from tests.disputes.conftest import MONDAY, World

LAPSED = MONDAY + timedelta(hours=72, seconds=1)
POSTGRESQL = pytest.mark.parametrize("database", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7301 AND NOT granted")


def _wait_for_the_other(world: World) -> None:
    for _ in range(200):
        with unit_of_work(world.engine) as session:
            if session.scalar(WAITING):
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits for the shop")


@POSTGRESQL
def test_an_escalation_waits_for_the_shop_without_holding_the_dispute(world: World) -> None:
    world.place("O-1", MONDAY - timedelta(days=5))
    world.open_case("D-1", "O-1", MONDAY)
    dispute = world.dispute("D-1")
    done: list[int] = []
    taking_in = create_session(world.engine)
    try:
        lock_shops(taking_in, [dispute.shop_id])  # as taking events in begins
        other = threading.Thread(target=lambda: done.append(escalate_due(world.engine, now=LAPSED)))
        other.start()
        _wait_for_the_other(world)
        taking_in.execute(text("SET LOCAL lock_timeout = '3s'"))
        # As taking events in ends: were the row locked by the other, both would wait for ever.
        taking_in.execute(update(Dispute).where(Dispute.id == dispute.id).values(reason="damaged"))
        taking_in.commit()
    finally:
        taking_in.rollback()
        taking_in.close()
    other.join(30)
    assert done == [1]
    assert (world.dispute("D-1").state, world.dispute("D-1").reason) == ("assigned", "not_received")
