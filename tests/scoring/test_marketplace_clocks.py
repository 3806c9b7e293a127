"""The clocks and deadlines that marketplaces publish, one test for each way of counting.

AZ, BO, EB and so on name the source in the collection of marketplaces' rules; an example that is ours says "by hand".
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from scoring import WorkingCalendar, clopper_pearson, tail
from scoring.holiday_proposals import propose_holidays
from scoring.shop_clocks import ShopClocks
from scoring.standards.decisions import Clock
from scoring.working_calendar import ROUND_THE_CLOCK
from tests.standards.dues import find_due

HOUR = 3600
WORKDAYS = ("mon", "tue", "wed", "thu", "fri")
WHOLE_DAY = (("00:00", "24:00"),)
BERLIN, PARIS, MADRID = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Madrid")


def at(text: str, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def hours_allowed(calendar: WorkingCalendar, start: datetime, hours: float) -> datetime:
    return calendar.add(start, hours * HOUR).astimezone(ZoneInfo(calendar.timezone))


def test_calendar_hours_run_on_weekends_and_holidays_amazon_response_etsy():
    calendar = WorkingCalendar(timezone="Europe/Paris", weekly=ROUND_THE_CLOCK)
    assert hours_allowed(calendar, at("2026-05-01 22:00"), 24) == at("2026-05-02 22:00")
    assert hours_allowed(calendar, at("2026-03-28 22:00"), 24) == at("2026-03-29 23:00")  # a night of 23 hours


def test_working_days_without_the_holidays_of_the_sellers_country_za1_ka1():
    clock = Clock(id="ship", weekdays=WORKDAYS, due_in_days=1, due_at="18:00", holidays="destination")
    days = {country: [proposed.day for proposed in propose_holidays(country, None, 2026)] for country in ("DE", "NL")}
    shipped = at("2026-04-30 10:00", BERLIN)
    assert find_due(clock, shipped, "Europe/Berlin", holidays=days["DE"]) == at("2026-05-04 18:00", BERLIN)
    assert find_due(clock, shipped, "Europe/Berlin", holidays=days["NL"]) == at("2026-05-01 18:00", BERLIN)


def test_24_hours_without_weekends_conrad_manomano():
    calendar = WorkingCalendar(timezone="Europe/Berlin", weekly=dict.fromkeys(WORKDAYS, WHOLE_DAY))
    assert hours_allowed(calendar, at("2026-06-12 15:00", BERLIN), 24) == at("2026-06-15 15:00", BERLIN)
    assert hours_allowed(calendar, at("2026-06-13 15:00", BERLIN), 24) == at("2026-06-16 00:00", BERLIN)


def test_eight_working_hours_bo1():
    calendar = WorkingCalendar(timezone="Europe/Amsterdam", weekly=dict.fromkeys(WORKDAYS, (("09:00", "17:00"),)))
    zone = ZoneInfo("Europe/Amsterdam")
    assert hours_allowed(calendar, at("2026-06-12 15:00", zone), 8) == at("2026-06-15 15:00", zone)
    assert hours_allowed(calendar, at("2026-06-12 09:00", zone), 8) == at("2026-06-12 17:00", zone)


def test_eight_business_hours_stopped_from_21_to_08_mercado_libre():
    calendar = WorkingCalendar(
        timezone="America/Mexico_City", weekly=dict.fromkeys(ROUND_THE_CLOCK, (("08:00", "21:00"),)))
    zone = ZoneInfo("America/Mexico_City")
    assert hours_allowed(calendar, at("2026-06-12 20:00", zone), 8) == at("2026-06-13 15:00", zone)
    assert hours_allowed(calendar, at("2026-06-12 23:00", zone), 8) == at("2026-06-13 16:00", zone)


def test_the_clock_of_the_platform_stands_in_its_own_zone_eb10():
    """What is late by the platform's day may be in time by the seller's, by hand."""
    asked = datetime(2026, 6, 15, 3, 0, tzinfo=UTC)  # 21:00 of the day before in Denver
    dues = [find_due(Clock(id="day", due_in_days=0, zone=zone), asked, "Europe/Paris")
            for zone in ("America/Denver", "UTC", "Asia/Hong_Kong")]
    assert [due.isoformat(timespec="seconds") for due in dues] == [
        "2026-06-15T05:59:59+00:00", "2026-06-15T23:59:59+00:00", "2026-06-15T15:59:59+00:00"]


def test_seller_holidays_and_days_on_which_the_platform_is_closed_mirakl_lazada():
    away = (at("2026-08-03 00:00"), at("2026-08-17 00:00"))
    shop = WorkingCalendar(timezone="Europe/Paris", weekly=dict.fromkeys(WORKDAYS, WHOLE_DAY))
    clocks = ShopClocks({"answer": shop, "ship": shop}).with_closures([away])
    for name in ("answer", "ship"):
        assert hours_allowed(clocks.get_clock(name), at("2026-07-31 12:00"), 24) == at("2026-08-17 12:00")


def test_december_may_be_tighter_or_looser_amazon_ebay():
    usual, longer = (("09:00", "17:00"),), (("08:00", "20:00"),)
    calendar = WorkingCalendar(
        timezone="Europe/Paris", weekly=dict.fromkeys(WORKDAYS, usual),
        seasons={date(2026, 12, 1): dict.fromkeys(ROUND_THE_CLOCK, longer), date(2026, 12, 25): {},
                 date(2027, 1, 4): dict.fromkeys(WORKDAYS, usual)})
    assert hours_allowed(calendar, at("2026-11-27 16:00"), 8) == at("2026-11-30 16:00")
    assert hours_allowed(calendar, at("2026-12-18 16:00"), 8) == at("2026-12-19 12:00")  # Saturdays count in December
    assert hours_allowed(calendar, at("2026-12-24 16:00"), 8) == at("2027-01-04 13:00")  # nothing runs out in between


def test_an_order_after_the_cut_off_starts_a_day_later_and_payment_day_is_day_1():
    paid, ways = at("2026-06-15 15:00"), [
        {}, {"starts_on": "same_day"}, {"order_cut_off": "14:00"}, {"starts_on": "same_day", "order_cut_off": "14:00"}]
    limits = [find_due(Clock(id="ship", weekdays=WORKDAYS, due_in_days=2, **way), paid, "Europe/Paris") for way in ways]
    assert [limit.astimezone(PARIS).day for limit in limits] == [17, 16, 18, 17]


def test_the_mean_of_answers_after_4_and_8_hours_is_6_we1():
    calendar = WorkingCalendar(timezone="UTC", weekly=ROUND_THE_CLOCK)
    asked = [datetime(2026, 6, day, 9, tzinfo=UTC) for day in (1, 2)]
    answered = [datetime(2026, 6, day, hour, tzinfo=UTC) for day, hour in ((1, 13), (2, 17))]
    assert calendar.elapsed(asked, answered).mean() == 6 * HOUR


@pytest.mark.parametrize(
    ("bad", "base", "limit", "rate"),
    [(315, 9_001, 0.05, 0.03499611), (27_896, 870_669, 0.04, 0.03203973037)],
)
def test_the_rates_that_amazon_calls_good_lie_inside_with_certainty_az14(bad, base, limit, rate):
    assert bad / base == pytest.approx(rate, abs=5e-9)
    assert clopper_pearson(bad, base).upper < limit
    assert tail(bad, base, limit) > 1 - 1e-9


@pytest.mark.parametrize(("base", "is_proof"), [(50, True), (171, False)])
def test_six_late_orders_prove_something_in_ten_days_and_nothing_in_thirty_az6(base, is_proof):
    """12 % of 50 orders fail a limit of 4 % and 3.5 % of 171 pass; by chance alone 6 of 50 come once in 69."""
    assert (6 / base > 0.04) is is_proof
    assert tail(6, 50, 0.04) == pytest.approx(0.0144, abs=5e-5)
    assert tail(6, 171, 0.04) == pytest.approx(0.6834, abs=5e-5)
