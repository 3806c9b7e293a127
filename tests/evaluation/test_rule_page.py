"""The page of a rule: from a verdict to the rows behind it, what was left out and why, what changed since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from flask import Flask
from flask_babel import Babel
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.rule_page import STATES, RulePage, find_rule_page, list_rule_lines
from operator_qos.ledger.models import ExclusionFact, OrderFact, OutcomeRow
from operator_qos.sellers.queries import ShopCard, find_shop_card
from operator_qos.standards.binding import get_bound
from scoring.metrics import GROUP_CODES
from tests.evaluation.test_binding import WEEKLY, describe, publish, run, weekly_world
from tests.evaluation.world import HOUR_MS, build_marketplace, end_ms, late_orders, outcome, settled, store

MONDAY = date(2026, 3, 16)
COMPOSED = """
  - {id: worst, title: {en: The worse}, greatest_of: [late_week, late_ever], kept_when: "<= 50 %"}
figures:
  - {id: late_ever, title: {en: Late ever, fr: En retard}, metric: late_shipment_rate, window: {days: 400}}
"""


@contextmanager
def shop_two(engine: Engine) -> Iterator[tuple[Session, ShopCard]]:
    """The second shop, read within a request in English."""
    app = Flask("test")
    Babel(app)
    with reading(engine) as session, app.test_request_context():
        card = find_shop_card(session, "fr", "s2")
        assert card is not None
        yield session, card


def look(engine: Engine, rule: str = "late_week", now: datetime | None = None, *, today: bool = False) -> RulePage:
    with shop_two(engine) as (session, card):
        found = find_rule_page(session, card, rule, now=now or settled(MONDAY), is_projected=today)
    assert found is not None
    return found


def test_a_rule_page_leads_from_the_verdict_to_its_rows(engine: Engine) -> None:
    weekly_world(engine)
    for monday in (date(2026, 3, 9), MONDAY):
        run(engine, monday)
    page = look(engine)
    assert (page.on, page.dates) == (MONDAY, (date(2026, 3, 9), date(2026, 3, 15)))
    assert (page.verdict, page.value, page.has_moved) == ("breached", "10.0%", False)
    assert {state: page.count(state) for state in STATES} == {
        "against": 5, "excluded": 0, "in_order": 45, "not_counted": 0}
    assert [row.unit for row in page.rows if row.state == "against"] == [
        f"B-2026-03-11-{number}" for number in (4, 3, 2, 1, 0)]
    assert {row.reasons for row in page.rows} == {()}
    with shop_two(engine) as (session, card):
        lines = list_rule_lines(session, card.id, get_bound(session, card.id, now=settled(MONDAY)))
        assert find_rule_page(session, card, "no_such_rule", now=settled(MONDAY)) is None
    assert [(line.id, line.verdict, line.value) for line in lines] == [("late_week", "breached", "10.0%")]


def test_a_rule_page_says_when_its_rows_changed_since(engine: Engine) -> None:
    weekly_world(engine)
    run(engine, MONDAY)
    store(engine, [outcome(2, "ship", "B-late-news", end_ms(date(2026, 3, 12)) - HOUR_MS, bad=1)])
    page, today = look(engine), look(engine, now=settled(date(2026, 3, 24)), today=True)
    assert page.decided is not None
    assert (page.decided.bad, page.count("against"), page.has_moved, page.value) == (5, 6, True, "10.0%")
    # Judged on 25 March it is the week from the 16th that counts: 1 of 50.
    assert (today.decided, today.on, today.value) == (None, date(2026, 3, 25), "2.00%")


def test_what_a_rule_left_out_says_why(engine: Engine) -> None:
    build_marketplace(engine, shops=2)
    text = WEEKLY.replace("tiers:", "exclusions:\n  - {id: slow_carrier, takes: bad, where: {carrier: Snail}}\ntiers:")
    publish(engine, text, standard="weekly", version=1, on=date(2026, 3, 1))
    describe(engine, 2, {"seller_tier": "gold"}, on=date(2026, 1, 1))
    on = date(2026, 3, 11)
    store(engine, late_orders(2, on, base=3, bad=3, name="B"))
    with unit_of_work(engine) as session:
        session.execute(update(OrderFact).where(OrderFact.order_ref == f"B-{on}-0").values(carrier="Snail"))
        session.execute(update(OutcomeRow).where(
            OutcomeRow.unit == f"B-{on}-1", OutcomeRow.group_code == GROUP_CODES["ship"]).values(
            official_bad=0, dossier_id=7))
        session.add(ExclusionFact(shop_id=2, dossier_id=7, name=json.dumps(["ship", f"B-{on}-1"]), scope="bad",
                                  cause="carrier_strike", decided_by="anne", at_ms=end_ms(on)))
    run(engine, MONDAY)
    page = look(engine)
    with shop_two(engine):
        strike = str(words.cause_name("carrier_strike"))
    assert {row.unit[-1]: (row.state, row.reasons) for row in page.rows} == {
        "0": ("excluded", ("slow carrier",)), "1": ("excluded", (strike,)), "2": ("against", ())}
    assert (page.value, page.raw_value) == ("33.3%", "100%")


def write_composed(text: str) -> str:
    return text.replace("tiers:", COMPOSED.lstrip("\n") + "tiers:")


def test_what_is_made_of_other_figures_leads_to_them(engine: Engine) -> None:
    weekly_world(engine, write_composed)
    run(engine, MONDAY)
    page = look(engine, "worst")
    assert [(part.id, part.name, part.value) for part in page.parts] == [
        ("late_week", "Late week", "10.0%"), ("late_ever", "Late ever", "5.00%")]
    assert (page.verdict, page.rows, page.dates) == ("kept", (), None)
    figure = look(engine, "late_ever")  # 0 and 5 of 50 so far; nobody judges it
    assert (figure.verdict, figure.value, figure.count("against")) == (None, "5.00%", 5)


def by_country(text: str) -> str:
    return text.replace("evaluated:", "standing_per: country\nevaluated:")


def test_a_shop_judged_in_parts_has_a_line_for_each(engine: Engine) -> None:
    weekly_world(engine, by_country)
    with unit_of_work(engine) as session:
        session.execute(update(OrderFact).where(OrderFact.shop_id == 2).values(country="FR"))
        session.execute(update(OrderFact).where(OrderFact.order_ref.like("B-2026-03-11-%")).values(country="ES"))
    run(engine, MONDAY)
    with shop_two(engine) as (session, card):
        lines = list_rule_lines(session, card.id, get_bound(session, card.id, now=settled(MONDAY)))
    assert [(line.name, line.verdict, line.value) for line in lines if line.verdict != "not_enough_data"] == [
        ("Late week (ES)", "breached", "10.0%")]
    assert look(engine).verdict == "breached"
