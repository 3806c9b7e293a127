"""The API of exports in writing: its part of the OpenAPI document, made from the tables themselves."""

from __future__ import annotations

from typing import Any

from operator_qos.reports.queries import TYPES
from operator_qos.reports.rules import KNOWN, LONGEST_PAGE, PAGE
from operator_qos.sheets import MEDIA_TYPES

_KINDS: dict[type, list[str]] = {str: ["string", "null"], int: ["integer", "null"], float: ["number", "null"]}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_ERRORS = {"401": "No valid key", "403": "The key has another scope", "404": "There is no such thing for this key",
           "422": "A field cannot be used"}


def list_schemas() -> dict[str, Any]:
    """The schemas of pages, by name."""
    return {f"{name.title()}Page": _page_schema(name) for name in ("metrics", "standings")} | {"ExportList": {
        "type": "object", "required": ["exports"], "additionalProperties": False,
        "properties": {"exports": {"type": "array", "items": {"type": "object"}}}}}


def _page_schema(name: str) -> dict[str, Any]:
    row = {column: {"type": _KINDS[kind]} for column, kind in TYPES[name].items()}
    rows = {"type": "array", "items": {"type": "object", "properties": row, "required": list(row),
                                       "additionalProperties": False}}
    return {"type": "object", "required": ["rows", "next_cursor"], "additionalProperties": False,
            "properties": {"rows": rows, "next_cursor": {"type": ["string", "null"]}}}


def list_paths() -> dict[str, Any]:
    """The operations, by path."""
    found = {f"/api/v1/{name}": {"get": _operation(
        f"list_{name}", f"The current {name} of every shop", f"{name.title()}Page", _list_parameters(name))}
        for name in ("metrics", "standings")}
    known = {"name": "public_id", "in": "path", "required": True, "schema": {"type": "string"}}
    for prefix, who in (("/api/v1/exports", "operator"), ("/api/v1/me/exports", "seller")):
        found[prefix] = {"get": _operation(f"list_{who}_exports", "Saved exports", "ExportList", [])}
        file = _operation(f"fetch_{who}_export", "A saved export as it stands now", None, [known])
        found[f"{prefix}/{{public_id}}"] = {"get": file}
    return found


def _list_parameters(name: str) -> list[dict[str, Any]]:
    size = {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE}
    filters = [{"name": field, "in": "query", "schema": {"type": "string"}} for field in KNOWN[name]]
    return [*filters, {"name": "limit", "in": "query", "schema": size},
            {"name": "cursor", "in": "query", "schema": {"type": "string"}},
            {"name": "format", "in": "query", "schema": {"enum": list(MEDIA_TYPES)},
             "description": "the whole table as a file instead of a page"}]


def _operation(name: str, summary: str, schema: str | None, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {media.partition(";")[0]: {} for media in MEDIA_TYPES.values()}
    if schema is not None:
        page = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
        content = page | (content if parameters else {})
    responses: dict[str, Any] = {
        "200": {"description": "done", "content": content},
        "304": {"description": "Nothing changed since the ETag of If-None-Match", "content": {}}}
    responses |= {code: {"description": text, "content": _PROBLEM} for code, text in _ERRORS.items()}
    return {"operationId": name, "summary": summary, "parameters": parameters, "responses": responses}
