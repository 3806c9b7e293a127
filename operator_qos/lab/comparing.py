"""A connector's events held against what was true, and one log against another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operator_qos.connectors.contract import Unreadable
from operator_qos.demo.days import DAY_SECONDS, HOUR_SECONDS
from operator_qos.lab.mirakl.orders import OrderView
from operator_qos.lab.mirakl.texts import read_moment, stamp
from operator_qos.lab.truth import World
from operator_qos.lab.truths import Claim

Event = Mapping[str, Any]
Log = Mapping[tuple[str, str], Event]  # (source, id) to event
Key = tuple[str, str, str]
_ENDINGS = {"case.resolved", "case.withdrawn", "case.closed"}
_OF_LINES = {"order.cancelled", "order.shipped", "order.delivered"}
_UNTOLD = {"event.retracted", "order.corrected", "order.promise_moved", "case.ball_passed"}
# What a platform shows without dating it as changed may be read once a day, a reply to a review on one day of the
# week; who pulls less often than daily meets that day once in seven pulls.
_SLACK_SECONDS = 26 * HOUR_SECONDS
_REVIEW_PULLS = 8


@dataclass(frozen=True, slots=True)
class Told:
    """One thing an event says: it happened in [first, last] [epoch s]; equal where the event gives one moment."""

    key: Key
    first: int
    last: int

    def fits(self, claim: Claim) -> bool:
        """Whether this is the claim."""
        if claim.dated or self.first != self.last:
            return self.first <= claim.at <= self.last and (self.first == self.last or not claim.dated)
        return claim.at <= self.last  # seen at the first look, however long it had been so


def compare_with_truth(world: World, log: Log, claims: Iterable[Claim], ticks: Sequence[int]) -> list[str]:
    """What a connector missed, invented or dated wrongly, in words; empty when it understood everything."""
    told: dict[Key, list[Told]] = defaultdict(list)
    for item in list_told(world, log):
        told[item.key].append(item)
    faults = []
    for claim in claims:
        key = (claim.name, claim.thing, claim.part)
        found = next((item for item in told[key] if item.fits(claim)), None)
        if found is not None:
            told[key].remove(found)
        elif _had_to_be_seen(claim, ticks):
            faults.append(f"missed: {claim.name} of {claim.thing} {claim.part} at {stamp(claim.at)}")
    repeated = {"case.ended", "shop.calendar_set"}  # an incident solved and then closed has ended once
    faults += [f"invented: {item.key[0]} of {item.key[1]} {item.key[2]} at {stamp(item.last)}"
               for items in told.values() for item in items if item.key[0] not in repeated]
    return sorted(faults)


def _had_to_be_seen(claim: Claim, ticks: Sequence[int]) -> bool:
    between = max(DAY_SECONDS, ticks[-1] - ticks[-2]) if len(ticks) > 1 else DAY_SECONDS
    slack = _REVIEW_PULLS * between if claim.name.startswith("review.") else _SLACK_SECONDS
    if claim.optional or max(claim.at, claim.shown_from) > ticks[-1] - slack:
        return False
    return all(any(first <= tick < last for tick in ticks) for first, last in claim.needs)


def list_told(world: World, log: Log) -> Iterator[Told]:
    """Everything the events say that was not taken back; a line each for what happens to lines."""
    gone = {(e["data"]["source"], e["data"]["id"]) for e in log.values() if e["type"] == "qos.event.retracted"}
    lines: set[Key] = set()
    cases = name_cases(log)
    for name, event in sorted(log.items(), key=lambda item: str(item[1]["time"])):
        kind, data = event["type"].removeprefix("qos."), event.get("data", {})
        if name in gone or kind in _UNTOLD or (kind == "message.sent" and not data.get("order")):
            continue
        first, last = _span(event)
        for key in _keys(world, kind, event, cases):
            if kind in _OF_LINES and key in lines:
                continue
            lines.add(key)
            yield Told(key, first, last)


def _span(event: Event) -> tuple[int, int]:
    at, other = read_moment(event["time"]), event.get("other_time")
    other_at = read_moment(other) if other else at
    return min(at, other_at), max(at, other_at)


def name_cases(log: Log) -> Mapping[str, str]:
    """Case to its order, as the openings say."""
    return {event["subject"]: event["data"].get("order", "") for event in log.values()
            if event["type"] == "qos.case.opened"}


def _keys(world: World, kind: str, event: Event, cases: Mapping[str, str]) -> Iterator[Key]:
    data = event.get("data", {})
    order = str(data.get("order", cases.get(event["subject"], event["subject"])))
    if kind in _OF_LINES:
        for line in _lines(world, kind, event):
            yield kind, order, line
    elif kind == "order.refunded":
        yield kind, order, str(data.get("amount_minor", ""))
    elif kind == "tracking.scanned":
        yield kind, order, str(data.get("tracking", ""))
    elif kind.startswith(("message.", "conversation.", "shop.")):
        yield kind, event["subject"], ""
    else:
        name = "case.ended" if kind in _ENDINGS else "case.opened" if kind == "case.reopened" else kind
        yield name, order, ""


def _lines(world: World, kind: str, event: Event) -> list[str]:
    """The lines an event names, by their number; without any, all that are alive."""
    given = event.get("data", {}).get("lines")
    if given:
        return [str(line).rpartition("-")[2] for line in given]
    order = world.orders.get(event["subject"])
    if order is None:
        return ["?"]
    view = OrderView(order, order.steps)
    names = [line["line"] for line in view.lines]
    return [name for name in names if kind == "order.cancelled" or name not in view.cancelled]


def compare_logs(clean: Log, other: Log, *, aside: frozenset[str] = frozenset()) -> list[str]:
    """How a log differs from the clean run's, in words; `aside` names the things that are left out of it."""
    faults, cases = [], name_cases(clean)
    for name in sorted(clean.keys() | other.keys()):
        first, second = clean.get(name), other.get(name)
        if first == second or _is_aside(first or second or {}, aside, cases):
            continue
        what = "missing" if second is None else "too many" if first is None else "other"
        faults.append(f"{what}: {name[1]} ({(first or second or {}).get('type')})")
    return faults


def set_aside(log: Log, names: frozenset[str], cases: Mapping[str, str]) -> Log:
    """The log without the events of these things."""
    return {name: event for name, event in log.items() if not _is_aside(event, names, cases)}


def _is_aside(event: Event, aside: frozenset[str], cases: Mapping[str, str]) -> bool:
    subject = event["subject"]
    order = event.get("data", {}).get("order") or cases.get(subject, "")
    return bool({subject, order, event["shop"] if ".shop." in event["type"] else ""} & aside)


def name_affected(world: World, unreadable: Iterable[Unreadable]) -> frozenset[str]:
    """The orders, returns, threads and shops that a connector could not read in full."""
    names = set()
    for row in unreadable:
        parcel, back = world.parcels.get(row.key), world.returns.get(row.key)
        names |= {row.key, parcel.parent if parcel else row.key, back.parent if back else row.key}
    return frozenset(names)
