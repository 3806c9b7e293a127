"""P2: 1,000 new events into a filled database, durable, with facts, promises, cells and touched scorecards.
P3: the same over HTTP, many batches, by several senders at once.

`python -m benchmarks.ingest [URL] [--rounds 20] [--http SECONDS] [--senders 1 2] [--spread SHARE] [--shops N]`

Writes into the database it is given (`python -m benchmarks.generate` fills one of any size); without a URL into a copy
of the demo's. A batch is orders of the last 30 days: half are new, the others go on. Its shops are drawn as a
marketplace has them, a few with most of the orders and many with some; `--spread 1` draws them evenly, so that nearly
every event touches a scorecard of its own, the dearest case; `--shops 20` draws from so few, as a tool that serves some
sellers sends them. Beside it a bare insert of the same rows into empty tables
of the same database with the same indexes, commit size and durability, in the same minute.
"""

from __future__ import annotations

import argparse
import http.client
import random
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, select, text

import operator_qos.models  # noqa: F401  # every table known, as in the application
from benchmarks.common import open_database, percentile, report
from benchmarks.serving import make_key, serve
from operator_qos.clock import to_ms
from operator_qos.db import bulk_insert, create_database_engine, reading, unit_of_work
from operator_qos.events.log import EVENT_COLUMNS, canonical
from operator_qos.events.models import Event, EventBody, EventId
from operator_qos.events.service import Intake, ingest_batch
from operator_qos.ledger.jobs import advance_cells
from operator_qos.ledger.service import count_events
from operator_qos.operations.cycles import collect_seldom
from operator_qos.sellers.models import Shop

BATCH = 1_000
TABLES = ("event_ids", "events", "event_bodies")
Document = dict[str, Any]


@dataclass(frozen=True)
class Mix:
    """Whose events a batch holds: how evenly the shops are drawn, and from how many (None: all)."""

    spread: float = 0.0
    shops: int | None = None


@dataclass
class Sender:
    """Makes batches: new orders, and steps of orders that are there; every batch is new."""

    engine: Engine
    now: datetime
    mix: Mix = Mix()
    marketplace: str | None = None
    seed: int = 1
    _orders: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        # What happens in the very instant of a batch counts from the next one on, and would change no number.
        self._happened = (self.now - timedelta(seconds=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
        with reading(self.engine) as session:
            query = select(Shop.marketplace_id, Shop.code).order_by(Shop.id)
            if self.marketplace is not None:
                query = query.where(Shop.marketplace_id == self.marketplace)
            self._shops = [tuple(row) for row in session.execute(query)]
        self._dice.shuffle(self._shops)
        del self._shops[self.mix.shops or len(self._shops):]

    def make_batch(self) -> list[Document]:
        """New orders and steps of earlier ones, in equal parts as soon as there are any."""
        chosen = self._dice.sample(self._orders, min(len(self._orders), BATCH // 2))
        going_on = [self._go_on(*order) for order in chosen]
        return going_on + [self._place() for _ in range(BATCH - len(going_on))]

    def learn_orders(self) -> None:
        """Go on with orders that the database holds from the last 30 days."""
        names = [code for _, code in self._shops]
        drawn = {self._draw() for _ in range(BATCH)}
        with reading(self.engine) as session:
            for marketplace, code in drawn:
                found = session.execute(text(
                    "SELECT o.order_ref FROM order_facts o JOIN shops s ON s.id = o.shop_id WHERE s.marketplace_id = "
                    ":marketplace AND s.code = :code AND o.ordered_ms > :since ORDER BY o.ordered_ms LIMIT 8"),
                    {"marketplace": marketplace, "code": code, "since": to_ms(self.now - timedelta(days=30))})
                self._orders += [(marketplace, code, row.order_ref) for row in found]
        assert names

    def _draw(self) -> tuple[str, str]:
        share = self._dice.random()
        place = share if self._dice.random() < self.mix.spread else share**4
        return self._shops[int(place * len(self._shops))]  # type: ignore[return-value]

    def _place(self) -> Document:
        marketplace, shop = self._draw()
        order = _name(self._dice)
        self._orders.append((marketplace, shop, order))
        return self._event("order.placed", (marketplace, shop, order), {
            "ship_by": (self.now + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ"), "buyer": f"b{order[-6:]}",
            "currency": "EUR", "lines": [{"line": "1", "sku": "A", "amount_minor": 2500, "quantity": 1}]})

    def _go_on(self, marketplace: str, shop: str, order: str) -> Document:
        kind = self._dice.choice(("order.accepted", "order.invoiced", "order.shipped"))
        data = {"carrier": "dhl", "tracking": order, "trackable": True} if kind == "order.shipped" else {}
        return self._event(kind, (marketplace, shop, order), data)

    def _event(self, kind: str, place: tuple[str, str, str], data: Document) -> Document:
        return {"specversion": "1.0", "type": f"qos.{kind}", "source": "/bench", "id": _name(self._dice),
                "subject": place[2], "time": self._happened, "marketplace": place[0],
                "shop": place[1], "data": data}


def _name(dice: random.Random) -> str:
    """A UUID of version 7: names of one moment stand together in an index."""
    ms = time.time_ns() // 1_000_000
    return str(uuid.UUID(int=(ms << 80) | (7 << 76) | (dice.getrandbits(12) << 64) | (2 << 62) | dice.getrandbits(62)))


@contextmanager
def bare_tables(engine: Engine) -> Iterator[Engine]:
    """An engine on empty tables of the log beside the filled ones, as durable, with the same indexes."""
    if engine.dialect.name == "sqlite":
        with tempfile.TemporaryDirectory(dir=Path(engine.url.database or "").parent) as folder:
            bare = create_database_engine(f"sqlite:///{folder}/bare.db")
            Event.metadata.create_all(bare, [Event.metadata.tables[name] for name in TABLES])
            yield bare
            bare.dispose()
        return
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS bare CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA bare")
        for name in TABLES:
            connection.exec_driver_sql(f"CREATE TABLE bare.{name} (LIKE public.{name} INCLUDING ALL)")
    bare = create_database_engine(
        engine.url.update_query_dict({"options": "-csearch_path=bare"}).render_as_string(hide_password=False))
    yield bare
    bare.dispose()
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA bare CASCADE")


def insert_bare(engine: Engine, events: Sequence[Document], first: int) -> float:
    """Seconds to insert the same rows, nothing else, committed durably."""
    ids = [(first + n, e["source"], e["id"], "0" * 32) for n, e in enumerate(events)]
    rows = [(first + n, 1, n, 1, 0, None, e["source"], e["id"], e["subject"], canonical(e["data"]), 0)
            for n, e in enumerate(events)]
    bodies = [(first + n, canonical(e), 0) for n, e in enumerate(events)]
    started = time.perf_counter()
    with unit_of_work(engine) as session:
        bulk_insert(session, EventId, ("seq", "source", "event_id", "content_hash"), ids)
        bulk_insert(session, Event, EVENT_COLUMNS, rows)
        bulk_insert(session, EventBody, ("seq", "body", "expires_ms"), bodies)
    return time.perf_counter() - started


def measure_batches(engine: Engine, *, now: datetime, rounds: int, mix: Mix) -> None:
    """P2: batch after batch in this process."""
    sender = Sender(engine, now, mix)
    sender.learn_orders()
    with reading(engine) as session:
        filled = count_events(session)
    seconds, bare, shops = [], [], []
    with bare_tables(engine) as beside:
        for number in range(rounds + 2):
            events = sender.make_batch()
            shops.append(len({event["shop"] for event in events}))
            started = time.perf_counter()
            receipts = ingest_batch(engine, events, intake=Intake(now, "bench"))
            seconds.append(time.perf_counter() - started)
            assert {receipt.status for receipt in receipts} == {"accepted"}, receipts[0]
            bare.append(insert_bare(beside, events, 1 + number * BATCH))
    report("P2 ingest of 1,000 events", database=engine.dialect.name, filled_events=filled, rounds=rounds,
           shops_touched=round(sum(shops) / len(shops)), p50_ms=round(percentile(seconds[2:], 0.5) * 1000),
           p95_ms=round(percentile(seconds[2:], 0.95) * 1000),
           bare_insert_p50_ms=round(percentile(bare[2:], 0.5) * 1000),
           share_of_bare=round(percentile(bare[2:], 0.5) / percentile(seconds[2:], 0.5), 3))


class HttpSender(threading.Thread):
    """Sends batches to one server until it is told to stop; counts what was taken in."""

    def __init__(self, port: int, key: str, sender: Sender, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._key, self._sender, self._over = port, key, sender, over
        self.taken = 0
        self.seconds: list[float] = []
        self.errors: Counter[str] = Counter()

    def run(self) -> None:
        """Send until told to stop."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
            while not self._over.is_set():
                self._send(connection, self._sender.make_batch())
        except Exception as error:  # told to the thread that counts
            self.errors[repr(error)[:200]] += 1

    def _send(self, connection: http.client.HTTPConnection, events: list[Document]) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        body = orjson.dumps(events)
        started = time.perf_counter()
        connection.request("POST", "/api/v1/events", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.seconds.append(time.perf_counter() - started)
        if answer.status == 200:
            self.taken += orjson.loads(content)["accepted"]
        else:
            self.errors[f"{answer.status} {content[:120]!r}"] += 1
            time.sleep(0.5)


def measure_http(engine: Engine, *, now: datetime, seconds: int, senders: int, mix: Mix) -> None:
    """P3: as many web workers as senders."""
    key = make_key(engine, now=now)
    over = threading.Event()
    with serve(engine, workers=senders) as port, bare_tables(engine) as beside:
        threads = [HttpSender(port, key, Sender(engine, now, mix, "halle-fr", seed), over)
                   for seed in range(senders)]
        bare_before = _rate_bare(beside, Sender(engine, now, mix, "halle-fr", 99), 1)
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        over.set()
        for thread in threads:
            thread.join()
        elapsed = time.perf_counter() - started
        bare_after = _rate_bare(beside, Sender(engine, now, mix, "halle-fr", 98), 10_000_001)
    rate, bare = sum(thread.taken for thread in threads) / elapsed, (bare_before + bare_after) / 2
    spent = [one for thread in threads for one in thread.seconds]
    report("P3 ingest over HTTP", database=engine.dialect.name, workers=senders, seconds=round(elapsed),
           events_per_second=round(rate), events_per_second_and_worker=round(rate / senders),
           batch_p50_ms=round(percentile(spent, 0.5) * 1000), batch_p95_ms=round(percentile(spent, 0.95) * 1000),
           bare_rows_per_second=round(bare), share_of_bare=round(rate / bare, 3),
           errors=sum((thread.errors for thread in threads), Counter()))


def _rate_bare(engine: Engine, sender: Sender, first: int) -> float:
    """Events per second of the bare insert."""
    spent = [insert_bare(engine, sender.make_batch(), first + n * BATCH) for n in range(8)]
    return BATCH / percentile(spent, 0.5)


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("url", nargs="?", help="a filled database; left out: a copy of the demo's")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--spread", type=float, default=0.0, help="0: as a marketplace has them, 1: all shops alike")
    parser.add_argument("--shops", type=int, help="of so few shops, each sender of its own")
    parser.add_argument("--http", type=int, default=0, metavar="SECONDS", help="also over HTTP, that long")
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 2])
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] = ()) -> None:
    """Run the rounds and print the figures."""
    asked, now = read_arguments(arguments), datetime.now(UTC).replace(microsecond=0)
    mix = Mix(asked.spread, asked.shops)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(asked.url, Path(folder))
        collect_seldom()  # as a web process does
        advance_cells(engine, now=now)
        measure_batches(engine, now=now, rounds=asked.rounds, mix=mix)
        if asked.http:
            for senders in asked.senders:
                measure_http(engine, now=now, seconds=asked.http, senders=senders, mix=mix)


if __name__ == "__main__":
    main(sys.argv[1:])
