"""What can still change by the next official result: best and worst case, and the promises that decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from flask_babel import get_locale, ngettext
from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.ledger import open_units
from operator_qos.ledger.open_units import BadUnit, Course, DaySum, OpenUnit, Promise
from operator_qos.sellers.queries import ShopCard
from operator_qos.standards.phrases import name_part
from operator_qos.standards.titles import name_level
from operator_qos.standards.values import say_value
from operator_qos.standing.live import Live, find_live
from operator_qos.standing.queries import StandingRow, find_standing
from scoring.ladder import MetricVerdict, Standing, parse_standing
from scoring.metrics import METRICS
from scoring.plain import is_plain, list_plain_rules
from scoring.projection import KnownCounts, OpenPromise, Outlook, RuleOutlook, look_ahead
from scoring.standards import Rule, Standard
from scoring.windows import local_day, window_start_ms

ODR = "order_defect_rate"
SHOWN_PROMISES = 12
WEEK_DAYS, LONGEST_GAP_DAYS = 7, 400
WORTH_KEEPING, MOST_KEPT, KEPT_MS = 2_000, 500, 5 * 60_000  # rows read, outlooks, age
_OVERDUE_MS = 30 * 86_400_000  # a promise broken that long ago can still turn an order into a defect


@dataclass(frozen=True)
class OutlookLine:
    """One metric that can still change: verdict and value if all is kept and if all is missed, and what is left."""

    metric: str
    name: str
    best: str
    best_value: str
    worst: str
    worst_value: str
    sentence: str


@dataclass(frozen=True)
class DecidingLine:
    """One promise that decides. `conversation` is where an answer is due, None for everything else."""

    kind: str
    title: str
    name: str
    ref: str
    order_ref: str | None
    conversation: str | None
    due_ms: int
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class OutlookPage:
    """The section. `best` and `worst` are level names, None where levels are not told by rules alone.

    `until_on` is the last date looked at. `open_count` promises end by `on`; `deciding` has the first of those that
    decide, `deciding_count` is their number. Of the rules `untold` nobody can tell ahead.
    """

    on: date
    until_on: date
    is_today: bool
    best: str | None
    worst: str | None
    best_name: str
    worst_name: str
    open_count: int
    lines: tuple[OutlookLine, ...]
    deciding: tuple[DecidingLine, ...]
    deciding_count: int
    untold: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Horizon:
    """An official date, its end, and now [epoch ms]."""

    card: ShopCard
    standard: Standard
    on: date
    ends_ms: int
    now_ms: int

    def start_ms(self, rule: Rule) -> int:
        """Where the window of a rule will begin."""
        return window_start_ms(self.ends_ms, self.card.timezone, days=rule.window_days)

    def is_certain(self, unit: OpenUnit) -> bool:
        """Whether nothing the shop does now changes how a unit will count: it is too late, or nothing it can keep."""
        return unit.due_ms < self.now_ms or unit.group == "perfect"


@dataclass(frozen=True)
class _Facts:
    """What is known of a shop: read once, looked at for one date after the other."""

    rules: Sequence[Rule]
    course: Course
    promises: Sequence[Promise]
    sums: Sequence[DaySum]
    bad: Sequence[BadUnit]
    standing: Standing | None

    def count_open(self, horizon: _Horizon) -> int:
        """How many units are open that fall due by a date."""
        return sum(not horizon.is_certain(unit) for unit in self.course.list_units(horizon.ends_ms))

    def look(self, horizon: _Horizon) -> tuple[Outlook, dict[str, _Ending]]:
        """The outlook for a date, and the promises it speaks of by key."""
        units = self.course.list_units(horizon.ends_ms)
        certain = [unit for unit in units if horizon.is_certain(unit)]
        ending = _gather([unit for unit in units if not horizon.is_certain(unit)], self, horizon)
        counts, orders = _count_known(self, horizon, certain)
        found = look_ahead(counts, [one.open for one in ending.values()], on=horizon.on, standard=horizon.standard,
                           standing=self.standing, orders=orders)
        return found, ending


def list_next_dates(standard: Standard, today: date) -> list[date]:
    """The official dates of the coming week, today included; else the next within a year, if there is one."""
    dates = [today + timedelta(days=ahead) for ahead in range(LONGEST_GAP_DAYS)]
    week = [on for on in dates[:WEEK_DAYS] if standard.is_official(on)]
    return week or [on for on in dates if standard.is_official(on)][:1]


def find_outlook(session: Session, card: ShopCard, standard: Standard, *, now: datetime) -> OutlookPage | None:
    """The section for the first official date of the coming week that is still open, else for the next.

    None without a rule that can be looked ahead for, or before anything is known. Of a standard that is not plain the
    rules and levels are those of its next date, as last looked at.
    """
    live = None if is_plain(standard) else find_live(session, card.id, standard)
    today = local_day(to_ms(now), card.timezone)
    if live is None or live.next_on is None or live.next_on < today:  # what is kept may be of yesterday
        return _find_plain(session, card, standard, now=now)
    on = live.next_on
    plain = _find_plain(session, card, standard, now=now, on=on)
    return _join_live(plain, live, on, standard, is_today=on == today)


def _find_plain(
    session: Session, card: ShopCard, standard: Standard, *, now: datetime, on: date | None = None
) -> OutlookPage | None:
    """What plain rules say of the first date still open, or of one date."""
    rules, today = list_plain_rules(standard), local_day(to_ms(now), card.timezone)
    counted_ms = open_units.get_counted_ms(session, card.id)
    key = (str(session.get_bind().engine.url), card.id, standard.id, standard.version, on or today, str(get_locale()))
    kept = _KEPT.get(key)
    if kept is not None and 0 <= to_ms(now) - kept.at_ms < KEPT_MS:
        return kept.page
    horizons = [_Horizon(card, standard, on, end_of_day_ms(on, card.timezone), to_ms(now))
                for on in ([on] if on is not None else list_next_dates(standard, today))]
    if not rules or not horizons or not counted_ms:
        return None
    # Of a busy shop the first date mostly has something to decide, and a week of it is a great deal to read.
    facts = _load(session, rules, horizons, counted_ms)
    page, read = _word(*facts.look(horizons[0]), horizons[0], horizons[-1].on), len(facts.course.rows)
    if not page.deciding_count and horizons[1:]:
        facts = replace(facts, course=_load_course(session, rules, horizons[-1], counted_ms))
        page, read = _find_later(facts, horizons) or page, read + len(facts.course.rows)
    if read > WORTH_KEEPING:
        _keep(key, _Kept(to_ms(now), page))
    return page


@dataclass(frozen=True)
class _Kept:
    at_ms: int
    page: OutlookPage


# Of shops with very many open promises what was found last, in this process: one more or less changes little.
_KEPT: dict[tuple[object, ...], _Kept] = {}


def _keep(key: tuple[object, ...], kept: _Kept) -> None:
    """Keep what took long to find; the oldest gives way."""
    _KEPT.pop(key, None)
    while len(_KEPT) >= MOST_KEPT:
        _KEPT.pop(next(iter(_KEPT)), None)
    _KEPT[key] = kept


def _find_later(facts: _Facts, horizons: Sequence[_Horizon]) -> OutlookPage | None:
    """The first later date on which a promise decides."""
    # A date by which nothing more falls due than by the one before it has nothing new to decide.
    counts = [facts.count_open(horizon) for horizon in horizons]
    new = [place for place, count in enumerate(counts) if place and count and count not in counts[:place]]
    found = (_word(*facts.look(horizons[place]), horizons[place], horizons[-1].on) for place in new)
    return next((page for page in found if page.deciding_count), None)


def _join_live(
    plain: OutlookPage | None, live: Live, on: date, standard: Standard, *, is_today: bool
) -> OutlookPage:
    """The section of a standard that is not plain: plain rules as they are found, the others and levels as kept."""
    known = {rule.metric for rule in list_plain_rules(standard)}
    lines = tuple(line for rule in standard.rules if rule.is_active and rule.metric not in known
                  for line in _word_live(rule, live))
    names = (name_level(standard, level) for level in (live.kept_level, live.missed_level))
    untold = tuple(name_part(rule) for rule in standard.rules if rule.id in live.untold)
    page = plain or OutlookPage(on, on, is_today, None, None, "", "", live.open_count, (), (), 0)
    return replace(page, best=live.kept_level, worst=live.missed_level, best_name=next(names), worst_name=next(names),
                   lines=(*page.lines, *lines), open_count=max(page.open_count, live.open_count), untold=untold)


def _word_live(rule: Rule, live: Live) -> Iterator[OutlookLine]:
    """A rule whose verdict the open promises still change; of a shop judged in parts each part."""
    for name, line in live.rules.items():
        own, _, part = name.partition("|")
        changes = line.kept_verdict != line.missed_verdict
        if own == rule.id and changes and line.kept_verdict and line.missed_verdict:
            said = f"{name_part(rule)} ({part})" if part else name_part(rule)
            yield OutlookLine(rule.id, said, line.kept_verdict, say_value(rule, line.kept_value), line.missed_verdict,
                              say_value(rule, line.missed_value), "")


def _load(session: Session, rules: Sequence[Rule], horizons: Sequence[_Horizon], counted_ms: int) -> _Facts:
    """What is known, with what will count otherwise until the first date ends."""
    first = horizons[0]
    shop_id, metrics = first.card.id, [rule.metric for rule in rules]
    longest = max(*(rule.window_days for rule in rules), _count_order_days(first.standard))
    held = find_standing(session, shop_id)
    return _Facts(
        rules, _load_course(session, rules, first, counted_ms),
        open_units.list_promises(session, shop_id, since_ms=counted_ms - _OVERDUE_MS, until_ms=horizons[-1].ends_ms),
        open_units.list_day_sums(session, shop_id, {*metrics, ODR}, from_day=first.on.toordinal() - longest + 1),
        open_units.list_bad_units(session, shop_id, metrics, counted_ms=counted_ms,
                                  since_ms=min(first.start_ms(rule) for rule in rules)),
        _read(held.as_decided()) if held else None)


def _load_course(session: Session, rules: Sequence[Rule], last: _Horizon, counted_ms: int) -> Course:
    metrics = [rule.metric for rule in rules]
    return open_units.load_course(session, last.card.id, metrics, counted_ms=counted_ms, until_ms=last.ends_ms)


def _read(row: StandingRow) -> Standing:
    return parse_standing({name: getattr(row, name) for name in ("level", "badges", "episodes")})


@dataclass(frozen=True)
class _Ending:
    """A promise that ends by the date, as it counts and as it is told."""

    open: OpenPromise
    told: Promise


def _gather(
    units: Sequence[OpenUnit], facts: _Facts, horizon: _Horizon
) -> dict[str, _Ending]:
    """The promises behind units, by key: one promise may stand behind a unit of several metrics."""
    known = {(one.kind, one.ref): one for one in facts.promises}
    starts = {rule.metric: horizon.start_ms(rule) for rule in facts.rules}
    found: dict[str, _Ending] = {}
    for unit in units:
        told = _find_promise(unit, known)
        key = f"{told.kind}|{told.ref}"
        empty = OpenPromise(key, unit.due_ms, frozenset(), frozenset(), unit.buyer)
        before = found[key].open if key in found else empty
        joins, hurts = (frozenset(metric for metric in metrics if unit.anchor_ms >= starts[metric])
                        for metrics in (unit.joins, unit.hurts))
        open_one = replace(before, joins=before.joins | joins, hurts=before.hurts | hurts)
        found[key] = _Ending(open_one, replace(told, due_ms=open_one.due_ms))
    return found


def _find_promise(unit: OpenUnit, known: Mapping[tuple[str, str], Promise]) -> Promise:
    """The promise a unit rests on; one made up of the unit itself where none is kept."""
    delivery = known.get(("deliver", unit.unit))
    if unit.group == "placed" and delivery is not None and delivery.due_ms == unit.due_ms:
        return delivery
    return known.get((unit.kind, unit.unit)) or Promise(unit.kind, unit.unit, unit.order_ref, None, unit.due_ms)


def _count_known(facts: _Facts, horizon: _Horizon, certain: Sequence[OpenUnit]) -> tuple[list[KnownCounts], int]:
    """What is certain to count in each window, and the orders the top level asks for."""
    last, orders_days = horizon.on.toordinal(), _count_order_days(horizon.standard)
    counts = []
    for rule in facts.rules:
        metric, start_ms = rule.metric, horizon.start_ms(rule)
        mine = [one for one in facts.sums if one.metric == metric and one.day > last - rule.window_days]
        new = [unit for unit in certain if unit.anchor_ms >= start_ms]
        broken = [unit for unit in new if metric in unit.hurts]
        buyers = {unit.buyer for unit in facts.bad if metric in unit.metrics and unit.anchor_ms >= start_ms}
        counts.append(KnownCounts(
            rule, sum(one.bad for one in mine) + len(broken),
            sum(one.base for one in mine) + sum(metric in unit.joins for unit in new),
            frozenset(buyers | {unit.buyer for unit in broken})))
    return counts, sum(one.raw_base for one in facts.sums if one.metric == ODR and one.day > last - orders_days)


def _count_order_days(standard: Standard) -> int:
    return max((level.orders_window_days or 0 for level in standard.levels), default=0)


def _word(  # what, with whom, for when
    outlook: Outlook, ending: Mapping[str, _Ending], horizon: _Horizon, until_on: date
) -> OutlookPage:
    standard, today = horizon.standard, local_day(horizon.now_ms, horizon.card.timezone)
    changing = [rule for rule in outlook.rules if rule.spare_count is not None]
    return OutlookPage(
        on=outlook.on, until_on=until_on, is_today=outlook.on == today,
        best=outlook.best.level, worst=outlook.worst.level,
        best_name=name_level(standard, outlook.best.level), worst_name=name_level(standard, outlook.worst.level),
        open_count=len(ending), lines=tuple(_word_rule(rule) for rule in changing),
        deciding=tuple(_word_promise(ending[one.key].told, one.hurts) for one in outlook.deciding[:SHOWN_PROMISES]),
        deciding_count=len(outlook.deciding))


def _word_rule(rule: RuleOutlook) -> OutlookLine:
    return OutlookLine(
        rule.metric, str(words.metric_name(rule.metric)), str(rule.best.verdict), _say_value(rule.best),
        str(rule.worst.verdict), _say_value(rule.worst), _say_spare(rule))


def _say_value(verdict: MetricVerdict) -> str:
    return words.format_metric(verdict.metric, verdict.value)


def _say_spare(rule: RuleOutlook) -> str:
    """How many of the promises due by then may be missed."""
    due, spare = rule.open_count, rule.spare_count or 0
    if not spare:
        return str(ngettext("The one still open decides.", "Of %(n)s still open none may be missed.", due,
                            n=words.count(due)))
    return str(ngettext("Of %(due)s still open, %(n)s may be missed.", "Of %(due)s still open, %(n)s may be missed.",
                        spare, due=words.count(due), n=words.count(spare)))


def _word_promise(told: Promise, hurts: frozenset[str]) -> DecidingLine:
    metrics = tuple(str(words.metric_name(metric)) for metric in METRICS if metric in hurts)
    title = words.obligation_name(told.kind) or (metrics[0] if metrics else told.kind)
    name = told.order_ref or told.conversation or told.ref.partition("|")[2] or told.ref
    return DecidingLine(told.kind, str(title), name, told.ref, told.order_ref, told.conversation, told.due_ms, metrics)
