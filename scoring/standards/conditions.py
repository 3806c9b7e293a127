"""Conditions: the one way a standard says *when*, for limits, minimum volumes, exclusions, levels and badges.

A condition is written as a comparison of the value at hand (``"<= 2 %"``), as a mapping of names to tests
(``{bad: "< 3", country: [FR, BE]}``, all of which must hold), or as ``all``, ``any``, ``not``, ``every_rule`` and
``some_rule`` of conditions. Tests are comparisons, texts to be among, true or false, and ``given`` or ``missing``.
There is nothing else: no arithmetic, no functions, no code.

An answer is true, false or unknown. What is unknown is left out of ``all`` and ``any``; where nothing is left the whole
is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from scoring.standards.errors import ConditionError

OPERATORS = ("<", "<=", ">", ">=", "=")
UNITS: Mapping[str, Fraction] = {
    "": Fraction(1),
    "%": Fraction(1, 100),
    "s": Fraction(1),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
"""What a number is multiplied by: shares are written in per cent, durations come to seconds."""

_COMPARISON = re.compile(r"(<=|>=|≤|≥|<|>|=)\s*(-?\d+(?:\.\d+)?)\s*(%|s|min|h|d)?")
_PLAIN = {"≤": "<=", "≥": ">="}
_GROUPS = ("all", "any")
_OVER = ("every_rule", "some_rule")


@dataclass(frozen=True)
class Compare:
    """A number against a bound: ``key`` is ``value`` for the value at hand. ``text`` is the bound as written."""

    key: str
    operator: str
    bound: Fraction
    text: str

    def holds(self, number: Fraction) -> bool:
        """Whether a number keeps it, exactly."""
        return bool(COMPARERS[self.operator](number, self.bound))


@dataclass(frozen=True)
class Among:
    """A text that must be one of ``values``."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Flag:
    """A yes or no that must be the ``wanted`` one."""

    key: str
    wanted: bool


@dataclass(frozen=True)
class Known:
    """Whether anything is known of ``key`` at all; never unknown itself."""

    key: str
    known: bool


@dataclass(frozen=True)
class Group:
    """``all`` or ``any`` of conditions."""

    kind: str
    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The opposite; unknown stays unknown."""

    part: Condition


@dataclass(frozen=True)
class OverRules:
    """A condition asked of each active rule in turn, whose own numbers its bare names then mean."""

    kind: str
    part: Condition


Condition = Compare | Among | Flag | Known | Group | Not | OverRules

COMPARERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": lambda number, bound: number < bound,
    "<=": lambda number, bound: number <= bound,
    ">": lambda number, bound: number > bound,
    ">=": lambda number, bound: number >= bound,
    "=": lambda number, bound: number == bound,
}


def parse_condition(written: object) -> Condition:
    """The condition written as text or mapping. Raises ConditionError naming the place within it."""
    return _parse(written, "")


def _parse(written: object, path: str) -> Condition:
    if isinstance(written, (Compare, Among, Flag, Known, Group, Not, OverRules)):
        return written
    if isinstance(written, str):
        return _parse_comparison("value", written, path)
    if not isinstance(written, Mapping):
        raise ConditionError(
            path, f'expected a comparison like "<= 2 %" or a mapping like {{bad: "< 3"}}, found {written!r}'
        )
    if not written:
        raise ConditionError(path, "says nothing; leave the field out, or name what must hold")
    parts = tuple(_parse_entry(str(key), test, _below(path, str(key))) for key, test in written.items())
    return parts[0] if len(parts) == 1 else Group("all", parts)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _parse_entry(key: str, test: object, path: str) -> Condition:
    if key in _GROUPS:
        return Group(
            key, tuple(_parse(part, f"{path}[{place}]") for place, part in enumerate(_require_list(test, path)))
        )
    if key == "not":
        return Not(_parse(test, path))
    if key in _OVER:
        return OverRules(key.removesuffix("_rule"), _parse(test, path))
    return _parse_test(key, test, path)


def _require_list(test: object, path: str) -> list[Any]:
    if not isinstance(test, (list, tuple)) or not test:
        raise ConditionError(path, f"expected a list of conditions, found {test!r}")
    return list(test)


def _parse_test(key: str, test: object, path: str) -> Condition:
    if isinstance(test, bool):
        return Flag(key, test)
    if isinstance(test, (list, tuple)):
        return Among(
            key, tuple(_require_text(item, f"{path}[{place}]") for place, item in enumerate(_require_list(test, path)))
        )
    text = _require_text(test, path)
    if text in {"given", "missing"}:
        return Known(key, text == "given")
    return _parse_comparison(key, text, path) if text[0] in "<>=≤≥" else Among(key, (text,))


def _require_text(item: object, path: str) -> str:
    if isinstance(item, str) and item.strip():
        return item.strip()
    if isinstance(item, (int, Decimal, float)):
        raise ConditionError(path, f'{item} alone says no direction; write "= {item}", "<= {item}" or ">= {item}"')
    raise ConditionError(path, f"expected a comparison or texts to be among, found {item!r}")


def _parse_comparison(key: str, text: str, path: str) -> Compare:
    found = _COMPARISON.fullmatch(text.strip())
    if found is None:
        raise ConditionError(
            path,
            f'{text!r} is no comparison; write one of {" ".join(OPERATORS)} and a number, like "<= 2 %" or "< 24 h"',
        )
    operator, number, unit = found.groups()
    bound = Fraction(number) * UNITS[unit or ""]
    operator = _PLAIN.get(operator, operator)
    return Compare(key, operator, bound, f"{operator} {number}{' ' + unit if unit else ''}")


def write_condition(condition: Condition) -> Any:  # noqa: PLR0911 - one answer per kind
    """The condition as plain values; ``parse_condition`` reads it back as an equal one."""
    match condition:
        case Compare(key="value"):
            return condition.text
        case Compare():
            return {condition.key: condition.text}
        case Among():
            return {condition.key: list(condition.values)}
        case Flag():
            return {condition.key: condition.wanted}
        case Known():
            return {condition.key: "given" if condition.known else "missing"}
        case Not():
            return {"not": write_condition(condition.part)}
        case OverRules():
            return {f"{condition.kind}_rule": write_condition(condition.part)}
        case Group():
            return {condition.kind: [write_condition(part) for part in condition.parts]}


def list_leaves(
    condition: Condition | None, *, inside: bool = False
) -> Iterator[tuple[Compare | Among | Flag | Known, bool]]:
    """Every test in the condition, each with whether it stands inside ``every_rule`` or ``some_rule``."""
    match condition:
        case Compare() | Among() | Flag() | Known():
            yield condition, inside
        case Not():
            yield from list_leaves(condition.part, inside=inside)
        case OverRules():
            yield from list_leaves(condition.part, inside=True)
        case Group():
            for part in condition.parts:
                yield from list_leaves(part, inside=inside)


def list_keys(condition: Condition | None) -> set[str]:
    """The names a condition asks for outside ``every_rule`` and ``some_rule``."""
    return {leaf.key for leaf, inside in list_leaves(condition) if not inside}


CONDITION_SCHEMA: dict[str, Any] = {
    "description": 'A comparison of the value at hand ("<= 2 %"), or a mapping of names to tests that must all hold.',
    "oneOf": [
        {"type": "string", "pattern": r"^\s*(<=|>=|≤|≥|<|>|=)\s*-?\d+(\.\d+)?\s*(%|s|min|h|d)?\s*$"},
        {
            "type": "object",
            "minProperties": 1,
            "properties": {
                **{key: {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Condition"}} for key in _GROUPS},
                **{key: {"$ref": "#/$defs/Condition"} for key in ("not", *_OVER)},
            },
            "additionalProperties": {
                "oneOf": [
                    {"type": "string"},
                    {"type": "boolean"},
                    {"type": "array", "minItems": 1, "items": {"type": "string"}},
                ]
            },
        },
    ],
}
