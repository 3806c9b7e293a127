"""A filled database of any size, the same for the same arguments.

`python -m benchmarks.generate URL [--events 10_000_000] [--shops 50_000] [--window-orders 100_000] [--check 3]`

A small world comes in through the product itself: the demo at a small scale, judged on every date, and two months of
one busy shop. It is then multiplied inside the database (`benchmarks/multiply.py`), PostgreSQL or SQLite, until there
are about so many events and shops; the busy shop, the first of the demo's seller, holds so many orders in the 60 days
of its scorecard. `--check N` derives N shops anew from their events and compares every row with what is there.
Afterwards the people of the demo can sign in. The seven last dates keep their official results for every shop, the
older ones for the first sixty only: those rows grow with shops and dates and not with events.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, event, func, select
from sqlalchemy.orm import Session

import operator_qos.models  # noqa: F401  # every table known, as in the application
from benchmarks.common import report
from benchmarks.multiply import Copies, multiply
from operator_qos.clock import to_ms
from operator_qos.connectors.importing import import_rows
from operator_qos.connectors.rows import EventRow
from operator_qos.db import chunks, create_database_engine, reading, unit_of_work
from operator_qos.demo.load import list_past_events, load_demo
from operator_qos.ledger.cells import list_cells, recount
from operator_qos.ledger.derive import COLUMNS
from operator_qos.ledger.jobs import start_cells
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.service import FACT_MODELS, count_events, derive_stored, list_all_dossiers
from operator_qos.sellers.models import Shop
from operator_qos.standing.models import EvaluationResult, EvaluationRun
from scoring.metrics import GROUP_CODES

BUSY = ("halle-fr", "hf-atelier-morvan")
EVENTS_AT_FULL_SCALE, DEMO_SHOPS, EVENTS_OF_ORDER = 440_000, 60, 5
WINDOW_DAYS, YOUNG_DAYS, KEPT_DATES = 60, 58, 7


def generate(engine: Engine, *, events: int, shops: int, window_orders: int, now: datetime) -> dict[str, Any]:
    """Fill an empty database; returns what there is and how long each step took."""
    began, steps = time.perf_counter(), []

    def say(step: str) -> None:
        steps.append((step, round(time.perf_counter() - began, 1)))
        print(json.dumps({"seconds": steps[-1][1], "step": step}), file=sys.stderr, flush=True)

    copies = max(1, round(shops / (DEMO_SHOPS - 1)) - 1)
    scale = (events - window_orders * EVENTS_OF_ORDER) / (copies + 1) / EVENTS_AT_FULL_SCALE
    say("a small world through the product")
    load_demo(engine, now=now, scale=max(scale, 0.003), show=_keep_quiet)
    say("a busy shop through the product")
    rows = (EventRow("busy", row, document) for row, document in enumerate(list_busy_events(now), 1))
    import_rows(engine, rows, key="busy", name="busy", now=now)
    _drop_old_results(engine)
    busy, within = _measure_busy(engine, now=now, window_orders=window_orders)
    young_ms = to_ms(now - timedelta(days=YOUNG_DAYS))
    multiply(engine, Copies(copies, busy, within, young_ms), on_step=say)
    say("the cells of the busy shop")
    with unit_of_work(engine) as session:
        start_cells(session, [busy], now_ms=to_ms(now))
    say("done")
    with reading(engine) as session:
        return {"events": count_events(session), "shops": session.scalar(select(func.count()).select_from(Shop)),
                "orders_in_window": _count_window(session, busy, now), "seconds": steps[-1][1]}


@contextmanager
def _keep_quiet(_what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    yield lambda _done: None


def list_busy_events(now: datetime) -> Iterator[dict[str, Any]]:
    """What the demo's seller is told of two months at full scale, under names of its own."""
    begins, known = (now - timedelta(days=YOUNG_DAYS)).strftime("%Y-%m-%d"), set[str]()
    for document in list_past_events(now, scale=1.0):
        if (document["marketplace"], document["shop"]) != BUSY:
            continue
        data = document["data"]
        if document["type"] == "qos.order.placed" and document["time"] >= begins:
            known.add(document["subject"])
        if {document["subject"], data.get("order"), data.get("case")} & known:
            known.add(document["subject"])
            yield json.loads(json.dumps(document).replace("HF-", "HB-").replace('"D-', '"DB-'))


def _drop_old_results(engine: Engine) -> None:
    """Of dates long past the results are kept apart from the database that is multiplied."""
    with unit_of_work(engine) as session:
        dates = list(session.scalars(select(EvaluationRun.on_date).distinct().order_by(EvaluationRun.on_date.desc())))
        old = select(EvaluationRun.id).where(EvaluationRun.on_date < dates[KEPT_DATES - 1])
        session.execute(delete(EvaluationResult).where(EvaluationResult.run_id.in_(old)))


def _measure_busy(engine: Engine, *, now: datetime, window_orders: int) -> tuple[int, int]:
    """The busy shop, and how often its young dossiers are to be copied within it."""
    with reading(engine) as session:
        shop = session.scalars(select(Shop.id).where(Shop.marketplace_id == BUSY[0], Shop.code == BUSY[1])).one()
        return shop, max(0, round(window_orders / max(1, _count_window(session, shop, now))) - 1)


def _count_window(session: Session, shop: int, now: datetime) -> int:
    since = to_ms(now - timedelta(days=WINDOW_DAYS))
    return session.scalar(select(func.count()).select_from(OutcomeRow).where(
        OutcomeRow.shop_id == shop, OutcomeRow.group_code == GROUP_CODES["placed"], OutcomeRow.anchor_ms >= since,
        OutcomeRow.until_ms >= to_ms(now))) or 0


def check_shops(engine: Engine, count: int, *, above: int = DEMO_SHOPS) -> int:
    """Derive copied shops (those above a number) anew and compare; returns how many. Writes nothing.

    Raises AssertionError naming what differs.
    """
    with reading(engine) as session:
        shops = list(session.scalars(select(Shop.id).where(Shop.id > above).order_by(Shop.id)))
    chosen = random.Random(7).sample(shops, min(count, len(shops)))
    for shop in chosen:
        session = Session(engine)
        try:
            before = _list_rows(session, shop)
            assert len(before["OrderFact"]) > 0 or len(shops) > count, f"shop {shop} has no orders"
            assert list_cells(session, [shop]) == recount(session, [shop]), f"shop {shop}: cells"
            flaws = {}
            for part in chunks(list_all_dossiers(session, shop)):
                flaws |= derive_stored(session, dict.fromkeys(part, shop)).flaws
            assert not flaws, f"shop {shop}: {flaws}"
            after = _list_rows(session, shop)
            for name, rows in before.items():
                assert rows == after[name], f"shop {shop}: {name} differs from what its events say"
        finally:
            session.rollback()
            session.close()
    return len(chosen)


def _list_rows(session: Session, shop: int) -> dict[str, list[str]]:
    """Every derived row of a shop, in an order of its own, without the numbers of rows."""
    found: dict[str, list[str]] = {}
    for name, columns in COLUMNS.items():
        model: Any = FACT_MODELS[name]
        query = select(model.dossier_id, *(getattr(model, column) for column in columns)).where(model.shop_id == shop)
        found[name] = sorted(repr(tuple(row)) for row in session.execute(query))
    return found


def open_for_filling(url: str) -> Engine:
    """An engine that need not survive a crash: what is half filled is thrown away."""
    engine = create_database_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _forgo_safety)
    else:
        event.listen(engine, "connect", _take_memory)
    return engine


def _forgo_safety(connection: Any, _record: object) -> None:
    for pragma in ("synchronous=OFF", "cache_size=-2000000", "temp_store=FILE", "foreign_keys=OFF",
                   "wal_autocheckpoint=100000"):
        connection.execute(f"PRAGMA {pragma}")


def _take_memory(connection: Any, _record: object) -> None:
    connection.execute("SET maintenance_work_mem = '1GB'")
    connection.execute("SET work_mem = '512MB'")
    connection.execute("SET synchronous_commit = off")
    connection.commit()


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generate", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("url", help="an empty database, as OPERATOR_QOS_DATABASE_URL names it")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--shops", type=int, default=50_000)
    parser.add_argument("--window-orders", type=int, help="orders of the busy shop in 60 days; a hundredth of events")
    parser.add_argument("--check", type=int, default=3, help="shops to derive anew and compare")
    parser.add_argument("--now", type=datetime.fromisoformat, help="when the world ends, UTC; this morning if left out")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Fill and check."""
    asked = read_arguments(arguments)
    today = datetime.now(UTC).replace(hour=7, minute=0, second=0, microsecond=0)
    now = asked.now.replace(tzinfo=UTC) if asked.now else today
    engine = open_for_filling(asked.url)
    window = asked.events // 100 if asked.window_orders is None else asked.window_orders
    made = generate(engine, events=asked.events, shops=asked.shops, window_orders=window, now=now)
    report("generated", database=engine.dialect.name, **made, shops_equal_to_their_rebuild=check_shops(
        engine, asked.check))


if __name__ == "__main__":
    main(sys.argv[1:])
