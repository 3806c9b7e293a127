"""One announcement once things have settled: no congratulation that is taken back the next minute."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, select

from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.announcements import announce_changes
from operator_qos.evaluation.queries import MarketplaceRow, ShopRow
from operator_qos.hooks.models import HookCall
from operator_qos.hooks.service import add_hook
from operator_qos.notices.jobs import tell_due
from operator_qos.notices.models import Notice, OutboxMail
from operator_qos.scheduler import SETTLING
from operator_qos.standing.service import Change
from scoring.standards import load_preset
from tests.web.fixtures import NOW, engine, world

__all__ = ["engine", "world"]
PLACE = MarketplaceRow("halle-fr", "Halle FR", "Europe/Paris")
SHOP = ShopRow(1, 1, "morvan-fr", "Atelier Morvan", 0)
DAY = timedelta(days=1)


def level(before: str, after: str) -> Change:
    return Change(1, date(2026, 6, 17), "level_changed", None, before, after, [{"code": "nothing_judged"}])


def badge(before: str | None, after: str | None) -> Change:
    return Change(1, date(2026, 6, 17), "badge_awarded" if after else "badge_withdrawn", None, before, after,
                  [{"code": "level_reached"}])


def decide(engine: Engine, *changes: Change, on: date, minutes: int, settles: bool = True) -> None:
    now = NOW + timedelta(minutes=minutes)
    with unit_of_work(engine) as session:
        announce_changes(session, changes, shops=[SHOP], marketplace=PLACE, on=on, standard=load_preset("ours"),
                         now=now, tell_at=now + SETTLING if settles else None)


def list_told(engine: Engine) -> list[list[tuple[str, str | None, str | None]]]:
    tell_due(engine, now=NOW + DAY)
    with reading(engine) as session:
        return [[(change["kind"], change["before"], change["after"]) for change in data["changes"]]
                for data in session.scalars(select(Notice.data).order_by(Notice.id))]


def test_a_badge_that_came_and_went_before_it_settled_is_not_told(world: Engine) -> None:
    decide(world, badge(None, "top_seller"), on=date(2026, 6, 16), minutes=0)
    decide(world, badge("top_seller", None), on=date(2026, 6, 17), minutes=10)
    assert list_told(world) == []


def test_what_two_dates_changed_is_told_once_and_net(world: Engine) -> None:
    decide(world, level("in_standard", "below"), badge("top_seller", None), on=date(2026, 6, 15), minutes=0)
    decide(world, level("below", "top"), badge(None, "top_seller"), on=date(2026, 6, 16), minutes=10)
    decide(world, badge(None, "fast_replies"), on=date(2026, 6, 17), minutes=20)
    assert list_told(world) == [[("level_changed", "in_standard", "top"), ("badge_awarded", None, "fast_replies")]]
    with reading(world) as session:
        assert len(session.scalars(select(OutboxMail.subject)).all()) == 2  # the company's two people


def test_what_was_told_is_told_as_undone(world: Engine) -> None:
    decide(world, badge(None, "top_seller"), on=date(2026, 6, 16), minutes=0)
    tell_due(world, now=NOW + SETTLING)
    decide(world, badge("top_seller", None), on=date(2026, 6, 17), minutes=150)
    assert list_told(world) == [[("badge_awarded", None, "top_seller")], [("badge_withdrawn", "top_seller", None)]]


@pytest.mark.parametrize("database", ["sqlite"])
def test_without_settling_people_hear_of_it_at_once(world: Engine) -> None:
    decide(world, badge(None, "top_seller"), on=date(2026, 6, 16), minutes=0, settles=False)
    with reading(world) as session:
        assert session.scalars(select(Notice.topic)).all() == ["standing_changed"]


def test_programs_hear_of_each_change_at_once_and_once(world: Engine) -> None:
    with unit_of_work(world) as session:
        add_hook(session, marketplace_id="halle-fr", url="https://e.example", topics=["standing"], actor="i", now=NOW)
    for _ in range(2):
        decide(world, badge(None, "top_seller"), on=date(2026, 6, 16), minutes=0)
    with reading(world) as session:
        (body,) = session.scalars(select(HookCall.body)).all()
    told = json.loads(body)
    assert told["type"] == "standing.changed"
    assert told["data"]["changes"] == [
        {"kind": "badge_awarded", "metric": None, "before": None, "after": "top_seller"}]
    assert told["data"]["shop"] == "morvan-fr"
