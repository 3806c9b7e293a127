"""Inputs that no feed should send: single events, with what is said of each; and bodies that are no events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.api.sending import event


@dataclass(frozen=True)
class BadEvent:
    """An event, as JSON text, that is put aside while the others go on; `field` and `words` tell why."""

    name: str
    text: str
    field: str
    words: str


@dataclass(frozen=True)
class BadBody:
    """A body that is refused whole; `line_words` are said of it as a line of a file."""

    name: str
    body: bytes
    where: str
    words: str
    line_words: str = ""


def _nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def _bad(name: str, field: str, words: str, kind: str = "qos.order.placed", **fields: Any) -> BadEvent:
    return BadEvent(name, json.dumps(event(2, kind, **fields)), field, words)


def _without(field: str) -> BadEvent:
    document = event(2)
    del document[field]
    return BadEvent(f"no {field}", json.dumps(document), field, "is missing; give it as text")


SEEN = "qos.review.posted"
CLOCK = "qos.shop.calendar_set"
AWAY = "qos.shop.closed_for"
EVENTS: Sequence[BadEvent] = (
    *map(_without, ("id", "source", "type", "subject", "marketplace", "shop")),
    _bad("no time", "time", "must be an instant in quotes", time=None),
    _bad("a time as a number", "time", "must be an instant in quotes", time=1781680800),
    _bad("a time of nowhere", "time", "has no offset from UTC", time="2026-06-17T10:00:00"),
    _bad("a day for a time", "time", "has no offset from UTC", time="2026-06-17"),
    _bad("a day that never was", "time", "is no instant", time="2026-02-30T10:00:00Z"),
    _bad("a time before the web", "time", "before the year 2000", time="1970-01-01T00:00:00Z"),
    _bad("a time to come", "time", "more than a day ahead", time="2031-01-01T00:00:00Z"),
    _bad("the first instant", "time", "before the year 2000", time="0001-01-01T00:00:00+14:00"),
    _bad("another version", "specversion", 'must be "1.0"', specversion="0.3"),
    _bad("a strange type", "type", "'com.example' is unknown", type="com.example"),
    _bad("a list for an id", "id", "is missing; give it as text", id=["e2"]),
    _bad("a huge number for an id", "id", "is missing; give it as text", id=10**400),
    _bad("a blank id", "id", "is missing; give it as text", id=" \t"),
    _bad("a long id", "id", "is 201 characters long", id="x" * 201),
    _bad("a line break in an id", "id", "holds a control character", id="e\n2"),
    _bad("NUL in a shop", "shop", "holds a NUL character", shop="mor\x00van"),
    _bad("NUL in a marketplace", "marketplace", "holds a NUL character", marketplace="halle-fr\x00"),
    _bad("NUL in free text", "data.body", "holds a NUL character", "qos.message.sent",
         data={"author": "buyer", "body": "hello\x00"}),
    _bad("half a character in a source", "source", "half of a character", source="/shops/\ud83d"),
    _bad("half a character in a shop", "shop", "half of a character", shop="\udc00"),
    _bad("half a character in an unknown field", "data.note.0", "half of a character", data={"note": ["\ud800"]}),
    _bad("half a character as a name", "data", "half of a character", data={"\ud800": 1}),
    _bad("deep nesting", "data.x.0", "nested more than 100 deep", data={"x": _nested(200)}),
    _bad("very deep nesting", "data.x.0", "nested more than 100 deep", data={"x": _nested(500)}),
    _bad("a text for the data", "data", "must be an object", data="ship_by=tomorrow"),
    _bad("a list for the data", "data", "must be an object", data=[]),
    _bad("a promise at the end of time", "data.ship_by", "outside the years 2000 to 2099",
         data={"ship_by": "9999-12-31"}),
    _bad("a promise at the end of time, there", "data.deliver_by", "outside the years 2000 to 2099",
         data={"deliver_by": "9999-12-31T23:59:59-23:59"}),
    _bad("a promise before time", "data.accept_by", "outside the years 2000 to 2099",
         data={"accept_by": "0001-01-01T00:00:00+23:59"}),
    _bad("a promise in a month of none", "data.ship_by", "is no day of the calendar",
         data={"ship_by": "2026-13-01"}),
    _bad("another moment at the end of time", "other_time", "outside the years 2000 to 2099",
         other_time="9999-12-31T23:59:59Z"),
    _bad("half a star", "data.rating", "valid integer", SEEN, data={"rating": 4.5}),
    _bad("a text of stars", "data.rating", "valid integer", SEEN, data={"rating": "5"}),
    _bad("stars as true", "data.rating", "valid integer", SEEN, data={"rating": True}),
    _bad("six stars", "data.rating", "less than or equal to 5", SEEN, data={"rating": 6}),
    _bad("too many stars for 64 bits", "data.rating", "less than or equal to 5", SEEN, data={"rating": 2**80}),
    _bad("no stars", "data.rating", "Field required", SEEN),
    _bad("an amount below nothing", "data.amount_minor", "greater than or equal to 0", "qos.order.refunded",
         data={"amount_minor": -1}),
    _bad("an amount with cents", "data.amount_minor", "valid integer", "qos.order.refunded",
         data={"amount_minor": 12.0}),
    _bad("an amount beyond all money", "data.amount_minor", "less than or equal to 1000000000000",
         "qos.order.refunded", data={"amount_minor": 10**30}),
    _bad("a line twice", "data.lines", "names a line twice", data={"lines": [{"line": 1}, {"line": "1"}]}),
    _bad("a line without a name", "data.lines.0.line", "Field required", data={"lines": [{"sku": "a"}]}),
    _bad("a currency that is none", "data.currency", "should match pattern", data={"currency": "euro"}),
    _bad("a stranger who writes", "data.author", "should be 'buyer', 'seller'", "qos.message.sent",
         data={"author": "robot"}),
    _bad("a clock that never opens", "data.hours", "holds no opening time", CLOCK, data={"hours": {}}),
    _bad("an hour that is none", "data.hours.mon.0.1", "should match pattern", CLOCK,
         data={"hours": {"mon": [["09:00", "25:00"]]}}),
    _bad("an opening at the end of the day", "data.hours.mon.0.0", "should match pattern", CLOCK,
         data={"hours": {"mon": [["24:00", "24:00"]]}}),
    _bad("a holiday as a number", "data.holidays.0", "must be a day in quotes", CLOCK,
         data={"hours": {"mon": [["09:00", "10:00"]]}, "holidays": [10**18]}),
    _bad("closed before it closes", "data.until", "must lie after data.from", AWAY,
         data={"from": "2026-06-19T00:00:00Z", "until": "2026-06-18T00:00:00Z"}),
    _bad("closed for ages", "data.until", "closes the shop for more than four years", AWAY,
         data={"from": "2026-06-19T00:00:00Z", "until": "2036-06-18T00:00:00Z"}),
    _bad("forgiving nothing", "data", "name exactly one: an obligation or a defect", "qos.obligation.excluded",
         data={"scope": "both"}),
    _bad("a correction of what is none", "data.field", "should be 'accept_by'", "qos.order.corrected",
         data={"field": "buyer", "value": "x"}),
    _bad("a correction to nonsense", "data.value", "should be 'seller' or 'operator'", "qos.order.corrected",
         data={"field": "fulfilment", "value": _nested(20)}),
    _bad("a zone that is a file", "data.timezone", "is no time zone", "qos.shop.opened",
         data={"timezone": "../../etc/passwd"}),
    _bad("a marketplace nobody added", "marketplace", "is unknown here", marketplace="atlantis"),
    BadEvent("a number", "7", "", "is no JSON object"),
    BadEvent("nothing", "null", "", "is no JSON object"),
    BadEvent("an event in an event", f"[{json.dumps(event(2))}]", "", "is no JSON object"),
)  # fmt: skip

_TEXT = json.dumps(event(2)).encode()
BODIES: Sequence[BadBody] = (
    BadBody("half an event", _TEXT[:-9], "line 1, column", "is not JSON", "is not JSON"),
    BadBody("two events in a row", _TEXT + _TEXT, "line 1, column", "Extra data", "Extra data"),
    BadBody("a comma too many", _TEXT[:-1] + b",}", "line 1, column", "is not JSON", "is not JSON"),
    BadBody("Latin-1", '{"id": "café"}'.encode("latin-1"), "body", "Byte 12 is not UTF-8", "not UTF-8"),
    BadBody("UTF-16", json.dumps(event(2)).encode("utf-16"), "body", "Byte 1 is not UTF-8", "not UTF-8"),
    BadBody("not a number", b'{"id": NaN}', "body", "NaN is not JSON", "NaN is not JSON"),
    BadBody("without end", b'[{"id": -Infinity}]', "body", "-Infinity is not JSON", "-Infinity is not JSON"),
    BadBody("a number beyond all", b'{"id": 1e999}', "body", "1e999 is too large", "1e999 is too large"),
    BadBody("5,000 digits", b'{"id": ' + b"9" * 5000 + b"}", "body", "more than 4,300 digits", "too many digits"),
    BadBody("a key twice", b'{"id": "a", "data": {"by": 1, "by": 2}}', "by", "given twice", "given twice"),
    BadBody("a key twice, half a character", b'{"\\ud800": 1, "\\ud800": 2}', "\\ud800", "given twice", ""),
    BadBody("a bottomless pit", b"[" * 200_000, "body", "nested too deeply", "nested too deeply"),
    BadBody("a bottomless object", b'{"a":' * 50_000, "body", "nested too deeply", "nested too deeply"),
    BadBody("a NUL", b"\x00", "line 1, column 1", "is not JSON", "is not JSON"),
    BadBody("a text", b'"event"', "body", "neither a JSON object", "a text, not an event"),
    BadBody("a form", b"id=e2&type=qos.order.placed", "line 1, column 1", "is not JSON", "is not JSON"),
    BadBody("a table", b"id;type\ne2;qos.order.placed", "line 1, column 1", "is not JSON", "is not JSON"),
    BadBody("gzip that nobody announced", gzip.compress(_TEXT), "body", "Byte 2 is not UTF-8"),
)  # fmt: skip
