"""How often a process that runs for days looks for objects that hold each other."""

from __future__ import annotations

import gc

AFTER_OBJECTS = 50_000


def collect_seldom() -> None:
    """Leave out what a process made at its start, and look for cycles after many new objects, not after hundreds.

    A page or a batch makes tens of thousands of objects and few cycles: looking took a tenth of a batch's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(AFTER_OBJECTS)
