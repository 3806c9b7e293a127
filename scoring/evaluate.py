"""One date of a standard: every figure measured, every rule judged, for all shops at once. Pure; nothing is remembered.

``evaluate`` says what the numbers are; ``scoring.progress`` makes levels, strikes and points of a run of dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np
import pandas as pd

from scoring.answers import NO, UNKNOWN, YES, Answers, Facts, Flags, Ints, Numbers, Texts, answer
from scoring.composed import compose
from scoring.measures import Table, day_number, season_texts, text_column
from scoring.standards.conditions import Compare
from scoring.standards.model import Standard
from scoring.standards.names import OWN_NUMBERS, SHOP_TEXTS
from scoring.standards.parts import Figure, LimitCase, Rule
from scoring.tallies import Tally, round_numbers, tally_figure
from scoring.verdicts import VERDICTS, Codes, Verdict, judge_evidence

KEPT, WATCH, BREACHED, NOT_ENOUGH, EXEMPT = (np.int8(VERDICTS.index(verdict)) for verdict in (
    Verdict.KEPT, Verdict.WATCH, Verdict.BREACHED, Verdict.NOT_ENOUGH_DATA, Verdict.EXEMPT))
_WORST_FIRST = (BREACHED, WATCH, KEPT, NOT_ENOUGH, EXEMPT)
_BEST_FIRST = (KEPT, WATCH, BREACHED, NOT_ENOUGH, EXEMPT)
IS_JUDGED = np.isin(np.arange(len(VERDICTS)), [KEPT, WATCH, BREACHED])
"""Whether each code, by position, is a judgement."""


@dataclass(frozen=True)
class Result:
    """A figure on a date, per group: a pair of shop position and part, the shop alone where it is not ``per`` anything.

    ``value`` is the shown one, ``raw_value`` without exclusions (of a composed figure: without rounding). ``verdict``
    codes are positions in ``VERDICTS``, none unless ``judged``; ``decided`` names the clause. ``phantom`` verdicts of
    a trial decide nothing.
    """

    figure: Figure
    groups: tuple[tuple[int, str], ...]
    tallies: tuple[Tally, ...]
    value: Numbers
    raw_value: Numbers
    judged: bool = False
    verdict: Codes = field(default_factory=lambda: np.zeros(0, np.int8))
    decided: Texts = field(default_factory=lambda: np.zeros(0, object))
    grade: Texts | None = None
    aim: Answers | None = None
    final: Flags | None = None
    phantom: bool = False

    @cached_property
    def shop(self) -> Ints:
        """The shop position of each group."""
        return list_shops(self.figure, self.groups)

    def count(self, name: str) -> Ints:
        """``bad``, ``base`` or ``buyers`` over the first window, per group; zero for a composed figure."""
        if not self.tallies:
            return np.zeros(len(self.groups), np.int64)
        return np.asarray(getattr(self.tallies[0], name), np.int64)


def list_shops(figure: Figure, groups: Sequence[tuple[int, str]]) -> Ints:
    """The shop position of each group: one after the other unless the figure is judged in parts."""
    if figure.per is None:
        return np.arange(len(groups))
    return np.array([shop for shop, _ in groups], np.int64)


@dataclass(frozen=True)
class Evaluation:
    """All figures and rules of a standard on one date, by id, in the standard's order."""

    table: Table
    on: date
    results: Mapping[str, Result]

    @property
    def standard(self) -> Standard:
        """The standard judged by."""
        return self.table.standard

    def rules(self) -> list[tuple[Rule, Result]]:
        """The active rules that decide something, with their results."""
        pairs = ((result.figure, result) for result in self.results.values() if not result.phantom)
        return [(figure, result) for figure, result in pairs if isinstance(figure, Rule)]

    def verdicts(self, rule_id: str) -> Codes:
        """The verdict of each shop on a rule: the worst of its parts; not enough data without any."""
        result = self.results[rule_id]
        return worst_by_shop(result.verdict, result.shop, self.table.size)

    def to_frame(self) -> pd.DataFrame:
        """One line per rule, shop, part and window: what a scorecard says and why."""
        lines = [line for _, result in self.rules() for line in _list_lines(self, result)]
        return pd.DataFrame(lines)


def _list_lines(evaluation: Evaluation, result: Result) -> list[dict[str, object]]:
    shops = evaluation.table.shops["shop"].tolist()
    shown, raw = result.value.floats().tolist(), result.raw_value.floats().tolist()
    return [
        {
            "standard": evaluation.standard.id, "version": evaluation.standard.version, "rule": result.figure.id,
            "shop": shops[shop], "part": part, "value": shown[place], "raw_value": raw[place],
            **{name: int(result.count(name)[place]) for name in ("bad", "base", "buyers", "raw_bad", "raw_base")},
            "verdict": str(VERDICTS[result.verdict[place]]), "decided": result.decided[place],
            "first": int(result.tallies[0].first[place]) if result.tallies else None,
            "end": int(result.tallies[0].end[place]) if result.tallies else None,
        }
        for place, (shop, part) in enumerate(result.groups)
    ]


def worst_by_shop(codes: Codes, shop: Ints, size: int) -> Codes:
    """The worst verdict of each shop's parts; not enough data where it has none."""
    if len(shop) == size and np.array_equal(shop, np.arange(size)):
        return codes
    ranks = np.empty(len(VERDICTS), np.int64)
    ranks[list(_WORST_FIRST)] = np.arange(len(_WORST_FIRST))
    found = np.full(size, ranks[NOT_ENOUGH])
    touched = np.zeros(size, np.bool_)
    touched[shop] = True
    found[touched] = len(_WORST_FIRST)
    np.minimum.at(found, shop, ranks[codes])
    return np.asarray(np.array(_WORST_FIRST, np.int8)[found])


class ShopFacts:
    """What names mean for a shop: its own attributes, and the figures and rules measured so far."""

    def __init__(self, table: Table, on: date, results: Mapping[str, Result]) -> None:
        self.table, self.on, self.results = table, on, results
        self.size = table.size

    def numbers(self, key: str) -> Numbers:
        """A number per shop: ``age_days``, a figure's value, or its bad, base and buyers."""
        if key == "age_days":
            return self._age()
        name, _, part = key.partition(".")
        if name in self._left_out():
            return Numbers(np.zeros(self.size, np.int64), known=np.zeros(self.size, np.bool_))
        result = self.results[name]
        if part in {"", "value"}:
            return self._value(result)
        return Numbers(sum_by_shop(result, part, self.size))

    def texts(self, key: str) -> Texts:
        """A text per shop: an attribute, ``season`` of the date, or the verdict or grade of a rule."""
        if key == "season":
            return season_texts(self.table.standard, np.full(self.size, day_number(self.on)))
        if key in SHOP_TEXTS:
            return text_column(self.table.shops, key)
        name, _, part = key.partition(".")
        if part not in {"verdict", "grade"}:
            raise KeyError(key)
        if name in self._left_out():
            return np.full(self.size, None, object)
        return self._verdicts(self.results[name]) if part == "verdict" else self._grades(self.results[name])

    def flags(self, key: str) -> Answers:
        """Shops have no yes or no of their own before a level is found. Raises KeyError."""
        raise KeyError(key)

    def instead(self, key: str) -> Answers | None:
        """What a rule that is not judged counts as, by its ``missing``; one that is exempt stays unknown."""
        name, _, part = key.partition(".")
        result = self.results.get(name)
        rule = result.figure if result else None
        if result is None or not isinstance(rule, Rule) or part not in {"", "value", "verdict", "grade"}:
            return None
        if rule.missing == "skip" or result.phantom:
            return None
        codes = self._codes(result)
        return np.where(codes == NOT_ENOUGH, YES if rule.missing == "pass" else NO, UNKNOWN).astype(np.int8)

    def each_rule(self) -> Sequence[Facts]:
        """The shops seen from each active rule that decides something."""
        rules = (r.figure.id for r in self.results.values() if isinstance(r.figure, Rule) and not r.phantom)
        return [RuleFacts(self, rule) for rule in rules]

    def _left_out(self) -> set[str]:
        standard = self.table.standard
        inactive = {f.id for f in (*standard.figures, *standard.rules) if not f.is_active}
        return inactive | {name for name, result in self.results.items() if result.phantom}

    def _age(self) -> Numbers:
        if "opened_on" not in self.table.shops:
            return Numbers(np.zeros(self.size, np.int64), known=np.zeros(self.size, np.bool_))
        opened = day_column(self.table.shops["opened_on"])
        return Numbers(day_number(self.on) - opened.num, known=opened.known)

    def _codes(self, result: Result) -> Codes:
        return worst_by_shop(result.verdict, result.shop, self.size)

    def _judged(self, result: Result) -> Flags:
        if not result.judged:
            return np.ones(self.size, np.bool_)
        return np.asarray(IS_JUDGED[self._codes(result)])

    def _value(self, result: Result) -> Numbers:
        if result.figure.per is not None:
            return Numbers(np.zeros(self.size, np.int64), known=np.zeros(self.size, np.bool_))
        judged = judged_value(result.figure, result.raw_value, result.tallies)
        return Numbers(judged.num, judged.den, judged.known & self._judged(result))

    def _verdicts(self, result: Result) -> Texts:
        words = np.array([str(verdict) for verdict in VERDICTS], object)
        found = words[self._codes(result)]
        found[~self._judged(result)] = None
        return found

    def _grades(self, result: Result) -> Texts:
        if result.grade is None or result.figure.per is not None:
            return np.full(self.size, None, object)
        found = result.grade.copy()
        found[~self._judged(result)] = None
        return found


class RuleFacts:
    """The shops seen from one rule, whose numbers the bare names mean."""

    def __init__(self, facts: Facts, rule: str) -> None:
        self._facts, self._rule = facts, rule
        self.size = facts.size

    def _key(self, key: str) -> str:
        own = OWN_NUMBERS | {"verdict", "grade", "in_a_row", "breach_span_days", "warning"}
        return f"{self._rule}.{key}" if key in own else key

    def numbers(self, key: str) -> Numbers:
        """A number of the rule, or of the shop."""
        return self._facts.numbers(self._key(key))

    def texts(self, key: str) -> Texts:
        """The rule's verdict or grade, or a text of the shop."""
        return self._facts.texts(self._key(key))

    def flags(self, key: str) -> Answers:
        """A yes or no of the shop."""
        return self._facts.flags(key)

    def instead(self, key: str) -> Answers | None:
        """What a missing answer counts as."""
        return self._facts.instead(self._key(key))

    def each_rule(self) -> Sequence[Facts]:
        """Rules within rules are the same rules."""
        return self._facts.each_rule()


class GroupFacts:
    """The groups of a rule over one window: its own numbers first, then those of each group's shop."""

    def __init__(
        self, facts: ShopFacts, rule: Figure, groups: Sequence[tuple[int, str]], own: Mapping[str, Numbers]
    ) -> None:
        self._facts, self._rule, self._own = facts, rule, own
        self._groups, self._shop = groups, list_shops(rule, groups)
        self.size = len(groups)

    def numbers(self, key: str) -> Numbers:
        """The rule's own ``value``, ``bad``, ``base`` or ``buyers``, else a number of the shop."""
        if key in self._own:
            return self._own[key]
        found = self._facts.numbers(key)
        return Numbers(found.num[self._shop], found.den[self._shop], found.known[self._shop])

    def texts(self, key: str) -> Texts:
        """What the group is of, else a text of the shop."""
        if key == self._rule.per:
            return np.array([part for _, part in self._groups], object)
        return self._facts.texts(key)[self._shop]

    def flags(self, key: str) -> Answers:
        """A yes or no of the shop."""
        return self._facts.flags(key)[self._shop]

    def instead(self, key: str) -> Answers | None:
        """What a missing answer about another rule counts as."""
        found = None if key in self._own else self._facts.instead(key)
        return None if found is None else found[self._shop]

    def each_rule(self) -> Sequence[Facts]:
        """A rule's own conditions ask one rule at a time."""
        return ()


def _to_date(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day


def day_column(column: pd.Series) -> Numbers:
    """A column of dates as days since 1970, missing where it is."""
    days = [None if pd.isna(day) else day_number(_to_date(day)) for day in column.tolist()]
    known = np.array([day is not None for day in days], np.bool_)
    return Numbers(np.array([day or 0 for day in days], np.int64), known=known)


def sum_by_shop(result: Result, name: str, size: int) -> Ints:
    """``bad``, ``base`` or the like of a result, its groups of each shop position added up; shape (size,)."""
    total = np.zeros(size, np.int64)
    np.add.at(total, result.shop, result.count(name))
    return total


def judged_value(figure: Figure, exact: Numbers, tallies: Sequence[Tally]) -> Numbers:
    """The value a limit looks at: rounded only where the figure says so."""
    source = tallies[0].value if tallies else exact
    rounded = figure.round is not None and figure.round.judged == "rounded"
    return round_numbers(source, figure.round) if rounded else source


def evaluate(table: Table, on: date, *, ever_judged: Mapping[str, Flags] | None = None) -> Evaluation:
    """Every active figure and rule on a date.

    ``ever_judged`` says per rule which shops have had enough data on an earlier date, for ``sticky`` minimums.
    """
    results: dict[str, Result] = {}
    values: dict[str, Numbers] = {}
    facts = ShopFacts(table, on, results)
    for figure in (*table.standard.figures, *table.standard.rules):
        if not figure.is_active:
            values[figure.id] = Numbers(np.zeros(table.size, np.int64), known=np.zeros(table.size, np.bool_))
            continue
        result = _measure(table, figure, on, values=values, facts=facts)
        values[figure.id] = result.tallies[0].value if result.tallies else result.raw_value
        if isinstance(figure, Rule):
            ever = (ever_judged or {}).get(figure.id, np.zeros(table.size, np.bool_))
            result = judge(result, figure, facts, ever=ever[result.shop])
        results[figure.id] = result
    return Evaluation(table, on, results)


def _measure(table: Table, figure: Figure, on: date, *, values: dict[str, Numbers], facts: ShopFacts) -> Result:
    if figure.composed is None:
        volumes = {name: found.num for name, found in values.items()}
        tallies = tally_figure(table, figure, on, volumes=volumes)
        shown, raw = (round_numbers(v, figure.round) for v in (tallies[0].value, tallies[0].raw_value))
        return Result(figure, table.units(figure)[1], tallies, shown, raw, final=_final(figure, tallies[0], on))
    if figure.against_own is not None:
        base = table.standard.get_figure(figure.against_own.of)
        over = replace(base, window=figure.against_own.over)
        values[f"{figure.id}.norm"] = tally_figure(table, over, on, volumes={})[0].value
    value = compose(figure, values, facts)
    groups = tuple((place, "") for place in range(table.size))
    return Result(figure, groups, (), round_numbers(value, figure.round), value)


def _final(figure: Figure, tally: Tally, on: date) -> Flags:
    """Whether the youngest units of the window are as old as the figure needs to settle."""
    return np.asarray(day_number(on) - (tally.end - 1) >= figure.maturity_days)


def judge(result: Result, rule: Rule, facts: ShopFacts, *, ever: Flags) -> Result:
    """The verdict of each group, the clause that decided it, its grade and whether its aim is met."""
    several = getattr(rule.window, "kind", "")
    judged = result.tallies if several in {"all", "any"} else result.tallies[:1]
    own = [_own_numbers(rule, result, tally) for tally in judged] or [_own_numbers(rule, result, None)]
    seen = [_judge_once(rule, GroupFacts(facts, rule, result.groups, numbers), facts.table.standard, ever=ever)
            for numbers in own]
    codes, decided = _combine(seen, _BEST_FIRST if several == "any" else _WORST_FIRST)
    first = GroupFacts(facts, rule, result.groups, own[0])
    phantom = rule.trial_until is not None and facts.on < rule.trial_until
    aim = None if rule.aim is None else answer(rule.aim, first)
    return replace(
        result, judged=True, verdict=codes, decided=decided, grade=_grade(rule, first, codes), aim=aim, phantom=phantom)


def _own_numbers(rule: Rule, result: Result, tally: Tally | None) -> dict[str, Numbers]:
    if tally is None:
        return {"value": judged_value(rule, result.raw_value, ())}
    value = judged_value(rule, tally.value, (tally,))
    return {"value": value, **{name: Numbers(getattr(tally, name)) for name in ("bad", "base", "buyers")}}


def _combine(seen: Sequence[tuple[Codes, Texts]], order: Sequence[np.int8]) -> tuple[Codes, Texts]:
    """The first of an order of verdicts that any window gives, with its clause; windows without data are left out."""
    if len(seen) == 1:
        return seen[0]
    codes, decided = (np.stack([pair[place] for pair in seen]) for place in (0, 1))
    ranks = np.empty(len(VERDICTS), np.int64)
    ranks[list(order)] = np.arange(len(order))
    best = ranks[codes].argmin(axis=0)
    place = np.arange(codes.shape[1])
    return codes[best, place], decided[best, place]


def _judge_once(rule: Rule, facts: GroupFacts, standard: Standard, *, ever: Flags) -> tuple[Codes, Texts]:
    exempt = answer(rule.exempt_when, facts) == YES if rule.exempt_when is not None else np.zeros(facts.size, np.bool_)
    enough = answer(rule.judged_when, facts) == YES if rule.judged_when is not None else np.ones(facts.size, np.bool_)
    enough |= ever & rule.sticky
    codes, decided = _judge_cases(rule, facts, standard)
    nothing = ~facts.numbers("value").known
    if not (exempt.any() or nothing.any()) and enough.all():
        return codes, decided
    codes = np.select([exempt, ~enough, nothing], [EXEMPT, NOT_ENOUGH, NOT_ENOUGH], codes).astype(np.int8)
    return codes, np.select([exempt, ~enough, nothing], ["exempt_when", "judged_when", "no_value"], decided)


def _judge_cases(rule: Rule, facts: GroupFacts, standard: Standard) -> tuple[Codes, Texts]:
    if not rule.limits:
        found = _judge_case(rule, rule.cases[0], facts, standard)
        return found, _name_clauses("")[found]
    codes = np.full(facts.size, EXEMPT)
    decided = np.full(facts.size, "limits", object)
    left = np.ones(facts.size, np.bool_)
    for place, case in enumerate(rule.cases):
        here = left & (answer(case.where, facts) == YES)
        found = _judge_case(rule, case, facts, standard)
        codes = np.where(here, found, codes).astype(np.int8)
        decided = np.where(here, _name_clauses(f"limits[{place}].")[found], decided)
        left &= ~here
    return codes, decided


def _name_clauses(path: str) -> Texts:
    """What decides each verdict code."""
    return np.array([f"{path}{name}" for name in ("kept_when", "watch_when", "kept_when", "no_value", "")], object)


def _judge_case(rule: Rule, case: LimitCase, facts: GroupFacts, standard: Standard) -> Codes:
    evidence = rule.evidence or standard.evidence
    by_evidence = (rule.judged_by or standard.judged_by) == "evidence"
    if by_evidence and isinstance(case.kept_when, Compare):
        base = facts.numbers("base").num
        bad = np.minimum(facts.numbers("bad").num, base)
        return judge_evidence(
            bad, base, facts.numbers("buyers").num, limits=case.kept_when.bound,
            higher_is_better=rule.measure == "share_of_good", evidence=evidence,
            strict=case.kept_when.operator in {"<", ">"})
    kept, watch = answer(case.kept_when, facts), np.full(facts.size, NO)
    if case.watch_when is not None:
        watch = answer(case.watch_when, facts)
    return np.select([kept == NO, kept == UNKNOWN, watch == YES], [BREACHED, NOT_ENOUGH, WATCH], KEPT).astype(np.int8)


def _grade(rule: Rule, facts: GroupFacts, codes: Codes) -> Texts | None:
    if not rule.grades:
        return None
    found = np.full(facts.size, "", object)
    for grade in reversed(rule.grades):
        found = np.where(answer(grade.when, facts) == YES, grade.id, found)
    return np.where(np.isin(codes, [NOT_ENOUGH, EXEMPT]), "", found)
