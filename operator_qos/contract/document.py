"""The OpenAPI document of the whole API, put together from what each module of it says of itself."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from operator_qos.openapi import Part, Schema, write_document

# Every module that says what a part of the API offers: each has `describe() -> Part`.
PARTS: tuple[str, ...] = (
    "operator_qos.events.contract",
    "operator_qos.acts.contract",
    "operator_qos.disputes.contract",
    "operator_qos.me.contract",
    "operator_qos.receiving.contract",
    "operator_qos.reports.contract",
    "operator_qos.contract.own",
)
WEBHOOKS: Schema = {"told": {"post": {
    "summary": "What happens, told to the addresses of your choice and signed as Standard Webhooks are",
    "responses": {"2XX": {"description": "taken; anything else is tried again"}}}}}


@lru_cache(maxsize=1)
def write_openapi() -> Schema:
    """The document of every path under `/api/v1`."""
    parts: list[Part] = [import_module(name).describe() for name in PARTS]
    return write_document("Operator QoS", parts, webhooks=WEBHOOKS)
