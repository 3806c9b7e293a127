"""Metric values at any T and K, for exports and checks: from outcome spans, re-derived where K makes a difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import isfinite

from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.clock import end_of_day_ms, from_ms
from operator_qos.db import chunks
from operator_qos.events.log import list_dossier_events
from operator_qos.events.models import Event
from operator_qos.ledger.card_numbers import rate
from operator_qos.ledger.card_sums import SHOWN_DAYS
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.service import build_frames, list_clock_dossiers
from operator_qos.ledger.slow_metrics import list_answers, list_buyer_chances, nearest_rank, value_rank
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import get_bound, list_bound
from scoring.dossier import fold, visible_events
from scoring.events import KNOWN_TYPES, RANKS, iso, moment_ms, order_key
from scoring.intervals import clopper_pearson, mean_interval, percentile_rank_bounds
from scoring.metrics import CATALOGUE, GROUP_CODES, METRICS, Metric
from scoring.outcomes import SILENT, list_outcomes
from scoring.plain import find_plain_rule
from scoring.runs import REPEAT_DAYS, REPEAT_MS, list_streak
from scoring.standards import Standard
from scoring.windows import window_start_ms

KNOWN_RANKS = sorted(RANKS[name] for name in KNOWN_TYPES)
SHOP_RANKS = {RANKS[name] for name in ("shop.calendar_set", "shop.closed_for")}


@dataclass(frozen=True)
class Moments:
    """T and K as given: a date (the end of that local day, but not beyond now) or an instant [RFC 3339]."""

    as_of: str
    known_at: str | None
    now_ms: int

    def as_of_ms(self, zone: str) -> int:
        """T in that zone [epoch ms]."""
        return _instant(self.as_of, zone, self.now_ms)

    def known_ms(self, zone: str) -> int:
        """K in that zone [epoch ms]; T when not given."""
        return _instant(self.known_at or self.as_of, zone, self.now_ms)


def _instant(given: str, zone: str, now_ms: int) -> int:
    if len(given) == 10:
        return min(end_of_day_ms(date.fromisoformat(given), zone), now_ms)
    return moment_ms(given)


@dataclass(frozen=True)
class Unit:
    """One unit in the window: whether it counts in the base and as bad, raw and officially."""

    shop_id: int
    group_code: int
    unit: str
    anchor_ms: int
    base: int
    bad: int
    official_base: int
    official_bad: int
    amount: int
    order_ref: str | None
    buyer: str | None
    kinds: str | None
    settled_ms: int | None = None


UNIT_COLUMNS = tuple(getattr(OutcomeRow, name) for name in Unit.__dataclass_fields__)


@dataclass(frozen=True)
class Head:
    """Whose value, of what, over which window `[window_start, window_end)`, at which T and K."""

    marketplace: str
    shop: str
    metric: str
    window_start: str
    window_end: str
    as_of: str
    known_at: str


@dataclass(frozen=True)
class MetricValue(Head):
    """One row of the export; times carry median, p90, mean [s] and the number unanswered, days the same but the last.

    A share of satisfied answers carries the mean of the stars.
    """

    bad: int
    base: int
    value: float | None
    lower: float | None
    upper: float | None
    official: bool
    median: int | None = None
    p90: int | None = None
    mean: float | None = None
    unanswered: int | None = None


def window_days(metric: Metric, given: int | None, standard: Standard) -> int:
    """The window of a metric [days]: as given, else that of the standard's plain rule, else 30."""
    if given is not None:
        return given
    rule = find_plain_rule(standard, metric.id)
    return SHOWN_DAYS if rule is None else rule.window_days


def list_units_at(
    session: Session, shop_ids: Sequence[int], *, start_ms: int, as_of_ms: int, known_ms: int,
) -> list[Unit]:
    """Every unit anchored in `[start_ms, as_of_ms)` as it counts at (T, K) [epoch ms]."""
    restated = _list_restated(session, shop_ids, as_of_ms, known_ms) if known_ms != as_of_ms else {}
    aside = set(restated)
    found: list[Unit] = []
    for part in chunks(list(shop_ids), 2_000):
        query = select(OutcomeRow.dossier_id, *UNIT_COLUMNS).where(
            OutcomeRow.shop_id.in_(part), OutcomeRow.anchor_ms >= start_ms, OutcomeRow.anchor_ms < as_of_ms,
            OutcomeRow.from_ms < as_of_ms, OutcomeRow.until_ms >= as_of_ms)
        found += [Unit(*row[1:]) for row in session.execute(query) if row[0] not in aside]
    found += [unit for units in restated.values() for unit in units if start_ms <= unit.anchor_ms < as_of_ms]
    return found


def _list_restated(session: Session, shop_ids: Sequence[int], as_of_ms: int, known_ms: int) -> dict[int, list[Unit]]:
    """The dossiers for which K makes a difference at T, folded anew from their visible events."""
    low, high = min(as_of_ms, known_ms), max(as_of_ms, known_ms)
    dossiers: set[int] = set()
    clocks: set[int] = set()
    for part in chunks(list(shop_ids), 2_000):
        query = select(Event.dossier_id, Event.shop_id).where(
            Event.shop_id.in_(part), Event.type_rank.in_(KNOWN_RANKS), Event.at_ms >= low, Event.at_ms < high)
        for dossier, shop_id in session.execute(query):
            if dossier is None:
                clocks.add(shop_id)
            else:
                dossiers.add(dossier)
    dossiers.update(list_clock_dossiers(session, clocks) if clocks else ())
    frames = build_frames(session, sorted(shop_ids), known_ms=known_ms)
    found: dict[int, list[Unit]] = {}
    for dossier, (shop_id, events) in list_dossier_events(session, sorted(dossiers)).items():
        state = fold(visible_events(events, as_of_ms, known_ms), frames[shop_id])
        found[dossier] = [
            Unit(shop_id, *outcome[:8], outcome.order, _text(outcome.buyer), ",".join(outcome.kinds) or None,
                 outcome.settled_ms)
            for outcome in list_outcomes(state, as_of_ms=as_of_ms, known_at_ms=known_ms)
        ]
    return found


def _text(buyer: str | int | None) -> str | None:
    return None if buyer is None else str(buyer)


def list_metric_values(
    session: Session, moments: Moments, *, days: int | None = None, official: bool = True,
    shop_ids: Iterable[int] | None = None,
) -> list[MetricValue]:
    """A row per shop and metric with a base at (T, K), by marketplace, shop and metric."""
    query = select(Marketplace.id, Marketplace.timezone).order_by(Marketplace.id)
    wanted = None if shop_ids is None else set(shop_ids)
    found: list[MetricValue] = []
    for marketplace, zone in session.execute(query).all():
        shops = {row.id: row.code for row in session.execute(
            select(Shop.id, Shop.code).where(Shop.marketplace_id == marketplace).order_by(Shop.code))
            if wanted is None or row.id in wanted}
        found += _values_of(session, _Place(marketplace, zone, shops), moments, days=days, official=official)
    return found


@dataclass(frozen=True)
class _Place:
    marketplace: str
    zone: str
    shops: Mapping[int, str]


def _values_of(
    session: Session, place: _Place, moments: Moments, *, days: int | None, official: bool,
) -> list[MetricValue]:
    as_of, known = moments.as_of_ms(place.zone), moments.known_ms(place.zone)
    bound = list_bound(session, list(place.shops), now=from_ms(as_of - 1))
    widest = max((window_days(metric, days, one) for metric in CATALOGUE for one in _list_distinct(bound)), default=1)
    start = window_start_ms(as_of, place.zone, days=max(widest, (days or SHOWN_DAYS) + REPEAT_DAYS + 1))
    units = list_units_at(session, list(place.shops), start_ms=start, as_of_ms=as_of, known_ms=known)
    grouped: dict[tuple[int, int], list[Unit]] = {}
    for unit in units:
        grouped.setdefault((unit.shop_id, unit.group_code), []).append(unit)
    found: list[MetricValue] = []
    for shop_id, code in place.shops.items():
        for metric in METRICS.values():
            begin = window_start_ms(as_of, place.zone, days=window_days(metric, days, bound[shop_id]))
            counted = _list_counted(
                metric, grouped.get((shop_id, GROUP_CODES[metric.group]), ()), begin, as_of, official=official)
            silent = _count_unanswered(grouped, shop_id, metric, begin_ms=begin, official=official)
            if counted:
                head = Head(place.marketplace, code, metric.id, iso(begin), iso(as_of), iso(as_of), iso(known))
                found.append(measure(head, metric, counted, official=official, unanswered=silent))
    return found


def _list_distinct(bound: Mapping[int, Standard]) -> list[Standard]:
    return list({id(standard): standard for standard in bound.values()}.values())


def _list_counted(
    metric: Metric, units: Iterable[Unit], begin_ms: int, as_of_ms: int, *, official: bool,
) -> list[Unit]:
    """The units in the base of a metric over its window; where several decide together, marked as they do."""
    if metric.kind == "repeat":
        return mark_chances(list(units), metric, start_ms=begin_ms, as_of_ms=as_of_ms)
    counted = [u for u in units if u.anchor_ms >= begin_ms and (u.official_base if official else u.base) & metric.flag]
    return mark_streak(counted, metric.flag) if metric.kind == "streak" else counted


def mark_chances(units: Sequence[Unit], metric: Metric, *, start_ms: int, as_of_ms: int) -> list[Unit]:
    """The first order of each buyer who could have come back, bad where nobody did."""
    named = {unit.unit: unit for unit in units}
    chances = list_buyer_chances(units, metric.flag, start_ms=start_ms, as_of_ms=as_of_ms)
    marks = [(named[chance.first.unit], metric.flag if chance.missed else 0) for chance in chances]
    return [replace(unit, bad=mark, official_bad=mark) for unit, mark in marks]


def mark_streak(units: Sequence[Unit], flag: int) -> list[Unit]:
    """The answered orders, bad where they belong to the refusals since the last acceptance."""
    raw, official = (set(list_streak(list_answers(units, flag, official=which))) for which in (False, True))
    return [
        replace(u, bad=flag if u.unit in raw else 0, official_bad=flag if u.unit in official else 0) for u in units
    ]


def _count_unanswered(
    grouped: Mapping[tuple[int, int], Sequence[Unit]], shop_id: int, metric: Metric, *, begin_ms: int, official: bool,
) -> int | None:
    """For times, the units of the window that have none: turns not answered, cases not resolved."""
    flag = SILENT.get(metric.id)
    if flag is None:
        return None
    return sum(
        1 for u in grouped.get((shop_id, GROUP_CODES[metric.group]), ())
        if u.anchor_ms >= begin_ms and (u.official_base if official else u.base) & flag)


def measure(
    head: Head, metric: Metric, units: Sequence[Unit], *, official: bool, unanswered: int | None = None,
) -> MetricValue:
    """The value of one metric over its units, of which there is at least one."""
    if metric.kind in {"share", "repeat"}:
        return _measure_share(head, metric, units, official=official)
    if metric.kind == "streak":
        streak = sum(1 for u in units if (u.official_bad if official else u.bad) & metric.flag)
        return MetricValue(
            **vars(head), bad=streak, base=len(units), value=streak, lower=None, upper=None, official=official)
    base, amounts = len(units), sorted(u.amount for u in units)
    total = sum(amounts)
    if metric.kind == "mean":
        low, high = mean_interval([total], [sum(a * a for a in amounts)], [base])
        return MetricValue(**vars(head), bad=total, base=base, value=_rounded(total / base), lower=_finite(low[0]),
                           upper=_finite(high[0]), official=official)
    median, p90 = nearest_rank(amounts, 0.5), nearest_rank(amounts, 0.9)
    first, last = percentile_rank_bounds([base], value_rank(metric))
    value = p90 if metric.kind == "percentile" else median
    return MetricValue(
        **vars(head), bad=total, base=base, value=value, lower=_at_rank(amounts, first[0]),
        upper=_at_rank(amounts, last[0]), official=official, median=median, p90=p90, mean=_rounded(total / base),
        unanswered=unanswered)


def _measure_share(head: Head, metric: Metric, units: Sequence[Unit], *, official: bool) -> MetricValue:
    base, bad = len(units), sum(1 for u in units if (u.official_bad if official else u.bad) & metric.flag)
    lows, highs = clopper_pearson([bad], [base])
    low, high = float(lows[0]), float(highs[0])
    if metric.higher_is_better:
        low, high = 1 - high, 1 - low
    mean = _rounded(sum(u.amount for u in units) / base) if metric.group == "survey" else None
    return MetricValue(**vars(head), bad=bad, base=base, value=_rounded(rate(metric, bad, base)), lower=_rounded(low),
                       upper=_rounded(high), official=official, mean=mean)


def _at_rank(ordered: Sequence[int], rank: float) -> float | None:
    place = int(rank)
    return float(ordered[place - 1]) if 1 <= place <= len(ordered) else None


def _finite(value: float) -> float | None:
    number = float(value)
    return _rounded(number) if isfinite(number) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 9)


@dataclass(frozen=True)
class UnitRow:
    """One unit behind a number: `status` bad, base or excluded (counts raw, forgiven officially); with its events."""

    unit: str
    order: str | None
    status: str
    official_bad: bool
    raw_bad: bool
    anchor: str
    amount: int
    defects: tuple[str, ...]
    events: tuple[str, ...]


def list_unit_rows(
    session: Session, shop_id: int, *, metric: str, moments: Moments, days: int | None = None,
) -> list[UnitRow]:
    """The units of one shop in the base of one metric at (T, K), by anchor, with the events of their dossiers."""
    defined = METRICS[metric]
    zone = session.scalars(select(Marketplace.timezone).join(Shop, Shop.marketplace_id == Marketplace.id).where(
        Shop.id == shop_id)).one()
    as_of, known = moments.as_of_ms(zone), moments.known_ms(zone)
    standard = get_bound(session, shop_id, now=from_ms(as_of - 1))
    start = window_start_ms(as_of, zone, days=window_days(defined, days, standard))
    since = start - REPEAT_MS if defined.kind == "repeat" else start
    found = list_units_at(session, [shop_id], start_ms=since, as_of_ms=as_of, known_ms=known)
    here = [u for u in found if u.group_code == GROUP_CODES[defined.group]]
    units = _list_counted(defined, here, start, as_of, official=False)
    events = _list_unit_events(session, shop_id, units, as_of_ms=as_of, known_ms=known)
    ordered = sorted(units, key=lambda u: (u.anchor_ms, u.unit))
    return [_to_unit_row(u, defined, events.get(u.unit, ())) for u in ordered]


def _to_unit_row(unit: Unit, metric: Metric, events: Sequence[str]) -> UnitRow:
    raw, official = bool(unit.bad & metric.flag), bool(unit.official_bad & metric.flag)
    excluded = not unit.official_base & metric.flag or raw != official
    status = "excluded" if excluded else "bad" if official else "base"
    return UnitRow(unit.unit, unit.order_ref, status, official, raw, iso(unit.anchor_ms), unit.amount,
                   tuple(unit.kinds.split(",")) if unit.kinds else (), tuple(events))


def _list_unit_events(
    session: Session, shop_id: int, units: Sequence[Unit], *, as_of_ms: int, known_ms: int,
) -> dict[str, list[str]]:
    """Per unit the events of its dossier that count at (T, K), as "type source id"."""
    wanted = {u.unit for u in units}
    query = select(OutcomeRow.unit, OutcomeRow.dossier_id).where(OutcomeRow.shop_id == shop_id).distinct()
    dossier_of = {unit: dossier for unit, dossier in session.execute(query) if unit in wanted}
    files = list_dossier_events(session, sorted(set(dossier_of.values())))
    told = {
        dossier: [f"{e.type} {e.source} {e.id}" for e in sorted(
            visible_events(events, as_of_ms, known_ms), key=order_key)]
        for dossier, (_, events) in files.items()
    }
    return {unit: told.get(dossier, []) for unit, dossier in dossier_of.items()}
