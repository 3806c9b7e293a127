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
from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from operator_qos.clock import from_ms, to_ms
from operator_qos.db import among, bulk_insert, chunks
from operator_qos.ledger.card_numbers import rate
from operator_qos.ledger.card_sums import (
    FAST_CODES,
    NOTHING,
    Batch,
    Pair,
    Shown,
    Sums,
    count_buyers,
    list_medians,
    sum_windows,
)
from operator_qos.ledger.cells import Changed
from operator_qos.ledger.kept_cards import COLUMNS, Kept, Line, list_kept, move_sums, rewrite_kept
from operator_qos.ledger.models import Scorecard
from operator_qos.ledger.slow_metrics import Slow, measure_slowly
from operator_qos.sellers.models import Marketplace, Shop
from operator_qos.standards.binding import find_last_change_at, list_bound
from scoring.intervals import clopper_pearson
from scoring.metrics import SLOW_CODES, Metric
from scoring.standards import Evidence, MetricRule, Standard
from scoring.verdicts import judge_evidence, to_verdicts
from scoring.windows import local_ordinal, window_start_ms

__all__ = ["COLUMNS", "refresh_scorecards", "refresh_slowly", "update_scorecards"]


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
    rows = [row for batch in _list_batches(session, places) for row in _list_rows(batch, _ask_numbers(session, batch))]
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
    pairs = [(shop, code) for shop, own in codes.items() for code in own]
    kept = list_kept(session, pairs)
    rows: dict[Pair, Line] = {}
    for batch in _list_batches(session, [place for place in places if codes[place.shop_id]], codes):
        numbers = _move_numbers(session, batch, kept, changed)
        rows |= {row[:2]: row for row in _list_rows(batch, numbers)}
    _delete_pairs(session, [pair for pair in pairs if pair not in kept or pair not in rows])
    bulk_insert(session, Scorecard, COLUMNS, [row for pair, row in rows.items() if pair not in kept])
    rewrite_kept(session, [row for pair, row in rows.items() if pair in kept])


def _delete_pairs(session: Session, pairs: Sequence[tuple[int, int]]) -> None:
    connection = session.connection()
    if pairs and connection.dialect.name == "postgresql":
        connection.execute(_DELETE, {"shops": [shop for shop, _ in pairs], "codes": [code for _, code in pairs]})
    elif pairs:
        connection.exec_driver_sql("DELETE FROM scorecards WHERE shop_id = ? AND metric_code = ?", list(pairs))


_DELETE = text("DELETE FROM scorecards USING unnest(CAST(:shops AS integer[]), CAST(:codes AS smallint[])) "
               "AS gone (shop, code) WHERE shop_id = gone.shop AND metric_code = gone.code")


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


@dataclass(frozen=True)
class _Numbers:
    """What a batch comes to: by shop and metric code."""

    windows: Mapping[Pair, Sums]
    medians: Mapping[Pair, float]
    buyers: Mapping[Pair, int]


def _ask_numbers(session: Session, batch: Batch) -> _Numbers:
    """All of them, from the cells and the outcomes."""
    windows = sum_windows(session, batch)
    return _Numbers(windows, list_medians(session, batch, windows), count_buyers(session, batch, windows))


def _move_numbers(session: Session, batch: Batch, kept: Mapping[Pair, Kept], changed: Changed) -> _Numbers:
    """The same from what cards say and what changed since; what they do not say, and who was let down now, is asked."""
    pairs = batch.list_pairs()
    windows = move_sums(batch, kept, changed.cells)
    windows |= sum_windows(session, batch.only(pair for pair in pairs if pair not in kept))
    others = batch.only(pair for pair in pairs if pair not in kept or pair in changed.units)
    buyers = {pair: kept[pair].buyers for pair in pairs if pair in kept and pair not in changed.units}
    return _Numbers(windows, list_medians(session, batch, windows), buyers | count_buyers(session, others, windows))


def _list_rows(batch: Batch, numbers: _Numbers) -> list[Line]:
    return [row for shown in batch.shown if not shown.metric.is_slow for row in _rows_of(batch, shown, numbers)]


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


def _rows_of(batch: Batch, shown: Shown, numbers: _Numbers) -> list[Line]:
    metric, code = shown.metric, shown.metric.code
    found = {shop: numbers.windows.get((shop, code), NOTHING) for shop in batch.list_shops(code)}
    ids = [shop for shop, sums in found.items() if shown.rule is not None or sums.raw_base]
    bad = np.array([found[shop].bad for shop in ids], dtype=np.int64)
    base = np.array([found[shop].base for shop in ids], dtype=np.int64)
    counts = [numbers.buyers.get((shop, code), 0) for shop in ids]
    verdicts = _judge(shown.rule, batch.standard.evidence, (bad, base, counts))
    lower, upper = _bounds(metric, bad, base)
    starts = {zone: window_start_ms(batch.now_ms, zone, days=shown.days) for zone in {batch.zones[s] for s in ids}}
    rows: list[Line] = []
    for place, shop in enumerate(ids):
        row = found[shop]
        value = numbers.medians.get((shop, code)) if metric.kind == "time" else rate(metric, row.bad, row.base)
        rows.append((
            shop, code, batch.now_ms, starts[batch.zones[shop]], row.bad, row.base, value, lower[place], upper[place],
            row.raw_bad, row.raw_base, rate(metric, row.raw_bad, row.raw_base), counts[place], verdicts[place],
            "", row.weeks))
    return rows


def _judge(
    rule: MetricRule | None, evidence: Evidence, counted: tuple[Any, Any, Sequence[int]]
) -> Sequence[str | None]:
    """The verdict words of one rule over many shops' bad, base and buyers; None where no rule judges."""
    bad, base, buyers = counted
    if rule is None or not len(buyers):
        return [None] * len(buyers)
    codes = judge_evidence(bad, base, buyers, limits=rule.limit, higher_is_better=rule.higher_is_better,
                           evidence=evidence)
    return [verdict.value for verdict in to_verdicts(codes)]


def _bounds(metric: Metric, bad: Any, base: Any) -> tuple[list[float | None], list[float | None]]:
    """The likely range of shares (Clopper-Pearson 95 %), None where there is none."""
    if metric.kind != "share" or not len(bad):
        return [None] * len(bad), [None] * len(bad)
    low, high = clopper_pearson(bad, base)
    if metric.higher_is_better:
        low, high = 1 - high, 1 - low
    known = np.asarray(base) > 0
    return ([float(v) if k else None for v, k in zip(low, known, strict=True)],
            [float(v) if k else None for v, k in zip(high, known, strict=True)])
