"""What sources send is counted while it is taken in, whoever adds it up when; the page says it."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.events.service import Intake, ingest_batch
from operator_qos.sources.jobs import KEPT, add_up_counts
from operator_qos.sources.models import SourceArrival, SourceCount
from operator_qos.sources.queries import list_day_counts, list_event_counts, list_sources
from operator_qos.sources.rules import LAG_BOUNDS, find_lag, list_gaps, name_lag
from operator_qos.sources.service import Told, count_arrivals
from tests.api.sending import event, opening
from tests.web.fixtures import NOW, app, clock, engine, post, read_token, sign_in, site_settings, world

__all__ = ["app", "clock", "engine", "site_settings", "world"]
TODAY = date(2026, 6, 18)
DAY = timedelta(days=1)


def test_each_event_counts_on_its_local_day_and_each_status_when_it_came(world: Engine) -> None:
    late = event(2, time="2026-06-16T23:30:00Z")  # half past one on the 17th in Paris
    sent = [opening("morvan"), event(1), late, event(1), event(1, subject="x"), event(3, time="yesterday")]
    ingest_batch(world, sent, intake=Intake(NOW, "test"))
    with reading(world) as session:
        rows = list_day_counts(session, "halle-fr", since=TODAY - 9 * DAY, until=TODAY)
    found = {(row.source, row.what, row.on.isoformat()): row.count for row in rows}
    shop = "/shops/morvan"
    assert {key: count for key, count in found.items() if key[0] == shop} == {
        (shop, "event order.placed", "2026-06-17"): 2, (shop, "status accepted", "2026-06-18"): 2,
        (shop, "status duplicate", "2026-06-18"): 1, (shop, "status conflict", "2026-06-18"): 1,
        (shop, "status quarantined", "2026-06-18"): 1, (shop, "lag 86400", "2026-06-18"): 1,
        (shop, "lag 604800", "2026-06-18"): 1}
    last = next(row.last_ms for row in rows if row.what == "event order.placed")
    assert last == to_ms(NOW) - (23 * 60 + 40) * 60_000  # ten in the morning of the 17th


def test_adding_up_changes_no_answer_and_forgets_what_is_old(world: Engine) -> None:
    told = [Told("halle-fr", f"/s{n % 3}", "accepted", "order.placed", to_ms(NOW) - n * 7_000_000) for n in range(60)]
    with unit_of_work(world) as session:
        count_arrivals(session, [Told("halle-fr", "/s0", "accepted")], now_ms=to_ms(NOW - KEPT - 2 * DAY))
        count_arrivals(session, told[:25], now_ms=to_ms(NOW))
    seen = []
    for part in (told[25:40], told[40:], []):
        with unit_of_work(world) as session:
            count_arrivals(session, part, now_ms=to_ms(NOW))
            before = list_day_counts(session, "halle-fr", since=TODAY - 9 * DAY, until=TODAY)
        assert add_up_counts(world, now=NOW) > 0 or not part
        with reading(world) as session:
            assert list_day_counts(session, "halle-fr", since=TODAY - 9 * DAY, until=TODAY) == before
            assert session.scalar(select(func.count(SourceArrival.id))) == 0
            oldest = session.scalar(select(func.min(SourceCount.on_date)))
            assert oldest is not None
            assert oldest > TODAY - 9 * DAY
        seen.append(sum(row.count for row in before if row.what.startswith("event ")))
    assert seen == [40, 60, 60]
    with reading(world) as session:
        counts = Counter[str]()
        for row in list_event_counts(session, "halle-fr", since=TODAY - 9 * DAY, until=TODAY):
            counts[row.source] += row.count
    assert counts == {"/s0": 20, "/s1": 20, "/s2": 20}


def test_a_batch_that_is_taken_back_is_not_counted(world: Engine) -> None:
    with pytest.raises(RuntimeError), unit_of_work(world) as session:
        count_arrivals(session, [Told("halle-fr", "/s", "accepted", "order.placed", to_ms(NOW))], now_ms=to_ms(NOW))
        raise RuntimeError
    with reading(world) as session:
        assert list_day_counts(session, "halle-fr", since=TODAY, until=TODAY) == []


@given(st.lists(st.integers(-5, 10**6), min_size=1, max_size=40), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_lag_is_the_least_bound_that_holds_the_share(lags: list[int], share: float) -> None:
    found = find_lag(Counter(name_lag(lag) for lag in lags), share)
    holding = [bound for bound in LAG_BOUNDS if sum(lag <= bound for lag in lags) >= share * len(lags)]
    assert found == (holding[0] if holding else None)


def test_nothing_that_came_has_no_lag() -> None:
    assert find_lag({"status accepted": 5}, 0.5) is None


@pytest.mark.parametrize(("counts", "gaps"), [
    ([], []), ([0, 0], []), ([1, 1], []), ([0, 1, 0, 0, 2, 0], [(2, 3)]), ([1, 0, 1, 0, 1], [(1, 1), (3, 3)]),
])  # fmt: skip
def test_gaps_lie_between_days_that_had_some(counts: list[int], gaps: list[tuple[int, int]]) -> None:
    assert list_gaps(counts) == gaps


def _fill(engine: Engine) -> None:
    """A source that sends 30 orders each day until yesterday, but none on one day; and one that sends nonsense."""
    with unit_of_work(engine) as session:
        for back in range(1, 34):
            at = NOW - back * DAY
            told = [Told("halle-fr", "/steady", "accepted", "order.placed", to_ms(at))] * (0 if back == 4 else 30)
            count_arrivals(session, told, now_ms=to_ms(at) + 200_000)
        count_arrivals(session, [Told("halle-fr", "/broken", "quarantined")], now_ms=to_ms(NOW))


def test_a_source_has_its_lag_its_counts_and_its_gaps(world: Engine) -> None:
    _fill(world)
    with reading(world) as session:
        broken, steady = list_sources(session, "halle-fr", today=TODAY)
    assert (steady.source, steady.half_within_seconds, steady.came) == ("/steady", 300, 150)
    assert (steady.counts["accepted"], len(steady.days), sum(steady.days)) == (150, 35, 32 * 30)
    assert steady.gaps == [(TODAY - 4 * DAY, TODAY - 4 * DAY)]
    assert (broken.last_event_ms, broken.counts["quarantined"], broken.half_within_seconds) == (None, 1, None)


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_page_says_which_source_is_well(app: Flask, world: Engine) -> None:
    _fill(world)
    page = sign_in(app, "analyst").get("/operator/sources").text
    assert "/steady sent 0 of" in page
    assert "where about 30 are usual" in page
    assert "half 5" in page
    assert "nothing of it could be taken in" in page
    assert "Make an address" not in page
    assert "/steady sent 0 of" in sign_in(app, "analyst").get("/operator/decisions").text


@pytest.mark.parametrize("database", ["sqlite"])
def test_addresses_of_webhooks_are_made_exchanged_and_stopped_on_the_page(app: Flask) -> None:
    client, page = sign_in(app, "admin"), "/operator/sources"
    form = {"name": "shop-fr", "kind": "medusa", "marketplace": "halle-fr", "shop": "morvan-fr"}
    assert post(client, f"{page}/receivers", form, page=page).status_code == 303
    shown = client.get(page).text
    assert "whsec_" in shown
    assert "/api/v1/hooks/shop-fr" in shown
    assert post(client, f"{page}/receivers/rotate", {"name": "shop-fr"}, page=page).status_code == 303
    assert "the old secret until" in client.get(page).text
    for wrong in ({}, {"name": "Shop FR"}, {"name": "x", "marketplace": "atlantis"}, {"name": "x", "kind": "abc"}):
        refused = post(client, f"{page}/receivers", {**form, **wrong}, page=page)
        assert (refused.status_code, 'role="alert"' in refused.text) == (400, True)
    for status in (303, 400):
        assert post(client, f"{page}/receivers/stop", {"name": "shop-fr"}, page=page).status_code == status
    assert read_token(client, page)
