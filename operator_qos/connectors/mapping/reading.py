"""From YAML to a mapping: everything that is wrong is told at once, with its line and column."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from pydantic import ValidationError

from operator_qos.connectors.mapping.kinds import (
    ENVELOPE,
    Kind,
    fields_of,
    fields_of_line,
    list_types,
    required_of,
    short_type,
)
from operator_qos.connectors.mapping.model import Condition, EventRule, Mapping, Source, columns_of, values_of
from operator_qos.connectors.mapping.values import EPOCH, EPOCH_MS, ISO, Unfit, as_word

MAX_CHARACTERS = 200_000
_ANY_TIME = datetime(2026, 3, 6, 10, 5, 1, tzinfo=UTC)
_READY = "operator_qos.connectors.mapping.ready"
Loc = tuple[int | str, ...]


@dataclass(frozen=True)
class Mistake:
    """Something wrong in a mapping: where (line and column count from 1), which field, what and what to do."""

    line: int
    column: int
    path: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}, {self.path or 'mapping'}: {self.reason}"


class MappingError(ValueError):
    """A mapping that cannot be used; `mistakes` in the order of the text."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes[:5])))
        self.mistakes = tuple(mistakes)


def parse_mapping(text: str, *, columns: Sequence[str] | None = None) -> Mapping:
    """The mapping a YAML text describes; with `columns` it may look at no others. Raises MappingError."""
    places = _Places(text)
    try:
        mapping = Mapping.model_validate(places.content)
    except ValidationError as error:
        found = [places.mistake(tuple(item["loc"]), _say(item)) for item in error.errors()]
        raise MappingError(_sorted(found)) from None
    wrong = [*_check(mapping), *(_check_columns(mapping, columns) if columns is not None else [])]
    if wrong:
        raise MappingError(_sorted([places.mistake(loc, reason) for loc, reason in wrong]))
    return mapping


def list_ready() -> tuple[str, ...]:
    """The names of the mappings that come with the product."""
    files = (entry.name for entry in resources.files(_READY).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in files if name.endswith(".yaml")))


def read_ready(name: str) -> str:
    """The YAML text of one of `list_ready`. Raises KeyError."""
    if name not in list_ready():
        raise KeyError(name)
    return (resources.files(_READY) / f"{name}.yaml").read_text("utf-8")


def _sorted(mistakes: list[Mistake]) -> list[Mistake]:
    unique = dict.fromkeys(mistakes)
    return sorted(unique, key=lambda mistake: (mistake.line, mistake.column))


class _Loader(yaml.SafeLoader):
    """Plain YAML: no aliases (a few of them make a text of any size), no key twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise MappingError([Mistake(mark.line + 1, mark.column + 1, "", "aliases are not read; write it out")])
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                line, column = key.start_mark.line + 1, key.start_mark.column + 1
                raise MappingError([Mistake(line, column, str(key.value), "is given twice; keep one")])
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


# Cells hold texts: yes, on, 007, 12:30 and days are texts here. Only true and false are flags, 10 and 1.5 numbers.
_TAG = "tag:yaml.org,2002:"
_PLAIN = {f"{_TAG}bool": re.compile(r"true|false"), f"{_TAG}int": re.compile(r"-?(0|[1-9][0-9]*)"),
          f"{_TAG}float": re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, re.compile(f"(?:{_PLAIN[tag].pattern})$") if tag in _PLAIN else pattern)
            for tag, pattern in found if tag != f"{_TAG}timestamp"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Places:
    """The content of a YAML text, and where each of its fields stands."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise MappingError([Mistake(1, 1, "", f"is longer than {MAX_CHARACTERS:,} characters; shorten it")])
        node, content = self._load(text)
        if not isinstance(content, dict):
            raise MappingError([Mistake(1, 1, "", "is no mapping; begin with `mapping: a-name`")])
        self.content = content
        self._marks: dict[Loc, tuple[int, int]] = {(): (1, 1)}
        self._walk(node, ())

    def _load(self, text: str) -> tuple[yaml.Node | None, object]:
        loader = None
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            return node, loader.construct_document(node) if node is not None else None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            why = getattr(error, "problem", None) or "it holds a sign that cannot be printed"
            reason = f"is not YAML here ({why}); check the indentation"
            raise MappingError([Mistake(line, column, "", reason)]) from None
        except (RecursionError, ValueError) as error:
            if isinstance(error, MappingError):
                raise
            reason = "cannot be read; it is nested too deep or holds an odd value"
            raise MappingError([Mistake(1, 1, "", reason)]) from None
        finally:
            if loader is not None:
                loader.dispose()

    def _walk(self, node: yaml.Node | None, loc: Loc) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*loc, str(key.value))
                self._marks[below] = (key.start_mark.line + 1, key.start_mark.column + 1)
                self._walk(value, below)
        elif isinstance(node, yaml.SequenceNode):
            for place, value in enumerate(node.value):
                self._marks[(*loc, place)] = (value.start_mark.line + 1, value.start_mark.column + 1)
                self._walk(value, (*loc, place))

    def mistake(self, loc: Loc, reason: str) -> Mistake:
        """The mistake at its place, or at the nearest one around it that is in the text."""
        known = loc
        while known not in self._marks:
            known = known[:-1]
        return Mistake(*self._marks[known], _path(loc, known), reason)


def _path(loc: Loc, known: Loc) -> str:
    named = loc if loc and isinstance(loc[-1], str) and len(loc) == len(known) + 1 else known
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in named).removeprefix(".")


_SAYINGS = {
    "missing": "is missing; add it", "extra_forbidden": "is no field of a mapping; remove it or correct its name",
    "string_pattern_mismatch": "is no name; use small letters, digits, - and _",
    "too_short": "is empty; add at least one entry", "too_long": "has too many entries; take some out",
    "string_too_short": "is empty; fill it in", "string_too_long": "is too long; shorten it",
    "string_type": "is no text; put it in quotes", "list_type": "is no list; begin each entry with a dash",
    "model_type": "is no group of fields; indent what belongs to it", "literal_error": "is none of the words it may be",
}
_OTHERWISE = "cannot be written like this; docs/importing.md shows how"


def _say(item: Any) -> str:
    return _SAYINGS.get(str(item["type"]), _OTHERWISE)


Wrong = tuple[Loc, str]


def _check(mapping: Mapping) -> list[Wrong]:
    found: list[Wrong] = list(_check_zone(("timezone",), mapping.timezone))
    for name in ("marketplace", "shop"):
        value = getattr(mapping, name)
        found += _check_source((name,), value, Kind("text"), mapping) if value is not None else []
    for place, rule in enumerate(mapping.events):
        found += _check_rule(("events", place), rule, mapping)
    return found


def _check_rule(loc: Loc, rule: EventRule, mapping: Mapping) -> list[Wrong]:
    name = short_type(rule.type)
    if f"qos.{name}" not in list_types():
        near = get_close_matches(name, [short_type(known) for known in list_types()], n=1)
        hint = f"did you mean {near[0]}?" if near else "the types are listed in docs/importing.md"
        return [((*loc, "type"), f"{rule.type!r} is no event that a table can tell of; {hint}")]
    found = _check_names(loc, name, rule)
    if rule.shop is None and mapping.shop is None:
        found.append(((*loc, "shop"), "is missing; say here or at the top of the mapping which column names the shop"))
    for path, value in values_of(rule).items():
        found += _check_source((*loc, *_steps(path)), value, _kind_at(path, name), mapping)
    for place, condition in enumerate(rule.when):
        found += _check_condition((*loc, "when", place), condition)
    return found


def _check_names(loc: Loc, name: str, rule: EventRule) -> list[Wrong]:
    known = fields_of(name)
    odd = [((*loc, "data", field), f"is no field of {name}; it has {', '.join(known) or 'none'}")
           for field in rule.data if field not in known]
    missing: list[Wrong] = [((*loc, "data", field), f"is missing; {name} needs it")
                            for field in required_of(name) if field not in rule.data]
    if rule.lines and name != "order.placed":
        missing.append(((*loc, "lines"), "belongs to order.placed only; remove it"))
    return odd + missing


def _steps(path: str) -> Loc:
    return tuple(0 if step == "[0]" else step for step in path.replace("[0]", ".[0]").split("."))


def _kind_at(path: str, name: str) -> Kind:
    field = path.rpartition(".")[2]
    if path.startswith("lines"):
        return fields_of_line()[field]
    return fields_of(name).get(field, Kind("text")) if path.startswith("data.") else ENVELOPE[path]


def _check_source(loc: Loc, value: Source, kind: Kind, mapping: Mapping) -> list[Wrong]:
    given = [name for name in ("column", "text", "constant") if getattr(value, name) is not None]
    if len(given) != 1:
        return [(loc, "takes exactly one of column, text, constant")]
    found: list[Wrong] = list(_check_zone((*loc, "timezone"), value.timezone))
    if isinstance(value.map, str) and value.map not in mapping.maps:
        found.append(((*loc, "map"), f"there is no table {value.map!r} under maps; add it"))
    if value.plus is not None and kind.name != "moment":
        found.append(((*loc, "plus"), "adds to times only; remove it"))
    if kind.is_money and value.decimals is None and value.constant is None:
        found.append((loc, "is money; say `decimals: 2` when 12.50 means 1250 cents, 0 when cents are counted"))
    return found + _check_formats(loc, value) + _check_words(loc, value, kind, mapping)


def _check_formats(loc: Loc, value: Source) -> list[Wrong]:
    given = [value.format] if isinstance(value.format, str) else value.format or []
    return [((*loc, "format"), f"{form!r} is no format; write iso, epoch, epoch_ms or one like %d/%m/%Y %H:%M")
            for form in given if form not in {ISO, EPOCH, EPOCH_MS} and not _is_format(form)]


def _is_format(form: str) -> bool:
    """Whether times can be read by it, and name at least their day."""
    try:
        datetime.strptime(_ANY_TIME.strftime(form), form)  # noqa: DTZ007  # only whether it can be read
    except (ValueError, re.error):  # the latter for a part that stands there twice
        return False
    return "%d" in form or "%j" in form


def _check_words(loc: Loc, value: Source, kind: Kind, mapping: Mapping) -> list[Wrong]:
    """Constants and the meanings of maps must be words the event takes."""
    if not kind.words:
        return []
    tables = mapping.maps.get(value.map, {}) if isinstance(value.map, str) else value.map or {}
    said: list[object] = list(tables.values())
    for constant in (value.constant, value.default):
        said += constant if isinstance(constant, list) else [constant] if constant is not None else []
    return [(loc, reason) for word in said if (reason := _unfit(word, kind.words))]


def _unfit(word: object, words: Sequence[str]) -> str:
    try:
        as_word(word, words)
    except Unfit:
        return f"{word!r} is none of {', '.join(words)}"
    return ""


def _check_condition(loc: Loc, condition: Condition) -> list[Wrong]:
    said = [name for name in type(condition).model_fields if name != "column" and getattr(condition, name) is not None]
    known = "is, is_not, filled, contains, same_as, differs_from or greater_than"
    return [] if said else [(loc, f"tests nothing; add {known}")]


def _check_zone(loc: Loc, name: str | None) -> list[Wrong]:
    if name is None:
        return []
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return [(loc, f"{name!r} is no time zone; write one like Europe/Paris")]
    return []


def _check_columns(mapping: Mapping, columns: Sequence[str]) -> list[Wrong]:
    found: list[Wrong] = []
    for name in ("marketplace", "shop"):
        value = getattr(mapping, name)
        found += _unknown((name,), value.columns() if value is not None else [], columns)
    for place, rule in enumerate(mapping.events):
        known = [*columns, *(column for column in columns_of(rule) if rule.each and column.startswith(f"{rule.each}."))]
        for path, value in values_of(rule).items():
            found += _unknown(("events", place, *_steps(path)), value.columns(), known)
        for at, condition in enumerate(rule.when):
            found += _unknown(("events", place, "when", at), condition.columns(), known)
        found += _unknown(("events", place, "each"), [rule.each] if rule.each else [], columns)
    return found


def _unknown(loc: Loc, named: Sequence[str], columns: Sequence[str]) -> list[Wrong]:
    known = {name.casefold() for name in columns}  # capitals differ between versions of one and the same export
    return [(loc, f"the file has no column {name!r}; {_hint(name, columns)}")
            for name in named if name.casefold() not in known]


def _hint(name: str, columns: Sequence[str]) -> str:
    near = get_close_matches(name, columns, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"it has {', '.join(columns)[:300]}"
