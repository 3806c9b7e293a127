"""What a standard that is not plain says now and of its next date: held to the official run that comes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from sqlalchemy import Engine, update

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.foretelling import are_levels_told, list_untold
from operator_qos.evaluation.live import refresh_live
from operator_qos.ledger.models import OutcomeRow
from operator_qos.models import ShopStanding
from operator_qos.sellers.queries import list_shop_cards
from operator_qos.standing.live import Live, find_live
from operator_qos.standing.outlook import find_outlook
from operator_qos.standing.queries import find_standing, list_official_results
from scoring.standards import load_preset, parse_standard
from tests.evaluation.test_binding import publish, run
from tests.evaluation.world import HOUR_MS, build_marketplace, late_orders, outcome, settled, store

WEEKDAYS = """
id: weekdays
version: 1
title: {en: Weekdays, fr: En semaine}
effective_from: 2026-01-01
scope: {priority: 5}
evaluated: {every: week, weekday: mon}
rules:
  - {id: late, title: {en: Late parcels, fr: Colis en retard}, metric: late_shipment_rate, window: {days: 7},
     kept_when: "<= 4 %", watch_when: "> 3 %"}
tiers:
  - {id: star, title: {en: Star, fr: Étoile}, needs: {late.verdict: [kept, watch]}}
  - {id: plain, title: {en: Ordinary, fr: Ordinaire}}
"""
STANDARD = parse_standard(WEEKDAYS)
MONDAY, NEXT = date(2026, 3, 9), date(2026, 3, 16)
THURSDAY = datetime(2026, 3, 12, 11, tzinfo=UTC)


def live_of(engine: Engine, now: datetime) -> Live:
    refresh_live(engine, now=now)
    with reading(engine) as session:
        found = find_live(session, 1, STANDARD)
    assert found is not None
    return found


def due_later(number: int, *, hours: int) -> OutcomeRow:
    """An order to ship some hours after Thursday noon in Paris, which silence makes late."""
    due_ms = to_ms(THURSDAY) + hours * HOUR_MS
    return outcome(1, "ship", f"L-{number}", due_ms, bad=1, from_ms=due_ms)


def tell_world(engine: Engine) -> None:
    """Ten orders shipped in time on Tuesday; one due on Thursday evening, one on Saturday."""
    build_marketplace(engine)
    publish(engine, WEEKDAYS, standard="weekdays", version=1, on=date(2026, 1, 1))
    store(engine, late_orders(1, date(2026, 2, 5), base=3, bad=0, name="E"))  # enough history to be judged
    run(engine, MONDAY)
    store(engine, late_orders(1, date(2026, 3, 10), base=10, bad=0, name="T"))
    store(engine, [due_later(1, hours=6), due_later(2, hours=54)])


def test_what_is_open_decides_between_two_levels(engine: Engine) -> None:
    """0 of 10 so far; by Monday 0 of 12 if both are shipped in time, 2 of 12 if neither is."""
    tell_world(engine)
    live = live_of(engine, THURSDAY)
    assert (live.level, live.next_on, live.open_count) == ("star", NEXT, 2)
    assert (live.kept_level, live.missed_level, list(live.untold)) == ("star", "plain", [])
    late = live.rules["late"]
    assert (late.bad, late.base, late.verdict, late.value) == (0, 10, "kept", 0.0)
    assert (late.kept_verdict, late.kept_value) == ("kept", 0.0)
    assert (late.missed_verdict, late.missed_value) == ("breached", 2 / 12)


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_run_that_comes_decides_what_was_foretold(engine: Engine, is_kept: bool) -> None:
    tell_world(engine)
    live = live_of(engine, THURSDAY)
    if is_kept:
        with unit_of_work(engine) as session:
            session.execute(update(OutcomeRow).where(OutcomeRow.unit.like("L-%")).values(bad=0, official_bad=0))
    run(engine, NEXT)
    with reading(engine) as session:
        result, standing = list_official_results(session, 1)["late"], find_standing(session, 1)
    late = live.rules["late"]
    foretold = (late.kept_verdict, late.kept_value) if is_kept else (late.missed_verdict, late.missed_value)
    assert (result.verdict, result.value) == foretold
    assert standing is not None and standing.level == (live.kept_level if is_kept else live.missed_level)


def test_what_is_past_its_time_is_lost_either_way(engine: Engine) -> None:
    tell_world(engine)
    live = live_of(engine, datetime(2026, 3, 12, 18, tzinfo=UTC))
    assert (live.level, live.open_count, live.kept_level, live.missed_level) == ("plain", 1, "plain", "plain")
    assert (live.rules["late"].verdict, live.rules["late"].kept_value) == ("breached", 1 / 12)


def test_nothing_is_kept_of_plain_standards_or_of_one_that_was_retired(engine: Engine) -> None:
    tell_world(engine)
    live_of(engine, THURSDAY)
    with unit_of_work(engine) as session:
        found = find_live(session, 1, load_preset("ours"))
        session.execute(update(ShopStanding).values(standard_id="weekdays"))
    assert found is None


def test_a_date_that_is_past_is_not_shown_as_the_next_one(engine: Engine) -> None:
    tell_world(engine)
    live_of(engine, THURSDAY)
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context(), reading(engine) as session:
        card = next(card for card in list_shop_cards(session) if card.id == 1)
        pages = [find_outlook(session, card, STANDARD, now=THURSDAY + timedelta(days=days)) for days in (0, 4, 5)]
    assert [page is not None and page.on == NEXT for page in pages] == [True, True, False]


def test_a_reading_again_replaces_the_one_before(engine: Engine) -> None:
    tell_world(engine)
    first, second = live_of(engine, THURSDAY), live_of(engine, settled(MONDAY, hours=80))
    assert first.as_of_ms < second.as_of_ms == to_ms(settled(MONDAY, hours=80))


def rule(**fields: Any) -> dict[str, Any]:
    return {"id": "r", "metric": "late_shipment_rate", "window": {"days": 7}, "kept_when": "<= 4 %", **fields}


@pytest.mark.parametrize(("rules", "untold"), [
    ([rule()], []),
    ([rule(metric="response_time", measure="mean", kept_when="<= 9 h")], ["r"]),
    ([rule(metric="response_within_rate", bad_when={"amount": "> 9 h"})], ["r"]),
    ([rule(metric="rating", measure="mean", kept_when=">= 4.5")], []),
    ([rule(metric="response_time", id="a", measure="mean", kept_when="<= 9 h"), rule(judged_when={"a": "> 1 h"})],
     ["a", "r"]),
    ([rule(id="a"), {"id": "b", "against_peers": {"of": "a", "peers": ["country"], "least": 2}, "kept_when": "<= 2"}],
     ["b"]),
])
def test_what_rests_on_how_long_answers_take_cannot_be_foretold(rules: list[dict[str, Any]], untold: list[str]) -> None:
    standard = parse_standard({
        "id": "small", "version": 1, "title": {"en": "Small"}, "effective_from": "2020-01-01",
        "evaluated": {"every": "day"}, "rules": rules,
        "tiers": [{"id": "a", "title": {"en": "A"}, "needs": {f"{rules[0]['id']}.verdict": "kept"}},
                  {"id": "z", "title": {"en": "Z"}}]})
    assert sorted(list_untold(standard)) == untold
    assert are_levels_told(standard) == (rules[0]["id"] not in untold)


def test_a_level_that_asks_for_every_rule_rests_on_all_of_them() -> None:
    pace = rule(id="pace", metric="response_time", measure="mean", kept_when="<= 9 h")
    standard = parse_standard({
        "id": "small", "version": 1, "title": {"en": "Small"}, "effective_from": "2020-01-01",
        "evaluated": {"every": "day"}, "rules": [rule(), pace],
        "tiers": [{"id": "a", "title": {"en": "A"}, "needs": {"every_rule": {"verdict": "kept"}}},
                  {"id": "z", "title": {"en": "Z"}}]})
    assert not are_levels_told(standard)
