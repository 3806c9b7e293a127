"""Where a page of a list goes on, as an address carries it: the keys of the row before it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

_LARGEST = 2**62


class CursorError(ValueError):
    """A cursor that no page gave."""


def write_cursor(parts: Sequence[int | str]) -> str:
    """The keys of the last row of a page in one text."""
    text = json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    """The keys of a cursor, which are of these kinds (int, str). Raises CursorError for what no database takes."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        fits = isinstance(found, list) and [type(part) for part in found] == list(kinds) and all(map(_fits, found))
    except (ValueError, RecursionError):
        fits = False
    if not fits:
        raise CursorError("no page gave this cursor; begin without one")
    return tuple(found)


def _fits(part: int | str) -> bool:
    if isinstance(part, int):
        return -_LARGEST < part < _LARGEST
    part.encode()  # half a pair of surrogates raises
    return "\x00" not in part
