"""What pages share: one session per request, the request's moment and language, pages of a list, filters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, has_request_context, request
from flask.json.provider import DefaultJSONProvider
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from werkzeug.routing import IntegerConverter, Map

from operator_qos import formats
from operator_qos.db import create_session, unit_of_work
from operator_qos.i18n import LANGUAGES, find_language
from operator_qos.settings import Settings

T = TypeVar("T")
LANGUAGE_COOKIE = "lang"
PAGE_SIZE = 50
LARGEST_NUMBER = 2**63 - 1


@dataclass(frozen=True)
class Site:
    """What the application was made with."""

    settings: Settings
    engine: Engine
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Page:
    """Where a page of a list stands: `number` counts from 1."""

    number: int
    size: int
    total: int

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.number - 1) * self.size

    @property
    def count(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.size))

    @property
    def first(self) -> int:
        """Number of the first row shown, 0 in an empty list."""
        return min(self.offset + 1, self.total)

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return min(self.offset + self.size, self.total)


def get_site() -> Site:
    """Settings, engine and clock of the running application."""
    site: Site = current_app.extensions["operator_qos"]
    return site


def get_session() -> Session:
    """The request's reading session: one snapshot, never waits for a writer, rolled back at the end."""
    if "read_session" not in g:
        g.read_session = _begin_reading(get_site())
    session: Session = g.read_session
    return session


def _begin_reading(site: Site) -> Session:
    """A reading session whose statements end by themselves: who asked has left long before."""
    session, seconds = create_session(site.engine, read_only=True), site.settings.page_timeout_seconds
    if seconds and site.engine.dialect.name == "postgresql":
        session.execute(text(f"SET LOCAL statement_timeout = {seconds * 1000}"))
    return session


def _end_reading() -> None:
    session = g.pop("read_session", None)
    if session is not None:
        session.rollback()
        session.close()


@contextmanager
def writing() -> Iterator[Session]:
    """The request's unit of work: commits at the end, rolls back on any error. Later reads see its rows."""
    _end_reading()
    with unit_of_work(get_site().engine) as session:
        yield session


def now() -> datetime:
    """The moment of the request, the same from its first line to its last."""
    if "now" not in g:
        g.now = get_site().clock()
    moment: datetime = g.now
    return moment


def _asked_language() -> str:
    cookie = request.cookies.get(LANGUAGE_COOKIE, "")
    return (
        cookie
        if cookie in LANGUAGES
        else request.accept_languages.best_match(LANGUAGES, default="en") or "en"
    )


def select_language() -> str:
    """The reader's language: their choice, else their browser's, else English."""
    from operator_qos.permissions import find_actor

    if not has_request_context():
        return "en"
    actor = find_actor()
    return actor.language if actor is not None and actor.language in LANGUAGES else _asked_language()


def get_language() -> str:
    """The language of the page being made: "en" or "fr"."""
    return find_language()


def safe_next(target: str | None, fallback: str) -> str:
    """`target` when it is a path of this site, else `fallback`: nobody is sent elsewhere after signing in."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return fallback
    parts = urlsplit(target)
    plain = not parts.scheme and not parts.netloc and "\\" not in target and target.isprintable()
    return target if plain else fallback


class RowNumber(IntegerConverter):
    """A number in an address: what no row can have is an address that does not exist."""

    def __init__(self, map: Map, *args: Any, **options: Any) -> None:  # werkzeug's name
        super().__init__(map, *args, **{"max": LARGEST_NUMBER, **options})


def read_number(text: str | None) -> int | None:
    """A row's number, or another whole one, as a form gives it; None for anything else."""
    plain = text is not None and text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if plain and text is not None else None


class Json(DefaultJSONProvider):
    """JSON whose brackets go deeper than Python counts is as wrong as any other."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # Flask's name
        """What a text holds. Raises ValueError."""
        try:
            return super().loads(s, **kwargs)
        except RecursionError as error:
            raise ValueError("brackets within brackets, too deep") from error


def refuse_nul() -> None:
    """Turn away the one character that no person writes and no database takes. Runs before every request."""
    address = (request.path, *(value for values in request.args.listvalues() for value in values))
    if any("\0" in text for text in address):
        abort(404)
    if request.path.startswith("/api/"):
        return  # bodies of programs are checked where they are read
    if any("\0" in value for values in request.form.listvalues() for value in values):
        abort(400)


def read_page(total: int, *, size: int = PAGE_SIZE) -> Page:
    """The page asked for by `?page=`, the nearest one when there is no such page."""
    asked = request.args.get("page", 1, type=int) or 1
    count = max(1, -(-total // size))
    return Page(min(max(1, asked), count), size, total)


def take_page(rows: Sequence[T], page: Page) -> Sequence[T]:
    """The rows of a page, of a list that is in memory anyway."""
    return rows[page.offset : page.offset + page.size]


def page_url(number: int) -> str:
    """The address of another page of the same list, filters kept."""
    from flask import url_for

    values = {**request.args.to_dict(flat=False), **(request.view_args or {}), "page": number}
    return url_for(request.endpoint or "", **values)


def _due(value: formats.Moment | None) -> str:
    return formats.format_due(value, now(), get_language())


def _is_past(value: formats.Moment | None) -> bool:
    return value is not None and formats.to_local(value, "UTC") < now()


def _moment(
    value: formats.Moment | None, zone: str = "UTC", *, year: bool = False, weekday: bool = False
) -> str:
    return formats.format_moment(value, zone, get_language(), year, weekday)


def _clock(value: formats.Moment | None, zone: str = "UTC") -> str:
    return formats.format_clock(value, zone, get_language())


def _day(value: date | None, *, year: bool = False, weekday: bool = False) -> str:
    return formats.format_day(value, get_language(), year, weekday)


def _local_day(value: formats.Moment, zone: str = "UTC") -> date:
    return formats.to_local(value, zone).date()


FILTERS: dict[str, Callable[..., object]] = {
    "rate": lambda value, digits=None: formats.format_rate(value, get_language(), digits),
    "limit": lambda value: formats.format_limit(value, get_language()),
    "count": lambda value: formats.format_count(value, get_language()),
    "number": lambda value, digits=1: formats.format_number(value, get_language(), digits),
    "money": lambda minor, currency="EUR": formats.format_money(minor, currency, get_language()),
    "moment": _moment,
    "clock": _clock,
    "day": _day,
    "local_day": _local_day,
    "duration": lambda seconds: formats.format_duration(seconds, get_language()),
    "due": _due,
    "is_past": _is_past,
}


def init_web(app: Flask, site: Site) -> None:
    """Give the app its filters and end each request's session."""
    app.extensions["operator_qos"] = site
    app.url_map.converters["int"] = RowNumber
    app.json = Json(app)
    app.jinja_env.filters.update(FILTERS)
    app.jinja_env.globals.update(page_url=page_url, now=now)
    app.teardown_appcontext(lambda _error: _end_reading())
