"""One browser, one site on loopback and one signed-in context a person, for all journeys and inspections."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import Engine
from waitress import create_server, wasyncore

from operator_qos import create_app
from operator_qos.settings import Settings
from tests.databases import fill, opened
from tests.e2e import world
from tests.e2e.visits import TIMEOUT_MS, Visitor, read_axe
from tests.e2e.world import PEOPLE, Person, sign_in_fields
from tests.web.fixtures import NOW

HOW_TO_GET_CHROMIUM = (
    "Chromium is not on this machine: install it (Debian: apt-get install chromium) or put its folder on PATH"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def find_chromium() -> str | None:
    """Debian's browser, or what stands on PATH under its name."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


# Of this folder, not of the session: while Playwright runs, no other test may start an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; skips where there is none."""
    chromium = find_chromium()
    if chromium is None:
        pytest.skip(HOW_TO_GET_CHROMIUM)
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=chromium, args=FLAGS, timeout=TIMEOUT_MS)
        yield started
        started.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    """The database behind the site, and its data folder."""
    folder = tmp_path_factory.mktemp("e2e")
    url = f"sqlite:///{folder / 'qos.db'}"
    fill(url)
    with opened(url) as engine:
        world.fill(engine)
        yield engine, folder


@pytest.fixture(scope="package")
def address(site: tuple[Engine, Path]) -> Iterator[str]:
    """The whole site on a free port of loopback, its clock standing still."""
    engine, folder = site
    settings = Settings(data_dir=folder, database_url=f"sqlite:///{folder / 'qos.db'}", secret_key="only for tests")
    sockets: dict[int, wasyncore.dispatcher] = {}
    app = create_app(settings, engine=engine, clock=lambda: NOW)
    server = create_server(app, map=sockets, host="127.0.0.1", port=0, threads=8)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    # Closed within its own loop: numbers of closed sockets are given to new ones at once.
    server.trigger.pull_trigger(lambda: wasyncore.close_all(sockets))
    thread.join(timeout=10)
    server.task_dispatcher.shutdown(timeout=10)
    assert not thread.is_alive()


def sign_in(tab: Visitor, person: Person) -> None:
    """Fill in the form of the door and send it."""
    tab.open("/login")
    for name, value in sign_in_fields(person).items():
        tab.page.fill(f"[name={name}]", value)
    tab.click("button[type=submit]")
    assert "/login" not in tab.page.url


@pytest.fixture(scope="package")
def tabs(browser: Browser, address: str) -> Iterator[Callable[[Person], Visitor]]:
    """The tab of a person, signed in when first asked for."""
    made: dict[Person, Visitor] = {}

    def get(person: Person) -> Visitor:
        if person not in made:
            made[person] = open_tab(browser, address, locale=person.language)
            sign_in(made[person], person)
        return made[person]

    yield get
    for tab in made.values():
        tab.page.context.close()


def open_tab(browser: Browser, address: str, *, locale: str) -> Visitor:
    """A tab of its own, with nobody signed in, of a browser that speaks this language."""
    context = browser.new_context(base_url=address, locale=locale)
    context.set_default_timeout(TIMEOUT_MS)
    context.add_init_script(read_axe())
    return Visitor(context.new_page(), address)


@pytest.fixture
def visit(tabs: Callable[[Person], Visitor]) -> Iterator[Callable[[str, str], Visitor]]:
    """The tab of somebody of that role and language; whatever it complains about fails the test at its end."""
    used: list[Visitor] = []

    def get(role: str, language: str) -> Visitor:
        used.append(tabs(next(one for one in PEOPLE if (one.role, one.language) == (role, language))))
        used[-1].start_anew()
        return used[-1]

    yield get
    assert [complaint for tab in used for complaint in tab.complaints] == []


@pytest.fixture
def stranger(browser: Browser, address: str) -> Iterator[Visitor]:
    """A tab of somebody not signed in, whose browser speaks English."""
    tab = open_tab(browser, address, locale="en")
    yield tab
    tab.page.context.close()
    assert tab.complaints == []
