"""Seller orders: their lines, promises and first moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.oracle.clock import Promise, read_promise
from tests.oracle.events import Event

NOT_THE_SELLERS = frozenset({"buyer_request", "payment_failed", "fraud", "operator"})
OF_ORDER = ("tracking.scanned", "return.requested", "review.posted", "review.changed", "review.removed")


@dataclass(frozen=True)
class Cancellation:
    """The first cancellation of one line."""

    at: int
    by: str | None
    reason: str | None

    @property
    def is_sellers(self) -> bool:
        """Whether it is a defect of the seller."""
        silent = self.by == "automatic" and self.reason == "seller_timeout"
        return (self.by == "seller" or silent) and self.reason not in NOT_THE_SELLERS


@dataclass(frozen=True)
class Review:
    """The standing version of an order's review."""

    since: int
    rating: int


@dataclass(frozen=True)
class Order:
    """One placed seller order at T. Moments in milliseconds, None when it did not happen."""

    id: str
    ordered: int
    by_operator: bool
    ship_by: Promise | None
    deliver_by: Promise | None
    accepted: int | None
    refused: int | None
    refused_by: str | None
    shipped: int | None
    arrived: int | None
    cancelled: int | None
    cancellations: tuple[Cancellation, ...]
    trackable: bool
    scanned: bool
    known_delivered: bool
    refunded: bool
    return_requested: bool
    review: Review | None

    @property
    def is_unknowable(self) -> bool:
        """Shipped untrackable and never heard of."""
        return self.shipped is not None and not (self.trackable or self.scanned or self.known_delivered)

    @property
    def ended_by(self) -> int | None:
        """When it was refused or wholly cancelled, whichever came first."""
        return min((at for at in (self.refused, self.cancelled) if at is not None), default=None)


def orders_of(events: list[Event], zone: str) -> list[Order]:
    """Every placed order of one shop."""
    placed = {event.subject for event in events if event.type == "order.placed"}
    stories = [[event for event in events if order_named(event) == order] for order in sorted(placed)]
    return [read_order(story, zone) for story in stories]


def order_named(event: Event) -> str | None:
    """The order that an event tells of."""
    if event.type in OF_ORDER:
        return event.names("order") or event.subject
    return event.subject if event.type.startswith("order.") else None


class Story:
    """The events of one order, in order, with the questions asked of them."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.placed = self.all("order.placed")[0]
        named = [str(line["line"]) for line in self.placed.data.get("lines") or []]
        self.lines = list(dict.fromkeys(named)) or [""]

    def all(self, *types: str) -> list[Event]:
        """The events of some types."""
        return [event for event in self.events if event.type in types]

    def first(self, kind: str) -> int | None:
        """The first moment of a type."""
        return min((event.at for event in self.all(kind)), default=None)

    def lines_of(self, event: Event) -> list[str]:
        """The lines an event means: all of them when it names none."""
        named = event.data.get("lines")
        if not named or self.lines == [""]:
            return self.lines
        return [line for line in self.lines if line in {str(name) for name in named}]


def read_order(events: list[Event], zone: str) -> Order:
    """One order from its own events."""
    story = Story(events)
    cancelled = line_cancellations(story)
    gone = {line: cancellation.at for line, cancellation in cancelled.items()}
    refusals = story.all("order.refused")
    return Order(
        id=story.placed.subject,
        ordered=story.placed.at,
        by_operator=corrected(story, "fulfilment") == "operator",
        ship_by=promise(story, "ship", zone),
        deliver_by=promise(story, "deliver", zone),
        accepted=story.first("order.accepted"),
        refused=story.first("order.refused"),
        refused_by=refusals[0].names("by") if refusals else None,
        shipped=complete_at(story.lines, line_moments(story, story.all("order.shipped")), gone),
        arrived=complete_at(story.lines, arrivals(story), gone),
        cancelled=max(gone.values()) if len(gone) == len(story.lines) else None,
        cancellations=tuple(cancelled.values()),
        trackable=any(event.data.get("trackable") for event in story.all("order.shipped")),
        scanned=bool(story.all("tracking.scanned")),
        known_delivered=bool(known_deliveries(story)),
        refunded=bool(story.all("order.refunded")),
        return_requested=bool(story.all("return.requested")),
        review=standing_review(story),
    )


def corrected(story: Story, name: str) -> Any:
    """A field of the order as placed, or as last corrected."""
    value = story.placed.data.get(name)
    for event in story.all("order.corrected"):
        if event.data.get("field") == name:
            value = event.data.get("value")
    return value


def promise(story: Story, kind: str, zone: str) -> Promise | None:
    """The promise in force: the original, moved by every agreed move made while it could still be kept."""
    original = corrected(story, f"{kind}_by")
    if original is None:
        return None
    current = read_promise(original, zone)
    for move in story.all("order.promise_moved"):
        agreed = move.data.get("agreed_by") in ("buyer", "operator")
        if move.data.get("kind") == kind and agreed and move.at <= current.at:
            current = read_promise(move.data["to"], zone)
    return current


def line_cancellations(story: Story) -> dict[str, Cancellation]:
    """The first cancellation of each cancelled line."""
    found: dict[str, Cancellation] = {}
    for event in story.all("order.cancelled"):
        for line in story.lines_of(event):
            found.setdefault(line, Cancellation(event.at, event.names("by"), event.names("reason")))
    return found


def line_moments(story: Story, events: Iterable[Event]) -> dict[str, int]:
    """When each line was first meant by one of the events."""
    found: dict[str, int] = {}
    for event in events:
        for line in story.lines_of(event):
            found[line] = min(event.at, found.get(line, event.at))
    return found


def complete_at(lines: list[str], done: Mapping[str, int], gone: Mapping[str, int]) -> int | None:
    """The first moment at which some line is live and every line not cancelled by then is done."""
    for at in sorted({*done.values(), *gone.values()}):
        live = [line for line in lines if not (line in gone and gone[line] <= at)]
        if live and all(line in done and done[line] <= at for line in live):
            return at
    return None


def known_deliveries(story: Story) -> list[Event]:
    """Deliveries that somebody saw; what a timer assumed is no knowledge."""
    return [event for event in story.all("order.delivered") if event.data.get("known_by") != "automatic"]


def arrivals(story: Story) -> dict[str, int]:
    """When each line was first delivered, or its parcel attempted."""
    found = line_moments(story, known_deliveries(story))
    for event in story.all("tracking.scanned"):
        if event.data.get("milestone") in ("attempted", "delivered"):
            for line in parcel_lines(story, event.names("tracking")):
                found[line] = min(event.at, found.get(line, event.at))
    return found


def parcel_lines(story: Story, tracking: str | None) -> list[str]:
    """The lines of all shipments under a number; of an unknown number all lines."""
    parts = [event for event in story.all("order.shipped") if event.names("tracking") == tracking]
    if tracking is None or not parts:
        return story.lines
    return [line for part in parts for line in story.lines_of(part)]


def standing_review(story: Story) -> Review | None:
    """The review that stands; a change or a removal needs one that stands."""
    standing: Review | None = None
    for event in story.all("review.posted", "review.changed", "review.removed"):
        if event.type == "review.removed":
            standing = None
        elif event.type == "review.posted" or standing is not None:
            standing = Review(event.at, int(event.data["rating"]))
    return standing
