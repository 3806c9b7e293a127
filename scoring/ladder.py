"""From the verdicts of one date to a standing: warnings, level and badges, each change with its reasons.

A pure step: the standing before, the verdicts of a date and the standard give the standing after and the
intents that lead there. Dates are judged one by one, in order; a date judged again changes nothing.

An *episode* of a metric begins at its first breached evaluation and ends at the first evaluation that lies
``end_after_days`` or more after its last breach; a breach found on that very date begins the next one.
Warning 1 comes with the episode, warning 2 with a breach ``second_after_days`` after its first; both end
with it. The level is ``below`` while an episode has breaches ``breached_apart_days`` apart; else ``top``
when every judged metric is kept, at least one is judged and the orders suffice; else ``in_standard``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from scoring.standards import Badge, MetricRule, Standard, WarningTerms
from scoring.verdicts import Verdict

_JUDGED = frozenset({Verdict.KEPT, Verdict.WATCH, Verdict.BREACHED})


class IntentKind(StrEnum):
    """What is to happen to a standing."""

    LEVEL_CHANGED = "level_changed"
    BADGE_AWARDED = "badge_awarded"
    BADGE_WITHDRAWN = "badge_withdrawn"
    WARNING_GIVEN = "warning_given"
    WARNING_ENDED = "warning_ended"
    STRIKES_GIVEN = "strikes_given"
    STRIKES_ENDED = "strikes_ended"
    STEP_REACHED = "step_reached"
    STEP_ENDED = "step_ended"


class ReasonCode(StrEnum):
    """Why; which fields of the reason speak depends on the code."""

    KEPT = "kept"  # metric and its numbers
    NOT_KEPT = "not_kept"  # metric and its numbers
    BREACHED = "breached"  # metric, its numbers, since
    STILL_BREACHED = "still_breached"  # metric, its numbers, since, until
    EPISODE_ENDED = "episode_ended"  # metric, since, until
    ENOUGH_ORDERS = "enough_orders"  # base: orders, needed
    TOO_FEW_ORDERS = "too_few_orders"  # base: orders, needed
    TOO_SMALL_BASE = "too_small_base"  # metric and its numbers, needed
    NOTHING_JUDGED = "nothing_judged"
    LEVEL_REACHED = "level_reached"
    LEVEL_LEFT = "level_left"
    NOT_JUDGED = "not_judged"  # metric and its numbers
    CONDITION_MET = "condition_met"  # key, asks, found, and of a rule its numbers
    CONDITION_UNMET = "condition_unmet"  # likewise


@dataclass(frozen=True)
class MetricVerdict:
    """The verdict of one metric on one date, with its counts, value and limit [share]; None without base."""

    metric: str
    verdict: Verdict
    bad: int
    base: int
    value: float | None
    limit: Decimal

    @classmethod
    def from_counts(cls, rule: MetricRule, verdict: Verdict, *, bad: int, base: int) -> MetricVerdict:
        """The verdict of a rule, its value as people read it: the share of good where higher is better."""
        counted = base - bad if rule.higher_is_better else bad
        return cls(rule.metric, verdict, bad, base, counted / base if base else None, rule.limit)


@dataclass(frozen=True)
class Episode:
    """A run of breaches of one metric; the dates are those of its first and last breached evaluation.

    ``warning`` is the warning in force, 1 or 2; 0 stands for none. ``breached_count`` counts dates.
    """

    metric: str
    first_breach_on: date
    last_breach_on: date
    warning: int
    breached_count: int

    @property
    def span_days(self) -> int:
        """Days from the first breached evaluation to the last."""
        return (self.last_breach_on - self.first_breach_on).days


@dataclass(frozen=True)
class Standing:
    """The official level with its badges, and the episodes going on, sorted by metric."""

    level: str
    badges: frozenset[str]
    episodes: tuple[Episode, ...]


@dataclass(frozen=True)
class Reason:
    """One fact behind an intent, as numbers; the words are the reader's language's business.

    Of a condition: the ``key`` it looks at, what it ``asks`` as written, and what was ``found``, a text or an exact
    number like 1/3; None for nothing known.
    """

    code: ReasonCode
    metric: str | None = None
    bad: int | None = None
    base: int | None = None
    value: float | None = None
    limit: Decimal | None = None
    since: date | None = None
    until: date | None = None
    needed: int | None = None
    key: str | None = None
    asks: str | None = None
    found: str | None = None


@dataclass(frozen=True)
class Intent:
    """One change: of a level (ids), a badge (id or None) or the warning of a metric (0, 1 or 2).

    Of strikes it holds their numbers, of their steps or those of points the place of the step from 1, or None; their
    name stands as ``metric``: ``strikes.ID`` or ``points``. A standard's own rules stand by their ids.
    """

    kind: IntentKind
    before: str | int | None
    after: str | int | None
    metric: str | None
    reasons: tuple[Reason, ...]


NEW_STANDING = Standing("in_standard", frozenset(), ())


@dataclass(frozen=True)
class Held:
    """What a date may not take from a shop: its level, whatever it is, and these badges."""

    level: bool = False
    badges: frozenset[str] = frozenset()


NOTHING_HELD = Held()


@dataclass(frozen=True)
class _Evaluation:
    """All that one date is judged by."""

    verdicts: Mapping[str, MetricVerdict]
    on: date
    orders: int
    standard: Standard


def step(
    standing: Standing | None,
    verdicts: Sequence[MetricVerdict],
    *,
    on: date,
    orders_60d: int,
    standard: Standard,
    held: Held = NOTHING_HELD,
) -> tuple[Standing, tuple[Intent, ...]]:
    """The standing after the evaluation of date ``on``, and the intents that lead there.

    What is ``held`` is not lost on this date, whatever the verdicts: the level does not fall, the badges stay.

    ``standing`` None is a first evaluation: it starts in standard, without an intent for that.
    ``orders_60d`` are the orders placed in the top level's window (60 days in our own standard). Intents come
    as warnings by metric, then the level, then badges. Raises ValueError when a metric has two verdicts.
    """
    before = standing or NEW_STANDING
    evaluation = _Evaluation(_by_metric(verdicts), on, orders_60d, standard)
    episodes = _move_episodes(before.episodes, evaluation)
    level = _find_level(episodes, evaluation)
    if held.level and is_lower(level, before.level, standard):
        level = before.level
    earned = frozenset(b.id for b in standard.badges if _is_earned(b, level, evaluation, held=b.id in before.badges))
    badges = earned | (before.badges & held.badges)
    after = Standing(level, badges, episodes)
    intents = (
        *_list_warning_intents(before, after, evaluation),
        *_list_level_intents(before, after, evaluation),
        *_list_badge_intents(before, after, evaluation),
    )
    return after, intents


def is_lower(level: str, than: str, standard: Standard) -> bool:
    """Whether a level stands below another; one that the standard does not have is below nothing."""
    places = {tier.id: place for place, tier in enumerate(standard.tiers)}
    return level in places and than in places and places[level] > places[than]


def _by_metric(verdicts: Sequence[MetricVerdict]) -> dict[str, MetricVerdict]:
    by_metric = {verdict.metric: verdict for verdict in verdicts}
    if len(by_metric) < len(verdicts):
        names = [verdict.metric for verdict in verdicts]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"verdicts: {twice} is judged twice, give one verdict per metric")
    return by_metric


def _move_episodes(episodes: Iterable[Episode], evaluation: _Evaluation) -> tuple[Episode, ...]:
    terms, on = evaluation.standard.warnings, evaluation.on
    going_on = {e.metric: e for e in episodes if not _has_ended(e, on, terms)}
    for metric, verdict in evaluation.verdicts.items():
        if verdict.verdict == Verdict.BREACHED:
            known = going_on.get(metric)
            going_on[metric] = _prolong(known, on, terms) if known else Episode(metric, on, on, 1, 1)
    return tuple(going_on[metric] for metric in sorted(going_on))


def _has_ended(episode: Episode, on: date, terms: WarningTerms) -> bool:
    return (on - episode.last_breach_on).days >= terms.end_after_days


def _prolong(episode: Episode, on: date, terms: WarningTerms) -> Episode:
    if on <= episode.last_breach_on:
        return episode
    longer = replace(episode, last_breach_on=on, breached_count=episode.breached_count + 1)
    return replace(longer, warning=2) if longer.span_days >= terms.second_after_days else longer


def _find_level(episodes: Iterable[Episode], evaluation: _Evaluation) -> str:
    if _list_below(episodes, evaluation.standard):
        return "below"
    return "in_standard" if any(_list_missed(evaluation)) else "top"


def _list_below(episodes: Iterable[Episode], standard: Standard) -> list[Episode]:
    """The episodes that hold the level below the standard."""
    apart_days = standard.get_level("below").breached_apart_days or 0
    return [episode for episode in episodes if episode.span_days >= apart_days]


def _list_missed(evaluation: _Evaluation) -> Iterator[Reason]:
    """What keeps a shop from the top level."""
    judged = _list_judged(evaluation)
    if not judged:
        yield Reason(ReasonCode.NOTHING_JUDGED)
    for verdict in judged:
        if verdict.verdict != Verdict.KEPT:
            yield _with_numbers(ReasonCode.NOT_KEPT, verdict)
    needed = _needed_orders(evaluation)
    if evaluation.orders < needed:
        yield Reason(ReasonCode.TOO_FEW_ORDERS, base=evaluation.orders, needed=needed)


def _list_met(evaluation: _Evaluation) -> Iterator[Reason]:
    """What the top level rests on."""
    for verdict in _list_judged(evaluation):
        yield _with_numbers(ReasonCode.KEPT, verdict)
    needed = _needed_orders(evaluation)
    yield Reason(ReasonCode.ENOUGH_ORDERS, base=evaluation.orders, needed=needed)


def _list_judged(evaluation: _Evaluation) -> list[MetricVerdict]:
    return [verdict for verdict in evaluation.verdicts.values() if verdict.verdict in _JUDGED]


def _needed_orders(evaluation: _Evaluation) -> int:
    return evaluation.standard.get_level("top").min_orders or 0


def _is_earned(badge: Badge, level: str, evaluation: _Evaluation, *, held: bool) -> bool:
    if badge.metric is None:
        return level == badge.level
    verdict = evaluation.verdicts.get(badge.metric)
    needed = (badge.kept_base if held else badge.min_base) or 0
    return verdict is not None and verdict.verdict == Verdict.KEPT and verdict.base >= needed


def _list_warning_intents(before: Standing, after: Standing, evaluation: _Evaluation) -> Iterator[Intent]:
    old = {episode.metric: episode for episode in before.episodes}
    new = {episode.metric: episode for episode in after.episodes}
    for metric in sorted(old.keys() | new.keys()):
        was, now = old.get(metric), new.get(metric)
        if was and (now is None or now.first_breach_on != was.first_breach_on):
            yield _warning(IntentKind.WARNING_ENDED, was.warning, 0, _ended(was))
            was = None
        held = was.warning if was else 0
        if now and now.warning > held:
            yield _warning(IntentKind.WARNING_GIVEN, held, now.warning, _breached(now, evaluation))


def _warning(kind: IntentKind, before: int, after: int, reason: Reason) -> Intent:
    return Intent(kind, before, after, reason.metric, (reason,))


def _list_level_intents(before: Standing, after: Standing, evaluation: _Evaluation) -> Iterator[Intent]:
    if before.level == after.level:
        return
    reasons = tuple(_explain_level(before, after, evaluation))
    yield Intent(IntentKind.LEVEL_CHANGED, before.level, after.level, None, reasons)


def _explain_level(before: Standing, after: Standing, evaluation: _Evaluation) -> Iterator[Reason]:
    standard = evaluation.standard
    if after.level == "below":
        yield from (_breached(episode, evaluation) for episode in _list_below(after.episodes, standard))
        return
    if before.level == "below":
        yield from (_ended(episode) for episode in _list_below(before.episodes, standard))
    yield from _list_met(evaluation) if after.level == "top" else _list_missed(evaluation)


def _list_badge_intents(before: Standing, after: Standing, evaluation: _Evaluation) -> Iterator[Intent]:
    known = {badge.id: badge for badge in evaluation.standard.badges}
    for badge_id in sorted(before.badges - after.badges):
        badge = known.get(badge_id)
        reasons = tuple(_explain_badge(badge, evaluation, earned=False)) if badge else ()
        yield Intent(IntentKind.BADGE_WITHDRAWN, badge_id, None, badge.metric if badge else None, reasons)
    for badge_id in sorted(after.badges - before.badges):
        badge = known[badge_id]
        reasons = tuple(_explain_badge(badge, evaluation, earned=True))
        yield Intent(IntentKind.BADGE_AWARDED, None, badge_id, badge.metric, reasons)


def _explain_badge(badge: Badge, evaluation: _Evaluation, *, earned: bool) -> Iterator[Reason]:
    if badge.metric is None:
        yield Reason(ReasonCode.LEVEL_REACHED if earned else ReasonCode.LEVEL_LEFT)
        return
    verdict = evaluation.verdicts.get(badge.metric)
    if verdict is None:
        yield Reason(ReasonCode.NOTHING_JUDGED, badge.metric)
        return
    code = ReasonCode.KEPT if earned else ReasonCode.NOT_KEPT
    if not earned and verdict.verdict in (Verdict.KEPT, Verdict.NOT_ENOUGH_DATA):
        code = ReasonCode.TOO_SMALL_BASE
    yield replace(_with_numbers(code, verdict), needed=badge.min_base if earned else badge.kept_base)


def _breached(episode: Episode, evaluation: _Evaluation) -> Reason:
    """The breaches of an episode, with the numbers of the date where it has any."""
    code = ReasonCode.BREACHED if episode.breached_count == 1 else ReasonCode.STILL_BREACHED
    verdict = evaluation.verdicts.get(episode.metric)
    reason = _with_numbers(code, verdict) if verdict else Reason(code, episode.metric)
    return replace(reason, since=episode.first_breach_on, until=episode.last_breach_on)


def _ended(episode: Episode) -> Reason:
    since, until = episode.first_breach_on, episode.last_breach_on
    return Reason(ReasonCode.EPISODE_ENDED, episode.metric, since=since, until=until)


def _with_numbers(code: ReasonCode, verdict: MetricVerdict) -> Reason:
    return Reason(code, verdict.metric, verdict.bad, verdict.base, verdict.value, verdict.limit)


def to_plain(value: Standing | Episode | Intent | Reason) -> dict[str, Any]:
    """The fields as plain values, ready for JSON: dates as ISO text, decimals as text, badges sorted."""
    return {key: _plain(item) for key, item in vars(value).items()}


def parse_standing(plain: Mapping[str, Any]) -> Standing:
    """The standing that ``to_plain`` wrote. Raises KeyError or ValueError for anything else."""
    episodes = (
        Episode(
            metric=str(item["metric"]),
            first_breach_on=date.fromisoformat(item["first_breach_on"]),
            last_breach_on=date.fromisoformat(item["last_breach_on"]),
            warning=int(item["warning"]),
            breached_count=int(item["breached_count"]),
        )
        for item in plain["episodes"]
    )
    return Standing(str(plain["level"]), frozenset(plain["badges"]), tuple(episodes))


def _plain(value: Any) -> Any:
    if value is None or type(value) in {int, float, str}:
        return value
    if isinstance(value, (Episode, Reason)):
        return to_plain(value)
    if isinstance(value, (StrEnum, date, Decimal)):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value
