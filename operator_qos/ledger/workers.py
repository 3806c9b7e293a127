"""Deriving many dossiers at once: from events at hand, or on every core from the committed log."""

from __future__ import annotations

import atexit
import gc
import logging
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from sqlalchemy.orm import Session

from operator_qos.db import get_engine, reading
from operator_qos.events.log import list_dossier_events
from operator_qos.ledger.derive import COLUMNS, Row, derive_rows
from operator_qos.ledger.plain_orders import FEW, Ground, Plain, derive_plain, read_plain
from scoring.dossier import Frame
from scoring.events import TypedEvent

Dossiers = Mapping[int, tuple[int, Sequence[TypedEvent]]]
Rows = dict[str, list[Row]]  # by model, each row led by shop and dossier
WORTH_IT = 4_000  # below that, starting processes costs more than it saves
PIECE = 500
AHEAD = 8  # pieces worked on or waiting to be written: enough to keep every core busy, few enough to be held
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """The rows of some dossiers, and why others have none."""

    rows: Rows
    flaws: dict[int, str]


def derive_each(dossiers: Dossiers, frames: Mapping[int, Frame]) -> Rows:
    """The rows of every dossier: of plain orders at once, of the others by folding each."""
    return derive_split(split_plain(dossiers, frames), frames)


class Split(NamedTuple):
    """Dossiers that are plain orders, and those left to the fold."""

    plain: Sequence[Plain]
    rest: Dossiers


def split_plain(dossiers: Dossiers, grounds: Mapping[int, Ground]) -> Split:
    """Tell plain orders from the others; too few to be worth it are left to the fold."""
    read = (read_plain(shop_id, dossier, events, grounds[shop_id]) for dossier, (shop_id, events) in dossiers.items())
    plain = [order for order in read if order is not None]
    if len(plain) < FEW:
        return Split((), dossiers)
    done = {order.dossier for order in plain}
    return Split(plain, {dossier: told for dossier, told in dossiers.items() if dossier not in done})


def derive_split(split: Split, frames: Mapping[int, Frame]) -> Rows:
    """The rows of every dossier; `frames` are those of the shops whose dossiers are folded."""
    written: Rows = {name: [] for name in COLUMNS}
    for name, rows in derive_plain(split.plain).items() if split.plain else ():
        written[name] += rows
    for dossier, (shop_id, events) in split.rest.items():
        for name, rows in derive_rows(events, frames[shop_id]).items():
            written[name] += [(shop_id, dossier, *row) for row in rows]
    return written


def derive_guarded(dossiers: Dossiers, frames: Mapping[int, Frame]) -> Piece:
    """As `derive_each`; a dossier that cannot be derived is told and the others go on."""
    try:
        return Piece(derive_each(dossiers, frames), {})
    except Exception as error:
        if len(dossiers) == 1:
            (dossier,) = dossiers
            _log.exception("dossier %s could not be derived", dossier)
            return Piece({}, {dossier: f"{type(error).__name__}: {error}"[:1000]})
    pieces = [derive_guarded({dossier: events}, frames) for dossier, events in dossiers.items()]
    rows: Rows = {name: [row for piece in pieces for row in piece.rows.get(name, ())] for name in COLUMNS}
    return Piece(rows, {dossier: flaw for piece in pieces for dossier, flaw in piece.flaws.items()})


def _collect_seldom() -> None:
    # They make many objects and few cycles: looking for those after every few hundred objects would be lost time,
    # and never looking would add up, over millions of dossiers, to hundreds of megabytes.
    gc.set_threshold(200_000)


@lru_cache(maxsize=1)
def _get_pool() -> ProcessPoolExecutor:
    # Processes that start afresh: a fork would copy open database connections and locks held by threads.
    pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=get_context("spawn"), initializer=_collect_seldom)
    atexit.register(pool.shutdown, wait=False, cancel_futures=True)
    return pool


def _derive_from(url: str, ids: Sequence[int], frames: Mapping[int, Frame]) -> Piece:
    with reading(get_engine(url)) as session:
        events = list_dossier_events(session, ids)
    return derive_guarded(events, frames)


def derive_committed(
    session: Session, dossiers: Mapping[int, int], frames: Mapping[int, Frame],
) -> Iterator[Piece]:
    """The rows of many dossiers (id -> shop), piece by piece; where there are many, from other processes.

    Those read what is committed: the caller holds the locks of the shops and has appended nothing itself.
    """
    items = iter(dossiers.items())
    pieces = iter(lambda: dict(islice(items, PIECE)), {})
    if len(dossiers) < WORTH_IT or (os.cpu_count() or 1) == 1:
        yield from (derive_guarded(list_dossier_events(session, list(piece)), frames) for piece in pieces)
        return
    url = session.get_bind().engine.url.render_as_string(hide_password=False)
    under_way: deque[Future[Piece]] = deque()
    for piece in pieces:
        needed = {shop: frames[shop] for shop in set(piece.values())}
        under_way.append(_get_pool().submit(_derive_from, url, list(piece), needed))
        if len(under_way) >= AHEAD:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
