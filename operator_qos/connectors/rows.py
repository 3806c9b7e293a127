"""What an importer hands on: events with the row they came from, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

OPENED_AT = datetime.fromisoformat("2000-01-03T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class EventRow:
    """A CloudEvents 1.0 event in structured mode and where it was read."""

    file: str
    row: int
    event: dict[str, object]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that gives no event: which field is wrong, why, and what to do about it."""

    file: str
    row: int
    field: str
    reason: str
    raw: str
    mapping_id: int | None = None  # the saved mapping that read it: `raw` is then the row as a JSON object
    marketplace: str = ""
    shop: str = ""


@dataclass(frozen=True, slots=True)
class MarketplaceSeed:
    """A marketplace that the import needs before its first event."""

    id: str
    timezone: str
    currency: str
    country: str
    language: str
    name: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """The marketplaces to create, then the rows: the shops' openings come first."""

    marketplaces: tuple[MarketplaceSeed, ...]
    rows: Iterator[EventRow | BadRow]


class SourceLayoutError(Exception):
    """A file is missing or is not laid out as the importer expects; nothing can be read from it."""

    def __init__(self, file: str, what: str, what_to_do: str) -> None:
        super().__init__(f"{file}: {what} {what_to_do}")
        self.file = file
        self.what = what
        self.what_to_do = what_to_do


@dataclass(frozen=True, slots=True)
class Happening:
    """One event before it wears its envelope."""

    type: str
    id: str
    at: datetime
    subject: str
    shop: str
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from: the CloudEvents source and the marketplace they belong to."""

    source: str
    marketplace: str
    country: str

    def event(self, happening: Happening) -> dict[str, object]:
        """The structured CloudEvent; `data` is left out when there is none."""
        event: dict[str, object] = {
            "specversion": "1.0",
            "type": happening.type,
            "source": self.source,
            "id": happening.id,
            "time": utc_text(happening.at),
            "subject": happening.subject,
            "marketplace": self.marketplace,
            "shop": happening.shop,
        }
        if happening.data:
            event["data"] = happening.data
        return event

    def shop_opened(self, shop: str, name: str) -> dict[str, object]:
        """The opening of a shop, before anything that could have happened in it."""
        data: dict[str, object] = {"seller": shop, "name": name, "country": self.country}
        return self.event(Happening("qos.shop.opened", f"{shop}:opened", OPENED_AT, shop, shop, data))


def utc_text(at: datetime) -> str:
    """An aware UTC moment as events write it, to the second."""
    return f"{at.isoformat()[:19]}Z"
