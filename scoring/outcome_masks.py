"""One unit's outcome, and the small questions its masks are made of."""

from __future__ import annotations

from typing import NamedTuple

from scoring.dossier import Dossier


class Outcome(NamedTuple):
    """One unit in one group at (T, K).

    `anchor_ms` [epoch ms] decides the window; `amount` is the measured time [s], the days or the rating, 0 for shares;
    `order` and `buyer` name who is behind it, None where nobody told us; `kinds` are the defects standing on a placed
    order, forgiven ones included; `settled_ms` [epoch ms] is when a placed order was accepted or refused.
    """

    group: int
    unit: str
    anchor_ms: int
    base: int
    bad: int
    official_base: int
    official_bad: int
    amount: int
    order: str | None
    buyer: str | int | None
    kinds: tuple[str, ...] = ()
    settled_ms: int | None = None


def passed(moment: int | None, as_of_ms: int) -> bool:
    """Something happened, or a limit lies, before T."""
    return moment is not None and moment < as_of_ms


def by(moment: int | None, limit: int) -> bool:
    """Something happened at or before a limit."""
    return moment is not None and moment <= limit


def forgiven(dossier: Dossier, name: tuple[str, ...], flags: int) -> tuple[int, int]:
    """(flags that leave the bad, flags that leave the base) for one obligation."""
    found = dossier.exclusions.get(name)
    if found is None:
        return 0, 0
    return flags, flags if found.scope == "both" else 0
