"""Who holds the best level and the badges, by size and category: by the standings, and before and after a trial."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from flask import Flask
from flask_babel import Babel
from sqlalchemy import Engine, delete

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.ledger.models import OrderFact
from operator_qos.models import Marketplace, Seller, Shop, ShopStanding
from operator_qos.standards.backtest import Trial, list_days
from operator_qos.standards.comparison import BestLine, compare, join
from operator_qos.standards.shares import Holding, list_holdings
from scoring.concentration import Tally
from scoring.standards import load_preset
from tests.standards_app.tried import tried_shop
from tests.web.fixtures import NOW

OURS = load_preset("ours")
DAY = date(2026, 6, 17)
# Orders in 90 days, category, level, badges; 1600 in 90 days are more than 500 a month.
SHOPS = (
    (3, "books", "top", ["top_seller"]), (3, "books", "in_standard", []), (3, "toys", "in_standard", ["fast_replies"]),
    (1600, "toys", "top", ["top_seller"]), (1600, "toys", "below", []),
)


@pytest.fixture
def judged(engine: Engine) -> Engine:
    """Five shops under our standard and one under another version of it."""
    with unit_of_work(engine) as session:
        session.add(Marketplace(id="fr", name="Halle", timezone="Europe/Paris", buyer_key="00"))
        session.add(Seller(id=1, code="c", name="C"))
        session.flush()
        for number, (orders, category, level, badges) in enumerate((*SHOPS, (50, "books", "top", [])), 1):
            session.add(Shop(id=number, marketplace_id="fr", code=f"s{number}", seller_id=1, name="S", opened_ms=0))
            session.flush()
            session.add(ShopStanding(shop_id=number, level=level, badges=badges, episodes=[], since_on=DAY,
                                     decided_on=DAY, standard_id="ours", standard_version=1 if number <= 5 else 2))
            session.add_all(
                OrderFact(shop_id=number, dossier_id=number, order_ref=f"O-{number}-{place}", fulfilment="seller",
                          ordered_ms=to_ms(NOW - timedelta(minutes=place + 1)), category=category)
                for place in range(orders))
            # Too old to count.
            session.add(OrderFact(shop_id=number, dossier_id=number, order_ref="old", fulfilment="seller",
                                  ordered_ms=to_ms(NOW - timedelta(days=91)), category="garden"))
    return engine


def hold(engine: Engine) -> list[Holding]:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context(), reading(engine) as session:
        return list_holdings(session, OURS, now=NOW)


def test_the_best_level_and_the_badges_are_counted_by_size_and_category(judged: Engine) -> None:
    best, fast = hold(judged)  # the badge that goes with the level is told with it
    assert (best.name, fast.name, fast.total.holders) == ("Top seller", "Fast replies", Tally(1, 3, 9))
    # Three shops of 3 orders have their middle in the second quarter, the two of 1600 in the last.
    assert [(group.name, group.holders.shops, group.all.shops) for group in best.sizes] == [
        ("quarter_2", 1, 3), ("quarter_4", 1, 2)]
    assert best.ends is None
    assert [(group.name, group.holders.shops, group.all.shops) for group in best.categories] == [
        ("books", 1, 2), ("toys", 1, 3)]
    # 3 and 1600 orders against 3, 3, 3, 1600 and 1600.
    assert best.total.holders.effective_shops == pytest.approx(1603**2 / (9 + 1600**2))
    assert best.total.all.effective_shops == pytest.approx(3209**2 / (27 + 2 * 1600**2))


def test_the_smallest_and_the_largest_quarter_are_compared(judged: Engine) -> None:
    with unit_of_work(judged) as session:
        session.execute(delete(OrderFact).where(OrderFact.shop_id <= 2))
    best = hold(judged)[0]
    assert best.ends is not None
    assert [(group.holders.shops, group.all.shops) for group in best.ends] == [(1, 2), (1, 2)]


def test_a_standard_that_judged_nobody_has_no_shares(engine: Engine) -> None:
    assert hold(engine) == []


def trial(levels: list[int]) -> Trial:
    level, days = np.array([levels], np.int8), list_days(DAY, DAY, "Europe/Paris")
    return Trial(OURS, tuple(range(len(levels))), days, (), level.astype(np.int64), level)


def test_a_trial_tells_who_is_at_the_best_level_before_and_after_and_marketplaces_add_up() -> None:
    shops = [tried_shop(0), replace(tried_shop(1), orders_90d=1600, category="toys")]
    found = compare(trial([1, 0]), trial([0, 0]), shops)
    small, large = Tally(1, 60, 3600), Tally(1, 1600, 1600**2)
    assert found.best == (
        BestLine("size", "under_50", small, small, Tally()), BestLine("size", "over_500", large, large, large),
        BestLine("category", "books", small, small, Tally()), BestLine("category", "toys", large, large, large))
    both = join([found, found])
    assert both.best[0] == BestLine("size", "under_50", small + small, small + small, Tally())
    assert (both.sum_best().before.shops, both.sum_best().after.shops) == (4, 2)
