"""The API of exports in writing, made from the tables themselves."""

from __future__ import annotations

from operator_qos.openapi import Part, Schema, write_operation
from operator_qos.reports.queries import TYPES
from operator_qos.reports.rules import KNOWN, LONGEST_PAGE, PAGE
from operator_qos.sheets import MEDIA_TYPES

_KINDS: dict[type, list[str]] = {str: ["string", "null"], int: ["integer", "null"], float: ["number", "null"]}
_SAME: Schema = {"description": "Nothing changed since the ETag of If-None-Match", "content": {}}
_ERRORS = ("401", "403", "422")
_FILES: Schema = {media.partition(";")[0]: {} for media in MEDIA_TYPES.values()}
_LIST: Schema = {
    "type": "object", "required": ["exports"], "additionalProperties": False,
    "properties": {"exports": {"type": "array", "items": {
        "type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"},
                                         "address": {"type": "string"}, "format": {"enum": list(MEDIA_TYPES)}}}}}}


def describe() -> Part:
    """Current numbers and standings, and saved exports."""
    found = {f"/api/v1/{name}": {"get": _list_table(name)} for name in ("metrics", "standings")}
    sides = (("/api/v1/exports", "operator", "read"), ("/api/v1/me/exports", "seller", "seller_read"))
    for prefix, who, scope in sides:
        listed = write_operation(f"list_{who}_exports", "Saved exports", scope=scope, errors=("401", "403"),
                                 answer={"$ref": "#/components/schemas/ExportList"})
        found[prefix] = {"get": _with_304(listed)}
        found[f"{prefix}/{{public_id}}"] = {"get": _fetch_file(f"fetch_{who}_export", scope)}
    pages = {f"{name.title()}Page": _page_schema(name) for name in ("metrics", "standings")}
    return Part(found, schemas=pages | {"ExportList": _LIST})


def _with_304(operation: Schema, files: bool = False) -> Schema:
    operation["responses"]["304"] = _SAME
    if files:
        operation["responses"]["200"]["content"] |= _FILES
    return operation


def _list_table(name: str) -> Schema:
    answer = {"$ref": f"#/components/schemas/{name.title()}Page"}
    return _with_304(write_operation(
        f"list_{name}", f"The current {name} of every shop", scope="read", answer=answer, errors=_ERRORS,
        parameters=_list_parameters(name)), files=True)


def _fetch_file(name: str, scope: str) -> Schema:
    known: Schema = {"name": "public_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return _with_304(write_operation(name, "A saved export as it stands now", scope=scope, answer="text/csv",
                                     errors=("401", "403", "404"), parameters=(known,)), files=True)


def _page_schema(name: str) -> Schema:
    row = {column: {"type": _KINDS[kind]} for column, kind in TYPES[name].items()}
    rows = {"type": "array", "items": {"type": "object", "properties": row, "required": list(row),
                                       "additionalProperties": False}}
    return {"type": "object", "required": ["rows", "next_cursor"], "additionalProperties": False,
            "properties": {"rows": rows, "next_cursor": {"type": ["string", "null"]}}}


def _list_parameters(name: str) -> list[Schema]:
    text: Schema = {"type": "string", "maxLength": 200}
    size: Schema = {"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE, "default": PAGE}
    filters = [{"name": field, "in": "query", "schema": text} for field in KNOWN[name]]
    return [*filters, {"name": "limit", "in": "query", "schema": size},
            {"name": "cursor", "in": "query", "schema": text},
            {"name": "format", "in": "query", "schema": {"enum": list(MEDIA_TYPES)},
             "description": "the whole table as a file instead of a page"}]
