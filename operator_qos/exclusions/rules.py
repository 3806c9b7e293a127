"""What may be forgiven and why: the catalogue of causes, what they take out, the times to ask, decide and appeal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scoring.dossier import Name
from scoring.standards import Standard

ASK_DAYS = 30
APPEAL_DAYS = 30
DECIDE_WORKING_DAYS = 5
MAX_THINGS = 100
MAX_TEXT = 5_000

STATES = ("open", "granted", "partly", "refused", "appealed")
OUTCOMES = ("granted", "partly", "refused")
# Kinds of things: the obligations by their name, and defects.
KINDS = ("accept", "ship", "track", "deliver", "invoice", "answer", "resolve", "defect")
# Which kind of thing stands behind the failures of a metric. What follows no promise and no defect is missing.
METRIC_KINDS: Mapping[str, str] = {
    "late_shipment_rate": "ship", "on_time_delivery_rate": "deliver", "valid_tracking_rate": "track",
    "invoice_defect_rate": "invoice", "response_within_rate": "answer", "no_response_rate": "answer",
    "resolution_within_rate": "resolve", "acceptance_rate": "accept", "auto_refusal_rate": "accept",
    "order_defect_rate": "defect", "cancellation_rate": "defect", "out_of_stock_rate": "defect",
    "cases_lost_rate": "defect", "chargeback_rate": "defect", "negative_review_rate": "defect",
}


@dataclass(frozen=True)
class Cause:
    """Why something may be forgiven: what it takes out, which kinds of things, and whether a file must prove it.

    `scope` is bad (no failure any more) or both (not counted at all); `after_close`: heard once the case is closed.
    """

    id: str
    scope: str
    kinds: frozenset[str]
    needs_file: bool = False
    after_close: bool = False


_ALL = frozenset(KINDS)
_ON_THE_WAY = frozenset({"ship", "track", "deliver", "defect"})
CATALOGUE: tuple[Cause, ...] = (
    Cause("platform_fault", "both", _ALL),
    Cause("carrier_strike", "both", _ON_THE_WAY, needs_file=True),
    Cause("carrier_outage", "both", _ON_THE_WAY, needs_file=True),
    Cause("natural_disaster", "both", _ALL, needs_file=True),
    Cause("buyer_fault", "bad", frozenset({"accept", "deliver", "answer", "resolve", "defect"})),
    Cause("content", "bad", frozenset({"answer", "resolve", "defect"})),
    Cause("spam", "both", frozenset({"answer", "resolve"})),
    Cause("system_message", "both", frozenset({"answer"})),
    Cause("mistaken_data", "both", _ALL),
)
BY_ID: Mapping[str, Cause] = {cause.id: cause for cause in CATALOGUE}


def list_heard_causes(standard: Standard) -> tuple[Cause, ...]:
    """The causes a standard hears: those its own exclusions on request name, else the whole catalogue.

    A cause that only the standard knows covers every kind of thing.
    """
    heard: dict[str, Cause] = {}
    for exclusion in standard.exclusions:
        if not (exclusion.on_request and exclusion.confirmed):
            continue
        scope = "bad" if exclusion.takes == "bad" else "both"
        for name in exclusion.causes or tuple(BY_ID):
            known = BY_ID.get(name, Cause(name, scope, _ALL))
            heard.setdefault(name, replace(known, scope=scope, after_close=exclusion.after_close))
    return tuple(heard.values()) or CATALOGUE


def write_thing(name: Name) -> str:
    """The name of an obligation or defect as tables and forms hold it."""
    return json.dumps(list(name), ensure_ascii=False)


def read_thing(text: str) -> Name | None:
    """The name again; None for what is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    lengths = {"answer": 3, "defect": 3}
    if not isinstance(found, list) or not found or not all(isinstance(part, str) for part in found):
        return None
    return tuple(found) if found[0] in KINDS and len(found) == lengths.get(found[0], 2) else None


def describe_thing(name: Name) -> dict[str, dict[str, str]]:
    """The thing as the data of its event: an obligation or a defect."""
    if name[0] == "defect":
        return {"defect": {"kind": name[1], "order": name[2]}}
    if name[0] == "answer":
        return {"obligation": {"kind": "answer", "source": name[1], "id": name[2]}}
    return {"obligation": {"kind": name[0], "case" if name[0] == "resolve" else "order": name[1]}}


def find_twin(name: Name) -> Name | None:
    """The other name of the same failure: a late delivery breaks a promise and is a defect."""
    if name[0] == "deliver":
        return "defect", "late_delivery", name[1]
    return ("deliver", name[2]) if name[:2] == ("defect", "late_delivery") else None


def find_due(asked_at: datetime, zone: str) -> datetime:
    """Until when a request or an appeal is to be decided: five working days later, at the same time of day.

    Monday to Friday; public holidays count, for whoever waits for an answer should not wait longer for ours.
    """
    local, left = asked_at.astimezone(ZoneInfo(zone)), DECIDE_WORKING_DAYS
    while left:
        local += timedelta(days=1)
        left -= local.weekday() < 5
    return local.astimezone(asked_at.tzinfo)


def may_ask(began_at: datetime, now: datetime) -> bool:
    """Whether what began to count at a moment may still be contested."""
    return now <= began_at + timedelta(days=ASK_DAYS)


def find_appeal_end(decided_at: datetime) -> datetime:
    """Until when a decision may be appealed."""
    return decided_at + timedelta(days=APPEAL_DAYS)


def find_outcome(states: Iterable[str]) -> str:
    """How a request ended, by its things: granted, partly or refused."""
    granted = {state == "granted" for state in states}
    return "partly" if len(granted) == 2 else "granted" if True in granted else "refused"
