"""The scorecard's numbers in orders, held to tables worked out by hand, and the page around them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from operator_qos.clock import to_ms
from operator_qos.ledger.queries import ScorecardRow
from operator_qos.standards.binding import get_shipped_standard
from operator_qos.standing.scorecard import count_to_mend, list_needs, list_rooms
from operator_qos.standing.trend import draw_trend
from scoring.ladder import Episode
from tests.pages import seller_world as sw
from tests.web.fixtures import NOW

STANDARD = get_shipped_standard()


def score(
    metric: str,
    bad: int,
    base: int,
    verdict: str,
    *,
    raw_base: int | None = None,
    trend: tuple[float | None, ...] = (),
) -> ScorecardRow:
    rule = STANDARD.get_rule(metric)
    value = (base - bad if rule.higher_is_better else bad) / base if base else None
    return ScorecardRow(
        shop_id=1,
        metric=metric,
        as_of_ms=to_ms(NOW),
        window_start_ms=0,
        bad=bad,
        base=base,
        value=value,
        lower=value,
        upper=value,
        raw_bad=bad,
        raw_base=base if raw_base is None else raw_base,
        raw_value=value,
        buyers=bad,
        verdict=verdict,
        trend=trend,
    )


@pytest.mark.parametrize(
    ("metric", "bad", "base", "needed"),
    [
        ("late_shipment_rate", 5, 100, 25),  # 5 of 125 are 4 %
        ("late_shipment_rate", 4, 100, 0),  # 4 of 100 are kept
        ("late_shipment_rate", 1, 24, 1),  # 1 of 25 is 4 %
        ("response_within_rate", 3, 20, 10),  # 3 of 30 are 10 %
        ("resolution_within_rate", 4, 20, 7),  # 4 of 27 are below 15 %, 4 of 26 above
    ],
)
def test_so_many_in_order_bring_a_value_back_within_its_limit(metric: str, bad: int, base: int, needed: int) -> None:
    assert count_to_mend(score(metric, bad, base, "watch"), STANDARD.get_rule(metric)) == needed


def test_the_room_left_counts_orders_the_tightest_first(app: Flask) -> None:
    scores = {
        "late_shipment_rate": score("late_shipment_rate", 2, 100, "kept"),  # 4 of 100 allowed
        "response_within_rate": score("response_within_rate", 3, 35, "kept"),  # 3 of 35 allowed
        "cancellation_rate": score("cancellation_rate", 9, 100, "breached"),  # 2 of 100 allowed
        "order_defect_rate": score("order_defect_rate", 0, 19, "not_enough_data"),
    }
    with app.test_request_context():
        rooms = list_rooms(scores, STANDARD)
    assert [(room.metric, room.left) for room in rooms] == [
        ("cancellation_rate", 0),
        ("response_within_rate", 0),
        ("late_shipment_rate", 2),
    ]


def test_the_top_level_takes_every_judged_metric_kept_and_enough_orders(app: Flask) -> None:
    scores = {
        "order_defect_rate": score("order_defect_rate", 0, 40, "kept", raw_base=42),
        "late_shipment_rate": score("late_shipment_rate", 5, 100, "watch"),
        "response_within_rate": score("response_within_rate", 0, 12, "not_enough_data"),
    }
    with app.test_request_context():
        target, needs = list_needs("in_standard", (), scores, STANDARD)
    states = {need.metric: need.state for need in needs}
    assert target == "top"
    assert states["order_defect_rate"] == "ok"
    assert states["late_shipment_rate"] == "todo"
    assert states["response_within_rate"] == states["resolution_within_rate"] == "free"
    late = next(need for need in needs if need.metric == "late_shipment_rate")
    assert late.text.startswith("You are at 5.00%: 1 too many (late shipments). 25 in order")
    assert (needs[-1].state, needs[-1].text) == ("todo", "You have 42, 8 more are needed.")


def test_below_the_standard_only_time_without_a_breach_leads_up(app: Flask) -> None:
    holding = Episode("late_shipment_rate", date(2026, 5, 1), date(2026, 6, 10), 2, 20)
    fresh = Episode("cancellation_rate", date(2026, 6, 9), date(2026, 6, 10), 1, 2)  # no 14 days apart
    with app.test_request_context():
        target, needs = list_needs("below", (fresh, holding), {}, STANDARD)
    assert target == "in_standard"
    assert [(need.metric, need.title.split(": ")[1]) for need in needs] == [
        ("late_shipment_rate", "no breach until 10\u00a0July\u00a02026")
    ]


def test_the_trend_breaks_where_a_week_has_no_orders_and_stays_inside_its_box(app: Flask) -> None:
    weeks = (0.0, 0.04, None, 0.12, 0.5)
    row = score("late_shipment_rate", 1, 100, "kept", trend=weeks)
    with app.test_request_context():
        trend = draw_trend(row, STANDARD.get_rule("late_shipment_rate"), zone="Europe/Paris")
    # The axis runs from 0 to 12 %: 4 % stands at a third of 72, beyond the axis is its edge.
    assert trend.lines == ("0.0,72.0 25.0,48.0", "75.0,0.0 100.0,0.0")
    assert (trend.limit_y, trend.zone_y, trend.zone_height) == (48.0, 0.0, 48.0)
    assert (trend.end_x, trend.end_y) == (100.0, 0.0)


def test_the_page_shows_what_counts_against_the_shop_with_links_to_the_rows(
    world: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    sw.fill(world)
    page = login_as("seller_owner").get("/seller/scorecard?shop=halle-fr/morvan-fr&metric=late_shipment_rate")
    html = " ".join(page.text.split())
    assert page.status_code == 200
    assert "The first official run decides your first level." in html
    # Of the two orders due so far O-1 is late, O-3 left on the day it was due.
    assert '<a href="/seller/shops/halle-fr/morvan-fr/orders/O-1">O-1</a>' in html
    assert "/seller/shops/halle-fr/morvan-fr/metrics/late_shipment_rate?show=bad" in html
    # Due on 17 June, it counts in the windows of 30 days that end by 16 July.
    assert 'data-label="Counts until">16\u00a0July' in page.text
    assert "1 of 2, at most 4%" in html


def test_the_scorecard_of_a_foreign_shop_and_of_a_missing_one_answer_alike(
    world: Engine, login_as: Callable[[str], FlaskClient]
) -> None:
    seller = login_as("seller_owner")
    foreign, missing = (seller.get(f"/seller/scorecard?shop=lonja-es/{code}") for code in ("bazar", "none"))
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert sw.without_secrets(foreign.text) == sw.without_secrets(missing.text)


def test_the_scorecard_speaks_french(world: Engine, login_as: Callable[[str], FlaskClient]) -> None:
    sw.fill(world)
    sw.speak_french(world)
    page = login_as("seller_staff").get("/seller/scorecard?shop=halle-fr/morvan-fr").text.replace("\u00a0", " ")
    assert "Vos résultats" in page
    assert "Ce qu’il vous faut pour « Top vendeur »" in page
    assert "Pas encore jugé : il en manque 18." in page
