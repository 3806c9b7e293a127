"""Won appeals: dates judged again beside the frozen ones, the standing restored, the acts undone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from operator_qos.acts.queries import list_acts
from operator_qos.db import reading, unit_of_work
from operator_qos.recourse import service
from operator_qos.recourse.effects import Effects, Ruling
from operator_qos.recourse.models import Restatement
from operator_qos.recourse.restating import restate_shop
from operator_qos.recourse.service import Filing
from operator_qos.standards import service as standards
from operator_qos.standards.rules import renumber
from operator_qos.standing.models import EvaluationResult, EvaluationRun, StandingChange
from operator_qos.standing.queries import get_standing
from scoring.plans import Pardon
from scoring.standards import read_preset
from tests.evaluation.world import CREATED, settled
from tests.recourse.world import ANNE, OWNER, SHOP, build, feed, judge, list_all_changes, orders

DAY = date(2026, 3, 10)
FORTNIGHT = timedelta(days=14)
LAST = DAY + timedelta(days=16)


# Three warnings are more than a plain standard has: judged and judged again as any standard is.
GENERAL = read_preset("ours").replace("after_days: [0, 30]", "after_days: [0, 30, 60]")


def breach(engine: Engine, *, is_plain: bool = True) -> None:
    """Good for weeks, then a bad day: a warning and, a fortnight of breaches later, the level below standard."""
    build(engine)
    if not is_plain:
        with unit_of_work(engine) as session:
            text = renumber(GENERAL, version=2, effective_from=date(2026, 2, 1))
            standards.save_draft(session, text=text, actor="t", now=CREATED)
            standards.publish(
                session, standard_id="ours", version=2, why="x", actor="t", now=CREATED, legal_ground=None)
    feed(engine, [one for back in range(1, 8) for one in orders(DAY - timedelta(days=back), base=10)])
    feed(engine, orders(DAY, base=40, late=12))
    judge(engine, DAY - timedelta(days=1), LAST)


def frozen(engine: Engine) -> list[Any]:
    with reading(engine) as session:
        return [session.execute(select(model.__table__)).all() for model in (EvaluationRun, EvaluationResult)]


def list_days(engine: Engine) -> list[Restatement]:
    with reading(engine) as session:
        days = list(session.scalars(select(Restatement).order_by(Restatement.on_date, Restatement.id)))
        session.expunge_all()
    return days


def win(engine: Engine, ruling: Ruling, change_id: int) -> Effects:
    now = settled(LAST, hours=9)
    with unit_of_work(engine) as session:
        appeal_id = service.file_appeal(
            session, Filing(SHOP, "not_our_fault", "A strike.", change_id=change_id), actor=OWNER, now=now)
        service.admit(session, appeal_id=appeal_id, actor=ANNE, now=now)
        service.assign(session, appeal_id=appeal_id, to=ANNE, actor=ANNE, now=now)
        return service.decide(session, ruling, appeal_id=appeal_id, actor=ANNE, now=now)


@pytest.mark.parametrize("is_plain", [True, False], ids=["plain", "any"])
def test_a_fallen_change_restores_what_it_took_as_of_its_date(engine: Engine, is_plain: bool) -> None:
    breach(engine, is_plain=is_plain)
    changes = list_all_changes(engine)
    fall = next(change for change in changes if change.after == "below")
    assert fall.on_date == DAY + FORTNIGHT
    before = frozen(engine)
    effects = win(engine, Ruling("reversed", "The carrier was on strike.", [fall.id]), fall.id)
    assert frozen(engine) == before
    with reading(engine) as session:
        standing = get_standing(session, SHOP)
        restored = list(session.scalars(select(StandingChange).where(StandingChange.automated.is_(False))))
        assert [(row.kind, row.before, row.after, row.effective_at) for row in restored] == [
            ("level_changed", "below", "in_standard", fall.effective_at)]
    days = list_days(engine)
    assert (standing.level, standing.warning, standing.progress is None) == ("in_standard", 1, is_plain)
    assert [day.on_date for day in days] == [fall.on_date + timedelta(days=n) for n in range(3)]
    assert {day.level for day in days} == {"in_standard"}
    assert (effects.fallen, effects.restored) == ((fall.id,), ("level_changed",))
    # The next official run goes on from there: the old breach takes nothing again.
    judge(engine, LAST + timedelta(days=1), LAST + timedelta(days=1))
    with reading(engine) as session:
        assert get_standing(session, SHOP).level == "in_standard"


@pytest.mark.parametrize("is_plain", [True, False], ids=["plain", "any"])
def test_units_that_do_not_count_give_the_history_of_a_shop_that_never_had_them(
    engine: Engine, is_plain: bool
) -> None:
    breach(engine, is_plain=is_plain)
    first = next(change for change in list_all_changes(engine) if change.kind == "warning_given")
    names = [("ship", f"O-{DAY}-{number}") for number in range(12)]
    before = frozen(engine)
    effects = win(engine, Ruling("reversed", "The carrier was on strike.", [], names), first.id)
    assert (frozen(engine), effects.excluded, effects.restated) == (before, 12, 17)
    with reading(engine) as session:
        standing = get_standing(session, SHOP)
    days = list_days(engine)
    assert (standing.level, standing.warning, standing.progress is None) == ("top", 0, is_plain)
    assert standing.episodes == []
    # 110 orders placed within 60 days, every rule kept: top from the date of the breach on, which brought it down.
    assert {(day.level, tuple(day.badges), day.warning) for day in days} == {("top", ("top_seller",), 0)}
    assert days[0].as_of_ms < days[0].known_at_ms
    # The acts of what fell are undone, and nothing is left of them.
    with reading(engine) as session:
        live = [act for act in list_acts(session, shop_ids=[SHOP]) if act.is_live and act.is_adverse]
    assert live == []


def test_an_appeal_judged_again_a_second_time_changes_nothing(engine: Engine) -> None:
    breach(engine)
    fall = next(change for change in list_all_changes(engine) if change.after == "below")
    win(engine, Ruling("reversed", "A mistake.", [fall.id]), fall.id)
    with unit_of_work(engine) as session:
        count = len(session.scalars(select(Restatement.id)).all())
        again = restate_shop(session, appeal_id=1, shop_id=SHOP, since_on=fall.on_date,
                             pardons=[Pardon("level", fall.on_date)], now=settled(LAST, hours=10))
        assert (again.standing, len(session.scalars(select(Restatement.id)).all())) == (None, count)
