"""What happened, told line by line: each event of an order as a title, who did it and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from operator_qos import formats, words
from operator_qos.i18n import LANGUAGES, gettext
from operator_qos.ledger.queries import LoggedEvent


@dataclass(frozen=True)
class EventLine:
    """One event: `party` colours the line ("" where nobody acts), `text` is what a person wrote, if kept."""

    at_ms: int
    title: str
    party: str
    details: str
    text: str


Told = Callable[[Any], str]


def _plain(value: Any) -> str:
    return str(value)


def _rating(value: Any) -> str:
    return str(gettext("%(n)s of 5 stars", n=value))


def _party_of(key: str) -> Callable[[Any], str]:
    def tell(value: Any) -> str:
        name = words.party_name(str(value))
        texts = {
            "by": gettext("by: %(party)s", party=name),
            "to": gettext("to: %(party)s", party=name),
            "fault": gettext("fault: %(party)s", party=name),
            "agreed_by": gettext("agreed by: %(party)s", party=name),
        }
        return str(texts[key])

    return tell


# Field of the event -> how it is told, in this order. What is not here stays with the stored event.
DETAILS: Mapping[str, Told] = {
    "kind": lambda value: str(words.case_kind_name(value)).lower(),
    "reason": lambda value: str(words.reason_name(value)).lower(),
    "milestone": lambda value: str(words.milestone_name(value)),
    "carrier": _plain,
    "tracking": _plain,
    "rating": _rating,
    "fault": _party_of("fault"),
    "remedy": lambda value: str(words.remedy_name(value)).lower(),
    "cause": lambda value: str(words.cause_name(value)).lower(),
    "agreed_by": _party_of("agreed_by"),
}
PARTY_FIELDS = ("author", "by")
LANES = {"seller": "seller", "buyer": "buyer", "operator": "staff", "mediator": "staff", "carrier": "carrier"}


def _list_details(event_type: str, data: Mapping[str, Any]) -> list[str]:
    skip = {"kind"} if event_type == "order.promise_moved" else set()
    told = [tell(data[field]) for field, tell in DETAILS.items() if data.get(field) and field not in skip]
    if event_type == "case.ball_passed" and data.get("to"):
        told.append(_party_of("to")(data["to"]))
    return [part for part in told if part]


def _party(event_type: str, data: Mapping[str, Any]) -> str:
    named = next((str(data[field]) for field in PARTY_FIELDS if data.get(field)), "")
    if named:
        return named
    return {"order.shipped": "seller", "order.accepted": "seller", "tracking.scanned": "carrier"}.get(
        event_type, ""
    )


def _money(data: Mapping[str, Any], currency: str, language: str) -> list[str]:
    amount = data.get("amount_minor")
    return [formats.format_money(amount, currency, language)] if isinstance(amount, int) else []


def build_line(event: LoggedEvent, *, currency: str, language: str) -> EventLine:
    """One event in words of the reader's language."""
    party = _party(event.type, event.data)
    spoken = language if language in LANGUAGES else "en"
    told = [*_list_details(event.type, event.data), *_money(event.data, currency, spoken)]
    who = [str(words.party_name(party))] if party in {*LANES, "system", "automatic", "timer"} else []
    return EventLine(
        at_ms=event.at_ms,
        title=str(words.event_name(event.type)),
        party=LANES.get(party, ""),
        details=", ".join([*who, *told]),
        text=event.text or "",
    )
