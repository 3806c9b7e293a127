"""Values made from JSON schemas, and whether an answer is one that the OpenAPI document announces."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.standards.json_schema import list_errors

Schema = dict[str, Any]
LETTERS = st.text(max_size=12)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3), max_leaves=5)


def to_root(document: Schema) -> Schema:
    """The schemas of a document as one that a validator reads: every reference into `$defs`."""
    text = json.dumps({"$defs": document["components"]["schemas"]}).replace("#/components/schemas/", "#/$defs/")
    return dict(json.loads(text))


def from_schema(schema: Schema, root: Schema, known: dict[str, list[Any]], name: str = "") -> st.SearchStrategy[Any]:
    """Values a schema allows, those already known of that name among them, and now and then one it does not."""
    return st.one_of(*_list_ways(schema, root, known, name))


def _list_ways(schema: Schema, root: Schema, known: dict[str, list[Any]], name: str) -> list[st.SearchStrategy[Any]]:
    told = [st.sampled_from(known[name])] * 3 if known.get(name) else []
    if "$ref" in schema:
        return [from_schema(root["$defs"][schema["$ref"].rpartition("/")[2]], root, known)]
    if "anyOf" in schema:
        return [*told, *(from_schema(part, root, known, name) for part in schema["anyOf"])]
    if "enum" in schema or "const" in schema:
        return [*told, st.sampled_from(schema.get("enum") or [schema["const"]])]
    return [*told, _of_type(schema, root, known)]


def _of_type(schema: Schema, root: Schema, known: dict[str, list[Any]]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "object":
        return objects(schema, root, known)
    if kind == "array":
        return st.lists(from_schema(schema.get("items", {}), root, known), max_size=min(schema.get("maxItems", 3), 3))
    if kind == "integer":
        return st.integers(schema.get("minimum", -(2**65)), schema.get("maximum", 2**65))
    if kind == "string" and schema.get("format") == "date-time":
        return st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat())
    if kind == "string":
        least = schema.get("minLength", 0)
        return st.text(min_size=least, max_size=min(schema.get("maxLength", 30), 30 + least))
    return {"boolean": st.booleans(), "null": st.none(), "number": st.floats()}.get(str(kind), JUNK)


@st.composite
def objects(draw: st.DrawFn, schema: Schema, root: Schema, known: dict[str, list[Any]]) -> dict[str, Any]:
    """An object of the schema; one in a few lacks a field, has one too many, or holds junk."""
    properties = schema.get("properties", {})
    required = set(schema.get("required", ()))
    found = {name: draw(from_schema(part, root, known, name)) for name, part in properties.items()
             if name in required or draw(st.booleans())}
    harm = draw(st.sampled_from(("none", "none", "none", "none", "junk", "less", "more")))
    if harm == "more":
        found[draw(LETTERS)] = draw(JUNK)
    if found and harm in {"junk", "less"}:
        name = draw(st.sampled_from(sorted(found)))
        found[name] = draw(JUNK)
        if harm == "less":
            del found[name]
    return found


def list_surprises(answer: TestResponse, operation: Schema, root: Schema) -> list[str]:
    """What an answer is that its operation does not announce: status, kind of content, or form of the content."""
    announced = operation["responses"].get(str(answer.status_code))
    if announced is None:
        return [f"status {answer.status_code} is not announced: {answer.text[:300]}"]
    content = announced["content"]
    kind = answer.mimetype if answer.mimetype in content else next(iter(content))
    if kind not in {answer.mimetype, "application/octet-stream"}:
        return [f"{answer.mimetype} is not announced for {answer.status_code}"]
    schema = content[kind].get("schema")
    if schema is None:
        return []
    local = json.loads(json.dumps(schema).replace("#/components/schemas/", "#/$defs/"))
    return list(list_errors(local, answer.get_json(), root))
