"""The minute job writes only what time changed, and that is all there is to write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from operator_qos.db import reading
from operator_qos.ledger.cells import list_cells, recount
from operator_qos.ledger.jobs import advance_cells, list_moving_shops, refresh_slow
from operator_qos.ledger.models import Scorecard
from operator_qos.sellers.models import Shop
from tests.pipeline.cards import assert_cards_are_whole
from tests.pipeline.kills import make_events
from tests.pipeline.loading import add_places, feed

BEGIN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
# An instant later; the day of the next scan; across midnight; past the days to ship by and to deliver by.
MOMENTS = [BEGIN + step for step in (timedelta(minutes=1), timedelta(hours=12), timedelta(hours=14), timedelta(days=3),
                                     timedelta(days=6), timedelta(days=20))]


def place(engine: Engine) -> None:
    """Thirty orders of three shops, placed a moment ago and never shipped; then nothing happens."""
    add_places(engine, {"fr": "Europe/Paris"})
    events = [event for event in make_events(90) if event["type"] in {"qos.shop.opened", "qos.order.placed"}]
    feed(engine, events, now=BEGIN)


def test_what_the_minute_job_leaves_is_what_writing_everything_anew_leaves(engine: Engine) -> None:
    place(engine)
    for now in MOMENTS:
        advance_cells(engine, now=now)
        with reading(engine) as session:
            shops = list(session.scalars(select(Shop.id)))
            assert list_cells(session, shops) == recount(session, shops)
        refresh_slow(engine, now=now)
        assert_cards_are_whole(engine, brought_up_at=now)
    with reading(engine) as session:
        assert session.scalar(select(Scorecard.shop_id).where(Scorecard.verdict == "breached").limit(1)) is not None


def test_a_minute_in_which_nothing_falls_due_moves_no_shop(engine: Engine) -> None:
    place(engine)
    advance_cells(engine, now=BEGIN + timedelta(minutes=1))  # what was placed at BEGIN counts from then on
    with reading(engine) as session:
        assert list_moving_shops(session, now=BEGIN + timedelta(minutes=2)) == []
        next_day = list_moving_shops(session, now=BEGIN + timedelta(hours=14))
        assert next_day == sorted(session.scalars(select(Shop.id)))
