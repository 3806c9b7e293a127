"""Premium with a badge and immunity with a plan: asked of the platform once, read back, ended and given back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import Engine, select

from operator_qos.cli_support import Context
from operator_qos.connections import jobs, service
from operator_qos.connections.asking import Asks, choose_asks, queue_by_standing
from operator_qos.connections.cli import connections_group
from operator_qos.connections.models import ConnectionWish
from operator_qos.connections.service import ConnectionRefused
from operator_qos.db import reading, unit_of_work
from operator_qos.lab.lab import Lab, open_lab
from operator_qos.lab.mirakl.api import CALLS_PER_MINUTE
from operator_qos.models import AuditRow
from operator_qos.recourse.models import ActionPlan
from operator_qos.recourse.plans import withdraw_plan
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.standing.models import ShopStanding
from tests.connections.world import PLAN, LabWorld, add_failing, open_lab_world
from tests.web.fixtures import NOW, app, clock, post, sign_in, site_settings, world

__all__ = ["app", "clock", "site_settings", "world"]


@pytest.fixture(scope="module")
def lab() -> Lab:
    return open_lab(PLAN, calls_per_minute=CALLS_PER_MINUTE)


@pytest.fixture
def lab_world(engine: Engine, tmp_path: Path, lab: Lab) -> Iterator[LabWorld]:
    """A lab that was read once: its shops are known."""
    with open_lab_world(engine, tmp_path, lab=lab) as made:
        made.sync(1)
        yield made


def ask_for(world: LabWorld, *, premium_for: str = "", plans: bool = False) -> None:
    with unit_of_work(world.engine) as session:
        choose_asks(session, connection_id=world.card.id, asks=Asks(premium_for, plans), actor="ines", now=world.at(1))


def stand(world: LabWorld, shop: str, level: str, *badges: str) -> None:
    """Where a shop stands in force."""
    with unit_of_work(world.engine) as session:
        shop_id = next(card.id for card in list_shop_cards(session) if card.code == shop)
        session.merge(ShopStanding(shop_id=shop_id, level=level, badges=list(badges), episodes=[], warning=0,
                                   since_on=date(2026, 3, 2), decided_on=date(2026, 3, 2)))


def carry_out(world: LabWorld, days: float) -> dict[str, int]:
    """What the scheduler's job does, by the lab's clock."""
    queue_by_standing(world.engine, now=world.at(days))
    return dict(jobs._carry_out(world.engine, world.tools, now=world.at(days)))


def list_wishes(world: LabWorld) -> list[tuple[str, str]]:
    with reading(world.engine) as session:
        return [tuple(row) for row in session.execute(
            select(ConnectionWish.wanted, ConnectionWish.state).order_by(ConnectionWish.id))]


def list_written(world: LabWorld) -> list[object]:
    return [write.value for write in world.lab.writes]


def test_premium_comes_and_goes_with_the_badge_and_is_given_back_with_it(lab_world: LabWorld) -> None:
    first, second = sorted(lab_world.lab.world.shops)[:2]
    stand(lab_world, first, "in_standard", "fast")
    stand(lab_world, second, "in_standard")
    assert carry_out(lab_world, 1) == {}  # the connection asks for nothing by itself
    with pytest.raises(ConnectionRefused, match="premium: 'fast' is none of"):
        ask_for(lab_world, premium_for="fast")
    ask_for(lab_world, premium_for="top")
    assert carry_out(lab_world, 1) == {}
    stand(lab_world, first, "top")
    assert carry_out(lab_world, 1.1) == {"asked": 1}
    assert carry_out(lab_world, 1.2) == {"in_force": 1}
    assert [carry_out(lab_world, 1.3 + step / 10) for step in range(3)] == [{}, {}, {}]  # once
    stand(lab_world, first, "below")
    assert [carry_out(lab_world, 2 + step / 10) for step in range(3)] == [{"asked": 1}, {"in_force": 1}, {}]
    stand(lab_world, first, "top")  # the decision was taken back
    assert [carry_out(lab_world, 3 + step / 10) for step in range(3)] == [{"asked": 1}, {"in_force": 1}, {}]
    assert list_written(lab_world) == ["PREMIUM", "NOT_PREMIUM", "PREMIUM"]
    assert {write.shop for write in lab_world.lab.writes} == {first}
    assert list_wishes(lab_world) == [("premium", "in_force"), ("not_premium", "in_force"), ("premium", "in_force")]


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_ended_before_it_was_asked_for_ends_as_it_should(lab_world: LabWorld) -> None:
    shop = sorted(lab_world.lab.world.shops)[0]
    ask_for(lab_world, premium_for="top")
    stand(lab_world, shop, "top")
    lab_world.lab.gate.client_secret = "changed"
    try:
        assert carry_out(lab_world, 1) == {"waiting": 1}
        stand(lab_world, shop, "below")
        assert carry_out(lab_world, 1) == {}
    finally:
        lab_world.lab.gate.client_secret = "lab-secret"
    for step in range(1, 6):
        carry_out(lab_world, 1 + step / 10)
    assert list_written(lab_world) == ["PREMIUM", "NOT_PREMIUM"]


@pytest.mark.parametrize("database", ["sqlite"])
def test_nothing_is_asked_for_while_paused_or_no_longer_chosen_and_what_stands_stays(lab_world: LabWorld) -> None:
    first, second = sorted(lab_world.lab.world.shops)[:2]
    ask_for(lab_world, premium_for="top")
    stand(lab_world, first, "top")
    for paused in (True, False):
        with unit_of_work(lab_world.engine) as session:
            service.pause_connection(
                session, connection_id=lab_world.card.id, paused=paused, actor="ines", now=lab_world.at(1))
        assert queue_by_standing(lab_world.engine, now=lab_world.at(1)) == (0 if paused else 1)
    ask_for(lab_world)
    stand(lab_world, first, "below")
    stand(lab_world, second, "top")
    assert queue_by_standing(lab_world.engine, now=lab_world.at(2)) == 0
    with reading(lab_world.engine) as session:
        told = session.scalars(select(AuditRow.after).where(AuditRow.action == "connection.asks").order_by(
            AuditRow.id)).all()
    assert told == [{"premium": "top"}, {}]


def add_plan(world: LabWorld, shop: str, *, review_on: date, state: str = "agreed") -> int:
    with unit_of_work(world.engine) as session:
        shop_id = next(card.id for card in list_shop_cards(session) if card.code == shop)
        plan = ActionPlan(
            shop_id=shop_id, state=state, rule="late_shipment_rate", target="0.04", cause="c", actions="a",
            review_on=review_on, opened_by="ines", opened_side="operator", opened_at=world.first)
        session.add(plan)
        session.flush()
        return plan.id


def test_immunity_lasts_with_the_plan_and_ends_with_its_withdrawal(lab_world: LabWorld) -> None:
    first, second = sorted(lab_world.lab.world.shops)[:2]
    ask_for(lab_world, plans=True)
    review_on = lab_world.first.date() + timedelta(days=20)
    plan_id = add_plan(lab_world, first, review_on=review_on)
    add_plan(lab_world, second, review_on=review_on, state="drafted")  # nobody has agreed to it
    assert [carry_out(lab_world, 1 + step / 10) for step in range(3)] == [{"asked": 1}, {"in_force": 1}, {}]
    with reading(lab_world.engine) as session:
        until_at = session.scalars(select(ConnectionWish.until_at)).one()
    assert until_at is not None
    assert until_at.isoformat() == f"{review_on - timedelta(days=1)}T23:00:00+00:00"  # midnight in Paris
    with unit_of_work(lab_world.engine) as session:
        withdraw_plan(session, plan_id=plan_id, why="They changed their minds.", side="seller", actor="claire",
                      now=lab_world.at(2))
    assert [carry_out(lab_world, 2 + step / 10) for step in range(3)] == [{"asked": 1}, {"in_force": 1}, {}]
    assert [bool(value) for value in list_written(lab_world)] == [True, False]
    assert {write.shop for write in lab_world.lab.writes} == {first}


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_immunity_that_ended_by_itself_is_not_ended_again(lab_world: LabWorld) -> None:
    shop = sorted(lab_world.lab.world.shops)[0]
    ask_for(lab_world, plans=True)
    add_plan(lab_world, shop, review_on=lab_world.first.date() + timedelta(days=3))
    assert [queue_by_standing(lab_world.engine, now=lab_world.at(days)) for days in (1, 2, 3.5, 9)] == [1, 0, 0, 0]


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_command_says_what_is_asked_for_by_itself(lab_world: LabWorld) -> None:
    context = Context(lab_world.settings, lab_world.engine, lambda: lab_world.first)

    def run(*args: str) -> tuple[int, str]:
        done = CliRunner().invoke(connections_group, ["asks", "lab", *args], obj=context)
        return done.exit_code, done.stdout + done.stderr

    assert run("--premium-for", "top", "--immune-for-plans") == (
        0, "lab asks for premium for top and immunity for plans by itself.\n")
    assert lab_world.card.asks == {"premium": "top", "immune": "plans"}
    assert run("--premium-for", "x")[0] == 1
    assert run() == (0, "lab asks for nothing by itself.\n")
    assert lab_world.card.asks == {}


@pytest.mark.parametrize("database", ["sqlite"])
def test_an_admin_chooses_what_is_asked_for_on_the_page(app: Flask, world: Engine) -> None:
    added = add_failing(world, now=NOW)
    page, admin = f"/operator/connections/{added}", sign_in(app, "admin")
    assert post(admin, f"{page}/asks", {"premium_for": "top", "immune_for_plans": "1"}).status_code == 303
    shown = admin.get(page).text
    assert '<option value="top" selected>' in shown
    assert 'name="immune_for_plans" value="1" checked' in shown
    assert "It is asked for from now on" in shown
    post(admin, f"{page}/asks", {"premium_for": "nothing"})
    assert "There is no such badge or level" in admin.get(page).text
    analyst = sign_in(app, "analyst")
    assert post(analyst, f"{page}/asks", {}).status_code == 404
    assert "asks-premium" not in analyst.get(page).text
