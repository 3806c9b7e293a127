"""What is read of a shop's units for its pages, held against reading all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

from sqlalchemy import Engine, select

from operator_qos.db import reading, unit_of_work
from operator_qos.ledger.models import Obligation, OutcomeRow
from operator_qos.ledger.open_units import BadUnit, list_bad_units, load_course
from operator_qos.ledger.queries import list_latest_bad, list_units
from scoring.metrics import GROUP_CODES, METRICS
from scoring.spans import FOREVER_MS
from tests.evaluation.world import build_marketplace, outcome, store

AT_MS, UNTIL_MS = 1_000, 2_000
GROUPS = ("placed", "ship", "turn")
ASKED = ("order_defect_rate", "cancellation_rate", "late_shipment_rate")


def draw_rows(dice: random.Random) -> Iterator[OutcomeRow]:
    """Units that count one way after another, many at the same moments, some forgiven, of two shops."""
    for number in range(500):
        group, shop, anchor_ms = dice.choice(GROUPS), dice.choice((1, 1, 1, 2)), dice.choice((300, 500, 500, 700, 900))
        flags = sum(metric.flag for metric in METRICS.values() if metric.group == group)
        moments = sorted({anchor_ms, *(dice.choice((800, AT_MS, 1_200, 1_200, 1_900, UNTIL_MS, 2_300))
                                       for _ in range(dice.randrange(3)))})
        for from_ms, until_ms in zip(moments, [*moments[1:], FOREVER_MS], strict=True):
            base = dice.choice((0, 1, flags, flags))
            bad = base & dice.choice((0, 0, 1, flags))
            forgiven, left_out = dice.choice((0, 0, 0, flags)), dice.choice((0, 0, 0, 0, flags))
            yield outcome(shop, group, f"u{number}", anchor_ms, base=base, bad=bad, from_ms=from_ms, until_ms=until_ms,
                          official_base=base & ~left_out, official_bad=bad & ~forgiven & ~left_out)


def list_rows(engine: Engine) -> list[OutcomeRow]:
    with reading(engine) as session:
        found = list(session.scalars(select(OutcomeRow).where(OutcomeRow.shop_id == 1)))
        session.expunge_all()
    return found


def build(engine: Engine) -> list[OutcomeRow]:
    build_marketplace(engine, shops=2)
    store(engine, draw_rows(random.Random(11)))
    return list_rows(engine)


def test_the_latest_failures_are_those_of_all_units_and_are_counted_alike(engine: Engine) -> None:
    build(engine)
    with reading(engine) as session:
        for metric in ASKED:
            every = list_units(session, 1, metric=metric, window_start_ms=400, as_of_ms=AT_MS)
            bad = [unit for unit in every if unit.official_bad]
            forgiven = [unit for unit in every if not unit.official_base or (unit.bad and not unit.official_bad)]
            odd = list_units(session, 1, metric=metric, window_start_ms=400, as_of_ms=AT_MS, only_odd=True)
            assert [unit for unit in odd if unit.official_bad] == bad
            for limit in (1, 3, len(bad), len(bad) + 1):
                found, counts = list_latest_bad(
                    session, 1, metric=metric, window_start_ms=400, as_of_ms=AT_MS, limit=limit)
                assert (counts.bad, counts.forgiven) == (len(bad), len(forgiven))
                assert found == bad[:len(found)]
                assert len(found) >= min(limit, len(bad))
                # Those anchored with the last one come along, so that nothing hangs on the order of texts.
                assert all(unit.anchor_ms < found[-1].anchor_ms for unit in bad[len(found):])
            assert len(bad) > 3


def test_bad_units_are_those_that_count_against_the_shop_now(engine: Engine) -> None:
    rows = build(engine)
    expected = []
    for row in rows:
        names = frozenset(name for name in ASKED if GROUP_CODES[METRICS[name].group] == row.group_code
                          and row.official_bad & METRICS[name].flag)
        if names and row.anchor_ms >= 400 and row.from_ms < AT_MS <= row.until_ms:
            expected.append(BadUnit(row.anchor_ms, names, row.buyer or ""))
    with reading(engine) as session:
        found = list_bad_units(session, 1, ASKED, since_ms=400, counted_ms=AT_MS)
    assert sorted(found, key=str) == sorted(expected, key=str)
    assert expected


def test_what_silence_changes_is_what_counts_otherwise_later(engine: Engine) -> None:
    rows = build(engine)
    held = {(row.group_code, row.unit): row for row in rows if row.from_ms < AT_MS <= row.until_ms}
    with reading(engine) as session:
        course = load_course(session, 1, ASKED, counted_ms=AT_MS, until_ms=UNTIL_MS)
    for at_ms in (AT_MS, 1_201, UNTIL_MS):
        expected = []
        for row in rows:
            before = held.get((row.group_code, row.unit))
            was = (before.official_base, before.official_bad) if before is not None else (0, 0)
            mine = [name for name in ASKED if GROUP_CODES[METRICS[name].group] == row.group_code]
            joins, hurts = (frozenset(name for name in mine if METRICS[name].flag & now & ~then) for now, then in (
                (row.official_base, was[0]), (row.official_bad, was[1])))
            if (joins or hurts) and AT_MS <= row.from_ms < UNTIL_MS and row.from_ms < at_ms <= row.until_ms:
                expected.append((row.unit, row.anchor_ms, row.from_ms, joins, hurts))
        found = [(unit.unit, unit.anchor_ms, unit.due_ms, unit.joins, unit.hurts) for unit in course.list_units(at_ms)]
        assert sorted(found, key=str) == sorted(expected, key=str)
    assert expected


def test_a_placed_order_rests_on_the_promise_to_deliver_that_falls_due_with_it(engine: Engine) -> None:
    build_marketplace(engine)
    flag = METRICS["order_defect_rate"].flag
    store(engine, [outcome(1, "placed", name, 500, base=flag, until_ms=1_500) for name in ("o1", "o2", "o3")])
    store(engine, [outcome(1, "placed", name, 500, base=flag, bad=flag, from_ms=1_500) for name in ("o1", "o2", "o3")])
    with unit_of_work(engine) as session:
        for name, due_ms, settled_ms in (("o1", 1_500, None), ("o2", 1_400, None), ("o3", 1_500, 900)):
            session.add(Obligation(
                shop_id=1, dossier_id=0, owes="seller", kind="deliver", ref=name, order_ref=name, opened_source="s",
                opened_id=name, since_ms=500, due_ms=due_ms, settled_ms=settled_ms, standard_id="ours",
                standard_version=1))
    with reading(engine) as session:
        course = load_course(session, 1, ["order_defect_rate"], counted_ms=AT_MS, until_ms=UNTIL_MS)
    assert {unit.unit: course.find_kind(unit) for unit in course.list_units(UNTIL_MS)} == {
        "o1": "deliver", "o2": "ship", "o3": "ship"}
