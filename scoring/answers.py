"""Conditions answered for many at once: arrays of yes, no and unknown, exact to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.standards.conditions import COMPARERS, Among, Compare, Condition, Flag, Group, Known, Not, OverRules

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Texts = NDArray[np.object_]
Answers = NDArray[np.int8]
YES, NO, UNKNOWN = np.int8(1), np.int8(0), np.int8(-1)
_SAFE = 2.0**62


class Numbers:
    """Exact values ``num ÷ den`` (``int64``, ``den`` above 0) where ``known``."""

    def __init__(self, num: Ints, den: Ints | None = None, known: Flags | None = None) -> None:
        self.num = num
        self.den = np.ones(len(num), np.int64) if den is None else den
        self.known = np.ones(len(num), np.bool_) if known is None else known

    def floats(self) -> NDArray[np.float64]:
        """The nearest floats, NaN where nothing is known."""
        return np.where(self.known, self.num / np.where(self.known, self.den, 1), np.nan)


class Facts(Protocol):
    """What the names of a condition stand for, for each of ``size`` shops or rows."""

    size: int

    def numbers(self, key: str) -> Numbers:
        """The numbers of a name. Raises KeyError for an unknown one, like the others."""

    def texts(self, key: str) -> Texts:
        """The texts of a name, empty where there is none, None where nobody can know."""

    def flags(self, key: str) -> Answers:
        """The yes or no of a name."""

    def instead(self, key: str) -> Answers | None:
        """What an unknown answer about a name counts as; None leaves it unknown."""

    def each_rule(self) -> Sequence[Facts]:
        """The same shops seen from each rule."""


def answer(condition: Condition | None, facts: Facts) -> Answers:
    """Yes (1), no (0) or unknown (−1) for each: ``int8`` of ``facts.size``. No condition is always yes."""
    match condition:
        case None:
            return np.full(facts.size, YES)
        case Compare():
            found = compare(facts.numbers(condition.key), condition.operator, condition.bound)
            return _fill(found, facts.instead(condition.key))
        case Among():
            texts = facts.texts(condition.key)
            held = [np.equal(texts, value) for value in condition.values]
            found = np.asarray(np.any(held, axis=0) if held else np.zeros(facts.size), np.int8)
            unknown = np.equal(texts, np.array(None, object)).astype(np.bool_)
            return _fill(np.asarray(np.where(unknown, UNKNOWN, found), np.int8), facts.instead(condition.key))
        case _:
            return _answer_more(condition, facts)


def _answer_more(condition: Condition, facts: Facts) -> Answers:
    match condition:
        case Flag():
            found = facts.flags(condition.key)
            return np.where(found == UNKNOWN, UNKNOWN, (found == YES) == condition.wanted).astype(np.int8)
        case Known():
            return np.asarray(_is_known(condition.key, facts) == condition.known, np.int8)
        case Not():
            return negate(answer(condition.part, facts))
        case Group():
            return join([answer(part, facts) for part in condition.parts], condition.kind, facts.size)
        case OverRules():
            found_each = [answer(condition.part, rule) for rule in facts.each_rule()]
            return join(found_each, "all" if condition.kind == "every" else "any", facts.size)
    raise TypeError(f"{condition!r} is no condition")


def _is_known(key: str, facts: Facts) -> Flags:
    try:
        return facts.numbers(key).known
    except KeyError:
        return np.array([bool(text) for text in facts.texts(key)], np.bool_)


def _fill(found: Answers, instead: Answers | None) -> Answers:
    return found if instead is None else np.asarray(np.where(found == UNKNOWN, instead, found), np.int8)


def negate(found: Answers) -> Answers:
    """Yes for no and no for yes; unknown stays."""
    return np.where(found == UNKNOWN, UNKNOWN, 1 - found).astype(np.int8)


def join(answers: Sequence[Answers], kind: str, size: int) -> Answers:
    """``all`` or ``any`` of answers: the unknown ones are left out, with none left it is unknown."""
    stack = np.stack(answers) if answers else np.full((1, size), UNKNOWN)
    known = (stack != UNKNOWN).any(axis=0)
    held = (stack != NO).all(axis=0) if kind == "all" else (stack == YES).any(axis=0)
    return np.where(known, held, UNKNOWN).astype(np.int8)


def compare(numbers: Numbers, operator: str, bound: Fraction) -> Answers:
    """Values against a bound, in whole numbers: of any size where 64 bits could overflow."""
    largest = max(float(np.abs(numbers.num).max(initial=0)) * bound.denominator,
                  float(numbers.den.max(initial=1)) * abs(bound.numerator))
    kind: type = np.int64 if largest < _SAFE else object
    left: NDArray[Any] = numbers.num.astype(kind) * bound.denominator
    right: NDArray[Any] = numbers.den.astype(kind) * bound.numerator
    held = np.asarray(COMPARERS[operator](left, right), np.bool_)
    return np.where(numbers.known, held, UNKNOWN).astype(np.int8)
