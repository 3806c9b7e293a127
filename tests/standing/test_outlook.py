"""What can still change for a shop: from its rows, held to counting them at the end of the day, and to what happens."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from flask import Flask
from flask_babel import Babel
from sqlalchemy import Engine

from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.db import reading
from operator_qos.ledger.queries import list_units
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.standards.binding import get_shipped_standard
from operator_qos.standing.outlook import OutlookPage, find_outlook, list_next_dates
from scoring.standards import load_preset
from scoring.windows import window_start_ms
from tests.pages import operator_world, seller_world
from tests.web.fixtures import NOW, add_companies

OURS = get_shipped_standard()
TODAY, ZONE = date(2026, 6, 18), "Europe/Madrid"
LATE, DEFECTS = "late_shipment_rate", "order_defect_rate"


@pytest.fixture
def world(engine: Engine) -> Engine:
    """bazar: 25 orders to ship, 1 late; F-1 to ship by 16:00 UTC today, a question to answer by 10:00."""
    add_companies(engine)
    operator_world.fill_world(engine)
    seller_world.fill(engine)
    return engine


def look(engine: Engine, code: str, now: datetime = NOW) -> OutlookPage:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context(), reading(engine) as session:
        card = next(card for card in list_shop_cards(session) if card.code == code)
        page = find_outlook(session, card, OURS, now=now)
    assert page is not None
    return page


def count_at_the_end(engine: Engine, code: str, metric: str, on: date) -> tuple[int, int]:
    """The slow way: (bad, base) of the units counted at the end of a day, as the official run does."""
    ends_ms = end_of_day_ms(on, ZONE)
    start_ms = window_start_ms(ends_ms, ZONE, days=OURS.get_rule(metric).window_days)
    with reading(engine) as session:
        card = next(card for card in list_shop_cards(session) if card.code == code)
        units = list_units(session, card.id, metric=metric, window_start_ms=start_ms, as_of_ms=ends_ms)
    return sum(unit.official_bad for unit in units), sum(unit.official_base for unit in units)


def test_the_order_due_today_decides_and_the_question_does_not(world: Engine) -> None:
    page = look(world, "bazar")
    (line,) = page.lines
    assert (page.on, page.is_today, page.open_count) == (TODAY, True, 2)
    # 1 of 26 if it leaves in time, 2 of 26 if not; at most 4 % are asked.
    assert (line.metric, line.best, line.best_value, line.worst, line.worst_value) == (
        LATE, "kept", "3.85%", "watch", "7.69%")
    assert [(one.kind, one.order_ref, one.due_ms) for one in page.deciding] == [
        ("ship", "F-1", to_ms(NOW.replace(hour=16, minute=0)))]


def test_the_worst_is_what_the_official_run_counts_when_nothing_happens(world: Engine) -> None:
    assert count_at_the_end(world, "bazar", LATE, TODAY) == (2, 26)
    assert look(world, "bazar").lines[0].worst_value == "7.69%"


def test_the_best_is_what_it_counts_when_everything_is_kept(world: Engine) -> None:
    best = look(world, "bazar").lines[0].best_value
    seller_world.send(world, seller_world.event(seller_world.FOREIGN, "order.shipped", "F-1", "2026-06-18T09:00:00Z"),
                      now=NOW + timedelta(hours=2))
    assert (count_at_the_end(world, "bazar", LATE, TODAY), best) == ((1, 26), "3.85%")
    assert look(world, "bazar", NOW + timedelta(hours=2)).lines == ()


def test_what_is_past_its_time_is_certain_though_no_count_knows_it_yet(world: Engine) -> None:
    page = look(world, "bazar", NOW.replace(hour=17))
    assert (page.lines, page.deciding, page.open_count) == ((), (), 0)


def test_an_order_long_overdue_decides_on_the_day_it_turns_into_a_defect(world: Engine) -> None:
    # O-1 was to leave on 17 June at 16:00 UTC: not shipped by then on 1 July it is a defect of an order of 16 June.
    page = look(world, "morvan-fr", datetime(2026, 6, 29, 12, tzinfo=NOW.tzinfo))
    assert page.on == date(2026, 7, 1)
    (line,) = [line for line in page.lines if line.metric == DEFECTS]
    assert (line.best, line.worst) == ("kept", "watch")  # 0 or 1 of 33 orders, at most 2 % are asked
    decides = [one for one in page.deciding if one.order_ref == "O-1" and one.kind == "ship"]
    assert [one.due_ms for one in decides] == [to_ms(datetime(2026, 7, 1, 16, tzinfo=NOW.tzinfo))]


def test_one_more_late_order_breaches_where_evidence_was_one_short(world: Engine) -> None:
    # 5 of 32 late: P(X >= 5 | 32, 4 %) = 0.008 is watched; the sixth of 33 breaches with 0.002.
    (line,) = [line for line in look(world, "morvan-fr").lines if line.metric == LATE]
    assert (line.best, line.worst, line.sentence) == ("watch", "breached", "The one still open decides.")


def test_the_coming_official_dates_are_those_of_the_week_or_the_next_one() -> None:
    assert list_next_dates(OURS, TODAY) == [TODAY + timedelta(days=ahead) for ahead in range(7)]
    assert list_next_dates(load_preset("ebay"), TODAY) == [date(2026, 6, 20)]
    assert list_next_dates(load_preset("ebay"), date(2026, 6, 21)) == [date(2026, 7, 20)]
