"""Conditions a second time, in plain Python, from docs/standards.md alone: an answer is True, False or None."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Protocol

SCALES = {"%": Fraction(1, 100), "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)}


class Look(Protocol):
    """What a name means: a number, a text, a yes or no, or None; and what stands in for None."""

    def find(self, key: str) -> Any: ...
    def instead(self, key: str) -> bool | None: ...
    def rules(self) -> Iterable[Look]: ...


def holds(condition: Any, look: Look) -> bool | None:
    """The answer to a condition as YAML gives it."""
    if condition is None:
        return True
    if isinstance(condition, str):
        return test("value", condition, look)
    answers = [_entry(key, value, look) for key, value in condition.items()]
    return combine(answers, all)


def combine(answers: list[bool | None], how: Callable[[Iterable[object]], bool]) -> bool | None:
    known = [answer for answer in answers if answer is not None]
    return how(known) if known else None


def _entry(key: str, value: Any, look: Look) -> bool | None:
    if key in ("all", "any"):
        return combine([holds(part, look) for part in value], all if key == "all" else any)
    if key == "not":
        inner = holds(value, look)
        return None if inner is None else not inner
    if key in ("every_rule", "some_rule"):
        return combine([holds(value, rule) for rule in look.rules()], all if key == "every_rule" else any)
    return test(key, value, look)


def test(key: str, wanted: Any, look: Look) -> bool | None:  # noqa: PLR0911 - one answer per kind
    found = look.find(key)
    if wanted in ("given", "missing"):
        return (found is not None) == (wanted == "given")
    if found is None and is_text(wanted) and key.rpartition(".")[2] not in ("verdict", "grade"):
        return False
    if found is None:
        return look.instead(key)
    if isinstance(wanted, bool):
        return bool(found) == wanted
    if isinstance(wanted, list):
        return found in wanted
    if wanted[0] not in "<>=≤≥":
        return bool(found == wanted)
    return compare(Fraction(found), wanted)


def is_text(wanted: Any) -> bool:
    return isinstance(wanted, list) or (isinstance(wanted, str) and wanted[0] not in "<>=≤≥")


def compare(number: Fraction, wanted: str) -> bool:
    sign = "".join(letter for letter in wanted if letter in "<>=≤≥")
    rest = wanted.replace(sign, "").split()
    unit = ""
    if rest[-1][-1] not in "0123456789":
        unit = rest.pop() if len(rest) > 1 else ""
    bound = Fraction(rest[0]) * SCALES.get(unit, Fraction(1))
    return {
        "<": number < bound, "<=": number <= bound, "≤": number <= bound, ">": number > bound, ">=": number >= bound,
        "≥": number >= bound, "=": number == bound,
    }[sign]
