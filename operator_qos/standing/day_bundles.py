"""Rows of the day that are one errand: the orders of a shop to be shipped by the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from operator_qos import words
from operator_qos.i18n import ngettext
from operator_qos.standing.day_lines import DayLine

TOGETHER = {"ship"}


@dataclass(frozen=True)
class Bundle:
    """Lines told as one row, at least one."""

    lines: tuple[DayLine, ...]

    @property
    def first(self) -> DayLine:
        """The line whose due time, place, state and cost hold for all."""
        return self.lines[0]

    @property
    def title(self) -> str:
        """ "Ship 6 orders"; the line's own title where it is alone."""
        number = len(self.lines)
        if number == 1:
            return self.first.title
        return str(ngettext("Ship %(n)s order", "Ship %(n)s orders", number, n=words.count(number)))


def bundle_lines(lines: Sequence[DayLine]) -> tuple[Bundle, ...]:
    """The lines as rows, in their order; what belongs together stands where its first line stood."""
    found: dict[object, list[DayLine]] = {}
    for place, line in enumerate(lines):
        errand = (line.owed.kind, line.card.id, line.owed.due_ms, line.state, line.cost)
        key = errand if line.owed.kind in TOGETHER else place
        found.setdefault(key, []).append(line)
    return tuple(Bundle(tuple(together)) for together in found.values())
