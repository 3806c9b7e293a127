"""CloudEvents as records: which of them are visible at T and K, and in which order they count."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# The place in this list is the rank of a type among events of the same second.
TYPES = (
    *("order.placed", "order.accepted", "order.refused", "order.paid", "order.invoiced"),
    *("order.cancelled", "order.shipped", "order.promise_moved", "tracking.scanned"),
    *("order.delivered", "order.refunded"),
    *("return.requested", "return.received", "return.refused", "return.refunded"),
    *("message.sent", "conversation.no_reply_needed", "case.opened"),
    *("case.ball_passed", "case.resolved", "case.reopened", "case.withdrawn", "case.closed"),
    *("case.escalated", "case.evidence_asked", "case.evidence_given", "case.decided", "case.appealed"),
    *("review.posted", "review.changed", "review.removed", "review.replied", "survey.answered"),
    *("obligation.excluded", "obligation.restored", "event.retracted", "order.corrected"),
    *("shop.opened", "shop.calendar_set", "shop.closed_for"),
)
AUTHORS = ("buyer", "seller", "operator", "system")

# These revise an earlier belief: they count by K, everything else by T.
BY_KNOWLEDGE = frozenset(
    {
        *("case.decided", "obligation.excluded", "obligation.restored", "review.changed", "review.removed"),
        *("event.retracted", "order.corrected", "shop.calendar_set", "shop.closed_for"),
    }
)


@dataclass(frozen=True)
class Event:
    """One event; `at` in epoch milliseconds, whole seconds."""

    at: int
    type: str
    source: str
    id: str
    marketplace: str
    shop: str
    subject: str
    data: Mapping[str, Any] = field(hash=False)

    @property
    def key(self) -> str:
        """Source and id, as units are named."""
        return f"{self.source}|{self.id}"

    def names(self, name: str) -> str | None:
        """A field of the data as text, None when left out."""
        value = self.data.get(name)
        return None if value is None else str(value)


def read_event(raw: Mapping[str, Any]) -> Event:
    """A structured CloudEvent as a record."""
    return Event(
        at=moment_ms(raw["time"]),
        type=raw["type"].removeprefix("qos."),
        source=raw["source"],
        id=raw["id"],
        marketplace=raw["marketplace"],
        shop=raw["shop"],
        subject=str(raw["subject"]),
        data=raw.get("data") or {},
    )


def moment_ms(text: str) -> int:
    """Epoch milliseconds of an instant; moments count to the second."""
    return int(datetime.fromisoformat(text).replace(microsecond=0).timestamp()) * 1000


def order_of(event: Event) -> tuple[int, int, int, str, str]:
    """The order of events: time, type, author, source, id."""
    author = event.data.get("author") if event.type == "message.sent" else None
    author_rank = AUTHORS.index(author) if author else 0
    return event.at, TYPES.index(event.type), author_rank, event.source, event.id


def visible_events(raws: Iterable[Mapping[str, Any]], *, until: int, known: int) -> list[Event]:
    """The events that count at T and K, each once, none retracted, in the order of events."""
    seen = [event for event in first_deliveries(raws) if event.at < limit_of(event, until, known)]
    return without_retracted(sorted(seen, key=order_of))


def first_deliveries(raws: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Of every source and id the event that came first."""
    kept: dict[str, Event] = {}
    for raw in raws:
        event = read_event(raw)
        kept.setdefault(event.key, event)
    return list(kept.values())


def limit_of(event: Event, until: int, known: int) -> int:
    """The moment before which an event must lie."""
    return known if event.type in BY_KNOWLEDGE else until


def without_retracted(ordered: list[Event]) -> list[Event]:
    """What is left after retractions; the last one speaks first, since only later ones can take it back."""
    gone: set[str] = set()
    for place in reversed(range(len(ordered))):
        event = ordered[place]
        if event.type == "event.retracted" and event.key not in gone:
            gone.update(named_by(event, ordered[:place]))
    return [event for event in ordered if event.key not in gone]


def named_by(retraction: Event, earlier: list[Event]) -> list[str]:
    """The key of the earlier event of the same shop that a retraction names, if there is one."""
    name = f"{retraction.names('source')}|{retraction.names('id')}"
    shop = (retraction.marketplace, retraction.shop)
    return [event.key for event in earlier if event.key == name and (event.marketplace, event.shop) == shop]
