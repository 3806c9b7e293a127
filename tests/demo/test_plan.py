"""The demo's places, companies, shops and people."""

from collections import Counter
from datetime import date, timedelta

import pytest

from operator_qos.demo import DEMO_ACCOUNTS, DemoPlan, demo_plan

STORIES = {
    "steady",
    "excellent",
    "declining",
    "recovering",
    "tiny_noisy",
    "seasonal",
    "silent",
    "carrier_strike",
    "platform_outage",
    "late_feed",
}


@pytest.fixture(scope="module")
def plan() -> DemoPlan:
    return demo_plan(date(2026, 6, 18))


def test_the_plan_has_three_marketplaces_thirty_five_companies_and_sixty_shops(plan: DemoPlan) -> None:
    assert [(m.id, m.timezone, m.currency, m.language) for m in plan.marketplaces] == [
        ("halle-fr", "Europe/Paris", "EUR", "fr"),
        ("lonja-es", "Europe/Madrid", "EUR", "es"),
        ("kontor-de", "Europe/Berlin", "EUR", "de"),
    ]
    assert len({seller.id for seller in plan.sellers}) == 35
    assert len({shop.id for shop in plan.shops}) == 60
    assert {shop.seller_id for shop in plan.shops} == {seller.id for seller in plan.sellers}


def test_every_story_is_told_and_three_shops_or_more_are_excellent(plan: DemoPlan) -> None:
    told = Counter(shop.story for shop in plan.shops)
    assert set(told) >= STORIES
    assert told["excellent"] >= 3


def test_atelier_morvan_sells_on_all_three_marketplaces(plan: DemoPlan) -> None:
    places = [shop.marketplace for shop in plan.shops if shop.seller_id == "atelier-morvan"]
    assert sorted(places) == ["halle-fr", "kontor-de", "lonja-es"]


@pytest.mark.parametrize("until", [date(2026, 1, 31), date(2026, 6, 18), date(2028, 4, 30)])
def test_the_period_is_fourteen_months_and_the_outage_a_working_day(until: date) -> None:
    plan = demo_plan(until)
    months = (until.year - plan.start.year) * 12 + until.month - plan.start.month
    assert months == 14
    assert plan.outage_on.weekday() < 5
    assert timedelta(days=12) <= until - plan.outage_on <= timedelta(days=20)


def test_the_strike_lasts_ten_days_inside_the_window_of_sixty(plan: DemoPlan) -> None:
    assert (plan.strike_until - plan.strike_from).days == 9
    assert (plan.until - plan.strike_from).days < 60
    assert plan.strike_excluded <= {shop.id for shop in plan.shops if shop.story == "carrier_strike"}


def test_there_is_an_account_of_every_role_with_a_password_long_enough(plan: DemoPlan) -> None:
    sellers = {seller.id for seller in plan.sellers}
    assert {a.role for a in DEMO_ACCOUNTS} == {"admin", "analyst", "seller_owner", "seller_staff", "mediator"}
    assert len({a.email for a in DEMO_ACCOUNTS}) == len(DEMO_ACCOUNTS)
    assert all(len(a.password) >= 12 for a in DEMO_ACCOUNTS)
    assert all((a.seller_id in sellers) == a.role.startswith("seller") for a in DEMO_ACCOUNTS)
