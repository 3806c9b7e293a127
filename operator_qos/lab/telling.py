"""The lab's truth, made by the demo's generator: its events sorted by thing, cut to what a marketplace can show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS, utc_midnight
from operator_qos.demo.generator import generate_events
from operator_qos.demo.plan import MARKETPLACES
from operator_qos.lab.dice import draw, draw_id
from operator_qos.lab.plan import FIRST_SHOP, LabPlan, demo_of
from operator_qos.lab.truth import Step, Thing, World, group_by_shop

_OF_ORDERS = frozenset({
    "order.placed", "order.accepted", "order.refused", "order.paid", "order.cancelled", "order.shipped",
    "order.delivered", "order.refunded", "tracking.scanned", "review.posted", "review.changed", "review.replied",
    "case.opened", "case.resolved", "case.reopened", "case.withdrawn", "case.closed"})
_OF_RETURNS = frozenset({"return.requested", "return.received", "return.refused", "return.refunded"})
_OF_THREADS = frozenset({"message.sent", "conversation.no_reply_needed"})
_OF_SHOPS = frozenset({"shop.opened", "shop.calendar_set", "shop.closed_for"})
_SHOWN_CASES = frozenset({"claim", "incident"})
CLOSES_SECONDS = 30 * DAY_SECONDS
SPAM_MESSAGES = 130  # more than a list of threads shows of one
Event = Mapping[str, Any]


def build_world(plan: LabPlan) -> World:
    """The whole history of the lab's marketplace; the same plan gives the same world."""
    events = list(generate_events(demo_of(plan), seed=plan.seed, scale=1.0))
    orders = {thing.id: thing for thing in _orders(events, plan.seed)}
    place = MARKETPLACES[0]
    return World(
        place.timezone, place.currency, place.country, orders,
        {parcel.id: parcel for order in orders.values() for parcel in _parcels(order)},
        {thing.id: thing for thing in _returns(events, orders)},
        {thing.id: thing for thing in _threads(events, orders)},
        {thing.id: thing for thing in _shops(events)},
        utc_midnight(plan.start), demo_of(plan).last_at, group_by_shop(orders.values()))


def seconds(text: str) -> int:
    """Epoch seconds of an RFC 3339 instant."""
    return int(datetime.fromisoformat(text).timestamp())


def order_name(commercial_id: str) -> str:
    """The id of a seller's part of an order."""
    return f"{commercial_id}-A"


def _step(event: Event) -> Step:
    return Step(seconds(event["time"]), event["type"].removeprefix("qos."), event["data"])


def _orders(events: Iterable[Event], seed: int) -> Iterator[Thing]:
    steps: dict[str, list[Step]] = defaultdict(list)
    shops: dict[str, str] = {}
    cases: dict[str, str] = {}
    for event in events:
        step = _step(event)
        name = _order_of(event, step, cases)
        if step.kind == "return.refunded" and name in steps:
            line = steps[name][0].data["lines"][0]
            given = {"amount_minor": line["amount_minor"], "reason": step.data["reason"]}
            steps[name].append(Step(step.at, "order.refunded", given))
        if name and step.kind in _OF_ORDERS:
            steps[name].append(step)
            shops[name] = event["shop"]
    for name, found in steps.items():
        if found[0].kind == "order.placed":
            order = _refused_by_itself(Thing(order_name(name), shops[name], tuple(_once(found))), seed)
            yield _closed(_partly_cancelled(_debited(order, seed), seed))


def _order_of(event: Event, step: Step, cases: dict[str, str]) -> str:
    """The order a happening belongs to; empty for cases of kinds that the platform does not know."""
    if not step.kind.startswith("case."):
        return str(step.data.get("order", event["subject"]))
    if step.kind == "case.opened" and step.data["kind"] in _SHOWN_CASES:
        cases[event["subject"]] = step.data["order"]
    return cases.get(event["subject"], "")


def _once(steps: Iterable[Step]) -> Iterator[Step]:
    """Without what a platform shows no second time: a parcel's delivery after all of the order's."""
    reviewed = False
    for step in steps:
        if step.kind == "review.posted" and reviewed:
            continue
        reviewed = reviewed or step.kind == "review.posted"
        yield step


def _refused_by_itself(order: Thing, seed: int) -> Thing:
    """One refusal in three is the platform's, because the shop did not decide in time."""
    if draw(seed, "refusal", order.id) > 1 / 3:
        return order
    timeout = {"by": "automatic", "reason": "seller_timeout"}
    return replace(order, steps=tuple(
        step._replace(data=timeout) if step.kind == "order.refused" else step for step in order.steps))


def _debited(order: Thing, seed: int) -> Thing:
    """Payment for every order that lives on; one in thirty is debited late and shown only then."""
    steps = [step for step in order.steps if step.kind != "order.paid"]
    start = next((step.at for step in steps if step.kind == "order.accepted"), steps[0].at)
    others = [step.at for step in steps if step.at > start]
    ended = any(step.kind == "order.refused" for step in steps) or (len(others) == 1 and others[0] - start < 1_800)
    if ended:
        return order if len(steps) == len(order.steps) else Thing(order.id, order.shop, tuple(steps))
    room = (others[0] if others else start + 3 * DAY_SECONDS) - start
    late = draw(seed, "debit", order.id) < 1 / 30 and room > 10 * HOUR_SECONDS
    paid_at = start + (room * 3 // 4 if late else min(120, room // 2))
    paid = sorted([*steps, Step(paid_at, "order.paid", {})], key=lambda step: step.at)
    return Thing(order.id, order.shop, tuple(paid), shown_from=paid_at if late else 0)


def _partly_cancelled(order: Thing, seed: int) -> Thing:
    """One in four orders of two lines that leave in one parcel leaves without the second."""
    shipped = [step for step in order.steps if step.kind == "order.shipped"]
    paid = next((step.at for step in order.steps if step.kind == "order.paid"), None)
    single = len(order.steps[0].data["lines"]) < 2 or len(shipped) != 1
    if single or paid is None or draw(seed, "part", order.id) > 0.25:
        return order
    missing = {"by": "seller", "reason": "out_of_stock", "lines": ["2"]}
    return _with_step(order, Step((paid + shipped[0].at) // 2, "order.cancelled", missing))


def _closed(order: Thing) -> Thing:
    """Thirty days after the last delivery an order changes a last time."""
    arrived = [step.at for step in order.steps if step.kind == "order.delivered"
               or (step.kind == "tracking.scanned" and step.data["milestone"] == "delivered")]
    return _with_step(order, Step(max(arrived) + CLOSES_SECONDS, "order.closed", {})) if arrived else order


def _with_step(order: Thing, step: Step) -> Thing:
    return replace(order, steps=tuple(sorted([*order.steps, step], key=lambda found: found.at)))


def _parcels(order: Thing) -> Iterator[Thing]:
    for number, sent in enumerate(step for step in order.steps if step.kind == "order.shipped"):
        tracking, lines = sent.data.get("tracking"), sent.data.get("lines")
        follows = [
            step for step in order.steps
            if (step.kind == "tracking.scanned" and step.data.get("tracking") == tracking)
            or (step.kind == "order.delivered" and step.data.get("lines") in (None, lines))]
        yield Thing(draw_id("parcel", order.id, number), order.shop, (sent, *follows), order.id)


def _returns(events: Iterable[Event], orders: Mapping[str, Thing]) -> Iterator[Thing]:
    for name, found in _grouped(events, _OF_RETURNS).items():
        parent = order_name(found[0][1]["data"]["order"])
        steps = tuple(step for step, _ in found)
        if parent in orders and steps[0].kind == "return.requested":
            yield Thing(draw_id("return", name), found[0][1]["shop"], steps, parent, str(steps[0].data["reason"]))


def _threads(events: Iterable[Event], orders: Mapping[str, Thing]) -> Iterator[Thing]:
    spammed = False
    for name, found in _grouped(events, _OF_THREADS).items():
        message = found[0][1]
        parent = order_name(message["data"].get("order", ""))
        if parent not in orders or found[0][0].kind != "message.sent":
            continue
        topic = "incident" if "case" in message["data"] else ""
        shown_from = orders[parent].shown_from
        steps = tuple(step for step, _ in found)
        yield Thing(draw_id("thread", name), message["shop"], steps, parent, topic, shown_from)
        if not spammed and message["shop"] == str(FIRST_SHOP):
            spammed = True
            yield _spam(message, parent, found[0][0].at)
            yield _from_operator(message["shop"], found[0][0].at)


def _spam(message: Event, parent: str, at: int) -> Thing:
    said = {"author": "buyer", "to": ["seller"], "body": "Answer me."}
    steps = tuple(Step(at + DAY_SECONDS + 50 * n, "message.sent", said) for n in range(SPAM_MESSAGES))
    return Thing(draw_id("thread", parent, "spam"), message["shop"], steps, parent)


def _from_operator(shop: str, at: int) -> Thing:
    asked = {"author": "operator", "to": ["seller"], "body": "Please complete your file."}
    done = {"author": "seller", "to": ["operator"], "body": "It is complete."}
    steps = (Step(at + HOUR_SECONDS, "message.sent", asked), Step(at + 7 * HOUR_SECONDS, "message.sent", done))
    return Thing(draw_id("thread", shop, "operator"), shop, steps)


def _shops(events: Iterable[Event]) -> Iterator[Thing]:
    for name, found in _grouped(events, _OF_SHOPS).items():
        opened_at = next(step.at for step, _ in found if step.kind == "shop.opened")
        steps = (step._replace(at=max(step.at, opened_at)) for step, _ in found)
        yield Thing(name, name, tuple(sorted(steps, key=lambda step: (step.at, step.kind != "shop.opened"))))


def _grouped(events: Iterable[Event], kinds: frozenset[str]) -> Mapping[str, list[tuple[Step, Event]]]:
    found: dict[str, list[tuple[Step, Event]]] = defaultdict(list)
    for event in events:
        step = _step(event)
        if step.kind in kinds:
            found[event["subject"]].append((step, event))
    return found
