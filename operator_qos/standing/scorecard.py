"""A seller's scorecard: where a shop stands, what the next level takes, what it may still lose, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from math import ceil

from sqlalchemy.orm import Session

from operator_qos import words
from operator_qos.charts import Squares, draw_squares
from operator_qos.evaluation.rule_page import RuleLine, list_rule_lines
from operator_qos.formats import format_day, to_local
from operator_qos.i18n import find_language, gettext, ngettext
from operator_qos.ledger.card_sums import SHOWN_DAYS
from operator_qos.ledger.queries import ScorecardRow, list_scorecards
from operator_qos.ledger.units import UnitLine, UnitsView, build_lines, find_units, settled_title
from operator_qos.metric_cards import MetricCard, allowed_failures, build_cards
from operator_qos.models import ShopStanding
from operator_qos.sellers import shop_queries
from operator_qos.sellers.queries import ShopCard
from operator_qos.sellers.shop import HistoryLine, find_expected, list_history
from operator_qos.standards.binding import get_bound
from operator_qos.standards.phrases import say_condition
from operator_qos.standards.titles import name_badge, name_level
from operator_qos.standards.wording import sentence
from operator_qos.standing.live import Live, find_live
from operator_qos.standing.outlook import OutlookPage, find_outlook
from operator_qos.standing.trend import Trend, draw_trend
from scoring.ladder import Episode, parse_standing
from scoring.plain import is_plain, list_plain_rules
from scoring.standards import MetricRule, Standard
from scoring.verdicts import orders_needed, room_left, to_bad_limit
from scoring.windows import local_day

SHOWN_UNITS = 10
SHOWN_CHANGES = 12
JUDGED = ("kept", "watch", "breached")


@dataclass(frozen=True)
class Need:
    """One thing the next level takes; `state`: ok, todo, or free where it does not stand in the way."""

    state: str
    title: str
    text: str
    metric: str | None
    rule: str | None = None  # whose page tells more, of a standard that is not plain


@dataclass(frozen=True)
class Room:
    """How many failures a metric still allows; squares for those allowed in all, the used ones filled."""

    metric: str
    left: int
    failures: str
    squares: Squares
    used: str


@dataclass(frozen=True)
class WarningLine:
    """A warning in force, and the day on which it ends without a further breach."""

    level: int
    metric: str
    since_on: date
    last_on: date
    ends_on: date


@dataclass(frozen=True)
class MetricPanel:
    """One judged metric with its weeks and, in a sentence, what is left."""

    card: MetricCard
    trend: Trend
    sentence: str


@dataclass(frozen=True)
class AgainstTab:
    """A metric with something that counts against the shop."""

    metric: str
    failures: str
    count: int


@dataclass(frozen=True)
class AgainstRow:
    """One unit that counts against the shop, and the last day on which it does."""

    line: UnitLine
    counts_until: date


@dataclass(frozen=True)
class Against:
    """What counts against the shop in the chosen metric; `view` None where nothing does anywhere."""

    tabs: tuple[AgainstTab, ...]
    view: UnitsView | None
    rows: tuple[AgainstRow, ...]
    settled_title: str


@dataclass(frozen=True)
class ScorecardPage:
    """Everything on the page. `level` None: never judged; `ladder` rises; `target` is where the needs lead."""

    as_of_ms: int | None
    since_ms: int | None
    standard: Standard
    level: str | None
    level_name: str
    since_on: date | None
    decided_on: date | None
    badges: tuple[str, ...]
    warnings: tuple[WarningLine, ...]
    ladder: tuple[tuple[str, str], ...]
    expected: str | None
    expected_name: str
    target: str
    target_name: str
    needs: tuple[Need, ...]
    rooms: tuple[Room, ...]
    outlook: OutlookPage | None
    panels: tuple[MetricPanel, ...]
    counted: str
    rules: tuple[RuleLine, ...]
    live_ms: int | None
    others: tuple[MetricCard, ...]
    against: Against
    history: tuple[HistoryLine, ...]


def _day(on: date) -> str:
    return format_day(on, find_language(), year=True)


def count_to_mend(score: ScorecardRow, rule: MetricRule) -> int | None:
    """How many units in order, one after the other, bring the value back; None where no number does."""
    limit: Fraction = to_bad_limit(rule.limit, rule.higher_is_better)
    if limit == 0:
        return None
    return max(0, ceil(score.bad / limit) - score.base)


def _limit_title(rule: MetricRule) -> str:
    limit = words.limit_phrase(float(rule.limit), rule.higher_is_better)
    return f"{words.metric_name(rule.metric)}{gettext(': ')}{limit}"


def _metric_need(score: ScorecardRow | None, rule: MetricRule, standard: Standard) -> Need:
    title = _limit_title(rule)
    if score is None or score.verdict not in JUDGED:
        missing = orders_needed(score.base if score else 0, standard.evidence.min_base)
        said = ngettext(
            "Not judged yet: %(n)s more needed. It does not stand in your way.",
            "Not judged yet: %(n)s more needed. It does not stand in your way.",
            missing,
            n=words.count(missing),
        )
        return Need("free", title, str(said), rule.metric)
    value = words.format_metric(rule.metric, score.value)
    if score.verdict == "kept":
        return Need("ok", title, str(gettext("You are at %(value)s. Reached.", value=value)), rule.metric)
    return Need("todo", title, _mend_sentence(score, rule, value), rule.metric)


def _mend_sentence(score: ScorecardRow, rule: MetricRule, value: str) -> str:
    over = score.bad - allowed_failures(score.base, rule)
    said = gettext(
        "You are at %(value)s: %(n)s too many (%(failures)s).",
        value=value,
        n=words.count(over),
        failures=words.metric_failures(rule.metric),
    )
    needed = count_to_mend(score, rule)
    if not needed:
        return str(said)
    told = ngettext(
        "%(n)s in order one after the other brings you back; old ones leave the count by themselves.",
        "%(n)s in order one after the other bring you back; old ones leave the count by themselves.",
        needed,
        n=words.count(needed),
    )
    return f"{said} {told}"


def _orders_need(scores: Mapping[str, ScorecardRow], standard: Standard) -> Need:
    top = standard.get_level("top")
    needed, days = top.min_orders or 0, top.orders_window_days or 0
    placed = scores.get("order_defect_rate")
    have = placed.raw_base if placed else 0
    title = gettext("At least %(n)s orders in %(days)s days", n=words.count(needed), days=days)
    if have >= needed:
        return Need("ok", str(title), str(gettext("You have %(n)s. Reached.", n=words.count(have))), None)
    said = gettext(
        "You have %(n)s, %(missing)s more are needed.",
        n=words.count(have),
        missing=words.count(needed - have),
    )
    return Need("todo", str(title), str(said), None)


def _list_holding(episodes: Sequence[Episode], standard: Standard) -> list[Episode]:
    """The episodes that hold the level below the standard."""
    apart = standard.get_level("below").breached_apart_days or 0
    return [episode for episode in episodes if episode.span_days >= apart]


def _episode_need(episode: Episode, standard: Standard) -> Need:
    ends_on = episode.last_breach_on + timedelta(days=standard.warnings.end_after_days)
    title = gettext("%(metric)s: no breach until %(day)s", metric=words.metric_name(episode.metric), day=_day(ends_on))
    said = gettext("Last breached on %(day)s.", day=_day(episode.last_breach_on))
    return Need("todo", str(title), str(said), episode.metric)


def list_needs(
    level: str | None, episodes: Sequence[Episode], scores: Mapping[str, ScorecardRow], standard: Standard
) -> tuple[str, tuple[Need, ...]]:
    """The next level (the top one for those on it) and what it takes, by the standard's rules."""
    if level == "below":
        holding = _list_holding(episodes, standard)
        return "in_standard", tuple(_episode_need(episode, standard) for episode in holding)
    needs = [_metric_need(scores.get(rule.metric), rule, standard) for rule in list_plain_rules(standard)]
    return "top", (*needs, _orders_need(scores, standard))


def list_rule_needs(level: str | None, rules: Sequence[RuleLine], standard: Standard) -> tuple[str, tuple[Need, ...]]:
    """The next level of a standard that is not plain and what it takes: the condition in words, then rule by rule."""
    names = [tier.id for tier in standard.tiers]
    if not names:
        return "", tuple(_rule_need(line) for line in rules)
    place = names.index(level) if level in names else len(names) - 1
    target = standard.tiers[max(0, place - 1)]
    asked = say_condition(target.needs, standard) if target.needs is not None else ""
    whole = [Need("free", name_level(standard, target.id), sentence(asked), None)] if asked else []
    return target.id, (*whole, *(_rule_need(line) for line in rules))


def _rule_need(line: RuleLine) -> Need:
    title = f"{line.name}{gettext(': ')}{line.asked}" if line.asked else line.name
    if line.verdict not in JUDGED:
        said = gettext("Not judged yet: there was too little to count.")
        return Need("free", title, str(said), None, line.id)
    if line.verdict == "kept":
        return Need("ok", title, str(gettext("You are at %(value)s. Reached.", value=line.value)), None, line.id)
    return Need("todo", title, str(gettext("You are at %(value)s. Not reached.", value=line.value)), None, line.id)


def _room(score: ScorecardRow, rule: MetricRule) -> Room:
    allowed = allowed_failures(score.base, rule)
    left = room_left(score.bad, score.base, limit=rule.limit, higher_is_better=rule.higher_is_better, expected_more=0)
    used = gettext(
        "%(used)s of %(allowed)s used, with %(base)s counted",
        used=words.count(score.bad),
        allowed=words.count(allowed),
        base=words.count(score.base),
    )
    squares = draw_squares(used=min(score.bad, allowed), allowed=allowed)
    return Room(rule.metric, left, str(words.metric_failures(rule.metric)), squares, str(used))


def list_rooms(scores: Mapping[str, ScorecardRow], standard: Standard) -> tuple[Room, ...]:
    """The room left in every judged metric, the tightest first."""
    rooms = [
        _room(scores[rule.metric], rule)
        for rule in list_plain_rules(standard)
        if rule.metric in scores and scores[rule.metric].verdict in JUDGED
    ]
    return tuple(sorted(rooms, key=lambda room: room.left))


def _warnings(episodes: Sequence[Episode], standard: Standard) -> tuple[WarningLine, ...]:
    return tuple(
        WarningLine(
            episode.warning,
            str(words.metric_name(episode.metric)),
            episode.first_breach_on,
            episode.last_breach_on,
            episode.last_breach_on + timedelta(days=standard.warnings.end_after_days),
        )
        for episode in episodes
        if episode.warning
    )


def _counted(cards: Sequence[MetricCard]) -> str:
    """ "4 kept, 1 to watch, 2 not judged"."""
    verdicts = [card.verdict for card in cards]
    kept, watch, breached = (verdicts.count(name) for name in JUDGED)
    unjudged = len(verdicts) - kept - watch - breached
    parts = [
        (kept, ngettext("kept", "kept", kept)),
        (watch, gettext("to watch")),
        (breached, ngettext("breached", "breached", breached)),
        (unjudged, ngettext("not judged", "not judged", unjudged)),
    ]
    return ", ".join(f"{words.count(number)} {name}" for number, name in parts if number)


def _panel(card: MetricCard, score: ScorecardRow, rule: MetricRule, zone: str) -> MetricPanel:
    sentence = card.room
    needed = count_to_mend(score, rule) if score.verdict in {"watch", "breached"} else None
    if needed:
        told = gettext("%(n)s in order one after the other bring you back.", n=words.count(needed))
        sentence = f"{card.room}. {told}"
    return MetricPanel(card, draw_trend(score, rule, zone=zone), sentence)


def _choose(tabs: Sequence[AgainstTab], asked: str | None) -> str | None:
    known = [tab.metric for tab in tabs]
    if asked in known:
        return asked
    return known[0] if known else None


def _list_against(
    session: Session, card: ShopCard, scores: Mapping[str, ScorecardRow], *, standard: Standard, asked: str | None
) -> Against:
    tabs = tuple(
        AgainstTab(rule.metric, str(words.metric_failures(rule.metric)), scores[rule.metric].bad)
        for rule in list_plain_rules(standard)
        if rule.metric in scores and scores[rule.metric].bad
    )
    metric = _choose(tabs, asked)
    view = find_units(session, card.id, metric=metric, show="bad", latest=SHOWN_UNITS,
                      score=scores[metric]) if metric else None
    if metric is None or view is None:
        return Against(tabs, None, (), "")
    days = view.card.window_days or SHOWN_DAYS
    lines = build_lines(session, card.id, view, view.rows[:SHOWN_UNITS])
    rows = tuple(
        AgainstRow(line, local_day(line.unit.anchor_ms, card.timezone) + timedelta(days=days - 1)) for line in lines
    )
    return Against(tabs, view, rows, settled_title(view.metric))


@dataclass(frozen=True)
class _Place:
    """The stored standing, taken apart."""

    row: ShopStanding | None
    episodes: tuple[Episode, ...]
    expected: str | None


def _read_place(
    session: Session, card: ShopCard, scores: Mapping[str, ScorecardRow], *, standard: Standard, now: datetime,
    live: Live | None,
) -> _Place:
    row = shop_queries.find_standing(session, card.id)
    if row is None:
        return _Place(None, (), None)
    standing = parse_standing({"level": row.level, "badges": row.badges, "episodes": row.episodes})
    expected = find_expected(row, scores, to_local(now, card.timezone).date(), standard=standard, live=live)
    return _Place(row, standing.episodes, expected)


def build_scorecard(session: Session, card: ShopCard, *, now: datetime, asked: str | None = None) -> ScorecardPage:
    """The page as of now; `asked` is the metric whose failures are listed."""
    standard = get_bound(session, card.id, now=now)
    scores = list_scorecards(session, [card.id]).get(card.id, {})
    cards = build_cards(scores, list_plain_rules(standard), standard.evidence)
    judged = [found for found in cards if found.limit]
    rules = {rule.metric: rule for rule in list_plain_rules(standard)}
    live = find_live(session, card.id, standard)
    place = _read_place(session, card, scores, standard=standard, now=now, live=live)
    level, lines = place.row.level if place.row else None, list_rule_lines(session, card.id, standard, live)
    target, needs = (list_needs(level, place.episodes, scores, standard) if is_plain(standard)
                     else list_rule_needs(level, lines, standard))
    return ScorecardPage(
        as_of_ms=max((score.as_of_ms for score in scores.values()), default=None),
        since_ms=min((scores[found.metric].window_start_ms for found in judged), default=None),
        standard=standard,
        level=level,
        level_name=name_level(standard, level),
        since_on=place.row.since_on if place.row else None,
        decided_on=place.row.decided_on if place.row else None,
        badges=tuple(name_badge(standard, badge) for badge in place.row.badges) if place.row else (),
        warnings=_warnings(place.episodes, standard),
        ladder=tuple((tier.id, name_level(standard, tier.id)) for tier in reversed(standard.tiers)),
        expected=place.expected,
        expected_name=name_level(standard, place.expected),
        target=target,
        target_name=name_level(standard, target),
        needs=needs,
        rooms=list_rooms(scores, standard),
        outlook=find_outlook(session, card, standard, now=now),
        panels=tuple(
            _panel(found, scores[found.metric], rules[found.metric], card.timezone) for found in judged
        ),
        counted=_counted(judged),
        rules=lines,
        live_ms=live.as_of_ms if live is not None else None,
        others=tuple(found for found in cards if not found.limit),
        against=_list_against(session, card, scores, standard=standard, asked=asked),
        history=list_history(session, card.id, limit=SHOWN_CHANGES),
    )
