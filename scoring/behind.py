"""The units behind one number of an evaluation: which the window held, which counted, were bad or were excluded."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from scoring.answers import Flags, Ints
from scoring.evaluate import Evaluation, Result
from scoring.measures import EPOCH, RowFacts, Table, Units, anchor_column, falls_out, wall_clock, whole_numbers
from scoring.standards.windowing import Window
from scoring.tallies import keep_ranked
from scoring.windows import DAY_MS, Dates


@dataclass(frozen=True)
class Behind:
    """Units of one shop under one rule, oldest anchor first; arrays of one length.

    ``row`` is the label of each unit's line in the table's rows (of several joined lines that of one of them). In the
    base and bad as officially counted, and as raw.
    """

    row: Ints
    anchor_ms: Ints
    base: Flags
    bad: Flags
    raw_base: Flags
    raw_bad: Flags


def list_behind(evaluation: Evaluation, rule_id: str, place: int) -> Behind:
    """The units in the judged window of a figure for the shop at ``place``; none of one made of other figures.

    Of several windows the first. Raises KeyError for an unknown figure.
    """
    result, table = evaluation.results[rule_id], evaluation.table
    if not result.tallies:
        none = np.zeros(0, np.int64)
        return Behind(none, none, *(none.astype(np.bool_) for _ in range(4)))
    units, labels = table.units(result.figure)
    mine = [number for number, (shop, _) in enumerate(labels) if shop == place]
    seen = units.take(np.isin(units.group, mine))
    if mine:
        tally = result.tallies[0]
        first, end = int(tally.first[mine[0]]), int(tally.end[mine[0]])
        seen = _find_seen(table, result, seen, (_to_date(first), _to_date(end)))
    return Behind(seen.row, seen.anchor_ms, seen.official.base, seen.official.bad, seen.raw.base, seen.raw.bad)


def list_bad_refs(evaluation: Evaluation, rule_id: str) -> dict[int, tuple[str, ...]]:
    """The references of the officially bad units of a figure by shop position, oldest anchor first.

    Unnamed ones are left out, and positions without any. Raises KeyError for an unknown figure.
    """
    result, table = evaluation.results[rule_id], evaluation.table
    if not result.tallies or "unit_ref" not in table.rows:
        return {}
    units, labels = table.units(result.figure)
    shop = np.array([place for place, _ in labels], np.int64)
    tally, found = result.tallies[0], defaultdict[int, dict[str, None]](dict)
    for first, end in sorted(set(zip(tally.first.tolist(), tally.end.tolist(), strict=True))):
        # Shops may have windows of their own, by volume: those with the same one are looked at together.
        here = (tally.first == first) & (tally.end == end)
        seen = _find_seen(table, result, units.take(here[units.group]), (_to_date(first), _to_date(end)))
        bad = np.flatnonzero(seen.official.bad)
        refs = table.rows["unit_ref"].reindex(seen.row[bad]).tolist()
        for place, ref in zip(shop[seen.group[bad]].tolist(), refs, strict=True):
            if ref:
                found[place][str(ref)] = None
    return {place: tuple(refs) for place, refs in found.items()}


def _find_seen(table: Table, result: Result, units: Units, dates: Dates) -> Units:
    """The units of a window that count: of an n-latest window only those."""
    window = result.figure.window if isinstance(result.figure.window, Window) else Window(days=1)
    return keep_ranked(table.in_window(result.figure, units, window, dates), window, "official")


def list_exclusions(evaluation: Evaluation, rule_id: str, rows: Ints) -> dict[int, tuple[str, ...]]:
    """Which of the standard's own exclusions take a unit out of a rule's numbers, by the label of its line.

    ``rows`` are labels as ``Behind`` gives them; lines that no exclusion fits are missing.
    """
    table, figure = evaluation.table, evaluation.results[rule_id].figure
    frame = table.rows.loc[rows]
    anchor = whole_numbers(frame[anchor_column(figure)]).num
    facts = RowFacts(frame, table.standard, wall_clock(anchor, table.standard.timezone or table.zone) // DAY_MS)
    found: dict[int, tuple[str, ...]] = {}
    for exclusion in table.standard.exclusions:
        if exclusion.confirmed and not exclusion.on_request and figure.id in (exclusion.rules or (figure.id,)):
            for place in np.flatnonzero(falls_out(exclusion, facts)).tolist():
                found[int(rows[place])] = (*found.get(int(rows[place]), ()), exclusion.id)
    return found


def _to_date(day: int) -> date:
    return date.min if day <= -(2**61) else EPOCH + timedelta(days=day)
