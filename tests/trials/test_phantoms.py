"""Standards and rules on trial: judged beside official results, like on history, in any stretches, told to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import queries as runs
from operator_qos.evaluation.bench import open_bench
from operator_qos.evaluation.service import evaluate_marketplace
from operator_qos.models import AuditRow, Notice, OutboxMail, PhantomChange, StandingChange
from operator_qos.standards import service as standards
from operator_qos.standards.backtest import DayTable, list_days
from operator_qos.standards.queries import UnknownVersionError
from operator_qos.standing.queries import list_standings
from operator_qos.trials import queries, service
from operator_qos.trials.phantoms import record_phantoms
from scoring.standards import parse_standard
from tests.evaluation.world import CREATED, ZONE, build_marketplace, end_ms, settled, store
from tests.standards_app.test_backtest import DATES, OURS, STRICTER, make_rows

LATER = date(2027, 1, 1)
TRIED = STRICTER.replace("effective_from: 2015-01-01", f"effective_from: {LATER}")
WEEKLY = OURS.replace("id: ours", "id: weekly").replace("2015-01-01", str(LATER)).replace(
    "{every: day}", "{every: week, weekday: mon}").replace("settle_hours: 6", "settle_hours: 6\nscope: {priority: 1}")


def publish(engine: Engine, text: str) -> tuple[str, int]:
    standard = parse_standard(text)
    with unit_of_work(engine) as session:
        standards.save_draft(session, text=text, actor="t", now=CREATED)
        standards.publish(session, standard_id=standard.id, version=standard.version, why="x", actor="t", now=CREATED,
                          legal_ground=None)
    return standard.id, standard.version


def begin(engine: Engine, text: str = TRIED, first: date = DATES[0], last: date | None = None) -> int:
    name = publish(engine, text)
    with unit_of_work(engine) as session:
        return service.start_trial(session, service.Terms("fr", *name, first, last), actor="olga", now=CREATED).id


def judge(engine: Engine, dates: Sequence[date], *, now_on: date | None = None) -> int:
    now = settled(now_on or max(dates, default=DATES[0]))
    with unit_of_work(engine) as session:
        return record_phantoms(session, open_bench(session, runs.get_marketplace(session, "fr")), dates, now=now)


def read_phantoms(engine: Engine, trial_id: int) -> tuple[dict[str, str | None], list[Any], date | None]:
    with reading(engine) as session:
        trial = queries.get_trial(session, trial_id)
        changes = queries.list_phantom_changes(session, trial_id, limit=10_000)
        return ({row.code: row.phantom for row in queries.list_phantoms(session, trial)},
                sorted((c.on_date, c.code, c.kind, str(c.metric), c.before, c.after, str(c.reasons)) for c in changes),
                trial.judged_on)


def test_a_standard_on_trial_decides_what_it_decides_on_history_date_by_date(engine: Engine) -> None:
    build_marketplace(engine, shops=4)
    rows = list(make_rows(4))
    store(engine, rows)
    trial_id = begin(engine)
    ids, standard = [1, 2, 3, 4], parse_standard(TRIED)
    with reading(engine) as session:
        frame = runs.load_outcomes(session, ids, standard=standard, first_ms=end_ms(DATES[0]),
                                   last_ms=end_ms(DATES[-1]))
    tried = DayTable(frame, ids, standard).try_standard(list_days(DATES[0], DATES[-1], ZONE), np.zeros(4, np.int64))
    seen = set()
    for place, on in enumerate(DATES[:20]):
        judge(engine, [on])
        if place % 5 == 0:
            levels, _, judged_on = read_phantoms(engine, trial_id)
            assert judged_on == on
            assert levels == {f"s{n}": tried.levels[code] for n, code in zip(ids, tried.level[place], strict=True)}
            seen |= set(levels.values())
    assert len(seen) >= 2
    _, day_by_day, _ = read_phantoms(engine, trial_id)
    assert {kind for _, _, kind, *_ in day_by_day} >= {"level_changed", "warning_given"}
    assert all(len(reasons) > 2 for *_, reasons in day_by_day)


def test_stretches_give_what_single_dates_give_and_nothing_is_judged_twice(engine: Engine) -> None:
    build_marketplace(engine, shops=4)
    store(engine, make_rows(4))
    first = begin(engine)
    assert judge(engine, DATES[:30]) > 0
    at_once = read_phantoms(engine, first)
    with unit_of_work(engine) as session:
        service.end_trial(session, trial_id=first, actor="olga", now=CREATED)
        second = service.start_trial(session, service.Terms("fr", "ours", 2, DATES[0]), actor="olga", now=CREATED).id
    for stretch in (DATES[:7], DATES[7:8], DATES[12:30]):  # the dates between are caught up with
        judge(engine, stretch)
    assert read_phantoms(engine, second) == at_once
    assert judge(engine, DATES[:30]) == 0 and judge(engine, []) == 0
    assert read_phantoms(engine, first) == at_once  # an ended trial is judged no longer


def test_official_runs_judge_what_is_on_trial_and_decide_what_they_decide_without_it(engine: Engine) -> None:
    build_marketplace(engine, shops=3)
    store(engine, make_rows(3))
    with unit_of_work(engine) as session:
        without = evaluate_marketplace(session, "fr", on=DATES[0], now=settled(DATES[0]))
    trial = begin(engine, first=DATES[1])
    with unit_of_work(engine) as session:
        report = evaluate_marketplace(session, "fr", on=DATES[1], now=settled(DATES[1]))
    assert not report.dry_run and report.verdict_counts.keys() == without.verdict_counts.keys()
    levels, _, judged_on = read_phantoms(engine, trial)
    assert judged_on == DATES[1] and set(levels) == {"s1", "s2", "s3"}
    with reading(engine) as session:
        assert {row.standard_version for row in list_standings(session).values()} == {1}


def count_told(engine: Engine) -> list[int | None]:
    """Notices, mails and changes of standings."""
    with reading(engine) as session:
        return [session.scalar(select(func.count()).select_from(model)) for model in (
            Notice, OutboxMail, StandingChange)]


def test_nobody_is_told_and_no_official_result_looks_at_it(engine: Engine) -> None:
    build_marketplace(engine, shops=4)
    store(engine, make_rows(4))
    begin(engine)
    before = count_told(engine)  # the announcement itself
    assert judge(engine, DATES[:30]) > 0
    assert count_told(engine) == before and before[2] == 0
    with reading(engine) as session:
        assert list_standings(session) == {}
        assert [row.action for row in session.query(AuditRow)][-1] == "standard.trial"


def test_a_trial_keeps_to_its_days_its_schedule_and_its_scope(engine: Engine) -> None:
    build_marketplace(engine, shops=2)
    store(engine, make_rows(2))
    elsewhere = WEEKLY.replace("priority: 1", "priority: 2, country: XX").replace("id: weekly", "id: elsewhere")
    weekly = begin(engine, WEEKLY, DATES[3], DATES[20])
    nowhere = begin(engine, elsewhere, DATES[0])
    judge(engine, DATES[:30], now_on=DATES[-1])
    mondays = [on for on in DATES[3:21] if on.weekday() == 0]
    levels, changes, judged_on = read_phantoms(engine, weekly)
    assert judged_on == mondays[-1] and {row[0] for row in changes} <= set(mondays)
    assert (set(levels), read_phantoms(engine, nowhere)[0]) == ({"s1", "s2"}, {})


def test_an_unsettled_date_waits(engine: Engine) -> None:
    build_marketplace(engine, shops=1)
    store(engine, make_rows(1))
    trial = begin(engine)
    with unit_of_work(engine) as session:
        record_phantoms(session, open_bench(session, runs.get_marketplace(session, "fr")), DATES[:3],
                        now=settled(DATES[1]))
    assert read_phantoms(engine, trial)[2] == DATES[1]


def test_rules_on_trial_are_told_apart_from_what_binds(engine: Engine) -> None:
    build_marketplace(engine, shops=4)
    store(engine, make_rows(4))
    until = DATES[40]
    text = OURS.replace("version: 1", "version: 2").replace("effective_from: 2015-01-01", "effective_from: 2026-02-01")
    publish(engine, text.replace('kept_when: "<= 4 %"', f'kept_when: "<= 4 %", trial_until: {until}'))
    for on in (*DATES[:12], until - timedelta(days=1), until):
        judge(engine, [on])
    with reading(engine) as session:
        rows = queries.list_rule_changes(session, limit=1000)
    assert rows and {(row.kind, row.metric, row.trial_id) for row in rows} == {
        ("verdict_changed", "late_shipment_rate", None)}
    assert max(row.on_date for row in rows) < until
    for code in {row.code for row in rows}:
        story = sorted((row for row in rows if row.code == code), key=lambda row: row.on_date)
        assert story[0].before is None
        assert [row.before for row in story[1:]] == [row.after for row in story[:-1]]
    judged = {row.after for row in rows}
    assert judged >= {"kept"} and all(row.reasons[0]["base"] >= 0 for row in rows)
    with reading(engine) as session:
        on_dates = queries.list_changes_on(session, "fr", [rows[-1].on_date])
        assert on_dates and {row.on_date for row in on_dates} == {rows[-1].on_date}
        assert queries.list_changes_on(session, "fr", []) == []


@pytest.mark.parametrize(("terms", "said"), [
    (("fr", "ours", 3, DATES[0]), "is a draft; publish it first"),
    (("fr", "ours", 2, DATES[0]), "ours version 2 is on trial in fr already; end that first"),
    (("fr", "weekly", 1, DATES[0]), "is retired; put a version on trial that is not"),
    (("fr", "ours", 1, DATES[5], DATES[0]), "lies before the first"),
])
def test_what_cannot_be_put_on_trial_is_refused_with_the_reason(engine: Engine, terms: Any, said: str) -> None:
    build_marketplace(engine)
    begin(engine)
    publish(engine, WEEKLY)
    with unit_of_work(engine) as session:
        standards.retire(session, standard_id="weekly", version=1, why="x", actor="t", now=CREATED)
        standards.save_draft(session, text=TRIED.replace("version: 2", "version: 3"), actor="t", now=CREATED)
    with reading(engine) as session, pytest.raises(service.TrialStateError, match=said):
        service.start_trial(session, service.Terms(*terms), actor="olga", now=CREATED)


def test_unknown_versions_and_trials_and_an_end_that_was_are_refused(engine: Engine) -> None:
    build_marketplace(engine)
    trial = begin(engine)
    with unit_of_work(engine) as session:
        assert service.end_trial(session, trial_id=trial, actor="olga", now=CREATED).ended_by == "olga"
    with reading(engine) as session:
        with pytest.raises(service.TrialStateError, match="ended already"):
            service.end_trial(session, trial_id=trial, actor="olga", now=CREATED)
        with pytest.raises(queries.UnknownTrialError):
            queries.get_trial(session, 99)
        with pytest.raises(UnknownVersionError):
            service.start_trial(session, service.Terms("fr", "ours", 9, DATES[0]), actor="o", now=CREATED)
        assert session.scalar(select(func.count()).select_from(PhantomChange)) == 0
