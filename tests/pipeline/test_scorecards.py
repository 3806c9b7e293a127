"""Only what changed of a scorecard is written, and that is all there is to write."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from operator_qos.clock import from_ms, to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.ledger.bulk import finish_bulk
from operator_qos.ledger.jobs import advance_cells, list_slow_shops, refresh_slow
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.queries import list_scorecards
from operator_qos.sellers.models import Shop
from operator_qos.sellers.service import describe_shop
from scoring.events import moment_ms
from scoring.metrics import METRICS, METRICS_BY_CODE
from scoring.runs import REPEAT_DAYS
from tests.databases import wipe
from tests.histories import ZONES, history_of
from tests.pipeline.cards import assert_cards_are_whole, assert_units_are_behind
from tests.pipeline.loading import add_places, feed
from tests.pipeline.test_any_order import batches, distinct
from tests.pipeline.test_bulk import order

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
STEPS = (timedelta(0), timedelta(milliseconds=1), timedelta(minutes=7), timedelta(hours=5), timedelta(days=1),
         timedelta(days=9), timedelta(days=61))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9))
def test_cards_equal_whole_ones_after_any_batches_midnights_and_jobs(engine: Engine, seed: int) -> None:
    """Retractions, repetitions, loads and exclusions included."""
    dice, now = random.Random(seed), BEGIN
    wipe(engine)
    add_places(engine, ZONES)
    for part in batches(distinct(history_of(dice.randrange)), seed):
        now += dice.choice(STEPS)
        live = dice.random() < 0.7
        feed(engine, part, live=live, now=now)
        if not live:
            finish_bulk(engine, now=now)
        job = dice.choice((None, advance_cells, refresh_slow))
        if job is not None:
            now += dice.choice(STEPS)
            job(engine, now=now)
        assert_cards_are_whole(engine, brought_up_at=now if job is refresh_slow else None)
    assert_units_are_behind(engine)


WITHIN_A_DAY = (timedelta(0), timedelta(milliseconds=1), timedelta(minutes=7), timedelta(hours=2))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**9))
def test_cards_moved_by_what_changed_equal_whole_ones(engine: Engine, seed: int) -> None:
    """Batches, loads and jobs within a day, some days after the first of the events, midnights seldom."""
    dice, events = random.Random(seed), distinct(history_of(random.Random(seed).randrange, 40))
    moments = sorted(moment_ms(event["time"]) for event in events)
    now = from_ms(dice.choice(moments[len(moments) // 2 :])) + timedelta(days=dice.choice((0, 0, 1, 6, 29, 80)))
    wipe(engine)
    add_places(engine, ZONES)
    for part in batches(events, seed):
        now += dice.choice(WITHIN_A_DAY if dice.random() < 0.9 else STEPS)
        live = dice.random() < 0.8
        feed(engine, part, live=live, now=now)
        if not live:
            finish_bulk(engine, now=now)
        if dice.random() < 0.3:
            now += dice.choice(WITHIN_A_DAY)
            advance_cells(engine, now=now)
        assert_cards_are_whole(engine)


def read_moments(engine: Engine) -> dict[str, int]:
    """When each metric of the shop was last written [epoch ms]."""
    with reading(engine) as session:
        rows = session.execute(select(Scorecard.metric_code, Scorecard.as_of_ms))
        return {METRICS_BY_CODE[code].id: at_ms for code, at_ms in rows}


def list_written(engine: Engine, before: dict[str, int]) -> set[str]:
    """The metrics written since."""
    return {name for name, at_ms in read_moments(engine).items() if before.get(name) != at_ms}


EVENING = datetime(2027, 3, 1, 20, 0, tzinfo=UTC)
MORNING, NOON, NEXT = (EVENING + timedelta(hours=hours) for hours in (10, 15, 28))


@pytest.fixture
def shop(engine: Engine) -> Engine:
    """A shop with an order placed yesterday, its scorecard brought up to this morning."""
    wipe(engine)
    add_places(engine, {"m-paris": "Europe/Paris"})
    feed(engine, order(1)[:1], now=EVENING)
    refresh_slow(engine, now=MORNING)
    return engine


def test_a_batch_writes_the_metrics_it_changed_and_the_page_says_all_hold_as_of_now(shop: Engine) -> None:
    before = read_moments(shop)
    feed(shop, [{**order(1)[1], "data": {"trackable": True, "carrier": "dhl", "tracking": "1"}}], now=NOON)
    assert list_written(shop, before) == {"return_rate"}
    with reading(shop) as session:
        (row,) = list_scorecards(session, list(session.scalars(select(Shop.id)))).values()
        kept = row["order_defect_rate"].as_of_ms, row["return_rate"].as_of_ms
    assert kept == (to_ms(NOON), to_ms(NOON))
    assert_cards_are_whole(shop)


def test_another_day_or_another_standard_writes_the_whole_card(shop: Engine) -> None:
    before = read_moments(shop)
    advance_cells(shop, now=NOON)
    assert list_written(shop, before) == set()
    advance_cells(shop, now=NEXT)
    fast = {name for name in before if not METRICS[name].is_slow}
    assert list_written(shop, before) == fast
    before = read_moments(shop)
    with unit_of_work(shop) as session:
        describe_shop(session, shop="m-paris/a", traits={"seller_tier": "gold"}, from_on=None, actor="test", now=NEXT)
    advance_cells(shop, now=NEXT + timedelta(minutes=1))
    assert list_written(shop, before) == fast


def test_the_hourly_job_measures_a_shop_once_something_made_its_number_another(shop: Engine) -> None:
    with reading(shop) as session:
        (only,) = session.scalars(select(Shop.id))
        assert list_slow_shops(session, now=NOON) == []
    feed(shop, order(1)[1:], now=NOON)  # a parcel is no refusal, and nobody came back
    with reading(shop) as session:
        assert list_slow_shops(session, now=NOON) == []
    feed(shop, [{**event, "time": "2027-03-02T09:00:00Z"} for event in order(2)[:1]], now=NOON)
    with reading(shop) as session:
        assert list_slow_shops(session, now=NOON) == [only]
    assert refresh_slow(shop, now=NOON) == 1
    assert refresh_slow(shop, now=NOON) == 0
    assert_cards_are_whole(shop, brought_up_at=NOON)


def test_a_buyer_who_did_not_come_back_counts_within_the_hour(shop: Engine) -> None:
    placed = datetime(2027, 3, 1, 10, 0, tzinfo=UTC) + timedelta(days=REPEAT_DAYS)
    assert refresh_slow(shop, now=placed) == 1  # another day
    assert "repeat_purchase_rate" not in read_moments(shop)
    assert refresh_slow(shop, now=placed + timedelta(milliseconds=1)) == 1
    assert read_moments(shop)["repeat_purchase_rate"] == to_ms(placed) + 1
    assert refresh_slow(shop, now=placed + timedelta(hours=1)) == 0


class _Killed(Exception):
    """Ends a load after its last derivation."""


def test_a_load_that_ends_before_its_cards_leaves_none_untrue_and_the_minute_job_writes_the_rest(shop: Engine) -> None:
    def end(_done: int) -> None:
        raise _Killed

    other = [{**event, "shop": "b", "source": "/shops/b"} for event in order(2)]
    feed(shop, [*order(1), *order(3), *other], live=False, now=NOON)
    with pytest.raises(_Killed):
        finish_bulk(shop, now=NOON, on_progress=end)
    assert_cards_are_whole(shop)
    advance_cells(shop, now=NOON + timedelta(minutes=1))
    with reading(shop) as session:
        assert session.scalar(select(Shop.id).where(Shop.cells_ms == 0)) is None
        shown = set(session.scalars(select(Scorecard.shop_id).distinct()))
        assert shown == set(session.scalars(select(Shop.id)))
        assert list_slow_shops(session, now=NOON + timedelta(minutes=1)) == sorted(shown)
    assert_cards_are_whole(shop)
