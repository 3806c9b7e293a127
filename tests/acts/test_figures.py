"""Figures of a platform that nothing explains hold what would take something from a shop, until they are explained."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, select, update

from operator_qos.acts.jobs import carry_out_due
from operator_qos.acts.models import Act
from operator_qos.connections.figures import Figure
from operator_qos.connections.rules import Compared, Difference
from operator_qos.connections.service import NewConnection, add_connection, keep_figures
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import Event
from operator_qos.models import AuditRow, Statement
from operator_qos.sellers.queries import list_shop_cards
from scoring.event_types import RANKS
from tests.acts.test_following import show
from tests.acts.world import DAY, acts_of, begin, go_late, judge
from tests.evaluation.world import build_marketplace, end_ms, settled
from tests.pages.seller_world import speak_french
from tests.web.fixtures import NOW, sign_in

SOURCE = "/connections/plat"


@pytest.fixture
def connected(engine: Engine) -> Engine:
    """Two shops, the first of which breaks the standard on DAY, and a connection."""
    build_marketplace(engine, shops=2)
    begin(engine, shops=2)
    go_late(engine)
    with unit_of_work(engine) as session:
        add_connection(session, NewConnection("plat", "mirakl", "fr", "https://x.example", key="k"), secret="s",
                       actor="ines", now=settled(DAY))
    return engine


def compare(engine: Engine, on: date, *, s1: str = "", s2: str = "", equal: int = 20) -> None:
    """A comparison of figures: of each shop one differs for a cause, `equal` others agree."""
    with unit_of_work(engine) as session:
        keep_figures(session, connection_id=1, on=on, compared={
            shop: Compared(equal + bool(cause), equal, tuple(
                [Difference("incident_rate", "LAST_MONTH", 0.05, Figure(1, 40), cause)] if cause else []))
            for shop, cause in (("s1", s1), ("s2", s2))})


def list_holds(engine: Engine) -> list[tuple[str, str, str]]:
    return [(act.state, hold["kind"], hold["source"]) for act in acts_of(engine) for hold in act.holds]


def test_an_act_is_held_while_a_figure_of_the_shop_is_unexplained_and_goes_ahead_once_it_is(connected: Engine) -> None:
    compare(connected, DAY, s1="unexplained", equal=40)
    judge(connected, DAY)
    assert list_holds(connected) == [("held", "shop_figures", SOURCE)]
    assert show(connected) == ("in_standard", 0)
    later = settled(DAY + timedelta(days=1))
    assert carry_out_due(connected, now=later) == 0  # nothing was compared since
    compare(connected, DAY + timedelta(days=1), s1="unexplained", equal=40)
    assert carry_out_due(connected, now=later) == 0
    compare(connected, DAY + timedelta(days=2), s1="late_events", equal=40)
    assert carry_out_due(connected, now=later + timedelta(days=1)) == 1
    assert carry_out_due(connected, now=later + timedelta(days=1)) == 0
    (act,) = acts_of(connected)
    assert (act.state, act.approved_by, act.holds) == ("in_force", "system", [])
    assert show(connected) == ("in_standard", 1)
    with reading(connected) as session:
        assert session.scalars(select(Statement.id)).all() == [act.statement_id]
        told = session.scalars(select(AuditRow.actor).where(AuditRow.action == "act.release")).all()
    assert told == ["system"]


@pytest.mark.parametrize(("mine", "other", "state"), [
    ("late_events", "", "in_force"), ("", "", "in_force"), ("", "unexplained", "in_force"),
    ("unexplained", "", "held"), ("unexplained", "unexplained", "held")])
def test_what_is_explained_or_of_another_shop_holds_nothing(
    connected: Engine, mine: str, other: str, state: str
) -> None:
    compare(connected, DAY, s1=mine, s2=other, equal=100)
    judge(connected, DAY)
    assert [act.state for act in acts_of(connected)] == [state]


def test_a_comparison_of_long_ago_holds_nothing(connected: Engine) -> None:
    compare(connected, DAY - timedelta(days=8), s1="unexplained")
    judge(connected, DAY)
    assert [act.state for act in acts_of(connected)] == ["in_force"]


def test_a_source_adrift_as_a_whole_holds_every_shop_it_tells_of(connected: Engine) -> None:
    with unit_of_work(connected) as session:
        session.add(Event(seq=9, shop_id=1, type_rank=RANKS["order.shipped"], at_ms=end_ms(DAY) - 1, source=SOURCE,
                          event_id="e", subject="o", data={}, received_ms=0))
    compare(connected, DAY, s2="unexplained", equal=20)
    judge(connected, DAY)
    assert list_holds(connected) == [("held", "figures", SOURCE)]
    compare(connected, DAY + timedelta(days=1), s2="unexplained", equal=20)
    assert carry_out_due(connected, now=settled(DAY + timedelta(days=1))) == 0
    compare(connected, DAY + timedelta(days=2), s2="unexplained", equal=100)  # one of two hundred is no drift
    assert carry_out_due(connected, now=settled(DAY + timedelta(days=2))) == 1


@pytest.mark.parametrize("grave", ["parent", "child"])
def test_what_two_people_must_approve_is_not_let_go_by_a_comparison(connected: Engine, grave: str) -> None:
    compare(connected, DAY, s1="unexplained")
    judge(connected, DAY)
    with unit_of_work(connected) as session:
        act = session.scalars(select(Act)).one()
        hold = {"guard": "two_people"}
        if grave == "parent":
            session.execute(update(Act).values(needs_two=True, holds=[*act.holds, hold]))
        else:
            session.add(Act(**{name: getattr(act, name) for name in (
                "shop_id", "scope", "is_adverse", "state", "decided_by", "on_date", "made_at", "effective_at")},
                parent_id=act.id, kind="suspension", subject="suspension", needs_two=True, holds=[*act.holds, hold]))
    compare(connected, DAY + timedelta(days=1))
    assert carry_out_due(connected, now=settled(DAY + timedelta(days=1))) == 0
    assert {act.state for act in acts_of(connected)} == {"held"}
    assert {act.approved_by for act in acts_of(connected)} == {None}


@pytest.mark.parametrize(("french", "says", "link"), [
    (False, "figures of the platform about this shop", "The figures that differ"),
    (True, "chiffres de la plateforme sur cette boutique", "Les chiffres qui diffèrent")])
def test_the_inbox_says_which_figures_and_leads_to_them(
    app: Flask, world: Engine, french: bool, says: str, link: str
) -> None:
    with unit_of_work(world) as session:
        card = next(card for card in list_shop_cards(session) if card.code == "morvan-fr")
        hold = {"guard": "feed", "kind": "shop_figures", "source": SOURCE, "type": "published figures",
                "on": "2026-06-17", "found": 1, "expected": 0, "since_ms": None}
        session.add(Act(shop_id=card.id, kind="warning", subject="warning:late_shipment_rate", before="0", after="1",
                        scope={}, is_adverse=True, state="held", holds=[hold], decided_by="system",
                        on_date=date(2026, 6, 17), made_at=NOW, effective_at=NOW))
        added = add_connection(session, NewConnection("plat", "mirakl", "halle-fr", "https://x.example", key="k"),
                               secret="s", actor="ines", now=NOW)
        keep_figures(session, connection_id=added, on=date(2026, 6, 17), compared={"morvan-fr": Compared(
            10, 9, (Difference("incident_rate", "LAST_MONTH", 0.05, Figure(1, 40), "unexplained"),))})
    if french:
        speak_french(world)
    analyst = sign_in(app, "analyst")
    address = f"/operator/connections/{added}/reconciliation?on=2026-06-17&amp;cause=unexplained"
    for path in ("/operator/decisions", "/operator/shops/halle-fr/morvan-fr/acts"):
        page = analyst.get(path).text
        assert says in page
        assert f'<a href="{address}">{link}</a>' in page
    page = analyst.get("/operator/decisions").text
    assert page.count(address) == 2  # the act, and what the figures rest on
    assert analyst.get(address.replace("&amp;", "&")).status_code == 200
    today = analyst.get("/operator/today").text
    assert ("Chiffres que rien n’explique" if french else "Figures nobody explains") in today
