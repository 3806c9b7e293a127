"""P4: the pages people open most, by many at once over HTTP while events come in.

`python -m benchmarks.pages [URL] [--users 50] [--minutes 1] [--workers 2] [--think 5] [--ingest 1] [--no-alone]`

Real servers answer real sign-ins: a third of the people work for the operator, the others sell; two of those own the
busy shop of `benchmarks/generate.py`. Each opens a page, reads it for about `--think` seconds and opens the next. All
the while senders post batches of 1,000 events, so many a minute as `--ingest` says, and the scheduler runs. Told are,
per page, the seconds from asking to the last byte at the client, and every answer that was not 200. Before that
one person asks for each page alone, which is the server's own time. Writes into the database it is given: people,
a key, events. Without a URL a copy of the demo's is used.
"""

from __future__ import annotations

import argparse
import http.client
import random
import re
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text

from benchmarks.common import open_database, percentile, report
from benchmarks.ingest import HttpSender, Mix, Sender
from benchmarks.serving import make_key, serve
from operator_qos.accounts.actors import COMMAND_LINE
from operator_qos.accounts.models import User
from operator_qos.accounts.service import NewUser, add_user
from operator_qos.db import reading, unit_of_work
from operator_qos.demo.accounts import DEMO_ACCOUNTS
from operator_qos.ledger.jobs import advance_cells
from operator_qos.ledger.service import count_events

BUSY_SELLER, ROUNDS, IDLE_SECONDS = "atelier-morvan", 20, 1.0
PASSWORD = "a long bench password"  # noqa: S105  # of people who live as long as the benchmark
_ORDERS = ("SELECT s.marketplace_id, s.code, o.order_ref FROM order_facts o JOIN shops s ON s.id = o.shop_id "
           "JOIN sellers c ON c.id = s.seller_id WHERE c.code = :seller LIMIT 50")


def sign_in(client: FlaskClient, role: str) -> None:
    """Sign the demo's person of that role in."""
    account = next(a for a in DEMO_ACCOUNTS if a.role == role)
    page = client.get("/login").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    answer = client.post("/login", data={
        "csrf_token": token[1], "email": account.email, "password": account.password})
    assert answer.status_code == 302, answer.status


@dataclass(frozen=True)
class Person:
    """Somebody who can sign in, and what they look at: a name for the figures, and an address."""

    email: str
    pages: tuple[tuple[str, str], ...]


def make_people(engine: Engine, count: int, *, now: datetime) -> list[Person]:
    """Add people unless they are there; commits."""
    with reading(engine) as session:
        sellers = list(session.scalars(text("SELECT code FROM sellers WHERE id IN (SELECT seller_id FROM shops) "
                                            "ORDER BY id DESC LIMIT 200")))
        known = set(session.scalars(select(User.email)))
        people: list[Person] = []
        wanted: list[NewUser] = []
        for number in range(count):
            email, sells = f"bench{number}@example.org", number % 3 != 0
            seller = BUSY_SELLER if number in {1, 2} else sellers[number % len(sellers)]
            if email not in known:
                wanted.append(NewUser(email, PASSWORD, f"Bench {number}", "seller_owner" if sells else "analyst", "en",
                                      seller if sells else None))
            orders = session.execute(text(_ORDERS), {"seller": seller}).all()
            people.append(Person(email, _list_pages(orders, sells=sells, busy=seller == BUSY_SELLER)))
    with unit_of_work(engine) as session:
        for new in wanted:
            add_user(session, new, actor=COMMAND_LINE, now=now)
    return people


def _list_pages(orders: Sequence[Sequence[str]], *, sells: bool, busy: bool) -> tuple[tuple[str, str], ...]:
    side = "seller" if sells else "operator"
    named = [("order", f"/{side}/shops/{place}/{shop}/orders/{order}") for place, shop, order in orders[:5]]
    if sells:
        return (("seller's day", "/seller/day"),
                ("scorecard of the busy shop" if busy else "scorecard", "/seller/scorecard"),
                ("seller's cases", "/seller/disputes"), *named[:2])
    league = "/operator/sellers"
    return (("operator's today", "/operator/today"), ("league table", league),
            ("league table by a metric", f"{league}?metric=late_shipment_rate"), ("desk", "/operator/disputes"),
            *named[:1])


class Reader(threading.Thread):
    """One person at a browser: opens pages until told to stop."""

    def __init__(self, person: Person, port: int, over: threading.Event, think_seconds: float) -> None:
        super().__init__(daemon=True)
        self._person, self._over, self._think = person, over, think_seconds
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._cookies: dict[str, str] = {}
        self._used_at = 0.0
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: Counter[str] = Counter()

    def sign_in(self) -> None:
        """Sign in as people do. Raises AssertionError."""
        _, page = self._ask("GET", "/login")
        token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        body = urllib.parse.urlencode({"csrf_token": token[1].decode(), "email": self._person.email,
                                       "password": PASSWORD})
        status, _ = self._ask("POST", "/login", body)
        assert status == 302, f"{self._person.email} cannot sign in: {status}"

    def run(self) -> None:
        """Look at one page after the other."""
        dice = random.Random(self._person.email)
        try:
            time.sleep(dice.uniform(0, self._think))
            while not self._over.is_set():
                self.open(*dice.choice(self._person.pages))
                self._over.wait(dice.uniform(0.5, 1.5) * self._think)
        except Exception as error:  # told to the thread that counts
            self.errors[repr(error)[:200]] += 1

    def open(self, name: str, address: str) -> None:
        """Open one page and keep how long it took."""
        started = time.perf_counter()
        status, _ = self._ask("GET", address)
        self.seconds[name].append(time.perf_counter() - started)
        if status != 200:
            self.errors[f"{status} {name}"] += 1

    def _ask(self, method: str, address: str, body: str | None = None) -> tuple[int, bytes]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": "http://127.0.0.1"}
        if time.perf_counter() - self._used_at > IDLE_SECONDS:  # the server has hung up, as a browser finds out
            self._connection.close()
        self._connection.request(method, address, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        self._used_at = time.perf_counter()
        return answer.status, content


class SteadySender(HttpSender):
    """Sends so many batches a minute, however long each takes."""

    pause_seconds = 60.0

    def run(self) -> None:
        """Send on time until told to stop."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        try:
            while not self._over.is_set():
                began = time.perf_counter()
                self._send(connection, self._sender.make_batch())
                connection.close()
                self._over.wait(max(0.0, self.pause_seconds - (time.perf_counter() - began)))
        except Exception as error:  # told to the thread that counts
            self.errors[repr(error)[:200]] += 1


def measure_alone(people: Sequence[Person], port: int) -> None:
    """Each page by one person at a time: the server's own time."""
    for person in (people[0], people[1], people[-1]):
        reader = Reader(person, port, threading.Event(), 0)
        reader.sign_in()
        for name, address in person.pages:
            for _ in range(ROUNDS + 2):
                reader.open(name, address)
        for name, found in reader.seconds.items():
            report(f"P4 {name}, alone", p50_ms=_ms(found[2:], 0.5), p95_ms=_ms(found[2:], 0.95), errors=reader.errors)


def measure_together(engine: Engine, people: Sequence[Person], port: int, asked: argparse.Namespace) -> None:
    """Everybody at once, with events coming in."""
    now, over = datetime.now(UTC).replace(microsecond=0), threading.Event()
    readers = [Reader(person, port, over, asked.think) for person in people]
    for reader in readers:
        reader.sign_in()
    sender = SteadySender(port, make_key(engine, now=now), Sender(engine, now, Mix(), "halle-fr", 5), over)
    sender.pause_seconds = 60 / max(asked.ingest, 0.001)
    started = time.perf_counter()
    for thread in (*readers, *([sender] if asked.ingest else [])):
        thread.start()
    time.sleep(asked.minutes * 60)
    over.set()
    for thread in (*readers, *([sender] if asked.ingest else [])):
        thread.join(180)
    elapsed = time.perf_counter() - started
    spent: dict[str, list[float]] = defaultdict(list)
    for reader in readers:
        for name, found in reader.seconds.items():
            spent[name] += found
    errors: Counter[str] = sum((one.errors for one in (*readers, sender)), Counter())
    for name, found in sorted(spent.items()):
        report(f"P4 {name}, {len(people)} at once", asked=len(found), p50_ms=_ms(found, 0.5), p95_ms=_ms(found, 0.95),
               longest_ms=_ms(found, 1.0))
    every = [one for found in spent.values() for one in found]
    report(f"P4 all pages, {len(people)} at once", database=engine.dialect.name, minutes=round(elapsed / 60, 1),
           workers=asked.workers, pages=len(every), pages_per_second=round(len(every) / elapsed, 1),
           p50_ms=_ms(every, 0.5), p95_ms=_ms(every, 0.95), errors=dict(errors), events_taken=sender.taken,
           batch_p95_ms=_ms(sender.seconds, 0.95) if sender.seconds else None)


def _ms(seconds: Sequence[float], share: float) -> float:
    return round(percentile(seconds, share) * 1000, 1)


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("url", nargs="?", help="a filled database; left out: a copy of the demo's")
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2, help="web processes")
    parser.add_argument("--think", type=float, default=5.0, help="seconds a person reads a page, about")
    parser.add_argument("--ingest", type=float, default=6.0, help="batches of 1,000 events a minute; 0: none")
    parser.add_argument("--no-alone", action="store_true", help="leave out the pages asked for alone")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] = ()) -> None:
    """Ask for pages alone, then together."""
    asked, now = read_arguments(arguments), datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(asked.url, Path(folder))
        with reading(engine) as session:
            report("P4 filled", database=engine.dialect.name, events=count_events(session))
        advance_cells(engine, now=now)
        people = make_people(engine, asked.users, now=now)
        if not asked.no_alone:
            with serve(engine, workers=1) as port:
                measure_alone(people, port)
        with serve(engine, workers=asked.workers, scheduler=engine.dialect.name == "postgresql") as port:
            measure_together(engine, people, port, asked)


if __name__ == "__main__":
    main(sys.argv[1:])
