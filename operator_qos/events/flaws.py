"""What databases cannot hold and programs cannot walk (half characters, NUL, deep nesting)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator

from scoring.events import Problem

MAX_DEPTH = 100


class _Written(str):
    """A piece of JSON text that is finished."""

    __slots__ = ()


def storable(text: str) -> str:
    """The text as every database takes it: NUL and half characters written as escapes."""
    if text.isprintable():
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\u0000")


def spell_out(document: object) -> str:
    """The document as JSON with sorted keys, however deep it is nested."""
    parts: list[str] = []
    left: list[object] = [document]
    while left:
        item = left.pop()
        if isinstance(item, _Written):
            parts.append(item)
        elif isinstance(item, dict):
            left += reversed([_Written("{"), *_members(item), _Written("}")])
        elif isinstance(item, list | tuple):
            left += reversed([_Written("["), *_elements(item), _Written("]")])
        else:
            parts.append(_scalar(item))
    return "".join(parts)


def _members(item: dict[object, object]) -> Iterator[object]:
    for place, key in enumerate(sorted(item, key=str)):
        yield _Written(f"{',' if place else ''}{json.dumps(str(key))}:")
        yield item[key]


def _elements(items: Iterable[object]) -> Iterator[object]:
    for place, value in enumerate(items):
        yield _Written("," if place else "")
        yield value


def _scalar(item: object) -> str:
    if isinstance(item, float) and not math.isfinite(item):
        return "null"  # as the fast writer has it
    return json.dumps(item, default=str)


def may_be_flawed(body: str) -> bool:
    """Whether the canonical text of a document calls for a closer look; few do."""
    return "\\u" in body or body.count("{") + body.count("[") > MAX_DEPTH


def find_flaw(document: object) -> Problem | None:
    """The first flaw of a document in the order of its fields, None when it can be stored."""
    left: list[tuple[str, int, object]] = [("", 0, document)]
    while left:
        path, depth, item = left.pop()
        reason = _flaw_of_text(item) if isinstance(item, str) else ""
        if depth > MAX_DEPTH:
            path, reason = ".".join(path.split(".")[:3]), f"is nested more than {MAX_DEPTH} deep; flatten it"
        if reason:
            return Problem(path, reason)
        left += reversed([(_join(path, name), depth + 1, part) for name, part in _parts(item)])
    return None


def _parts(item: object) -> Iterator[tuple[str, object]]:
    if isinstance(item, dict):
        for key, value in item.items():
            yield "", key
            yield str(key), value
    elif isinstance(item, list | tuple):
        yield from ((str(place), value) for place, value in enumerate(item))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}".strip(".")[:200]


def _flaw_of_text(text: str) -> str:
    if "\x00" in text:
        return "holds a NUL character; remove it"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "holds half of a character (a lone \\ud800 to \\udfff); repair the text"
    return ""
