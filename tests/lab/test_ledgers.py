"""A month of five shops under full chaos ends with the ledger of a good day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from operator_qos.lab.plan import LabPlan
from tests.lab.ledgers import read_twice


def test_a_month_under_full_chaos_ends_with_the_ledger_of_a_good_day(tmp_path: Path) -> None:
    with read_twice(LabPlan(5, 30, date(2026, 3, 2), orders_per_day=0.5), step_hours=60) as twice:
        assert (twice.list_misread(), twice.list_differences()) == ([], [])
        good, bad = twice.read_ledgers(tmp_path)
        assert good == bad
        assert len(good["OrderFact"]) > 30 and good["TurnFact"] and good["cells"]
        assert 0 < len(twice.aside) < len(twice.stage.lab.world.orders) // 2
        assert not +twice.stage.lab.gate.hurried
