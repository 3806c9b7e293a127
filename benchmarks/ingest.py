"""P2: 1,000 new events into a filled database, durable, with facts, promises, cells and touched scorecards.

`python -m benchmarks.ingest [DATABASE]` takes a copy of a filled SQLite database (default: the demo's). Beside it a
bare insert of the same rows into tables with the same indexes, in the same minute.
"""

from __future__ import annotations

import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, select, text

import operator_qos.models  # noqa: F401  # every table known, as in the application
from benchmarks.common import copy_database, percentile, report
from operator_qos.clock import to_ms
from operator_qos.db import Base, bulk_insert, unit_of_work
from operator_qos.events.log import EVENT_COLUMNS, canonical
from operator_qos.events.models import Event, EventBody, EventId
from operator_qos.events.service import Intake, ingest_batch
from operator_qos.ledger.service import advance_shops, count_events
from operator_qos.sellers.models import Shop

BATCH, ROUNDS = 1_000, 20


def make_events(engine: Engine, now: datetime, number: int) -> list[dict[str, Any]]:
    """New orders and shipments of orders of the last 30 days, over all shops."""
    with unit_of_work(engine) as session:
        shops = [(row.marketplace_id, row.code) for row in session.execute(select(Shop.marketplace_id, Shop.code))]
        recent = session.execute(text(
            "SELECT s.marketplace_id, s.code, o.order_ref FROM order_facts o JOIN shops s ON s.id = o.shop_id "
            "WHERE o.ordered_ms > :since ORDER BY o.order_ref LIMIT :count OFFSET :skip"),
            {"since": to_ms(now - timedelta(days=30)), "count": BATCH // 2, "skip": number * BATCH // 2}).all()
    made: list[dict[str, Any]] = []
    for place, (marketplace, shop, order) in enumerate(recent):
        made.append(_event("order.refunded", marketplace, shop, order, now, {"amount_minor": place, "fault": "nobody"}))
    while len(made) < BATCH:
        marketplace, shop = shops[len(made) % len(shops)]
        made.append(_event("order.placed", marketplace, shop, str(uuid.uuid4()), now, {
            "ship_by": (now + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ"), "buyer": f"b{len(made)}",
            "lines": [{"line": "1", "sku": "A", "amount_minor": 2500, "quantity": 1}]}))
    return made


def _event(name: str, marketplace: str, shop: str, order: str, now: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {"specversion": "1.0", "type": f"qos.{name}", "source": "/bench", "id": str(uuid.uuid4()), "subject": order,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"), "marketplace": marketplace, "shop": shop, "data": data}


def bare_insert(folder: Path, events: list[dict[str, Any]]) -> float:
    """Seconds to insert the same rows, nothing else, committed durably."""
    engine = create_engine(f"sqlite:///{folder / (uuid.uuid4().hex + '.db')}")
    Base.metadata.create_all(engine)
    started = time.perf_counter()
    with unit_of_work(engine) as session:
        bulk_insert(session, EventId, ("source", "event_id", "content_hash"),
                    [(e["source"], e["id"], "0" * 32) for e in events])
        bulk_insert(session, Event, EVENT_COLUMNS, [
            (n, 1, n, 1, 0, None, e["source"], e["id"], e["subject"], canonical(e["data"]), 0)
            for n, e in enumerate(events)])
        bulk_insert(session, EventBody, ("seq", "body", "expires_ms"),
                    [(n, canonical(e), 0) for n, e in enumerate(events)])
    return time.perf_counter() - started


def main() -> None:
    """Run the rounds and print the figures."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "var/operator-qos.db")
    with tempfile.TemporaryDirectory() as name:
        engine, now = copy_database(source, Path(name) / "copy.db"), datetime.now(UTC).replace(microsecond=0)
        with unit_of_work(engine) as session:
            filled = count_events(session)
            advance_shops(session, list(session.scalars(select(Shop.id))), now_ms=to_ms(now))
        seconds, bare = [], []
        for number in range(ROUNDS):
            events = make_events(engine, now, number)
            started = time.perf_counter()
            ingest_batch(engine, events, intake=Intake(now, "bench"))
            seconds.append(time.perf_counter() - started)
            bare.append(bare_insert(Path(name), events))
        report("P2 ingest of 1,000 events", database="sqlite", filled_events=filled, rounds=ROUNDS,
               p50_ms=round(percentile(seconds, 0.5) * 1000), p95_ms=round(percentile(seconds, 0.95) * 1000),
               bare_insert_p50_ms=round(percentile(bare, 0.5) * 1000),
               share_of_bare=round(percentile(bare, 0.5) / percentile(seconds, 0.5), 3))


if __name__ == "__main__":
    main()
