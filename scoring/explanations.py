"""Why a condition holds or not for one shop: every test it is made of, with the number or text that was found."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from scoring.answers import UNKNOWN, Facts, answer
from scoring.standards.conditions import Among, Compare, Condition, Flag, Group, Known, Not, OverRules

ANSWERS = {1: True, 0: False, int(UNKNOWN): None}


@dataclass(frozen=True)
class Finding:
    """A condition and its answer for one shop: True, False or None for unknown.

    A test has its ``key``, what it ``asks`` as written and what was ``found``: a number, a text, a yes or no, None for
    nothing known. A group has a ``kind`` (all, any, not, every, some) and ``parts``; of every and some they are one per
    rule, in the order of the rules.
    """

    answer: bool | None
    kind: str = "test"
    key: str = ""
    asks: str = ""
    found: Fraction | str | bool | None = None
    parts: tuple[Finding, ...] = ()


def explain(condition: Condition, facts: Facts, place: int) -> Finding:
    """The finding of a condition for the shop at ``place``."""
    held = ANSWERS[int(answer(condition, facts)[place])]
    match condition:
        case Group():
            return Finding(held, condition.kind, parts=tuple(explain(part, facts, place) for part in condition.parts))
        case Not():
            return Finding(held, "not", parts=(explain(condition.part, facts, place),))
        case OverRules():
            parts = tuple(explain(condition.part, rule, place) for rule in facts.each_rule())
            return Finding(held, condition.kind, parts=parts)
        case _:
            return Finding(held, "test", condition.key, _asks(condition), _find(condition, facts, place))


def list_unmet(finding: Finding) -> list[Finding]:
    """The tests that keep a finding from holding; of ``any`` all that fail, of ``not`` those that hold within."""
    return [] if finding.answer else list(_blame(finding, wanted=True))


def _blame(finding: Finding, *, wanted: bool) -> list[Finding]:
    if finding.kind == "test":
        return [finding]
    wanted = wanted != (finding.kind == "not")
    return [leaf for part in finding.parts if part.answer is (not wanted) for leaf in _blame(part, wanted=wanted)]


def _asks(test: Compare | Among | Flag | Known) -> str:
    match test:
        case Compare():
            return test.text
        case Among():
            return ", ".join(test.values)
        case Flag():
            return "yes" if test.wanted else "no"
        case Known():
            return "given" if test.known else "missing"


def _find(test: Compare | Among | Flag | Known, facts: Facts, place: int) -> Fraction | str | bool | None:
    match test:
        case Compare():
            numbers = facts.numbers(test.key)
            known = bool(numbers.known[place])
            return Fraction(int(numbers.num[place]), int(numbers.den[place])) if known else None
        case Among():
            return facts.texts(test.key)[place] or None
        case Flag():
            return ANSWERS[int(facts.flags(test.key)[place])]
        case Known():
            return bool(answer(test, facts)[place]) == test.known
