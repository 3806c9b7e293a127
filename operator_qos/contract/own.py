"""What the API says of itself: this document, that of disputes alone, and the language of standards."""

from __future__ import annotations

from operator_qos.openapi import Part, write_operation

ANY_OBJECT = {"type": "object"}


def describe() -> Part:
    """The documents that anybody may read."""
    return Part({
        "/api/v1/openapi.json": {"get": write_operation(
            "show_contract", "This document", answer=ANY_OBJECT, errors=())},
        "/api/v1/openapi/disputes.json": {"get": write_operation(
            "show_disputes_contract", "The part of it that is about disputes", answer=ANY_OBJECT, errors=())},
        "/api/v1/standard.schema.json": {"get": write_operation(
            "show_standard_schema", "The JSON Schema of a standard", answer="application/schema+json", errors=())},
    })
