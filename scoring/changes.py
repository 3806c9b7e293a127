"""What one evaluation changed for each shop, with the reasons: warnings, level, badges, strikes, steps in force. Pure.

The intents are those of ``scoring.ladder``, for any standard. Reasons are read off the conditions that decided: the
tests that held or failed, with what was found, and the numbers of the rules they look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import numpy as np

from scoring.answers import Facts, Ints
from scoring.evaluate import Evaluation, Result
from scoring.explanations import Finding, explain
from scoring.ladder import Intent, IntentKind, Reason, ReasonCode
from scoring.measures import EPOCH, day_number
from scoring.progress import NONE, BalanceFacts, Progress, ProgressFacts, RuleRun, count_strikes
from scoring.progress_text import list_stepped
from scoring.standards.conditions import Compare, Condition, parse_condition
from scoring.standards.decisions import Badge, Step, Strikes
from scoring.standards.names import HISTORY_NUMBERS, RULE_NAMES
from scoring.standards.parts import Rule
from scoring.verdicts import VERDICTS, Verdict

Told = tuple[int, Intent]
_CODES = {
    Verdict.KEPT: ReasonCode.KEPT, Verdict.WATCH: ReasonCode.NOT_KEPT, Verdict.NOT_ENOUGH_DATA: ReasonCode.NOT_JUDGED,
    Verdict.EXEMPT: ReasonCode.NOT_JUDGED,
}


def list_changes(before: Progress, evaluation: Evaluation, after: Progress) -> dict[int, tuple[Intent, ...]]:
    """The intents of each shop position of whom anything changed: warnings by rule, level, badges, strikes, steps.

    ``before`` and ``after`` have the entries of the evaluation's table; ``after`` is what ``advance`` made of the two.
    A first level, where the standard names none to start from, is a change from None.
    """
    teller = _Teller(evaluation, before, after)
    found: dict[int, list[Intent]] = {}
    for place, intent in (*teller.warnings(), *teller.levels(), *teller.badges(), *teller.strikes(), *teller.steps()):
        found.setdefault(place, []).append(intent)
    return {place: tuple(found[place]) for place in sorted(found)}


@dataclass(frozen=True)
class _Leaf:
    """A test that decided, and the rule it was asked of, None where it names its own."""

    finding: Finding
    rule: str | None

    @property
    def name(self) -> str:
        """The figure or rule it looks at, else the attribute of the shop."""
        name, _, part = self.finding.key.rpartition(".")
        return name or (self.rule if self.rule and part in RULE_NAMES else part)

    @property
    def part(self) -> str:
        """What of it: ``verdict``, ``base`` and the like, ``value`` for itself."""
        name, _, part = self.finding.key.rpartition(".")
        return part if name or (self.rule and part in RULE_NAMES) else "value"

    @property
    def code(self) -> ReasonCode:
        """How it is told where nothing tells more."""
        return ReasonCode.CONDITION_MET if self.finding.answer else ReasonCode.CONDITION_UNMET


def list_causes(finding: Finding, rules: tuple[str, ...], rule: str | None = None) -> Iterator[_Leaf]:
    """The tests that make a finding what it is: those that hold of one that does, that fail of one that does not."""
    if finding.kind == "test":
        yield _Leaf(finding, rule)
        return
    over = rules if finding.kind in {"every", "some"} else [rule] * len(finding.parts)
    turned = {True: False, False: True, None: None} if finding.kind == "not" else {a: a for a in (True, False, None)}
    for part, name in zip(finding.parts, over, strict=True):
        if part.answer is turned[finding.answer]:
            yield from list_causes(part, rules, name)


class _Teller:
    """One date of all shops, ready to be told."""

    def __init__(self, evaluation: Evaluation, before: Progress, after: Progress) -> None:
        self.evaluation, self.before, self.after = evaluation, before, after
        self.standard, self.size = evaluation.standard, evaluation.table.size
        self.rules = tuple(rule.id for rule, _ in evaluation.rules())

    def warnings(self) -> Iterator[Told]:
        """Warnings that ended with their episode, and those that were given."""
        for name in sorted(self.rules):
            now = self.after.rules[name]
            was = self.before.rules.get(name) or _no_run(self.size)
            over = (was.warning > 0) & (now.first_breach != was.first_breach)
            held = np.where(over, 0, was.warning)
            for place in np.flatnonzero(over | (now.warning > held)).tolist():
                yield from self._list_warnings(name, place, bool(over[place]), int(held[place]))

    def _list_warnings(self, name: str, place: int, over: bool, held: int) -> Iterator[Told]:
        given = int(self.after.rules[name].warning[place])
        if over:
            was = self.before.rules[name]
            yield place, Intent(
                IntentKind.WARNING_ENDED, int(was.warning[place]), 0, name, (_ended(name, was, place),))
        if given > held:
            yield place, Intent(IntentKind.WARNING_GIVEN, held, given, name, (self._breached(name, place),))

    def levels(self) -> Iterator[Told]:
        """Levels that changed: a fall is told by what the level above asks and misses, a rise by what it rests on.

        A first level that asks nothing is told like a fall.
        """
        ids = [tier.id for tier in self.standard.tiers]
        # What a level asks is answered before the level moves, with the badges of before.
        seen = replace(self.after, tier=self.before.tier, tier_since=self.before.tier_since, badges=self.before.badges)
        facts = ProgressFacts(self.evaluation, seen)
        for place in np.flatnonzero(self.before.tier != self.after.tier).tolist():
            was, now = int(self.before.tier[place]), int(self.after.tier[place])
            falls = now > was if was != NONE else now > 0 and self.standard.tiers[now].needs is None
            reasons = self._explain_level(facts, place, tier=now - 1 if falls else now, falls=falls)
            yield place, Intent(
                IntentKind.LEVEL_CHANGED, None if was == NONE else ids[was], ids[now], None, reasons)

    def _explain_level(self, facts: Facts, place: int, *, tier: int, falls: bool) -> tuple[Reason, ...]:
        asked = self.standard.tiers[tier]
        has = self.before.tier[place] != NONE and self.before.tier[place] <= tier
        condition = asked.keeps if has and asked.keeps is not None else asked.needs
        ended = () if falls else tuple(self._list_ended(place))
        return (*ended, *self.tell(condition, facts, place, skip=() if falls else HISTORY_NUMBERS))

    def _list_ended(self, place: int) -> Iterator[Reason]:
        for name, was in self.before.rules.items():
            now = self.after.rules.get(name, was)
            if was.first_breach[place] not in {NONE, now.first_breach[place]}:
                yield _ended(name, was, place)

    def badges(self) -> Iterator[Told]:
        """Badges withdrawn, then those awarded; each sees the ones before it as they are by then."""
        held = dict(self.before.badges)
        found: list[Told] = []
        for badge in sorted(self.standard.badges, key=lambda badge: badge.id):
            was = held.get(badge.id, np.zeros(self.size, np.bool_))
            changed = np.flatnonzero(was != self.after.badges[badge.id]).tolist()
            found += [(place, self._badge(badge, place, bool(was[place]))) for place in changed]
        yield from sorted(found, key=lambda told: told[1].before is None)

    def _badge(self, badge: Badge, place: int, held: bool) -> Intent:
        kind = IntentKind.BADGE_WITHDRAWN if held else IntentKind.BADGE_AWARDED
        ids = [other.id for other in self.standard.badges]
        earlier = {name: self.after.badges[name] for name in ids[: ids.index(badge.id)]}
        facts = ProgressFacts(self.evaluation, replace(self.after, badges={**self.before.badges, **earlier}))
        asked = badge.keeps if held and badge.keeps is not None else badge.needs
        reasons = self.tell(asked, facts, place) if badge.is_active else ()
        return Intent(kind, badge.id if held else None, None if held else badge.id, badge.metric, reasons)

    def strikes(self) -> Iterator[Told]:
        """Strikes given, told by what they were for, and those that no longer count."""
        for strikes in self.standard.strikes:
            if not strikes.is_active:
                continue
            was, now = (_count(progress, strikes, self.size) for progress in (self.before, self.after))
            given = self.after.strikes[strikes.id][-1][1]  # those of the date itself
            for place in np.flatnonzero((given > 0) | (was != now)).tolist():
                kind = IntentKind.STRIKES_GIVEN if given[place] else IntentKind.STRIKES_ENDED
                reasons = self._tell_strikes(strikes.when, place, each=strikes.each_rule) if given[place] else ()
                yield place, Intent(kind, int(was[place]), int(now[place]), f"strikes.{strikes.id}", reasons)

    def _tell_strikes(self, when: Condition, place: int, *, each: bool) -> tuple[Reason, ...]:
        seen = replace(self.after, tier=self.before.tier, tier_since=self.before.tier_since,
                       badges=self.before.badges, balance=self.before.balance)
        facts = ProgressFacts(self.evaluation, seen)
        if not each:
            return self.tell(when, facts, place)
        views = zip(facts.each_rule(), self.rules, strict=True)
        return tuple(reason for view, rule in views for reason in self.tell(when, view, place, rule=rule, only=True))

    def steps(self) -> Iterator[Told]:
        """Steps of strikes and points that came into force or left it."""
        none = np.zeros(self.size, np.bool_)
        for name, steps in list_stepped(self.standard):
            if not steps or name not in self.after.steps:
                continue
            now = self.after.steps_in_force(name, steps, self.evaluation.on)
            was = [none] * len(steps)
            if name in self.before.steps and self.before.on is not None:
                was = self.before.steps_in_force(name, steps, self.before.on)
            for number, (held, holds) in enumerate(zip(was, now, strict=True), 1):
                for place in np.flatnonzero(held != holds).tolist():
                    yield place, self._step(name, (number, steps[number - 1]), place, reached=bool(holds[place]))

    def _step(self, name: str, numbered: tuple[int, Step], place: int, *, reached: bool) -> Intent:
        number, step = numbered
        value = ProgressFacts(self.evaluation, self.after).numbers(name)
        (leaf, *_) = list_causes(explain(step.when, BalanceFacts(value), place), ())
        reason = _told(leaf.code, name, leaf.finding)
        kind = IntentKind.STEP_REACHED if reached else IntentKind.STEP_ENDED
        return Intent(kind, None if reached else number, number if reached else None, name, (reason,))

    def tell(  # what, of whom, and how
        self, condition: Condition | None, facts: Facts, place: int, *, rule: str | None = None, only: bool = False,
        skip: frozenset[str] | tuple[()] = (),
    ) -> tuple[Reason, ...]:
        """Why a condition holds or not for a shop, each reason once; ``only`` where it holds, ``skip`` these names."""
        if condition is None:
            return ()
        finding = explain(condition, facts, place)
        if only and not finding.answer:
            return ()
        leaves = (leaf for leaf in list_causes(finding, self.rules, rule) if leaf.part not in skip)
        return tuple(dict.fromkeys(self._to_reason(leaf, place) for leaf in leaves))

    def _to_reason(self, leaf: _Leaf, place: int) -> Reason:
        """A test as a reason: what the ladder has a code for is told by it, everything else as a condition."""
        finding, result = leaf.finding, self.evaluation.results.get(leaf.name)
        if finding.key == "tier":
            return Reason(ReasonCode.LEVEL_REACHED if finding.answer else ReasonCode.LEVEL_LEFT)
        return _told(leaf.code, None, finding) if result is None else self._tell_figure(leaf, result, place)

    def _tell_figure(self, leaf: _Leaf, result: Result, place: int) -> Reason:
        finding = leaf.finding
        if leaf.part in HISTORY_NUMBERS and self._has_episode(leaf.name, place):
            return self._breached(leaf.name, place)
        if leaf.part == "verdict":
            return self._tell_verdict(leaf.name, place)
        if leaf.part == "base" and not finding.answer and isinstance(finding.found, Fraction):
            return replace(self._numbers(ReasonCode.TOO_SMALL_BASE, result, place), needed=_bound(finding))
        if _counts_orders(result) and isinstance(finding.found, Fraction) and finding.asks.startswith((">", "≥")):
            code = ReasonCode.ENOUGH_ORDERS if finding.answer else ReasonCode.TOO_FEW_ORDERS
            return Reason(code, base=int(finding.found), needed=_bound(finding))
        told = _told(leaf.code, None, finding)
        return replace(self._numbers(leaf.code, result, place), key=finding.key, asks=told.asks, found=told.found)

    def _tell_verdict(self, name: str, place: int) -> Reason:
        verdict = VERDICTS[self.evaluation.verdicts(name)[place]]
        if verdict == Verdict.BREACHED:
            return self._breached(name, place)
        return self._numbers(_CODES[verdict], self.evaluation.results[name], place)

    def _has_episode(self, name: str, place: int) -> bool:
        run = self.after.rules.get(name)
        return run is not None and bool(run.first_breach[place] != NONE)

    def _breached(self, name: str, place: int) -> Reason:
        """The breaches of a rule's episode; a rule that has dates of its own may be breached without one."""
        result = self.evaluation.results[name]
        if not self._has_episode(name, place):
            return self._numbers(ReasonCode.BREACHED, result, place)
        run = self.after.rules[name]
        first, last = run.first_breach[place], run.last_breach[place]
        code = ReasonCode.BREACHED if first == last else ReasonCode.STILL_BREACHED
        return replace(self._numbers(code, result, place), since=_date(first), until=_date(last))

    def _numbers(self, code: ReasonCode, result: Result, place: int) -> Reason:
        """A reason with the counts and value of a rule; of one judged in parts their sums, and no value."""
        mine = result.shop == place
        bad, base = (int(result.count(name)[mine].sum()) for name in ("bad", "base"))
        values = result.value.floats()[mine].tolist()
        known = result.figure.per is None and bool(values) and bool(np.isfinite(values[0]))
        return Reason(code, result.figure.id, bad, base, values[0] if known else None, _limit(result))


def _told(code: ReasonCode, metric: str | None, finding: Finding) -> Reason:
    found = finding.found
    said = None if found is None else ("yes" if found else "no") if isinstance(found, bool) else str(found)
    return Reason(code, metric, key=finding.key or None, asks=finding.asks, found=said)


def _bound(finding: Finding) -> int:
    """The least whole number that a comparison from below asks for."""
    asked = parse_condition(finding.asks)
    assert isinstance(asked, Compare)  # noqa: S101  # a number was found
    return floor(asked.bound) + 1 if asked.operator == ">" else ceil(asked.bound)


def _counts_orders(result: Result) -> bool:
    return result.figure.measure == "count" and result.figure.unit == "order" and not result.judged


def _limit(result: Result) -> Decimal | None:
    rule = result.figure
    if not isinstance(rule, Rule) or not isinstance(rule.kept_when, Compare) or rule.kept_when.key != "value":
        return None
    return rule.limit


def _ended(name: str, run: RuleRun, place: int) -> Reason:
    return Reason(ReasonCode.EPISODE_ENDED, name, since=_date(run.first_breach[place]),
                  until=_date(run.last_breach[place]))


def _no_run(size: int) -> RuleRun:
    none, zeroes = np.full(size, NONE), np.zeros(size, np.int64)
    return RuleRun(zeroes, none, none, zeroes, np.zeros(size, np.bool_))


def _count(progress: Progress, strikes: Strikes, size: int) -> Ints:
    """The strikes that counted at a progress's own date."""
    on = 0 if progress.on is None else day_number(progress.on)
    return count_strikes(progress, strikes, on, size)


def _date(day: int) -> date:
    return EPOCH + timedelta(days=int(day))
