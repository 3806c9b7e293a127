"""Plans and pardons in official runs: plain and general judges agree, and rows of the tables become shelters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.course import Course, CourseShop, list_metrics
from operator_qos.evaluation.judging import Place, ShopRow
from operator_qos.evaluation.plain import PlainJudge
from operator_qos.recourse.models import ActionPlan, Appeal, Pardon
from operator_qos.recourse.shelters import end_pardons, list_shelters
from operator_qos.standing.queries import find_standing
from scoring import plans
from scoring.outcome_rows import to_unit_rows
from scoring.plans import PlanSpan, Shelter
from tests.evaluation.test_course import DAY, FIRST, SMALL, UNITS, ZONE, Unit, to_outcomes
from tests.evaluation.world import settled
from tests.recourse.world import OWNER, SHOP, build, feed, judge, orders

DATES = [FIRST + DAY * number for number in range(22)]
SUBJECTS = ("level", "badge:top_seller", "warning:late_shipment_rate", "warning:order_defect_rate")
SHELTERS = st.dictionaries(st.integers(1, 3), st.builds(
    lambda span, pardons: Shelter(
        () if span is None else (PlanSpan(FIRST + DAY * span[0], FIRST + DAY * (span[0] + span[1])),),
        tuple(plans.Pardon(name, FIRST + DAY * since) for name, since in pardons)),
    st.none() | st.tuples(st.integers(0, 15), st.integers(1, 12)),
    st.lists(st.tuples(st.sampled_from(SUBJECTS), st.integers(0, 18)), max_size=2, unique_by=lambda one: one[0])))
Seen = list[dict[int, tuple[str | None, frozenset[str], dict[str, int]]]]


def walk_plain(units: Sequence[Unit], shelters: Mapping[int, Shelter]) -> tuple[Seen, dict[int, Any]]:
    shops = [ShopRow(number, 1, f"s{number}", f"S{number}", 0) for number in (1, 2, 3)]
    plain = PlainJudge(Place("fr", ZONE), SMALL, shops, to_outcomes(units), {}, shelters)
    found: Seen = []
    for _ in plain.judge(DATES):
        found.append({
            row.shop_id: (row.level, frozenset(row.badges),
                          {str(e["metric"]): int(e["warning"]) for e in row.episodes if e["warning"]})
            for row in plain.list_decided()})
    return found, {shop.id: plain.list_pardons_left(shop.id) for shop in shops}


def walk_general(units: Sequence[Unit], shelters: Mapping[int, Shelter]) -> tuple[Seen, dict[int, Any]]:
    shops = [CourseShop(number, 0) for number in (1, 2, 3)]
    rows = to_unit_rows(to_outcomes(units), list_metrics(SMALL))
    course = Course(SMALL, shops, rows, zone=ZONE, shelters=shelters)
    found: Seen = []
    for day in course.walk(DATES):
        levels = day.levels()
        found.append({
            entry[0]: (levels[entry], frozenset(name for name, held in day.after.badges.items() if held[place]),
                       {name: int(run.warning[place]) for name, run in day.after.rules.items() if run.warning[place]})
            for place, entry in enumerate(day.entries)})
    return found, {shop.id: course.list_pardons_left(shop.id) for shop in shops}


@settings(max_examples=6, deadline=None)
@given(UNITS, SHELTERS)
def test_shelters_hold_alike_under_plain_and_under_any_standard(
    units: Sequence[Unit], shelters: dict[int, Shelter]
) -> None:
    assert walk_general(units, shelters) == walk_plain(units, shelters)


def test_a_plan_shelters_from_old_orders_in_an_official_run_and_new_ones_judge(engine: Engine) -> None:
    build(engine)
    first = date(2026, 3, 10)
    feed(engine, [one for back in range(1, 8) for one in orders(first - timedelta(days=back), base=10)])
    feed(engine, orders(first, base=40, late=12))
    judge(engine, first - timedelta(days=1), first - timedelta(days=1))
    with unit_of_work(engine) as session:
        session.add(ActionPlan(
            shop_id=SHOP, state="running", rule="late_shipment_rate", target="0.04", cause="x", actions="y",
            review_on=first + timedelta(days=3), opened_by=OWNER, opened_side="seller", opened_at=settled(first),
            start_on=first + timedelta(days=1)))
    feed(engine, orders(first + timedelta(days=2), base=30, late=10))
    warnings = []
    for number in range(4):
        judge(engine, first + timedelta(days=number), first + timedelta(days=number))
        with reading(engine) as session:
            standing = find_standing(session, SHOP)
        assert standing is not None
        warnings.append((standing.level, standing.warning, standing.episodes[0]["last_breach_on"][-2:]))
    # Warned before the plan began; on its first day nothing new breaches, on its second ten late orders do.
    assert [last for _, _, last in warnings] == ["10", "10", "12", "13"]


def test_pardons_end_with_the_run_that_needs_them_no_longer(engine: Engine) -> None:
    build(engine)
    now = settled(date(2026, 3, 10))
    with unit_of_work(engine) as session:
        session.add(Appeal(
            id=7, shop_id=SHOP, subject="level", contested_on=date(2026, 3, 1), state="reversed", grounds="other",
            filed_by=OWNER, filed_at=now, admissible_due_at=now, decision_due_at=now, decided_at=now))
        session.flush()
        session.add(Pardon(appeal_id=7, shop_id=SHOP, subject="level", since_on=date(2026, 3, 1)))
    with unit_of_work(engine) as session:
        shelters = list_shelters(session, "fr")
        assert shelters == {SHOP: Shelter((), (plans.Pardon("level", date(2026, 3, 1)),))}
        end_pardons(session, shelters, {SHOP: frozenset()}, date(2026, 3, 11))
        assert shelters == {SHOP: Shelter()}
    with reading(engine) as session:
        assert list_shelters(session, "fr") == {}
