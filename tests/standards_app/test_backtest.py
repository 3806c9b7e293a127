"""A standard tried on history says, date by date, what official runs made one by one say."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import queries as outcomes
from operator_qos.evaluation.service import evaluate_marketplace
from operator_qos.ledger.models import OutcomeRow
from operator_qos.models import EvaluationResult, EvaluationRun
from operator_qos.standards.backtest import LEVELS, DayTable, is_summable, list_days
from operator_qos.standards.trying import run_backtest
from operator_qos.standing.queries import list_standings
from scoring.plain import is_plain
from scoring.standards import Standard, load_preset, parse_standard, read_preset
from scoring.verdicts import VERDICTS
from tests.evaluation.world import PLACED, ZONE, build_marketplace, end_ms, outcome, settled, store

FIRST = date(2026, 2, 20)  # the clocks go forward on 29 March
DATES = [FIRST + timedelta(days=day) for day in range(60)]
HOUR_MS = 3_600_000
OURS = read_preset("ours")
STRICTER = OURS.replace("<= 4 %", "<= 1 %").replace("{min_base: 20, min_bad: 3,", "{min_base: 10, min_bad: 2,")
STRICTER = STRICTER.replace("version: 1", "version: 2")


def make_rows(shops: int, seed: int = 7) -> Iterator[OutcomeRow]:
    """Months of outcomes: shops that are good, get worse and recover, buyers that come again, rows that change."""
    dice = random.Random(seed)
    for shop in range(1, shops + 1):
        for day in range(-70, len(DATES)):
            share = 0.3 if shop % 3 == 0 and 0 <= day < 25 else 0.01 * shop
            for number in range(dice.randrange(0, 4)):
                at = end_ms(FIRST + timedelta(days=day)) - dice.choice([0, 1, HOUR_MS, 12 * HOUR_MS, 24 * HOUR_MS])
                name, buyer = f"{shop}-{day}-{number}", f"b{dice.randrange(12)}"
                bad = int(dice.random() < share)
                yield outcome(shop, "placed", name, at, base=PLACED, bad=bad, buyer=buyer)
                turns_at = at + dice.randrange(1, 40) * 24 * HOUR_MS
                yield outcome(shop, "ship", name, at, until_ms=turns_at, bad=bad, buyer=buyer)
                yield outcome(shop, "ship", name, at, from_ms=turns_at, bad=bad, buyer=buyer,
                              official_bad=bad and dice.randrange(2))


def run_official(engine: Engine) -> tuple[list[dict[int, str]], dict[tuple[date, int, str], tuple[int, int, str]]]:
    """Every date judged officially, one by one: the levels after each, and all results."""
    levels = []
    for on in DATES:
        with unit_of_work(engine) as session:
            assert not evaluate_marketplace(session, "fr", on=on, now=settled(on)).dry_run
        with reading(engine) as session:
            levels.append({shop: row.level for shop, row in list_standings(session).items()})
    with reading(engine) as session:
        runs = {run.id: run.on_date for run in session.query(EvaluationRun)}
        results = {(runs[row.run_id], row.shop_id, row.metric): (row.bad, row.base, row.verdict)
                   for row in session.query(EvaluationResult)}
    return levels, results


def test_ours_tried_on_history_equals_official_runs_made_one_by_one(engine: Engine) -> None:
    build_marketplace(engine, shops=6)
    store(engine, make_rows(6))
    levels, results = run_official(engine)
    days, ours, ids = list_days(DATES[0], DATES[-1], ZONE), load_preset("ours"), list(range(1, 7))
    with reading(engine) as session:
        opened = np.array([shop.opened_ms for shop in outcomes.list_shops(session, "fr")])
        rows = outcomes.load_outcomes(session, ids, standard=ours, first_ms=end_ms(DATES[0]), last_ms=end_ms(DATES[-1]))
    trial = DayTable(rows, ids, ours).try_standard(days, opened)
    tried = {
        (on, shop, rule.rule.metric): (rule.bad[cell], rule.base[cell], str(VERDICTS[rule.verdict[cell]]))
        for rule in trial.rules for at, on in enumerate(DATES) for place, shop in enumerate(ids)
        if (cell := (at, place))
    }
    assert tried == results
    assert [{shop: LEVELS[code] for shop, code in zip(ids, row, strict=True)} for row in trial.level] == levels
    assert {level for row in levels for level in row.values()} == {"top", "in_standard", "below"}
    assert {verdict for _, _, verdict in results.values()} == {"kept", "watch", "breached", "not_enough_data"}


def test_a_stricter_standard_names_who_falls_since_when_and_why(engine: Engine) -> None:
    build_marketplace(engine, shops=6)
    store(engine, make_rows(6))
    with reading(engine) as session:
        found = run_backtest(session, parse_standard(STRICTER), load_preset("ours"), first=DATES[0], last=DATES[-1])
    assert (found.shops, len(found.days), sum(map(sum, found.flow))) == (6, 60, 6)
    assert {sum(day.before) for day in found.days} == {sum(day.after) for day in found.days} == {6}
    down = [move for move in found.moves if move.direction == "down"]
    assert down and all(move.reasons for move in down)
    reasons = {reason.metric: reason for move in down for reason in move.reasons}
    late = reasons["late_shipment_rate"]
    assert (late.limit_before, late.limit_after) == ("<= 4 %", "<= 1 %")
    for place, day in enumerate(found.days):
        moving = [move for move in found.moves if move.since <= DATES[place] <= move.until]
        assert (day.up, day.down) == tuple(sum(m.direction == way for m in moving) for way in ("up", "down"))
    document = found.to_document()
    assert document["last_day"]["down"] == len(found.list_last("down"))
    assert {line["kind"] for line in document["groups"]} == {"country", "size", "category"}
    assert all(sum(line.shops for line in found.groups if line.kind == kind) == 6 for kind in ("country", "size"))


def test_a_standard_against_itself_moves_nobody(engine: Engine) -> None:
    build_marketplace(engine, shops=3)
    store(engine, make_rows(3))
    ours = load_preset("ours")
    with reading(engine) as session:
        found = run_backtest(session, ours, ours, first=DATES[0], last=DATES[9], marketplace_id="fr")
    assert (found.moves, found.count_same(), found.sales_at_stake()) == ((), 3, {})


@pytest.mark.parametrize(("before", "after", "stays_plain"), [
    ("evaluated: {every: day}", "evaluated: {every: month, day: 1}", False),
    ("evaluated: {every: day}", "evaluated: {every: day, takes_effect: 3}", False),
    ('{days: 30}, kept_when: "<= 4 %"', '{full: month}, kept_when: "<= 4 %"', False),
    ('{days: 30}, kept_when: "<= 4 %"', '{days: 30}, missing: fail, kept_when: "<= 4 %"', False),
    ('{days: 30}, kept_when: "<= 4 %"', '{days: 30}, anchor: ordered, kept_when: "<= 4 %"', False),
    ("within_hours: 24", "within_hours: 12", True),
    ("chargeback, low_rating", "low_rating", True),
    ('kept_when: "<= 2 %"', 'kept_when: "< 2 %"', False),
    ("judged_by: evidence", "judged_by: point", False),
    ("start_tier: in_standard", "start_tier: in_standard, rise_after: 2", False),
    ("start_tier: in_standard, ", "", False),
    ("measure: count, defect_kinds: [case]", "measure: count_bad, defect_kinds: [case]", False),
    ("window: {days: 60}, measure: count", "window: {full: month}, measure: count", False),
    ("stops_for: [shop_closed, out_of_office]", "stops_for: [shop_closed]", True),
    ("settle_hours: 6", "settle_hours: 6\nscope: {country: FR}", True),
    ("settle_hours: 6", "settle_hours: 6\nstanding_per: country", False),
    ("settle_hours: 6", "settle_hours: 6\nexclusions: [{id: x, takes: bad, where: {carrier: y}}]", False),
    ("      every_rule: {verdict: kept}\n", "", False),
    ("after_days: [0, 30]", "after_days: [0]", False),
    ("response_within_rate.base: \">= 30\"", "response_within_rate.base: \"> 30\"", False),
])
def test_what_is_not_plain_or_counted_otherwise_is_not_summed_up(before: str, after: str, *, stays_plain: bool) -> None:
    assert before in OURS
    standard, ours = parse_standard(OURS.replace(before, after, 1)), load_preset("ours")
    assert (is_plain(standard), is_summable(standard, ours)) == (stays_plain, False)
    assert is_plain(ours) and is_summable(ours, ours)


def test_other_numbers_of_the_same_kind_can_be_summed_up() -> None:
    changed = OURS.replace("{days: 60}", "{days: 45}").replace('">= 50"', '">= 10"').replace('">= 14"', '">= 7"')
    standard: Standard = parse_standard(changed.replace("min_base: 20", "min_base: 30"))
    assert is_summable(standard, load_preset("ours"))
    assert standard.get_level("top").min_orders == 10
    assert replace(standard, version=2).get_level("below").breached_apart_days == 7
