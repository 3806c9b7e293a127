"""The language of standards for other programs: its JSON Schema, open to everybody."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from operator_qos.permissions import public
from scoring.standards import standard_schema

blueprint = Blueprint("standards_api", __name__)
PERMISSIONS = {"standards_api.serve_schema": public()}


@blueprint.get("/api/v1/standard.schema.json")
def serve_schema() -> Response:
    """The JSON Schema of a standard."""
    answer = jsonify(standard_schema())
    answer.mimetype = "application/schema+json"
    answer.cache_control.public, answer.cache_control.max_age = True, 3600
    return answer
