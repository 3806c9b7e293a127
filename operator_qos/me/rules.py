"""How programs name promises, and what can become of one."""

from __future__ import annotations

import hashlib
from datetime import timedelta

OPENED, MOVED, DUE_SOON, MET, CANCELLED = "opened", "moved", "due_soon", "met", "cancelled"
CHANGES = (OPENED, MOVED, DUE_SOON, MET, CANCELLED)
# How long before its due time programs are reminded of a promise, and how long changes can be asked for.
SOON = timedelta(hours=4)
KEPT = timedelta(days=30)
PAGE, LONGEST_PAGE = 100, 500
# The help desks whose tickets promises can be shaped as; at most so many a page, as one call of Zendesk takes.
SHAPES, MOST_TICKETS = ("zendesk", "freshdesk"), 100


def name_obligation(marketplace_id: str, shop: str, kind: str, ref: str) -> str:
    """The name of a promise for programs: the same as long as there is such a promise, and after a rebuild."""
    return hashlib.sha256("\n".join((marketplace_id, shop, kind, ref)).encode()).hexdigest()[:32]


def is_soon(due_ms: int, *, now_ms: int, told_for_ms: int | None) -> bool:
    """Whether it is time to say that a promise falls due, once for each due time."""
    ahead_ms = SOON // timedelta(milliseconds=1)
    return now_ms <= due_ms <= now_ms + ahead_ms and told_for_ms != due_ms
