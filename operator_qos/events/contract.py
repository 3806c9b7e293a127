"""The intake of events in writing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from operator_qos.events.bodies import BATCH, MAX_BYTES, MAX_EVENTS, PLAIN, STRUCTURED
from operator_qos.openapi import Part, Schema, ref, write_operation


class EventBody(BaseModel):
    """A CloudEvent 1.0 of this product; fields of yours beside these are kept with it."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    type: str = Field(min_length=1, max_length=200, description="qos. and a name of the event contract")
    source: str = Field(min_length=1, max_length=200)
    id: str = Field(min_length=1, max_length=200, description="with source: the same event again is a duplicate")
    time: datetime = Field(description="when it happened, with its offset from UTC; cut to the second")
    subject: str = Field(min_length=1, max_length=200, description="the order, conversation, case, return or shop")
    marketplace: str = Field(min_length=1, max_length=200)
    shop: str = Field(min_length=1, max_length=200)
    data: dict[str, Any] = Field(default_factory=dict)


class ReceiptView(BaseModel):
    """What became of an event; `field` and `reason` say why it was not accepted."""

    source: str
    id: str
    status: Literal["accepted", "duplicate", "conflict", "quarantined"]
    field: str
    reason: str


class IntakeView(BaseModel):
    """What became of a call: the counts, and each event in the order sent."""

    accepted: int
    duplicate: int
    conflict: int
    quarantined: int
    events: list[ReceiptView]


_SAID = {
    "400": "The body holds no events", "413": f"More than {MAX_EVENTS:,} events or {MAX_BYTES:,} bytes, unpacked",
    "415": "A media type, charset or encoding that is not taken",
    "429": "The key's quota is spent, or too much waits to be worked out; Retry-After says when to send it again",
    "503": "The database is busy; sending the same call again is safe",
}
_TEXT = (f"One event ({STRUCTURED}), an array of up to {MAX_EVENTS:,} ({BATCH}), or one in binary mode with its "
         "attributes in ce- headers. A body may be packed by gzip. An event that cannot be used is set aside with the "
         "field named, and the others go on. What was answered is stored. Sending again is always safe.")


def describe() -> Part:
    """The one way in."""
    operation = write_operation("post_events", "Take events in", answer=IntakeView, scope="ingest",
                                errors=("401", "403"), said=_SAID, description=_TEXT)
    many: Schema = {"type": "array", "items": ref(EventBody), "maxItems": MAX_EVENTS}
    operation["requestBody"] = {"required": True, "content": {
        PLAIN: {"schema": {"anyOf": [ref(EventBody), many]}}, STRUCTURED: {"schema": ref(EventBody)},
        BATCH: {"schema": many}}}
    return Part({"/api/v1/events": {"post": operation}}, (EventBody, ReceiptView, IntakeView))
