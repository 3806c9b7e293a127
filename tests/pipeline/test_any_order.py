"""Any order, repetition and batching of the same events gives equal facts, promises, cells and values."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from operator_qos.clock import to_ms
from operator_qos.db import reading, unit_of_work
from operator_qos.ledger.cells import list_cells, recount
from operator_qos.ledger.rebuild import rebuild
from operator_qos.ledger.service import advance_shops
from operator_qos.sellers.models import Shop
from tests.databases import wipe
from tests.histories import ZONES, as_of_of, history_of, shops_of
from tests.oracle import measure_all
from tests.pipeline.loading import NOW, add_places, feed, snapshot, values

RELAXED = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 10**9)
Json = dict[str, Any]


def distinct(history: list[Json]) -> list[Json]:
    """The history without repeated identities: a conflict's outcome rightly depends on which came first."""
    seen: dict[tuple[str, str], Json] = {}
    for event in history:
        seen.setdefault((event["source"], event["id"]), event)
    return list(seen.values())


def batches(events: list[Json], seed: int) -> list[list[Json]]:
    """The events in some order, some of them twice, cut into batches."""
    draw = random.Random(seed)
    mixed = events + draw.sample(events, len(events) // 3)
    draw.shuffle(mixed)
    found: list[list[Json]] = []
    while mixed:
        size = draw.randint(1, max(1, len(events) // 2))
        found.append(mixed[:size])
        mixed = mixed[size:]
    return found


def load(engine: Engine, parts: list[list[Json]]) -> None:
    """An empty database with these batches taken in."""
    wipe(engine)
    add_places(engine, ZONES)
    for part in parts:
        feed(engine, part)


@RELAXED
@given(seed=SEEDS)
def test_order_repetition_and_batching_do_not_matter(engine: Engine, seed: int) -> None:
    """Nor does a rebuild."""
    events = distinct(history_of(random.Random(seed).randrange))
    load(engine, [events])
    expected = snapshot(engine)
    for way in (seed + 1, seed + 2):
        load(engine, batches(events, way))
        assert snapshot(engine) == expected
    rebuild(engine, now=NOW)
    assert snapshot(engine) == expected


@RELAXED
@given(seed=SEEDS)
def test_values_at_any_t_and_k_equal_the_second_method(engine: Engine, seed: int) -> None:
    """Through log, spans and restatement, official and raw."""
    draw = random.Random(seed).randrange
    events = distinct(history_of(draw))
    look = as_of_of(draw, events)
    load(engine, batches(events, seed))
    for official in (True, False):
        found = values(engine, as_of=look.as_of, known_at=look.known_at, days=look.window_days, official=official)
        for marketplace, shop in shops_of(events):
            expected = measure_all(events, zones=ZONES, as_of=look.as_of, known_at=look.known_at,
                                   window_days=look.window_days, marketplace=marketplace, shop=shop)
            for (metric, kind), want in expected.items():
                row = found.get((marketplace, shop, metric))
                if kind is not official or (row is None and want.base == 0):
                    continue
                assert row is not None, (metric, look, want)
                assert (row.bad, row.base, row.median, row.p90, row.unanswered) == (
                    want.bad, want.base, want.median, want.p90, want.unanswered), (metric, look)


@RELAXED
@given(seed=SEEDS)
def test_cells_equal_a_recount_after_every_step(engine: Engine, seed: int) -> None:
    """Whether events or time alone moved them."""
    draw = random.Random(seed)
    events = distinct(history_of(draw.randrange))
    wipe(engine)
    add_places(engine, ZONES)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for part in batches(events, seed):
        now += timedelta(days=draw.randint(0, 60), hours=draw.randint(0, 23))
        feed(engine, part, now=max(now, datetime(2027, 1, 1, tzinfo=UTC)) if draw.random() < 0.3 else now)
        with unit_of_work(engine) as session:
            shops = [row.id for row in session.query(Shop)]
            assert list_cells(session, shops) == recount(session, shops)
    with unit_of_work(engine) as session:
        advance_shops(session, shops, now_ms=to_ms(NOW))
    with reading(engine) as session:
        assert list_cells(session, shops) == recount(session, shops)
