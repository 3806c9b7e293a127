"""Official runs: once per date, in order, after settling; what they write and whom they tell."""

from __future__ import annotations

import threading
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import service
from operator_qos.evaluation.announcements import net_changes
from operator_qos.evaluation.queries import UnknownMarketplaceError
from operator_qos.evaluation.service import EvaluationReport, evaluate_due, evaluate_marketplace
from operator_qos.models import (
    Act,
    Base,
    EvaluationResult,
    EvaluationRun,
    Notice,
    OutboxMail,
    ShopStanding,
    StandingChange,
)
from operator_qos.standing.queries import find_standing, list_changes
from operator_qos.standing.service import Change
from tests.acts.world import send_feed
from tests.evaluation.world import build_marketplace, end_ms, late_orders, outcome, settled, store

DAY = date(2026, 3, 31)  # the clocks went forward on the 29th


def judge(engine: Engine, on: date, now: datetime | None = None) -> EvaluationReport:
    with unit_of_work(engine) as session:
        return evaluate_marketplace(session, "fr", on=on, now=now or settled(on))


def snapshot(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every table."""
    with reading(engine) as session:
        return {name: session.execute(select(table)).all() for name, table in Base.metadata.tables.items()}


def count(engine: Engine, model: type[Base]) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_an_official_run_freezes_numbers_units_and_standing(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    report = judge(engine, DAY)
    assert (report.dry_run, report.shops, report.verdict_counts["breached"]) == (False, 1, 1)
    with reading(engine) as session:
        run = session.scalars(select(EvaluationRun)).one()
        result = session.get(EvaluationResult, (run.id, 1, "late_shipment_rate"))
        standing = session.get(ShopStanding, 1)
        session.expunge_all()
    assert (run.on_date, run.as_of_ms, run.known_at_ms, run.shops) == (DAY, end_ms(DAY), end_ms(DAY), 1)
    assert result is not None and standing is not None
    assert (result.bad, result.base, result.buyers, result.value, result.verdict) == (
        12,
        100,
        12,
        0.12,
        "breached",
    )
    assert sorted(result.units) == sorted(f"A-{DAY}-{number}" for number in range(12))
    assert (standing.level, standing.warning, standing.since_on, standing.decided_on) == (
        "in_standard",
        1,
        DAY,
        DAY,
    )


def test_a_change_names_rule_window_limit_numbers_verdict_units_and_version(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    judge(engine, DAY)
    with reading(engine) as session:
        (change,) = list_changes(session, shop_ids=[1])
    (reason,) = change.reasons
    assert (change.kind, change.metric, change.before, change.after) == (
        "warning_given",
        "late_shipment_rate",
        "0",
        "1",
    )
    assert (change.standard_id, change.standard_version, change.automated) == ("ours", 1, True)
    wanted = {
        "code": "breached",
        "metric": "late_shipment_rate",
        "window_days": 30,
        "limit": "0.04",
        "bad": 12,
        "base": 100,
        "verdict": "breached",
        "value": 0.12,
        "since": "2026-03-31",
    }
    assert {key: reason[key] for key in wanted} == wanted
    assert len(reason["units"]) == 12


def test_a_second_call_is_a_dry_run_and_changes_no_row(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    judge(engine, DAY)
    before = snapshot(engine)
    store(engine, late_orders(1, DAY, base=50, bad=50, name="late-arrivals"))
    added = snapshot(engine)
    report = judge(engine, DAY)
    assert (report.dry_run, report.changes) == (True, ())
    assert "judged already" in report.reason
    assert snapshot(engine) == added
    assert added["evaluation_results"] == before["evaluation_results"]


def test_a_date_is_official_from_six_hours_after_its_end(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    early = judge(engine, DAY, settled(DAY, hours=6) - timedelta(seconds=1))
    assert early.dry_run and "not settled before 2026-04-01T04:00+00:00" in early.reason
    assert [change.kind for change in early.changes] == ["warning_given"]
    assert count(engine, EvaluationRun) == count(engine, StandingChange) == count(engine, Notice) == 0
    assert not judge(engine, DAY, settled(DAY, hours=6)).dry_run


def test_a_day_that_is_not_over_is_judged_until_now_as_a_dry_run(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    before_noon = judge(engine, DAY, settled(DAY, hours=-13))
    after_noon = judge(engine, DAY, settled(DAY, hours=-11))
    assert (before_noon.dry_run, before_noon.verdict_counts["breached"]) == (True, 0)
    assert (after_noon.dry_run, after_noon.verdict_counts["breached"]) == (True, 1)


def test_dates_are_judged_in_order(engine: Engine) -> None:
    build_marketplace(engine)
    judge(engine, DAY)
    before = snapshot(engine)
    report = judge(engine, DAY - timedelta(days=1), settled(DAY))
    assert report.dry_run and f"{DAY} was judged already" in report.reason
    assert snapshot(engine) == before


def test_an_unknown_marketplace_is_named_with_those_there_are(engine: Engine) -> None:
    build_marketplace(engine)
    with (
        unit_of_work(engine) as session,
        pytest.raises(UnknownMarketplaceError, match=r"'xx'; there are: fr"),
    ):
        evaluate_marketplace(session, "xx", on=DAY, now=settled(DAY))


def test_an_outcome_that_ends_before_t_does_not_count_on_that_date_but_on_earlier_ones(
    engine: Engine,
) -> None:
    build_marketplace(engine)
    rows = [
        outcome(1, "ship", f"A{number}", end_ms(DAY) - 40 * 3_600_000, bad=1, until_ms=end_ms(DAY))
        for number in range(30)
    ]
    store(engine, rows)
    first, second = judge(engine, DAY), judge(engine, DAY + timedelta(days=1))
    assert (first.verdict_counts["breached"], second.verdict_counts["breached"]) == (1, 0)


def test_a_breach_after_thirty_days_brings_the_second_warning_and_after_fourteen_the_level_falls(
    engine: Engine,
) -> None:
    build_marketplace(engine)
    store(
        engine,
        [
            row
            for step in range(0, 121)
            for row in late_orders(1, DAY + timedelta(days=step - 90), base=5, bad=1)
        ],
    )
    changes = []
    for step in range(31):
        changes += [
            (step, change.kind, change.before, change.after)
            for change in judge(engine, DAY + timedelta(days=step)).changes
        ]
    assert changes == [
        (0, "warning_given", "0", "1"),
        (14, "level_changed", "in_standard", "below"),
        (30, "warning_given", "1", "2"),
    ]


def test_missed_dates_are_judged_one_by_one_from_the_first_whole_window(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, date(2026, 1, 1), base=30, bad=0))
    # The longest window has 90 days; the 100th day after the first order ended seven hours ago.
    reports = evaluate_due(engine, now=settled(date(2026, 4, 11)))
    assert [report.on for report in reports] == [date(2026, 4, 1) + timedelta(days=day) for day in range(11)]
    assert [report.as_of_ms for report in reports] == [end_ms(report.on) for report in reports]
    assert not any(report.dry_run for report in reports)
    assert evaluate_due(engine, now=settled(date(2026, 4, 11))) == []
    assert [r.on for r in evaluate_due(engine, now=settled(date(2026, 4, 12), hours=6))] == [
        date(2026, 4, 12)
    ]


def test_without_orders_nothing_is_due(engine: Engine) -> None:
    build_marketplace(engine)
    assert evaluate_due(engine, now=settled(DAY)) == []


def test_judging_many_dates_at_once_equals_judging_them_one_by_one(
    engine: Engine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK_DATES", 7)
    first = DAY - timedelta(days=90)
    rows = [
        (shop, first + timedelta(days=step), 3, int(step % (3 + 2 * shop) == 0))
        for shop in (1, 2, 3)
        for step in range(0, 130)
    ]
    build_marketplace(engine, shops=3)
    store(engine, [row for shop, on, base, bad in rows for row in late_orders(shop, on, base=base, bad=bad)])
    one_by_one: list[Any] = []
    with unit_of_work(engine) as session:  # rolled back below by the second pass's own database state
        one_by_one = [
            evaluate_marketplace(session, "fr", on=DAY + timedelta(days=step), now=settled(DAY, hours=9999))
            for step in range(20)
        ]
        session.rollback()
    reports = evaluate_due(engine, now=settled(DAY + timedelta(days=19)))
    assert reports == one_by_one
    assert sum(len(report.changes) for report in reports) > 0


def test_progress_ends_at_the_total(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHUNK_DATES", 4)
    build_marketplace(engine)
    store(engine, late_orders(1, date(2026, 1, 1), base=3, bad=0))
    seen: list[tuple[int, int]] = []
    evaluate_due(
        engine, now=settled(date(2026, 4, 10)), on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(4, 10), (8, 10), (10, 10)]


def test_imported_history_is_no_news_only_what_stands_at_its_end_is_stated(engine: Engine) -> None:
    build_marketplace(engine)
    first = date(2026, 1, 1)
    store(
        engine,
        [row for step in range(100) for row in late_orders(1, first + timedelta(days=step), base=5, bad=1)],
    )
    reports = evaluate_due(engine, now=settled(date(2026, 4, 10)))
    assert [change.kind for change in reports[0].changes] == ["warning_given"]
    with reading(engine) as session:
        assert session.scalars(select(Notice.topic)).all() == ["statement"]
        assert session.scalars(select(Act.state).where(Act.is_adverse)).all() == ["in_force"] * 1


def test_a_first_import_that_breaks_off_is_still_history_when_it_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK_DATES", 4)
    build_marketplace(engine)
    days = [date(2026, 1, 1) + timedelta(days=step) for step in range(100)]
    store(engine, [row for day in days for row in late_orders(1, day, base=5, bad=1)])
    send_feed(engine, until=date(2026, 4, 9))  # silent since: a decision of today would be held

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt(f"{done} of {total}")

    with pytest.raises(KeyboardInterrupt, match="4 of 10"):
        evaluate_due(engine, now=settled(days[-1]), on_progress=stop)
    evaluate_due(engine, now=settled(date(2026, 4, 10)))
    with reading(engine) as session:
        assert session.execute(select(Act.state, Act.holds)).all() == [("in_force", [])]
        assert session.scalars(select(Notice.topic)).all() == ["statement"]


def test_a_date_missed_while_we_were_away_is_told_with_the_last_one(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY - timedelta(days=200), base=30, bad=0))
    judge(engine, DAY - timedelta(days=3))
    store(engine, late_orders(1, DAY - timedelta(days=2), base=100, bad=12))
    evaluate_due(engine, now=settled(DAY))
    with reading(engine) as session:
        (told,) = session.execute(select(Notice.topic, Notice.seller_id, Notice.shop_id)).all()
        (act,) = session.execute(select(Act.subject, Act.on_date, Act.state)).all()
    assert tuple(told) == ("statement", 1, 1)
    assert tuple(act) == ("warning:late_shipment_rate", DAY - timedelta(days=2), "in_force")


def test_each_reader_gets_one_mail_in_their_language_with_numbers_rule_and_contest(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    judge(engine, DAY)
    with reading(engine) as session:
        mails = {mail.recipient: (mail.subject, mail.body) for mail in session.scalars(select(OutboxMail))}
    assert set(mails) == {"anne@example.org", "bob@example.org"}
    french, english = mails["anne@example.org"], mails["bob@example.org"]
    assert english[0] == "Shop 1: Warning 1: Late shipments"
    assert french[0] == "Shop 1 : Avertissement 1 : Expéditions en retard"
    for part in ("12 of 100 (late shipments). Your result: 12.0%.", "Asked: at most 4%.", f"A-{DAY}-11",
                 "30 days have passed", "You may appeal", "“Our own standard”, version 1",
                 "{base_url}/seller/shops/fr/s1/rules/late_shipment_rate"):
        assert part in english[1], part
    for part in ("12 sur 100 (expéditions en retard)", "au plus 4",
                 "Vous pouvez faire appel", "Notre standard", "31 mars 2026"):
        assert part in french[1].replace("\u00a0", " ").replace("\u202f", " "), part


def test_what_takes_nothing_away_is_told_as_a_change_of_the_standing(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY - timedelta(days=91), base=1, bad=0))
    judge(engine, DAY - timedelta(days=1))
    store(engine, late_orders(1, DAY, base=100, bad=0))
    judge(engine, DAY)
    with reading(engine) as session:
        (notice,) = session.execute(select(Notice.key, Notice.topic, Notice.data)).all()
        mails = {mail.recipient: mail.body for mail in session.scalars(select(OutboxMail))}
    assert (notice.key, notice.topic) == (f"standing:1:{DAY}", "standing_changed")
    assert [change["kind"] for change in notice.data["changes"]] == ["level_changed", "badge_awarded"]
    assert "Top seller" in mails["bob@example.org"]
    assert "Top vendeur" in mails["anne@example.org"]


def test_two_runs_at_once_make_one_official_result(engine: Engine) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    start = threading.Barrier(2)
    reports: list[EvaluationReport] = []

    def run() -> None:
        start.wait()
        reports.append(judge(engine, DAY))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.dry_run for report in reports) == [False, True]
    assert count(engine, EvaluationRun) == count(engine, StandingChange) == count(engine, Notice) == 1


def test_a_failing_date_leaves_nothing_behind(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    build_marketplace(engine)
    store(engine, late_orders(1, DAY, base=100, bad=12))
    before = snapshot(engine)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(service, "store_standings", fail)
    with pytest.raises(RuntimeError):
        judge(engine, DAY)
    assert snapshot(engine) == before


def test_a_shop_not_open_yet_and_without_orders_is_not_judged(engine: Engine) -> None:
    build_marketplace(engine, shops=2)
    store(engine, late_orders(1, date(2024, 12, 1), base=3, bad=0))
    report = judge(engine, date(2024, 12, 2))
    with reading(engine) as session:
        assert (report.shops, find_standing(session, 2)) == (1, None)


def _change(
    kind: str, before: str | None, after: str | None, metric: str | None = None, shop: int = 1
) -> Change:
    return Change(shop, DAY, kind, metric, before, after, ())


def test_what_came_and_went_again_is_left_out_of_the_notice() -> None:
    changes = [
        _change("badge_awarded", None, "fast_replies"),
        _change("level_changed", "in_standard", "top"),
        _change("badge_awarded", None, "fast_replies", shop=2),
        _change("badge_withdrawn", "fast_replies", None),
        _change("level_changed", "top", "in_standard"),
        _change("level_changed", "in_standard", "below"),
    ]
    assert [(c.shop_id, c.kind, c.before, c.after) for c in net_changes(changes)] == [
        (2, "badge_awarded", None, "fast_replies"),
        (1, "level_changed", "in_standard", "below"),
    ]
