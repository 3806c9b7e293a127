"""Does a level or badge go to the large? Who holds it, by group, and how concentrated the orders are among holders.

The Herfindahl-Hirschman index (A. O. Hirschman 1945, O. C. Herfindahl 1950) is the sum of the squared shares of all
orders: 1/n for n equal shops, 1 for a single one. Its inverse, the effective number of shops, is how many equal ones
would be as concentrated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Orders a month below which a shop counts as of that size.
SIZES = ((50, "under_50"), (501, "50_to_500"), (10**12, "over_500"))
QUARTERS = ("quarter_1", "quarter_2", "quarter_3", "quarter_4")
SMALLEST, LARGEST = QUARTERS[0], QUARTERS[-1]


@dataclass(frozen=True)
class Tally:
    """Shops with their orders: numbers of both, and the sum of each shop's squared number of orders [orders²]."""

    shops: int = 0
    orders: int = 0
    squares: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.shops + other.shops, self.orders + other.orders, self.squares + other.squares)

    @property
    def hhi(self) -> float | None:
        """The index [share², 1/shops to 1]; None without orders."""
        return self.squares / self.orders**2 if self.orders else None

    @property
    def effective_shops(self) -> float | None:
        """How many equal shops would be as concentrated [shops, 1 to the number of shops]; None without orders."""
        return self.orders**2 / self.squares if self.orders else None


@dataclass(frozen=True)
class PlacedShop:
    """A shop as counted here: its orders (0 or more), its group, and whether it holds the level or badge."""

    orders: int
    group: str
    holds: bool


@dataclass(frozen=True)
class GroupShare:
    """The shops of a group, and those among them that hold it."""

    name: str
    all: Tally
    holders: Tally

    @property
    def share(self) -> float | None:
        """The share of the group's shops that hold it [0 to 1]; None without shops."""
        return self.holders.shops / self.all.shops if self.all.shops else None


def name_size(orders: int, *, days: int) -> str:
    """The size of a shop by its orders (0 or more) in ``days`` [1 or more], told by 30 days. Raises ValueError."""
    if orders < 0 or days < 1:
        raise ValueError(f"{orders} orders in {days} days: neither can be negative, and there is at least a day")
    return next(name for bound, name in SIZES if orders * 30 < bound * days)


def list_quarters(orders: Sequence[int]) -> list[str]:
    """The quarter of each shop by its orders, from the smallest to the largest; shops with equal orders stay together.

    A shop stands where the middle of those with its number of orders does. Empty without shops.
    """
    ranked = sorted(orders)
    middles = {number: bisect_left(ranked, number) + bisect_right(ranked, number) for number in set(orders)}
    return [QUARTERS[min(3, 2 * middles[number] // len(orders))] for number in orders]


def list_shares(shops: Iterable[PlacedShop]) -> tuple[GroupShare, ...]:
    """The share of holders in each group: sizes from small to large first, then by name. Empty without shops."""
    found: dict[str, GroupShare] = {}
    for shop in shops:
        one = Tally(1, shop.orders, shop.orders**2)
        known = found.get(shop.group, GroupShare(shop.group, Tally(), Tally()))
        held = one if shop.holds else Tally()
        found[shop.group] = GroupShare(shop.group, known.all + one, known.holders + held)
    order = [*QUARTERS, *(name for _, name in SIZES)]
    return tuple(sorted(found.values(), key=lambda g: (order.index(g.name) if g.name in order else len(order), g.name)))


def sum_shares(groups: Iterable[GroupShare]) -> GroupShare:
    """All groups as one, without a name."""
    total = GroupShare("", Tally(), Tally())
    for group in groups:
        total = GroupShare("", total.all + group.all, total.holders + group.holders)
    return total
