"""Outcome rows as other promises and defects would have made them: told anew from the events, nothing written.

Outcomes are kept by the terms that bind a shop. A standard with other hours, another clock or other defects is tried on
rows made by its own terms throughout, as if it had always bound.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from sqlalchemy import select
from sqlalchemy.orm import Session

from operator_qos.db import chunks
from operator_qos.events.log import list_dossier_events
from operator_qos.ledger.models import OutcomeRow
from operator_qos.ledger.service import build_frames
from operator_qos.standards.binding import get_shipped_standard
from scoring.dossier import Frame
from scoring.metrics import GROUP_CODES
from scoring.spans import OutcomeSpan, trace
from scoring.standards import Standard
from scoring.terms import ALWAYS_MS, Terms, find_terms, read_terms

PLACED, TURN, CASE = (GROUP_CODES[name] for name in ("placed", "turn", "case"))
_KEY = ["dossier_id", "group_code", "unit"]
_TOLD = ("anchor_ms", "from_ms", "until_ms", "base", "bad", "official_base", "official_bad", "amount", "order_ref",
         "buyer")
DOSSIERS_AT_ONCE = 2_000


@dataclass(frozen=True)
class Recount:
    """What of some shops is counted otherwise under a standard: per shop the groups, and what to count them in."""

    frames: Mapping[int, Frame]
    groups: Mapping[int, frozenset[int]]

    @property
    def is_needed(self) -> bool:
        """Whether anything is."""
        return any(self.groups.values())


def plan_recount(session: Session, standard: Standard, shop_ids: Sequence[int], *, since_ms: int) -> Recount:
    """Which outcomes of shops a standard's promises and defects would make otherwise, of what began since a moment."""
    terms = read_terms(standard, from_ms=ALWAYS_MS, otherwise=get_shipped_standard())
    frames = build_frames(session, shop_ids)
    groups = {shop_id: frozenset(_list_groups(_list_since(frame.terms, since_ms), terms))
              for shop_id, frame in frames.items()}
    return Recount({shop_id: replace(frame, terms=(terms,)) for shop_id, frame in frames.items()}, groups)


def _list_since(terms: Sequence[Terms], since_ms: int) -> Sequence[Terms]:
    """The terms in force at a moment, and the later ones."""
    return terms[terms.index(find_terms(terms, since_ms)):]


def _list_groups(kept: Sequence[Terms], terms: Terms) -> Iterator[int]:
    if any(_say_answer(one) != _say_answer(terms) for one in kept):
        yield TURN
    if any(_say_resolution(one) != _say_resolution(terms) for one in kept):
        yield CASE
    if any(one.defect_kinds != terms.defect_kinds for one in kept):
        yield PLACED


def _say_answer(terms: Terms) -> tuple[object, ...]:
    return terms.answer_ms, terms.answer_clock, terms.holidays if terms.answer_clock else ()


def _say_resolution(terms: Terms) -> tuple[object, ...]:
    return terms.resolve_ms, terms.resolve_clock, terms.holidays if terms.resolve_clock else ()


def recount_rows(session: Session, rows: pd.DataFrame, plan: Recount, *, until_ms: int) -> pd.DataFrame:
    """Wide outcome rows loaded up to a moment (`load_wide_outcomes`), what a plan counts otherwise told anew."""
    wanted = [group in plan.groups.get(shop, ()) for shop, group in zip(
        rows["shop_id"].tolist(), rows["group_code"].tolist(), strict=True)]
    mine = rows[wanted]
    defective = _list_defective(session, [shop for shop, groups in plan.groups.items() if PLACED in groups])
    mine = mine[(mine["group_code"] != PLACED) | mine["dossier_id"].isin(defective)]
    if not len(mine):
        return rows
    shops = dict(zip(mine["dossier_id"].tolist(), mine["shop_id"].tolist(), strict=True))
    told = pd.DataFrame(_tell(session, shops, plan), columns=[*_KEY, *_TOLD])
    told = told[told["from_ms"] < until_ms]
    # What an order says of itself stays as it was read.
    same = mine.drop(columns=list(_TOLD)).drop_duplicates(_KEY)
    anew = same.merge(told, on=_KEY, how="inner")[list(rows.columns)].astype(rows.dtypes.to_dict())
    return pd.concat([rows.drop(index=mine.index), anew], ignore_index=True)


def _list_defective(session: Session, shop_ids: Sequence[int]) -> set[int]:
    """The dossiers in which any order ever had a defect of any kind: of others nothing changes with what is counted."""
    asked = select(OutcomeRow.dossier_id).where(OutcomeRow.group_code == PLACED, OutcomeRow.kinds.is_not(None))
    return {int(found) for part in chunks(list(shop_ids), 500)
            for found in session.scalars(asked.where(OutcomeRow.shop_id.in_(part)).distinct())}


def _tell(session: Session, shops: Mapping[int, int], plan: Recount) -> Iterator[tuple[object, ...]]:
    """The outcomes of dossiers (id -> shop) in the groups that are counted otherwise."""
    for part in chunks(sorted(shops), DOSSIERS_AT_ONCE):
        for dossier, (shop_id, events) in list_dossier_events(session, part).items():
            spans = trace(events, plan.frames[shop_id]).spans
            yield from (_to_row(dossier, span) for span in _of_groups(spans, plan.groups[shop_id]))


def _of_groups(spans: Sequence[OutcomeSpan], groups: Collection[int]) -> Iterator[OutcomeSpan]:
    return (span for span in spans if span.outcome.group in groups)


def _to_row(dossier: int, span: OutcomeSpan) -> tuple[object, ...]:
    one = span.outcome
    return (dossier, one.group, one.unit, one.anchor_ms, span.from_ms, span.until_ms, one.base, one.bad,
            one.official_base, one.official_bad, one.amount, one.order, one.buyer)
