"""Numbers that look at several units of one shop together: refusals in a row, buyers who came back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

DAY_MS = 86_400_000
REPEAT_DAYS = 90
REPEAT_MS = REPEAT_DAYS * DAY_MS


class Answer(NamedTuple):
    """An order accepted or refused at `at_ms` [epoch ms]; a forgiven refusal does not count, yet accepts nothing."""

    unit: str
    at_ms: int
    accepted: bool
    counts: bool


def list_streak(answers: Iterable[Answer]) -> list[str]:
    """The orders refused since the last one was accepted; at the same second the acceptance comes first.

    Without an acceptance all refusals count; empty for no answers.
    """
    known = list(answers)
    last = max((answer.at_ms for answer in known if answer.accepted), default=None)
    return [answer.unit for answer in known if answer.counts and (last is None or answer.at_ms >= last)]


class Purchase(NamedTuple):
    """An order of a known buyer, placed at `at_ms` [epoch ms]."""

    buyer: str
    at_ms: int
    unit: str


class Chance(NamedTuple):
    """A buyer's first order of the window, and whether no other followed it within `REPEAT_DAYS`."""

    first: Purchase
    missed: bool


def list_chances(purchases: Iterable[Purchase], *, start_ms: int, as_of_ms: int) -> list[Chance]:
    """One row per buyer with an order in `[start - N, T - N)` [epoch ms], N = `REPEAT_DAYS` of 24 hours, by buyer.

    The further order may be in the window too; of orders of the same second the one later in the order of units is the
    further one. Empty without such buyers.
    """
    orders: dict[str, list[Purchase]] = {}
    for purchase in purchases:
        if start_ms - REPEAT_MS <= purchase.at_ms < as_of_ms:
            orders.setdefault(purchase.buyer, []).append(purchase)
    found: list[Chance] = []
    for buyer in sorted(orders):
        first, *further = sorted(orders[buyer], key=lambda order: (order.at_ms, order.unit))
        if first.at_ms < as_of_ms - REPEAT_MS:
            found.append(Chance(first, not further or further[0].at_ms > first.at_ms + REPEAT_MS))
    return found
