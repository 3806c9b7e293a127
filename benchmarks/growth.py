"""Growth: what costs how much at which size, and how fast it grows.

`python -m benchmarks.growth URL [URL …]` measures databases of `benchmarks/generate.py`, smallest first, each step in
a process of its own so that its memory is its own, and prints a line per size and figure, then a line per figure with
the slope: by what power of the size it grows (0: not at all, 1: with it). Writes a few batches of events into each.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select, text

import operator_qos.models  # noqa: F401  # every table known, as in the application
from benchmarks.common import percentile, report
from benchmarks.generate import BUSY
from benchmarks.ingest import Sender
from benchmarks.pages import sign_in
from operator_qos import create_app
from operator_qos.db import create_database_engine, reading, unit_of_work
from operator_qos.evaluation.service import evaluate_marketplace
from operator_qos.events.models import Event
from operator_qos.events.service import Intake, ingest_batch
from operator_qos.ledger.jobs import SHOPS_AT_ONCE, advance_cells
from operator_qos.ledger.scorecards import refresh_scorecards
from operator_qos.sellers.models import Shop
from operator_qos.settings import Settings

PAGES = (("operator's today", "admin", "/operator/today"), ("league table", "admin", "/operator/sellers"),
         ("seller's day of the busy shop", "seller_owner", "/seller/day"),
         ("scorecard of the busy shop", "seller_owner", "/seller/scorecard"))
MB = 1_048_576
Figures = dict[str, float]


def measure_ingest(engine: Engine, now: datetime) -> Figures:
    """Batches of 1,000 events, as a marketplace has them."""
    advance_cells(engine, now=now)
    sender = Sender(engine, now)
    sender.learn_orders()
    spent = []
    for _ in range(8):
        batch, started = sender.make_batch(), time.perf_counter()
        ingest_batch(engine, batch, intake=Intake(now, "bench"))
        spent.append(time.perf_counter() - started)
    return {"ingest of 1,000 events [ms]": percentile(spent[2:], 0.5) * 1000}


def measure_refresh(engine: Engine, now: datetime) -> Figures:
    """The minute job while little moves, and every scorecard written anew, from so many shops scaled up to all."""
    started = time.perf_counter()
    advance_cells(engine, now=now + timedelta(minutes=1))
    minute = time.perf_counter() - started
    with reading(engine) as session:
        shops = list(session.scalars(select(Shop.id).order_by(Shop.id)))
    chosen = shops[:: max(1, len(shops) // SHOPS_AT_ONCE)][:SHOPS_AT_ONCE]
    started = time.perf_counter()
    with unit_of_work(engine) as session:
        refresh_scorecards(session, chosen, now_ms=int(now.timestamp() * 1000), slow=True)
        session.rollback()
    hour = (time.perf_counter() - started) / len(chosen) * len(shops)
    return {"the minute job [ms]": minute * 1000, "every scorecard anew [s]": hour}


def measure_evaluation(engine: Engine, now: datetime) -> Figures:
    """One date of the largest marketplace, judged without writing."""
    started = time.perf_counter()
    with unit_of_work(engine) as session:
        found = evaluate_marketplace(session, BUSY[0], on=now.date() - timedelta(days=1), now=now)
        session.rollback()
    assert found.shops, found.reason
    return {"evaluation of a date [s]": time.perf_counter() - started}


def measure_pages(engine: Engine, _now: datetime) -> Figures:
    """Pages for one person, without the way over the network."""
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)), engine=engine)
        clients: dict[str, FlaskClient] = {}
        for name, role, address in PAGES:
            if role not in clients:
                clients[role] = app.test_client()
                sign_in(clients[role], role)
            found[f"{name} [ms]"] = _ask(clients[role], address) * 1000
    return found


def _ask(client: FlaskClient, address: str) -> float:
    spent = []
    for _ in range(12):
        started = time.perf_counter()
        answer = client.get(address)
        spent.append(time.perf_counter() - started)
        assert answer.status_code == 200, (address, answer.status)
    return percentile(spent[2:], 0.5)


def measure_disk(engine: Engine, _now: datetime) -> Figures:
    """The whole database, and what of it are the log, facts and kept numbers."""
    if engine.dialect.name != "postgresql":
        return {"disk [MB]": Path(engine.url.database or "").stat().st_size / MB}
    names = {"log": ("events", "event_ids", "event_bodies", "entities"), "outcomes": ("outcomes",),
             "day cells": ("metric_days",)}
    asked = text("SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c LEFT JOIN pg_inherits i "
                 "ON i.inhrelid = c.oid WHERE c.relname = ANY(:names) OR i.inhparent::regclass::text = ANY(:names)")
    with reading(engine) as session:
        found = {f"disk of {name} [MB]": float(session.scalar(asked, {"names": list(tables)}) or 0) / MB
                 for name, tables in names.items()}
        whole = session.scalar(text("SELECT pg_database_size(current_database())")) or 0
    return {"disk [MB]": whole / MB, **found}


STEPS: Mapping[str, Callable[[Engine, datetime], Figures]] = {
    "ingest": measure_ingest, "refresh": measure_refresh, "evaluation": measure_evaluation, "pages": measure_pages,
    "disk": measure_disk,
}


def count_size(engine: Engine) -> tuple[int, int]:
    """How many events and shops there are."""
    with reading(engine) as session:
        return (session.scalar(select(func.count()).select_from(Event)) or 0,
                session.scalar(select(func.count()).select_from(Shop)) or 0)


def measure_one(url: str, step: str) -> None:
    """One step in this process; prints its figures for the parent."""
    figures = STEPS[step](create_database_engine(url), datetime.now(UTC).replace(microsecond=0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**figures, f"peak memory of {step} [MB]": peak}))


def measure_all(urls: Sequence[str]) -> None:
    """Every step of every database, then the slopes."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for url in urls:
        events, shops = count_size(create_database_engine(url))
        for step in STEPS:
            command = [sys.executable, "-m", "benchmarks.growth", url, "--step", step]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            for name, value in json.loads(answer.stdout.splitlines()[-1]).items():
                points[name].append((events, value))
                report(name, events=events, shops=shops, value=round(value, 1))
    for name, found in points.items():
        if len(found) > 1:
            report(f"slope of {name}", power=round(fit_power(found), 2),
                   at_100_million=round(foresee(found, 10**8), 1), at_1_billion=round(foresee(found, 10**9), 1))


def fit_power(points: Sequence[tuple[float, float]]) -> float:
    """The power p of value ~ size ** p that fits best, by least squares of the logarithms."""
    pairs = [(math.log(size), math.log(max(value, 1e-9))) for size, value in points]
    middle = [sum(values) / len(pairs) for values in zip(*pairs, strict=True)]
    spread = sum((x - middle[0]) ** 2 for x, _ in pairs)
    return sum((x - middle[0]) * (y - middle[1]) for x, y in pairs) / spread


def foresee(points: Sequence[tuple[float, float]], size: float) -> float:
    """The value at another size, going on from the largest by the straight line through the last two points."""
    (size_0, value_0), (size_1, value_1) = sorted(points)[-2:]
    return value_1 + (value_1 - value_0) / (size_1 - size_0) * (size - size_1)


def main(arguments: Sequence[str]) -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("urls", nargs="+", help="databases to measure, smallest first")
    parser.add_argument("--step", choices=list(STEPS), help="only this step, in this process")
    asked = parser.parse_args(arguments)
    if asked.step:
        measure_one(asked.urls[0], asked.step)
    else:
        measure_all(asked.urls)


if __name__ == "__main__":
    main(sys.argv[1:])
