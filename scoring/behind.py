"""The units behind one number of an evaluation: which the window held, which counted, were bad or were excluded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from scoring.answers import Flags, Ints
from scoring.evaluate import Evaluation
from scoring.measures import EPOCH, RowFacts, anchor_column, falls_out, wall_clock, whole_numbers
from scoring.standards.windowing import Window
from scoring.tallies import keep_ranked
from scoring.windows import DAY_MS


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
        window = result.figure.window if isinstance(result.figure.window, Window) else Window(days=1)
        seen = table.in_window(result.figure, seen, window, (_to_date(first), _to_date(end)))
        seen = keep_ranked(seen, window, "official")
    return Behind(seen.row, seen.anchor_ms, seen.official.base, seen.official.bad, seen.raw.base, seen.raw.bad)


def list_bad_refs(evaluation: Evaluation, rule_id: str, place: int) -> tuple[str, ...]:
    """The references of the officially bad units of a figure, oldest anchor first; unnamed ones are left out."""
    found = list_behind(evaluation, rule_id, place)
    rows = evaluation.table.rows
    if "unit_ref" not in rows or not found.bad.any():
        return ()
    refs = rows["unit_ref"].reindex(found.row[found.bad]).tolist()
    return tuple(dict.fromkeys(str(ref) for ref in refs if ref))


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
