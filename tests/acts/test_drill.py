"""Schedulers killed at random moments, two at a time: each act begins once, each call and each mail arrives once."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from operator_qos.acts.jobs import carry_out_due
from operator_qos.acts.models import Act
from operator_qos.acts.queries import list_acts
from operator_qos.acts.service import Intended, choose_adapter, propose_act, release_acts
from operator_qos.db import reading, unit_of_work
from operator_qos.hooks.jobs import call_hooks
from operator_qos.hooks.service import add_hook
from operator_qos.models import OutboxMail
from operator_qos.notices.jobs import deliver_outbox
from scoring.acts import ActState
from tests.acts.world import DAY
from tests.disputes.test_api import Receiver, receiver
from tests.evaluation.world import build_marketplace, settled
from tests.notices.test_outbox import Mailbox, serve
from tests.schedulers import Pair, do_nothing

__all__ = ["receiver"]
pytestmark = pytest.mark.slow
SHOPS = 40
NOW = settled(DAY)
DUE = NOW + timedelta(days=30, hours=1)
JOBS = ("operator_qos.acts.jobs.carry_out_due", "operator_qos.hooks.jobs.call_hooks")


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


def count_begun(engine: Engine) -> int:
    """How many acts have begun."""
    with reading(engine) as session:
        return session.scalar(select(func.count(Act.id)).where(Act.state != ActState.PLANNED)) or 0


def check_each_once(
    engine: Engine, pair: Pair, receiver: Receiver, *, ids: list[int], between: Sequence[Callable[[], None]],
) -> None:
    """Schedulers are killed once for each of `between`; afterwards each act was begun, called and told exactly once."""
    dice = random.Random(11)
    for meanwhile in between:
        pair.work_until_killed(dice, meanwhile)
    assert count_begun(engine) > 0
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
    pair = Pair(database_url, DUE, JOBS, seconds=(0.1, 0.8))
    check_each_once(engine, pair, receiver, ids=announce(engine, receiver, shops=SHOPS), between=[do_nothing] * 6)
