"""How programs name promises, and what can become of one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta

OPENED, MOVED, DUE_SOON, MET, CANCELLED = "opened", "moved", "due_soon", "met", "cancelled"
CHANGES = (OPENED, MOVED, DUE_SOON, MET, CANCELLED)
# How long before its due time programs are reminded of a promise, and how long changes can be asked for.
SOON = timedelta(hours=4)
KEPT = timedelta(days=30)
PAGE, LONGEST_PAGE = 100, 500


class CursorError(ValueError):
    """A cursor that this address never gave."""


def name_obligation(marketplace_id: str, shop: str, kind: str, ref: str) -> str:
    """The name of a promise for programs: the same as long as there is such a promise, and after a rebuild."""
    return hashlib.sha256("\n".join((marketplace_id, shop, kind, ref)).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Place:
    """Behind which promise a page goes on: due time [epoch ms], shop, kind and name."""

    due_ms: int
    shop_id: int
    kind: str
    ref: str


def write_cursor(place: Place) -> str:
    """The place as an address carries it."""
    text = json.dumps([place.due_ms, place.shop_id, place.kind, place.ref], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str) -> Place:
    """The place of a cursor. Raises CursorError."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise CursorError(text) from error
    if not isinstance(found, list) or [type(part) for part in found] != [int, int, str, str] or "\x00" in str(found):
        raise CursorError(text)
    if not all(-(2**62) < number < 2**62 for number in found[:2]) or found[1] >= 2**31:
        raise CursorError(text)
    return Place(*found)


def is_soon(due_ms: int, *, now_ms: int, told_for_ms: int | None) -> bool:
    """Whether it is time to say that a promise falls due, once for each due time."""
    ahead_ms = SOON // timedelta(milliseconds=1)
    return now_ms <= due_ms <= now_ms + ahead_ms and told_for_ms != due_ms
