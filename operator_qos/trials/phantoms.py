"""What is on trial, judged beside the official results: standards put on trial, and rules that are until their day.

Nothing is sent to anybody, and no official result looks at what is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.evaluation import queries as runs
from operator_qos.evaluation.bench import Bench
from operator_qos.evaluation.course import Course, CourseDay, CourseShop
from operator_qos.evaluation.general import CourseJudge, complete_rows, name_result
from operator_qos.standing.service import Change
from operator_qos.trials import queries
from operator_qos.trials.models import PhantomChange, PhantomStanding, StandardTrial
from scoring.ladder import Reason, ReasonCode, to_plain
from scoring.scopes import fits
from scoring.standards import Rule, Standard
from scoring.verdicts import VERDICTS, Verdict

MOST_DATES = 120
_CODES = {Verdict.KEPT: ReasonCode.KEPT, Verdict.WATCH: ReasonCode.NOT_KEPT, Verdict.BREACHED: ReasonCode.BREACHED}


def record_phantoms(session: Session, bench: Bench, dates: Sequence[date], *, now: datetime) -> int:
    """Judge by what is on trial through the dates that official runs judged; how many changes it would have made.

    A trial goes on from its own last date, so that none is left out and none judged twice. Does not commit.
    """
    if not dates:
        return 0
    trials = [trial for trial in queries.list_trials(session, bench.marketplace.id) if trial.ended_at is None]
    ruled = [standard for standard in bench.list_standards(dates[-1]) if list_rules_on_trial(standard, dates[0])]
    found = sum(_judge_trial(session, bench, trial, dates[-1], now) for trial in trials)
    return found + (_judge_rules(session, bench, dates, now) if ruled else 0)


def list_rules_on_trial(standard: Standard, on: date) -> list[Rule]:
    """The rules that decide nothing yet on a date."""
    return [rule for rule in standard.rules if rule.is_active and rule.trial_until and on < rule.trial_until]


def _judge_trial(session: Session, bench: Bench, trial: queries.TrialRow, last: date, now: datetime) -> int:
    dates = list(_list_dates(bench, trial, last, now))[:MOST_DATES]
    if not dates:
        return 0
    judge = _seat(session, bench, trial, dates)
    changes = [change for day in judge.judge(dates) for change in day.changes]
    kept = [dict(vars(standing)) for standing in judge.list_decided()]
    for part in chunks([row["shop_id"] for row in kept]):
        session.execute(delete(PhantomStanding).where(
            PhantomStanding.trial_id == trial.id, PhantomStanding.shop_id.in_(part)))
    columns = {column.key for column in PhantomStanding.__table__.columns}
    if kept:
        session.execute(insert(PhantomStanding), [
            {"trial_id": trial.id, **{name: value for name, value in row.items() if name in columns}} for row in kept])
    _append(session, trial.id, trial.standard, changes, now)
    session.get_one(StandardTrial, trial.id).judged_on = dates[-1]
    session.flush()
    return len(changes)


def _list_dates(bench: Bench, trial: queries.TrialRow, last: date, now: datetime) -> Iterator[date]:
    """The official dates of the trial's standard that are settled and not judged yet."""
    first = trial.from_on if trial.judged_on is None else max(trial.from_on, trial.judged_on + timedelta(days=1))
    end = last if trial.until_on is None else min(last, trial.until_on)
    for number in range((end - first).days + 1):
        on = first + timedelta(days=number)
        if trial.standard.is_official(on) and bench.settled_at(trial.standard, on) <= now:
            yield on


def _seat(session: Session, bench: Bench, trial: queries.TrialRow, dates: Sequence[date]) -> CourseJudge:
    """A judge over the shops that the standard's scope holds, going on where the trial stands."""
    place, standard = bench.place(trial.standard), trial.standard
    texts = {shop.id: bench.bindings[shop.id].attributes_on(dates[0]) for shop in bench.shops}
    shops = [shop for shop in bench.shops if fits(standard.scope, texts[shop.id])]
    rows = runs.load_wide_outcomes(session, [shop.id for shop in shops], standard=standard, first_on=dates[0],
                                   until_ms=place.end_ms(dates[-1]))
    return CourseJudge(place, standard, shops, rows, queries.list_kept(session, trial), texts)


def _judge_rules(session: Session, bench: Bench, dates: Sequence[date], now: datetime) -> int:
    """The verdicts of rules on trial, kept where they change."""
    found = 0
    for stretch in bench.list_stretches(dates):
        for standard in {bound.id: bound for bound in stretch.bound.values()}.values():
            mine = [shop for shop in bench.shops if stretch.bound[shop.id].id == standard.id]
            official = [on for on in stretch.dates if standard.is_official(on) and list_rules_on_trial(standard, on)]
            if official:
                shops = _Phantoms(session, bench, standard, mine)
                found += shops.judge(official, now)
    return found


@dataclass(frozen=True)
class _Phantoms:
    """The shops a standard binds, and its rules on trial."""

    session: Session
    bench: Bench
    standard: Standard
    shops: Sequence[runs.ShopRow]

    def judge(self, dates: Sequence[date], now: datetime) -> int:
        """Keep every verdict that differs from the last one kept."""
        ids = [shop.id for shop in self.shops]
        last: dict[tuple[int, str], str] = {}
        for part in chunks(ids):
            last |= queries.find_last_verdicts(self.session, part, self.standard.id)
        changes = []
        for day in self._walk(ids, dates):
            for change in _list_verdicts(day, last):
                last[change.shop_id, str(change.metric)] = str(change.after)
                changes.append(change)
        _append(self.session, None, self.standard, changes, now)
        return len(changes)

    def _walk(self, ids: Sequence[int], dates: Sequence[date]) -> Iterator[CourseDay]:
        """The dates without anybody's past: verdicts look at the date alone."""
        place = self.bench.place(self.standard)
        rows = runs.load_wide_outcomes(self.session, ids, standard=self.standard, first_on=dates[0],
                                       until_ms=place.end_ms(dates[-1]))
        shops = [CourseShop(shop.id, shop.opened_ms, self.bench.bindings[shop.id].attributes_on(dates[0]))
                 for shop in self.shops]
        return Course(self.standard, shops, complete_rows(rows, self.standard), zone=place.zone).walk(dates)


def _list_verdicts(day: CourseDay, last: dict[tuple[int, str], str]) -> Iterator[Change]:
    for rule in list_rules_on_trial(day.evaluation.standard, day.on):
        verdicts = day.evaluation.verdicts(rule.id)
        for place, (shop_id, part) in enumerate(day.entries):
            name = name_result(rule.id, part)
            verdict, before = VERDICTS[verdicts[place]], last.get((shop_id, name))
            if str(verdict) != (before or str(Verdict.NOT_ENOUGH_DATA)):
                yield Change(shop_id, day.on, "verdict_changed", name, before, str(verdict),
                             [_explain(day, rule, place, verdict)])


def _explain(day: CourseDay, rule: Rule, place: int, verdict: Verdict) -> dict[str, Any]:
    """The numbers of a rule on a date, its parts taken together."""
    result = day.evaluation.results[rule.id]
    mine = result.shop == place
    bad, base = (int(result.count(name)[mine].sum()) for name in ("bad", "base"))
    values = [value for value in result.value.floats()[mine].tolist() if value == value]  # noqa: PLR0124  # no NaN
    reason = Reason(_CODES.get(verdict, ReasonCode.NOT_JUDGED), rule.id, bad, base, values[0] if values else None)
    return {name: value for name, value in to_plain(reason).items() if value is not None}


def _append(
    session: Session, trial_id: int | None, standard: Standard, changes: Sequence[Change], now: datetime
) -> None:
    names = ("shop_id", "on_date", "kind", "metric", "before", "after", "reasons")
    rows = [{**{name: getattr(change, name) for name in names}, "trial_id": trial_id, "standard_id": standard.id,
             "standard_version": standard.version, "created_at": now} for change in changes]
    if rows:
        session.execute(insert(PhantomChange), rows)
