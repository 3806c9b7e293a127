"""The check that turns a CloudEvent into a typed event, and the order of events.

The types themselves stand in scoring.event_types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError

from scoring.event_types import (
    AUTHOR_RANKS,
    CONTROL,
    DAY_MS,
    EARLIEST_MS,
    FREE_TEXT,
    KNOWN_TYPES,
    LONGEST_CLOSURE_DAYS,
    MODELS,
    NESTED,
    PREFIX,
    RANKS,
    TYPES,
    OrderPlaced,
    moment_ms,
    sane_ms,
)

__all__ = ["AUTHOR_RANKS", "KNOWN_TYPES", "RANKS", "TYPES", "EventRefused", "Problem", "TypedEvent", "iso", "links_of",
           "moment_ms", "names_of", "order_key", "read_event"]


@dataclass(frozen=True)
class Problem:
    """Why an event could not be taken in: the field and a sentence that says what to do."""

    field: str
    reason: str


class TypedEvent(NamedTuple):
    """One checked event; a tuple, because a batch makes thousands.

    Moments are epoch milliseconds cut to the second; `data` holds typed fields only (numbers, flags, ids, enum
    words; a promise is an int instant [epoch ms] or an ISO date string), never free text. `order`, `case` and
    `conversation` are the things it speaks of, None where it names none.
    """

    source: str
    id: str
    type: str
    at_ms: int
    marketplace: str
    shop: str
    subject: str
    data: Mapping[str, Any]
    other_ms: int | None = None
    order: str | None = None
    case: str | None = None
    conversation: str | None = None
    names: tuple[str, str] | None = None  # (source, id) of the event it retracts or forgives


class EventRefused(ValueError):
    """An event that cannot be taken in; carries the Problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.field}: {problem.reason}")
        self.problem = problem


def _require_text(event: Mapping[str, Any], field: str) -> str:
    value = event.get(field)
    if isinstance(value, str) and value.isprintable() and len(value) <= 200 and value.strip():
        return value  # as nearly all are
    if not isinstance(value, str) or not value.strip():
        raise EventRefused(Problem(field, "is missing; give it as text"))
    if len(value) > 200:
        raise EventRefused(Problem(field, f"is {len(value)} characters long; at most 200 are allowed"))
    if CONTROL.search(value):
        raise EventRefused(Problem(field, "holds a control character; remove it"))
    return value


def _require_type(event: Mapping[str, Any]) -> str:
    full = _require_text(event, "type")
    name = full.removeprefix(PREFIX)
    if not full.startswith(PREFIX) or name not in MODELS:
        raise EventRefused(
            Problem("type", f"{full!r} is unknown; the types are listed in the event contract")
        )
    return name


def _require_moment(event: Mapping[str, Any], now_ms: int) -> int:
    try:
        at_ms = moment_ms(event.get("time"))
    except (ValueError, OverflowError) as error:
        raise EventRefused(Problem("time", str(error))) from None
    if at_ms < EARLIEST_MS:
        raise EventRefused(
            Problem("time", f"{event['time']!r} lies before the year 2000; check the feed's clock")
        )
    if at_ms > now_ms + DAY_MS:
        raise EventRefused(
            Problem("time", f"{event['time']!r} is more than a day ahead; check the feed's clock")
        )
    return at_ms


def _other_moment(event: Mapping[str, Any]) -> int | None:
    given = event.get("other_time", event.get("othertime"))
    if given is None:
        return None
    try:
        return sane_ms(given)
    except (ValueError, OverflowError) as error:
        raise EventRefused(Problem("other_time", str(error))) from None


def _problem_of(error: ValidationError) -> Problem:
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"] if not str(part).startswith("function-")]
    known = ("int", "str", "answer", "resolve", "accept", "ship", "track", "deliver", "invoice")
    field = ".".join(["data", *(p for p in place if p not in known)])
    reason = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f" (given: {str(given)[:60]!r})" if isinstance(given, str | int | float | bool) else ""
    return Problem(field, f"{reason}{shown}")


def _read_data(name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    raw = event.get("data")
    if raw is None:
        raw = {}
    if not isinstance(raw, Mapping):
        raise EventRefused(Problem("data", "must be an object with the fields of this type"))
    if None in raw.values():  # what is null was left out
        raw = {key: value for key, value in raw.items() if value is not None}
    try:
        model = MODELS[name].model_validate(raw)
    except ValidationError as error:
        raise EventRefused(_problem_of(error)) from None
    if isinstance(model, OrderPlaced):
        data = _dump_placed(model)
    elif name in NESTED:
        data = model.model_dump(mode="json", exclude_none=True, exclude=set(FREE_TEXT))
    else:  # the same for flat models, many times faster
        given = model.model_fields_set
        data = {k: v for k, v in model.__dict__.items() if k in given and v is not None and k not in FREE_TEXT}
    return _checked(name, data)


def _dump_placed(placed: OrderPlaced) -> dict[str, Any]:
    """What pydantic's dump in JSON without nulls gives, many times faster: half of all events are orders."""
    data = {name: value for name, value in placed.__dict__.items() if value is not None}
    if placed.lines is not None:
        data["lines"] = [
            {name: value for name, value in line.__dict__.items() if value is not None} for line in placed.lines]
    return data


def _checked(name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Rules between fields, and defaults that later steps rely on."""
    if name in {"event.retracted", "order.corrected"}:
        data.pop("reason", None)
    elif name == "shop.closed_for":
        _refuse_odd_closure(data["from_"], data["until"])
    elif name == "shop.calendar_set" and not any(data.get("hours", {}).values()):
        reason = "holds no opening time; name one, or close the shop for a while by qos.shop.closed_for"
        raise EventRefused(Problem("data.hours", reason))
    elif name in {"obligation.excluded", "obligation.restored"} and ("obligation" in data) == (
        "defect" in data
    ):
        raise EventRefused(Problem("data", "name exactly one: an obligation or a defect"))
    if name == "order.placed":
        _refuse_repeated_lines(data)
    elif name == "order.corrected":
        data["value"] = _corrected_value(data["field"], data.get("value"))
    return data


def _refuse_odd_closure(from_ms: int, until_ms: int) -> None:
    if until_ms <= from_ms:
        raise EventRefused(Problem("data.until", "must lie after data.from"))
    if until_ms - from_ms > LONGEST_CLOSURE_DAYS * DAY_MS:
        reason = "closes the shop for more than four years; end it earlier, and close it again if need be"
        raise EventRefused(Problem("data.until", reason))


def _refuse_repeated_lines(data: Mapping[str, Any]) -> None:
    names = [line["line"] for line in data.get("lines", [])]
    if len(names) != len(set(names)):
        raise EventRefused(Problem("data.lines", "names a line twice; every line needs its own id"))


def _corrected_value(field: str, value: object) -> object:
    try:
        return getattr(OrderPlaced.model_validate({field: value}), field)
    except ValidationError as error:
        raise EventRefused(Problem("data.value", _problem_of(error).reason)) from None


Links = tuple[str | None, str | None, str | None]  # (order, case, conversation)


def _order_of(subject: str, data: Mapping[str, Any]) -> Links:
    return data.get("order", subject), None, None


_LINKS: Mapping[str, Callable[[str, Mapping[str, Any]], Links]] = {
    "order": lambda subject, _: (subject, None, None),
    "message": lambda subject, data: (data.get("order"), data.get("case"), subject),
    "conversation": lambda subject, _: (None, None, subject),
    "case": lambda subject, data: (data.get("order"), subject, None),
    "review": _order_of,
    "tracking": _order_of,
    "return": _order_of,
    "obligation": lambda _, data: _exclusion_links(data),
}


_LINKS_BY_TYPE = {name: _LINKS.get(name.partition(".")[0]) for name in TYPES}
_NAMING = frozenset({"event.retracted", "obligation.excluded", "obligation.restored"})


def links_of(name: str, subject: str, data: Mapping[str, Any]) -> Links:
    """(order, case, conversation) that the event speaks of."""
    find = _LINKS_BY_TYPE[name]
    return find(subject, data) if find is not None else (None, None, None)


def _exclusion_links(data: Mapping[str, Any]) -> Links:
    named: Mapping[str, Any] = data.get("obligation") or data["defect"]
    if named["kind"] == "resolve":
        return None, named["case"], None
    if named["kind"] == "answer":
        return None, None, None
    return named["order"], None, None


def names_of(name: str, data: Mapping[str, Any]) -> tuple[str, str] | None:
    """(source, id) of the event that another one retracts or forgives."""
    if name not in _NAMING:
        return None
    if name == "event.retracted":
        return data["source"], data["id"]
    named = data.get("obligation")
    if named and named["kind"] == "answer":
        return named["source"], named["id"]
    return None


def read_event(event: Mapping[str, Any], *, now_ms: int) -> TypedEvent:
    """Check one CloudEvent 1.0 in structured mode and return its typed form.

    `now_ms` [epoch ms] bounds the future: a time more than a day ahead is refused.
    Raises EventRefused naming the field and what to do.
    """
    if event.get("specversion", "1.0") != "1.0":
        raise EventRefused(Problem("specversion", 'must be "1.0"'))
    name = _require_type(event)
    at_ms = _require_moment(event, now_ms)
    subject = _require_text(event, "subject")
    data = _read_data(name, event)
    order, case, conversation = links_of(name, subject, data)
    return TypedEvent(
        source=_require_text(event, "source"),
        id=_require_text(event, "id"),
        type=name,
        at_ms=at_ms,
        marketplace=_require_text(event, "marketplace"),
        shop=_require_text(event, "shop"),
        subject=subject,
        data=data,
        other_ms=_other_moment(event),
        order=order,
        case=case,
        conversation=conversation,
        names=names_of(name, data),
    )


def order_key(event: TypedEvent) -> tuple[int, int, int, str, str]:
    """The total order of events within a thing: time, type rank, author rank, source, id."""
    author = AUTHOR_RANKS.get(event.data.get("author", ""), 0) if event.type == "message.sent" else 0
    return event.at_ms, RANKS[event.type], author, event.source, event.id


def iso(at_ms: int) -> str:
    """The UTC instant of epoch milliseconds in RFC 3339, for texts."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
