"""What each field of each event takes, told from the event contract itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from scoring.event_types import MODELS, PREFIX, Line

MOMENTS = frozenset({"from", "until"})
PROMISES = frozenset({"accept_by", "ship_by", "deliver_by", "due_by"})
DAYS = frozenset({"effective_from"})
# Written by hand, not read from tables: opening hours, forgiveness, corrections.
NOT_FROM_TABLES = frozenset({"shop.calendar_set", "obligation.excluded", "obligation.restored", "order.corrected"})
# What the seller did takes the earlier end of a day without an hour, all else the later: nobody is judged by a guess.
SELLER_ACTS = frozenset({
    "order.accepted", "order.invoiced", "order.shipped", "tracking.scanned", "order.delivered", "order.refunded",
    "return.refunded", "return.refused", "case.resolved", "case.evidence_given", "review.replied"})


@dataclass(frozen=True)
class Kind:
    """What a field takes: "text", "integer", "flag", "moment", "promise", "day", "list"; `words` when only these."""

    name: str
    words: tuple[str, ...] = ()
    is_money: bool = False


ENVELOPE = {"id": Kind("text"), "subject": Kind("text"), "shop": Kind("text"), "marketplace": Kind("text"),
            "time": Kind("moment")}


def list_types() -> tuple[str, ...]:
    """The types a mapping may make, as events name them."""
    return tuple(PREFIX + name for name in MODELS if name not in NOT_FROM_TABLES)


def short_type(name: str) -> str:
    """The type without its prefix, which a mapping may leave out."""
    return name.removeprefix(PREFIX)


@lru_cache
def fields_of(name: str) -> dict[str, Kind]:
    """The fields of `data` of a type (without prefix); empty for a type that says only that it happened."""
    schema = MODELS[name].model_json_schema()
    known = {field: _kind(name, field, part) for field, part in schema.get("properties", {}).items()}
    return {field: kind for field, kind in known.items() if not (name == "order.placed" and field == "lines")}


@lru_cache
def fields_of_line() -> dict[str, Kind]:
    """The fields of a line of an order."""
    return {field: _kind("", field, part) for field, part in Line.model_json_schema()["properties"].items()}


@lru_cache
def required_of(name: str) -> tuple[str, ...]:
    """The fields of `data` without which an event of the type is refused."""
    return tuple(MODELS[name].model_json_schema().get("required", ()))


def _kind(name: str, field: str, part: dict[str, Any]) -> Kind:
    choices = [choice for choice in part.get("anyOf", [part]) if choice.get("type") != "null"]
    first = choices[0]
    if field in PROMISES or (name, field) == ("order.promise_moved", "to"):
        return Kind("promise")
    if field in MOMENTS:
        return Kind("moment")
    if field in DAYS:
        return Kind("day")
    if first.get("type") == "array":
        return Kind("list", tuple(first.get("items", {}).get("enum", ())))
    names = {"integer": "integer", "boolean": "flag"}
    words = tuple(first.get("enum", [first["const"]] if "const" in first else ()))
    return Kind(names.get(first.get("type", ""), "text"), words, field.endswith("_minor"))
