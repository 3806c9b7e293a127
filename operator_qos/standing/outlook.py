"""What can still change by the next official result: best and worst case, and the promises that decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.clock import end_of_day_ms, to_ms
from operator_qos.i18n import find_language, ngettext
from operator_qos.ledger import open_units
from operator_qos.ledger.open_units import BadUnit, Course, DaySum, OpenUnit, Promise
from operator_qos.recent import Recent
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
WORTH_KEEPING = 2_000  # rows read
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
    today, stand = local_day(to_ms(now), card.timezone), open_units.get_stand(session, card.id)
    horizons = [_Horizon(card, standard, on, end_of_day_ms(on, card.timezone), to_ms(now))
                for on in ([on] if on is not None else list_next_dates(standard, today))]
    if not list_plain_rules(standard) or not horizons or not stand.counted_ms:
        return None
    key = (str(session.get_bind().engine.url), card.id, standard.id, standard.version, on or today, find_language())
    held = find_standing(session, card.id)
    rests_on = (stand, held.decided_on if held is not None else None)
    kept = _RECENT.find(key, stand=rests_on, now=now)
    if kept is not None:
        return kept
    page, read = _look_at(session, horizons, stand.counted_ms, held)
    if read > WORTH_KEEPING:
        _RECENT.keep(key, page, stand=rests_on, now=now)
    return page


# Of shops with very many open promises: while none of their numbers moves, one more deadline changes little.
_RECENT: Recent[OutlookPage] = Recent(most=500, age=timedelta(minutes=5))


def _look_at(
    session: Session, horizons: Sequence[_Horizon], counted_ms: int, held: StandingRow | None
) -> tuple[OutlookPage, int]:
    """The section for the first of some dates on which a promise decides, else for the first; and the rows read."""
    # Of a busy shop the first date mostly has something to decide, and a week of it is a great deal to read.
    facts = _load(session, horizons, counted_ms, held)
    seen, read = _Seen(horizons[0], *facts.look(horizons[0])), len(facts.course.rows)
    if not seen.outlook.deciding and horizons[1:]:
        facts = replace(facts, course=_load_course(session, facts.rules, horizons[-1], counted_ms))
        seen, read = _find_later(facts, horizons) or seen, read + len(facts.course.rows)
    told = _list_told(session, seen, since_ms=counted_ms - _OVERDUE_MS, until_ms=horizons[-1].ends_ms)
    return _word(seen, told, horizons[-1].on), read


def _find_later(facts: _Facts, horizons: Sequence[_Horizon]) -> _Seen | None:
    """The first later date on which a promise decides."""
    # A date by which nothing more falls due than by the one before it has nothing new to decide.
    counts = [facts.count_open(horizon) for horizon in horizons]
    new = [place for place, count in enumerate(counts) if place and count and count not in counts[:place]]
    found = (_Seen(horizons[place], *facts.look(horizons[place])) for place in new)
    return next((seen for seen in found if seen.outlook.deciding), None)


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


def _load(
    session: Session, horizons: Sequence[_Horizon], counted_ms: int, held: StandingRow | None
) -> _Facts:
    """What is known, with what will count otherwise until the first date ends."""
    first = horizons[0]
    rules = list_plain_rules(first.standard)
    shop_id, metrics = first.card.id, [rule.metric for rule in rules]
    longest = max(*(rule.window_days for rule in rules), _count_order_days(first.standard))
    return _Facts(
        rules, _load_course(session, rules, first, counted_ms),
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
    """A promise that ends by the date, as it counts, with the last of the units that rest on it."""

    open: OpenPromise
    kind: str
    unit: OpenUnit


def _gather(units: Sequence[OpenUnit], facts: _Facts, horizon: _Horizon) -> dict[str, _Ending]:
    """The promises behind units, by key: one promise may stand behind a unit of several metrics."""
    starts = {rule.metric: horizon.start_ms(rule) for rule in facts.rules}
    latest_ms = max(starts.values())
    found: dict[str, _Ending] = {}
    for unit in units:
        kind = facts.course.find_kind(unit)
        key, joins, hurts = f"{kind}|{unit.unit}", unit.joins, unit.hurts
        if unit.anchor_ms < latest_ms:
            joins, hurts = (frozenset(metric for metric in metrics if unit.anchor_ms >= starts[metric])
                            for metrics in (joins, hurts))
        before = found.get(key)
        open_one = OpenPromise(key, unit.due_ms, hurts, joins, unit.buyer) if before is None else replace(
            before.open, joins=before.open.joins | joins, hurts=before.open.hurts | hurts)
        found[key] = _Ending(open_one, kind, unit)
    return found


@dataclass(frozen=True)
class _Seen:
    """A date looked at: its outlook, and the promises it speaks of by key."""

    horizon: _Horizon
    outlook: Outlook
    ending: Mapping[str, _Ending]


def _list_told(session: Session, seen: _Seen, *, since_ms: int, until_ms: int) -> list[DecidingLine]:
    """The first promises that decide as they are kept; as their units say where none is."""
    shown = seen.outlook.deciding[:SHOWN_PROMISES]
    endings = [seen.ending[promise.key] for promise in shown]
    refs = [ending.unit.unit for ending in endings]
    known = open_units.list_promises(
        session, seen.horizon.card.id, refs, since_ms=since_ms, until_ms=until_ms) if refs else {}
    return [_word_promise(ending, known.get((ending.kind, ending.unit.unit)), promise.hurts)
            for ending, promise in zip(endings, shown, strict=True)]


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


def _word(seen: _Seen, told: Sequence[DecidingLine], until_on: date) -> OutlookPage:
    horizon, outlook = seen.horizon, seen.outlook
    standard, today = horizon.standard, local_day(horizon.now_ms, horizon.card.timezone)
    changing = [rule for rule in outlook.rules if rule.spare_count is not None]
    return OutlookPage(
        on=outlook.on, until_on=until_on, is_today=outlook.on == today,
        best=outlook.best.level, worst=outlook.worst.level,
        best_name=name_level(standard, outlook.best.level), worst_name=name_level(standard, outlook.worst.level),
        open_count=len(seen.ending), lines=tuple(_word_rule(rule) for rule in changing),
        deciding=tuple(told), deciding_count=len(outlook.deciding))


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


def _word_promise(ending: _Ending, kept: Promise | None, hurts: frozenset[str]) -> DecidingLine:
    kind, ref = ending.kind, ending.unit.unit
    order, talk = (kept.order_ref, kept.conversation) if kept is not None else (ending.unit.order_ref, None)
    metrics = tuple(str(words.metric_name(metric)) for metric in METRICS if metric in hurts)
    title = words.obligation_name(kind) or (metrics[0] if metrics else kind)
    name = order or talk or ref.partition("|")[2] or ref
    return DecidingLine(kind, str(title), name, ref, order, talk, ending.open.due_ms, metrics)
