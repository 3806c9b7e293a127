"""Outcome rows as they count for several T with one later K: what was decided since counts for dates before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from operator_qos.events.log import list_dossier_events
from operator_qos.events.models import Event
from operator_qos.ledger.service import build_frames, list_clock_dossiers
from operator_qos.ledger.values import KNOWN_RANKS
from scoring.dossier import Frame, fold, visible_events
from scoring.events import TypedEvent
from scoring.outcomes import list_outcomes

_KEY = ("dossier_id", "group_code", "unit")


def restate_rows(
    session: Session, rows: pd.DataFrame, *, shop_id: int, ends_ms: Sequence[int], known_ms: int
) -> pd.DataFrame:
    """The rows with those of one shop as known at K, for each T of `ends_ms` [epoch ms, rising]; before it they stay.

    Only dossiers of which something was decided after the first T are folded anew, and only up to their last such
    decision: after it, K makes no difference.
    """
    last_ms = _find_decided(session, shop_id, ends_ms[0], known_ms)
    if not last_ms:
        return rows
    frames = build_frames(session, [shop_id], known_ms=known_ms)
    found: list[dict[str, Any]] = []
    folded_ms: dict[int, int] = {}
    for dossier, (_, events) in list_dossier_events(session, sorted(last_ms)).items():
        moments = [end_ms for end_ms in ends_ms if end_ms <= last_ms[dossier]]
        if moments:
            folded_ms[dossier] = moments[-1]
            found += _list_rows(events, frames[shop_id], moments, known_ms=known_ms, dossier=(dossier, shop_id))
    return _merge(rows, pd.DataFrame(found), folded_ms, ends_ms[0])


def _find_decided(session: Session, shop_id: int, first_ms: int, known_ms: int) -> dict[int, int]:
    """The dossiers of which something was decided in [first T, K), with the last such moment [epoch ms]."""
    query = select(Event.dossier_id, func.max(Event.at_ms)).where(
        Event.shop_id == shop_id, Event.type_rank.in_(KNOWN_RANKS), Event.at_ms >= first_ms, Event.at_ms < known_ms,
    ).group_by(Event.dossier_id)
    last = [(row[0], row[1]) for row in session.execute(query)]
    found = {dossier: at_ms for dossier, at_ms in last if dossier is not None}
    for clock_ms in (at_ms for dossier, at_ms in last if dossier is None):  # what concerns the whole shop
        for dossier in list_clock_dossiers(session, [shop_id]):
            found[dossier] = max(found.get(dossier, 0), clock_ms)
    return found


def _list_rows(
    events: Sequence[TypedEvent], frame: Frame, moments: Sequence[int], *, known_ms: int, dossier: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    """A row per outcome and stretch of T over which it stays the same."""
    open_rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    before_ms = moments[0] - 1
    for end_ms in moments:
        state = fold(visible_events(events, end_ms, known_ms), frame)
        going_on: dict[tuple[Any, ...], dict[str, Any]] = {}
        for outcome in list_outcomes(state, as_of_ms=end_ms, known_at_ms=known_ms):
            row = open_rows.get(outcome) or {
                "shop_id": dossier[1], "dossier_id": dossier[0], "group_code": outcome.group, "unit": outcome.unit,
                "anchor_ms": outcome.anchor_ms, "from_ms": before_ms, "base": outcome.base, "bad": outcome.bad,
                "official_base": outcome.official_base, "official_bad": outcome.official_bad,
                "amount": outcome.amount, "order_ref": outcome.order,
                "buyer": None if outcome.buyer is None else str(outcome.buyer)}
            going_on[outcome] = {**row, "until_ms": end_ms}
        yield from (row for key, row in open_rows.items() if key not in going_on)
        open_rows, before_ms = going_on, end_ms
    yield from open_rows.values()


def _merge(rows: pd.DataFrame, found: pd.DataFrame, folded_ms: Mapping[int, int], first_ms: int) -> pd.DataFrame:
    """The stored rows outside the folded stretch of their dossiers, and the folded ones within."""
    last = rows["dossier_id"].map(folded_ms)
    is_stored = last.isna()
    # A row holds for from < T <= until: cut before the first T judged again and after the last folded one.
    early = rows[~is_stored & (rows["from_ms"] < first_ms - 1)]
    early = early.assign(until_ms=early["until_ms"].clip(upper=first_ms - 1))
    late = rows[~is_stored & (rows["until_ms"] > last)]
    late = late.assign(from_ms=late["from_ms"].clip(lower=last[late.index]).astype("int64"))
    parts = [rows[is_stored], early, late]
    if len(found):
        parts.append(_complete(found, rows))
    return pd.concat([part for part in parts if len(part)] or [rows[:0]], ignore_index=True).astype(
        rows.dtypes.to_dict())


def _complete(found: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Folded rows with what the stored ones say of the unit, else of its order."""
    extra = [name for name in rows.columns if name not in found.columns]
    taken = found[[name for name in rows.columns if name in found.columns]].copy()
    by_unit = _index(rows, _KEY, extra)
    by_order = _index(rows[rows["order_ref"].notna()], ("dossier_id", "order_ref"), extra)
    nothing: dict[str, Any] = dict.fromkeys(extra)
    said = [
        by_unit.get((dossier, group, unit)) or by_order.get((dossier, order)) or nothing
        for dossier, group, unit, order in zip(*(found[name].tolist() for name in (*_KEY, "order_ref")), strict=True)
    ]
    for name in extra:
        taken[name] = pd.Series([one[name] for one in said], index=taken.index, dtype="object")
    return taken[list(rows.columns)]


def _index(rows: pd.DataFrame, key: Sequence[str], extra: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    keys = zip(*(rows[name].tolist() for name in key), strict=True)
    said = rows[list(extra)].astype("object").to_dict("records") if extra else [{} for _ in range(len(rows))]
    return {one: {str(name): value for name, value in line.items()} for one, line in zip(keys, said, strict=True)}
