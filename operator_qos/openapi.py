"""How a part of the API is put in writing: operations after OpenAPI 3.1, schemas from the models that check bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]
PROBLEM_TYPE = "application/problem+json"
PROBLEM: Schema = {
    "type": "object", "required": ["type", "title", "status", "detail"],
    "description": "What went wrong, after RFC 9457: `detail` says what to do.",
    "properties": {"type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                   "detail": {"type": "string"}},
}
ERRORS: Mapping[str, str] = {
    "400": "The body is no JSON object of this form", "401": "No valid key", "403": "The key has another scope",
    "404": "There is no such thing for this key", "409": "Not allowed in this state", "422": "A field cannot be used",
}
Answer = type[BaseModel] | str | Schema


@dataclass(frozen=True)
class Part:
    """What one module of the API offers: its paths, and the models they speak of."""

    paths: Mapping[str, Mapping[str, Any]]
    models: Sequence[type[BaseModel]] = ()
    schemas: Mapping[str, Schema] = field(default_factory=dict)


def ref(model: type[BaseModel]) -> Schema:
    """The place of a model's schema in the document."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def write_content(answer: Answer) -> Schema:
    """The content of an answer: a model or a schema as JSON, or just a media type."""
    if isinstance(answer, str):
        return {answer: {}}
    return {"application/json": {"schema": answer if isinstance(answer, dict) else ref(answer)}}


def write_operation(  # noqa: PLR0913  # one argument per part of an operation
    name: str, summary: str, *, answer: Answer, scope: str = "", body: type[BaseModel] | None = None,
    parameters: Sequence[Schema] = (), status: str = "200", errors: Sequence[str] = tuple(ERRORS),
    said: Mapping[str, str] | None = None, description: str = "",
) -> Schema:
    """An operation; `scope` is that of the key it asks for, none for an open one. `said`: errors in its own words."""
    texts = {code: ERRORS[code] for code in errors} | dict(said or {})
    problem = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = {status: {"description": "done", "content": write_content(answer)}}
    responses |= {code: {"description": text, "content": problem} for code, text in texts.items()}
    found: Schema = {"operationId": name, "summary": summary, "responses": responses}
    found |= {"security": [{"key": []}], "x-scope": scope} if scope else {"security": []}
    if description:
        found["description"] = description
    if parameters:
        found["parameters"] = list(parameters)
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref(body)}}}
    return found


def write_schemas(models: Sequence[type[BaseModel]]) -> dict[str, Schema]:
    """The schemas of models, each by its name."""
    found: dict[str, Schema] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        found[model.__name__] = schema
    return found


def write_document(title: str, parts: Sequence[Part], *, webhooks: Mapping[str, Any]) -> Schema:
    """The document of these parts. Raises ValueError where two describe one operation, or one name differently."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Schema] = {"Problem": PROBLEM}
    for part in parts:
        for name, schema in (write_schemas(part.models) | dict(part.schemas)).items():
            if schemas.setdefault(name, schema) != schema:
                raise ValueError(f"two schemas are called {name}")
        for path, methods in part.paths.items():
            twice = paths.get(path, {}).keys() & methods.keys()
            if twice:
                raise ValueError(f"{path} is described twice: {', '.join(sorted(twice))}")
            paths.setdefault(path, {}).update(methods)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{"key": []}],
        "paths": paths,
        "webhooks": dict(webhooks),
    }
