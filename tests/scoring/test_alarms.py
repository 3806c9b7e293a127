"""The table of false alarms and delays, on few shops: what it counts, and that its figures keep their order."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from benchmarks.alarms import FIRST, PRESETS, Simulated, get_rule, judge_year, run, simulate
from scoring.standards import load_preset
from scoring.verdicts import VERDICTS, Verdict, judge_evidence
from scoring.windows import day_start_ms, window_start_ms

BREACHED = VERDICTS.index(Verdict.BREACHED)


def test_our_breaches_are_those_of_the_verdicts_themselves():
    ours = load_preset("ours")
    shops = simulate(shops=8, orders_a_day=5, rate=0.09, before=0.02, seed=3)
    dates, breached = judge_year(ours, shops)
    assert len(dates) == 365
    for place in range(0, 365, 23):
        last = shops.base.shape[1] - 365 + place  # the place of the date itself, the last day of its window
        window = slice(last - 29, last + 1)
        bad, base = (each[:, window].sum(axis=1) for each in (shops.bad, shops.base))
        codes = judge_evidence(bad, base, bad, limits=Fraction(4, 100), higher_is_better=False,
                               evidence=ours.evidence)
        assert (breached[place] == (codes == BREACHED)).all()
    assert window_start_ms(day_start_ms(date(2025, 1, 2), "UTC"), "UTC", days=30) == day_start_ms(
        date(2024, 12, 3), "UTC")


def one_shop(days: dict[int, tuple[int, int]]) -> Simulated:
    """A shop with (late, all) orders on days counted from the first of the judged year."""
    shops = simulate(shops=1, orders_a_day=0, rate=0, before=0, seed=1)
    for day, (bad, base) in days.items():
        shops.bad[0, shops.base.shape[1] - 365 + day] = bad
        shops.base[0, shops.base.shape[1] - 365 + day] = base
    return shops


@pytest.mark.parametrize(
    ("name", "days", "breached_on"),
    [
        # Less than 4 % over 30 days and over 10: one late order of 25 is too many, until its day leaves both.
        ("amazon", {0: (1, 25)}, date(2025, 1, 1)),
        ("amazon", {0: (1, 26)}, None),
        ("amazon", {0: (1, 1), 1: (0, 99)}, date(2025, 1, 1)),
        # 10 % and more is too many.
        ("pccomponentes", {3: (1, 10)}, date(2025, 1, 4)),
        ("pccomponentes", {3: (1, 11)}, None),
        # On the 20th, full months only; up to five late orders are within the limit, six of 100 are not.
        ("ebay", {3: (6, 100)}, date(2025, 2, 20)),
        ("ebay", {3: (5, 100)}, None),
        ("ebay", {3: (6, 200)}, None),
    ],
)
def test_the_other_standards_breach_on_the_day_worked_out_by_hand(name, days, breached_on):
    dates, breached = judge_year(load_preset(name), one_shop(days))
    assert next((on for on, is_so in zip(dates, breached[:, 0], strict=True) if is_so), None) == breached_on


def test_every_preset_of_the_table_judges_late_shipments():
    assert [get_rule(load_preset(name)).metric for name in PRESETS] == ["late_shipment_rate"] * 4
    assert date(2025, 1, 1) == FIRST


def test_the_figures_keep_their_order():
    half, twice = Fraction(1, 2), Fraction(2)
    accused = {name: run(name, orders_a_day=1, multiple=half, shops=60).accused_share for name in PRESETS}
    assert accused["ours"] <= 0.05 < accused["amazon"]
    assert accused["ours"] < accused["pccomponentes"]
    small, middle, large = (run("ours", orders_a_day=volume, multiple=twice, shops=60) for volume in (1, 5, 20))
    assert small.median_days > middle.median_days > large.median_days
    assert run("ours", orders_a_day=5, multiple=Fraction(3), shops=60).median_days < middle.median_days
