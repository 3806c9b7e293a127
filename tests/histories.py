"""Random histories of one marketplace, crowded on a few instants, and the moments to look at them from.

Every event is valid and tells nothing impossible: what a case goes through comes after its opening, a
retraction names an earlier event of its shop. Within that anything goes, ties above all.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.history_aftercare import LATER_STEPS
from tests.history_events import (
    DAY,
    OPENED,
    STEPS,
    ZONES,
    Draft,
    DraftCase,
    Draw,
    Json,
    World,
    case_opened,
    instant_text,
    instants_of,
    local_date,
    pick,
    placed,
    several,
    shop_opened,
    thinned,
    when,
)
from tests.oracle.events import order_of, read_event

__all__ = ["WINDOWS", "ZONES", "AsOf", "Json", "as_of_of", "as_ofs", "histories", "history_of", "shops_of"]

WINDOWS = (1, 7, 30, 60, 90)
SOURCES = ("/shop", "/carrier", "/helpdesk")
# What an exclusion may forgive after an event of a type: obligations and defects of its order.
FORGIVABLE: dict[str, tuple[str, ...]] = {
    "qos.order.placed": ("ship", "deliver", "not_shipped", "not_shipped", "invoice"),
    "qos.order.accepted": ("accept",),
    "qos.order.refused": ("accept", "accept"),
    "qos.order.shipped": ("ship", "ship", "track", "track", "deliver", "deliver"),
    "qos.order.cancelled": ("cancelled_by_seller", "cancelled_by_seller"),
    "qos.review.posted": ("low_rating", "low_rating"),
    "qos.case.opened": ("case", "case_lost", "chargeback"),
    "qos.case.decided": ("case_lost", "case_lost"),
}
OBLIGATIONS = frozenset({"accept", "ship", "track", "deliver", "invoice"})


@dataclass(frozen=True)
class AsOf:
    """From when to look at a history, knowing what, through which window."""

    as_of: str
    known_at: str | None
    window_days: int


@lru_cache
def below(count: int) -> st.SearchStrategy[int]:
    """A number from 0 on; kept, since making strategies is what takes the time."""
    return st.integers(0, count - 1)


@st.composite
def histories(draw: st.DrawFn, max_events: int = 25) -> list[Json]:
    """Valid CloudEvents of one marketplace (its zone in `ZONES`) and one or two shops, in any order."""
    return history_of(lambda count: draw(below(count)), max_events)


@st.composite
def as_ofs(draw: st.DrawFn, history: Sequence[Json]) -> AsOf:
    """T and K at, just after and some promised time after what happens, and a window."""
    return as_of_of(lambda count: draw(below(count)), history)


def history_of(draw: Draw, max_events: int = 25) -> list[Json]:
    """A history by the numbers drawn, be it from hypothesis or from `random.Random(seed).randrange`."""
    marketplace = pick(draw, sorted(ZONES))
    instants = instants_of(draw)
    shops = ("S1", "S2") if draw(4) == 3 else ("S1",)
    taken: set[tuple[str, str]] = set()
    events: list[Json] = []
    for shop in shops:
        world = world_of(draw, marketplace, instants, shop)
        events += shop_events(draw, world, max_events // len(shops), taken)
    random.Random(draw(1000)).shuffle(events)
    return events


def world_of(draw: Draw, marketplace: str, instants: tuple[int, ...], shop: str) -> World:
    """What the events of one shop may speak of; names are the same in every shop."""
    orders = ("O1", "O2", "O3")[: pick(draw, (1, 2, 2, 3))]
    cases = []
    for order in orders:
        for number in range(1, pick(draw, (0, 1, 1, 2) if order == "O1" else (0, 0, 1)) + 1):
            named = pick(draw, (order, order, order, order, None))
            cases.append(DraftCase(f"C-{order}-{number}", named, pick(draw, instants)))
    return World(marketplace, ZONES[marketplace], instants, shop, orders, tuple(cases))


def shop_events(draw: Draw, world: World, room: int, taken: set[tuple[str, str]]) -> list[Json]:
    """The events of one shop."""
    excluded, retracted = draw(6), draw(3)
    drafts = shop_drafts(draw, world)[: max(1, room - excluded - retracted)]
    events = [told(draw, world, draft, taken) for draft in drafts]
    for _ in range(excluded):
        events.append(told(draw, world, exclusion(draw, world, events), taken))
    for _ in range(retracted):
        events += retractions(draw, world, events, taken)
    return events[:room]


def shop_drafts(draw: Draw, world: World) -> list[Draft]:
    """The events of one shop, before anything is excluded or retracted."""
    drafts = [shop_opened(draw, world, OPENED)]
    drafts += [placed(draw, world, order, when(draw, world)) for order in world.orders if draw(10)]
    drafts += [case_opened(draw, world, case) for case in world.cases]
    for step in several(draw, (*STEPS, *LATER_STEPS), least=4, most=16):
        drafts += step(draw, world)
    return drafts


def told(draw: Draw, world: World, draft: Draft, taken: set[tuple[str, str]]) -> Json:
    """A draft as a CloudEvent of some source, with an id that says nothing about the order of things."""
    source, name = pick(draw, SOURCES), f"e{draw(20):02d}"
    while (source, name) in taken:
        name += "x"
    taken.add((source, name))
    zone, fraction = pick(draw, (("UTC", ""), (world.zone, ""), ("UTC", ".400")))
    event: Json = {
        "specversion": "1.0",
        "type": f"qos.{draft.type}",
        "source": source,
        "id": name,
        "time": instant_text(draft.at, zone, fraction),
        "subject": draft.subject,
        "marketplace": world.marketplace,
        "shop": world.shop,
    }
    return event | ({"data": draft.data} if draft.data else {})


# Exclusions and retractions


def exclusion(draw: Draw, world: World, events: Sequence[Json]) -> Draft:
    """Something excluded or restored: an obligation or a defect, of an order, a turn or a case."""
    subject, named = pick(draw, excludable(world, events))
    kind = pick(draw, ("excluded", "excluded", "restored"))
    data: Json = {"by": "ana"}
    if kind == "excluded":
        data |= {"scope": pick(draw, ("bad", "both")), "cause": "strike", "proof": "letter-1"}
    data = named | thinned(draw, data)
    return Draft(when(draw, world), f"obligation.{kind}", world.shop, subject, data)


def excludable(world: World, events: Sequence[Json]) -> list[tuple[str, Json]]:
    """What an exclusion may name, as its subject and its data; an order at least."""
    things = [(order, named_of("ship", order)) for order in world.orders]
    for event in events:
        data = event.get("data") or {}
        order = str(data.get("order") or event["subject"])
        things += [(order, named_of(kind, order)) for kind in FORGIVABLE.get(event["type"], ())]
        if event["type"] == "qos.obligation.excluded":
            sort = "obligation" if "obligation" in data else "defect"
            things += [(event["subject"], {sort: data[sort]})] * 4
        if event["type"] == "qos.case.opened":
            things += [(event["subject"], {"obligation": {"kind": "resolve", "case": event["subject"]}})] * 2
        if event["type"] == "qos.message.sent" and data["author"] == "buyer":
            answer = {"kind": "answer", "source": event["source"], "id": event["id"]}
            things += [(event["subject"], {"obligation": answer})] * 2
    return things


def named_of(kind: str, order: str) -> Json:
    """An obligation or a defect of an order."""
    return {"obligation" if kind in OBLIGATIONS else "defect": {"kind": kind, "order": order}}


def retractions(draw: Draw, world: World, events: Sequence[Json], taken: set[tuple[str, str]]) -> list[Json]:
    """A retraction of an earlier event, which may be a retraction; none when nothing came earlier."""
    event = told(draw, world, Draft(when(draw, world), "event.retracted", world.shop, "", {}), taken)
    rank = order_of(read_event(event))
    earlier = [other for other in events if order_of(read_event(other)) < rank]
    fitting = [other for other in earlier if other["type"] != "qos.shop.opened"]
    if not fitting:
        return []
    other = pick(draw, fitting)
    data = {"source": other["source"], "id": other["id"], "reason": "wrong"}
    return [event | {"subject": other["subject"], "data": data}]


# Where to look from


def shops_of(history: Sequence[Json]) -> list[tuple[str, str]]:
    """The marketplace and shop of every shop of a history."""
    return sorted({(event["marketplace"], event["shop"]) for event in history})


def as_of_of(draw: Draw, history: Sequence[Json]) -> AsOf:
    """A view of a history by the numbers drawn."""
    zone = ZONES[history[0]["marketplace"]]
    moments = sorted(set(interesting_instants(history)))
    late = moments[len(moments) // 2 :]
    until = moment_text(draw, pick(draw, late if draw(4) else moments), zone)
    known = pick(draw, late if draw(3) else moments) if draw(2) else None
    known_at = None if known is None else moment_text(draw, known, zone)
    return AsOf(until, known_at, pick(draw, (*WINDOWS, 60, 60, 90)))


def moment_text(draw: Draw, at: int, zone: str) -> str:
    """A moment as an instant, or as its local date."""
    return instant_text(at) if draw(3) else local_date(at, zone).isoformat()


def interesting_instants(history: Sequence[Json]) -> Iterator[int]:
    """Events, promises and the limits that run from them, each with the second after."""
    zone = ZONES[history[0]["marketplace"]]
    later = [event for event in history if event["type"] != "qos.shop.opened"]
    happened = {read_event(event).at // 1000 for event in later}
    for at in happened | set(promised_instants(history, zone)):
        for gap in (0, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY):
            yield from (at + gap, at + gap + 1)
    yield from (OPENED + 90 * DAY, OPENED + 200 * DAY)


def promised_instants(history: Sequence[Json], zone: str) -> Iterator[int]:
    """The promises given in a history; a date by its last second."""
    for event in history:
        data: dict[str, Any] = event.get("data") or {}
        for text in (data.get("ship_by"), data.get("deliver_by"), data.get("to"), data.get("value")):
            if isinstance(text, str) and text[:2] == "20":
                yield promised_at(text, zone)


def promised_at(text: str, zone: str) -> int:
    """The last instant at which a promise is kept."""
    if len(text) > 10:
        return int(datetime.fromisoformat(text).timestamp())
    next_day = datetime.fromisoformat(text) + timedelta(days=1)
    return int(next_day.replace(tzinfo=ZoneInfo(zone)).timestamp()) - 1
