"""Several writers at once on the same orders: what is derived equals a rebuild, and nothing is lost."""

from __future__ import annotations

import random
import threading
from typing import Any

from sqlalchemy import Engine

from operator_qos.ledger.rebuild import rebuild
from tests.pipeline.loading import NOW, add_places, feed, snapshot

ORDERS, WRITERS = 2000, 4


def make_events() -> list[dict[str, Any]]:
    """Three events for each order of three shops."""
    made: list[dict[str, Any]] = []
    for number in range(ORDERS):
        common = {"specversion": "1.0", "source": "/w", "subject": f"O{number}", "marketplace": "fr",
                  "shop": f"S{number % 3}"}
        steps = (("placed", "01", {"ship_by": "2026-03-03", "deliver_by": "2026-03-06", "buyer": f"b{number % 50}"}),
                 ("shipped", "02", {"trackable": True, "tracking": f"T{number}"}), ("delivered", "05", {}))
        made += [{**common, "type": f"qos.order.{step}", "id": f"{number}-{step}",
                  "time": f"2026-03-{day}T10:00:00Z", "data": data} for step, day, data in steps]
    return made


def test_four_writers_equal_a_rebuild(engine: Engine) -> None:
    """Each event is in one writer's hands, each order in those of all."""
    add_places(engine, {"fr": "Europe/Paris"})
    events = make_events()
    random.Random(5).shuffle(events)
    feed(engine, [{"specversion": "1.0", "type": "qos.shop.opened", "source": "/w", "id": f"open{n}",
                   "subject": f"S{n}", "time": "2026-01-01T00:00:00Z", "marketplace": "fr", "shop": f"S{n}",
                   "data": {"seller": "C"}}
                  for n in range(3)])
    errors: list[BaseException] = []

    def write(part: list[dict[str, Any]]) -> None:
        try:
            for start in range(0, len(part), 250):
                receipts = feed(engine, part[start : start + 250])
                assert {receipt.status for receipt in receipts} == {"accepted"}
        except BaseException as error:  # told to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=write, args=(events[n::WRITERS],)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
    written = snapshot(engine)
    assert len(written["OrderFact"]) == ORDERS
    rebuild(engine, now=NOW)
    assert snapshot(engine) == written
