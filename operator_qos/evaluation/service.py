"""The official evaluation: each date of a marketplace judged once, in order, after it has settled.

T and K are the end of the local day. What may not be official is a dry run that says why and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.acts.service import Followed, RunFacts, follow_changes
from operator_qos.audit.service import append_audit
from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import queries
from operator_qos.evaluation.announcements import announce_changes, name_subject, net_changes
from operator_qos.evaluation.bench import Bench, open_bench
from operator_qos.evaluation.judging import Day
from operator_qos.recourse.shelters import end_pardons
from operator_qos.standing.queries import find_last_run_on, has_run_on, is_history_taken_over
from operator_qos.standing.service import (
    Change,
    ResultRow,
    RunHeader,
    append_changes,
    record_results,
    record_runs,
    store_standings,
)
from operator_qos.trials.phantoms import record_phantoms
from scoring.verdicts import Verdict
from scoring.windows import local_day

# Dates judged in one transaction: enough to load the rows rarely, few enough to let others write in between.
CHUNK_DATES = 120
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluationReport:
    """What judging one date of a marketplace found; a dry run wrote nothing, for the `reason` given."""

    marketplace_id: str
    on: date
    as_of_ms: int
    shops: int
    verdict_counts: Mapping[str, int]
    changes: Sequence[Change]
    dry_run: bool
    reason: str


def evaluate_marketplace(
    session: Session, marketplace_id: str, *, on: date, now: datetime, actor: str = "system"
) -> EvaluationReport:
    """Judge one date: officially when it is due, else as a dry run that says why. Does not commit.

    Raises UnknownMarketplaceError.
    """
    marketplace = queries.get_marketplace(session, marketplace_id)
    queries.lock_marketplace(session, marketplace_id)
    bench = open_bench(session, marketplace)
    reason = _why_not(session, bench, on=on, now=now)
    if reason:
        return _evaluate_dry(session, bench, on=on, now=now, reason=reason)
    days = _judge_officially(session, bench, [on], now=now, actor=actor)
    followed = follow_changes(session, _run_facts(bench, days), now=now)
    _announce(session, bench, days, [change for day in days for change in day.changes], followed=followed, now=now)
    return _report(marketplace_id, on, days)


def evaluate_due(
    engine: Engine, *, now: datetime, marketplace_id: str | None = None, on_progress: Progress | None = None,
    tell_at: datetime | None = None,
) -> list[EvaluationReport]:
    """Judge every settled date that was missed, one by one and in order; notices only for the last.

    With `tell_at` people hear of it then, net of what changes until then; without, at once. Commits per stretch of
    dates, so whoever stops it loses at most one. Raises UnknownMarketplaceError.
    """
    with reading(engine) as session:
        chosen = (
            [queries.get_marketplace(session, marketplace_id)]
            if marketplace_id
            else queries.list_marketplaces(session)
        )
        due = {marketplace: list_due_dates(session, marketplace, now=now) for marketplace in chosen}
    total = sum(len(dates) for dates in due.values())
    reports: list[EvaluationReport] = []
    for marketplace, dates in due.items():
        for done in _catch_up(engine, marketplace, dates, now=now, tell_at=tell_at):
            reports += done
            if on_progress is not None:
                on_progress(len(reports), total)
    return reports


def list_due_dates(session: Session, marketplace: queries.MarketplaceRow, *, now: datetime) -> list[date]:
    """The settled dates not judged yet, in order: after the last judged, else after one whole window."""
    first_ms = queries.find_first_order_ms(session, marketplace.id)
    if first_ms is None:
        return []
    first_on = local_day(first_ms, marketplace.zone)
    last = find_last_run_on(session, marketplace.id)
    start = first_on if last is None else last + timedelta(days=1)
    days = [start + timedelta(days=count) for count in range((local_day(to_ms(now), marketplace.zone) - start).days)]
    if not days:  # asked every minute: mostly nothing has ended since
        return []
    bench = open_bench(session, marketplace)
    return [on for on in days if bench.is_due(on, first_on=first_on, now=now)]


def _catch_up(
    engine: Engine, marketplace: queries.MarketplaceRow, dates: Sequence[date], *, now: datetime,
    tell_at: datetime | None,
) -> Iterable[list[EvaluationReport]]:
    """Judge the dates stretch by stretch; acts follow and are told at the last, for what all changed for good."""
    missed: list[Change] = []
    with reading(engine) as session:
        was_judged = is_history_taken_over(session, marketplace.id)  # also after a first import that broke off
    for start in range(0, len(dates), CHUNK_DATES):
        part = dates[start : start + CHUNK_DATES]
        with unit_of_work(engine) as session:
            queries.lock_marketplace(session, marketplace.id)
            bench, last = open_bench(session, marketplace), find_last_run_on(session, marketplace.id)
            left = [on for on in part if last is None or on > last]
            days = _judge_officially(session, bench, left, now=now)
            missed += [change for day in days for change in day.changes]
            if left and left[-1] == dates[-1]:
                # A date missed while we were away is news; history imported with the first events is not.
                latest = [day for day in days if day.on == left[-1]]
                told = missed if was_judged else [change for day in latest for change in day.changes]
                run = replace(_run_facts(bench, latest), takes_over=not was_judged)
                followed = follow_changes(session, run, now=now)
                _announce(session, bench, latest, told, followed=followed, now=now, tell_at=tell_at)
        taken = [_report(marketplace.id, on, (), reason=f"{on} was judged by another run just now")
                 for on in part if on not in left]
        yield taken + [_report(marketplace.id, on, [day for day in days if day.on == on]) for on in left]


def _judge_officially(
    session: Session, bench: Bench, dates: Sequence[date], *, now: datetime, actor: str = "system"
) -> list[Day]:
    """Judge consecutive due dates, each by every standard that binds and is evaluated on it, and write it down."""
    days: list[Day] = []
    for stretch in bench.list_stretches(dates):
        for judge, official in bench.list_judges(session, stretch):
            judged = list(judge.judge(official))
            _write_down(session, bench, judged, actor=actor, now=now)
            store_standings(session, judge.list_decided())
            pardoned = bench.list_pardoned(stretch, judge.standard)
            left = {shop_id: judge.list_pardons_left(shop_id) for shop_id in pardoned}
            end_pardons(session, bench.shelters, left, official[-1])
            days += judged
    record_phantoms(session, bench, dates, now=now)
    return sorted(days, key=lambda day: (day.on, day.standard.id))


def _write_down(session: Session, bench: Bench, days: Sequence[Day], *, actor: str, now: datetime) -> None:
    """Store what official runs of one standard found and changed."""
    headers = {day.on: _head(bench, day) for day in days}
    run_ids = record_runs(session, list(headers.values()), now=now)
    runs = {run_ids[day.on, day.standard.id]: day for day in days}
    append_changes(
        session,
        {run_id: headers[day.on] for run_id, day in runs.items()},
        [(run_id, change) for run_id, day in runs.items() for change in day.changes],
        now=now,
    )
    record_results(session, [
        ResultRow(run_id, shop.shop_id, **vars(result))
        for run_id, day in runs.items() for shop in day.shops for result in shop.results
    ])
    for run_id, day in runs.items():
        _audit(session, run_id, headers[day.on], day, actor=actor, now=now)


def _head(bench: Bench, day: Day) -> RunHeader:
    """What identifies a run."""
    return RunHeader(bench.marketplace.id, day.on, day.as_of_ms, day.as_of_ms, day.standard.id,
                     day.standard.version, len(day.shops))


def _audit(  # which run, and who
    session: Session, run_id: int, header: RunHeader, day: Day, *, actor: str, now: datetime
) -> None:
    append_audit(
        session,
        actor=actor,
        now=now,
        action="evaluation.run",
        subject=f"{header.marketplace_id}:{header.on_date}",
        after={
            "run": run_id,
            "shops": len(day.shops),
            "changes": len(day.changes),
            "standard": header.standard_id,
            "version": header.standard_version,
        },
    )


def _evaluate_dry(
    session: Session, bench: Bench, *, on: date, now: datetime, reason: str
) -> EvaluationReport:
    """Judge without writing; changes only where the standings at hand are those before the date."""
    last = find_last_run_on(session, bench.marketplace.id)
    days: list[Day] = []
    for judge, _ in bench.list_judges(session, bench.list_stretches([on])[0], official_only=False):
        end_ms = min(bench.place(judge.standard).end_ms(on), to_ms(now))
        days += judge.judge_at([(on, end_ms)])
    if last is not None and last >= on:
        days = [replace(day, changes=()) for day in days]
    return _report(bench.marketplace.id, on, days, reason=reason)


def _why_not(session: Session, bench: Bench, *, on: date, now: datetime) -> str:
    """Why a date may not be judged officially now; empty when it may."""
    if has_run_on(session, bench.marketplace.id, on):
        return f"{on} was judged already; an official result is never recomputed"
    last = find_last_run_on(session, bench.marketplace.id)
    if last is not None and last > on:
        return f"{last} was judged already and dates are judged in order"
    standards = bench.list_official(on)
    if not standards:
        names = ", ".join(sorted(standard.id for standard in bench.list_standards(on)))
        return f"{on} is no evaluation date of {names or 'any standard'}"
    settled_at = max(bench.settled_at(standard, on) for standard in standards)
    if now < settled_at:
        return f"{on} is not settled before {settled_at.isoformat(timespec='minutes')}"
    return ""


def _run_facts(bench: Bench, days: Sequence[Day]) -> RunFacts:
    return RunFacts(bench.marketplace.id, len({shop.shop_id for day in days for shop in day.shops}))


def _announce(  # what changed, of whom, what of it waits
    session: Session, bench: Bench, days: Sequence[Day], changes: Sequence[Change], *,
    followed: Followed, now: datetime, tell_at: datetime | None = None,
) -> None:
    """Tell the shops what changed for good and is in force, each under the standard that judged it last."""
    keyed = {(change.shop_id, name_subject(change)): change for change in net_changes(changes)}
    net = [replace(change, before=followed.before.get(key, change.before))
           for key, change in keyed.items() if key not in followed.untold]
    for day in days:
        judged = {shop.shop_id for shop in day.shops}
        announce_changes(
            session,
            [change for change in net if change.shop_id in judged],
            shops=bench.shops,
            marketplace=bench.marketplace,
            on=day.on,
            standard=day.standard,
            now=now,
            tell_at=tell_at,
        )


def _report(marketplace_id: str, on: date, days: Sequence[Day], *, reason: str = "") -> EvaluationReport:
    """What judging a date found, over all its standards."""
    counts = Counter(result.verdict for day in days for shop in day.shops for result in shop.results)
    return EvaluationReport(
        marketplace_id,
        on,
        max((day.as_of_ms for day in days), default=0),
        sum(len(day.shops) for day in days),
        {str(verdict): counts.get(str(verdict), 0) for verdict in Verdict},
        tuple(change for day in days for change in day.changes),
        bool(reason),
        reason,
    )
