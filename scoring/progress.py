"""What a run of evaluations makes of shops: warnings, strikes, points, levels, badges, one date after another. Pure.

``advance`` takes the progress up to the evaluation before and one evaluation, and gives the progress after it. Arrays
hold one entry per shop, in the order of the table's shops; days are counted from 1970, −1 stands for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np

from scoring.answers import UNKNOWN, YES, Answers, Facts, Flags, Ints, Numbers, Texts, answer
from scoring.evaluate import BREACHED, IS_JUDGED, Evaluation, RuleFacts, ShopFacts, day_column
from scoring.measures import day_number
from scoring.schedules import is_evaluated
from scoring.standards.decisions import Points, Step, Strikes, Tier
from scoring.standards.model import Standard
from scoring.standards.parts import Rule
from scoring.tallies import MICRO
from scoring.windows import period_start

NONE = -1


@dataclass(frozen=True)
class RuleRun:
    """How a rule went so far: evaluations breached in a row, its episode of breaches with the warning in force.

    ``ever`` says whether there was enough data to judge it once.
    """

    in_a_row: Ints
    first_breach: Ints
    last_breach: Ints
    warning: Ints
    ever: Flags

    @property
    def span_days(self) -> Ints:
        """From the first breached evaluation of the episode to its last [days]; 0 without one."""
        return np.where(self.first_breach == NONE, 0, self.last_breach - self.first_breach)


@dataclass(frozen=True)
class Lasting:
    """A step of strikes or points: since when it was reached, and whether its condition held at the last evaluation."""

    since: Ints
    held: Flags


@dataclass(frozen=True)
class Progress:
    """Everything that outlives an evaluation."""

    on: date | None
    tier: Ints
    tier_since: Ints
    rising: Ints
    falling: Ints
    rules: Mapping[str, RuleRun] = field(default_factory=dict)
    strikes: Mapping[str, tuple[tuple[int, Ints], ...]] = field(default_factory=dict)
    events: Mapping[str, tuple[tuple[int, Flags], ...]] = field(default_factory=dict)
    steps: Mapping[str, tuple[Lasting, ...]] = field(default_factory=dict)
    badges: Mapping[str, Flags] = field(default_factory=dict)
    balance: Ints | None = None

    @property
    def ever_judged(self) -> dict[str, Flags]:
        """Per rule, the shops that had enough data once; what ``evaluate`` asks for."""
        return {rule: run.ever for rule, run in self.rules.items()}

    def tier_ids(self, standard: Standard) -> list[str | None]:
        """The level of each shop, None before its first evaluation or where the standard has no levels."""
        return [standard.tiers[place].id if place >= 0 else None for place in self.tier.tolist()]

    def steps_in_force(self, name: str, steps: Sequence[Step], on: date) -> list[Flags]:
        """Which shops each step of ``points`` or ``strikes.ID`` binds on a date."""
        return [
            run.held if step.for_days is None else (run.since != NONE) & (day_number(on) < run.since + step.for_days)
            for step, run in zip(steps, self.steps[name], strict=True)]


def begin(standard: Standard, size: int) -> Progress:
    """The progress of shops never evaluated: at the start level, if the standard names one."""
    names = [tier.id for tier in standard.tiers]
    start = names.index(standard.changes.start_tier) if standard.changes.start_tier else NONE
    zeroes = np.zeros(size, np.int64)
    return Progress(None, np.full(size, start), np.full(size, NONE), zeroes, zeroes)


def regroup(progress: Progress, standard: Standard, places: Ints) -> Progress:
    """The progress for another list of shops: entry n is that of the old place ``places[n]``, −1 for a new shop."""
    new = places < 0
    start = begin(standard, len(places))

    def pick(values: Any, otherwise: Any) -> Any:
        taken = values[np.maximum(places, 0)] if len(values) else np.zeros(len(places), values.dtype)
        return np.where(new, otherwise, taken)

    return replace(
        progress, tier=pick(progress.tier, start.tier), tier_since=pick(progress.tier_since, NONE),
        rising=pick(progress.rising, 0), falling=pick(progress.falling, 0),
        rules={name: RuleRun(pick(run.in_a_row, 0), pick(run.first_breach, NONE), pick(run.last_breach, NONE),
                             pick(run.warning, 0), pick(run.ever, False)) for name, run in progress.rules.items()},
        strikes={name: tuple((day, pick(found, 0)) for day, found in runs) for name, runs in progress.strikes.items()},
        events={name: tuple((day, pick(found, False)) for day, found in runs)
                for name, runs in progress.events.items()},
        steps={name: tuple(Lasting(pick(run.since, NONE), pick(run.held, False)) for run in runs)
               for name, runs in progress.steps.items()},
        badges={name: pick(held, False) for name, held in progress.badges.items()},
        balance=None if progress.balance is None else pick(progress.balance, 0))


def advance(progress: Progress, evaluation: Evaluation) -> Progress:
    """The progress after an evaluation. Raises ValueError for a date that is not later than the one before."""
    if progress.on is not None and evaluation.on <= progress.on:
        raise ValueError(f"{evaluation.on} is not after {progress.on}; evaluations come one by one, in order")
    standard = evaluation.standard
    rules = {rule.id: _run(progress.rules.get(rule.id), evaluation, rule) for rule, _ in evaluation.rules()}
    after = replace(progress, on=evaluation.on, rules={**progress.rules, **rules})
    for strikes in standard.strikes:
        if strikes.is_active:
            after = _strike(after, strikes, evaluation)
    if standard.points is not None:
        after = _settle(after, standard.points, evaluation)
    if standard.tiers:
        after = _move(after, evaluation)
    for badge in standard.badges:
        held = np.zeros(evaluation.table.size, np.bool_)
        if badge.is_active:
            facts = ProgressFacts(evaluation, after)
            held = answer(badge.needs, facts) == YES
            if badge.keeps is not None and badge.id in progress.badges:
                held = np.where(progress.badges[badge.id], answer(badge.keeps, facts) == YES, held)
        after = replace(after, badges={**after.badges, badge.id: held})
    return after


class ProgressFacts:
    """What names mean for a shop once its history is known: strikes, points, level and badges too."""

    def __init__(self, evaluation: Evaluation, progress: Progress) -> None:
        self._shops = ShopFacts(evaluation.table, evaluation.on, evaluation.results)
        self._evaluation, self._progress = evaluation, progress
        self.size = evaluation.table.size

    def numbers(self, key: str) -> Numbers:
        """A number per shop."""
        progress, on = self._progress, day_number(self._evaluation.on)
        if key == "points":
            return self._balance()
        if key == "tier_days":
            return Numbers(on - progress.tier_since, known=progress.tier_since != NONE)
        name, _, part = key.partition(".")
        if name == "strikes":
            return Numbers(count_strikes(progress, self._strikes(part), on, self.size))
        if part in {"in_a_row", "breach_span_days", "warning"}:
            return self._history(name, part)
        return self._shops.numbers(key)

    def texts(self, key: str) -> Texts:
        """A text per shop; ``tier`` is its level."""
        if key == "tier":
            return np.array([tier or "" for tier in self._progress.tier_ids(self._evaluation.standard)], object)
        return self._shops.texts(key)

    def flags(self, key: str) -> Answers:
        """Whether a badge is held; unknown for one that stands later in the standard."""
        name, _, badge = key.partition(".")
        if name != "badge":
            raise KeyError(key)
        held = self._progress.badges.get(badge)
        return np.full(self.size, UNKNOWN) if held is None else held.astype(np.int8)

    def instead(self, key: str) -> Answers | None:
        """What a rule that is not judged counts as."""
        return self._shops.instead(key)

    def each_rule(self) -> Sequence[Facts]:
        """The shops seen from each active rule that decides something."""
        return [RuleFacts(self, rule.id) for rule, _ in self._evaluation.rules()]

    def _balance(self) -> Numbers:
        """The points [micro]; unknown to what is asked before the first account."""
        balance = self._progress.balance
        none = np.zeros(self.size, np.bool_)
        return Numbers(none.astype(np.int64), known=none) if balance is None else Numbers(
            balance, np.full(self.size, MICRO))

    def _strikes(self, name: str) -> Strikes:
        return next(strikes for strikes in self._evaluation.standard.strikes if strikes.id == name)

    def _history(self, rule: str, part: str) -> Numbers:
        run = self._progress.rules.get(rule)
        if run is None:
            return Numbers(np.zeros(self.size, np.int64), known=np.zeros(self.size, np.bool_))
        return Numbers(run.span_days if part == "breach_span_days" else getattr(run, part))


def _run(run: RuleRun | None, evaluation: Evaluation, rule: Rule) -> RuleRun:
    """A rule's run after one more evaluation. Without enough data nothing is said, and nothing moves."""
    codes, on = evaluation.verdicts(rule.id), day_number(evaluation.on)
    none, zeroes = np.full(len(codes), NONE), np.zeros(len(codes), np.int64)
    before = run or RuleRun(zeroes, none, none, zeroes, np.zeros(len(codes), np.bool_))
    if rule.evaluated is not None and not is_evaluated(rule.evaluated, evaluation.on):
        return before
    breached, judged = codes == BREACHED, IS_JUDGED[codes]
    in_a_row = np.where(judged, (before.in_a_row + 1) * breached, before.in_a_row)
    terms = evaluation.standard.warnings
    first, last, warning = before.first_breach, before.last_breach, before.warning
    over = (last != NONE) & (on - last >= terms.end_after_days)
    if over.any():
        first, last, warning = (np.where(over, rest, kept)
                                for rest, kept in ((NONE, first), (NONE, last), (0, warning)))
    first = np.where(breached & (first == NONE), on, first)
    last = np.where(breached, on, last)
    reached = np.searchsorted(np.array(terms.after_days), last - first, side="right")
    warning = np.where(breached, np.maximum(warning, reached), warning)
    return RuleRun(in_a_row, first, last, warning, before.ever | judged)


def count_strikes(progress: Progress, strikes: Strikes, on: int, size: int) -> Ints:
    """The strikes that still count on a day, per shop."""
    counting = [found for day, found in progress.strikes.get(strikes.id, ()) if on - day < strikes.last_days]
    return np.asarray(sum(counting, np.zeros(size, np.int64)), np.int64)


def _strike(progress: Progress, strikes: Strikes, evaluation: Evaluation) -> Progress:
    facts, on = ProgressFacts(evaluation, progress), day_number(evaluation.on)
    views: Sequence[Facts] = facts.each_rule() if strikes.each_rule else [facts]
    none = np.zeros(facts.size, np.int64)
    found = sum(((answer(strikes.when, view) == YES).astype(np.int64) for view in views), none)
    kept = tuple(entry for entry in progress.strikes.get(strikes.id, ()) if on - entry[0] < strikes.last_days)
    after = replace(progress, strikes={**progress.strikes, strikes.id: (*kept, (on, found))})
    count = Numbers(count_strikes(after, strikes, on, facts.size))
    return _step(after, f"strikes.{strikes.id}", strikes.steps, value=count, on=on)


def _step(progress: Progress, name: str, steps: Sequence[Step], *, value: Numbers, on: int) -> Progress:
    size = len(value.num)
    before = progress.steps.get(name) or tuple(
        Lasting(np.full(size, NONE), np.zeros(size, np.bool_)) for _ in steps)
    facts = BalanceFacts(value)
    runs = []
    for step, run in zip(steps, before, strict=True):
        held = answer(step.when, facts) == YES
        runs.append(Lasting(np.where(held & ~run.held, on, run.since), held))
    return replace(progress, steps={**progress.steps, name: tuple(runs)})


class BalanceFacts:
    """A number of strikes or points, which ``value`` stands for."""

    def __init__(self, value: Numbers) -> None:
        self._value, self.size = value, len(value.num)

    def numbers(self, key: str) -> Numbers:
        """The count or balance."""
        return self._value

    def texts(self, key: str) -> Texts:
        """There are none. Raises KeyError, like ``flags``."""
        raise KeyError(key)

    def flags(self, key: str) -> Answers:
        """There are none."""
        raise KeyError(key)

    def instead(self, key: str) -> Answers | None:
        """A count is always known."""
        return None

    def each_rule(self) -> Sequence[Facts]:
        """A count knows no rules."""
        return ()


def last_reset(points: Points, on: date) -> date:
    """The latest reset of the account at or before a date; ``date.min`` for one that is never reset."""
    if points.reset is None:
        return date.min
    if points.reset != "quarter_first_monday":
        return period_start(points.reset, on)
    quarter = period_start("quarter", on)
    start = _first_monday(quarter)
    return start if start <= on else _first_monday(period_start("quarter", quarter - date.resolution))


def _first_monday(first: date) -> date:
    return first + date.resolution * (-first.weekday() % 7)


def _settle(progress: Progress, points: Points, evaluation: Evaluation) -> Progress:
    """The account after an evaluation: its lines summed, then held between floor and ceiling."""
    on, size = day_number(evaluation.on), evaluation.table.size
    reset = last_reset(points, evaluation.on)
    since = day_number(reset) if reset > date.min else -(2**62)
    total, events = np.full(size, _micro(points.start)), dict(progress.events)
    for line in points.lines:
        if not line.is_active:
            continue
        if line.figure is not None:
            value = ShopFacts(evaluation.table, evaluation.on, evaluation.results).numbers(line.figure)
            total = total + np.where(value.known, value.num // (value.den * line.per), 0) * _micro(line.points)
            continue
        found = answer(line.when, ProgressFacts(evaluation, progress)) == YES
        entries = (*events.get(line.id, ()), (on, found))
        lasting = line.last_days or 2**40
        events[line.id] = tuple(entry for entry in entries if on - entry[0] < lasting and entry[0] >= since)
        total = total + sum(flags.astype(np.int64) for _, flags in events[line.id]) * _micro(line.points)
    low = -(2**62) if points.floor is None else _micro(points.floor)
    high = 2**62 if points.ceiling is None else _micro(points.ceiling)
    balance = np.clip(total, low, high)
    after = replace(progress, events=events, balance=balance)
    return _step(after, "points", points.steps, value=Numbers(balance, np.full(size, MICRO)), on=on)


def _micro(number: object) -> int:
    return int(Fraction(str(number)) * MICRO)


def _move(progress: Progress, evaluation: Evaluation) -> Progress:
    """The level of each shop after an evaluation, with what holds a change back."""
    standard, on = evaluation.standard, day_number(evaluation.on)
    candidate = _find_candidate(progress, evaluation)
    known = progress.tier != NONE
    better, worse = known & (candidate < progress.tier), known & (candidate > progress.tier)
    rising, falling = np.where(better, progress.rising + 1, 0), np.where(worse, progress.falling + 1, 0)
    stay = np.array([tier.stay_days for tier in standard.tiers])[np.maximum(progress.tier, 0)]
    staying = known & (progress.tier_since != NONE) & (on - progress.tier_since < stay)
    no_change, no_fall = _list_holds(evaluation)
    changes = standard.changes
    up = better & (rising >= changes.rise_after) & ~staying & ~no_change
    down = worse & (falling >= changes.fall_after) & ~staying & ~no_change & ~no_fall
    moved = up | down | ~known
    tier = np.where(moved, candidate, progress.tier)
    since = np.where(moved | (progress.tier_since == NONE), on, progress.tier_since)
    return replace(
        progress, tier=tier, tier_since=since, rising=np.where(moved, 0, rising), falling=np.where(moved, 0, falling))


def _find_candidate(progress: Progress, evaluation: Evaluation) -> Ints:
    """The best level each shop has a right to: its own and those below by ``keeps``, those above by ``needs``."""
    facts = ProgressFacts(evaluation, progress)
    tiers: Sequence[Tier] = evaluation.standard.tiers
    candidate = np.full(facts.size, len(tiers) - 1)
    for place in range(len(tiers) - 2, -1, -1):
        tier = tiers[place]
        held = answer(tier.needs, facts) == YES if tier.confirmed else np.zeros(facts.size, np.bool_)
        if tier.keeps is not None and tier.confirmed:
            has = (progress.tier != NONE) & (progress.tier <= place)
            held = np.where(has, answer(tier.keeps, facts) == YES, held)
        candidate = np.where(held, place, candidate)
    return candidate


def _list_holds(evaluation: Evaluation) -> tuple[Flags, Flags]:
    """Shops whose level may not change, or not fall, on the date."""
    on, size = evaluation.on, evaluation.table.size
    freezes = [freeze.what for freeze in evaluation.standard.changes.freezes if freeze.start <= on <= freeze.end]
    immune = np.zeros(size, np.bool_)
    if "immune_until" in evaluation.table.shops:
        until = day_column(evaluation.table.shops["immune_until"])
        immune = until.known & (day_number(on) < until.num)
    return np.full(size, "changes" in freezes), immune | ("downgrades" in freezes)
