"""The importers, end to end, against independent counts straight from the files."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from operator_qos.connectors.helpdesk import plan_helpdesk
from operator_qos.connectors.importing import add_seeds, import_rows
from operator_qos.connectors.olist import plan_olist
from operator_qos.connectors.rows import ImportPlan
from operator_qos.connectors.twitter_support import plan_twitter_support
from tests.connectors.olist_count import count_olist
from tests.connectors.olist_fixture import write_olist_fixture
from tests.connectors.replies_count import Share, count_replies
from tests.connectors.replies_fixture import write_helpdesk_fixture, write_twitter_fixture
from tests.pipeline.loading import NOW, values

REAL = Path(os.environ.get("OPERATOR_QOS_DATA", "/nonexistent"))
LOOKS = [(date(2017, 3, 31), 30), (date(2017, 11, 30), 60), (date(2018, 2, 15), 90), (date(2018, 4, 30), 7),
         (date(2017, 8, 1), 365)]


def load(engine: Engine, plan: ImportPlan) -> None:
    """Import a plan."""
    add_seeds(engine, plan.marketplaces)
    import_rows(engine, plan.rows, key="test", name="test", now=NOW)


def compare_olist(engine: Engine, folder: Path) -> None:
    """Every shop, six metrics, several dates and windows."""
    for as_of, days in LOOKS:
        found = {(shop, metric): (row.bad, row.base) for (_, shop, metric), row in values(
            engine, as_of=as_of.isoformat(), days=days).items()}
        for key, want in count_olist(folder, as_of, days).items():
            got = found.get(key, (0, 0))
            assert got == tuple(want), (key, as_of, days, got, want)


def compare_replies(engine: Engine, file: Path, looks: list[tuple[date, int]]) -> None:
    """Every shop, times and shares of replies and resolutions."""
    seen = 0
    for as_of, days in looks:
        found = values(engine, as_of=as_of.isoformat(), days=days)
        for (shop, metric), want in count_replies(file, as_of, days).items():
            row: Any = next((r for (_, s, m), r in found.items() if (s, m) == (shop, metric)), None)
            assert row is not None, (shop, metric, as_of)
            if isinstance(want, Share):
                assert (row.bad, row.base) == (want.bad, want.base), (shop, metric, as_of)
            else:
                assert (row.base, row.median, row.p90, row.unanswered) == (
                    want.base, want.median, want.p90, want.unanswered), (shop, metric, as_of)
                assert row.mean == pytest.approx(want.mean)
            seen += 1
    assert seen > 20


def test_olist_fixture_equals_the_count_from_its_files(engine: Engine, tmp_path: Path) -> None:
    """400 orders with every quirk."""
    folder = write_olist_fixture(tmp_path / "olist")
    load(engine, plan_olist(folder))
    compare_olist(engine, folder)


@pytest.mark.parametrize(("write", "plan"), [
    (write_helpdesk_fixture, plan_helpdesk), (write_twitter_fixture, plan_twitter_support)])
def test_reply_fixtures_equal_the_counts_from_their_files(
    engine: Engine, tmp_path: Path, write: Callable[[Path], Any], plan: Callable[[Path], ImportPlan],
) -> None:
    """Times and shares of replies and resolutions."""
    file = tmp_path / "replies.csv"
    write(file)
    load(engine, plan(file))
    years = (2012, 2013, 2014) if plan is plan_helpdesk else (2017,)
    compare_replies(engine, file, [(date(year, month, 28), 90) for year in years for month in range(1, 13)])


if REAL.exists():

    def test_real_olist_equals_the_count_from_its_files(engine: Engine) -> None:
        """The whole set, where it is at hand."""
        load(engine, plan_olist(REAL / "olist"))
        compare_olist(engine, REAL / "olist")

    def test_real_helpdesk_and_twitter_equal_the_counts_from_their_files(engine: Engine) -> None:
        """Both logs, where they are at hand."""
        load(engine, plan_helpdesk(REAL / "helpdesk" / "helpdesk_events.csv.gz"))
        compare_replies(engine, REAL / "helpdesk" / "helpdesk_events.csv.gz",
                        [(date(2012, 6, 30), 365), (date(2013, 12, 31), 90)])
        load(engine, plan_twitter_support(REAL / "twitter_support" / "twcs_first5000_no_text.csv.gz"))
        compare_replies(engine, REAL / "twitter_support" / "twcs_first5000_no_text.csv.gz", [(date(2017, 12, 3), 90)])
