"""Which of the rows that stand are to go, and which derived ones are missing: what is the same is left as it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from operator_qos.ledger.derive import Row

# Of these rows those that begin at once are told in the order in which they were written.
ORDERED = frozenset({"TurnFact", "CaseSpan", "Obligation"})


class Changes(NamedTuple):
    """Rows that stand and must go, led by their number; rows to add, led by shop and dossier like all."""

    gone: Sequence[Row]
    added: Sequence[Row]


def find_changes(standing: Sequence[Row], derived: Sequence[Row], *, is_ordered: bool) -> Changes:
    """What makes the standing rows of dossiers, each led by its number, equal to the derived ones.

    Where the order matters all rows of a dossier go and come together, unless all are the same in the same order.
    """
    if not standing:
        return Changes((), derived)
    return _compare_dossiers(standing, derived) if is_ordered else _compare_rows(standing, derived)


def _compare_rows(standing: Sequence[Row], derived: Sequence[Row]) -> Changes:
    alone = {row[1:]: row for row in standing}
    if len(alone) == len(standing):  # nearly always: no row stands twice
        added = [row for row in derived if alone.pop(row, None) is None]
        return Changes(list(alone.values()), added)
    return _compare_repeated(standing, derived)


def _compare_repeated(standing: Sequence[Row], derived: Sequence[Row]) -> Changes:
    left: dict[Row, list[Row]] = {}
    for row in standing:
        left.setdefault(row[1:], []).append(row)
    added: list[Row] = []
    for row in derived:
        same = left.get(row)
        if same:
            same.pop()
        else:
            added.append(row)
    return Changes([row for rows in left.values() for row in rows], added)


def _compare_dossiers(standing: Sequence[Row], derived: Sequence[Row]) -> Changes:
    before, after = _by_dossier(row[1:] for row in sorted(standing)), _by_dossier(derived)
    changed = {dossier for dossier in before.keys() | after.keys() if before.get(dossier) != after.get(dossier)}
    return Changes([row for row in standing if row[2] in changed], [row for row in derived if row[1] in changed])


def _by_dossier(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[1]].append(row)
    return found
