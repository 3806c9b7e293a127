"""Putting the web application together."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

from flask import Flask, Response, jsonify, redirect
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response as BaseResponse

from operator_qos.errors import init_errors
from operator_qos.extensions import init_extensions
from operator_qos.headers import init_headers
from operator_qos.health import check_health
from operator_qos.i18n import LANGUAGE_NAMES, other_language
from operator_qos.navigation import find_search_path, get_home, list_menu
from operator_qos.permissions import (
    EVERYONE,
    Rule,
    current_actor,
    find_actor,
    init_permissions,
    people,
    public,
)
from operator_qos.settings import Settings, read_secret
from operator_qos.web import Site, get_language, get_site, init_web, now, refuse_nul

BODY_LIMIT_BYTES = 16 * 1024 * 1024
SESSION_DAYS = 7
PERMISSIONS: dict[str, Rule] = {"static": public(), "show_health": public(), "show_home": people(*EVERYONE)}


def _find_folder(name: str) -> Path:
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=read_secret(settings),
        SESSION_COOKIE_NAME="__Host-session" if settings.secure_cookies else "session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(days=SESSION_DAYS),
        MAX_CONTENT_LENGTH=BODY_LIMIT_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # A redirect to the tidy form of an address would tell a stranger that the page exists.
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False


def _find_modules(names: Sequence[str]) -> list[ModuleType]:
    found = []
    for name in names:
        parent = name.rpartition(".")[0]
        if importlib.util.find_spec(parent) is not None and importlib.util.find_spec(name) is not None:
            found.append(importlib.import_module(name))
    return found


def _register(app: Flask, names: Sequence[str]) -> dict[str, Rule]:
    rules = dict(PERMISSIONS)
    for module in _find_modules(names):
        app.register_blueprint(module.blueprint)
        rules.update(module.PERMISSIONS)
    return rules


def show_home() -> BaseResponse:
    """Everybody's own first page."""
    return redirect(get_home(current_actor()))


def show_health() -> tuple[Response, int]:
    """For load balancers and watchdogs: 200 when requests can be answered, else 503."""
    health = check_health(get_site().engine, now=now())
    document = {
        "status": "ok" if health.is_well else "failing",
        "database": "reachable" if health.database else "unreachable",
        "schema": health.schema,
        "scheduler_lease_expired_seconds": health.scheduler_seconds,
    }
    return jsonify(document), 200 if health.is_well else 503


def _shell_context() -> dict[str, Any]:
    language, actor = get_language(), find_actor()
    other = other_language(language)
    return {
        "actor": actor,
        "language": language,
        "other_language": other,
        "other_language_name": LANGUAGE_NAMES[other],
        "menu": list_menu(actor),
        "find_path": find_search_path(actor),
    }


def build_app(
    blueprints: Sequence[str], *, settings: Settings, engine: Engine, clock: Callable[[], datetime]
) -> Flask:
    """The application of these modules."""
    app = Flask(
        "operator_qos",
        template_folder=str(_find_folder("templates")),
        static_folder=str(_find_folder("static")),
    )
    _configure(app, settings)
    if settings.trust_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    init_extensions(app, settings)
    init_web(app, Site(settings, engine, clock))
    init_headers(app)
    init_errors(app)
    app.add_url_rule("/", view_func=show_home)
    app.add_url_rule("/healthz", view_func=show_health)
    init_permissions(app, _register(app, blueprints))
    app.before_request(refuse_nul)
    app.context_processor(_shell_context)
    return app
