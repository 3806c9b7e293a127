"""Which standard judges whom on which date, and that what began under one keeps its terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation.queries import get_marketplace
from operator_qos.evaluation.saying import say_reason
from operator_qos.evaluation.service import evaluate_due, evaluate_marketplace, list_due_dates
from operator_qos.events.service import ingest_events
from operator_qos.ledger.clocks.traces import find_clock
from operator_qos.ledger.service import build_frames
from operator_qos.models import (
    Base,
    EvaluationResult,
    EvaluationRun,
    Obligation,
    OutboxMail,
    OutcomeRow,
    ShopStanding,
    ShopTraits,
    StandardVersion,
    StandingChange,
)
from operator_qos.sellers.service import MarketplaceError, describe_shop, read_traits
from operator_qos.standards.binding import get_bound, list_bindings, list_in_use
from scoring.metrics import GROUP_CODES
from scoring.standards import load_preset, read_preset
from tests.evaluation.world import HOUR_MS, ZONE, build_marketplace, end_ms, late_orders, settled, store

DAY = date(2026, 3, 31)
NEXT = DAY + timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)

WEEKLY = """
id: weekly
version: 1
title: {en: Weekly, fr: Hebdomadaire}
effective_from: 2026-03-01
scope: {seller_tier: [gold], priority: 5}
evaluated: {every: week, weekday: mon}
rules:
  - {id: late_week, metric: late_shipment_rate, window: {full: iso_week}, kept_when: "<= 4 %"}
tiers:
  - {id: gold_star, title: {en: Gold star, fr: Étoile d’or}, needs: {late_week.verdict: kept}}
  - {id: plain_gold, title: {en: Gold, fr: Or}}
strikes:
  - {id: late, when: {late_week.verdict: breached}, last_days: 60, steps: [{when: ">= 2", acts: [{kind: review}]}]}
badges:
  - {id: punctual, title: {en: Punctual, fr: Ponctuel}, needs: {tier: gold_star}}
"""


def our_next(replaced: dict[str, str] | None = None) -> str:
    """A second version of our own standard, in force from the day after DAY."""
    text = read_preset("ours").replace("version: 1", "version: 2", 1)
    text = text.replace("effective_from: 2015-01-01", f"effective_from: {NEXT}")
    for old, new in (replaced or {}).items():
        assert old in text
        text = text.replace(old, new)
    return text


def publish(engine: Engine, text: str, *, standard: str, version: int, on: date, retired: date | None = None) -> None:
    retired_at = None if retired is None else datetime(retired.year, retired.month, retired.day, 12, tzinfo=UTC)
    with unit_of_work(engine) as session:
        session.add(StandardVersion(
            standard_id=standard, version=version, text=text, effective_from=on, drafted_at=LONG_AGO, drafted_by="anne",
            published_at=LONG_AGO, published_by="anne", why="as agreed",
            retired_at=retired_at))


def describe(engine: Engine, shop_id: int, traits: dict[str, str], *, on: date) -> None:
    with unit_of_work(engine) as session:
        session.add(ShopTraits(shop_id=shop_id, from_on=on, traits=traits))


def run(engine: Engine, on: date) -> None:
    with unit_of_work(engine) as session:
        assert not evaluate_marketplace(session, "fr", on=on, now=settled(on)).dry_run


def read_results(engine: Engine) -> list[tuple[date, str, int, int, str, str]]:
    """(date, standard, version, shop, rule, verdict) of all late shipments."""
    with reading(engine) as session:
        rows = session.execute(
            select(EvaluationRun.on_date, EvaluationRun.standard_id, EvaluationRun.standard_version,
                   EvaluationResult.shop_id, EvaluationResult.metric, EvaluationResult.verdict)
            .join(EvaluationRun, EvaluationRun.id == EvaluationResult.run_id)
            .where(EvaluationResult.metric.in_(("late_shipment_rate", "late_week")))
            .order_by(EvaluationRun.on_date, EvaluationResult.shop_id))
        return [tuple(row) for row in rows]


def bound_on(engine: Engine, shop_id: int, days: Sequence[date]) -> list[tuple[str, int]]:
    with reading(engine) as session:
        binding = list_bindings(session, [shop_id])[shop_id]
        return [(binding.on(day).id, binding.on(day).version) for day in days]


def test_a_new_version_judges_from_its_first_day_and_nothing_before(engine: Engine) -> None:
    build_marketplace(engine)
    publish(engine, our_next({'kept_when: "<= 4 %"': 'kept_when: "<= 40 %"'}), standard="ours", version=2, on=NEXT)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    run(engine, DAY)
    run(engine, NEXT)
    assert read_results(engine) == [
        (DAY, "ours", 1, 1, "late_shipment_rate", "breached"), (NEXT, "ours", 2, 1, "late_shipment_rate", "kept")]
    with reading(engine) as session:
        assert session.get_one(ShopStanding, 1).standard_version == 2


def test_a_draft_binds_nobody(engine: Engine) -> None:
    build_marketplace(engine)
    with unit_of_work(engine) as session:
        session.add(StandardVersion(standard_id="ours", version=2, text=our_next(), effective_from=NEXT,
                                    drafted_at=LONG_AGO, drafted_by="anne"))
    assert bound_on(engine, 1, [NEXT]) == [("ours", 1)]


def test_what_was_retired_binds_through_that_day_and_the_one_before_it_comes_back(engine: Engine) -> None:
    build_marketplace(engine)
    publish(engine, our_next(), standard="ours", version=2, on=NEXT, retired=NEXT + timedelta(days=9))
    days = [DAY, NEXT, NEXT + timedelta(days=9), NEXT + timedelta(days=10)]
    assert bound_on(engine, 1, days) == [("ours", 1), ("ours", 2), ("ours", 2), ("ours", 1)]


def test_traits_choose_the_standard_from_their_date_on(engine: Engine) -> None:
    build_marketplace(engine, shops=2)
    publish(engine, WEEKLY, standard="weekly", version=1, on=date(2026, 3, 1))
    describe(engine, 2, {"seller_tier": "gold"}, on=date(2026, 3, 10))
    describe(engine, 2, {"seller_tier": "silver"}, on=date(2026, 3, 20))
    days = [date(2026, 3, 9), date(2026, 3, 10), date(2026, 3, 19), date(2026, 3, 20)]
    assert bound_on(engine, 2, days) == [("ours", 1), ("weekly", 1), ("weekly", 1), ("ours", 1)]
    assert bound_on(engine, 1, days) == [("ours", 1)] * 4
    with reading(engine) as session:
        noon = datetime(2026, 3, 15, 12, tzinfo=UTC)
        assert [standard.id for standard in list_in_use(session, now=noon)] == ["ours", "weekly"]
        # 23:30 UTC is the next day in Paris.
        assert get_bound(session, 2, now=datetime(2026, 3, 9, 23, 30, tzinfo=UTC)).id == "weekly"


def weekly_world(engine: Engine, edit: Callable[[str], str] = str) -> None:
    """Two shops, the second gold; its weeks from Monday 2 March: 0 of 50, 5 of 50, 1 of 50, 4 of 50 late."""
    build_marketplace(engine, shops=2)
    publish(engine, edit(WEEKLY), standard="weekly", version=1, on=date(2026, 3, 1))
    describe(engine, 2, {"seller_tier": "gold"}, on=date(2026, 1, 1))
    for week, bad in enumerate((0, 5, 1, 4)):
        on = date(2026, 3, 4) + timedelta(weeks=week)
        store(engine, [*late_orders(1, on, base=50, bad=0), *late_orders(2, on, base=50, bad=bad, name="B")])


def test_a_standard_of_any_shape_judges_on_its_own_dates_beside_the_others(engine: Engine) -> None:
    weekly_world(engine)
    with reading(engine) as session:
        due = list_due_dates(session, get_marketplace(session, "fr"), now=settled(date(2026, 4, 6)))
    # Our own once its longest window is full, on 3 May; the weekly one after 30 days, on Mondays.
    assert due == [date(2026, 4, 6)]
    for monday in (date(2026, 3, 9), date(2026, 3, 16), date(2026, 3, 23), date(2026, 3, 30)):
        run(engine, monday)
    mine = [row for row in read_results(engine) if row[3] == 2]
    assert {row[4] for row in mine} == {"late_week"}
    assert [(row[0].day, row[5]) for row in mine] == [(9, "kept"), (16, "breached"), (23, "kept"), (30, "breached")]
    with reading(engine) as session:
        standing = session.get_one(ShopStanding, 2)
        found = session.execute(select(StandingChange.on_date, StandingChange.kind, StandingChange.before,
                                       StandingChange.after).where(StandingChange.shop_id == 2))
        told = [(on.day, kind, before, after) for on, kind, before, after in found]
        other = session.get_one(ShopStanding, 1)
        session.expunge_all()
    assert (standing.level, standing.badges, standing.standard_id) == ("plain_gold", [], "weekly")
    assert other.standard_id == "ours"
    assert [line for line in told if line[1].startswith(("level", "badge", "step"))] == [
        (9, "level_changed", None, "gold_star"), (9, "badge_awarded", None, "punctual"),
        (16, "level_changed", "gold_star", "plain_gold"), (16, "badge_withdrawn", "punctual", None),
        (23, "level_changed", "plain_gold", "gold_star"), (23, "badge_awarded", None, "punctual"),
        (30, "level_changed", "gold_star", "plain_gold"), (30, "badge_withdrawn", "punctual", None),
        (30, "step_reached", None, "1")]


def test_bad_units_of_any_rule_are_named_in_their_order(engine: Engine) -> None:
    weekly_world(engine)
    run(engine, date(2026, 3, 16))
    with reading(engine) as session:
        result = session.scalars(select(EvaluationResult).where(EvaluationResult.metric == "late_week")).one()
        assert result.units == [f"B-2026-03-11-{number}" for number in range(5)]
        assert (result.bad, result.base, result.value) == (5, 50, 0.1)
        assert result.window_start_ms == end_ms(date(2026, 3, 8))


def test_catching_up_at_once_or_date_by_date_gives_the_same_history(engine: Engine, empty_engine: Engine) -> None:
    histories = []
    Base.metadata.create_all(empty_engine)
    for where, at_once in ((engine, True), (empty_engine, False)):
        weekly_world(where)
        mondays = [date(2026, 4, 6) + timedelta(weeks=week) for week in range(3)]
        for now in [settled(mondays[-1])] if at_once else [settled(monday) for monday in mondays]:
            evaluate_due(where, now=now)
        with reading(where) as session:
            standing = session.get_one(ShopStanding, 2)
            histories.append((read_results(where), standing.level, standing.progress, standing.since_on))
    assert histories[0] == histories[1]
    assert [row[0].day for row in histories[0][0] if row[3] == 2] == [6, 13, 20]


def test_a_date_that_no_standard_evaluates_says_so(engine: Engine) -> None:
    build_marketplace(engine)
    publish(engine, WEEKLY.replace("scope: {seller_tier: [gold], priority: 5}", "scope: {priority: 5}"),
            standard="weekly", version=1, on=date(2026, 3, 1))
    store(engine, late_orders(1, DAY, base=10, bad=0))
    with unit_of_work(engine) as session:
        report = evaluate_marketplace(session, "fr", on=DAY, now=settled(DAY))
    assert (report.dry_run, report.reason) == (True, f"{DAY} is no evaluation date of weekly")


@pytest.mark.parametrize(("asked", "hours", "version"), [(DAY, 24, 1), (NEXT, 8, 2)])
def test_a_promise_keeps_the_terms_of_the_day_it_began(engine: Engine, asked: date, hours: int, version: int) -> None:
    build_marketplace(engine)
    publish(engine, our_next({"within_hours: 24": "within_hours: 8"}), standard="ours", version=2, on=NEXT)
    with reading(engine) as session:
        frame = build_frames(session, [1])[1]
    last_ms = end_ms(asked) - 1
    assert frame.terms_at(last_ms).answer_ms == hours * 3_600_000
    assert (frame.terms_at(last_ms).standard_id, frame.terms_at(last_ms).standard_version) == ("ours", version)
    assert frame.terms_at(end_ms(DAY)).standard_version == 2
    assert frame.terms_at(end_ms(DAY) - 1).standard_version == 1


def test_sellers_are_told_in_the_words_of_their_standard(engine: Engine) -> None:
    weekly_world(engine)
    for monday in (date(2026, 3, 9), date(2026, 3, 16)):
        run(engine, monday)
    with reading(engine) as session:
        mails = {mail.recipient: mail.body for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id))}
    english, french = mails["bob@example.org"], mails["anne@example.org"]
    for part in ("Gold star", "Late week", "5 of 50"):
        assert part in english, part
    for part in ("Étoile d’or", "5 sur 50"):
        assert part in french, part


def say(engine: Engine, *traits: str, from_on: date | None, now: datetime) -> dict[str, str]:
    with unit_of_work(engine) as session:
        return dict(describe_shop(session, shop="fr/s2", traits=read_traits(traits), from_on=from_on, actor="anne",
                                  now=now, why="They told us late.").traits)


def test_an_operator_says_what_a_shop_is_from_a_day_that_was_not_judged(engine: Engine) -> None:
    weekly_world(engine)
    monday = date(2026, 3, 9)
    run(engine, monday)
    told = say(engine, "seller_tier=gold", "category=toys", from_on=monday + timedelta(days=1), now=settled(monday))
    assert told == {"seller_tier": "gold", "category": "toys"}
    with pytest.raises(MarketplaceError, match="2026-03-09 was judged; the first day that can change is 2026-03-10"):
        say(engine, from_on=monday, now=settled(monday))
    say(engine, from_on=None, now=settled(monday))  # from the day after today: nothing said of it any more
    assert bound_on(engine, 2, [monday, monday + timedelta(days=1), monday + timedelta(days=2)]) == [
        ("weekly", 1), ("weekly", 1), ("ours", 1)]


@pytest.mark.parametrize("pair", ["gold", "seller_tier=", "marketplace=fr", "colour=red"])
def test_traits_are_names_that_standards_may_ask_for(pair: str) -> None:
    with pytest.raises(MarketplaceError, match="write NAME=VALUE"):
        read_traits([pair])


def test_a_version_for_a_legal_ground_binds_from_the_moment_it_is_published(engine: Engine) -> None:
    build_marketplace(engine)
    text = our_next({"within_hours: 24": "within_hours: 8"}).replace(str(NEXT), "2026-01-01")
    publish(engine, text, standard="ours", version=2, on=date(2026, 1, 1))  # published at midnight UTC, one in Paris
    with reading(engine) as session:
        frame = build_frames(session, [1])[1]
    published_ms = int(LONG_AGO.timestamp() * 1000)
    assert [frame.terms_at(published_ms + shift).answer_ms // 3_600_000 for shift in (-1, 0)] == [24, 8]


def test_a_promise_runs_on_the_clock_its_standard_names(engine: Engine) -> None:
    build_marketplace(engine)
    own = "- {id: opening_hours, zone: shop, holidays: seller, stops_for: [shop_closed, out_of_office], source: OWN}"
    office = '- {id: opening_hours, weekdays: [mon, tue, wed, thu, fri], hours: [["09:00", "17:00"]], source: OWN}'
    publish(engine, our_next({own: office}), standard="ours", version=2, on=NEXT)
    with reading(engine) as session:
        frame = build_frames(session, [1])[1]
    asked_ms = int(datetime(2026, 4, 3, 14, tzinfo=UTC).timestamp()) * 1000  # Friday, 16:00 in Paris
    due_ms = int(datetime(2026, 4, 8, 14, tzinfo=UTC).timestamp()) * 1000  # 1 h, 8 h, 8 h, 7 h: Wednesday, 16:00
    assert frame.answer_clock(asked_ms, asked_ms).add(asked_ms, frame.terms_at(asked_ms).answer_ms) == due_ms
    before_ms = end_ms(DAY) - HOUR_MS  # under the first version the shop, which set no hours, is always open
    assert frame.answer_clock(before_ms, before_ms).add(before_ms, 24 * HOUR_MS) == before_ms + 24 * HOUR_MS
    assert frame.resolve_clock(asked_ms, asked_ms).zone == ZONE


@pytest.mark.parametrize(("reason", "english", "french"), [
    ({"code": "kept", "metric": "late_shipment_rate", "bad": 1, "base": 40, "value": 0.025},
     "Late shipments: 2.50% (1 of 40), kept. Asked: at most 4%.",
     "Expéditions en retard : 2,50\u202f% (1 sur 40), tenu. Demandé : au plus 4"),
    ({"code": "too_few_orders", "base": 12, "needed": 50}, "Orders: 12, at least 50 asked.",
     "Commandes : 12, au moins 50 demandées."),
    ({"code": "condition_unmet", "key": "age_days", "asks": ">= 90", "found": "31"},
     "The age of the shop in days: 31; asked: >= 90.",
     "L’âge de la boutique en jours : 31 ; demandé : >= 90."),
    ({"code": "condition_met", "key": "late_shipment_rate.in_a_row", "asks": "< 3", "found": "1"},
     "The breaches in a row (Late shipments): 1; asked: < 3.",
     "Le nombre de manquements de suite (Expéditions en retard) : 1 ; demandé : < 3."),
    ({"code": "level_left"}, "It goes with the level left.", "Il part avec le niveau quitté."),
    ({"code": "never_heard_of"}, "never_heard_of", "never_heard_of"),
])
def test_reasons_are_sentences_in_both_languages(reason: dict[str, object], english: str, french: str) -> None:
    ours = load_preset("ours")
    assert say_reason(reason, ours, "en") == english
    assert say_reason(reason, ours, "fr").startswith(french)


def test_an_answer_due_on_a_day_is_drawn_and_owed_as_it_is_judged(engine: Engine) -> None:
    """Asked on Friday about an order to Belgium, whose holiday is the Monday: due on Tuesday at noon."""
    build_marketplace(engine)
    clock = ('  - {id: by_noon, weekdays: [mon, tue, wed, thu, fri], due_in_days: 1, due_at: "12:00", '
             "holidays: destination}\n")
    text = our_next({"clocks:\n": f"holidays: {{BE: [2026-05-25]}}\nclocks:\n{clock}",
                     "    clock: opening_hours\n    within_hours: 24": "    clock: by_noon"})
    publish(engine, text, standard="ours", version=2, on=NEXT)
    told = [{"specversion": "1.0", "type": f"qos.{name}", "source": "/t", "id": name, "subject": subject, "time": at,
             "marketplace": "fr", "shop": "s1", "data": data}
            for name, subject, at, data in (
                ("order.placed", "O", "2026-05-20T10:00:00Z", {"country": "BE", "ship_by": "2026-05-30"}),
                ("message.sent", "V", "2026-05-22T10:00:00Z", {"author": "buyer", "order": "O"}))]
    now = datetime(2026, 5, 26, 12, tzinfo=UTC)
    with unit_of_work(engine) as session:
        assert {one.status for one in ingest_events(session, told, now=now, origin="test")} == {"accepted"}
    due_ms = to_ms(datetime(2026, 5, 26, 10, tzinfo=UTC))
    with reading(engine) as session:
        owed = session.scalars(select(Obligation).where(Obligation.kind == "answer")).one()
        judged = session.scalars(select(OutcomeRow).where(
            OutcomeRow.group_code == GROUP_CODES["turn"], OutcomeRow.bad != 0)).one()
        drawn = find_clock(session, owed.shop_id, kind="answer", ref=owed.ref, now_ms=to_ms(now))
        assert (owed.due_ms, judged.from_ms) == (due_ms, due_ms)
    assert drawn is not None
    assert (drawn.due_ms, drawn.trace.used_up_at) == (due_ms, datetime(2026, 5, 26, 10, tzinfo=UTC))
    assert drawn.trace.to_json()["seconds"]["holiday"] == 86_400
