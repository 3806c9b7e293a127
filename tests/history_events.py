"""What can happen in a random history: single events and short stories of orders, talks, cases and shops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
# A number from 0 up to, not including, the one given; 0 is the simplest.
Draw = Callable[[int], int]

ZONES = {"fr": "Europe/Paris", "us": "America/New_York", "eu": "UTC"}
HOUR = 3600
DAY = 24 * HOUR
# Two of these weeks hold a clock change in Paris, two in New York.
STARTS = ("2026-03-05T14:00", "2026-03-26T09:30", "2026-06-15T23:00", "2026-10-23T18:00", "2026-10-30T04:59")
GAPS = (1, HOUR, 6 * HOUR, DAY, DAY + 1, 2 * DAY, 3 * DAY, 3 * DAY + 1, 7 * DAY, 7 * DAY + 1, 14 * DAY)
OPENED = int(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp())

HOLDERS = ("seller", "buyer", "operator", "carrier")
FAULTS = (*HOLDERS, "nobody")
CLOSERS = ("seller", "buyer", "operator", "automatic")
CANCELLERS = (*CLOSERS, "unknown")
CANCEL_REASONS = (
    *("buyer_request", "payment_failed", "fraud", "operator", "out_of_stock", "seller_timeout", "other"),
)
MILESTONES = ("in_transit", "out_for_delivery", "attempted", "delivered", "exception")
CASE_KINDS = ("claim", "incident", "return", "chargeback")
REASONS = ("not_received", "not_as_described", "damaged")
CALENDARS: tuple[dict[str, list[list[str]]], ...] = (
    {day: [["09:00", "12:00"], ["14:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
    {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
    {day: [["08:00", "20:30"]] for day in ("tue", "thu", "sat", "sun")},
    {"mon": [["10:00", "10:30"]], "fri": [["06:15", "12:00"], ["12:00", "24:00"]]},
)


@dataclass(frozen=True)
class Draft:
    """An event before it has a source and an id."""

    at: int
    type: str
    shop: str
    subject: str
    data: Json


@dataclass(frozen=True)
class DraftCase:
    """A case of an order, or of none, and when it is opened."""

    id: str
    order: str | None
    opened: int


@dataclass(frozen=True)
class World:
    """What the events of a history may speak of."""

    marketplace: str
    zone: str
    instants: tuple[int, ...]
    shop: str
    orders: tuple[str, ...]
    cases: tuple[DraftCase, ...]


# Small parts


def pick(draw: Draw, options: Sequence[Any]) -> Any:
    """One of some options, the simplest first."""
    return options[draw(len(options))]


def several(draw: Draw, options: Sequence[Any], *, least: int = 0, most: int) -> list[Any]:
    """A few of some options, repeats allowed."""
    return [pick(draw, options) for _ in range(least + draw(most - least + 1))]


def instants_of(draw: Draw) -> tuple[int, ...]:
    """Two to five distinct instants in seconds."""
    start = datetime.fromisoformat(pick(draw, STARTS)).replace(tzinfo=UTC)
    found = [int(start.timestamp())]
    for gap in several(draw, GAPS, least=1, most=4):
        found.append(found[-1] + gap)
    return tuple(found)


def when(draw: Draw, world: World, since: int = 0) -> int:
    """One of the instants, not before a given one."""
    return int(pick(draw, [at for at in world.instants if at >= since]))


def instant_text(at: int, zone: str = "UTC", fraction: str = "") -> str:
    """An instant in ISO 8601, in UTC or with its local offset."""
    local = datetime.fromtimestamp(at, ZoneInfo(zone)).isoformat()
    text = local[:19] + fraction + local[19:]
    return text.replace("+00:00", "Z")


def local_date(at: int, zone: str) -> date:
    """The local day of an instant."""
    return datetime.fromtimestamp(at, ZoneInfo(zone)).date()


def promise_text(draw: Draw, world: World) -> str:
    """A promise that falls on, around or fourteen days before an instant, as an instant or a date."""
    at = when(draw, world) + pick(draw, (0, 0, -1, 1, DAY, -14 * DAY, -14 * DAY - 1))
    if pick(draw, (False, True)):
        return local_date(at, world.zone).isoformat()
    return instant_text(at, pick(draw, ("UTC", world.zone)))


def thinned(draw: Draw, data: Json, *needed: str) -> Json:
    """The same data with some optional fields left out or null."""
    optional = sorted(set(data) - set(needed))
    gone = set(several(draw, optional, most=2)) if optional else set()
    if gone and pick(draw, (False, True)):
        return {name: None if name in gone else value for name, value in data.items()}
    return {name: value for name, value in data.items() if name not in gone}


def some_lines(draw: Draw) -> Json:
    """Which lines an event means: some, or all by leaving it out. Line ids compare as text."""
    lines = pick(draw, (None, None, ["1"], ["2"], [1], ["1", "2"], ["2", "9"]))
    return {} if lines is None else {"lines": lines}


def flag(draw: Draw, name: str, chance: int = 4) -> Json:
    """A boolean field, mostly left out."""
    drawn = draw(chance + 1)
    return {name: drawn == 0} if drawn <= 1 else {}


# Orders


def placed(draw: Draw, world: World, order: str, at: int) -> Draft:
    """An order of one or two lines, promised or not."""
    lines = [
        {"line": pick(draw, ("1", 1)), "sku": "A1", "quantity": 1, "amount_minor": 2500},
        {"line": "2", "sku": "A2", "category": "home", "quantity": 2, "amount_minor": 900},
    ]
    data = {
        "lines": lines[: 1 + draw(2)],
        "currency": "EUR",
        "fulfilment": pick(draw, ("seller", "seller", "seller", "operator")),
        "buyer": pick(draw, (f"b-{order}", f"b-{order}", "b-O1")),
        "business": pick(draw, (False, True)),
        "accept_by": promise_text(draw, world),
        "ship_by": promise_text(draw, world),
        "deliver_by": promise_text(draw, world),
    }
    return Draft(at, "order.placed", world.shop, order, thinned(draw, data, "lines"))


def order_step(draw: Draw, world: World) -> list[Draft]:
    """One event of an order."""
    order, at = pick(draw, world.orders), when(draw, world)
    kind = pick(draw, pick(draw, (OFTEN, sorted(ORDER_DATA))))
    subject = f"R-{order}" if kind.startswith("return.") else order
    data = ORDER_DATA[kind](draw, world)
    if kind.startswith(("return.", "review.", "tracking.")):
        data["order"] = order
    return [Draft(at, kind, world.shop, subject, data)]


def nothing(draw: Draw, world: World) -> Json:
    """No data."""
    return {}


def refused(draw: Draw, world: World) -> Json:
    """Who refused."""
    by = pick(draw, ("seller", "automatic"))
    return thinned(draw, {"by": by, "reason": "out_of_stock"})


def cancelled(draw: Draw, world: World) -> Json:
    """Who cancelled which lines, and why."""
    by = pick(draw, ("seller", "seller", "seller", "automatic", *CANCELLERS))
    reason = pick(draw, ("out_of_stock", "out_of_stock", "seller_timeout", *CANCEL_REASONS))
    return thinned(draw, {"by": by, "reason": reason}) | some_lines(draw)


def shipped(draw: Draw, world: World) -> Json:
    """A parcel of some lines."""
    data = {
        "carrier": "post",
        "tracking": pick(draw, ("T1", "T2")),
        "trackable": pick(draw, (False, True)),
    }
    return thinned(draw, data) | some_lines(draw)


def promise_moved(draw: Draw, world: World) -> Json:
    """A promise moved, agreed or not."""
    data = {
        "kind": pick(draw, ("ship", "deliver")),
        "to": promise_text(draw, world),
        "agreed_by": pick(draw, ("buyer", "buyer", "operator", "seller", "nobody")),
    }
    return thinned(draw, data, "kind", "to")


def scanned(draw: Draw, world: World) -> Json:
    """A scan of a known, unknown or unnamed parcel."""
    data = {
        "tracking": pick(draw, ("T1", "T2", "T9")),
        "milestone": pick(draw, MILESTONES),
    }
    return thinned(draw, data, "milestone")


def delivered(draw: Draw, world: World) -> Json:
    """A delivery somebody knows of."""
    known_by = pick(draw, ("carrier", "buyer", "automatic"))
    return thinned(draw, {"known_by": known_by}) | some_lines(draw)


def refunded(draw: Draw, world: World) -> Json:
    """Money back."""
    return thinned(draw, {"amount_minor": 500, "reason": "damaged", "fault": pick(draw, FAULTS)})


def returned(draw: Draw, world: World) -> Json:
    """A return of some lines."""
    return {"reason": pick(draw, REASONS)} | some_lines(draw)


def rated(draw: Draw, world: World) -> Json:
    """A rating."""
    return thinned(draw, {"rating": 1 + draw(5), "verified": pick(draw, (False, True))}, "rating")


def surveyed(draw: Draw, world: World) -> Json:
    """A survey's answer."""
    about = pick(draw, ("order", "case", "mediation", "operator"))
    return {"about": about, "rating": 1 + draw(5)}


def corrected(draw: Draw, world: World) -> Json:
    """A promise as it should have been from the start."""
    field = pick(draw, ("ship_by", "deliver_by"))
    return {"field": field, "value": promise_text(draw, world), "reason": "wrong in the feed"}


ORDER_DATA: dict[str, Callable[[Draw, World], Json]] = {
    "order.accepted": nothing,
    "order.refused": refused,
    "order.paid": nothing,
    "order.invoiced": nothing,
    "order.cancelled": cancelled,
    "order.shipped": shipped,
    "order.promise_moved": promise_moved,
    "tracking.scanned": scanned,
    "order.delivered": delivered,
    "order.refunded": refunded,
    "return.requested": returned,
    "return.received": returned,
    "return.refused": returned,
    "return.refunded": returned,
    "review.posted": rated,
    "review.changed": rated,
    "review.removed": nothing,
    "review.replied": nothing,
    "survey.answered": surveyed,
    "order.corrected": corrected,
}


# What most metrics turn on.
OFTEN = (
    *("order.accepted", "order.refused", "order.cancelled", "order.shipped", "order.promise_moved"),
    *("order.delivered", "order.corrected", "review.posted", "return.requested"),
)


def parcel_story(draw: Draw, world: World) -> list[Draft]:
    """An order shipped, perhaps scanned and delivered, at any instants."""
    return order_story(
        draw, world, "order.shipped", ("tracking.scanned", "order.delivered", "order.cancelled")
    )


def review_story(draw: Draw, world: World) -> list[Draft]:
    """A review, perhaps changed or removed, at any instants."""
    return order_story(draw, world, "review.posted", ("review.changed", "review.removed", "review.posted"))


def order_story(draw: Draw, world: World, first: str, later: Sequence[str]) -> list[Draft]:
    """One thing and what may follow it, about the same order."""
    order, drafts = pick(draw, world.orders), []
    for kind in (first, *several(draw, later, most=2)):
        data = ORDER_DATA[kind](draw, world) | ({} if kind.startswith("order.") else {"order": order})
        drafts.append(Draft(when(draw, world), kind, world.shop, order, data))
    return drafts


def move_story(draw: Draw, world: World) -> list[Draft]:
    """A promise moved early and with an agreement, once or twice."""
    order, kind = pick(draw, world.orders), pick(draw, ("ship", "deliver"))
    drafts = []
    for at in several(draw, world.instants[:2], least=1, most=2):
        data = {"kind": kind, "to": promise_text(draw, world), "agreed_by": pick(draw, ("buyer", "operator"))}
        drafts.append(Draft(at, "order.promise_moved", world.shop, order, data))
    return drafts


def placed_again(draw: Draw, world: World) -> list[Draft]:
    """A second source tells of an order already placed, or of one never placed before."""
    return [placed(draw, world, pick(draw, world.orders), when(draw, world))]


# Conversations


def message(draw: Draw, world: World, author: str, subject: str, at: int) -> Draft:
    """A message; its recipients are always known, be it nobody for a private note."""
    to = pick(draw, RECIPIENTS[author])
    data: Json = {"author": author, "to": list(to)}
    for name in ("automatic", "no_reply_needed", "awaits_buyer"):
        data |= flag(draw, name, 8 if name != "awaits_buyer" or author != "seller" else 3)
    if pick(draw, (False, True)):
        data["order"] = pick(draw, world.orders)
    if world.cases and draw(4) == 3:
        data["case"] = pick(draw, world.cases).id
    return Draft(at, "message.sent", world.shop, subject, data)


RECIPIENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "buyer": (("seller",), ("seller",), ("seller",), ("seller", "operator"), ("operator",)),
    "seller": (("buyer",), ("buyer",), ("buyer",), ("buyer", "operator"), ("operator",), ()),
    "operator": (("buyer",), ("seller",), ("buyer", "seller")),
    "system": (("buyer",), ("seller",)),
}


def conversation_name(draw: Draw, world: World) -> str:
    """A conversation of its own or that of a case."""
    return str(pick(draw, ("V1", "V2", *(case.id for case in world.cases))))


def message_step(draw: Draw, world: World) -> list[Draft]:
    """One message of anybody."""
    author = pick(draw, ("buyer", "buyer", "seller", "seller", "operator", "system"))
    return [message(draw, world, author, conversation_name(draw, world), when(draw, world))]


def talk_story(draw: Draw, world: World) -> list[Draft]:
    """A buyer's question and what may come of it in the same conversation."""
    subject, at = conversation_name(draw, world), when(draw, world)
    drafts = [message(draw, world, "buyer", subject, at)]
    for _ in range(1 + draw(2)):
        author = pick(draw, ("seller", "seller", "buyer"))
        drafts.append(message(draw, world, author, subject, when(draw, world, at)))
    if pick(draw, (False, True)):
        drafts[-1] = no_reply_needed(draw, world, subject, when(draw, world, at))
    return drafts


def no_reply_needed(draw: Draw, world: World, subject: str, at: int) -> Draft:
    """A conversation waived."""
    by = pick(draw, ("seller", "buyer", "operator"))
    return Draft(at, "conversation.no_reply_needed", world.shop, subject, {"by": by})


def waiver_step(draw: Draw, world: World) -> list[Draft]:
    """One waiver in any conversation."""
    return [no_reply_needed(draw, world, conversation_name(draw, world), when(draw, world))]


# Cases


def case_opened(draw: Draw, world: World, case: DraftCase) -> Draft:
    """The opening of a case."""
    data: Json = {"kind": pick(draw, CASE_KINDS[:2] + CASE_KINDS), "reason": pick(draw, REASONS)}
    if case.order is not None:
        data["order"] = case.order
    return Draft(case.opened, "case.opened", world.shop, case.id, thinned(draw, data, "kind", "order"))


def case_data(draw: Draw, kind: str) -> Json:
    """The data of what happens to a case."""
    return thinned(draw, {name: pick(draw, values) for name, values in CASE_DATA[kind].items()}, "to", "by")


PARTIES = ("seller", "buyer")
CASE_DATA: dict[str, dict[str, tuple[Any, ...]]] = {
    "case.ball_passed": {"to": ("buyer", "buyer", "buyer", *HOLDERS)},
    "case.resolved": {"outcome": ("refunded",), "fault": FAULTS, "remedy": ("refund",)},
    "case.reopened": {"reason": ("broke again",)},
    "case.withdrawn": {},
    "case.closed": {"by": (*CLOSERS, "automatic"), "fault": (None, *FAULTS)},
    "case.ball_passed to buyer": {"to": ("buyer",)},
    "case.closed by timer": {"by": ("automatic",)},
    "case.escalated": {"by": CLOSERS},
    "case.evidence_asked": {"to": PARTIES, "due_by": ("2026-12-01",)},
    "case.evidence_given": {"by": PARTIES},
    "case.decided": {"fault": ("seller", *FAULTS), "remedy": ("refund",), "counts": (True, True, False)},
    "case.appealed": {"by": PARTIES},
}
CASE_STEPS = (
    *("case.ball_passed", "case.resolved", "case.reopened", "case.withdrawn", "case.closed"),
    *("case.escalated", "case.evidence_asked", "case.evidence_given", "case.decided", "case.appealed"),
)
CASE_STORIES = (
    ("case.resolved", "case.reopened", "case.resolved"),
    ("case.ball_passed", "case.resolved"),
    ("case.escalated", "case.decided", "case.resolved"),
    ("case.escalated", "case.evidence_asked", "case.evidence_given"),
    ("case.escalated", "case.evidence_asked", "case.closed"),
    ("case.closed",),
    ("case.ball_passed to buyer", "case.closed by timer"),
    ("case.closed by timer",),
    ("case.decided",),
    ("case.decided",),
    ("case.closed", "case.reopened"),
    ("case.escalated", "case.decided", "case.appealed", "case.decided"),
)


def case_step(draw: Draw, world: World) -> list[Draft]:
    """One thing that happens to a case after its opening."""
    if not world.cases:
        return order_step(draw, world)
    case = pick(draw, world.cases)
    kind = pick(draw, CASE_STEPS)
    return [Draft(when(draw, world, case.opened), kind, world.shop, case.id, case_data(draw, kind))]


def case_story(draw: Draw, world: World) -> list[Draft]:
    """Several things that happen to one case, one not before the other."""
    if not world.cases:
        return order_step(draw, world)
    case = pick(draw, world.cases)
    at, drafts = case.opened, []
    for name in pick(draw, CASE_STORIES):
        at, kind = when(draw, world, at), name.split()[0]
        drafts.append(Draft(at, kind, world.shop, case.id, case_data(draw, name)))
    return drafts


# Shops


def shop_opened(draw: Draw, world: World, at: int) -> Draft:
    """A shop, in the zone of its marketplace or another one."""
    data: Json = {"seller": "C1", "name": f"Shop {world.shop}", "country": "FR"}
    zone = pick(draw, (None, None, *ZONES.values()))
    return Draft(at, "shop.opened", world.shop, world.shop, data | ({"timezone": zone} if zone else {}))


def shop_step(draw: Draw, world: World) -> list[Draft]:
    """A calendar, an absence, or a second opening, which changes nothing."""
    make = pick(draw, (calendar_set, calendar_set, closed_for, closed_for, shop_opened))
    return [make(draw, world, pick(draw, (OPENED + HOUR, when(draw, world))))]


def calendar_set(draw: Draw, world: World, at: int) -> Draft:
    """Weekly hours from some day on."""
    day = local_date(when(draw, world), world.zone)
    holidays = sorted(set(several(draw, (day, day + timedelta(days=1)), most=2)))
    data = {
        "hours": pick(draw, CALENDARS),
        "holidays": [holiday.isoformat() for holiday in holidays],
        "effective_from": pick(draw, ("2026-01-01", day.isoformat())),
    }
    return Draft(at, "shop.calendar_set", world.shop, world.shop, thinned(draw, data, "hours"))


def closed_for(draw: Draw, world: World, at: int) -> Draft:
    """Out of office between two instants."""
    start = when(draw, world) + pick(draw, (0, 0, 1, -HOUR))
    data = {"from": instant_text(start), "until": instant_text(start + pick(draw, GAPS))}
    return Draft(at, "shop.closed_for", world.shop, world.shop, data)


STEPS = (
    *(order_step, order_step, order_step, parcel_story, parcel_story, move_story, review_story, placed_again),
    *(message_step, talk_story, talk_story, talk_story, waiver_step),
    *(case_step, case_story, case_story, case_story, shop_step),
)
