"""Schedulers killed at random moments, two at a time: each act begins once, each call and each mail arrives once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from operator_qos.acts.jobs import carry_out_due
from operator_qos.acts.queries import list_acts
from operator_qos.acts.service import Intended, choose_adapter, propose_act, release_acts
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.jobs import call_hooks
from operator_qos.hooks.service import add_hook
from operator_qos.models import OutboxMail
from operator_qos.notices.jobs import deliver_outbox
from tests.acts.world import DAY
from tests.disputes.test_api import Receiver, receiver
from tests.evaluation.world import build_marketplace, settled
from tests.notices.test_outbox import Mailbox, serve

__all__ = ["receiver"]
pytestmark = pytest.mark.slow
SHOPS = 40
NOW = settled(DAY)
DUE = NOW + timedelta(days=30, hours=1)
RUN = """
import sys
from datetime import datetime
from operator_qos.acts.jobs import carry_out_due
from operator_qos.db import create_database_engine
from operator_qos.hooks.jobs import call_hooks
engine, now = create_database_engine(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
carry_out_due(engine, now=now)
call_hooks(engine, now=now)
"""


def run_killed(url: str, dice: random.Random) -> int:
    """Two schedulers at once, both killed in the middle; how many were still at work."""
    running = [subprocess.Popen([sys.executable, "-c", RUN, url, DUE.isoformat()], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for _ in range(2)]
    time.sleep(dice.uniform(1.0, 3.0))
    alive = 0
    for process in running:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            alive += 1
        process.wait()
    return alive


def announce(engine: Engine, receiver: Receiver, *, shops: int) -> list[int]:
    """An act for each shop, whose deadline is the same for all."""
    build_marketplace(engine, shops=shops)
    with unit_of_work(engine) as session:
        choose_adapter(session, marketplace_id="fr", adapter="webhook", actor="a", now=NOW)
        add_hook(session, marketplace_id="fr", url=receiver.url, topics=("act",), actor="a", now=NOW)
        ends = Intended("termination", "The shop sold what is forbidden, again.")
        ids = [propose_act(session, ends, shop_id=shop, actor="a@x", now=NOW) for shop in range(1, shops + 1)]
        release_acts(session, act_ids=ids, why="The second person agrees.", actor="b@x", now=NOW)
    return ids


def check_each_once(  # what happened to whom, and what happens in between
    engine: Engine, url: str, receiver: Receiver, *, ids: list[int], rounds: int,
    between: Callable[[int], None] = lambda _round: None,
) -> None:
    """Schedulers are killed so many times; afterwards each act was begun, called and told exactly once."""
    dice, killed = random.Random(11), 0
    for number in range(rounds):
        killed += run_killed(url, dice)
        between(number)
    assert killed > 0
    later = DUE + timedelta(hours=13)  # what a killed worker had claimed is free again
    while carry_out_due(engine, now=later):
        pass
    for hours in range(0, 40, 13):
        while call_hooks(engine, now=later + timedelta(hours=hours)):
            pass
    # A call whose worker was killed before it could write that down is made again, under the same message id.
    told = {headers["webhook-id"]: json.loads(body)["data"]["act"] for headers, body in receiver.seen}
    assert Counter(told.values()) == dict.fromkeys(ids, 1)
    with reading(engine) as session:
        assert {act.state for act in list_acts(session)} == {"asked"}
        waiting = Counter(session.scalars(select(OutboxMail.recipient)))
    mailbox = Mailbox()
    with serve(mailbox) as settings:
        while deliver_outbox(engine, settings, now=later, limit=1000).sent:
            pass
    assert Counter(mail["To"] for mail in mailbox.mails) == waiting == {
        "anne@example.org": len(ids), "bob@example.org": len(ids)}


def test_killed_schedulers_begin_each_act_once(engine: Engine, database_url: str, receiver: Receiver) -> None:
    check_each_once(engine, database_url, receiver, ids=announce(engine, receiver, shops=SHOPS), rounds=6)
