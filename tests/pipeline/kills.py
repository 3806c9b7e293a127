"""Writers of the log killed while they write, and the client that keeps what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.events.models import EventId
from operator_qos.ledger.card_lines import COLUMNS
from operator_qos.ledger.jobs import refresh_slow
from operator_qos.ledger.models import Scorecard
from operator_qos.sellers.models import Shop
from tests.pipeline.loading import NOW, add_places, feed, snapshot

Document = dict[str, Any]
WRITE = """
import json, sys
from datetime import datetime
from operator_qos.db import create_database_engine
from operator_qos.events.service import Intake, ingest_batch
engine, now = create_database_engine(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
for line in sys.stdin:
    receipts = ingest_batch(engine, json.loads(line), intake=Intake(now, "drill"))
    print(json.dumps(sorted({receipt.status for receipt in receipts})), flush=True)
"""


def make_events(count: int, *, shops: int = 3) -> list[Document]:
    """About so many events: three for each order, and the shops' openings first."""
    made = [_event("shop.opened", f"S{shop}", f"S{shop}", f"open{shop}", "2026-01-01", {"seller": "C"})
            for shop in range(shops)]
    steps = (("placed", "01", {"ship_by": "2026-03-03", "deliver_by": "2026-03-06", "buyer": "b"}),
             ("shipped", "02", {"trackable": True, "carrier": "dhl"}), ("delivered", "05", {}))
    for number in range(count // 3):
        made += [_event(f"order.{step}", f"S{number % shops}", f"O{number}", f"{number}-{step}", f"2026-03-{day}",
                        {**data, "buyer": f"b{number % 50}"} if "buyer" in data else data) for step, day, data in steps]
    return made


def _event(kind: str, shop: str, subject: str, event_id: str, day: str, data: Document) -> Document:
    return {"specversion": "1.0", "source": "/drill", "type": f"qos.{kind}", "id": event_id, "subject": subject,
            "time": f"{day}T10:00:00Z", "marketplace": "fr", "shop": shop, "data": data}


def deal(events: Sequence[Document], *, writers: int, dice: random.Random, largest: int) -> list[list[list[Document]]]:
    """For each writer batches of any size: everything shuffled, and three in ten events once more, to anybody."""
    cards = [*events, *dice.sample(list(events), len(events) * 3 // 10)]
    dice.shuffle(cards)
    hands: list[list[list[Document]]] = [[] for _ in range(writers)]
    while cards:
        size = dice.randint(1, largest)
        dice.choice(hands).append(cards[:size])
        del cards[:size]
    return hands


class Client(threading.Thread):
    """Sends batches to a writer of its own; kills it now and then, and sends again what was not acknowledged."""

    def __init__(self, url: str, batches: Sequence[list[Document]], *, kills: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._url, self._batches, self._dice = url, batches, random.Random(seed)
        self._deadly = set(self._dice.sample(range(1, len(batches)), min(kills, len(batches) - 1)))
        self.acknowledged: set[str] = set()
        self.killed = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        """Send every batch until it is acknowledged."""
        try:
            writer = self._start()
            for place, batch in enumerate(self._batches):
                if place in self._deadly:
                    writer = self._kill(writer, batch)
                writer = self._send(writer, batch)
            writer.communicate(timeout=60)
        except BaseException as error:  # told to the test's own thread
            self.error = error

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", WRITE, self._url, NOW.isoformat()], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ)

    def _kill(self, writer: subprocess.Popen[str], batch: list[Document]) -> subprocess.Popen[str]:
        """End the writer at a random moment of taking a batch in; another begins."""
        assert writer.stdin is not None
        writer.stdin.write(json.dumps(batch) + "\n")
        writer.stdin.flush()
        threading.Event().wait(self._dice.uniform(0.0, 0.001 * len(batch)))
        writer.kill()
        writer.communicate()
        self.killed += 1
        return self._start()

    def _send(self, writer: subprocess.Popen[str], batch: list[Document]) -> subprocess.Popen[str]:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(json.dumps(batch) + "\n")
        writer.stdin.flush()
        answer = json.loads(writer.stdout.readline())
        assert set(answer) <= {"accepted", "duplicate"}, answer
        self.acknowledged |= {event["id"] for event in batch}
        return writer


def write_under_kills(  # where, what, how
    engine: Engine, url: str, events: Sequence[Document], *, writers: int, kills: int, largest: int
) -> set[str]:
    """Take events in by writers that are killed; returns what was acknowledged. Raises what a client raised."""
    add_places(engine, {"fr": "Europe/Paris"})
    opened = [event for event in events if event["type"] == "qos.shop.opened"]
    feed(engine, opened)
    dice = random.Random(11)
    hands = deal([event for event in events if event not in opened], writers=writers, dice=dice, largest=largest)
    clients = [Client(url, hand, kills=kills // writers, seed=seed) for seed, hand in enumerate(hands)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    failed = next((client.error for client in clients if client.error is not None), None)
    if failed is not None:
        raise failed
    assert sum(client.killed for client in clients) == kills
    return {event["id"] for event in opened}.union(*(client.acknowledged for client in clients))


def list_logged(engine: Engine) -> list[str]:
    """The names of the events in the log."""
    with reading(engine) as session:
        return sorted(session.scalars(select(EventId.event_id).where(EventId.source == "/drill")))


def read_ledger(engine: Engine) -> dict[str, list[str]]:
    """Every derived row and scorecard as of the same moment."""
    refresh_slow(engine, now=NOW)
    found = snapshot(engine)
    with reading(engine) as session:
        columns = [getattr(Scorecard, name) for name in COLUMNS[1:]]
        rows = session.execute(select(Shop.code, *columns).join(Shop, Shop.id == Scorecard.shop_id))
        found["scorecards"] = sorted(repr(tuple(row)) for row in rows)
    assert found["scorecards"]
    return found


def load_cleanly(engine: Engine, events: Sequence[Document]) -> None:
    """The same events in order, each once, by one writer that nobody disturbs."""
    from operator_qos.ledger.bulk import finish_bulk

    add_places(engine, {"fr": "Europe/Paris"})
    for start in range(0, len(events), 20_000):
        feed(engine, events[start : start + 20_000], live=False)
    finish_bulk(engine, now=NOW)
    with unit_of_work(engine) as session:
        assert all(shop.cells_ms == to_ms(NOW) for shop in session.scalars(select(Shop)))
