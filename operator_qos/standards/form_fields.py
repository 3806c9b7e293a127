"""The common fields of a standard as a form, over its YAML: what the form does not know is never touched.

A changed value is put into the text where the old one stood; comments, order and everything else stay byte for byte.
A field is named by its place, as `rules/1/kept_when`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import yaml

LIMIT = re.compile(r"\s*(<=|>=|<|>|=|≤|≥)\s*(-?\d+(?:\.\d+)?)\s*(%|s|min|h|d)?\s*")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
OPERATORS = ("<=", "<", ">=", ">", "=")
LANGUAGES = ("en", "fr")
EVIDENCE = ("min_base", "min_bad", "min_buyers", "alpha")
_PLAIN = {"≤": "<=", "≥": ">="}
_WATCHED = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}

Kind = Literal["text", "number", "date", "limit", "list"]
Place = tuple[str, ...]


@dataclass(frozen=True)
class FormField:
    """One field: its place in the text, its value without operator and unit; `value` is empty where it is not given."""

    place: Place
    kind: Kind
    value: str
    operator: str = ""
    unit: str = ""
    is_given: bool = True

    @property
    def name(self) -> str:
        """As the form calls it."""
        return "/".join(self.place)

    @property
    def path(self) -> str:
        """As mistakes of the language name it: `rules[1].kept_when`."""
        steps = (f"[{step}]" if step.isdigit() else f".{step}" for step in self.place)
        return "".join(steps).removeprefix(".")


@dataclass(frozen=True)
class FormPart:
    """The standard itself, a rule, a level or a badge, with its fields; `kind` is standard, rules, tiers or badges."""

    kind: str
    id: str
    fields: tuple[FormField, ...]


class FieldError(ValueError):
    """A value that cannot be put into its field; `code` says why: number, date or operator."""

    def __init__(self, name: str, code: str) -> None:
        super().__init__(f"{name}: {code}")
        self.name, self.code = name, code


def list_parts(text: str) -> tuple[FormPart, ...]:
    """What a form shows of a text; nothing of a text that is no YAML mapping."""
    root = compose(text)
    if not isinstance(root, yaml.MappingNode):
        return ()
    found = [FormPart("standard", "", tuple(_list_general(root)))]
    for kind, lister in (("rules", _list_rule), ("tiers", _list_level), ("badges", _list_level)):
        sequence = find_node(root, (kind,))
        for number, node in enumerate(sequence.value if isinstance(sequence, yaml.SequenceNode) else ()):
            found.append(FormPart(kind, _read(node, ("id",)), tuple(lister(root, (kind, str(number))))))
    return tuple(found)


def set_values(
    text: str, values: Mapping[str, str], operators: Mapping[str, str]
) -> tuple[str, tuple[FieldError, ...]]:
    """The text with what changed put in, and the values that could not be.

    Fields not named stay as they are, and so do emptied ones: `list_emptied` names those to be taken out.
    """
    root = compose(text)
    edits: list[tuple[int, int, str]] = []
    errors: list[FieldError] = []
    missing: dict[Place, dict[str, str]] = {}
    for field in (field for part in list_parts(text) for field in part.fields if field.name in values):
        value, operator = values[field.name].strip(), operators.get(field.name, field.operator)
        is_same = value == field.value and operator == field.operator
        if is_same or not value:
            continue
        try:
            written = _write(field, value, operator)
        except FieldError as error:
            errors.append(error)
            continue
        if field.is_given:
            edits.append(_replace(text, find_node(root, field.place), written))
        else:
            missing.setdefault(field.place[:-1], {})[field.place[-1]] = written
    edits += [_add(text, root, place, given) for place, given in missing.items()]
    return _splice(text, edits), tuple(errors)


def list_emptied(text: str, values: Mapping[str, str]) -> list[Place]:
    """The fields that stand in a text and were sent without a value."""
    fields = (field for part in list_parts(text) for field in part.fields if field.is_given and field.value)
    return [field.place for field in fields if not values.get(field.name, field.value).strip()]


def _splice(text: str, edits: Sequence[tuple[int, int, str]]) -> str:
    for start, end, written in sorted(edits, reverse=True):
        text = text[:start] + written + text[end:]
    return text


def compose(text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    return node


def find_node(node: yaml.Node | None, place: Sequence[str]) -> yaml.Node | None:
    for step in place:
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
        else:
            return None
    return node


def _read(node: yaml.Node | None, place: Sequence[str]) -> str:
    found = find_node(node, place)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""


def _list_general(root: yaml.Node) -> Iterator[FormField]:
    yield from _list_titles(root, ())
    yield from _list_given(root, ("effective_from",), "date")
    for name in EVIDENCE:
        yield from _list_given(root, ("evidence", name), "number")
    days = find_node(root, ("warnings", "after_days"))
    if isinstance(days, yaml.SequenceNode):
        given = ", ".join(str(one.value) for one in days.value)
        yield FormField(("warnings", "after_days"), "list", given, unit="days")
    yield from _list_given(root, ("warnings", "end_after_days"), "number", "days")


def _list_rule(root: yaml.Node, at: Place) -> Iterator[FormField]:
    yield from _list_titles(root, at)
    yield from _list_limits(root, at)
    yield from _list_given(root, (*at, "window", "days"), "number", "days")
    yield from _list_given(root, (*at, "within_hours"), "number", "hours")
    for name in EVIDENCE:
        yield from _list_given(root, (*at, "evidence", name), "number")


def _list_level(root: yaml.Node, at: Place) -> Iterator[FormField]:
    yield from _list_titles(root, at)
    for name in ("needs", "keeps"):
        yield from _list_comparisons(find_node(root, (*at, name)), (*at, name))
    yield from _list_given(root, (*at, "stay_days"), "number", "days")


def _list_titles(root: yaml.Node, at: Place) -> Iterator[FormField]:
    title = find_node(root, (*at, "title"))
    if title is not None and not isinstance(title, yaml.MappingNode):
        return
    for language in LANGUAGES:
        place = (*at, "title", language)
        found = find_node(root, place)
        if found is None or isinstance(found, yaml.ScalarNode):
            yield FormField(place, "text", _read(root, place), is_given=found is not None)


def _list_given(root: yaml.Node, place: Place, kind: Kind, unit: str = "") -> Iterator[FormField]:
    found = find_node(root, place)
    if isinstance(found, yaml.ScalarNode):
        yield FormField(place, kind, str(found.value), unit=unit)


def _list_limits(root: yaml.Node, at: Place) -> Iterator[FormField]:
    """A plain limit and the line from which one watches; that line may be added."""
    kept = _to_limit((*at, "kept_when"), find_node(root, (*at, "kept_when")))
    if kept is None:
        return
    yield kept
    place = (*at, "watch_when")
    watched = find_node(root, place)
    if watched is not None:
        found = _to_limit(place, watched)
        yield from (found,) if found else ()
    elif kept.operator in _WATCHED:
        yield FormField(place, "limit", "", _WATCHED[kept.operator], kept.unit, is_given=False)


def _list_comparisons(node: yaml.Node | None, at: Place) -> Iterator[FormField]:
    """Every plain comparison of a condition, however deep it stands."""
    found = _to_limit(at, node)
    if found is not None:
        yield found
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _list_comparisons(value, (*at, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _list_comparisons(value, (*at, str(number)))


def _to_limit(place: Place, node: yaml.Node | None) -> FormField | None:
    match = LIMIT.fullmatch(node.value) if isinstance(node, yaml.ScalarNode) else None
    if match is None:
        return None
    return FormField(place, "limit", match[2], _PLAIN.get(match[1], match[1]), match[3] or "")


def _write(field: FormField, value: str, operator: str) -> str:
    """A value as YAML. Raises FieldError."""
    match field.kind:
        case "text":
            return json.dumps(value, ensure_ascii=False)
        case "date":
            return _write_day(field, value)
        case "list":
            return f"[{', '.join(_write_number(field, part) for part in value.split(','))}]"
        case "limit":
            if operator not in OPERATORS:
                raise FieldError(field.name, "operator")
            return f'"{operator} {_write_number(field, value)}{" " if field.unit else ""}{field.unit}"'
        case "number":
            return _write_number(field, value)


def _write_number(field: FormField, value: str) -> str:
    number = value.strip().replace(",", ".") if field.kind != "list" else value.strip()
    if NUMBER.fullmatch(number) is None:
        raise FieldError(field.name, "number")
    return number


def _write_day(field: FormField, value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise FieldError(field.name, "date") from None


def _replace(text: str, node: yaml.Node | None, written: str) -> tuple[int, int, str]:
    """The edit that puts a value in the place of another; a text over several lines keeps its last line's end."""
    if node is None:
        raise ValueError("a field that is given has a node")
    start, end = node.start_mark.index, node.end_mark.index
    return start, end, written + ("\n" if text[start:end].endswith("\n") else "")


def _add(text: str, root: yaml.Node | None, place: Place, given: Mapping[str, str]) -> tuple[int, int, str]:
    """The edit that adds fields to a mapping, or the mapping itself beside the first field around it."""
    node = find_node(root, place)
    written = ", ".join(f"{key}: {value}" for key, value in given.items())
    is_new = node is None
    if is_new:
        place, written = place[:-1], f"{place[-1]}: {{{written}}}"
        node = find_node(root, place)
    if not isinstance(node, yaml.MappingNode) or not node.value:
        raise ValueError(f"{'.'.join(place)} is no mapping with a first field")
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        return end, end, f", {written}"
    first, value = node.value[0]
    end = text.find("\n", max(value.end_mark.index - 1, 0))
    end = len(text) if end < 0 else end
    lines = [written] if is_new else [f"{name}: {value}" for name, value in given.items()]
    return end, end, "".join(f"\n{' ' * first.start_mark.column}{line}" for line in lines)
