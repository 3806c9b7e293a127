"""What a rule comes to on the units since a plan began."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy.orm import Session

from operator_qos.evaluation import queries as evaluation
from operator_qos.evaluation.bench import Bench, open_bench
from operator_qos.evaluation.course import Course, CourseShop
from operator_qos.evaluation.general import complete_rows
from operator_qos.evaluation.rules import OutcomeTable
from operator_qos.recourse.history import get_marketplace_id
from operator_qos.recourse.plan_rules import Measured
from scoring.plain import is_plain
from scoring.standards import Standard

NOTHING = Measured(0, 0, None)


def measure_since(session: Session, shop_id: int, rule: str, *, start_on: date, on: date) -> tuple[Measured, Standard]:
    """A rule of the standard that binds a shop on a date, over its window but not before `start_on`."""
    marketplace = evaluation.get_marketplace(session, get_marketplace_id(session, shop_id))
    bench = open_bench(session, marketplace, only=[shop_id])
    standard = bench.bindings[shop_id].on(on)
    place = bench.place(standard)
    start_ms, end_ms = place.end_ms(start_on - timedelta(days=1)), place.end_ms(on)
    if is_plain(standard):
        rows = evaluation.load_outcomes(session, [shop_id], standard=standard, first_ms=end_ms, last_ms=end_ms)
        mine = rows[rows["anchor_ms"] >= start_ms].reset_index(drop=True)
        found = next(iter(OutcomeTable(mine, [shop_id], standard).evaluate([end_ms], place.zone)))[0]
        one = next((result for result in found.results if result.metric == rule), None)
        return (NOTHING if one is None else Measured(one.bad, one.base, one.value)), standard
    return _look(session, bench, standard, (shop_id, rule), (start_ms, on)), standard


def _look(
    session: Session, bench: Bench, standard: Standard, what: tuple[int, str], when: tuple[int, date]
) -> Measured:
    (shop_id, rule), (start_ms, on) = what, when
    place = bench.place(standard)
    rows = evaluation.load_wide_outcomes(
        session, [shop_id], standard=standard, first_on=on, until_ms=place.end_ms(on))
    mine = complete_rows(rows[rows["anchor_ms"] >= start_ms].reset_index(drop=True), standard)
    told = [CourseShop(shop.id, shop.opened_ms, bench.bindings[shop.id].attributes_on(on))
            for shop in bench.shops if shop.id == shop_id]
    evaluated = Course(standard, told, mine, zone=place.zone).look(on)
    result = evaluated.results.get(rule)
    if result is None or not len(result.shop):
        return NOTHING
    bad, base = (int(result.count(name).sum()) for name in ("bad", "base"))
    return Measured(bad, base, float(result.value.floats()[0]) if base and len(result.shop) == 1 else None)
