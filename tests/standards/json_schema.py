"""A small JSON Schema validator, of the keywords that the schema of standards uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict), "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str), "boolean": lambda v: isinstance(v, bool), "null": lambda v: v is None,
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
}
ANNOTATIONS = {"title", "description", "default", "$defs", "$schema", "$comment", "format", "discriminator"}


def list_errors(schema: Any, value: Any, root: Any, path: str = "") -> Iterator[str]:
    """What in a value a schema refuses. Raises KeyError for a keyword it does not know."""
    for keyword, wanted in schema.items():
        if keyword not in ANNOTATIONS:
            yield from KEYWORDS[keyword](wanted, value, root, path, schema)


def holds(schema: Any, value: Any, root: Any) -> bool:
    return next(list_errors(schema, value, root), None) is None


def _when(fits: Callable[[Any, Any], bool], kind: type | tuple[type, ...] = object) -> Callable[..., Iterator[str]]:
    def check(wanted: Any, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
        if isinstance(value, kind) and not fits(wanted, value):
            yield f"{path}: {value!r} is not {wanted!r}"

    return check


def _ref(wanted: str, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
    yield from list_errors(root["$defs"][wanted.removeprefix("#/$defs/")], value, root, path)


def _properties(wanted: Any, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
    for key in set(wanted) & set(value if isinstance(value, dict) else ()):
        yield from list_errors(wanted[key], value[key], root, f"{path}.{key}")


def _additional(wanted: Any, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
    for key in sorted(set(value if isinstance(value, dict) else ()) - set(schema.get("properties", ()))):
        if wanted is False:
            yield f"{path}.{key}: unknown"
        elif wanted is not True:
            yield from list_errors(wanted, value[key], root, f"{path}.{key}")


def _items(wanted: Any, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
    for place, item in enumerate(value if isinstance(value, list) else ()):
        yield from list_errors(wanted, item, root, f"{path}[{place}]")


def _prefix(wanted: Any, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
    for place, (each, item) in enumerate(zip(wanted, value if isinstance(value, list) else (), strict=False)):
        yield from list_errors(each, item, root, f"{path}[{place}]")


def _choice(least: int, most: int) -> Callable[..., Iterator[str]]:
    def check(wanted: Any, value: Any, root: Any, path: str, schema: Any) -> Iterator[str]:
        if not least <= sum(holds(each, value, root) for each in wanted) <= most:
            yield f"{path}: {value!r} is none, or more than one, of its kinds"

    return check


KEYWORDS: dict[str, Callable[..., Iterator[str]]] = {
    "$ref": _ref, "properties": _properties, "additionalProperties": _additional, "items": _items,
    "prefixItems": _prefix, "anyOf": _choice(1, 99), "oneOf": _choice(1, 1),
    "type": _when(lambda wanted, value: TYPES[wanted](value)),
    "enum": _when(lambda wanted, value: value in wanted), "const": _when(lambda wanted, value: value == wanted),
    "pattern": _when(lambda wanted, value: re.search(wanted, value) is not None, str),
    "minLength": _when(lambda wanted, value: len(value) >= wanted, str),
    "minimum": _when(lambda wanted, value: value >= wanted, (int, float)),
    "maximum": _when(lambda wanted, value: value <= wanted, (int, float)),
    "minItems": _when(lambda wanted, value: len(value) >= wanted, list),
    "maxItems": _when(lambda wanted, value: len(value) <= wanted, list),
    "minProperties": _when(lambda wanted, value: len(value) >= wanted, dict),
    "required": _when(lambda wanted, value: set(wanted) <= set(value), dict),
}
