"""A site on a throwaway database with one person of each role and two companies.

Import what you use into your conftest: `from tests.web.fixtures import app, engine, site_settings, world`.
`sign_in(app, role)` answers a client of that person; `post(client, path, data)` sends a form with its token.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from operator_qos import create_app
from operator_qos.accounts import service as accounts
from operator_qos.db import unit_of_work
from operator_qos.extensions import limiter
from operator_qos.models import Marketplace, Seller, Shop, User
from operator_qos.sellers.company_queries import find_seller_id
from operator_qos.settings import Settings
from operator_qos.web import Site
from tests.databases import opened

NOW = datetime(2026, 6, 18, 7, 40, tzinfo=UTC)
PASSWORD = "correct horse battery"
SECRET_KEY = "only for tests"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
PEOPLE = {
    "admin": ("ines@operator.example", "Inès Caron", None),
    "analyst": ("jana@operator.example", "Jana Vogt", None),
    "seller_owner": ("claire@morvan.example", "Claire Morvan", "morvan"),
    "seller_staff": ("yann@morvan.example", "Yann Lebrun", "morvan"),
    "mediator": ("rosa@mediators.example", "Rosa Ibarra", None),
}
OTHER_SELLER = ("lucia@norte.example", "Lucía Ferrer", "norte")
SHOPS = (
    ("halle-fr", "morvan-fr", "morvan"),
    ("lonja-es", "morvan-es", "morvan"),
    ("lonja-es", "bazar", "norte"),
)


@dataclass
class Clock:
    """A clock that a test turns."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


def add_companies(engine: Engine) -> None:
    """Two marketplaces, two companies, three shops."""
    with unit_of_work(engine) as session:
        for code, zone in (("halle-fr", "Europe/Paris"), ("lonja-es", "Europe/Madrid")):
            session.add(Marketplace(id=code, name=code.title(), timezone=zone, buyer_key="00" * 32))
        sellers = {code: Seller(code=code, name=code.title()) for code in ("morvan", "norte")}
        session.add_all(sellers.values())
        session.flush()
        for marketplace, code, seller in SHOPS:
            owner = sellers[seller].id
            session.add(
                Shop(marketplace_id=marketplace, code=code, seller_id=owner, name=code.title(), opened_ms=0)
            )


# Hashing is slow on purpose, and tests sign in thousands of times; test_service.py looks at what is set for real.
SET_HASHER = accounts._hasher
accounts._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@lru_cache(maxsize=1)
def hash_password() -> str:
    """The hash of PASSWORD, made once."""
    return accounts._hasher.hash(PASSWORD)


def add_people(engine: Engine) -> None:
    """One person of each role, and the owner of the other company, all with PASSWORD."""
    everybody = [(role, *person) for role, person in PEOPLE.items()]
    with unit_of_work(engine) as session:
        for role, email, name, seller in [*everybody, ("seller_owner", *OTHER_SELLER)]:
            company = find_seller_id(session, seller) if seller else None
            user = User(
                email=email,
                password_hash=hash_password(),
                name=name,
                role=role,
                seller_id=company,
                created_at=NOW,
            )
            session.add(user)
            session.flush()


@pytest.fixture
def site_settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, secret_key=SECRET_KEY)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with opened(database_url) as made:
        yield made


@pytest.fixture
def world(engine: Engine) -> Engine:
    add_companies(engine)
    add_people(engine)
    return engine


@pytest.fixture
def clock() -> Clock:
    return Clock()


@lru_cache(maxsize=1)
def _build_pattern() -> Flask:
    """The whole site, built once for all tests of a process; none answers through it."""
    nowhere = Settings(data_dir=Path("nowhere"), database_url="sqlite://", secret_key=SECRET_KEY)
    return create_app(nowhere)


@pytest.fixture
def app(world: Engine, site_settings: Settings, clock: Clock) -> Flask:
    """A site of its own: routes and templates are those of the pattern, settings and database are this test's."""
    made = copy.copy(_build_pattern())
    made.config = copy.copy(made.config)
    made.extensions = {**made.extensions, "operator_qos": Site(site_settings, world, clock)}
    limiter.reset()
    made.testing = True
    return made


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def login_as(app: Flask) -> Callable[[str], FlaskClient]:
    return lambda role: sign_in(app, role)


def read_token(client: FlaskClient, path: str = "/login") -> str:
    """The form token of a page."""
    found = TOKEN.search(client.get(path).text)
    assert found, f"{path} has no form token"
    return found.group(1)


def post(
    client: FlaskClient, path: str, data: dict[str, str] | None = None, *, page: str = "/account"
) -> TestResponse:
    """Send a form with the token of `page`."""
    return client.post(path, data={"csrf_token": read_token(client, page), **(data or {})})


def sign_in(app: Flask, role: str = "", *, email: str = "", password: str = PASSWORD) -> FlaskClient:
    """A client signed in as the person of that role, or with that address."""
    client = app.test_client()
    address = email or PEOPLE[role][0]
    answer = post(client, "/login", {"email": address, "password": password}, page="/login")
    assert answer.status_code == 302, answer.text
    return client
