"""Deriving many dossiers at once on every core, for bulk loads and rebuilds."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context

from operator_qos.ledger.derive import Row, StandardName, derive_rows
from scoring.dossier import Frame
from scoring.events import TypedEvent

Dossiers = Mapping[int, tuple[int, Sequence[TypedEvent]]]
Derived = tuple[int, int, dict[str, list[Row]]]  # dossier, shop, rows by model
WORTH_IT = 4_000  # below that, handing the events over costs more than it saves
PIECE = 500


@lru_cache(maxsize=1)
def _get_pool() -> ProcessPoolExecutor:
    # Processes that start afresh: a fork would copy open database connections and locks held by threads.
    pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn"))
    atexit.register(pool.shutdown, wait=False, cancel_futures=True)
    return pool


def _derive_piece(
    piece: list[tuple[int, int, Sequence[TypedEvent]]], frames: Mapping[int, Frame], standard: StandardName,
) -> list[Derived]:
    return [(dossier, shop, derive_rows(events, frames[shop], standard)) for dossier, shop, events in piece]


def _list_pieces(dossiers: Dossiers) -> Iterator[list[tuple[int, int, Sequence[TypedEvent]]]]:
    items = iter((dossier, shop, events) for dossier, (shop, events) in dossiers.items())
    while piece := list(islice(items, PIECE)):
        yield piece


def derive_all(
    dossiers: Dossiers, frames: Mapping[int, Frame], standard: StandardName, *, parallel: bool,
) -> Iterator[Derived]:
    """The rows of every dossier; in parallel, on all cores where there are many."""
    if not parallel or len(dossiers) < WORTH_IT or (os.cpu_count() or 1) == 1:
        for dossier, (shop, events) in dossiers.items():
            yield dossier, shop, derive_rows(events, frames[shop], standard)
        return
    futures = [
        _get_pool().submit(_derive_piece, piece, {shop: frames[shop] for _, shop, _ in piece}, standard)
        for piece in _list_pieces(dossiers)
    ]
    for future in futures:
        yield from future.result()
