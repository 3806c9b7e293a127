"""Endpoints of every kind, for testing what surrounds real ones."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template_string

from operator_qos.permissions import (
    OPERATOR,
    SELLER,
    current_actor,
    current_machine,
    get_visible_shop,
    machine,
    people,
    shop_ids_visible,
)
from operator_qos.web import get_session

blueprint = Blueprint("probe", __name__)
PERMISSIONS = {
    "probe.show_today": people(*OPERATOR),
    "probe.show_day": people(*SELLER),
    "probe.show_shop": people(*OPERATOR, *SELLER, tenant="get_visible_shop"),
    "probe.take_events": machine("ingest"),
    "probe.list_mine": people(*OPERATOR, *SELLER),
    "probe.crash": people(*OPERATOR),
    "probe.act": people(*OPERATOR),
}


@blueprint.get("/operator/probe")
def show_today() -> str:
    return render_template_string('{% extends "base.html" %}{% block content %}today{% endblock %}')


@blueprint.get("/seller/probe")
def show_day() -> str:
    return "day"


@blueprint.get("/probe/shops/<marketplace>/<code>")
def show_shop(marketplace: str, code: str) -> str:
    return get_visible_shop(get_session(), current_actor(), marketplace, code).name


@blueprint.post("/api/v1/probe")
def take_events() -> Response:
    return jsonify(name=current_machine().name, marketplace=current_machine().marketplace_id)


@blueprint.get("/api/v1/mine")
def list_mine() -> Response:
    visible = shop_ids_visible(get_session(), current_actor())
    return jsonify(shops=None if visible is None else sorted(visible))


@blueprint.get("/operator/crash")
def crash() -> str:
    raise ZeroDivisionError


@blueprint.post("/operator/act")
def act() -> str:
    return "done"
