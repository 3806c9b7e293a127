"""Scorecards: the current numbers of shops under the official standard, from their day cells.

A whole card is written when its windows move, with the local day, and when its standard changes. In between only what
changed is, from what stands there and by how much it changed (`ledger/kept_cards.py`): a number nobody touched is as
true as of the shop's instant as it was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.db import among, bulk_insert, chunks
from operator_qos.ledger.card_lines import COLUMNS, Lines, is_shown, lay_out, tell
from operator_qos.ledger.card_sums import (
    FAST_CODES,
    NOTHING,
    TIME_CODES,
    Batch,
    Pair,
    Shown,
    Sums,
    count_buyers,
    list_medians,
    sum_windows,
)
from operator_qos.ledger.cells import Changed
from operator_qos.ledger.kept_cards import Kept, delete_pairs, list_kept, move_sums, rewrite_lines
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.slow_metrics import Slow, measure_slowly
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import find_last_change_at, list_bound
from scoring.metrics import SLOW_CODES
from scoring.standards import Standard
from scoring.windows import local_ordinal, window_start_ms

Line = tuple[Any, ...]


def refresh_scorecards(session: Session, shop_ids: Sequence[int], *, now_ms: int, slow: bool = False) -> None:
    """Write the whole scorecards of shops as of now, whose day cells are up to date. Does not commit.

    The metrics that look at every unit of a large window keep their older moment unless `slow`.
    """
    if not shop_ids:
        return
    _write_whole(session, _read_places(session, shop_ids, now_ms))
    if slow:
        refresh_slowly(session, shop_ids, now_ms=now_ms)


def update_scorecards(session: Session, changed: Changed, *, now_ms: int) -> None:
    """Bring the scorecards of shops up to now, whose day cells are: the metrics that changed of each. Does not commit.

    `changed` is all that became other in their cells since their scorecards were last written, told once. A shop whose
    windows moved since, or whose standard is another, gets a whole card.
    """
    if not changed.codes:
        return
    places, since = _read_places(session, changed.shops, now_ms), find_last_change_at(session)
    changed_ms = to_ms(since) + 1 if since is not None else 0
    _write_whole(session, [place for place in places if not _holds(place, changed_ms)])
    _write_changed(session, [place for place in places if _holds(place, changed_ms)], changed)
    stale = [shop for shop, codes in changed.codes.items() if not codes.isdisjoint(SLOW_CODES)]
    for part in chunks(stale):
        session.execute(update(Shop).where(among(session, Shop.id, part), Shop.slow_ms.is_not(None)).values(
            slow_ms=None))


def refresh_slowly(session: Session, shop_ids: Sequence[int], *, now_ms: int) -> None:
    """Write the metrics of shops that look at every unit of a large window, as of now. Does not commit."""
    places = _read_places(session, shop_ids, now_ms)
    rows = [row for batch in _list_batches(session, places) for row in _list_slow_rows(session, batch)]
    for part in chunks(list(shop_ids)):
        session.execute(delete(Scorecard).where(
            among(session, Scorecard.shop_id, part), Scorecard.metric_code.in_(SLOW_CODES)))
    bulk_insert(session, Scorecard, COLUMNS, rows)
    _note(session, places, "slow_ms")


@dataclass(frozen=True)
class Place:
    """A shop, the zone of its days, the moment its numbers are for, when its card was last written whole [epoch ms]."""

    shop_id: int
    zone: str
    at_ms: int
    cards_ms: int | None


def _read_places(session: Session, shop_ids: Sequence[int], now_ms: int) -> list[Place]:
    query = select(Shop.id, Marketplace.timezone, Shop.cells_ms, Shop.cards_ms).join(
        Marketplace, Marketplace.id == Shop.marketplace_id)
    return [Place(shop, zone, max(now_ms, cells_ms), cards_ms) for part in chunks(list(shop_ids))
            for shop, zone, cells_ms, cards_ms in session.execute(query.where(among(session, Shop.id, part)))]


def _holds(place: Place, changed_ms: int) -> bool:
    """Whether what is not touched of a card still holds: its windows end on the same day, under the same standard."""
    if place.cards_ms is None or place.cards_ms <= changed_ms:
        return False
    return local_ordinal(place.cards_ms - 1, place.zone) == local_ordinal(place.at_ms - 1, place.zone)


def _write_whole(session: Session, places: Sequence[Place]) -> None:
    rows = [row for batch in _list_batches(session, places) for row in _list_lines(session, batch).list_rows()]
    for part in chunks([place.shop_id for place in places]):
        session.execute(delete(Scorecard).where(
            among(session, Scorecard.shop_id, part), Scorecard.metric_code.not_in(SLOW_CODES)))
    bulk_insert(session, Scorecard, COLUMNS, rows)
    _note(session, places, "cards_ms")


def _note(session: Session, places: Sequence[Place], column: str) -> None:
    """As of when the cards of shops hold."""
    for at_ms in {place.at_ms for place in places}:
        for part in chunks([place.shop_id for place in places if place.at_ms == at_ms]):
            session.execute(update(Shop).where(among(session, Shop.id, part)).values({column: at_ms}))


def _write_changed(session: Session, places: Sequence[Place], changed: Changed) -> None:
    codes = {place.shop_id: changed.codes[place.shop_id] & FAST_CODES for place in places}
    for batch in _list_batches(session, [place for place in places if codes[place.shop_id]], codes):
        kept = list_kept(session, batch)
        _write_moved(session, batch, kept, changed)
        _write_asked(session, batch.only(set(batch.list_pairs()).difference(kept.list_pairs())))


def _write_moved(session: Session, batch: Batch, kept: Kept, changed: Changed) -> None:
    """What a card says and what changed since; who was let down and how long it took is asked where it may be other."""
    moved = move_sums(batch, kept, changed.cells)
    others = [row for row, pair in enumerate(kept.list_pairs()) if pair in changed.units or pair[1] in TIME_CODES]
    windows = moved.take(np.array(others, dtype=np.int64)).by_pair()
    asked, buyers = batch.only(windows), kept.buyers.copy()
    counts = count_buyers(session, asked, windows)
    buyers[others] = [counts.get(pair, 0) for pair in windows]
    lines = tell(batch, moved, buyers=buyers, medians=list_medians(session, asked, windows))
    stays = is_shown(batch, moved)
    delete_pairs(session, [tuple(pair) for pair in moved.pairs[~stays].tolist()])
    rewrite_lines(session, lines.take(np.flatnonzero(stays)))


def _write_asked(session: Session, batch: Batch) -> None:
    delete_pairs(session, batch.list_pairs())
    bulk_insert(session, Scorecard, COLUMNS, _list_lines(session, batch).list_rows())


def _list_batches(
    session: Session, places: Iterable[Place], codes: Mapping[int, Set[int]] | None = None,
) -> list[Batch]:
    """The shops of each standard and moment."""
    zones, moments = {place.shop_id: place.zone for place in places}, dict[int, list[int]]()
    for place in places:
        moments.setdefault(place.at_ms, []).append(place.shop_id)
    groups: dict[Pair, tuple[Standard, dict[int, str]]] = {}
    for at_ms, shops in moments.items():
        for shop, standard in list_bound(session, shops, now=from_ms(at_ms)).items():
            groups.setdefault((id(standard), at_ms), (standard, {}))[1][shop] = zones[shop]
    return [Batch(standard, at_ms, shops, codes) for (_, at_ms), (standard, shops) in groups.items()]


def _list_lines(session: Session, batch: Batch) -> Lines:
    """The rows of a batch with everything asked of the cells and the outcomes."""
    windows = sum_windows(session, batch)
    added, counts = lay_out(batch, windows), count_buyers(session, batch, windows)
    buyers = np.array([counts.get((shop, code), 0) for shop, code in added.pairs.tolist()], dtype=np.int64)
    return tell(batch, added, buyers=buyers, medians=list_medians(session, batch, windows))


def _list_slow_rows(session: Session, batch: Batch) -> list[Line]:
    windows = sum_windows(session, batch, slow=True)
    rows: list[Line] = []
    for shown in (s for s in batch.shown if s.metric.is_slow):
        found = measure_slowly(session, shown.metric, batch.zones, days=shown.days, now_ms=batch.now_ms)
        rows += _slow_rows(batch, shown, found, windows)
    return rows


def _slow_rows(
    batch: Batch, shown: Shown, found: Mapping[int, Slow], windows: Mapping[Pair, Sums]
) -> list[Line]:
    """Rows of a metric that is not kept up with each event: what it shows has no verdict."""
    code, is_summed = shown.metric.code, shown.metric.kind in {"time", "percentile"}
    starts = {zone: window_start_ms(batch.now_ms, zone, days=shown.days) for zone in batch.by_zone()}
    weeks = {shop: windows.get((shop, code), NOTHING).weeks if is_summed else "" for shop in found}
    return [
        (shop, code, batch.now_ms, starts[batch.zones[shop]], slow.bad, slow.base, slow.value, slow.lower, slow.upper,
         slow.raw_bad, slow.raw_base, slow.raw_value, 0, None, "", weeks[shop])
        for shop, slow in sorted(found.items())
    ]
