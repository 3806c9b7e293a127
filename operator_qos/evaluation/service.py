"""The official evaluation: each date of a marketplace judged once, in order, after it has settled.

T and K are the end of the local day. What may not be official is a dry run that says why and writes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from operator_qos.audit.service import append_audit
from operator_qos.clock import end_of_day_ms, from_ms, to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.evaluation import queries
from operator_qos.evaluation.announcements import announce_changes, net_changes
from operator_qos.evaluation.rules import OutcomeTable, ShopEvaluation, ShopResult
from operator_qos.standing.queries import StandingRow, find_last_run_on, has_run_on, list_standings
from operator_qos.standing.service import (
    Change,
    ResultRow,
    RunHeader,
    append_changes,
    record_results,
    record_runs,
    store_standings,
)
from scoring.ladder import Intent, MetricVerdict, Standing, parse_standing, step, to_plain
from scoring.standards import Standard, load_preset
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


@dataclass
class _Judge:
    """A marketplace with the rows of the dates at hand and the standings as they go."""

    marketplace: queries.MarketplaceRow
    shops: Sequence[queries.ShopRow]
    standard: Standard
    table: OutcomeTable
    standings: dict[int, Standing]
    since_on: dict[int, date]
    actor: str = "system"
    decided_on: dict[int, date] = field(default_factory=dict)

    def measure(self, ends_ms: Sequence[int]) -> Iterator[list[ShopEvaluation]]:
        """For each T the shops that were open or had something to count."""
        for as_of_ms, found in zip(ends_ms, self.table.evaluate(ends_ms, self.marketplace.zone), strict=True):
            opened = {shop.id for shop in self.shops if shop.opened_ms < as_of_ms}
            yield [
                shop
                for shop in found
                if shop.shop_id in opened or shop.orders or any(result.raw_base for result in shop.results)
            ]

    def head(self, on: date, as_of_ms: int, shops: int) -> RunHeader:
        """What identifies the run of a date."""
        return RunHeader(
            self.marketplace.id, on, as_of_ms, as_of_ms, self.standard.id, self.standard.version, shops
        )

    def move_all(self, shops: Sequence[ShopEvaluation], on: date) -> list[Change]:
        """Take shops one date further; what changed."""
        return [change for shop in shops for change in self.move(shop, on)]

    def move(self, shop: ShopEvaluation, on: date) -> list[Change]:
        """Take a shop one date further; what changed."""
        before = self.standings.get(shop.shop_id)
        verdicts = [self._to_verdict(result) for result in shop.results]
        after, intents = step(before, verdicts, on=on, orders_60d=shop.orders, standard=self.standard)
        self.standings[shop.shop_id] = after
        if before is None or before.level != after.level:
            self.since_on[shop.shop_id] = on
        self.decided_on[shop.shop_id] = on
        return [_to_change(shop, intent, on=on, standard=self.standard) for intent in intents]

    def list_decided(self) -> list[StandingRow]:
        """The standings that were decided, as they are after the last date."""
        return [
            _keep(shop_id, self.standings[shop_id], since_on=self.since_on[shop_id], on=on)
            for shop_id, on in self.decided_on.items()
        ]

    def _to_verdict(self, result: ShopResult) -> MetricVerdict:
        limit = self.standard.get_rule(result.metric).limit
        return MetricVerdict(
            result.metric, Verdict(result.verdict), result.bad, result.base, result.value, limit
        )


def evaluate_marketplace(
    session: Session, marketplace_id: str, *, on: date, now: datetime, actor: str = "system"
) -> EvaluationReport:
    """Judge one date: officially when it is due, else as a dry run that says why. Does not commit.

    Raises UnknownMarketplaceError.
    """
    marketplace, standard = queries.get_marketplace(session, marketplace_id), get_standard()
    queries.lock_marketplace(session, marketplace_id)
    reason = _why_not(session, marketplace, on=on, now=now, standard=standard)
    if reason:
        return _evaluate_dry(session, marketplace, on=on, now=now, reason=reason)
    report = _evaluate_dates(session, marketplace, [on], now=now, actor=actor)[0]
    if not report.dry_run:
        _announce(session, marketplace, report, report.changes, now=now)
    return report


def evaluate_due(
    engine: Engine, *, now: datetime, marketplace_id: str | None = None, on_progress: Progress | None = None
) -> list[EvaluationReport]:
    """Judge every settled date that was missed, one by one and in order; notices only for the last.

    Commits per stretch of dates, so whoever stops it loses at most one. Raises UnknownMarketplaceError.
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
        for done in _catch_up(engine, marketplace, dates, now=now):
            reports += done
            if on_progress is not None:
                on_progress(len(reports), total)
    return reports


def list_due_dates(session: Session, marketplace: queries.MarketplaceRow, *, now: datetime) -> list[date]:
    """The settled dates not judged yet, in order: after the last judged, else after one whole window."""
    standard = get_standard()
    last = find_last_run_on(session, marketplace.id)
    if last is None:
        first_ms = queries.find_first_order_ms(session, marketplace.id)
        if first_ms is None:
            return []
        last = local_day(first_ms, marketplace.zone) + timedelta(
            days=queries.longest_window_days(standard) - 1
        )
    settled = _last_settled(marketplace, now=now, standard=standard)
    return [last + timedelta(days=step_days) for step_days in range(1, (settled - last).days + 1)]


def get_standard() -> Standard:
    """The official standard."""
    return load_preset("ours")


def _catch_up(
    engine: Engine, marketplace: queries.MarketplaceRow, dates: Sequence[date], *, now: datetime
) -> Iterable[list[EvaluationReport]]:
    """Judge the dates stretch by stretch; the last is told, with what the missed ones changed for good."""
    missed: list[Change] = []
    with reading(engine) as session:
        was_judged = find_last_run_on(session, marketplace.id) is not None
    for start in range(0, len(dates), CHUNK_DATES):
        part = dates[start : start + CHUNK_DATES]
        with unit_of_work(engine) as session:
            queries.lock_marketplace(session, marketplace.id)
            reports = _evaluate_dates(session, marketplace, part, now=now)
            missed += [change for report in reports for change in report.changes]
            if part[-1] == dates[-1] and not reports[-1].dry_run:
                # A date missed while we were away is news; history imported with the first events is not.
                told = missed if was_judged else reports[-1].changes
                _announce(session, marketplace, reports[-1], told, now=now)
        yield reports


def _evaluate_dates(
    session: Session,
    marketplace: queries.MarketplaceRow,
    dates: Sequence[date],
    *,
    now: datetime,
    actor: str = "system",
) -> list[EvaluationReport]:
    """Judge consecutive due dates officially; those another run took meanwhile come back as dry runs."""
    ends = [end_of_day_ms(on, marketplace.zone) for on in dates]
    judge = _load_judge(session, marketplace, first_ms=ends[0], last_ms=ends[-1])
    judge.actor = actor
    last = find_last_run_on(session, marketplace.id)
    measured = list(zip(dates, ends, judge.measure(ends), strict=True))
    headers = {on: judge.head(on, end, len(shops)) for on, end, shops in measured}
    due = [header for on, header in headers.items() if last is None or on > last]
    run_ids = record_runs(session, due, now=now)
    changes = {on: judge.move_all(shops, on) for on, _, shops in measured if on in run_ids}
    _write_down(session, judge, {run_ids[on]: (headers[on], shops, changes[on]) for on, _, shops in measured
                                 if on in run_ids}, now=now)
    taken = "{} was judged by another run just now"
    return [
        _report(headers[on], shops, changes.get(on, ()), reason="" if on in run_ids else taken.format(on))
        for on, _, shops in measured
    ]


Judged = tuple[RunHeader, Sequence[ShopEvaluation], Sequence[Change]]


def _write_down(session: Session, judge: _Judge, runs: Mapping[int, Judged], *, now: datetime) -> None:
    """Store what official runs found and changed."""
    append_changes(
        session,
        {run_id: header for run_id, (header, _, _) in runs.items()},
        [(run_id, change) for run_id, (_, _, changes) in runs.items() for change in changes],
        now=now,
    )
    record_results(session, [
        ResultRow(run_id, shop.shop_id, **vars(result))
        for run_id, (_, shops, _) in runs.items() for shop in shops for result in shop.results
    ])
    store_standings(session, judge.list_decided())
    for run_id, (header, shops, changes) in runs.items():
        append_audit(
            session,
            actor=judge.actor,
            now=now,
            action="evaluation.run",
            subject=f"{header.marketplace_id}:{header.on_date}",
            after={
                "run": run_id,
                "shops": len(shops),
                "changes": len(changes),
                "standard": header.standard_id,
                "version": header.standard_version,
            },
        )


def _evaluate_dry(
    session: Session, marketplace: queries.MarketplaceRow, *, on: date, now: datetime, reason: str
) -> EvaluationReport:
    """Judge without writing; changes only where the standings at hand are those before the date."""
    as_of_ms = min(end_of_day_ms(on, marketplace.zone), to_ms(now))
    judge = _load_judge(session, marketplace, first_ms=as_of_ms, last_ms=as_of_ms)
    (shops,) = judge.measure([as_of_ms])
    last = find_last_run_on(session, marketplace.id)
    changes = judge.move_all(shops, on) if last is None or last < on else []
    return _report(judge.head(on, as_of_ms, len(shops)), shops, changes, reason=reason)


def _load_judge(
    session: Session, marketplace: queries.MarketplaceRow, *, first_ms: int, last_ms: int
) -> _Judge:
    standard, shops = get_standard(), queries.list_shops(session, marketplace.id)
    shop_ids = [shop.id for shop in shops]
    rows = queries.load_outcomes(session, shop_ids, standard=standard, first_ms=first_ms, last_ms=last_ms)
    kept = [row for row in list_standings(session).values() if row.shop_id in set(shop_ids)]
    standings = {
        row.shop_id: parse_standing({"level": row.level, "badges": row.badges, "episodes": row.episodes})
        for row in kept
    }
    since_on = {row.shop_id: row.since_on for row in kept}
    return _Judge(marketplace, shops, standard, OutcomeTable(rows, shop_ids, standard), standings, since_on)


def _why_not(
    session: Session, marketplace: queries.MarketplaceRow, *, on: date, now: datetime, standard: Standard
) -> str:
    """Why a date may not be judged officially now; empty when it may."""
    if has_run_on(session, marketplace.id, on):
        return f"{on} was judged already; an official result is never recomputed"
    last = find_last_run_on(session, marketplace.id)
    if last is not None and last > on:
        return f"{last} was judged already and dates are judged in order"
    settled_at = from_ms(end_of_day_ms(on, marketplace.zone)) + timedelta(hours=standard.settle_hours)
    if now < settled_at:
        return f"{on} is not settled before {settled_at.isoformat(timespec='minutes')}"
    return ""


def _last_settled(marketplace: queries.MarketplaceRow, *, now: datetime, standard: Standard) -> date:
    """The latest date whose end is at least `settle_hours` ago."""
    settled_ms = to_ms(now - timedelta(hours=standard.settle_hours))
    return local_day(settled_ms, marketplace.zone) - timedelta(days=1)


def _announce(
    session: Session,
    marketplace: queries.MarketplaceRow,
    report: EvaluationReport,
    changes: Sequence[Change],
    *,
    now: datetime,
) -> None:
    shops = queries.list_shops(session, marketplace.id)
    announce_changes(
        session,
        net_changes(changes),
        shops=shops,
        marketplace=marketplace,
        on=report.on,
        standard=get_standard(),
        now=now,
    )


def _keep(shop_id: int, standing: Standing, *, since_on: date, on: date) -> StandingRow:
    plain = to_plain(standing)
    warning = max((episode.warning for episode in standing.episodes), default=0)
    return StandingRow(shop_id, standing.level, plain["badges"], plain["episodes"], warning, since_on, on)


def _to_change(shop: ShopEvaluation, intent: Intent, *, on: date, standard: Standard) -> Change:
    """An intent as a row: each reason with the rule, the numbers and the units of its metric."""
    plain = to_plain(intent)
    results = {result.metric: result for result in shop.results}
    reasons = [_explain(reason, results, standard) for reason in plain["reasons"]]
    before, after = (None if value is None else str(value) for value in (plain["before"], plain["after"]))
    return Change(shop.shop_id, on, str(plain["kind"]), plain["metric"], before, after, reasons)


def _explain(
    reason: Mapping[str, Any], results: Mapping[str, ShopResult], standard: Standard
) -> dict[str, Any]:
    said = {key: value for key, value in reason.items() if value is not None}
    result = results.get(str(said.get("metric")))
    if result is None:
        return said
    rule = standard.get_rule(result.metric)
    numbers = {
        "window_days": rule.window_days,
        "window_start_ms": result.window_start_ms,
        "limit": str(rule.limit),
        "higher_is_better": rule.higher_is_better,
        "verdict": result.verdict,
        "bad": result.bad,
        "base": result.base,
        "raw_bad": result.raw_bad,
        "raw_base": result.raw_base,
        "buyers": result.buyers,
        "value": result.value,
        "units": list(result.units),
    }
    return {**said, **numbers}


def _report(
    header: RunHeader, shops: Sequence[ShopEvaluation], changes: Sequence[Change], *, reason: str = ""
) -> EvaluationReport:
    counts = Counter(result.verdict for shop in shops for result in shop.results)
    complete = {str(verdict): counts.get(str(verdict), 0) for verdict in Verdict}
    return EvaluationReport(
        header.marketplace_id,
        header.on_date,
        header.as_of_ms,
        len(shops),
        complete,
        tuple(changes),
        bool(reason),
        reason,
    )
