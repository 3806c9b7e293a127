"""The document of the API, and the page that shows it to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, render_template

from operator_qos.contract.document import write_openapi
from operator_qos.permissions import public
from scoring.event_types import PREFIX, TYPES

blueprint = Blueprint("contract", __name__)
PERMISSIONS = {"contract.show_document": public(), "contract.show_docs": public()}


@dataclass(frozen=True)
class Operation:
    """One thing the API can do, for the page."""

    method: str
    path: str
    id: str
    summary: str
    description: str
    scope: str
    parameters: tuple[tuple[str, str, str], ...]  # name, where, what
    body: str
    answers: tuple[tuple[str, str], ...]


@blueprint.get("/api/v1/openapi.json")
def show_document() -> Response:
    """The OpenAPI 3.1 document of the whole API."""
    answer = jsonify(write_openapi())
    answer.cache_control.public, answer.cache_control.max_age = True, 3600
    return answer


@blueprint.get("/docs/api")
def show_docs() -> str:
    """The same for people."""
    document = write_openapi()
    return render_template("contract/docs.html", operations=list(list_operations(document)),
                           schemas=_list_schemas(document), types=[PREFIX + name for name in TYPES])


def list_operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of a document, in its order."""
    for path, methods in document["paths"].items():
        for method, found in methods.items():
            parameters = tuple((p["name"], p["in"], _say_schema(p["schema"])) for p in found.get("parameters", ()))
            contents = found.get("requestBody", {}).get("content", {})
            body = "; ".join(f"{kind}: {_say_schema(said.get('schema', {}))}" for kind, said in contents.items())
            answers = tuple((code, said["description"]) for code, said in found["responses"].items())
            yield Operation(method.upper(), path, found["operationId"], found["summary"], found.get("description", ""),
                            found.get("x-scope", ""), parameters, body, answers)


def _say_schema(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return repr(schema["const"])
    if "anyOf" in schema:
        return " | ".join(_say_schema(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"[{_say_schema(schema.get('items', {}))}]"
    return str(schema.get("format") or schema.get("type") or "any")


def _list_schemas(document: Mapping[str, Any]) -> list[tuple[str, str, list[tuple[str, str, bool, str]]]]:
    """Name, description and fields (name, kind, whether required, description) of every schema."""
    return [
        (name, schema.get("description", ""), [
            (field, _say_schema(said), field in schema.get("required", ()), said.get("description", ""))
            for field, said in schema.get("properties", {}).items()])
        for name, schema in document["components"]["schemas"].items()]
