"""Fold and spans against the slow second method, on crowded random histories."""

from __future__ import annotations

import os
import random

import pytest

from scoring.metrics import METRICS
from tests.histories import ZONES, as_of_of, history_of, shops_of
from tests.oracle import measure_all
from tests.scoring.counting import count, instant, outcomes_at, read_all, span_outcomes_at, start_of

HISTORIES = int(os.environ.get("OPERATOR_QOS_TEST_HISTORIES", "150"))


def compare(seed: int) -> list[str]:
    """Every difference between the three methods on one random history, in words."""
    draw = random.Random(seed).randrange
    history = history_of(draw)
    look = as_of_of(draw, history)
    found: list[str] = []
    for marketplace, shop in shops_of(history):
        zone = ZONES[marketplace]
        own = [e for e in read_all(history) if (e.marketplace, e.shop) == (marketplace, shop)]
        as_of = instant(look.as_of, zone)
        known = instant(look.known_at or look.as_of, zone)
        expected = measure_all(
            history, zones=ZONES, as_of=look.as_of, known_at=look.known_at, window_days=look.window_days,
            marketplace=marketplace, shop=shop)
        methods = {"fold": outcomes_at(own, zone, as_of_ms=as_of, known_ms=known)}
        if known == as_of:
            methods["spans"] = span_outcomes_at(own, zone, as_of_ms=as_of)
        for name, outcomes in methods.items():
            for (metric, official), want in expected.items():
                # Streaks and returning buyers look over many orders: tests/oracle counts those.
                if metric not in METRICS or METRICS[metric].kind in {"streak", "repeat"}:
                    continue
                got = count(outcomes, metric, start_ms=start_of(as_of, zone, look.window_days), as_of_ms=as_of,
                            official=official)
                if (got.bad, got.base) != (want.bad, want.base) or (want.base and (got.median, got.p90) != (
                        want.median, want.p90)):
                    found.append(f"seed {seed} {name} {shop} {metric} official={official} {look}: {got} != {want}")
    return found


@pytest.mark.parametrize("block", range(10))
def test_fold_and_spans_equal_the_second_method(block: int) -> None:
    """Ties, repeats, retractions, corrections: three ways to count, one answer."""
    size = HISTORIES // 10
    differences = [line for seed in range(block * size, (block + 1) * size) for line in compare(seed)]
    assert not differences, "\n".join(differences[:5])
