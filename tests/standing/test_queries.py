"""Reading standings, changes, official results over time, and what moved."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine

from operator_qos.db import reading, unit_of_work
from operator_qos.sellers.models import Marketplace, Seller, Shop
from operator_qos.standing import queries
from operator_qos.standing.service import (
    Change,
    ResultRow,
    RunHeader,
    append_changes,
    record_results,
    record_runs,
    store_standings,
)

DAY = date(2026, 5, 31)
NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
REASON = {"code": "breached", "metric": "late_shipment_rate", "bad": 12, "base": 100, "units": ["A", "B"]}


@pytest.fixture(autouse=True)
def shops(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        session.add(Marketplace(id="fr", name="Halle", timezone="Europe/Paris", buyer_key="00"))
        session.add(Seller(id=1, code="c", name="C"))
        session.flush()
        session.add_all(
            [
                Shop(
                    id=number,
                    marketplace_id="fr",
                    code=f"s{number}",
                    seller_id=1,
                    name=f"S{number}",
                    opened_ms=0,
                )
                for number in (1, 2, 3)
            ]
        )


def header(on: date) -> RunHeader:
    return RunHeader("fr", on, 1_000 + on.toordinal(), 1_000 + on.toordinal(), "ours", 1, 3)


def run(engine: Engine, on: date, numbers: dict[int, tuple[int, int]]) -> None:
    """An official run with raw bad and base per shop; two of the bad are forgiven."""
    with unit_of_work(engine) as session:
        run_id = record_runs(session, [header(on)], now=NOW)[on, "ours"]
        record_results(
            session,
            [
                ResultRow(
                    run_id,
                    shop,
                    "late_shipment_rate",
                    5,
                    max(bad - 2, 0),
                    base,
                    bad,
                    base,
                    bad,
                    bad / base if base else None,
                    "kept",
                    ["A", "B"],
                )
                for shop, (bad, base) in numbers.items()
            ],
        )


def keep(engine: Engine, *rows: queries.StandingRow) -> None:
    with unit_of_work(engine) as session:
        store_standings(session, rows)


def standing(shop: int, level: str = "top", badges: tuple[str, ...] = ("top_seller",)) -> queries.StandingRow:
    return queries.StandingRow(shop, level, list(badges), [], 0, DAY, DAY)


def test_a_date_is_claimed_once_and_the_failed_claim_leaves_the_transaction_usable(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        assert list(record_runs(session, [header(DAY)], now=NOW)) == [(DAY, "ours")]
        again = record_runs(session, [header(DAY), header(DAY + timedelta(days=1))], now=NOW)
        assert list(again) == [(DAY + timedelta(days=1), "ours")]
    with reading(engine) as session:
        assert queries.find_last_run_on(session, "fr") == DAY + timedelta(days=1)
        assert queries.has_run_on(session, "fr", DAY)
        assert not queries.has_run_on(session, "de", DAY)


def test_storing_standings_replaces_those_shops_only(engine: Engine) -> None:
    keep(engine, standing(1), standing(2))
    keep(engine, standing(2, "below", ()))
    with reading(engine) as session:
        rows = queries.list_standings(session)
        assert {shop: (row.level, list(row.badges)) for shop, row in rows.items()} == {
            1: ("top", ["top_seller"]),
            2: ("below", []),
        }
        assert list(queries.list_standings(session, [2])) == [2]
        assert queries.count_levels(session) == {"top": 1, "below": 1}


def test_a_shop_never_judged_has_no_standing_and_the_error_says_what_to_do(engine: Engine) -> None:
    with reading(engine) as session:
        assert queries.find_standing(session, 3) is None
        with pytest.raises(queries.NoStandingError, match="operator-qos evaluate"):
            queries.get_standing(session, 3)


def test_changes_come_newest_first_and_by_shop_and_date(engine: Engine) -> None:
    with unit_of_work(engine) as session:
        for shop, days in ((1, 0), (2, 1), (1, 2)):
            on = DAY + timedelta(days=days)
            run_id = record_runs(session, [header(on)], now=NOW)[on, "ours"]
            change = Change(shop, on, "warning_given", "late_shipment_rate", "0", "1", [REASON])
            append_changes(session, {run_id: header(on)}, [(run_id, change)], now=NOW)
    with reading(engine) as session:
        everything = queries.list_changes(session)
        assert [(row.shop_id, row.on_date.day) for row in everything] == [(1, 2), (2, 1), (1, 31)]
        assert [row.shop_id for row in queries.list_changes(session, shop_ids=[2])] == [2]
        assert len(queries.list_changes(session, since=DAY + timedelta(days=1))) == 2
        assert len(queries.list_changes(session, limit=1)) == 1
        assert queries.list_changes(session, shop_ids=[]) == []
    assert list(everything[0].reasons) == [REASON]
    assert (everything[0].standard_id, everything[0].standard_version, everything[0].automated) == (
        "ours",
        1,
        True,
    )


def test_daily_results_are_the_trend_of_one_metric_oldest_first(engine: Engine) -> None:
    for days, bad in enumerate((4, 5, 6)):
        run(engine, DAY + timedelta(days=days), {1: (bad, 50), 2: (9, 90)})
    with reading(engine) as session:
        trend = queries.daily_results(session, 1, "late_shipment_rate")
        later = queries.daily_results(session, 1, "late_shipment_rate", since=DAY + timedelta(days=1))
        assert [(row.on, row.raw_bad, row.bad, row.value) for row in trend] == [
            (DAY + timedelta(days=days), bad, bad - 2, bad / 50) for days, bad in enumerate((4, 5, 6))
        ]
        assert [row.raw_bad for row in later] == [5, 6]
        assert queries.daily_results(session, 1, "case_rate") == []
        last = queries.list_official_results(session, 1)["late_shipment_rate"]
        first = queries.list_official_results(session, 1, on=DAY)["late_shipment_rate"]
        assert (last.raw_bad, first.raw_bad, list(last.units)) == (6, 4, ["A", "B"])


def test_movers_compare_the_last_date_with_the_one_four_weeks_before_by_raw_shares(engine: Engine) -> None:
    run(engine, DAY - timedelta(days=29), {1: (1, 1), 2: (1, 1), 3: (1, 1)})
    run(engine, DAY - timedelta(days=28), {1: (2, 100), 2: (20, 100), 3: (0, 19)})
    run(engine, DAY - timedelta(days=27), {1: (9, 10), 2: (9, 10), 3: (9, 10)})
    run(engine, DAY, {1: (12, 100), 2: (5, 100), 3: (19, 19)})
    with reading(engine) as session:
        (worse,) = queries.list_movers(session)
        (better,) = queries.list_movers(session, improving=True)
        small = queries.list_movers(session, min_base=19)
        assert queries.list_movers(session, shop_ids=[2]) == []
    # Pooled share 14 of 200: (0.12 - 0.02) / sqrt(0.07 * 0.93 * 2 / 100).
    assert (worse.shop_id, worse.before.raw_bad, worse.after.raw_bad) == (1, 2, 12)
    assert worse.score == pytest.approx(2.7714, abs=1e-4)
    assert (better.shop_id, better.score < 0) == (2, True)
    assert [mover.shop_id for mover in small] == [3, 1]
