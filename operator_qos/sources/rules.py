"""How what a source sends is counted, and what the counts say of its lag. Pure.

A count has a name: `event <type>` per local day on which it happened; `status <status>` and `lag <bound>` per local
day on which it came. A lag is how long after it happened an event came [s], counted under the smallest bound it keeps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

LAG_BOUNDS: Final = (60, 300, 900, 3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600)  # [s]
STATUSES: Final = ("accepted", "duplicate", "conflict", "quarantined")
EVENT, STATUS, LAG, MORE = "event ", "status ", "lag ", "more"


def name_lag(lag_seconds: float) -> str:
    """The name of the count that a lag belongs to."""
    place = bisect_left(LAG_BOUNDS, lag_seconds)
    return f"{LAG}{LAG_BOUNDS[place] if place < len(LAG_BOUNDS) else MORE}"


def find_lag(counts: Mapping[str, int], share: float) -> int | None:
    """The bound [s] within which that share of the events came; None when not even the last bound holds, or none came.

    `counts` by name, as `name_lag` gives them.
    """
    total = sum(count for name, count in counts.items() if name.startswith(LAG))
    within = 0
    for bound in LAG_BOUNDS:
        within += counts.get(f"{LAG}{bound}", 0)
        if total and within >= share * total:
            return bound
    return None


def list_gaps(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of empty days between days that had events: (first, last) places in the list."""
    filled = [place for place, count in enumerate(counts) if count]
    return [(before + 1, after - 1) for before, after in pairwise(filled) if after - before > 1]
