"""Outcome rows as of now, and as they will be on a date ahead: every open promise kept, or every one missed. Pure.

Outcomes are kept with the time from which they hold, those of deadlines still to come included. What is missed is
therefore read, and what is kept is the same without the failures that silence alone would add.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from scoring.outcome_rows import SOURCES
from scoring.spans import AHEAD_OR_BEFORE, FOREVER_MS
from scoring.standards import Figure, Standard
from scoring.standards.conditions import list_leaves
from scoring.standards.parts import Rule

_KEY = ["shop_id", "dossier_id", "group_code", "unit"]
_BY_AMOUNT = frozenset({"mean", "median", "percentile", "total_amount"})
# Of reviews and surveys the amount is a rating: nothing that is promised changes it.
_RATED = frozenset({"review", "survey"})


class Ahead(NamedTuple):
    """The rows of a moment ahead, kept and missed, and how many units of each shop are open until then."""

    kept: pd.DataFrame
    missed: pd.DataFrame
    open_counts: dict[int, int]


def freeze(rows: pd.DataFrame, now_ms: int) -> pd.DataFrame:
    """The rows that hold at a moment [epoch ms], as if nothing fell due after it."""
    return rows[_holds(rows, now_ms)].assign(until_ms=FOREVER_MS)


def look_ahead(rows: pd.DataFrame, now_ms: int, then_ms: int) -> Ahead:
    """The rows of a moment ahead [epoch ms] if nothing but what is promised happens."""
    missed = rows[_holds(rows, then_ms)].assign(until_ms=FOREVER_MS).reset_index(drop=True)
    before = rows.loc[_holds(rows, now_ms), [*_KEY, "bad", "official_bad"]]
    was = missed[_KEY].merge(before, on=_KEY, how="left").fillna({"bad": 0, "official_bad": 0})
    is_open = (missed["from_ms"].to_numpy(np.int64) >= now_ms) & ~missed["group_code"].isin(AHEAD_OR_BEFORE).to_numpy()
    kept = missed.copy()
    for name in ("bad", "official_bad"):
        then = missed[name].to_numpy(np.int64)
        kept[name] = np.where(is_open, then & was[name].to_numpy(np.int64), then)
    shops, counts = np.unique(missed["shop_id"].to_numpy(np.int64)[is_open], return_counts=True)
    return Ahead(kept, missed, dict(zip(shops.tolist(), counts.tolist(), strict=True)))


def _holds(rows: pd.DataFrame, at_ms: int) -> pd.Series[bool]:
    return (rows["from_ms"] < at_ms) & (rows["until_ms"] >= at_ms)


def list_untold(standard: Standard) -> frozenset[str]:
    """The rules and figures that nobody can foretell: they rest on how long an answer takes, or compare with others."""
    untold: set[str] = set()
    for figure in (*standard.figures, *standard.rules):
        if figure.is_active and (_rests_on_amounts(figure) or untold & set(_list_named(figure))):
            untold.add(figure.id)
    return frozenset(untold)


def _rests_on_amounts(figure: Figure) -> bool:
    if figure.against_peers is not None:
        return True
    source = SOURCES.get(figure.metric)
    if source is None or source.group in _RATED:
        return False
    asked = {leaf.key for condition in (figure.count_when, figure.bad_when) for leaf, _ in list_leaves(condition)}
    return figure.measure in _BY_AMOUNT or "amount" in asked


def _list_named(figure: Figure) -> Iterator[str]:
    """The figures it is made of, or that its conditions ask for."""
    yield from figure.parts
    if isinstance(figure, Rule):
        conditions = [figure.judged_when, figure.exempt_when]
        conditions += [part for case in figure.cases for part in (case.where, case.kept_when, case.watch_when)]
        for condition in conditions:
            yield from (leaf.key.partition(".")[0] for leaf, _ in list_leaves(condition))


def are_levels_told(standard: Standard) -> bool:
    """Whether its levels rest on nothing that nobody can foretell."""
    untold = list_untold(standard)
    asked = [condition for tier in standard.tiers for condition in (tier.needs, tier.keeps)]
    asked += [strikes.when for strikes in standard.strikes]
    lines = standard.points.lines if standard.points is not None else ()
    asked += [line.when for line in lines]
    leaves = [pair for condition in asked for pair in list_leaves(condition)]
    named = {leaf.key.partition(".")[0] for leaf, _ in leaves} | {line.figure for line in lines if line.figure}
    if any(inside for _, inside in leaves):
        named |= {rule.id for rule in standard.rules}
    return not named & untold
