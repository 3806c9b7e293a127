"""The Flask extensions, each wrapped once: what they are set to is written here and nowhere else."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request
from flask_babel import Babel, Domain
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_wtf.csrf import CSRFProtect
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup
from sqlalchemy import Engine

from operator_qos.accounts.queries import normalise_email
from operator_qos.i18n import find_language, get_translations, gettext
from operator_qos.settings import Settings

csrf = CSRFProtect()
login_manager = LoginManager()
# Pages of buyers: each web process counts for itself, so that reading a page writes nothing.
limiter = Limiter(key_func=get_remote_address, headers_enabled=True, strategy="moving-window", storage_uri="memory://")
babel = Babel()


def _find_engine() -> Engine:
    engine: Engine = current_app.extensions["operator_qos"].engine
    return engine


# Passwords that are tried: all web processes count together.
attempts = Limiter(key_func=get_remote_address, headers_enabled=True, strategy="moving-window", storage_uri="database://",
                   storage_options={"find_engine": _find_engine})  # type: ignore[dict-item]  # storages take what they like


class _Catalogues(Domain):  # type: ignore[misc]  # flask-babel ships no types
    """Flask-Babel's texts, taken from our catalogues in memory instead of .mo files."""

    def get_translations(self) -> Any:
        return get_translations(find_language())


@pass_eval_context
def _say(context: EvalContext, text: str, /, **values: object) -> str:
    """`_` of templates: what Jinja's own does in three steps, for a page says hundreds of texts."""
    said = _mark(find_language(), text) if context.autoescape else gettext(text)
    return said % values if values or "%" in said else said


@lru_cache(maxsize=8_192)
def _mark(language: str, text: str) -> Markup:
    return Markup(get_translations(language).gettext(text))  # noqa: S704  # texts are ours, values are escaped


def get_sign_in_account() -> str:
    """The account a sign-in is tried on, whether it exists or not."""
    return "account:" + normalise_email(request.form.get("email", ""))[:254]


def get_sign_in_limit() -> str:
    """The limit of the installation."""
    return str(current_app.config["LOGIN_ATTEMPTS"])


def init_extensions(app: Flask, settings: Settings) -> None:
    """Bind the extensions to the app."""
    from operator_qos.web import select_language

    app.config.update(
        # The permission table decides which endpoints take cookies; those are checked in permissions.py.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
        LOGIN_ATTEMPTS=settings.login_attempts,
    )
    csrf.init_app(app)
    login_manager.session_protection = "basic"
    login_manager.init_app(app)
    import operator_qos.accounts.attempts  # noqa: F401  # the limiter finds its storage by name

    limiter.init_app(app)
    attempts.init_app(app)
    babel.init_app(app, default_locale="en", locale_selector=select_language)
    babel.domain_instance = _Catalogues()
    app.jinja_env.globals["_"] = _say
