"""Our standard over a ledger's outcomes: the same counts and verdicts as the official run; and over sums of days."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from operator_qos.evaluation.rules import OutcomeTable
from scoring.evaluate import evaluate
from scoring.measures import Table
from scoring.metrics import GROUP_CODES, METRICS
from scoring.outcome_rows import PARTS_OF_ORDERS, SOURCES, list_stand_ins, to_unit_rows
from scoring.standards import load_preset
from scoring.verdicts import VERDICTS
from scoring.windows import day_end_ms
from tests.standards.small import ON, build_standard, build_table, judge, run, unit, units, value

ZONE = "Europe/Paris"
OURS = load_preset("ours")
LAST = date(2026, 3, 31)
COUNTS = ("bad", "base", "raw_bad", "raw_base", "buyers")


def build_outcomes(seed: int, rows: int = 3000) -> pd.DataFrame:
    """Random outcomes: masks of several metrics, forgiven ones, spans that end and begin, unknown buyers and orders."""
    rng = random.Random(seed)
    end = day_end_ms(LAST, ZONE)
    found = []
    for number in range(rows):
        group = rng.choice(["placed", "ship", "deliver", "turn", "case"])
        flags = [metric.flag for metric in METRICS.values() if metric.group == group]
        base = sum(flag for flag in flags if rng.random() < 0.9)
        bad = sum(flag for flag in flags if base & flag and rng.random() < (0.02, 0.06, 0.3)[number % 3])
        anchor = end - rng.choice([rng.randrange(100 * 24), 60 * 24, 30 * 24]) * 3_600_000 - rng.randrange(2)
        forgiven = rng.choice([0, 0, 0, bad, bad])
        found.append({
            "shop_id": number % 3 + 1, "group_code": GROUP_CODES[group], "unit": f"u{number}",
            "anchor_ms": anchor, "from_ms": rng.choice([anchor, end - 5]),
            "until_ms": rng.choice([end - 1, end, 2**50, 2**50]), "base": base, "bad": bad,
            "official_base": base & ~(forgiven if rng.random() < 0.5 else 0),
            "official_bad": bad & ~forgiven, "order_ref": rng.choice([f"o{number // 2}", None]),
            "buyer": rng.choice([f"b{rng.randrange(30)}", None]), "dossier_id": number // 3})
    return pd.DataFrame(found)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_official_run_and_the_language_agree_on_every_count_and_verdict(seed: int) -> None:
    outcomes, shops = build_outcomes(seed), (1, 2, 3, 4)
    official = OutcomeTable(outcomes, shops, OURS)
    metrics = [figure.metric for figure in (*OURS.figures, *OURS.rules)]
    table = Table(to_unit_rows(outcomes, metrics), pd.DataFrame({"shop": shops}), OURS, ZONE)
    seen = set()
    for on in (LAST - timedelta(days=number) for number in (0, 1, 30)):
        found = evaluate(table, on)
        assert found.results["orders"].count("raw_base").tolist() == official.count_orders(
            day_end_ms(on, ZONE), ZONE).tolist()
        (evaluations,) = official.evaluate([day_end_ms(on, ZONE)], ZONE)
        for place, evaluation in enumerate(evaluations):
            for result in evaluation.results:
                mine = found.results[result.metric]
                assert [int(mine.count(name)[place]) for name in COUNTS] == [getattr(result, name) for name in COUNTS]
                assert str(VERDICTS[found.verdicts(result.metric)[place]]) == result.verdict
                seen.add(result.verdict)
    assert {"kept", "breached", "not_enough_data"} <= seen


def test_nothing_selected_gives_no_rows() -> None:
    assert to_unit_rows(build_outcomes(1, rows=5), []).empty


def test_sums_of_days_give_the_same_shares_counts_means_and_totals_as_their_units() -> None:
    measures = ("share", "share_of_good", "count", "count_bad", "mean", "total_amount")
    standard = build_standard(*({"measure": measure} for measure in measures))
    rng = random.Random(5)
    lines = [unit(ON - timedelta(days=rng.randrange(40)), bad=int(rng.random() < 0.3), amount=rng.randrange(50))
             for _ in range(300)]
    sums = pd.DataFrame(lines).assign(base=1).groupby(["shop", "metric", "anchor_ms"], as_index=False).sum()
    single, summed = judge(standard, lines), judge(standard, sums.to_dict("records"))
    for rule in standard.rules:
        assert value(single, rule.id) == value(summed, rule.id)
        assert np.array_equal(single.results[rule.id].count("base"), summed.results[rule.id].count("base"))


@pytest.mark.parametrize("rule", [{"measure": "median"}, {"measure": "streak"}, {"join": "any_bad"},
                                  {"window": {"days": 30, "latest": 3}}, {"measure": "distinct_buyers"}])
def test_what_looks_at_single_units_refuses_sums_of_days(rule: dict[str, object]) -> None:
    standard = build_standard(rule)
    assert value(judge(standard, units(4, 1))) >= 0 or rule == {"measure": "median"}
    with pytest.raises(ValueError, match="rule_0: looks at single units"):
        run(build_table(standard, [unit(base=5, bad=2, amount=9)]), [ON])


def test_parts_are_joined_as_they_hold_on_the_date() -> None:
    """Two lines of an order, the second of which turns bad on the 20th: until then the order is good."""
    at = {day: int(datetime(2026, 3, day, tzinfo=UTC).timestamp()) * 1000 for day in (10, 20)}
    rows = [
        unit(date(2026, 3, 9), unit_ref="A", bad=0, from_ms=0, until_ms=2**61),
        unit(date(2026, 3, 9), unit_ref="A", bad=0, from_ms=at[10], until_ms=at[20]),
        unit(date(2026, 3, 9), unit_ref="A", bad=1, from_ms=at[20], until_ms=2**61),
        unit(date(2026, 3, 9), unit_ref="B", bad=0, from_ms=0, until_ms=2**61),
    ]
    standard = build_standard({"join": "any_bad", "kept_when": "<= 10 %"})
    found = {}
    for on in (date(2026, 3, 19), date(2026, 3, 20), date(2026, 3, 31)):
        tally = judge(standard, rows, on).results["rule_0"].tallies[0]
        found[on.day] = (int(tally.bad[0]), int(tally.base[0]))
    # The 20th ends after the line turned bad.
    assert found == {19: (0, 2), 20: (1, 2), 31: (1, 2)}


def placed_row(unit: str, *, bad: int = 0, forgiven: int = 0, **more: object) -> dict[str, object]:
    """A placed order in every base, bad for some metrics, some of them forgiven."""
    base = sum(metric.flag for metric in METRICS.values() if metric.group == "placed")
    anchor = day_end_ms(LAST, ZONE) - 1000
    return {"shop_id": 1, "group_code": GROUP_CODES["placed"], "unit": unit, "anchor_ms": anchor, "from_ms": anchor,
            "until_ms": 2**50, "base": base, "bad": bad, "official_base": base, "official_bad": bad & ~forgiven,
            "order_ref": unit, "buyer": None, "dossier_id": 1, "amount": 3600} | more


def test_what_marketplaces_call_otherwise_is_made_of_our_outcomes() -> None:
    lost, cancelled = METRICS["cases_lost_rate"].flag, METRICS["cancellation_rate"].flag
    orders = pd.DataFrame([
        placed_row("o1", bad=lost), placed_row("o2", bad=cancelled, forgiven=cancelled), placed_row("o3")])
    names = ("transaction_defect_rate", "unresolved_case_rate", "placed", "approval_delay")
    rows = to_unit_rows(orders, names).set_index(["metric", "unit_ref"])
    assert rows.loc["transaction_defect_rate", "bad"].tolist() == [1, 1, 0]
    assert rows.loc["transaction_defect_rate", "excluded"].tolist() == ["", "bad", ""]
    assert rows.loc["unresolved_case_rate", "bad"].tolist() == [1, 0, 0]
    assert rows.loc["placed", "bad"].tolist() == [0, 0, 0]
    assert rows.loc["approval_delay", "amount"].tolist() == [3600] * 3
    assert rows["ordered_ms"].tolist() == rows["anchor_ms"].tolist()


@pytest.mark.parametrize("preset", ["amazon", "bol", "ebay", "etsy", "lazada", "ours", "pccomponentes"])
def test_only_what_no_event_tells_of_is_without_rows(preset: str) -> None:
    standard = load_preset(preset)
    metrics = {figure.metric for figure in (*standard.figures, *standard.rules) if figure.metric}
    untold = {"call_answered_rate", "chat_response_rate", "policy_violation", "order_score"}
    assert metrics - set(SOURCES) == metrics & untold
    assert all(unit in PARTS_OF_ORDERS for _, unit in list_stand_ins(standard))


def test_an_order_stands_for_its_lines_items_and_parcels_where_a_standard_counts_those() -> None:
    orders = pd.DataFrame([placed_row("o1"), placed_row("o2")])
    rows = to_unit_rows(orders, ["cancellation_rate"], stand_ins=list_stand_ins(load_preset("lazada")))
    assert rows["unit"].value_counts().to_dict() == {"order": 2, "item": 2}


def test_an_order_that_came_days_too_early_is_bad_as_well() -> None:
    gap = METRICS["promise_gap"].flag
    days = (-3, -2, 0, 1)
    orders = pd.DataFrame([
        placed_row(f"o{n}", amount=late, group_code=GROUP_CODES["arrived"], base=gap, official_base=gap)
        for n, late in enumerate(days)])
    rule = {"metric": "promise_gap", "bad_when": {"any": [{"amount": "> 0"}, {"amount": "< -2"}]}}
    standard = build_standard(rule)
    table = Table(to_unit_rows(orders, ["promise_gap"]), pd.DataFrame({"shop": [1]}), standard, ZONE)
    assert evaluate(table, LAST).results["rule_0"].count("bad").tolist() == [2]
