"""What can be exported, by what it can be narrowed, and when it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

SHEETS = ("metrics", "standings", "obligations", "orders")
EVERY = ("week", "month")
PAGE, LONGEST_PAGE = 500, 5_000


class FilterError(ValueError):
    """A filter or cursor that cannot be used; `field` names it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True)
class Filters:
    """Which rows are wanted; what is empty narrows nothing. `shop_ids` None: of every shop."""

    shop_ids: tuple[int, ...] | None = None
    marketplace: str = ""
    shop: str = ""
    metric: str = ""
    verdict: str = ""
    level: str = ""
    state: str = ""
    show: str = ""

    def to_json(self) -> dict[str, str]:
        """What a person chose, without what follows from who they are."""
        return {name: value for name, value in vars(self).items() if name != "shop_ids" and value}


NAMES = tuple(name for name in Filters.__dataclass_fields__ if name != "shop_ids")
# What each table can be narrowed by.
KNOWN = {
    "metrics": ("marketplace", "shop", "metric", "verdict"),
    "standings": ("marketplace", "shop", "level"),
    "obligations": ("marketplace", "shop", "state"),
    "orders": ("marketplace", "shop", "metric", "show"),
}


@dataclass(frozen=True)
class Wanted:
    """A table, narrowed, with some columns; none named: all."""

    sheet: str
    filters: Filters = field(default_factory=Filters)
    columns: tuple[str, ...] = ()


def find_next_send(every: str, zone: str, *, now: datetime) -> datetime:
    """The next Monday, or first of a month, at six in the morning on the reader's clock."""
    local = now.astimezone(ZoneInfo(zone))
    at = local.replace(hour=6, minute=0, second=0, microsecond=0)
    if every == "week":
        at += timedelta(days=-local.weekday() % 7)
        return (at if at > local else at + timedelta(days=7)).astimezone(now.tzinfo)
    at = at.replace(day=1)
    if at <= local:
        at = (at + timedelta(days=32)).replace(day=1)
    return at.astimezone(now.tzinfo)
