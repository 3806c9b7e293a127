"""Incoming webhooks in writing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from operator_qos.connectors.medusa import MAPPED
from operator_qos.openapi import Part, Schema, write_operation


class HookBody(BaseModel):
    """What a subscriber sends: the name of what happened, and the thing as it then was."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description=f"for Medusa: {', '.join(MAPPED)}; others say nothing of service or are set aside")
    timestamp: datetime | None = None
    data: dict[str, Any] | list[dict[str, Any]]


class HookView(BaseModel):
    """What became of the webhook's events; `repeated`: it came before, and nothing was changed."""

    accepted: int
    duplicate: int
    conflict: int
    quarantined: int
    repeated: bool


def _head(name: str, text: str) -> Schema:
    return {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": text}


_PARAMETERS: tuple[Schema, ...] = (
    {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 60}},
    _head("webhook-id", "the same for every attempt"),
    _head("webhook-timestamp", "of this attempt, seconds since 1970"),
    _head("webhook-signature", "v1, and the HMAC-SHA256 of id.timestamp.body under the address's secret, in base64"))
_SAID = {
    "400": "The body is no JSON", "401": "Not signed with the secret of this address, or too long ago",
    "404": "There is no address of this name", "413": "The body is too large",
    "429": "Too much waits to be worked out; Retry-After says when to send it again",
    "503": "The database is busy; sending the same call again is safe",
}


def describe() -> Part:
    """The address of a marketplace's webhooks."""
    return Part({"/api/v1/hooks/{name}": {"post": write_operation(
        "receive_webhook", "Take a webhook of a marketplace in, signed as Standard Webhooks are", answer=HookView,
        body=HookBody, parameters=_PARAMETERS, errors=(), said=_SAID)}}, (HookBody, HookView))
