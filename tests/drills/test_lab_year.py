"""A year of two hundred shops, read day by day with everything going wrong, ends with the ledger of a good day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from operator_qos.lab.plan import LabPlan
from tests.lab.ledgers import read_twice

pytestmark = pytest.mark.slow
YEAR = LabPlan(200, 365, date(2025, 3, 3), orders_per_day=0.1)


def test_a_year_under_full_chaos_ends_with_the_ledger_of_a_good_day(tmp_path: Path) -> None:
    with read_twice(YEAR, step_hours=24) as twice:
        assert (twice.list_misread(), twice.list_differences()) == ([], [])
        good, bad = twice.read_ledgers(tmp_path)
        assert good == bad
        assert len(good["OrderFact"]) > 5_000
        assert 0 < len(twice.aside) < len(twice.stage.lab.world.orders) // 2
        assert not +twice.stage.lab.gate.hurried
