"""The short reading of a standard: what the ladder and pages ask of one with three levels and plain badges."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from scoring.standards.conditions import Compare, Condition, list_leaves

if TYPE_CHECKING:
    from scoring.standards.model import Standard

Title = tuple[tuple[str, str], ...]
LEVEL_IDS = ("top", "in_standard", "below")


@dataclass(frozen=True)
class Level:
    """A step of the ladder; the numbers that lead to it, None where the level asks for none.

    ``min_orders`` placed within ``orders_window_days`` [local days]; ``breached_apart_days`` lie at least
    between two breached evaluations of one metric [days].
    """

    id: str
    title: Title
    min_orders: int | None = None
    orders_window_days: int | None = None
    breached_apart_days: int | None = None


def list_levels(standard: Standard) -> tuple[Level, ...]:
    """The tiers, best first: the first with the orders it asks for, the last with what leads down to it."""
    found = [Level(tier.id, tier.title) for tier in standard.tiers]
    if len(found) < 2:
        return tuple(found)
    first, lowest = standard.tiers[0], standard.tiers[-2]
    orders = find_bound(first.needs, "orders")
    days = getattr(next((f.window for f in standard.figures if f.id == "orders"), None), "days", None)
    found[0] = Level(first.id, first.title, orders, days if orders is not None else None)
    found[-1] = Level(found[-1].id, found[-1].title, breached_apart_days=find_bound(lowest.needs, "breach_span_days"))
    return tuple(found)


def find_bound(condition: Condition | None, key: str) -> int | None:
    """The first whole bound that a condition sets on a name."""
    bounds = (leaf.bound for leaf, _ in list_leaves(condition) if isinstance(leaf, Compare) and leaf.key == key)
    bound: Fraction | None = next(bounds, None)
    return None if bound is None else int(bound)
