"""Judging a shop again after an appeal: each later official date with its own T and K = now, beside what was decided.

Frozen results never change. What the restated dates lead to becomes the shop's standing, as of the original date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from operator_qos.clock import to_ms
from operator_qos.evaluation import queries as evaluation
from operator_qos.evaluation.bench import Bench, open_bench
from operator_qos.evaluation.general import CourseJudge
from operator_qos.evaluation.judging import Day, Judge, Standing
from operator_qos.evaluation.plain import PlainJudge
from operator_qos.evaluation.rules import ShopEvaluation
from operator_qos.recourse import history
from operator_qos.recourse.history import Run
from operator_qos.recourse.models import Pardon as PardonRow
from operator_qos.recourse.models import RestatedResult, Restatement
from operator_qos.recourse.replay import Told, list_fallen, replay
from operator_qos.recourse.restated_rows import restate_rows
from operator_qos.standing.service import Change
from scoring.plain import is_plain
from scoring.plans import Pardon, Shelter
from scoring.standards import Standard


@dataclass(frozen=True)
class Restated:
    """What judging again led to: the end, the changes then decided that fell, and those made now instead."""

    standing: Standing | None
    last_on: date | None
    fallen: Sequence[int]
    changes: Sequence[Change]


@dataclass(frozen=True)
class _Case:
    """One shop to be judged again from a date on."""

    session: Session
    appeal_id: int
    shop_id: int
    bench: Bench
    known_ms: int
    now: datetime


def restate_shop(
    session: Session, *, appeal_id: int, shop_id: int, since_on: date, pardons: Sequence[Pardon], now: datetime
) -> Restated:
    """Judge the official dates of a shop from one on again and store them; a second call for an appeal does nothing.

    Does not commit, and leaves the standing and the changes themselves to the caller.
    """
    if history.has_restated(session, appeal_id):
        return Restated(None, None, (), ())
    marketplace = evaluation.get_marketplace(session, history.get_marketplace_id(session, shop_id))
    # What was decided in this very second counts, too.
    known_ms = to_ms(now) // 1000 * 1000 + 1000
    case = _Case(session, appeal_id, shop_id, open_bench(session, marketplace), known_ms, now)
    shelter = _join(case.bench.shelters.get(shop_id, Shelter()), history.list_pardons(session, shop_id), pardons)
    changes: list[Change] = []
    left = shelter
    standing: Standing | None = None
    last_on: date | None = None
    ends: dict[str, date] = {}
    for runs in _list_stretches(case, history.list_runs(session, shop_id, since_on=since_on)):
        judge, dates = _seat(case, runs, left, standing)
        for day, after in _walk(case, judge, dates, runs):
            changes += [change for change in day.changes if change.shop_id == shop_id]
            standing, last_on = after, day.on
            ended = left.list_subjects(day.on) - judge.list_pardons_left(shop_id)
            ends.update(dict.fromkeys(ended, day.on))
            left = left.without(ended, day.on)
    _keep_pardons(case, pardons, ends)
    then = history.list_told(session, shop_id, since_on=since_on)
    return Restated(standing, last_on, list_fallen(then, [_to_told(change) for change in changes]), changes)


def _join(shelter: Shelter, known: Sequence[Pardon], added: Sequence[Pardon]) -> Shelter:
    """Everything that ever sheltered the shop: dates judged again need what held then."""
    return replace(shelter, pardons=tuple(dict.fromkeys((*known, *added))))


def _list_stretches(case: _Case, runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Runs one after the other by the same standard."""
    part: list[Run] = []
    for run in runs:
        if part and _get_standard(case, part[-1]) != _get_standard(case, run):
            yield part
            part = []
        part.append(run)
    if part:
        yield part


def _get_standard(case: _Case, run: Run) -> Standard:
    """The standard a run went by: what binds the shop on its date."""
    return case.bench.bindings[case.shop_id].on(run.on)


def _seat(
    case: _Case, runs: Sequence[Run], shelter: Shelter, standing: Standing | None
) -> tuple[Judge, tuple[date, ...]]:
    """A judge with the shop as it stood before the first of the runs, and the dates to judge, those before included."""
    standard, first_on = _get_standard(case, runs[0]), runs[0].on
    dates = tuple(run.on for run in runs)
    if is_plain(standard):
        before = standing or _find_before(case, standard, first_on)
        return _seat_plain(case, standard, dates, shelter, before), dates
    before = standing or history.find_restated(case.session, case.shop_id, standard.id, before_on=first_on)
    begun = before.decided_on if before is not None and before.standard_id == standard.id else None
    earlier = history.list_run_dates(case.session, case.shop_id, standard.id, after_on=begun, before_on=first_on)
    return _seat_course(case, standard, (*earlier, *dates), (shelter, before), first_on), (*earlier, *dates)


def _find_before(case: _Case, standard: Standard, first_on: date) -> Standing | None:
    """Where a shop stood before a date: by what was restated last, then by what was decided since."""
    restated = history.find_restated(case.session, case.shop_id, standard.id, before_on=first_on)
    days = history.list_frozen_days(
        case.session, case.shop_id, standard, after_on=restated.decided_on if restated else None, before_on=first_on)
    position = replay(days, standard, history.to_position(restated) if restated else None)
    if position is None:
        return None
    on = days[-1].on if days else first_on
    return history.to_standing(case.shop_id, position, on, standard)


def _seat_plain(
    case: _Case, standard: Standard, dates: Sequence[date], shelter: Shelter, before: Standing | None
) -> PlainJudge:
    place = case.bench.place(standard)
    ends_ms = [place.end_ms(on) for on in dates]
    rows = evaluation.load_outcomes(
        case.session, [case.shop_id], standard=standard, first_ms=ends_ms[0], last_ms=ends_ms[-1])
    again = restate_rows(case.session, rows, shop_id=case.shop_id, ends_ms=ends_ms, known_ms=case.known_ms)
    shops = [shop for shop in case.bench.shops if shop.id == case.shop_id]
    return PlainJudge(place, standard, shops, again, {case.shop_id: before} if before else {}, {case.shop_id: shelter})


def _seat_course(
    case: _Case, standard: Standard, dates: Sequence[date], known: tuple[Shelter, Standing | None], first_on: date
) -> CourseJudge:
    """The dates before `first_on` are judged as known then: they lead to where the shop stood."""
    place, (shelter, before), bench = case.bench.place(standard), known, case.bench
    compares = any(figure.against_peers is not None for figure in (*standard.figures, *standard.rules))
    shops = [shop for shop in bench.shops if shop.id == case.shop_id or (
        compares and bench.bindings[shop.id].on(dates[-1]).id == standard.id)]
    ids = [shop.id for shop in shops]
    rows = evaluation.load_wide_outcomes(
        case.session, ids, standard=standard, first_on=dates[0], until_ms=place.end_ms(dates[-1]))
    ends_ms = [place.end_ms(on) for on in dates if on >= first_on]
    again = restate_rows(case.session, rows, shop_id=case.shop_id, ends_ms=ends_ms, known_ms=case.known_ms)
    texts = {shop_id: bench.bindings[shop_id].attributes_on(dates[0]) for shop_id in ids}
    kept = {case.shop_id: before} if before is not None and before.standard_id == standard.id else {}
    return CourseJudge(place, standard, shops, again, kept, texts, {case.shop_id: shelter})


def _walk(
    case: _Case, judge: Judge, dates: Sequence[date], runs: Sequence[Run]
) -> Iterator[tuple[Day, Standing]]:
    """Each date judged again, stored, with the standing after it; dates before the first run only lead there."""
    by_date = {run.on: run for run in runs}
    for day in judge.judge(dates):
        run = by_date.get(day.on)
        standing = next((one for one in judge.list_decided() if one.shop_id == case.shop_id), None)
        found = next((shop for shop in day.shops if shop.shop_id == case.shop_id), None)
        if run is not None and standing is not None and found is not None:
            _keep(case, day, standing, found)
            yield day, standing


def _keep(case: _Case, day: Day, standing: Standing, found: ShopEvaluation) -> None:
    """Store one date judged again."""
    row = Restatement(
        appeal_id=case.appeal_id, shop_id=case.shop_id, on_date=day.on, as_of_ms=day.as_of_ms,
        known_at_ms=case.known_ms, standard_id=day.standard.id, standard_version=day.standard.version,
        level=standing.level, badges=list(standing.badges), warning=standing.warning,
        standing=history.write_standing(standing), made_at=case.now)
    case.session.add(row)
    case.session.flush()
    case.session.add_all([
        RestatedResult(
            restatement_id=row.id, metric=result.metric, bad=result.bad, base=result.base, raw_bad=result.raw_bad,
            raw_base=result.raw_base, buyers=result.buyers, value=result.value, verdict=result.verdict,
            units=list(result.units))
        for result in found.results
    ])
    case.session.flush()


def _keep_pardons(case: _Case, pardons: Sequence[Pardon], ends: Mapping[str, date]) -> None:
    ended = {pardon: ends.get(pardon.subject) for pardon in pardons}
    case.session.add_all([
        PardonRow(appeal_id=case.appeal_id, shop_id=case.shop_id, subject=pardon.subject, since_on=pardon.since_on,
                  ended_on=on if on is not None and on >= pardon.since_on else None)
        for pardon, on in ended.items()
    ])
    case.session.flush()


def _to_told(change: Change) -> Told:
    return Told(change.on_date, change.kind, change.metric or "", change.before or "", change.after or "")


def list_differences(then: Standing, again: Standing, *, reason: Mapping[str, Any], since_on: date) -> list[Change]:
    """What the restated standing changes in the present one, each with the appeal as its reason."""
    def change(kind: str, metric: str | None, before: str | None, after: str | None) -> Change:
        return Change(then.shop_id, since_on, kind, metric, before, after, [reason])

    found = [change("level_changed", None, then.level, again.level)] if then.level != again.level else []
    found += [change("badge_awarded", None, None, name) for name in sorted(set(again.badges) - set(then.badges))]
    found += [change("badge_withdrawn", None, name, None) for name in sorted(set(then.badges) - set(again.badges))]
    was, now = ({str(e["metric"]): int(e["warning"]) for e in one.episodes} for one in (then, again))
    for metric in sorted(was.keys() | now.keys()):
        old, new = was.get(metric, 0), now.get(metric, 0)
        if old != new:
            found.append(change("warning_given" if new > old else "warning_ended", metric, str(old), str(new)))
    return found
