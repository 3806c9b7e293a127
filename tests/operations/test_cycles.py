"""Processes that serve look for cycles seldom, and still find them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from operator_qos.operations.cycles import AFTER_OBJECTS, collect_seldom


class Knot:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_cycle_stays_until_there_are_many_objects_and_then_goes() -> None:
    collect_seldom()
    assert gc.get_freeze_count() > 1_000
    knot = Knot()
    seen = weakref.ref(knot)
    del knot
    few = [[number] for number in range(AFTER_OBJECTS // 10)]
    assert seen() is not None
    many = [[number] for number in range(2 * AFTER_OBJECTS)]
    assert seen() is None
    assert len(few) < len(many)
