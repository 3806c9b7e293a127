"""Time moving acts on: planned ones begin, those whose time is over end, those asked for are looked after."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Engine, select

from operator_qos.acts import carrying
from operator_qos.acts.explaining import release_explained
from operator_qos.acts.models import Act
from operator_qos.acts.queries import list_due_act_ids
from operator_qos.db import reading, unit_of_work
from scoring.acts import ActState

log = structlog.get_logger(__name__)


def carry_out_due(engine: Engine, *, now: datetime) -> int:
    """Move every due act one step on; commits act by act, each claimed by one worker. Returns how many moved.

    What was held for a platform's figures is let go first, where these are explained by now.
    """
    with unit_of_work(engine) as session:
        released = release_explained(session, now=now)
    with reading(engine) as session:
        due = list_due_act_ids(session, now=now)
    return len(released) + sum(_move(engine, act_id, now=now) for act_id in due)


def _move(engine: Engine, act_id: int, *, now: datetime) -> bool:
    with unit_of_work(engine) as session:
        # Locked, and read again: another worker may have moved it since.
        act = session.scalars(select(Act).where(Act.id == act_id).with_for_update(skip_locked=True)).one_or_none()
        if act is None:
            return False
        before, desk = act.state, carrying.Desk.open(session, [act], now=now)
        if act.state == ActState.PLANNED and act.effective_at <= now:
            desk.ask(act)
        elif act.state in {ActState.IN_FORCE, ActState.ASKED} and act.until_at is not None and act.until_at <= now:
            desk.end(act)
        elif act.state in {ActState.ASKED, ActState.ENDING}:
            desk.read_back(act)
        if act.state != before:
            log.info("act_moved", act=act.id, before=before, after=act.state)
        return act.state != before
